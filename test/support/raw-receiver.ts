// A receiver below HTTP, on this machine only: it says its own bytes, or nothing, and counts who came. And the port at
// which there is none.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface RawReceiver {
  port: number;
  connections: () => number;
  close: () => Promise<void>;
}

export async function startRawReceiver(onConnection: (socket: Socket) => void): Promise<RawReceiver> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on("error", () => undefined));
    onConnection(socket);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    connections: () => sockets.length,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/**
 * Takes a port at which nobody listens. A connection holds it, so that nobody else is given it meanwhile, as happens with
 * the port of a receiver that was closed.
 */
export async function holdPort(): Promise<{ port: number; close: () => Promise<void> }> {
  const receiver = await startRawReceiver(() => undefined);
  const holder = connect(receiver.port, "127.0.0.1");
  await once(holder, "connect");
  return {
    port: holder.localPort ?? 0,
    close: async () => {
      holder.destroy();
      await receiver.close();
    },
  };
}
