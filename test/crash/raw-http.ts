// HTTP as bytes on a socket: for what no client library would send, and for answers that come before the request
// is whole.
import { connect } from "node:net";
import { SOON_MS } from "../support/patience.ts";

export interface RawAnswer {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  text: string;
}

/** What happens to the connection when all bytes are out. */
export type AfterSending = "wait for the answer" | "close" | "reset";

/** The head of an event's request, up to and without the empty line. */
export function trackHead(apiKey: string, idempotencyKey: string | Buffer, ...headers: string[]): Buffer {
  const lines = [
    "POST /api/v1/events HTTP/1.1",
    "host: waypost",
    `x-api-key: ${apiKey}`,
    ...headers,
    "idempotency-key: ",
  ];
  return Buffer.concat([Buffer.from(lines.join("\r\n")), Buffer.from(idempotencyKey)]);
}

/** One chunk of a chunked body. */
export function chunk(bytes: string): string {
  return `${Buffer.byteLength(bytes).toString(16)}\r\n${bytes}\r\n`;
}

/**
 * Sends bytes as they are.
 *
 * @returns the first whole answer, or null when the connection ended without one
 */
export async function sendRaw(
  port: number,
  bytes: string | Buffer,
  after: AfterSending = "wait for the answer",
): Promise<RawAnswer | null> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer | null>();
  const socket = connect({ port, host: "127.0.0.1" });
  const received: Buffer[] = [];
  socket.setTimeout(SOON_MS, () => reject(new Error("no answer, and the connection stays open")));
  socket.on("data", (data: Buffer) => {
    received.push(data);
    const answer = parseAnswer(Buffer.concat(received));
    if (answer !== null) resolve(answer);
  });
  // A server that refuses while bytes still arrive resets the connection, after its answer.
  socket.on("error", () => resolve(null));
  socket.on("close", () => resolve(null));
  if (after === "close") socket.end(bytes);
  else socket.write(bytes, () => after === "reset" && socket.resetAndDestroy());
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

function parseAnswer(bytes: Buffer): RawAnswer | null {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [statusLine = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const length = Number(headers["content-length"]);
  // Behind it may stand the answer to what the runtime took for a second request.
  const body = bytes.subarray(end + 4, end + 4 + length);
  if (body.length < length) return null;
  return { status: Number(statusLine.split(" ")[1]), headers, text: body.toString("utf8") };
}
