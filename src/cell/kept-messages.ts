// What messages are made of that failed, so that they can be sent once more after their run has let go of its event: in
// the message's own row, or in parts where that is too large for one. Of what was rendered nothing is ever kept.
import type { Json } from "../domain/json.ts";
import { splitText } from "../domain/text-parts.ts";
import type { TextParts } from "./text-parts.ts";

export interface KeptMessage {
  /** The event that started its run; `null` = the message needs none. */
  event: { event: string; data: Json } | null;
  /** Whether something of the event's data is left out, since the template says that it must not be kept. */
  withheld: boolean;
}

/** Of the column when its text is in parts. */
const IN_PARTS = "";

export class KeptMessages {
  readonly #sql: SqlStorage;
  readonly #parts: TextParts;

  constructor(sql: SqlStorage, parts: TextParts) {
    this.#sql = sql;
    this.#parts = parts;
  }

  /** `null` = nothing of the message is kept. */
  of(deliveryId: string): KeptMessage | null {
    const row = [...this.#sql.exec<{ kept: string | null }>(`SELECT kept FROM deliveries WHERE id = ?`, deliveryId)][0];
    const text = row?.kept === IN_PARTS ? this.#parts.read("delivery", deliveryId) : row?.kept;
    return text === null || text === undefined ? null : (JSON.parse(text) as KeptMessage);
  }

  /**
   * Keeps what a message is made of instead of what was kept before. Of one as old as what is forgotten by now nothing
   * is kept any more: nobody would come by again to forget it.
   *
   * @param kept  `null` = nothing
   * @returns what belongs into its row
   */
  replace(deliveryId: string, kept: KeptMessage | null): string | null {
    this.forget([deliveryId]);
    if (kept === null || this.#isForgotten(deliveryId)) return null;
    const text = JSON.stringify(kept);
    const parts = splitText(text);
    this.#parts.put("delivery", deliveryId, parts);
    return parts.length === 0 ? text : IN_PARTS;
  }

  /** Takes out what is not in rows. */
  forget(deliveryIds: readonly string[]): void {
    this.#parts.remove("delivery", deliveryIds);
  }

  #isForgotten(deliveryId: string): boolean {
    return [...this.#sql.exec(`SELECT 1 FROM sending WHERE forgotten_to >= ?`, deliveryId)].length > 0;
  }
}
