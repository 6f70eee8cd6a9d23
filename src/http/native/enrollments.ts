// One enrollment, in its cell: read exactly and at once, with the timeline; cancelled; moved to another version.
import { Hono } from "hono";
import * as v from "valibot";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { check } from "../validation.ts";
import { enrollmentAnswer, enrollmentView, stepName, versionNumber } from "./enrollment-view.ts";

const migrateRequest = v.object({
  version: versionNumber,
  /** The step to begin anew; without it the run stays where it is. */
  stepId: v.optional(stepName),
  dryRun: v.optional(v.boolean("Must be true or false.")),
});

const place = v.object({ version: v.number(), stepId: v.nullable(v.string()) });

const migrateAnswer = v.object({ from: place, to: place, changes: v.array(v.string()), applied: v.boolean() });

export const enrollments = new Hono<HttpEnv>();

enrollments.get(
  "/:id",
  apiKey("journeys:read"),
  described(
    {
      id: "readEnrollment",
      summary: "Read an enrollment with its timeline",
      answers: { 200: { description: "The enrollment.", body: enrollmentAnswer } },
    },
    async (c) => {
      const id = c.req.param("id");
      const enrollment = await askCell(c, async (cell, caller) => await cell.readEnrollment(caller, id));
      return c.json(enrollmentView(enrollment), 200);
    },
  ),
);

enrollments.post(
  "/:id/cancel",
  apiKey("journeys:write"),
  described(
    {
      id: "cancelEnrollment",
      summary: "End a run",
      description: "Status `cancelled`. A run that has ended already is answered as it is.",
      answers: { 200: { description: "The enrollment as it is now.", body: enrollmentAnswer } },
    },
    async (c) => {
      const id = c.req.param("id");
      const enrollment = await askCell(c, async (cell, caller) => await cell.cancelEnrollment(caller, id));
      return c.json(enrollmentView(enrollment), 200);
    },
  ),
);

enrollments.post(
  "/:id/migrate",
  apiKey("journeys:write"),
  described(
    {
      id: "migrateEnrollment",
      summary: "Move a run to another version of its journey",
      description:
        "Without `stepId` the run stays at the step it is at, and keeps on waiting. With `dryRun` nothing is changed, " +
        "and the answer says what would be. 422 `not_eligible`: the run has ended (`not_active`), there is no such " +
        "version (`no_such_version`), or the version has no such step (`no_such_step`).",
      body: { schema: migrateRequest, example: { version: 2, dryRun: true } },
      answers: { 200: { description: "What became different, or would.", body: migrateAnswer } },
      errors: ["not_eligible"],
    },
    async (c) => {
      const id = c.req.param("id");
      const {
        version,
        stepId = null,
        dryRun = false,
      } = check(migrateRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const request = { version, stepId, dryRun };
      // Moved a second time, a run that was to begin a step would begin it again.
      const repeatable = dryRun || stepId === null;
      return c.json(
        await askCell(c, async (cell, caller) => await cell.migrateEnrollment(caller, id, request), repeatable),
        200,
      );
    },
  ),
);
