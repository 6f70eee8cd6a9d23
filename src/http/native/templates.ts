// Templates of e-mails: written, rewritten, archived and read in their cell.
import { Hono } from "hono";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { readJsonObject, TEMPLATE_LIMITS } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { cursorAfter, listOf, readPage } from "../pagination.ts";
import { check } from "../validation.ts";
import { EXAMPLE_DEFINITION, templateAnswer, templateEdit, templateRequest } from "./template-view.ts";

export const templates = new Hono<HttpEnv>();

templates.post(
  "/",
  apiKey("templates:write"),
  described(
    {
      id: "createTemplate",
      summary: "Write a new template",
      description: "What is wrong with the definition is told by its path with 400.",
      body: {
        schema: templateRequest,
        example: { key: "order-thanks", name: "Thanks for the order", definition: EXAMPLE_DEFINITION },
      },
      answers: { 201: { description: "The template with its first snapshot.", body: templateAnswer } },
      errors: ["already_exists"],
    },
    async (c) => {
      const request = check(templateRequest, await readJsonObject(c.req.raw, TEMPLATE_LIMITS));
      return c.json(await askCell(c, async (cell, caller) => await cell.createTemplate(caller, request), false), 201);
    },
  ),
);

templates.get(
  "/",
  apiKey("templates:read"),
  described(
    {
      id: "listTemplates",
      summary: "List templates, newest first",
      paged: true,
      answers: { 200: { description: "A page of templates.", body: listOf(templateAnswer) } },
    },
    async (c) => {
      const { limit, before } = readPage(c, (text) => UUID_PATTERN.test(text));
      const page = await askCell(c, async (cell, caller) => await cell.listTemplates(caller, limit, before));
      return c.json({ items: page.items, nextCursor: cursorAfter(page, (last) => last.id) }, 200);
    },
  ),
);

templates.get(
  "/:key",
  apiKey("templates:read"),
  described(
    {
      id: "readTemplate",
      summary: "Read a template",
      answers: { 200: { description: "The template.", body: templateAnswer } },
    },
    async (c) => {
      const key = c.req.param("key");
      return c.json(await askCell(c, async (cell, caller) => await cell.readTemplate(caller, key)), 200);
    },
  ),
);

templates.put(
  "/:key",
  apiKey("templates:write"),
  described(
    {
      id: "editTemplate",
      summary: "Write a new snapshot of a template",
      description:
        "Messages that are asked for from now on are made of it; those asked for before stay as they were. What it says " +
        "already makes no new snapshot. A template that was archived can be used again.",
      body: { schema: templateEdit, example: { definition: EXAMPLE_DEFINITION } },
      answers: { 200: { description: "The template as it is now.", body: templateAnswer } },
    },
    async (c) => {
      const key = c.req.param("key");
      const { name = null, definition } = check(templateEdit, await readJsonObject(c.req.raw, TEMPLATE_LIMITS));
      const says = { name, definition };
      return c.json(await askCell(c, async (cell, caller) => await cell.editTemplate(caller, key, says)), 200);
    },
  ),
);

templates.post(
  "/:key/archive",
  apiKey("templates:write"),
  described(
    {
      id: "archiveTemplate",
      summary: "Let no journey begin to use a template any more",
      description:
        "409 `in_use` while the published version of an active journey uses it. Runs that are on their way through a " +
        "paused journey or an older version still send what it said last.",
      answers: { 200: { description: "The template, archived.", body: templateAnswer } },
      errors: ["in_use"],
    },
    async (c) => {
      const key = c.req.param("key");
      return c.json(await askCell(c, async (cell, caller) => await cell.archiveTemplate(caller, key)), 200);
    },
  ),
);
