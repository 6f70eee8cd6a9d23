// GET /schemas/journey.json: the JSON Schema of the journey document, for editors. It names itself by the address it
// was asked for at, and is made when it is first asked for: no other request pays for it.
import { Hono } from "hono";
import { anyObject } from "../answer-fields.ts";
import type { HttpEnv } from "../context.ts";
import { described } from "../operation.ts";

const MAX_AGE_SECONDS = 3_600;

let made: Promise<object> | undefined;

export const journeySchema = new Hono<HttpEnv>();

journeySchema.get(
  "/",
  described(
    {
      id: "readJourneySchema",
      summary: "Read the JSON Schema of the journey document",
      description: "For editors. What it cannot say, such as where steps lead, is told when the document is sent.",
      answers: { 200: { description: "The schema (draft 2020-12).", body: anyObject } },
    },
    async (c) => {
      made ??= import("./journey-schema-document.ts").then(({ journeySchemaDocument }) => journeySchemaDocument());
      const { origin, pathname } = new URL(c.req.url);
      c.header("cache-control", `public, max-age=${MAX_AGE_SECONDS}`);
      // Editors in a browser are of another origin; there is nothing here that is anybody's own.
      c.header("access-control-allow-origin", "*");
      return c.json({ $id: origin + pathname, ...(await made) }, 200);
    },
  ),
);
