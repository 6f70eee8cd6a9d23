// Addresses of webhooks that answered that they are gone: which they are, and the word that lets them be called again.
import { Hono } from "hono";
import * as v from "valibot";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { MAX_URL_CHARACTERS } from "../../domain/webhook-address.ts";
import { instant } from "../answer-fields.ts";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { cursorAfter, listOf, readPage } from "../pagination.ts";
import { check } from "../validation.ts";

const disabledEndpoint = v.object({
  /** As the journey's step has it. */
  url: v.string(),
  disabledAt: instant,
  /** `gone`: it answered 410. */
  reason: v.string(),
});

const enabling = v.object({
  url: v.pipe(
    v.string("Must be a string."),
    v.minLength(1, "Must not be empty."),
    v.maxLength(MAX_URL_CHARACTERS, `Must be at most ${MAX_URL_CHARACTERS} characters.`),
  ),
});

export const endpoints = new Hono<HttpEnv>();

endpoints.get(
  "/",
  apiKey("deliveries:read"),
  described(
    {
      id: "listDisabledEndpoints",
      summary: "List addresses that webhooks are no longer sent to, newest first",
      description: "They answered 410. What is meant for them is skipped as `endpoint_disabled`.",
      paged: true,
      answers: { 200: { description: "A page of addresses.", body: listOf(disabledEndpoint) } },
    },
    async (c) => {
      const { limit, before } = readPage(c, (text) => UUID_PATTERN.test(text));
      const page = await askCell(c, async (cell, caller) => await cell.listDisabledEndpoints(caller, limit, before));
      const items = page.items.map(({ url, disabledAt, reason }) => ({
        url,
        disabledAt: new Date(disabledAt).toISOString(),
        reason,
      }));
      return c.json({ items, nextCursor: cursorAfter(page, (last) => last.id) }, 200);
    },
  ),
);

endpoints.post(
  "/enable",
  apiKey("deliveries:write"),
  described(
    {
      id: "enableEndpoint",
      summary: "Let an address be called again",
      description: "Holds for every message that is sent afterwards. An address that is not disabled stays as it is.",
      body: { schema: enabling, example: { url: "https://crm.example.com/orders" } },
      answers: { 204: { description: "The address is called." } },
    },
    async (c) => {
      const { url } = check(enabling, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      await askCell(c, async (cell, caller) => await cell.enableEndpoint(caller, url));
      return c.body(null, 204);
    },
  ),
);
