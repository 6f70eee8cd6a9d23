// Addresses that answered 410 Gone: nothing is sent there until somebody enables them again. An address is the whole
// URL as the journey has it.
import { takePage, type ListPage } from "../domain/list-page.ts";

/** Why an address is called no more: it answered that it is gone. */
export const GONE = "gone";

export interface DisabledEndpoint {
  /** UUIDv7: the list's order. */
  id: string;
  url: string;
  /** Unix milliseconds. */
  disabledAt: number;
  reason: string;
}

type StoredEndpoint = { id: string; url: string; disabled_at: number; reason: string };

export class DisabledEndpoints {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  isDisabled(url: string): boolean {
    return [...this.#sql.exec(`SELECT 1 FROM disabled_endpoints WHERE url = ?`, url)].length > 0;
  }

  /** Disables an address; one that is disabled already stays as it is. */
  disable(id: string, url: string, reason: string, now: number): void {
    this.#sql.exec(
      `INSERT INTO disabled_endpoints (id, url, disabled_at, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      id,
      url,
      now,
      reason,
    );
  }

  /** Lets an address be called again; one that is not disabled stays as it is. */
  enable(url: string): void {
    this.#sql.exec(`DELETE FROM disabled_endpoints WHERE url = ?`, url);
  }

  /** Newest first; `before` is the last id of the page before. */
  list(limit: number, before: string | null): ListPage<DisabledEndpoint> {
    const rows = this.#sql.exec<StoredEndpoint>(
      `SELECT id, url, disabled_at, reason FROM disabled_endpoints WHERE id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?`,
      before,
      limit + 1,
    );
    const { items, more } = takePage(rows, limit, ({ url }) => url.length);
    return {
      items: items.map(({ id, url, disabled_at, reason }) => ({ id, url, disabledAt: disabled_at, reason })),
      more,
    };
  }
}
