// Reads Resend's reports of what became of an e-mail. Of its events two matter here: the others are acknowledged, and
// dropped. Shapes: resend.com/docs/webhooks/emails/bounced and …/complained.
import * as v from "valibot";
import { DELIVERY_TAG, WORKSPACE_TAG } from "../../domain/email-tags.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import type { Json } from "../../domain/json.ts";
import { diagnosticCodeOf, type ReturnedEmail } from "../../domain/returned-email.ts";

const tagList = v.pipe(
  v.array(v.object({ name: v.string(), value: v.string() })),
  v.transform((tags) => Object.fromEntries(tags.map(({ name, value }) => [name, value]))),
);
const uuid = v.pipe(v.string(), v.regex(UUID_PATTERN));

/** What only tells more: nobody is written to again because it is missing, or of another kind than it was. */
const words = v.exactOptional(v.fallback(v.string(), ""));

const reportSchema = v.object({
  type: v.picklist(["email.bounced", "email.complained"]),
  data: v.object({
    /** The one address that the message went to. */
    to: v.pipe(v.array(v.string()), v.minLength(1)),
    /** The documentation shows a list; what arrives is an object. */
    tags: v.pipe(
      v.union([tagList, v.record(v.string(), v.unknown())]),
      v.object({ [WORKSPACE_TAG]: uuid, [DELIVERY_TAG]: uuid }),
    ),
    bounce: v.exactOptional(
      v.fallback(
        v.object({
          /** `Permanent`, `Transient` or `Undetermined`. */
          type: words,
          subType: words,
          message: words,
          diagnosticCode: v.exactOptional(v.fallback(v.array(v.string()), [])),
        }),
        {},
      ),
    ),
  }),
});

/**
 * Reads a report.
 *
 * @returns `null` for an event of another kind, or of an e-mail that is not Waypost's
 */
export function readResendReport(body: Json): { workspaceId: string; returned: ReturnedEmail } | null {
  const read = v.safeParse(reportSchema, body);
  if (!read.success) return null;
  const { type, data } = read.output;
  const { bounce } = data;
  return {
    workspaceId: data.tags[WORKSPACE_TAG],
    returned: {
      deliveryId: data.tags[DELIVERY_TAG],
      address: (data.to[0] as string).trim(),
      kind: type === "email.complained" ? "complaint" : bounce?.type === "Permanent" ? "hard_bounce" : "soft_bounce",
      diagnosticCode: diagnosticCodeOf(bounce?.diagnosticCode?.join(" "), bounce?.message, bounce?.subType),
    },
  };
}
