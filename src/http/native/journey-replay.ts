// `POST …/replay` lets events of the past into a journey; `POST …/release` lets a stopped journey go on, and can replay
// what its guard kept out.
import { Hono } from "hono";
import * as v from "valibot";
import { uuidV7Ms, UUID_PATTERN } from "../../domain/ids.ts";
import { count, id } from "../answer-fields.ts";
import { askCell, requireStanding } from "../cell-access.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { newId } from "../new-id.ts";
import { described } from "../operation.ts";
import { readCursor, writeCursor } from "../pagination.ts";
import { check } from "../validation.ts";
import { journeyAnswer } from "./journey-view.ts";
import { beginReplay, noteRedriven, runReplay, type ReplayResult } from "./replay-run.ts";
import { dateTime } from "./track-request.ts";

const DEFAULT_EVENTS = 1_000;
const MAX_EVENTS = 10_000;

const LIMIT_MESSAGE = `Must be a whole number from 1 to ${MAX_EVENTS}.`;

const replayRequest = v.object({
  /** On the instant of receipt, inclusive. */
  from: dateTime,
  /** On the instant of receipt, exclusive. */
  to: dateTime,
  dryRun: v.exactOptional(v.boolean("Must be true or false.")),
  limit: v.exactOptional(
    v.pipe(
      v.number(LIMIT_MESSAGE),
      v.integer(LIMIT_MESSAGE),
      v.minValue(1, LIMIT_MESSAGE),
      v.maxValue(MAX_EVENTS, LIMIT_MESSAGE),
    ),
  ),
  /** Where a replay of the same time ended before its end. */
  cursor: v.exactOptional(v.nullable(v.string("Must be a string."))),
});

const releaseRequest = v.object({ replaySkipped: v.exactOptional(v.boolean("Must be true or false.")) });

const replayed = {
  replayId: id,
  /** Stored events that were looked at: `enrolled`, `skipped` and `alreadyDecided` together. */
  events: count,
  enrolled: count,
  /** By reason; `unknown_redacted` where the filter hangs on a value that is no longer kept. */
  skipped: v.record(v.string(), count),
  /** Events left alone: the journey has decided them, or a replay has let them in. */
  alreadyDecided: count,
};

const replayAnswer = v.object({
  ...replayed,
  dryRun: v.boolean(),
  /** To go on with; `null` = all events of the time were looked at. */
  nextCursor: v.nullable(v.string()),
});

const releaseAnswer = v.object({
  ...journeyAnswer.entries,
  /** With `replaySkipped` only. Until it is `complete`, the same call goes on. */
  replay: v.exactOptional(v.object({ ...replayed, complete: v.boolean() })),
});

export const journeyReplay = new Hono<HttpEnv>();

journeyReplay.post(
  "/:key/replay",
  apiKey("journeys:write"),
  described(
    {
      id: "replayJourney",
      summary: "Let events of the past into a journey",
      description:
        "Decides stored events that the journey has not decided, oldest first, as if they came now: on the data as it " +
        "is kept, on profiles as they are, by the version that is published. One event starts a journey at most once, " +
        `however often it is replayed. Takes ${DEFAULT_EVENTS} events unless \`limit\` says otherwise, and about 20 s.`,
      body: {
        schema: replayRequest,
        example: { from: "2026-05-01T00:00:00.000Z", to: "2026-06-01T00:00:00.000Z", dryRun: true },
      },
      answers: { 202: { description: "What became of the events.", body: replayAnswer } },
      errors: ["journey_not_active", "journey_archived"],
    },
    async (c) => {
      const key = c.req.param("key");
      const request = check(replayRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const span = { fromMs: Date.parse(request.from), toMs: Date.parse(request.to) };
      if (span.toMs <= span.fromMs) {
        throw new Failure({ code: "invalid_request", issues: [{ path: "to", message: "Must be later than from." }] });
      }
      const after =
        request.cursor == null ? null : readCursor(request.cursor, (text) => UUID_PATTERN.test(text), "cursor");
      const dryRun = request.dryRun ?? false;
      await requireStanding(c);
      const begun = await beginReplay(c, { key, span, after });
      const replayId = newId();
      const mode = dryRun ? "rehearse" : "admit";
      const result = await runReplay(c, begun, { key, replayId, mode, limit: request.limit ?? DEFAULT_EVENTS, after });
      return c.json({ ...told(replayId, result), dryRun, nextCursor: writeCursor(result.next) }, 202);
    },
  ),
);

journeyReplay.post(
  "/:key/release",
  apiKey("journeys:write"),
  described(
    {
      id: "releaseJourney",
      summary: "Let a journey go on that the runaway guard stopped",
      description:
        "Its entries count from then. Does nothing to a journey that is not stopped. `replaySkipped` decides again what " +
        `the guard kept out, oldest first, up to ${MAX_EVENTS} events; those entries pass the guard and it does not ` +
        "count them. The journey has to be active for that.",
      body: { schema: releaseRequest, example: { replaySkipped: true }, optional: true },
      answers: { 200: { description: "The journey as it is now.", body: releaseAnswer } },
      errors: ["journey_archived", "journey_not_active"],
    },
    async (c) => {
      const key = c.req.param("key");
      const { replaySkipped = false } = check(releaseRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS, {}));
      if (replaySkipped) return c.json(await releaseAndReplay(c, key), 200);
      return c.json(await askCell(c, async (cell, caller) => await cell.changeJourney(caller, key, "release")), 200);
    },
  ),
);

async function releaseAndReplay(c: HttpContext, key: string) {
  const begun = await beginReplay(c, { key, span: "skipped", after: null });
  const replayId = newId();
  const order = { key, replayId, mode: "redrive", limit: MAX_EVENTS, after: null } as const;
  const result = await runReplay(c, begun, order);
  await noteRedriven(c, key, result.next === null ? null : uuidV7Ms(result.next));
  const journey = await askCell(c, async (cell, caller) => await cell.readJourney(caller, key));
  return { ...journey, replay: { ...told(replayId, result), complete: result.next === null } };
}

function told(replayId: string, { events, enrolled, skipped, alreadyDecided }: ReplayResult) {
  return { replayId, events, enrolled, skipped, alreadyDecided };
}
