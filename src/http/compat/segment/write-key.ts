// Where a request to the Segment door carries its write key: as the user of Basic authentication, with or without
// the colon and whatever the password, or as `writeKey` in the body, alone or beside an OAuth Bearer token.
// Basic decides alone where it is there: it is read before the body, and a client that sends both sends one key twice.
import type { JsonObject } from "../../../domain/json.ts";
import type { HttpContext } from "../../context.ts";
import { useKey } from "../../middleware/credentials.ts";

const BASIC = /^basic +(\S+)$/i;

/** Lets in the key of a Basic header. @returns whether there is one @throws Failure `unauthorized` or `insufficient_scope` */
export function useBasicKey(c: HttpContext): boolean {
  const user = basicUser(c.req.header("authorization") ?? "");
  if (user === "") return false;
  useKey(c, "write", user, ["events:write"]);
  return true;
}

/** Lets in the key of a body. @throws Failure `unauthorized` or `insufficient_scope` */
export function useBodyKey(c: HttpContext, body: JsonObject): void {
  const { writeKey } = body;
  useKey(c, "write", typeof writeKey === "string" ? writeKey : "", ["events:write"]);
}

/** The user that a header names; an empty one, another scheme and what cannot be read count as none. */
function basicUser(header: string): string {
  const encoded = BASIC.exec(header.trim())?.[1] ?? "";
  try {
    return atob(encoded).split(":", 1)[0] ?? "";
  } catch {
    return "";
  }
}
