// What a path takes, asked of the router itself, so that no route has to say it twice.
import type { Hono } from "hono";
import type { HttpEnv } from "./context.ts";

/** Methods that some route takes on a path; none = there is no such path. */
export function allowedMethods(app: Hono<HttpEnv>, path: string): string[] {
  const methods = new Set(app.routes.map(({ method }) => method));
  // What stands for every method is middleware: it makes no path.
  methods.delete("ALL");
  const allowed = [...methods].filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
  );
  return allowed.includes("GET") ? [...allowed, "HEAD"] : allowed;
}
