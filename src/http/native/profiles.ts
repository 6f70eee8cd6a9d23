// Profiles: one by id from its cell, exact at once; lists, searches and a profile's events from D1.
import { Hono } from "hono";
import * as v from "valibot";
import { listProfiles } from "../../d1/profiles.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { askCell, askReadModel, requireStanding, workspaceOf } from "../cell-access.ts";
import { count } from "../answer-fields.ts";
import type { HttpEnv } from "../context.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { listOf, readPage } from "../pagination.ts";
import { check } from "../validation.ts";
import { listedEventAnswer } from "./event-view.ts";
import { eventPage } from "./events.ts";
import { profileErase } from "./profile-erase.ts";
import { profileExport } from "./profile-export.ts";
import { profileConsent } from "./profile-consent.ts";
import { profileMerges } from "./profile-merges.ts";
import { profileCursor, profilePageOf, profileQueryOf, profileSearch } from "./profile-search.ts";
import { profileUpsert } from "./profile-upsert.ts";
import { profileAnswer, profileJson, profileRowJson } from "./profile-view.ts";

const JSON_TYPE = { "content-type": "application/json" };

const profileListAnswer = v.object({
  profiles: v.array(profileAnswer),
  /** All that match, on every page. */
  profileCount: count,
  previousCursor: v.nullable(v.string()),
  nextCursor: v.nullable(v.string()),
});

export const profiles = new Hono<HttpEnv>();

profiles.post(
  "/",
  apiKey("profiles:read"),
  described(
    {
      id: "listProfiles",
      summary: "List or search profiles, newest first",
      description:
        "Not a create: profiles come from events. An empty body lists all. `search` is part of an e-mail, phone or " +
        "external id, letter case aside. Eventual: a change is found within about a second.",
      body: { schema: profileSearch, example: { search: "alex@", limit: 20 }, optional: true },
      answers: { 200: { description: "A page of profiles.", body: profileListAnswer } },
    },
    async (c) => {
      const request = check(profileSearch, await readJsonObject(c.req.raw, NATIVE_LIMITS, {}));
      const page = profilePageOf(request);
      await requireStanding(c);
      const found = await askReadModel(
        async () => await listProfiles(c.get("services").db, workspaceOf(c), profileQueryOf(request), page),
      );
      // The read model knows nothing of consent: who may be written to is the cell's to say, as of now.
      const ids = found.rows.map(({ profile_id }) => profile_id);
      const standings = new Map(await askCell(c, async (cell, caller) => await cell.readStandings(caller, ids)));
      const previous = profileCursor("previous", found.previous);
      const next = profileCursor("next", found.next);
      const body =
        `{"profiles":[${found.rows.map((row) => profileRowJson(row, standings.get(row.profile_id))).join(",")}],"profileCount":${found.count},` +
        `"previousCursor":${JSON.stringify(previous)},"nextCursor":${JSON.stringify(next)}}`;
      return c.body(body, 200, JSON_TYPE);
    },
  ),
);

profiles.get(
  "/:id",
  apiKey("profiles:read"),
  described(
    {
      id: "readProfile",
      summary: "Read a profile",
      description: "The id of a profile that was merged away answers the survivor.",
      answers: { 200: { description: "The profile.", body: profileAnswer } },
    },
    async (c) => {
      const id = c.req.param("id");
      const profile = await askCell(c, async (cell, caller) => await cell.readProfile(caller, id));
      return c.body(profileJson(profile), 200, JSON_TYPE);
    },
  ),
);

profiles.get(
  "/:id/events",
  apiKey("profiles:read"),
  described(
    {
      id: "listProfileEvents",
      summary: "List a profile's events, newest first",
      description: "Covers the profiles merged into it. Eventual: an event is listed within about a second.",
      paged: true,
      answers: { 200: { description: "A page of events.", body: listOf(listedEventAnswer) } },
    },
    async (c) => {
      const id = c.req.param("id");
      const page = readPage(c, (text) => UUID_PATTERN.test(text));
      const profile = await askCell(c, async (cell, caller) => await cell.readProfile(caller, id));
      return await eventPage(c, { profileIds: [profile.id, ...profile.mergedFrom] }, page);
    },
  ),
);

profiles.route("/", profileErase);
profiles.route("/", profileConsent);
profiles.route("/", profileMerges);
profiles.route("/", profileUpsert);
profiles.route("/", profileExport);
