// Puts messages into the queue whose time has come, in slices, and gives up attempts that were not heard of again. With
// the queue away nothing is lost: the messages stay where they are, and the lane comes back.
import type { DeliveryMessage } from "../domain/delivery.ts";
import type { Lane } from "./alarm.ts";
import type { DeliveryDesk } from "./delivery-desk.ts";
import { LEASE_MS, type DeliveryTask, type DeliveryWork } from "./delivery-work.ts";

/** What the queue takes at once. */
const QUEUED_PER_SLICE = 100;
/** Attempts that are given up in one transaction, which a request may have to wait for. */
const LOST_PER_SLICE = 20;
/** A message that cannot be given up is looked at again after this. */
const FAULT_PAUSE_MS = 3_600_000;

export interface DeliveriesParts {
  queue: Pick<Queue<DeliveryMessage>, "sendBatch">;
  workspaceId: () => string;
  work: DeliveryWork;
  desk: DeliveryDesk;
  transaction: (run: () => void) => void;
  /** What D1 does not know yet is due. */
  requestFlush: () => void;
}

export class DeliveriesLane implements Lane {
  readonly #parts: DeliveriesParts;

  constructor(parts: DeliveriesParts) {
    this.#parts = parts;
  }

  dueAt(): number | null {
    return this.#parts.work.nextAt();
  }

  async run(deadline: number): Promise<void> {
    let more = true;
    while (more && Date.now() < deadline) {
      more = [this.#giveUp(), await this.#enqueue()].some((left) => left);
      // Lets requests in.
      if (more) await scheduler.wait(0);
    }
  }

  /** @returns whether there may be more to do; so does the other */
  #giveUp(): boolean {
    const { work, desk, transaction, requestFlush } = this.#parts;
    const now = Date.now();
    const lost = work.lost(now, LOST_PER_SLICE);
    if (lost.length === 0) return false;
    try {
      transaction(() => {
        for (const task of lost) desk.lose(task, now);
      });
    } catch {
      for (const task of lost) this.#giveUpAlone(task, now);
    }
    requestFlush();
    return lost.length === LOST_PER_SLICE;
  }

  /** After a slice that failed: the one at fault is put off, and holds up no other. */
  #giveUpAlone(task: DeliveryTask, now: number): void {
    const { work, desk, transaction } = this.#parts;
    try {
      transaction(() => desk.lose(task, now));
    } catch {
      const { deliveryId } = task;
      transaction(() => work.postpone(task, now + FAULT_PAUSE_MS, task.failures + 1, now));
      console.error(JSON.stringify({ level: "error", at: "deliveries", deliveryId }));
    }
  }

  /** Written down after the queue has taken them: one that is in it twice does no harm, one that is not would wait. */
  async #enqueue(): Promise<boolean> {
    const { queue, workspaceId, work, transaction } = this.#parts;
    const due = work.toQueue(Date.now(), QUEUED_PER_SLICE);
    if (due.length === 0) return false;
    const messages = due.map(({ deliveryId, attempt }) => ({
      body: { workspaceId: workspaceId(), deliveryId, attempt: attempt + 1 },
      contentType: "json" as const,
    }));
    await queue.sendBatch(messages);
    transaction(() => work.queued(due, Date.now() + LEASE_MS));
    return due.length === QUEUED_PER_SLICE;
  }
}
