// What Cloudflare's Email Service publishes of the e-mails it took: bounces and complaints go to the cell of the
// message; every other kind is acknowledged, and dropped. An event names the message by the service's own id, so that
// the read model has to say whose it is: where that is late or away, the event waits and comes again.
// Shapes: developers.cloudflare.com/email-service/reference/event-subscriptions/
import * as v from "valibot";
import { callCell } from "../cell/cell-client.ts";
import { diagnosticCodeOf, type ReturnedEmail } from "../domain/returned-email.ts";

/** Which message a provider's id stands for. @see src/d1/sent-emails.ts */
export type FindSentEmails = (
  providerIds: readonly string[],
) => Promise<readonly { providerId: string; workspaceId: string; deliveryId: string }[]>;

/** As wrangler.toml names it. */
export const EMAIL_EVENTS_QUEUE = "waypost-email-events";

const FIRST_RETRY_SECONDS = 30;
const MAX_RETRY_SECONDS = 3_600;
/** Past this many looks in a quarter of an hour the message is not Waypost's, or of somebody erased. */
const MAX_LOOKS = 5;

/** What only tells more: nobody is written to again because it is missing, or of another kind than it was. */
const words = v.exactOptional(v.fallback(v.string(), ""));

const eventSchema = v.object({
  type: v.picklist(["cf.email.sending.message.bounced", "cf.email.sending.message.complained"]),
  payload: v.object({
    messageId: v.pipe(v.string(), v.minLength(1)),
    recipient: v.string(),
    delivery: v.exactOptional(v.fallback(v.object({ smtpResponse: words }), {})),
    bounce: v.exactOptional(v.fallback(v.object({ type: words, reason: words }), {})),
    complaint: v.exactOptional(v.fallback(v.object({ type: words }), {})),
  }),
});
type EmailEvent = v.InferOutput<typeof eventSchema>;

/**
 * Takes a batch of events; each is acknowledged, or asked for again, by itself.
 *
 * @param findSent  reads the read model; may throw
 */
export async function takeEmailEvents(
  batch: Pick<MessageBatch, "messages">,
  env: Pick<Env, "WORKSPACE_CELL">,
  findSent: FindSentEmails,
): Promise<void> {
  const events: { message: Message; event: EmailEvent }[] = [];
  for (const message of batch.messages) {
    const read = v.safeParse(eventSchema, message.body);
    if (read.success) events.push({ message, event: read.output });
    else message.ack();
  }
  if (events.length === 0) return;
  const found = await orNull(findSent(events.flatMap(({ event }) => spellingsOf(event.payload.messageId))));
  await Promise.all(
    events.map(async ({ message, event }) => {
      if (found === null) return again(message);
      const ids = spellingsOf(event.payload.messageId);
      const sent = found.filter(({ providerId }) => ids.includes(providerId));
      if (sent.length === 0) return message.attempts < MAX_LOOKS ? again(message) : message.ack();
      const noted = await orNull(
        Promise.all(
          sent.map(async ({ workspaceId, deliveryId }) => {
            const returned = returnedOf(event, deliveryId);
            await callCell(env, workspaceId, async (cell) => await cell.noteReturnedEmail(returned));
          }),
        ),
      );
      return noted === null ? again(message) : message.ack();
    }),
  );
}

/** The id as it is told when an e-mail is sent has angle brackets; the documentation shows events without them. */
function spellingsOf(messageId: string): string[] {
  const bare = messageId.replace(/^<(.*)>$/, "$1");
  return [bare, `<${bare}>`];
}

function returnedOf({ type, payload }: EmailEvent, deliveryId: string): ReturnedEmail {
  const { recipient, bounce, complaint, delivery } = payload;
  const isHard = bounce?.type === "hard";
  return {
    deliveryId,
    address: recipient.trim(),
    kind: type.endsWith(".complained") ? "complaint" : isHard ? "hard_bounce" : "soft_bounce",
    diagnosticCode: diagnosticCodeOf(bounce?.reason, delivery?.smtpResponse, complaint?.type),
  };
}

function again(message: Message): void {
  message.retry({ delaySeconds: Math.min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** message.attempts) });
}

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    console.error(JSON.stringify({ level: "error", at: "email-events", error: name }));
    return null;
  }
}
