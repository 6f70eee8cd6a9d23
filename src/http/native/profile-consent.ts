// Whether a person is written to, decided for them: suppressing somebody and taking it back, and the list of all.
import { Hono } from "hono";
import * as v from "valibot";
import { SUPPRESSION_REASONS } from "../../domain/consent.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import type { SuppressionEntry } from "../../domain/suppression.ts";
import { id, instant } from "../answer-fields.ts";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { cursorAfter, listOf, readPage } from "../pagination.ts";
import { check, shortText } from "../validation.ts";
import { profileAnswer, profileJson } from "./profile-view.ts";

const JSON_TYPE = { "content-type": "application/json" };

const suppressRequest = v.object({
  reason: v.picklist(SUPPRESSION_REASONS, `Must be one of ${SUPPRESSION_REASONS.join(", ")}.`),
  /** What the receiving server said, such as `5.1.1`. */
  diagnosticCode: v.exactOptional(v.nullable(shortText)),
});

export const suppressionItem = v.object({
  /** `null` = it is about the person alone. */
  email: v.nullable(v.string()),
  reason: v.picklist(SUPPRESSION_REASONS),
  at: instant,
  /** Who answers for it now; `null` = nobody, or somebody erased. */
  profileId: v.nullable(id),
});

/** A suppression as it is answered. */
export function suppressionView(entry: SuppressionEntry): v.InferOutput<typeof suppressionItem> {
  const { email, reason, at, profileId } = entry;
  return { email, reason, at: new Date(at).toISOString(), profileId };
}

export const profileConsent = new Hono<HttpEnv>();

profileConsent.post(
  "/:id/suppress",
  apiKey("profiles:write"),
  described(
    {
      id: "suppressProfile",
      summary: "Write to a person no more",
      description:
        "Effective for every message that is not with its sender yet. `bounce` is about the person's own address, the " +
        "others about all addresses of theirs, and those that come. Transactional e-mails pass over `unsubscribe`, and " +
        "over nothing else. Saying it again changes nothing but a diagnostic code.",
      body: { schema: suppressRequest, example: { reason: "manual" } },
      answers: { 200: { description: "The profile.", body: profileAnswer } },
      errors: ["not_eligible"],
    },
    async (c) => {
      const profileId = c.req.param("id");
      const { reason, diagnosticCode = null } = check(suppressRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const profile = await askCell(
        c,
        async (cell, caller) => await cell.suppressProfile(caller, profileId, { reason, diagnosticCode }),
      );
      return c.body(profileJson(profile), 200, JSON_TYPE);
    },
  ),
);

profileConsent.post(
  "/:id/unsuppress",
  apiKey("profiles:write"),
  described(
    {
      id: "unsuppressProfile",
      summary: "Write to a person again",
      description:
        "Takes back everything that stands against it, an unsubscribe too: only for somebody who has agreed to it.",
      answers: { 200: { description: "The profile.", body: profileAnswer } },
    },
    async (c) => {
      const profileId = c.req.param("id");
      const profile = await askCell(c, async (cell, caller) => await cell.unsuppressProfile(caller, profileId));
      return c.body(profileJson(profile), 200, JSON_TYPE);
    },
  ),
);

export const suppressions = new Hono<HttpEnv>();

suppressions.get(
  "/",
  apiKey("profiles:read"),
  described(
    {
      id: "listSuppressions",
      summary: "List who is not written to, newest first",
      description:
        "One item per address and reason. Exact at once. Addresses of erased people are kept as digests, hold on, and " +
        "cannot be listed.",
      paged: true,
      answers: { 200: { description: "A page of suppressions.", body: listOf(suppressionItem) } },
    },
    async (c) => {
      const { limit, before } = readPage(c, (text) => UUID_PATTERN.test(text));
      const page = await askCell(c, async (cell, caller) => await cell.listSuppressions(caller, limit, before));
      return c.json({ items: page.items.map(suppressionView), nextCursor: cursorAfter(page, (last) => last.id) }, 200);
    },
  ),
);
