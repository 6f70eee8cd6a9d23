// Takes messages from the queue and sends them: asks the cell for each, sends what it is handed, tells the cell how it
// went. A queue message is acknowledged when its claim is answered, not when it is sent: the cell brings back what gets
// lost, and a receiver that is slow holds up no batch. Without its cell's word nothing is sent.
import * as v from "valibot";
import { callCell, CellUnavailable } from "../cell/cell-client.ts";
import type { Claim, DeliveryJob, DeliveryMessage, SendReport } from "../domain/delivery.ts";
import { UUID_PATTERN } from "../domain/ids.ts";
import { CellReports } from "./cell-reports.ts";
import { logDelivery } from "./log-delivery.ts";
import { sendEmail } from "./send-email.ts";
import { passing } from "./send-report.ts";
import { sendWebhook } from "./webhook-sender.ts";

export const DELIVERIES_QUEUE = "waypost-deliveries";

/** A cell that cannot be reached now is asked again after this; it is let go by the queue long after its own lease. */
const RETRY_CLAIM_SECONDS = 5;

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
  const read = batch.messages.flatMap((message) => readMessage(message) ?? []);
  const byWorkspace = Map.groupBy(read, ({ workspaceId }) => workspaceId);
  await Promise.all(
    Array.from(byWorkspace, async ([workspaceId, messages]) => {
      const reports = new CellReports(workspaceId, env);
      for await (const job of claimedJobs(workspaceId, messages, env)) {
        waitUntil(sendAndReport(job, workspaceId, { env, send, reports }));
      }
    }),
  );
}

interface ReadMessage extends DeliveryMessage {
  message: Message;
}

/** @returns `null` when it is none; then it is over */
function readMessage(message: Message): ReadMessage | null {
  const read = v.safeParse(messageSchema, message.body);
  if (read.success) return { ...read.output, message };
  logDelivery("message_malformed", { messageId: message.id });
  message.ack();
  return null;
}

/** Asks a cell for messages, all at once unless that is too much for one answer. @yields what there is to send */
async function* claimedJobs(
  workspaceId: string,
  messages: readonly ReadMessage[],
  env: Env,
): AsyncGenerator<DeliveryJob, void, undefined> {
  for (let left = messages; left.length > 0;) {
    const answers = await claim(workspaceId, left, env);
    for (const answer of answers) if (answer.kind === "granted") yield answer.job;
    left = left.slice(answers.length);
  }
}

/** @returns an answer for each message, from the first on; none is left to do about those */
async function claim(workspaceId: string, messages: readonly ReadMessage[], env: Env): Promise<Claim[]> {
  const asked = messages.map(({ deliveryId, attempt }) => ({ deliveryId, attempt }));
  try {
    const answers = await callCell(env, workspaceId, async (cell) => await cell.claimDeliveries(asked));
    for (const { message } of messages.slice(0, answers.length)) message.ack();
    return answers;
  } catch (error) {
    for (const { message, deliveryId } of messages) {
      logDelivery("claim_failed", { workspaceId, deliveryId });
      // What is wrong with the cell's answer itself does not pass by asking again.
      if (error instanceof CellUnavailable) message.retry({ delaySeconds: RETRY_CLAIM_SECONDS });
      else message.ack();
    }
    return messages.map(() => ({ kind: "dropped" }));
  }
}

/** What an attempt needs besides its job. */
interface Sending {
  env: Env;
  send: SendJob;
  reports: CellReports;
}

async function sendAndReport(job: DeliveryJob, workspaceId: string, { env, send, reports }: Sending): Promise<void> {
  const { deliveryId, attempt } = job;
  const report = await attemptTo(send, job, workspaceId, env);
  await reports.tell({ deliveryId, attempt, report });
}

async function attemptTo(send: SendJob, job: DeliveryJob, workspaceId: string, env: Env): Promise<SendReport> {
  const startedAt = Date.now();
  try {
    return await send(job, workspaceId, env);
  } catch {
    logDelivery("sender_fault", { workspaceId, deliveryId: job.deliveryId });
    return { ...passing("internal", null), durationMs: Date.now() - startedAt };
  }
}

async function sendJob(job: DeliveryJob, workspaceId: string, env: Env): Promise<SendReport> {
  return job.channel === "email" ? await sendEmail(job, workspaceId, env) : await sendWebhook(job, env);
}
