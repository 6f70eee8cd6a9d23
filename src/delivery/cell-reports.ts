// Tells a cell how the attempts of one batch went. Attempts that end while the cell is being told of others are told of
// together, so that many quick receivers are no more calls than a few slow ones; none waits for one that has not ended.
import { callCell } from "../cell/cell-client.ts";
import type { EndedAttempt } from "../domain/delivery.ts";
import { logDelivery } from "./log-delivery.ts";

/** What was sent and cannot be told is sent a second time: worth some patience, as long as the lease lasts. */
const REPORT_PAUSES_MS = [1_000, 5_000];

export class CellReports {
  readonly #workspaceId: string;
  readonly #env: Env;
  #ended: EndedAttempt[] = [];
  /** Of those that wait: settles when they have been told, or given up. */
  #next: Promise<void> | null = null;
  /** Settles when the cell has answered, however it did. */
  #telling: Promise<boolean> = Promise.resolve(true);

  constructor(workspaceId: string, env: Env) {
    this.#workspaceId = workspaceId;
    this.#env = env;
  }

  /** Settles when the cell has been told, or when it cannot be: then the attempt is taken for lost. Never throws. */
  async tell(ended: EndedAttempt): Promise<void> {
    this.#ended.push(ended);
    await (this.#next ??= this.#tellNext());
  }

  async #tellNext(): Promise<void> {
    await this.#telling;
    const ended = this.#ended;
    this.#ended = [];
    this.#next = null;
    this.#telling = this.#tellOnce(ended);
    if (await this.#telling) return;
    // Others are not held up by these.
    for (const pauseMs of REPORT_PAUSES_MS) {
      await scheduler.wait(pauseMs);
      if (await this.#tellOnce(ended)) return;
    }
  }

  async #tellOnce(ended: EndedAttempt[]): Promise<boolean> {
    try {
      await callCell(this.#env, this.#workspaceId, async (cell) => await cell.reportDeliveries(ended));
      return true;
    } catch {
      for (const { deliveryId } of ended) {
        logDelivery("report_failed", { workspaceId: this.#workspaceId, deliveryId });
      }
      return false;
    }
  }
}
