// What is done with a journey's runs, real and imagined: cancelling many of them, and simulating.
import { Hono } from "hono";
import * as v from "valibot";
import type { CancelFilter } from "../../cell/enrollment-commands.ts";
import { simulate } from "../../domain/simulate.ts";
import { listOf } from "../../domain/shapes.ts";
import { count } from "../answer-fields.ts";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { JOURNEY_LIMITS, NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { check, profileId } from "../validation.ts";
import { ENROLLMENT_STATUSES, stepName, versionNumber } from "./enrollment-view.ts";
import { EXAMPLE_SIMULATION, scriptOf, simulateAnswer, simulateRequest, simulationView } from "./simulate-view.ts";
import { dateTime } from "./track-request.ts";

const MAX_CANCELLED_PEOPLE = 500;

const cancelRequest = v.pipe(
  v.object({
    status: v.exactOptional(v.picklist(ENROLLMENT_STATUSES, `Must be one of ${ENROLLMENT_STATUSES.join(", ")}.`)),
    profileIds: v.exactOptional(
      listOf(profileId, MAX_CANCELLED_PEOPLE, `Must be an array of at most ${MAX_CANCELLED_PEOPLE} ids of profiles.`),
    ),
    version: v.exactOptional(versionNumber),
    stepId: v.exactOptional(stepName),
    startedBefore: v.exactOptional(dateTime),
  }),
  v.check(
    (filter) => Object.keys(filter).length > 0,
    "Must say which runs: status, profileIds, version, stepId or startedBefore.",
  ),
);

export const journeyRuns = new Hono<HttpEnv>();

journeyRuns.post(
  "/:key/enrollments/cancel",
  apiKey("journeys:write"),
  described(
    {
      id: "cancelEnrollments",
      summary: "End the runs that a filter means",
      description:
        "All fields that are present must hold; at least one must be. Only active runs can be cancelled, so any other " +
        "`status` means none. `profileIds` cover merged profiles too. Many runs are ended in slices: a call that was " +
        "cut off has ended some of them, and can be sent again.",
      body: { schema: cancelRequest, example: { stepId: "rest", startedBefore: "2026-05-31T12:00:00.000Z" } },
      answers: { 200: { description: "How many runs were ended.", body: v.object({ cancelled: count }) } },
    },
    async (c) => {
      const key = c.req.param("key");
      const request = check(cancelRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const { status = "active", startedBefore, ...others } = request;
      const filter: CancelFilter = others;
      if (startedBefore !== undefined) filter.startedBefore = Date.parse(startedBefore);
      // Nothing has started before this.
      if (status !== "active") filter.startedBefore = Number.MIN_SAFE_INTEGER;
      const cancelled = await askCell(c, async (cell, caller) => await cell.cancelEnrollments(caller, key, filter));
      return c.json({ cancelled }, 200);
    },
  ),
);

journeyRuns.post(
  "/:key/simulate",
  apiKey("journeys:read"),
  described(
    {
      id: "simulateJourney",
      summary: "Play a script of events through a journey, in virtual time",
      description:
        "The same rules as live events and runs, over a script instead of a clock; nothing is stored and nothing is " +
        "sent. Without `version` the published one, else the newest; without `until` until nothing happens any more; `seed` leads to other " +
        "ways at splits. The person has no past. Deliveries are taken to be sent at once.",
      body: { schema: simulateRequest, example: EXAMPLE_SIMULATION },
      answers: { 200: { description: "What would happen.", body: simulateAnswer } },
    },
    async (c) => {
      const key = c.req.param("key");
      const request = check(simulateRequest, await readJsonObject(c.req.raw, JOURNEY_LIMITS));
      const { version = null } = request;
      const journey = await askCell(c, async (cell, caller) => await cell.readVersion(caller, key, version));
      return c.json(simulationView(simulate(scriptOf(request, journey))), 200);
    },
  ),
);
