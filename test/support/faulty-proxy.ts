// Stands between a client and the real server, and fails requests by plan, as networks do: answers in the server's
// place, or lets the server take a request and loses its answer. A plan is used up in order of arrival; past its end
// everything is forwarded.
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { SOON_MS } from "./patience.ts";

/**
 * What becomes of one request; a status of the proxy's own is answered without asking the server.
 * - `503-after-request`, `cut-after-request`: the server takes it, and 503 or nothing is answered
 * - `cut-midway`: the server takes it, and the connection ends inside the answer
 */
export type Fault =
  | "ok"
  | "503"
  | "503-after-request"
  | "cut-after-request"
  | "cut-midway"
  | { status: number; headers?: Record<string, string> };

export interface FaultyProxyOptions {
  /** The server's base URL; only its origin is used. */
  target: string;
  plan?: readonly Fault[];
  /** Put over the headers of each request, as a backend of one's own adds its key. */
  headers?: Record<string, string>;
  /** Put over the headers of each answer; with them preflights are answered too, and not counted. */
  answerHeaders?: Record<string, string>;
}

export interface ProxiedRequest {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  /** The request's body, as sent. */
  body: Buffer;
  /** What the server or the proxy answered, whether or not it reached the client. */
  status: number;
  /** What the server answered; `null` = it never saw the request. */
  taken: number | null;
}

export interface FaultyProxy {
  baseUrl: string;
  /** What is to happen to the next requests. */
  plan: Fault[];
  /** All requests that were answered or cut, in that order. */
  requests: ProxiedRequest[];
  close: () => Promise<void>;
}

/** Of a connection, which never reach the other side. @see https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const HOP_HEADERS: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade"]);

/** Starts a proxy on a free port. */
export async function startFaultyProxy({
  target,
  plan = [],
  headers = {},
  answerHeaders,
}: FaultyProxyOptions): Promise<FaultyProxy> {
  const agent = new Agent({ keepAlive: false });
  const requests: ProxiedRequest[] = [];
  const faults = [...plan];

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(answerHeaders ?? {})) outgoing.setHeader(name, value);
    if (answerHeaders !== undefined && incoming.method === "OPTIONS") return void outgoing.writeHead(204).end();
    const fault = faults.shift() ?? "ok";
    const body = await buffer(incoming);
    const seen = (status: number, taken: number | null): void => {
      const { method = "GET", url = "/", headers: sent } = incoming;
      requests.push({ method, path: url, headers: sent, body, status, taken });
    };
    if (fault === "503" || typeof fault === "object") {
      const own = fault === "503" ? { status: 503 } : fault;
      seen(own.status, null);
      return void outgoing.writeHead(own.status, own.headers ?? {}).end();
    }
    const taken = await forward(target, incoming, headers, body, agent);
    seen(fault === "503-after-request" ? 503 : taken.status, taken.status);
    if (fault === "503-after-request") return void outgoing.writeHead(503).end();
    if (fault === "cut-after-request") return void outgoing.destroy();
    outgoing.writeHead(taken.status, taken.headers);
    if (fault === "ok") return void outgoing.end(taken.body);
    outgoing.write(taken.body.subarray(0, taken.body.byteLength / 2), () => outgoing.destroy());
  }

  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
  });
  // No connection fails but by plan: one that is closed as it idles may be in use again by then.
  server.keepAliveTimeout = SOON_MS;
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    plan: faults,
    requests,
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

interface Taken {
  status: number;
  headers: string[];
  body: Buffer;
}

/** Sends a request on as it came, and waits for the whole answer. */
async function forward(
  target: string,
  incoming: IncomingMessage,
  over: Record<string, string>,
  body: Buffer,
  agent: Agent,
): Promise<Taken> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const url = new URL(incoming.url ?? "/", target);
  const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !HOP_HEADERS.has(name)));
  const { method = "GET" } = incoming;
  const sent = request(url.href, {
    agent,
    method,
    headers: { ...headers, ...over, host: url.host, ...(body.length > 0 ? { "content-length": body.length } : {}) },
  });
  sent.once("response", resolve).once("error", reject).end(body);
  const answered = await promise;
  return {
    status: answered.statusCode ?? 502,
    headers: withoutHopHeaders(answered.rawHeaders),
    body: await buffer(answered),
  };
}

/** Of names and values by turns, as they came: some headers come more than once. */
function withoutHopHeaders(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? "";
    if (!HOP_HEADERS.has(name.toLowerCase())) kept.push(name, raw[at + 1] ?? "");
  }
  return kept;
}
