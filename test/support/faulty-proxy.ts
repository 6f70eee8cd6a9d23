// A proxy that stands between a client and a real server and does what networks do: refuses before the server has
// seen the request, or loses the answer after the server has taken it.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * - `pass`: nothing happens
 * - `refuse`: 503, and the server never sees the request
 * - `refuse-after`: the server takes it, and 503 is answered
 * - `cut`: the server takes it, and the connection ends without an answer
 * - `cut-midway`: the server takes it, and the connection ends inside the answer
 */
export type Fault = "pass" | "refuse" | "refuse-after" | "cut" | "cut-midway";

export interface FaultyProxy {
  baseUrl: string;
  /** What is to happen to the next requests, in turn; `pass` when there is none left. */
  faults: Fault[];
  /** The status that the server itself gave to each request, in turn; `null` where it saw none. */
  seen: (number | null)[];
  close: () => Promise<void>;
}

export interface ProxyOptions {
  /** Put over the headers of each request, as a backend of one's own adds its key. */
  headers?: Record<string, string>;
  /** Added to each answer; with them preflights are answered too. */
  answerHeaders?: Record<string, string>;
}

/** Starts a proxy before a server. */
export async function startFaultyProxy(serverUrl: string, options: ProxyOptions = {}): Promise<FaultyProxy> {
  const faults: Fault[] = [];
  const seen: (number | null)[] = [];
  const { headers = {}, answerHeaders = {} } = options;

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const [name, value] of Object.entries(answerHeaders)) response.setHeader(name, value);
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const fault = faults.shift() ?? "pass";
    if (fault === "refuse") {
      seen.push(null);
      return unavailable(response);
    }
    const answer = await fetch(`${serverUrl}${request.url}`, {
      method: request.method ?? "GET",
      headers: { ...forwarded(request), ...headers },
      ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
    });
    const body = Buffer.from(await answer.arrayBuffer());
    seen.push(answer.status);
    if (fault === "refuse-after") return unavailable(response);
    if (fault === "cut") return void response.destroy();
    for (const name of ["content-type", "x-request-id", "idempotent-replayed", "x-should-retry", "retry-after"]) {
      const value = answer.headers.get(name);
      if (value !== null) response.setHeader(name, value);
    }
    response.writeHead(answer.status, { "content-length": body.byteLength });
    if (fault === "pass") return void response.end(body);
    response.write(body.subarray(0, body.byteLength / 2), () => response.destroy());
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    faults,
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function unavailable(response: ServerResponse): void {
  const body = JSON.stringify({ error: "unavailable", message: "Injected. Send the same request again later." });
  response.writeHead(503, { "content-type": "application/json", "retry-after": "0" }).end(body);
}

function forwarded({ headers }: IncomingMessage): Record<string, string> {
  const names = ["content-type", "idempotency-key", "x-api-key", "accept"];
  return Object.fromEntries(
    names.flatMap((name) => (typeof headers[name] === "string" ? [[name, headers[name]]] : [])),
  );
}
