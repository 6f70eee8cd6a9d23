// GET /openapi.json: the description of this API, made from the routes that exist when it is first asked for.
// What makes it is loaded then too: no other request pays for it.
import { Hono } from "hono";
import { anyObject } from "./answer-fields.ts";
import type { HttpEnv } from "./context.ts";
import { described } from "./operation.ts";

/** The route that describes an app, itself included. */
export function openapi(app: Hono<HttpEnv>): Hono<HttpEnv> {
  let made: Promise<object> | undefined;
  return new Hono<HttpEnv>().get(
    "/",
    described(
      {
        id: "readOpenApi",
        summary: "Read this description (OpenAPI 3.1)",
        answers: { 200: { description: "The description.", body: anyObject } },
      },
      async (c) => {
        made ??= import("./openapi-document.ts").then(({ documentOf }) => documentOf(app));
        return c.json(await made, 200);
      },
    ),
  );
}
