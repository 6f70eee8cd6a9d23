// `POST /api/v1/journeys/{key}/backtest`: what a version of a journey would have done with the events of a time.
// Reads page by page: events from D1, the people they are about from the cell. Stores nothing.
import { Hono } from "hono";
import * as v from "valibot";
import type { AnsweringPerson } from "../../cell/asking.ts";
import { readEventHistory, type PastEventRow } from "../../d1/event-history.ts";
import { Backtest, type PresentPerson } from "../../domain/backtest.ts";
import { refusalOf } from "../../domain/consent.ts";
import { SKIP_REASONS } from "../../domain/event.ts";
import { listIdentities } from "../../domain/identity.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import { profileScope } from "../../domain/profile-scope.ts";
import { count, id } from "../answer-fields.ts";
import { askCell, askReadModel, requireStanding, workspaceOf } from "../cell-access.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { check } from "../validation.ts";
import { askedVersion, versionNumber } from "./journey-view.ts";
import { dateTime } from "./track-request.ts";

const DEFAULT_EVENTS = 10_000;
const MAX_EVENTS = 100_000;
const PAGE_EVENTS = 500;
const MAX_TIME_MS = 20_000;
/** Calls of D1 and of the cell: one request may make 1,000, and a page with a large payload takes two. */
const MAX_CALLS = 450;

const LIMIT_MESSAGE = `Must be a whole number from 1 to ${MAX_EVENTS}.`;

const backtestRequest = v.object({
  version: askedVersion,
  /** On the instant of receipt, inclusive. */
  from: dateTime,
  /** On the instant of receipt, exclusive. */
  to: dateTime,
  limit: v.exactOptional(
    v.pipe(
      v.number(LIMIT_MESSAGE),
      v.integer(LIMIT_MESSAGE),
      v.minValue(1, LIMIT_MESSAGE),
      v.maxValue(MAX_EVENTS, LIMIT_MESSAGE),
    ),
  ),
});

const reason = v.picklist(["enrolled", ...SKIP_REASONS]);

const backtestAnswer = v.object({
  /** What people were is not kept: every event is decided on the profile as it is today. */
  basis: v.literal("profiles_of_today"),
  version: versionNumber,
  /** All that were looked at: `matched` and `unknownRedacted`. */
  events: count,
  matched: count,
  enrolled: count,
  /** By reason. */
  skipped: v.record(v.string(), count),
  /** Events whose filter hangs on a value that is no longer kept. */
  unknownRedacted: count,
  /** Whether every event of the time was looked at, rather than as many as the limit or the time allowed. */
  complete: v.boolean(),
  /** The first few of each reason. */
  examples: v.array(
    v.object({
      eventId: id,
      profileId: v.nullable(id),
      outcome: v.picklist(["enrolled", "skipped", "unknown_redacted"]),
      reason: v.nullable(reason),
    }),
  ),
});

export const backtest = new Hono<HttpEnv>();

backtest.post(
  "/:key/backtest",
  apiKey("journeys:read"),
  described(
    {
      id: "backtestJourney",
      summary: "Try a journey on events of the past",
      description:
        "Decides the stored events of the journey's event name, oldest first, from an empty history and on profiles as " +
        `they are today. Takes ${DEFAULT_EVENTS} events unless \`limit\` says otherwise. Eventual: an event counts ` +
        "within about a second. Stores nothing.",
      body: {
        schema: backtestRequest,
        example: { from: "2026-05-01T00:00:00.000Z", to: "2026-06-01T00:00:00.000Z", limit: 5_000 },
      },
      answers: { 200: { description: "What the journey would have done.", body: backtestAnswer } },
    },
    async (c) => {
      const key = c.req.param("key");
      const request = check(backtestRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const span = { fromMs: Date.parse(request.from), toMs: Date.parse(request.to) };
      if (span.toMs <= span.fromMs) throw invalid("to", "Must be later than from.");
      await requireStanding(c);
      const asked = await askCell(c, async (cell, caller) => {
        return await cell.readVersion(caller, key, request.version ?? null);
      });
      const { entry } = asked.definition;
      if (!("event" in entry)) {
        throw invalid("version", "Must be a version that an event starts: this one starts by trigger alone.");
      }
      const named = { id: asked.journeyId, key: asked.key, version: asked.version };
      const test = new Backtest(named, asked.definition, asked.workspaceLimit);
      const complete = await run(c, test, { event: entry.event, span, limit: request.limit ?? DEFAULT_EVENTS });
      return c.json({ basis: "profiles_of_today", version: asked.version, ...test.result, complete }, 200);
    },
  ),
);

/** @returns whether every event of the time was taken */
async function run(
  c: HttpContext,
  test: Backtest,
  { event, span, limit }: { event: string; span: { fromMs: number; toMs: number }; limit: number },
): Promise<boolean> {
  const { db } = c.get("services");
  const people = new People(c);
  const endsAt = Date.now() + MAX_TIME_MS;
  let after: string | null = null;
  for (let pages = 0; ; pages++) {
    const left = limit - test.result.events;
    const wanted = Math.min(PAGE_EVENTS, left + 1);
    const from: string | null = after;
    const events: PastEventRow[] = await askReadModel(
      async () => await readEventHistory(db, workspaceOf(c), event, span, from, wanted),
    );
    if (events.length === 0) return true;
    for (const [at, row] of events.entries()) {
      if (test.result.events >= limit) return false;
      if (Date.now() > endsAt || pages + people.calls > MAX_CALLS) return false;
      const person = row.profile_id === null ? null : await people.find(row.profile_id, events.slice(at));
      test.take(pastEventOf(row), person);
      after = row.event_id;
    }
  }
}

/** The people that events are about; those of one answer of the cell at a time, which is as much as fits in memory. */
class People {
  readonly #c: HttpContext;
  #known = new Map<string, PresentPerson | null>();
  /** Calls of the cell so far. */
  calls = 0;

  constructor(c: HttpContext) {
    this.#c = c;
  }

  /** @param ahead  events that come, this one first: their people are asked for together */
  async find(profileId: string, ahead: readonly PastEventRow[]): Promise<PresentPerson | null> {
    const known = this.#known.get(profileId);
    if (known !== undefined) return known;
    const ids = [...new Set(ahead.map((row) => row.profile_id).filter((one) => one !== null))];
    const answers = await askCell(this.#c, async (cell, caller) => await cell.readPeople(caller, ids));
    this.calls += 1;
    this.#known = new Map(answers.map((answer) => [answer.askedId, presentPerson(answer)]));
    return this.#known.get(profileId) ?? null;
  }
}

function presentPerson({ profile }: AnsweringPerson): PresentPerson | null {
  if (profile === null) return null;
  const { identities, propertiesJson, refusals } = profile;
  const kinds = new Set(listIdentities(identities).map(({ kind }) => kind));
  const readable = { email: identities.emails[0] ?? null, externalId: identities.externalId };
  let scope: Json | undefined;
  return {
    id: profile.id,
    has: (kind) => kinds.has(kind),
    suppressed: (transactional) => refusalOf(refusals, transactional) !== null,
    scope: () => (scope ??= profileScope(JSON.parse(propertiesJson) as JsonObject, readable)),
  };
}

function pastEventOf({ event_id, profile_id, data, redacted_data_paths: paths }: PastEventRow) {
  const redactedPaths = paths === null ? [] : (JSON.parse(paths) as string[]);
  return { id: event_id, profileId: profile_id, dataJson: data, redactedPaths };
}

function invalid(path: string, message: string): Failure {
  return new Failure({ code: "invalid_request", issues: [{ path, message }] });
}
