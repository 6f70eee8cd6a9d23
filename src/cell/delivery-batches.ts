// Messages of one batch of the queue, taken together: one call and one commit for all of them. Each is handed out, or its
// attempt taken down, in a transaction of its own: what is wrong with one of them is no other one's affair.
import type { Claim, DeliveryJob, EndedAttempt, MessageAttempt } from "../domain/delivery.ts";
import type { DeliveryDesk } from "./delivery-desk.ts";

/** Texts of one answer, but for its last job. A call to an object carries 32 MiB at most, two bytes a character. */
const MAX_ANSWER_CHARACTERS = 2 * 1024 * 1024;

/**
 * Hands messages out, from the first on, as many as an answer may hold.
 *
 * @param now  Unix milliseconds
 * @returns an answer for each of them, in order; for at least one, if any was asked for
 */
export function claimAll(desk: Pick<DeliveryDesk, "claim">, asked: readonly MessageAttempt[], now: number): Claim[] {
  const claims: Claim[] = [];
  let characters = 0;
  for (const { deliveryId, attempt } of asked) {
    if (characters > MAX_ANSWER_CHARACTERS) break;
    const claim = claimOne(desk, { deliveryId, attempt }, now);
    claims.push(claim);
    // Looked at only where another one follows: a job's texts may be long.
    if (claim.kind === "granted" && claims.length < asked.length) characters += charactersOf(claim.job);
  }
  return claims;
}

/**
 * Takes down how attempts went.
 *
 * @throws what went wrong with the first that could not be taken down, when all others are
 */
export function reportAll(desk: Pick<DeliveryDesk, "report">, ended: readonly EndedAttempt[], now: number): void {
  const faults: unknown[] = [];
  for (const { deliveryId, attempt, report } of ended) {
    try {
      desk.report(deliveryId, attempt, report, now);
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) throw faults[0];
}

/** What cannot be handed out comes back when its lease is over. */
function claimOne(desk: Pick<DeliveryDesk, "claim">, { deliveryId, attempt }: MessageAttempt, now: number): Claim {
  try {
    return desk.claim(deliveryId, attempt, now);
  } catch {
    console.error(JSON.stringify({ level: "error", at: "claim", deliveryId }));
    return { kind: "dropped" };
  }
}

function charactersOf(job: DeliveryJob): number {
  return job.channel === "webhook" ? (job.body?.length ?? 0) : JSON.stringify(job.state).length;
}
