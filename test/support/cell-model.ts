// A workspace as plain maps and lists, written from the rules of docs/architecture.md and not from the code under
// test: keys, people and enrollments. It says what a cell must answer and what must be there in the end.
import type { SentIdentities } from "../../src/domain/profile.ts";

const RANKS = ["externalId", "email", "phone", "anonymousId"] as const;
type Kind = (typeof RANKS)[number];
const MOST: Record<Kind, number> = { externalId: 1, email: 5, phone: 1, anonymousId: 50 };

export interface ModelRequest {
  event: string;
  identities: SentIdentities;
  properties: Record<string, string | null>;
}

export interface ModelPerson {
  name: number;
  /** Newest first. */
  owned: Record<Kind, string[]>;
  properties: Record<string, string>;
  mergedInto: ModelPerson | null;
  mergedFrom: ModelPerson[];
}

export interface ModelRun {
  journey: string;
  version: number;
  person: ModelPerson;
  status: "active" | "exited";
  startedAt: number;
  /** What its journey counts it by; `null` = by the person alone. */
  countedBy: string | null;
}

export interface ModelJourney {
  key: string;
  event: string;
  active: boolean;
  version: number;
  /** The plan a person must have, or `null`. */
  plan: string | null;
  /** `null` = never again. */
  againAfterMs: number | null;
  maxActive: number;
  /** The property that re-entry and active runs are counted by. */
  countBy?: string;
  cap?: { enrollments: number; perMs: number };
  requires?: Kind;
}

export type ModelAnswer =
  | { kind: "conflict" }
  | { kind: "accepted"; replayed: boolean; event: number; person: ModelPerson; reasons: string[] };

export class CellModel {
  readonly journeys: ModelJourney[];
  readonly people: ModelPerson[] = [];
  readonly runs: ModelRun[] = [];
  readonly events: { request: ModelRequest; person: ModelPerson }[] = [];
  readonly #keys = new Map<string, { request: string; answer: Extract<ModelAnswer, { kind: "accepted" }> }>();
  readonly #owners = new Map<string, ModelPerson>();
  #now = 0;

  constructor(journeys: ModelJourney[]) {
    this.journeys = journeys;
  }

  /** @param clock  what the clock says; time in a cell never goes back */
  accept(key: string, request: ModelRequest, clock: number): ModelAnswer {
    const known = this.#keys.get(key);
    if (known !== undefined) {
      return known.request === textOf(request) ? { ...known.answer, replayed: true } : { kind: "conflict" };
    }
    this.#now = Math.max(this.#now, clock);
    const person = this.#resolve(request.identities);
    for (const [name, value] of Object.entries(request.properties)) {
      if (value === null) delete person.properties[name];
      else person.properties[name] = value;
    }
    const listening = this.journeys.filter(({ active, event }) => active && event === request.event);
    const reasons = listening.map((journey) => this.#enter(journey, person));
    const event = this.events.push({ request, person }) - 1;
    const answer = { kind: "accepted", replayed: false, event, person, reasons } as const;
    this.#keys.set(key, { request: textOf(request), answer });
    return answer;
  }

  counts(key: string): { enrolled: number; active: number; exited: number } {
    const runs = this.runs.filter(({ journey }) => journey === key);
    const active = runs.filter(({ status }) => status === "active").length;
    return { enrolled: runs.length, active, exited: runs.length - active };
  }

  #resolve(sent: SentIdentities): ModelPerson {
    const kinds = RANKS.filter((kind) => sent[kind] !== undefined);
    const [top] = kinds as [Kind];
    const ownerOf = (kind: Kind) => this.#owners.get(`${kind}:${sent[kind]}`);
    const notBelow = RANKS.slice(0, RANKS.indexOf(top) + 1);
    const isKnownBetter = (person: ModelPerson) => notBelow.some((kind) => person.owned[kind].length > 0);

    const lower = kinds.slice(1);
    const promotable = lower.find((kind) => {
      const owner = ownerOf(kind);
      if (owner === undefined) return false;
      return kind === "anonymousId" ? !isKnownBetter(owner) : owner.owned[top].length === 0;
    });
    const survivor = ownerOf(top) ?? (promotable === undefined ? undefined : ownerOf(promotable)) ?? this.#newPerson();
    const merges = new Set(
      lower.map(ownerOf).filter((owner) => owner !== undefined && owner !== survivor && !mayNotMerge(owner)),
    );
    function mayNotMerge(owner: ModelPerson): boolean {
      return isKnownBetter(owner);
    }

    const unowned = kinds.filter((kind) => ownerOf(kind) === undefined);
    for (const merged of merges) this.#merge(survivor, merged as ModelPerson);
    for (const kind of kinds) {
      const value = sent[kind] as string;
      const mine = survivor.owned[kind];
      const isNew = unowned.includes(kind) || (merges.size > 0 && kind === "email" && mine.includes(value));
      const camePhone = merges.size > 0 && kind === "phone" && mine.includes(value);
      const cameDevice =
        kind === "anonymousId" && [...merges].some((merged) => merged?.owned.anonymousId.includes(value));
      if (isNew || camePhone || cameDevice) survivor.owned[kind] = [value, ...mine.filter((one) => one !== value)];
    }
    for (const kind of RANKS) {
      for (const gone of survivor.owned[kind].slice(MOST[kind])) this.#owners.delete(`${kind}:${gone}`);
      survivor.owned[kind] = survivor.owned[kind].slice(0, MOST[kind]);
      for (const value of survivor.owned[kind]) this.#owners.set(`${kind}:${value}`, survivor);
    }
    return survivor;
  }

