// A load client that costs little beside the server it measures: raw sockets, one request at a time on each,
// requests written beforehand, answers read as text and looked at by one pattern.
import { connect, type Socket } from "node:net";

const SHOWN_CHARACTERS = 500;

export interface LoadResult {
  requests: number;
  seconds: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export interface LoadOptions {
  port: number;
  connections: number;
  requests: number;
  /** The bytes of the n-th request. */
  request: (n: number) => Buffer;
  /** Ends the load before all requests were sent. */
  stop?: AbortSignal;
  /** What every answer, from its status line on, has to look like. */
  answer: RegExp;
}

/**
 * Sends `requests` requests over `connections` connections; each sends its next when the last was answered.
 *
 * @throws Error at the first answer that is another one than was asked for
 */
export async function applyLoad(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = [];
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: options.connections }, async () => {
      const socket = await open(options.port);
      while (next < options.requests && options.stop?.aborted !== true) {
        const bytes = options.request(next++);
        const sent = performance.now();
        const answer = await exchange(socket, bytes);
        latencies.push(performance.now() - sent);
        if (!options.answer.test(answer)) throw new Error(`unexpected answer: ${answer.slice(0, SHOWN_CHARACTERS)}`);
      }
      socket.destroy();
    }),
  );
  const seconds = (performance.now() - began) / 1_000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    requests: latencies.length,
    seconds,
    perSecond: latencies.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

/** The bytes of a POST with a JSON body. */
export function postBytes(path: string, headers: Record<string, string>, body: string): Buffer {
  const lines = Object.entries({
    host: "127.0.0.1",
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

function open(port: number): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true }, () => done(socket));
    socket.once("error", fail);
  });
}

/** Sends one request and waits for its whole answer. */
function exchange(socket: Socket, bytes: Buffer): Promise<string> {
  return new Promise((done, fail) => {
    let received = "";
    const onData = (chunk: Buffer): void => {
      received += chunk.toString("latin1");
      const headEnd = received.indexOf("\r\n\r\n");
      if (headEnd === -1) return;
      const head = received.slice(0, headEnd).toLowerCase();
      const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
      const complete =
        length === undefined ? received.endsWith("0\r\n\r\n") : received.length >= headEnd + 4 + Number(length);
      if (!complete) return;
      socket.off("data", onData);
      socket.off("error", fail);
      done(received);
    };
    socket.on("data", onData);
    socket.once("error", fail);
    socket.write(bytes);
  });
}
