// The HTTP surface: what is mounted where, and what every answer has in common.
import { Hono } from "hono";
import { CellUnavailable } from "../cell/cell-client.ts";
import type { WaypostError } from "../domain/errors.ts";
import { allowedMethods } from "./allowed-methods.ts";
import type { HttpContext, HttpEnv, Services } from "./context.ts";
import { frameAdapter } from "./compat/adapter.ts";
import { frameVendors, mountVendors } from "./compat/index.ts";
import { Failure, respond } from "./errors.ts";
import { dropUnreadBody } from "./middleware/unread-body.ts";
import { apiKeys } from "./native/api-keys.ts";
import { backtest } from "./native/backtest.ts";
import { endpoints } from "./native/endpoints.ts";
import { deliveries } from "./native/deliveries.ts";
import { enrollments } from "./native/enrollments.ts";
import { events } from "./native/events.ts";
import { explain } from "./native/explain.ts";
import { health } from "./native/health.ts";
import { inbound } from "./native/inbound.ts";
import { ingest } from "./native/ingest.ts";
import { journeyRuns } from "./native/journey-runs.ts";
import { journeySchema } from "./native/journey-schema.ts";
import { journeyTrigger } from "./native/journey-trigger.ts";
import { journeys } from "./native/journeys.ts";
import { suppressions } from "./native/profile-consent.ts";
import { profiles } from "./native/profiles.ts";
import { quarantine } from "./native/quarantine.ts";
import { rejectedEvents } from "./native/rejected-events.ts";
import { templatePreview } from "./native/template-preview.ts";
import { templates } from "./native/templates.ts";
import { webhookSecrets } from "./native/webhook-secrets.ts";
import { workspaces } from "./native/workspaces.ts";
import { openapi } from "./openapi.ts";
import { mountPages } from "./pages/index.ts";

const MISCONFIGURED_RETRY_SECONDS = 60;

/**
 * Builds the HTTP surface.
 *
 * @param servicesOf  reads a deployment's settings; throws an Error that names the one that is wrong, never its value
 */
export function appWith(servicesOf: (env: Env) => Services): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();

  app.use(async (c, next) => {
    const requestId = crypto.randomUUID();
    c.set("requestId", requestId);
    try {
      c.set("services", servicesOf(c.env));
    } catch (error) {
      c.set("misconfiguration", error instanceof Error ? error.message : "The settings cannot be read.");
    }
    // Before the answer is made: it then takes the header along, instead of being made a second time.
    c.header("x-request-id", requestId);
    await next();
  });

  app.use(dropUnreadBody);
  frameVendors(app);
  frameAdapter(app, ingest);

  // What answers without settings stands before the check of them.
  app.route("/healthz", health);
  app.route("/openapi.json", openapi(app));
  app.route("/schemas/journey.json", journeySchema);

  app.use(async (c, next) => {
    requireSettings(c);
    await next();
  });

  app.route("/api/v1/events", events);
  app.route("/api/v1/rejected-events", rejectedEvents);
  app.route("/api/v1/quarantine", quarantine);
  app.route(ingest.path, ingest.routes);
  app.route("/api/v1/profiles", profiles);
  app.route("/api/v1/suppressions", suppressions);
  app.route("/api/v1/journeys", journeys);
  app.route("/api/v1/journeys", explain);
  app.route("/api/v1/journeys", backtest);
  app.route("/api/v1/journeys", journeyRuns);
  app.route("/api/v1/journeys", journeyTrigger);
  app.route("/api/v1/enrollments", enrollments);
  app.route("/api/v1/endpoints", endpoints);
  app.route("/api/v1/templates", templates);
  app.route("/api/v1/templates", templatePreview);
  app.route("/api/v1/deliveries", deliveries);
  app.route("/api/v1/inbound", inbound);
  app.route("/api/v1/workspaces", workspaces);
  app.route("/api/v1/api-keys", apiKeys);
  app.route("/api/v1/webhook-secrets", webhookSecrets);
  mountPages(app);
  mountVendors(app);

  app.notFound((c) => {
    const allow = allowedMethods(app, c.req.path);
    return respond(c, allow.length === 0 ? { code: "not_found" } : { code: "method_not_allowed", allow });
  });

  app.onError((error, c) => respond(c, errorOf(error, c)));

  return app;
}

function requireSettings(c: HttpContext): void {
  const misconfiguration = c.get("misconfiguration");
  if (misconfiguration === undefined) return;
  console.error(JSON.stringify({ level: "error", at: "settings", requestId: c.get("requestId"), misconfiguration }));
  throw new Failure({
    code: "unavailable",
    reason: "The service is not configured.",
    retryAfterSeconds: MISCONFIGURED_RETRY_SECONDS,
  });
}

const WHY_UNAVAILABLE = {
  overloaded: { reason: "The workspace is busy.", retryAfterSeconds: 2 },
  unreachable: { reason: "The workspace cannot be reached.", retryAfterSeconds: 2 },
  full: { reason: "The workspace's storage is full.", retryAfterSeconds: 60 },
} satisfies Record<CellUnavailable["why"], object>;

function unavailable({ why }: CellUnavailable, c: HttpContext): WaypostError {
  // Of faults that pass by themselves there is nothing to do; of these the operator has to hear.
  if (why !== "overloaded") {
    console.error(JSON.stringify({ level: "error", at: "http", requestId: c.get("requestId"), cell: why }));
  }
  return { code: "unavailable", ...WHY_UNAVAILABLE[why] };
}

function errorOf(error: Error, c: HttpContext): WaypostError {
  if (error instanceof Failure) return error.error;
  if (error instanceof CellUnavailable) return unavailable(error, c);
  // The error's own text may quote what was sent: its name and its stack's places are what is safe to keep.
  console.error(
    JSON.stringify({
      level: "error",
      at: "http",
      requestId: c.get("requestId"),
      error: error.name,
      where: (error.stack ?? "")
        .split("\n")
        .slice(1, 6)
        .map((line) => line.trim()),
    }),
  );
  return { code: "internal" };
}