  #newPerson(): ModelPerson {
    const owned = { externalId: [], email: [], phone: [], anonymousId: [] };
    const person = { name: this.people.length, owned, properties: {}, mergedInto: null, mergedFrom: [] };
    this.people.push(person);
    return person;
  }

  #merge(survivor: ModelPerson, merged: ModelPerson): void {
    merged.mergedInto = survivor;
    survivor.mergedFrom.push(...merged.mergedFrom, merged);
    survivor.properties = { ...merged.properties, ...survivor.properties };
    for (const kind of RANKS) survivor.owned[kind] = [...survivor.owned[kind], ...merged.owned[kind]];
    const placeOf = ({ journey, countedBy }: ModelRun): string => `${journey} ${countedBy}`;
    const running = new Set(this.#activeOf(survivor).map(placeOf));
    for (const run of this.#activeOf(merged)) {
      if (running.has(placeOf(run))) run.status = "exited";
      else run.person = survivor;
    }
  }

  #activeOf(person: ModelPerson): ModelRun[] {
    return this.runs.filter((run) => run.person === person && run.status === "active");
  }

  #enter(journey: ModelJourney, person: ModelPerson): string {
    if (journey.plan !== null && person.properties.plan !== journey.plan) return "filter_failed";
    const countedBy = journey.countBy === undefined ? null : (person.properties[journey.countBy] ?? null);
    if (journey.countBy !== undefined && countedBy === null) return "key_missing";
    if (journey.requires !== undefined && person.owned[journey.requires].length === 0) return "identity_required";
    const family = [person, ...person.mergedFrom];
    const all = this.runs.filter((run) => run.journey === journey.key && family.includes(run.person));
    const before = all.filter((run) => run.countedBy === countedBy);
    if (before.filter(({ status }) => status === "active").length >= journey.maxActive) return "already_active";
    const last = Math.max(...before.map(({ startedAt }) => startedAt));
    if (before.length > 0 && journey.againAfterMs === null) return "already_enrolled";
    if (before.length > 0 && this.#now < last + (journey.againAfterMs ?? 0)) return "cooldown";
    const { cap } = journey;
    const lately = all.filter(({ startedAt }) => cap !== undefined && startedAt > this.#now - cap.perMs);
    if (cap !== undefined && lately.length >= cap.enrollments) return "capped";
    const run = { journey: journey.key, version: journey.version, person, startedAt: this.#now, countedBy };
    this.runs.push({ ...run, status: "active" });
    return "enrolled";
  }
}

/** A request as text, whatever the order of its names. */
function textOf({ event, identities, properties }: ModelRequest): string {
  return JSON.stringify([
    event,
    ...[identities, properties].map((names) =>
      Object.keys(names)
        .toSorted()
        .map((name) => [name, names[name as never]]),
    ),
  ]);
}
