// Journeys: written, published, stopped and read in their cell; who runs through them is listed from D1.
import { Hono } from "hono";
import * as v from "valibot";
import type { JourneyChange } from "../../cell/journey-commands.ts";
import { listEnrollments, type EnrollmentFilters } from "../../d1/enrollments.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { journeyDefinitionSchema } from "../../domain/journey.ts";
import { askCell, askReadModel, workspaceOf } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { JOURNEY_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described, type Operation } from "../operation.ts";
import { cursorAfter, listOf, readPage, writeCursor } from "../pagination.ts";
import { check, profileId, shortText } from "../validation.ts";
import { ENROLLMENT_STATUSES, enrollmentItem, enrollmentItemView } from "./enrollment-view.ts";
import {
  definitionOf,
  EXAMPLE_JOURNEY,
  journeyAnswer,
  journeyVersionAnswer,
  journeyVersionView,
} from "./journey-view.ts";
import { journeyReplay } from "./journey-replay.ts";
import { familyOf } from "./profile-family.ts";

const VERSION_PATTERN = /^[1-9]\d{0,9}$/;

const enrollmentQuery = v.object({
  status: v.exactOptional(v.picklist(ENROLLMENT_STATUSES, `Must be one of ${ENROLLMENT_STATUSES.join(", ")}.`)),
  profileId: v.exactOptional(profileId),
  stepId: v.exactOptional(shortText),
  version: v.exactOptional(v.pipe(v.string(), v.regex(VERSION_PATTERN, "Must be the number of a version."))),
});

/** Releasing is told in journey-replay.ts. */
type PlainChange = Exclude<JourneyChange, "release">;

const CHANGES: Record<PlainChange, Pick<Operation, "summary" | "description" | "errors">> = {
  activate: {
    summary: "Publish the newest version and take events",
    description: "Holds for every event accepted afterwards; runs that began stay on their version.",
    errors: ["invalid_journey", "journey_archived"],
  },
  pause: {
    summary: "Take no more events",
    description: "Runs that began stay. A draft cannot be paused: 422 `journey_not_active`.",
    errors: ["journey_archived", "journey_not_active"],
  },
  archive: { summary: "End a journey for good", description: "Final: it takes no event and no change any more." },
};

export const journeys = new Hono<HttpEnv>();

journeys.post(
  "/",
  apiKey("journeys:write"),
  described(
    {
      id: "createJourney",
      summary: "Write a new journey",
      description: "It is a draft until it is activated.",
      body: { schema: journeyDefinitionSchema, example: EXAMPLE_JOURNEY },
      answers: { 201: { description: "The journey, status draft, version 1.", body: journeyAnswer } },
      errors: ["invalid_journey", "already_exists"],
    },
    async (c) => {
      const definition = definitionOf(await readJsonObject(c.req.raw, JOURNEY_LIMITS), c.get("services"));
      const journey = await askCell(c, async (cell, caller) => await cell.createJourney(caller, definition), false);
      return c.json(journey, 201);
    },
  ),
);

journeys.get(
  "/",
  apiKey("journeys:read"),
  described(
    {
      id: "listJourneys",
      summary: "List journeys, newest first",
      paged: true,
      answers: { 200: { description: "A page of journeys.", body: listOf(journeyAnswer) } },
    },
    async (c) => {
      const { limit, before } = readPage(c, (text) => UUID_PATTERN.test(text));
      const page = await askCell(c, async (cell, caller) => await cell.listJourneys(caller, limit, before));
      return c.json({ items: page.items, nextCursor: cursorAfter(page, (last) => last.id) }, 200);
    },
  ),
);

journeys.get(
  "/:key",
  apiKey("journeys:read"),
  described(
    {
      id: "readJourney",
      summary: "Read a journey with its counts",
      answers: { 200: { description: "The journey.", body: journeyAnswer } },
    },
    async (c) => {
      const key = c.req.param("key");
      return c.json(await askCell(c, async (cell, caller) => await cell.readJourney(caller, key)), 200);
    },
  ),
);

journeys.put(
  "/:key",
  apiKey("journeys:write"),
  described(
    {
      id: "editJourney",
      summary: "Write a new version of a journey",
      description: "An active journey goes on with its published version until it is activated again.",
      body: { schema: journeyDefinitionSchema, example: EXAMPLE_JOURNEY },
      answers: { 200: { description: "The journey with its new version.", body: journeyAnswer } },
      errors: ["invalid_journey", "journey_archived"],
    },
    async (c) => {
      const key = c.req.param("key");
      const definition = definitionOf(await readJsonObject(c.req.raw, JOURNEY_LIMITS), c.get("services"));
      if (definition.key !== key) {
        throw new Failure({
          code: "invalid_request",
          issues: [{ path: "key", message: "Must be the key in the path: a journey keeps its key." }],
        });
      }
      // A second version, should it be done twice, would be one too many.
      return c.json(
        await askCell(c, async (cell, caller) => await cell.editJourney(caller, key, definition), false),
        200,
      );
    },
  ),
);

for (const change of Object.keys(CHANGES) as PlainChange[]) {
  journeys.post(
    `/:key/${change}`,
    apiKey("journeys:write"),
    described(
      {
        id: `${change}Journey`,
        ...CHANGES[change],
        answers: { 200: { description: "The journey as it is now.", body: journeyAnswer } },
      },
      async (c) => {
        const key = c.req.param("key");
        // Where people reach this deployment, for the links in what the journey sends.
        const { origin } = new URL(c.req.url);
        return c.json(
          await askCell(c, async (cell, caller) => await cell.changeJourney(caller, key, change, origin)),
          200,
        );
      },
    ),
  );
}

journeys.get(
  "/:key/versions",
  apiKey("journeys:read"),
  described(
    {
      id: "listJourneyVersions",
      summary: "List a journey's versions, newest first",
      paged: true,
      answers: { 200: { description: "A page of versions.", body: listOf(journeyVersionAnswer) } },
    },
    async (c) => {
      const key = c.req.param("key");
      const { limit, before } = readPage(c, (text) => VERSION_PATTERN.test(text));
      const position = before === null ? null : Number(before);
      const page = await askCell(
        c,
        async (cell, caller) => await cell.listJourneyVersions(caller, key, limit, position),
      );
      const nextCursor = cursorAfter(page, (last) => String(last.version));
      return c.json({ items: page.items.map(journeyVersionView), nextCursor }, 200);
    },
  ),
);

journeys.get(
  "/:key/enrollments",
  apiKey("journeys:read"),
  described(
    {
      id: "listEnrollments",
      summary: "List a journey's enrollments, newest first",
      description: "Eventual: an enrollment is listed within about a second. `profileId` covers merged profiles too.",
      query: enrollmentQuery,
      paged: true,
      answers: { 200: { description: "A page of enrollments.", body: listOf(enrollmentItem) } },
    },
    async (c) => {
      const key = c.req.param("key");
      const page = readPage(c, (text) => UUID_PATTERN.test(text));
      const { profileId: person, version, ...others } = check(enrollmentQuery, c.req.query(), "query");
      const journey = await askCell(c, async (cell, caller) => await cell.readJourney(caller, key));
      const filters: EnrollmentFilters = others;
      if (version !== undefined) filters.version = Number(version);
      if (person !== undefined) filters.profileIds = await familyOf(c, person);
      const { rows, next } = await askReadModel(
        async () => await listEnrollments(c.get("services").db, workspaceOf(c), journey.id, filters, page),
      );
      return c.json({ items: rows.map(enrollmentItemView), nextCursor: writeCursor(next) }, 200);
    },
  ),
);

journeys.route("/", journeyReplay);
