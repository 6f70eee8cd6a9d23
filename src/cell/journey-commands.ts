// What an operator does to journeys: write, edit, activate, pause, archive. Each takes effect for every event
// accepted after it was answered.
import type { WaypostError } from "../domain/errors.ts";
import type { JourneyDefinition } from "../domain/journey.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { Journey, JourneyStore } from "./journey-store.ts";

/** A journey as it is answered: instants ISO 8601. */
export interface JourneyView {
  id: string;
  key: string;
  name: string;
  status: Journey["status"];
  version: number;
  publishedVersion: number | null;
  definition: JourneyDefinition;
  counts: Journey["counts"] & { active: number };
  createdAt: string;
  updatedAt: string;
}

export type JourneyChange = "activate" | "pause" | "archive";

export class JourneyCommands {
  readonly #journeys: JourneyStore;
  readonly #enrollments: EnrollmentStore;
  readonly #newId: () => string;

  constructor(parts: { journeys: JourneyStore; enrollments: EnrollmentStore; newId: () => string }) {
    this.#journeys = parts.journeys;
    this.#enrollments = parts.enrollments;
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
    }
    return this.read(key);
  }

  read(key: string): Result<JourneyView, WaypostError> {
    const journey = this.#journeys.find(key);
    return journey === null ? err({ code: "not_found" }) : ok(this.#viewOf(journey));
  }

  list(limit: number, before: string | null): JourneyView[] {
    return this.#journeys.list(limit, before).map((journey) => this.#viewOf(journey));
  }

  #viewOf(journey: Journey): JourneyView {
    const { definition } = this.#journeys.version(journey.id, journey.version);
    const { matched, enrolled, skipped, completed, exited, failed, cancelled, converted } = journey.counts;
    const active = this.#enrollments.countActive(journey.id);
    return {
      id: journey.id,
      key: journey.key,
      name: journey.name,
      status: journey.status,
      version: journey.version,
      publishedVersion: journey.publishedVersion,
      definition,
      counts: { matched, enrolled, skipped, active, completed, exited, failed, cancelled, converted },
      createdAt: new Date(journey.createdAt).toISOString(),
      updatedAt: new Date(journey.updatedAt).toISOString(),
    };
  }
}
