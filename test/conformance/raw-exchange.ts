// A recorded request as bytes on a socket, and its whole answer: for clients that cannot be run here. Unlike a client
// library it shows whether anything follows an answer that has no body.
import { connect } from "node:net";
import { gunzipSync } from "node:zlib";
import { SOON_MS } from "../support/patience.ts";

const HEAD_END = "\r\n\r\n";

export interface Exchanged {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** Of the body as it came, before it was decoded. */
  bodyBytes: number;
  /** Decoded as the headers say. */
  text: string;
}

/**
 * Sends requests one after another on one connection, each when the answer before it is whole.
 *
 * @throws Error when the connection ends early, or a byte comes that belongs to no answer
 */
export async function exchange(port: number, ...requests: readonly string[]): Promise<Exchanged[]> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setTimeout(SOON_MS, () => socket.destroy(new Error("no whole answer came")));
  const chunks = socket.iterator() as AsyncIterableIterator<Buffer>;
  const answers: Exchanged[] = [];
  let received = Buffer.alloc(0);
  try {
    for (const request of requests) {
      if (received.length > 0) throw new Error("bytes followed an answer");
      socket.write(request);
      let answer = parse(received);
      while (answer === null) {
        const next = await chunks.next();
        if (next.done === true) throw new Error("the connection ended without a whole answer");
        received = Buffer.concat([received, next.value]);
        answer = parse(received);
      }
      answers.push(answer.exchanged);
      received = received.subarray(answer.length);
    }
    if (received.length > 0) throw new Error("bytes followed an answer");
    return answers;
  } finally {
    socket.destroy();
  }
}

/** The first answer among these bytes and how many of them it is; `null` = not whole yet. */
function parse(bytes: Buffer): { exchanged: Exchanged; length: number } | null {
  const headLength = bytes.indexOf(HEAD_END);
  if (headLength < 0) return null;
  const [statusLine = "", ...lines] = bytes.subarray(0, headLength).toString("latin1").split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const status = Number(statusLine.split(" ")[1]);
  const body = bodyAt(bytes, headLength + HEAD_END.length, status, headers);
  if (body === null) return null;
  const decoded = headers["content-encoding"] === "gzip" ? gunzipSync(body.content) : body.content;
  const text = decoded.toString("utf8");
  return { exchanged: { status, headers, bodyBytes: body.content.byteLength, text }, length: body.end };
}

function bodyAt(
  bytes: Buffer,
  start: number,
  status: number,
  headers: Record<string, string>,
): { content: Buffer; end: number } | null {
  if (status === 204) return { content: Buffer.alloc(0), end: start };
  if (headers["transfer-encoding"] !== "chunked") {
    const end = start + Number(headers["content-length"]);
    return bytes.length < end ? null : { content: bytes.subarray(start, end), end };
  }
  const content: Buffer[] = [];
  for (let at = start; ;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
    const end = lineEnd + 2 + size + 2;
    if (bytes.length < end) return null;
    if (size === 0) return { content: Buffer.concat(content), end };
    content.push(bytes.subarray(lineEnd + 2, end - 2));
    at = end;
  }
}
