// The merges of a profile: what was done, and undoing it.
import { Hono } from "hono";
import * as v from "valibot";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { cursorAfter, listOf, readPage } from "../pagination.ts";
import { check, profileId } from "../validation.ts";
import { mergeAnswer, mergeView } from "./merge-view.ts";
import { profileAnswer, profileJson } from "./profile-view.ts";

const unmergeRequest = v.object({
  /** The profile that was merged away. */
  mergedId: profileId,
});

const unmergeAnswer = v.object({
  /** The profile that had answered for both. */
  survivor: profileAnswer,
  /** The profile that was merged away. */
  restored: profileAnswer,
});

export const profileMerges = new Hono<HttpEnv>();

profileMerges.get(
  "/:id/merges",
  apiKey("profiles:read"),
  described(
    {
      id: "listMerges",
      summary: "List the merges that a profile had a part in, newest first",
      description:
        "Those of the profiles merged into it too, and those that were undone. The id of a profile that was merged away " +
        "answers for the survivor. Exact at once.",
      paged: true,
      answers: { 200: { description: "A page of merges.", body: listOf(mergeAnswer) } },
    },
    async (c) => {
      const id = c.req.param("id");
      const { limit, before } = readPage(c, (text) => UUID_PATTERN.test(text));
      const page = await askCell(c, async (cell, caller) => await cell.listMerges(caller, id, limit, before));
      return c.json({ items: page.items.map(mergeView), nextCursor: cursorAfter(page, (last) => last.id) }, 200);
    },
  ),
);

profileMerges.post(
  "/:id/unmerge",
  apiKey("profiles:write"),
  described(
    {
      id: "unmergeProfile",
      summary: "Undo a merge",
      description:
        "The profile of `mergedId` lives again as it was at the merge: its identities, properties, events and enrollments " +
        "go back to it. What came since stays with the survivor. All of it goes back, or nothing: where the log no " +
        "longer allows it, the answer is 422 `not_eligible` with a `details.reason`.",
      body: { schema: unmergeRequest, example: { mergedId: "019a0e2b-3c4d-7e8f-9a0b-1c2d3e4f5a6b" } },
      answers: { 200: { description: "Both profiles as they are now.", body: unmergeAnswer } },
      errors: ["not_eligible"],
    },
    async (c) => {
      const id = c.req.param("id");
      const { mergedId } = check(unmergeRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      // Not repeated: the second call would be refused, because the first undid it.
      const undone = await askCell(c, async (cell, caller) => await cell.unmergeProfile(caller, id, mergedId), false);
      const body = `{"survivor":${profileJson(undone.survivor)},"restored":${profileJson(undone.restored)}}`;
      return c.body(body, 200, { "content-type": "application/json" });
    },
  ),
);
