// Lets the rest of a refused request's body run out before it is answered. A runtime that is left with more unread
// bytes than it cares for drops the connection: the client then sees that instead of the answer, or its next
// request on the same connection fails.
import { createMiddleware } from "hono/factory";
import type { HttpEnv } from "../context.ts";

/** Bounds on what a refused client can make us read. A body that goes on beyond them is cut off. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
const MAX_UNREAD_MS = 1_000;

/** Reads what refused requests have left unread, and keeps none of it. */
export const dropUnreadBody = createMiddleware<HttpEnv>(async (c, next) => {
  await next();
  const { body } = c.req.raw;
  if (c.res.status >= 400 && body !== null && !body.locked) await runOut(body);
});

async function runOut(body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader();
  const overdue = Promise.withResolvers<void>();
  const timer = setTimeout(overdue.resolve, MAX_UNREAD_MS);
  await Promise.race([readAway(reader), overdue.promise]);
  clearTimeout(timer);
}

/** Never rejects: a body that breaks off has run out too. */
async function readAway(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let unread = 0;
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      unread += chunk.value.byteLength;
      if (unread > MAX_UNREAD_BYTES) return;
    }
  } catch {
    // The answer is the same, whether or not anybody is left to read it.
  }
}
