// What an operator does to journeys: write, edit, activate, pause, archive, release. Each takes effect for every event
// accepted after it was answered.
import type { DefinitionIssue, WaypostError } from "../domain/errors.ts";
import type { JourneyDefinition } from "../domain/journey.ts";
import { toldIssues } from "../domain/issue-list.ts";
import type { ListPage } from "../domain/list-page.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { Journey, JourneyStore } from "./journey-store.ts";
import type { RunawayGuard } from "./runaway-guard.ts";
import type { TemplateStore } from "./template-store.ts";

/**
 * How many active journeys one event name may start: all of them are decided inside the accepting transaction.
 * It also keeps an event's row under the 2,000,000 bytes that an object's row and D1's parameter may have. Data is
 * at most 4.4 times its 256 KiB as it was sent (`1e20,` is written out; escaping doubles at most): 1,160,000. A
 * receipt's entry is at most 230 bytes and a path of 255 characters, 7 bytes each escaped twice: 200 are 410,000.
 */
const MAX_JOURNEYS_PER_EVENT = 200;

/** A journey as it is answered: instants ISO 8601. */
export interface JourneyView {
  id: string;
  key: string;
  name: string;
  status: Journey["status"];
  version: number;
  publishedVersion: number | null;
  stoppedAt: string | null;
  definition: JourneyDefinition;
  counts: Journey["counts"] & { active: number };
  createdAt: string;
  updatedAt: string;
}

export type JourneyChange = "activate" | "pause" | "archive" | "release";

const CROWDED: WaypostError = {
  code: "invalid_journey",
  issues: [
    {
      path: "entry.event",
      stepId: null,
      message: `${MAX_JOURNEYS_PER_EVENT} active journeys start with this event already. Pause or archive one of them first.`,
    },
  ],
};

export class JourneyCommands {
  readonly #journeys: JourneyStore;
  readonly #templates: TemplateStore;
  readonly #guard: RunawayGuard;
  readonly #newId: () => string;

  constructor(parts: { journeys: JourneyStore; templates: TemplateStore; guard: RunawayGuard; newId: () => string }) {
    this.#journeys = parts.journeys;
    this.#templates = parts.templates;
    this.#guard = parts.guard;
    this.#newId = parts.newId;
  }

  create(definition: JourneyDefinition, now: number): Result<JourneyView, WaypostError> {
    if (this.#journeys.find(definition.key) !== null) {
      return err({ code: "already_exists", what: "a journey with this key" });
    }
    this.#journeys.insert(this.#newId(), definition, now);
    return this.read(definition.key);
  }

  edit(key: string, definition: JourneyDefinition, now: number): Result<JourneyView, WaypostError> {
    const journey = this.#journeys.find(key);
    if (journey === null) return err({ code: "not_found" });
    if (journey.status === "archived") return err({ code: "journey_archived" });
    this.#journeys.addVersion(journey, definition, now);
    return this.read(key);
  }

  change(key: string, change: JourneyChange, now: number): Result<JourneyView, WaypostError> {
    const journey = this.#journeys.find(key);
    if (journey === null) return err({ code: "not_found" });
    if (journey.status === "archived") return change === "archive" ? this.read(key) : err({ code: "journey_archived" });
    switch (change) {
      case "activate":
        if (journey.status !== "active" || journey.publishedVersion !== journey.version) {
          if (this.#isCrowded(journey)) return err(CROWDED);
          const issues = this.#templateIssues(journey);
          if (issues.length > 0) return err({ code: "invalid_journey", issues });
          this.#journeys.activate(journey, now);
        }
        break;
      case "pause":
        if (journey.status === "draft") return err({ code: "journey_not_active" });
        if (journey.status !== "paused") this.#journeys.stop(journey, "paused", now);
        break;
      case "archive":
        this.#journeys.stop(journey, "archived", now);
        break;
      case "release":
        this.#guard.release(journey.id, now);
        break;
    }
    return this.read(key);
  }

  read(key: string): Result<JourneyView, WaypostError> {
    const journey = this.#journeys.find(key);
    return journey === null ? err({ code: "not_found" }) : ok(this.#viewOf(journey));
  }

  list(limit: number, before: string | null): ListPage<JourneyView> {
    const { items, more } = this.#journeys.list(limit, before);
    return { items: items.map((journey) => this.#viewOf(journey)), more };
  }

  /** Whether the event that starts the journey starts as many others as it may. */
  #isCrowded(journey: Journey): boolean {
    const { entry } = this.#journeys.version(journey.id, journey.version).definition;
    return "event" in entry && this.#journeys.countOthers(entry.event, journey.id) >= MAX_JOURNEYS_PER_EVENT;
  }

  /** E-mail steps of the newest version that have nothing to send. */
  #templateIssues(journey: Journey): DefinitionIssue[] {
    const { steps } = this.#journeys.version(journey.id, journey.version).definition;
    const issues = steps.flatMap((step, i): DefinitionIssue[] => {
      if (step.type !== "email") return [];
      const status = this.#templates.statusOf(step.template);
      if (status === "active") return [];
      const message =
        status === null
          ? "There is no template with this key: write it first."
          : "The template is archived: write it again, or name another one.";
      return [{ path: `steps.${i}.template`, stepId: step.id, message }];
    });
    return toldIssues(issues, (message) => ({ path: "steps", stepId: null, message }));
  }

  #viewOf(journey: Journey): JourneyView {
    const { definition } = this.#journeys.version(journey.id, journey.version);
    const { matched, enrolled, skipped, completed, exited, failed, cancelled, converted } = journey.counts;
    // From the counters: a workspace may have a million active runs. That their rows agree is /healthz's to say.
    const active = enrolled - completed - exited - failed - cancelled;
    return {
      id: journey.id,
      key: journey.key,
      name: journey.name,
      status: journey.status,
      version: journey.version,
      publishedVersion: journey.publishedVersion,
      stoppedAt: journey.stoppedAt === null ? null : new Date(journey.stoppedAt).toISOString(),
      definition,
      counts: { matched, enrolled, skipped, active, completed, exited, failed, cancelled, converted },
      createdAt: new Date(journey.createdAt).toISOString(),
      updatedAt: new Date(journey.updatedAt).toISOString(),
    };
  }
}
