// What an operator does to templates: write, rewrite, archive. What was asked for before goes on as it was.
import type { WaypostError } from "../domain/errors.ts";
import type { ListPage } from "../domain/list-page.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { TemplateDefinition } from "../domain/template.ts";
import type { JourneyStore } from "./journey-store.ts";
import type { Template, TemplateStore } from "./template-store.ts";

/** Journeys that are told when they keep a template from being archived. */
const MAX_TOLD_JOURNEYS = 20;

/** A template as it is answered: instants ISO 8601. */
export interface TemplateView {
  id: string;
  key: string;
  name: string;
  status: Template["status"];
  snapshotId: string;
  definition: TemplateDefinition;
  createdAt: string;
  updatedAt: string;
}

export class TemplateCommands {
  readonly #templates: TemplateStore;
  readonly #journeys: JourneyStore;
  readonly #newId: () => string;

  constructor(parts: { templates: TemplateStore; journeys: JourneyStore; newId: () => string }) {
    this.#templates = parts.templates;
    this.#journeys = parts.journeys;
    this.#newId = parts.newId;
  }

  create(
    says: { key: string; name: string; definition: TemplateDefinition },
    now: number,
  ): Result<TemplateView, WaypostError> {
    if (this.#templates.statusOf(says.key) !== null) {
      return err({ code: "already_exists", what: "a template with this key" });
    }
    this.#templates.insert({ id: this.#newId(), snapshotId: this.#newId() }, says, now);
    return this.read(says.key);
  }

  /** Lets a template say something else from now on. One that was archived can be used again. */
  edit(
    key: string,
    says: { name: string | null; definition: TemplateDefinition },
    now: number,
  ): Result<TemplateView, WaypostError> {
    const template = this.#templates.find(key);
    if (template === null) return err({ code: "not_found" });
    const { name, definition } = says;
    this.#templates.edit(template, { name: name ?? template.name, definition }, this.#newId, now);
    return this.read(key);
  }

  archive(key: string, now: number): Result<TemplateView, WaypostError> {
    const template = this.#templates.find(key);
    if (template === null) return err({ code: "not_found" });
    if (template.status === "archived") return ok(viewOf(template));
    const journeys = this.#journeys.activeWithTemplate(key, MAX_TOLD_JOURNEYS);
    if (journeys.length > 0) return err({ code: "in_use", journeys });
    this.#templates.archive(template, now);
    return this.read(key);
  }

  read(key: string): Result<TemplateView, WaypostError> {
    const template = this.#templates.find(key);
    return template === null ? err({ code: "not_found" }) : ok(viewOf(template));
  }

  list(limit: number, before: string | null): ListPage<TemplateView> {
    const { items, more } = this.#templates.list(limit, before);
    return { items: items.map(viewOf), more };
  }
}

function viewOf(template: Template): TemplateView {
  return {
    id: template.id,
    key: template.key,
    name: template.name,
    status: template.status,
    snapshotId: template.snapshotId,
    definition: template.definition,
    createdAt: new Date(template.createdAt).toISOString(),
    updatedAt: new Date(template.updatedAt).toISOString(),
  };
}
