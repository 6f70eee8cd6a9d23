// Templates of this workspace and what they said at any time. A snapshot never changes and is never deleted: a
// message is made of the one that was the newest when its step asked for it, whatever becomes of the template.
import { takePage, type ListPage } from "../domain/list-page.ts";
import type { TemplateDefinition } from "../domain/template.ts";

export type TemplateStatus = "active" | "archived";

export interface Template {
  id: string;
  key: string;
  name: string;
  status: TemplateStatus;
  /** The newest one, which {@link Template.definition} is of. */
  snapshotId: string;
  definition: TemplateDefinition;
  createdAt: number;
  updatedAt: number;
}

type StoredTemplate = {
  id: string;
  key: string;
  name: string;
  status: TemplateStatus;
  snapshot_id: string;
  definition: string;
  created_at: number;
  updated_at: number;
};

const WITH_DEFINITION = `SELECT t.*, s.definition FROM templates t JOIN template_snapshots s ON s.id = t.snapshot_id`;

export class TemplateStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(key: string): Template | null {
    const row = [...this.#sql.exec<StoredTemplate>(`${WITH_DEFINITION} WHERE t.key = ?`, key)][0];
    return row === undefined ? null : templateOf(row);
  }

  /** What a template said at one time; `null` = there is no such snapshot. */
  snapshot(id: string): TemplateDefinition | null {
    const row = [
      ...this.#sql.exec<{ definition: string }>(`SELECT definition FROM template_snapshots WHERE id = ?`, id),
    ][0];
    return row === undefined ? null : (JSON.parse(row.definition) as TemplateDefinition);
  }

  /** The newest snapshot of a key, archived or not; `null` = there is no such template. */
  snapshotIdOf(key: string): string | null {
    const row = [...this.#sql.exec<{ snapshot_id: string }>(`SELECT snapshot_id FROM templates WHERE key = ?`, key)][0];
    return row?.snapshot_id ?? null;
  }

  /** Of a key, without what it says; `null` = there is no such template. */
  statusOf(key: string): TemplateStatus | null {
    const row = [...this.#sql.exec<{ status: TemplateStatus }>(`SELECT status FROM templates WHERE key = ?`, key)][0];
    return row?.status ?? null;
  }

  /** Newest first; `before` is the last id of the page before. */
  list(limit: number, before: string | null): ListPage<Template> {
    const rows = this.#sql.exec<StoredTemplate>(
      `${WITH_DEFINITION} WHERE t.id < coalesce(?, 'g') ORDER BY t.id DESC LIMIT ?`,
      before,
      limit + 1,
    );
    const { items, more } = takePage(rows, limit, ({ definition }) => definition.length);
    return { items: items.map(templateOf), more };
  }

  insert(
    ids: { id: string; snapshotId: string },
    says: Pick<Template, "key" | "name" | "definition">,
    now: number,
  ): void {
    this.#sql.exec(
      `INSERT INTO templates VALUES (?, ?, ?, 'active', ?, ?, ?)`,
      ids.id,
      says.key,
      says.name,
      ids.snapshotId,
      now,
      now,
    );
    this.#insertSnapshot(ids.snapshotId, ids.id, JSON.stringify(says.definition), now);
  }

  /**
   * Lets a template say something else, and be used again if it was archived. What it says already takes no snapshot.
   *
   * @param newSnapshotId  asked only when one is taken
   */
  edit(
    template: Template,
    says: Pick<Template, "name" | "definition">,
    newSnapshotId: () => string,
    now: number,
  ): void {
    const definition = JSON.stringify(says.definition);
    const isNew = definition !== JSON.stringify(template.definition);
    if (!isNew && says.name === template.name && template.status === "active") return;
    const snapshotId = isNew ? newSnapshotId() : template.snapshotId;
    if (isNew) this.#insertSnapshot(snapshotId, template.id, definition, now);
    this.#sql.exec(
      `UPDATE templates SET name = ?, status = 'active', snapshot_id = ?, updated_at = ? WHERE id = ?`,
      says.name,
      snapshotId,
      now,
      template.id,
    );
  }

  archive(template: Template, now: number): void {
    this.#sql.exec(`UPDATE templates SET status = 'archived', updated_at = ? WHERE id = ?`, now, template.id);
  }

  #insertSnapshot(id: string, templateId: string, definition: string, now: number): void {
    this.#sql.exec(`INSERT INTO template_snapshots VALUES (?, ?, ?, ?)`, id, templateId, definition, now);
  }
}

function templateOf(row: StoredTemplate): Template {
  return {
    id: row.id,
    key: row.key,
    name: row.name,
    status: row.status,
    snapshotId: row.snapshot_id,
    definition: JSON.parse(row.definition) as TemplateDefinition,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
