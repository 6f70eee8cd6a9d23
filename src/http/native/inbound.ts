// What providers report of e-mails they took: bounces and complaints. A report's own signature lets it in; whom it
// stops from being written to, the cell decides by its own record of the message.
import { Hono } from "hono";
import { callCell, callDirectory } from "../../cell/cell-client.ts";
import { isSignedBy, parseVerificationKeys, type VerificationKeys } from "../../crypto/webhook-verification.ts";
import { anyObject } from "../answer-fields.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { NATIVE_LIMITS, parseJson, readCapped } from "../json-body.ts";
import { admitting, described } from "../operation.ts";
import { readResendReport } from "./inbound-resend.ts";

const NOT_SET_UP_RETRY_SECONDS = 60;

const utf8 = new TextDecoder();

export const inbound = new Hono<HttpEnv>();

inbound.post(
  "/resend",
  admitting(
    { kind: "signature", scopes: [] },
    described(
      {
        id: "takeResendReport",
        summary: "Take a bounce or a complaint from Resend",
        description:
          "Signed by Resend with the headers `svix-id`, `svix-timestamp` and `svix-signature`; at most five minutes old. " +
          "A permanent bounce and a complaint suppress the address, another bounce is noted. Events of other kinds and " +
          "of e-mails that are not known are acknowledged and dropped. Saying it again changes nothing.",
        body: { schema: anyObject, example: { type: "email.bounced", data: { to: ["alex@example.com"] } } },
        answers: { 204: { description: "The report was taken." } },
      },
      async (c) => {
        const keys = keysOf(c);
        const body = await readCapped(c.req.raw, NATIVE_LIMITS.maxBytes);
        if (!isSigned(c, keys, body)) throw new Failure({ code: "unauthorized" });
        const report = readResendReport(parseJson(utf8.decode(body)));
        if (report !== null && (await isOurs(c, report.workspaceId))) {
          await callCell(c.env, report.workspaceId, async (cell) => await cell.noteReturnedEmail(report.returned));
        }
        return c.body(null, 204);
      },
    ),
  ),
);

/**
 * Whether a workspace is this deployment's: another one may send from the same account, whose reports come here too.
 * The directory is asked, for calling a cell by another's id would make one.
 */
async function isOurs(c: HttpContext, workspaceId: string): Promise<boolean> {
  return (await callDirectory(c.env, async (directory) => await directory.find(workspaceId))) !== null;
}

/** A provider that is told to wait sends its reports again: nothing is lost until the secret is there. */
function keysOf(c: HttpContext): VerificationKeys {
  let keys: VerificationKeys = [];
  try {
    keys = parseVerificationKeys("RESEND_WEBHOOK_SECRET", c.env.RESEND_WEBHOOK_SECRET);
  } catch (error) {
    const misconfiguration = error instanceof Error ? error.message : "";
    console.error(JSON.stringify({ level: "error", at: "inbound", requestId: c.get("requestId"), misconfiguration }));
  }
  if (keys.length > 0) return keys;
  throw new Failure({
    code: "unavailable",
    reason: "Reports of this provider cannot be checked: its secret is not set.",
    retryAfterSeconds: NOT_SET_UP_RETRY_SECONDS,
  });
}

function isSigned(c: HttpContext, keys: VerificationKeys, body: Uint8Array): boolean {
  const headers = {
    id: c.req.header("svix-id") ?? "",
    timestamp: c.req.header("svix-timestamp") ?? "",
    signature: c.req.header("svix-signature") ?? "",
  };
  return isSignedBy(keys, headers, body, Date.now());
}
