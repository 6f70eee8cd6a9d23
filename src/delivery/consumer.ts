// Takes messages from the queue and sends them: asks the cell for each, sends what it is handed, tells the cell how it
// went. A queue message is acknowledged when its claim is answered, not when it is sent: the cell brings back what gets
// lost, and a receiver that is slow holds up no batch. Without its cell's word nothing is sent.
import * as v from "valibot";
import { callCell, CellUnavailable } from "../cell/cell-client.ts";
import type { Claim, DeliveryJob, DeliveryMessage, SendReport } from "../domain/delivery.ts";
import { UUID_PATTERN } from "../domain/ids.ts";
import { sendEmail } from "./send-email.ts";
import { passing } from "./send-report.ts";
import { sendWebhook } from "./webhook-sender.ts";

export const DELIVERIES_QUEUE = "waypost-deliveries";

/** A cell that cannot be reached now is asked again after this; it is let go by the queue long after its own lease. */
const RETRY_CLAIM_SECONDS = 5;
/** What was sent and cannot be told is sent a second time: worth some patience, as long as the lease lasts. */
const REPORT_PAUSES_MS = [1_000, 5_000];

/** Sends what a job says. Never throws. */
export type SendJob = (job: DeliveryJob, workspaceId: string, env: Env) => Promise<SendReport>;

const id = v.pipe(v.string(), v.regex(UUID_PATTERN));
const messageSchema = v.object({
  workspaceId: id,
  deliveryId: id,
  attempt: v.pipe(v.number(), v.integer(), v.minValue(1)),
}) satisfies v.GenericSchema<unknown, DeliveryMessage>;

/**
 * Takes a batch of the queue.
 *
 * @param waitUntil  keeps the invocation alive for what goes on after the batch is acknowledged
 * @param send       how to send; another one in tests
 */
export async function consumeDeliveries(
  batch: MessageBatch,
  env: Env,
  waitUntil: (work: Promise<void>) => void,
  send: SendJob = sendJob,
): Promise<void> {
  await Promise.all(
    batch.messages.map(async (message) => {
      const job = await claim(message, env);
      if (job !== null) waitUntil(sendAndReport(job, env, send));
    }),
  );
}

interface ClaimedJob {
  workspaceId: string;
  job: DeliveryJob;
}

/** Asks the cell for a message. @returns `null` when there is nothing to send, for now or for good */
async function claim(message: Message, env: Env): Promise<ClaimedJob | null> {
  const read = v.safeParse(messageSchema, message.body);
  if (!read.success) {
    log("message_malformed", { messageId: message.id });
    message.ack();
    return null;
  }
  const { workspaceId, deliveryId, attempt } = read.output;
  let answer: Claim;
  try {
    answer = await callCell(env, workspaceId, async (cell) => await cell.claimDelivery(deliveryId, attempt));
  } catch (error) {
    log("claim_failed", { workspaceId, deliveryId });
    // What is wrong with the message itself does not pass by asking again.
    if (error instanceof CellUnavailable) message.retry({ delaySeconds: RETRY_CLAIM_SECONDS });
    else message.ack();
    return null;
  }
  message.ack();
  return answer.kind === "granted" ? { workspaceId, job: answer.job } : null;
}

async function sendAndReport({ workspaceId, job }: ClaimedJob, env: Env, send: SendJob): Promise<void> {
  const { deliveryId, attempt } = job;
  const report = await attemptTo(send, job, workspaceId, env);
  for (const pauseMs of [0, ...REPORT_PAUSES_MS]) {
    if (pauseMs > 0) await scheduler.wait(pauseMs);
    try {
      await callCell(env, workspaceId, async (cell) => await cell.reportDelivery(deliveryId, attempt, report));
      return;
    } catch {
      log("report_failed", { workspaceId, deliveryId });
    }
  }
}

async function attemptTo(send: SendJob, job: DeliveryJob, workspaceId: string, env: Env): Promise<SendReport> {
  const startedAt = Date.now();
  try {
    return await send(job, workspaceId, env);
  } catch {
    log("sender_fault", { workspaceId, deliveryId: job.deliveryId });
    return { ...passing("internal", null), durationMs: Date.now() - startedAt };
  }
}

async function sendJob(job: DeliveryJob, workspaceId: string, env: Env): Promise<SendReport> {
  return job.channel === "email" ? await sendEmail(job, workspaceId, env) : await sendWebhook(job, env);
}

/** Ids only: what a message says and whom it goes to is no log's business. */
function log(what: string, ids: Record<string, string>): void {
  console.error(JSON.stringify({ level: "error", at: "deliveries", what, ...ids }));
}
