// One good request for each route, and where a route names something, what it names: the suites that hold for
// every route run over this table. A route that is not in it fails them.
import { SCOPES } from "../../../src/domain/scopes.ts";
import { runAlarm } from "../../support/alarm.ts";
import { call, keyOf, OPERATOR, post, type ApiRequest } from "../../support/api.ts";
import { attempted } from "../../support/deliveries.ts";
import { anActiveJourney } from "../../support/journeys.ts";
import { aResendEvent, signedByResend } from "../../support/reports.ts";
import { queryCell } from "../../support/tables.ts";
import { aDefinition, aDefinitionOf } from "../../support/template-definitions.ts";
import { aTemplate } from "../../support/templates.ts";
import { aKey, anId, aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";
import { aJourneyDocument } from "../../domain/journey-document.ts";

/** A workspace with one of everything that has an id. */
export interface World {
  workspace: TestWorkspace;
  /** What a page of this workspace carries. */
  writeKey: string;
  eventId: string;
  profileId: string;
  /** Of somebody who is to be erased. */
  erasedProfileId: string;
  /** Two profiles that were made one. */
  survivorId: string;
  mergedId: string;
  journeyKey: string;
  templateKey: string;
  enrollmentId: string;
  /** Of a message that failed. */
  deliveryId: string;
  apiKeyId: string;
  /** Of a row in quarantine that is to be tried again, and of one that is to be given up. */
  retriedRowId: string;
  droppedRowId: string;
}

/** Names that nothing has. */
export function nowhere(): Names {
  return {
    eventId: anId(),
    profileId: anId(),
    erasedProfileId: anId(),
    survivorId: anId(),
    mergedId: anId(),
    journeyKey: "no-such-journey",
    templateKey: "no-such-template",
    enrollmentId: anId(),
    deliveryId: anId(),
    apiKeyId: anId(),
    retriedRowId: anId(),
    droppedRowId: anId(),
  };
}

let made = 0;

export async function aWorld(): Promise<World> {
  made += 1;
  const workspace = await aWorkspace();
  const owner = keyOf(workspace.apiKey);
  const journeyKey = `journey-${made}`;
  await post(owner, "/api/v1/journeys", aJourneyDocument({ key: journeyKey }));
  await post(owner, `/api/v1/journeys/${journeyKey}/activate`);
  const accepted = await track(
    workspace,
    { event: "order.created", profile: { email: "alex@example.com" } },
    { query: "?include=receipt" },
  );
  const { eventId, profileId, receipt } = await accepted.json<{
    eventId: string;
    profileId: string;
    receipt: { journeys: { enrollmentId: string }[] };
  }>();
  const erased = await track(workspace, { event: "seen", profile: { email: "erased@example.com" } });
  const { profileId: erasedProfileId } = await erased.json<{ profileId: string }>();
  const [mergedId, , survivorId] = await profilesPut(workspace, [
    { email: "lead@example.com" },
    { externalId: "cus_merging" },
    { email: "lead@example.com", externalId: "cus_merging" },
  ]);
  const key = await post(OPERATOR, "/api/v1/api-keys", {
    workspaceId: workspace.id,
    label: "spare",
    scopes: ["events:write"],
  });
  const templateKey = `template-${made}`;
  await aTemplate(workspace.cell, templateKey);
  const deliveryId = await aFailedDelivery(workspace);
  await runAlarm(workspace.cell);
  const enrollmentId = receipt.journeys[0]?.enrollmentId ?? "";
  const writeKey = await aKey(workspace.id, ["events:write"], "write");
  const [retriedRowId, droppedRowId] = [anId(), anId()];
  for (const [table, rowId] of [
    ["profiles", retriedRowId],
    ["enrollments", droppedRowId],
  ] as const) {
    const bindings = [rowId, Date.now(), table, profileId, "SQLITE_CONSTRAINT", "{}"];
    await queryCell(workspace, `INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?)`, ...bindings);
  }
  return {
    workspace,
    writeKey,
    eventId,
    profileId,
    erasedProfileId,
    survivorId: survivorId ?? "",
    mergedId: mergedId ?? "",
    journeyKey,
    templateKey,
    enrollmentId,
    deliveryId,
    apiKeyId: key.body.id as string,
    retriedRowId,
    droppedRowId,
  };
}

async function aFailedDelivery(workspace: TestWorkspace): Promise<string> {
  await anActiveJourney(workspace.cell, {
    key: "tells",
    entry: { event: "told" },
    steps: [{ id: "hook", type: "webhook", url: "https://receiver.example/hook" }],
  });
  await track(workspace, { event: "told", profile: { email: "alex@example.com" } });
  const [message] = await queryCell<{ id: string }>(workspace, `SELECT id FROM deliveries`);
  const id = message?.id ?? "";
  await attempted(workspace, id, 1, { outcome: "failed", reason: "rejected" });
  return id;
}

async function profilesPut({ apiKey }: TestWorkspace, people: object[]): Promise<string[]> {
  const ids: string[] = [];
  for (const body of people) {
    const answer = await call(keyOf(apiKey), { method: "PUT", path: "/api/v1/profiles", body });
    ids.push(answer.body.id as string);
  }
  return ids;
}

/** What a request can be about. */
export type Names = Omit<World, "workspace" | "writeKey">;

export interface RouteCase {
  /** The request of a caller in this world, about what is named. */
  request: (names: Names, world: World) => Omit<ApiRequest, "method" | "path"> & { path: string };
  status: number;
  /** Where it is another one than most routes have. */
  maxBodyBytes?: number;
  /** Requests that end early in other ways than those every route has; a write key is put into their bodies. */
  early?: (names: Names) => (Partial<ApiRequest> & { status: number })[];
}

const onlyPath = (path: (names: Names, world: World) => string): RouteCase["request"] => {
  return (names, world) => ({ path: path(names, world) });
};

/** Every route, by method and pattern. */
export const ROUTE_CASES: Record<string, RouteCase> = {
  "GET /healthz": { request: onlyPath(() => "/healthz"), status: 200 },
  "GET /openapi.json": { request: onlyPath(() => "/openapi.json"), status: 200 },
  "GET /schemas/journey.json": { request: onlyPath(() => "/schemas/journey.json"), status: 200 },

  "POST /api/v1/events": {
    request: () => ({
      path: "/api/v1/events",
      headers: { "idempotency-key": crypto.randomUUID() },
      body: { event: "page.viewed", profile: { email: "alex@example.com" } },
    }),
    status: 202,
    early: () => [
      { headers: { "idempotency-key": "" }, status: 400 },
      { body: { event: "page.viewed", profile: { externalId: "null" } }, status: 400 },
      { path: "/api/v1/events?dryRun=true", status: 200 },
      { path: "/api/v1/events?dryRun=true", body: { event: "page.viewed", profile: {} }, status: 400 },
    ],
  },
  "POST /api/v1/events/batch": {
    request: () => ({
      path: "/api/v1/events/batch",
      body: {
        events: [
          { idempotencyKey: crypto.randomUUID(), event: "page.viewed", profile: { email: "alex@example.com" } },
          { idempotencyKey: crypto.randomUUID(), event: "page.viewed", profile: {} },
        ],
      },
    }),
    status: 200,
    maxBodyBytes: 5 * 1024 * 1024,
    early: () => [
      { body: { events: [] }, status: 400 },
      { body: { events: [{ event: 7 }] }, status: 200 },
      { path: "/api/v1/events/batch?dryRun=true", status: 400 },
    ],
  },
  "GET /api/v1/events": { request: onlyPath(() => "/api/v1/events"), status: 200 },
  "GET /api/v1/events/:eventId": { request: onlyPath(({ eventId }) => `/api/v1/events/${eventId}`), status: 200 },

  "GET /api/v1/quarantine": { request: onlyPath(() => "/api/v1/quarantine"), status: 200 },
  "POST /api/v1/quarantine/:id/retry": {
    request: onlyPath(({ retriedRowId }) => `/api/v1/quarantine/${retriedRowId}/retry`),
    status: 204,
  },
  "POST /api/v1/quarantine/:id/drop": {
    request: onlyPath(({ droppedRowId }) => `/api/v1/quarantine/${droppedRowId}/drop`),
    status: 204,
  },
  "GET /api/v1/rejected-events": { request: onlyPath(() => "/api/v1/rejected-events"), status: 200 },

  "POST /api/v1/ingest/batch": {
    request: (_, { writeKey }) => ({
      path: "/api/v1/ingest/batch",
      body: {
        writeKey,
        batch: [
          { type: "track", messageId: crypto.randomUUID(), email: "alex@example.com", event: "page.viewed" },
          { type: "track", messageId: crypto.randomUUID(), email: "nobody@example.com", event: "page.viewed" },
          { type: "track", messageId: crypto.randomUUID(), event: "page.viewed" },
        ],
      },
    }),
    status: 200,
    early: () => [
      { body: { batch: [] }, status: 400 },
      { body: { batch: [7] }, status: 200 },
      { body: { batch: [7], consent: { analytics: false } }, status: 200 },
      { body: { batch: [7], consent: { analytics: "no" } }, status: 400 },
    ],
  },
  "POST /api/v1/ingest/identify": {
    request: (_, { writeKey }) => ({ path: "/api/v1/ingest/identify", body: { writeKey, email: "alex@example.com" } }),
    status: 200,
    early: () => [
      { body: {}, status: 400 },
      { body: { email: "alex@example.com", consent: { analytics: false } }, status: 200 },
    ],
  },
  "POST /api/v1/ingest/track": {
    request: (_, { writeKey }) => ({
      path: "/api/v1/ingest/track",
      body: { writeKey, email: "alex@example.com", event: "page.viewed" },
    }),
    status: 200,
    early: () => [
      { body: { email: "alex@example.com" }, status: 400 },
      { body: { email: "alex@example.com", event: "page.viewed", consent: { analytics: false } }, status: 200 },
    ],
  },

  "POST /api/v1/profiles": { request: () => ({ path: "/api/v1/profiles", body: {} }), status: 200 },
  "PUT /api/v1/profiles": {
    request: () => ({ path: "/api/v1/profiles", body: { email: "alex@example.com", properties: { plan: "Pro" } } }),
    status: 200,
    early: () => [
      { body: { externalId: "null" }, status: 400 },
      { body: { phone: "555 0100" }, status: 400 },
    ],
  },
  "GET /api/v1/profiles/:id/merges": {
    request: onlyPath(({ profileId }) => `/api/v1/profiles/${profileId}/merges`),
    status: 200,
  },
  "POST /api/v1/profiles/:id/unmerge": {
    request: ({ survivorId, mergedId }) => ({ path: `/api/v1/profiles/${survivorId}/unmerge`, body: { mergedId } }),
    status: 200,
    early: ({ survivorId }) => [
      { body: { mergedId: "cus_merging" }, status: 400 },
      { path: `/api/v1/profiles/${survivorId}/unmerge`, body: { mergedId: survivorId }, status: 422 },
    ],
  },
  "GET /api/v1/profiles/:id": { request: onlyPath(({ profileId }) => `/api/v1/profiles/${profileId}`), status: 200 },
  "DELETE /api/v1/profiles/:id": {
    request: onlyPath(({ erasedProfileId }) => `/api/v1/profiles/${erasedProfileId}`),
    status: 204,
  },
  "GET /api/v1/profiles/:id/export": {
    request: onlyPath(({ profileId }) => `/api/v1/profiles/${profileId}/export`),
    status: 200,
  },
  "GET /api/v1/profiles/:id/events": {
    request: onlyPath(({ profileId }) => `/api/v1/profiles/${profileId}/events`),
    status: 200,
  },

  "POST /api/v1/profiles/:id/suppress": {
    request: ({ profileId }) => ({ path: `/api/v1/profiles/${profileId}/suppress`, body: { reason: "unsubscribe" } }),
    status: 200,
    early: () => [{ body: { reason: "annoyed" }, status: 400 }],
  },
  "POST /api/v1/profiles/:id/unsuppress": {
    request: onlyPath(({ profileId }) => `/api/v1/profiles/${profileId}/unsuppress`),
    status: 200,
  },
  "GET /api/v1/suppressions": { request: onlyPath(() => "/api/v1/suppressions"), status: 200 },

  "POST /api/v1/journeys": {
    request: () => ({ path: "/api/v1/journeys", body: aJourneyDocument({ key: `new-${crypto.randomUUID()}` }) }),
    status: 201,
    early: () => [{ body: aJourneyDocument({ steps: [] }), status: 422 }],
  },
  "GET /api/v1/journeys": { request: onlyPath(() => "/api/v1/journeys"), status: 200 },
  "GET /api/v1/journeys/:key": { request: onlyPath(({ journeyKey }) => `/api/v1/journeys/${journeyKey}`), status: 200 },
  "PUT /api/v1/journeys/:key": {
    request: ({ journeyKey }) => ({
      path: `/api/v1/journeys/${journeyKey}`,
      body: aJourneyDocument({ key: journeyKey, name: "Renamed" }),
    }),
    status: 200,
    early: ({ journeyKey }) => [
      { body: aJourneyDocument({ key: journeyKey, steps: [] }), status: 422 },
      { body: aJourneyDocument({ key: "another-key" }), status: 400 },
    ],
  },
  "POST /api/v1/journeys/:key/activate": {
    request: onlyPath(({ journeyKey }) => `/api/v1/journeys/${journeyKey}/activate`),
    status: 200,
  },
  "POST /api/v1/journeys/:key/pause": {
    request: onlyPath(({ journeyKey }) => `/api/v1/journeys/${journeyKey}/pause`),
    status: 200,
  },
  "POST /api/v1/journeys/:key/archive": {
    request: onlyPath(({ journeyKey }) => `/api/v1/journeys/${journeyKey}/archive`),
    status: 200,
  },
  "POST /api/v1/journeys/:key/release": {
    request: onlyPath(({ journeyKey }) => `/api/v1/journeys/${journeyKey}/release`),
    status: 200,
    early: () => [{ body: { replaySkipped: "yes" }, status: 400 }],
  },
  "POST /api/v1/journeys/:key/replay": {
    request: ({ journeyKey }) => ({
      path: `/api/v1/journeys/${journeyKey}/replay`,
      body: { from: "2026-01-01T00:00:00.000Z", to: "2036-01-01T00:00:00.000Z", dryRun: true },
    }),
    status: 202,
    early: () => [{ body: { from: "yesterday" }, status: 400 }],
  },
  "GET /api/v1/journeys/:key/versions": {
    request: onlyPath(({ journeyKey }) => `/api/v1/journeys/${journeyKey}/versions`),
    status: 200,
  },
  "GET /api/v1/journeys/:key/enrollments": {
    request: onlyPath(({ journeyKey }) => `/api/v1/journeys/${journeyKey}/enrollments`),
    status: 200,
  },

  "POST /api/v1/journeys/:key/explain": {
    request: ({ journeyKey, eventId }, { eventId: ownEventId }) => ({
      path: `/api/v1/journeys/${journeyKey}/explain`,
      body: { eventId: journeyKey === "no-such-journey" ? ownEventId : eventId },
    }),
    status: 200,
    early: () => [
      { body: {}, status: 400 },
      { body: { eventId: anId() }, status: 404 },
    ],
  },
  "POST /api/v1/journeys/:key/backtest": {
    request: ({ journeyKey }) => ({
      path: `/api/v1/journeys/${journeyKey}/backtest`,
      body: { from: "2026-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" },
    }),
    status: 200,
    early: () => [{ body: { from: "2026-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z" }, status: 400 }],
  },
  "POST /api/v1/journeys/:key/enrollments/cancel": {
    request: ({ journeyKey }) => ({
      path: `/api/v1/journeys/${journeyKey}/enrollments/cancel`,
      body: { stepId: "no-such-step" },
    }),
    status: 200,
    early: () => [
      { body: {}, status: 400 },
      { body: { stepId: "NO" }, status: 400 },
    ],
  },
  "POST /api/v1/journeys/:key/trigger": {
    request: ({ journeyKey }) => ({
      path: `/api/v1/journeys/${journeyKey}/trigger`,
      headers: { "idempotency-key": crypto.randomUUID() },
      body: { profile: { externalId: `cus_${crypto.randomUUID()}` } },
    }),
    status: 202,
    early: () => [
      { headers: {}, status: 400 },
      { body: { profile: {} }, status: 400 },
      { body: { profile: { email: "alex@example.com" } }, status: 422 },
    ],
  },
  "POST /api/v1/journeys/:key/simulate": {
    request: ({ journeyKey }) => ({
      path: `/api/v1/journeys/${journeyKey}/simulate`,
      body: {
        start: "2026-05-31T12:00:00.000Z",
        profile: { email: "alex@example.com" },
        events: [{ at: "2026-05-31T12:00:00.000Z", event: "order.created", data: {} }],
      },
    }),
    status: 200,
    early: () => [{ body: { start: "soon", profile: {}, events: [] }, status: 400 }],
  },

  "GET /api/v1/enrollments/:id": {
    request: onlyPath(({ enrollmentId }) => `/api/v1/enrollments/${enrollmentId}`),
    status: 200,
  },

  "POST /api/v1/enrollments/:id/cancel": {
    request: onlyPath(({ enrollmentId }) => `/api/v1/enrollments/${enrollmentId}/cancel`),
    status: 200,
  },
  "POST /api/v1/enrollments/:id/migrate": {
    request: ({ enrollmentId }) => ({
      path: `/api/v1/enrollments/${enrollmentId}/migrate`,
      body: { version: 1, dryRun: true },
    }),
    status: 200,
    early: () => [
      { body: { version: 0 }, status: 400 },
      { body: { version: 7 }, status: 422 },
    ],
  },

  "POST /api/v1/templates": {
    request: () => ({
      path: "/api/v1/templates",
      body: { key: `new-${crypto.randomUUID()}`, name: "New", definition: aDefinition() },
    }),
    status: 201,
    early: () => [{ body: { key: "new", name: "New", definition: aDefinitionOf("Script", {}) }, status: 400 }],
  },
  "GET /api/v1/templates": { request: onlyPath(() => "/api/v1/templates"), status: 200 },
  "GET /api/v1/templates/:key": {
    request: onlyPath(({ templateKey }) => `/api/v1/templates/${templateKey}`),
    status: 200,
  },
  "PUT /api/v1/templates/:key": {
    request: ({ templateKey }) => ({
      path: `/api/v1/templates/${templateKey}`,
      body: { name: "Renamed", definition: aDefinition() },
    }),
    status: 200,
    early: () => [{ body: { definition: {} }, status: 400 }],
  },
  "POST /api/v1/templates/:key/archive": {
    request: onlyPath(({ templateKey }) => `/api/v1/templates/${templateKey}/archive`),
    status: 200,
  },
  "POST /api/v1/templates/:key/preview": {
    request: ({ templateKey }) => ({ path: `/api/v1/templates/${templateKey}/preview`, body: { data: { total: 49 } } }),
    status: 200,
    maxBodyBytes: 512 * 1024,
    early: () => [
      { body: { data: 7 }, status: 400 },
      { body: { eventId: anId() }, status: 404 },
    ],
  },

  "GET /api/v1/deliveries": { request: onlyPath(() => "/api/v1/deliveries"), status: 200 },
  "GET /api/v1/deliveries/:id": {
    request: onlyPath(({ deliveryId }) => `/api/v1/deliveries/${deliveryId}`),
    status: 200,
  },
  "POST /api/v1/deliveries/:id/redeliver": {
    request: onlyPath(({ deliveryId }) => `/api/v1/deliveries/${deliveryId}/redeliver`),
    status: 202,
  },

  "GET /api/v1/endpoints": { request: onlyPath(() => "/api/v1/endpoints"), status: 200 },
  "POST /api/v1/endpoints/enable": {
    request: () => ({ path: "/api/v1/endpoints/enable", body: { url: "https://crm.example.com/orders" } }),
    status: 204,
    early: () => [
      { body: {}, status: 400 },
      { body: { url: "" }, status: 400 },
    ],
  },

  "POST /api/v1/inbound/resend": {
    request: (_, { workspace }) => {
      const { path, headers, body } = signedByResend(aResendEvent({ workspaceId: workspace.id, deliveryId: anId() }));
      return { path, headers, body };
    },
    status: 204,
  },

  "POST /api/v1/workspaces": {
    request: () => ({ path: "/api/v1/workspaces", body: { name: "Another" } }),
    status: 201,
  },
  "GET /api/v1/workspaces": { request: onlyPath(() => "/api/v1/workspaces"), status: 200 },
  "GET /api/v1/workspaces/:id": {
    request: onlyPath((_, { workspace }) => `/api/v1/workspaces/${workspace.id}`),
    status: 200,
  },
  "PATCH /api/v1/workspaces/:id": {
    request: (_, { workspace }) => ({ path: `/api/v1/workspaces/${workspace.id}`, body: { name: "Renamed" } }),
    status: 200,
  },

  "POST /api/v1/api-keys": {
    request: (_, { workspace }) => ({
      path: "/api/v1/api-keys",
      body: { workspaceId: workspace.id, label: "new", scopes: ["keys:write"] },
    }),
    status: 201,
  },
  "GET /api/v1/api-keys": {
    request: onlyPath((_, { workspace }) => `/api/v1/api-keys?workspaceId=${workspace.id}`),
    status: 200,
  },
  "DELETE /api/v1/api-keys/:id": {
    request: onlyPath(({ apiKeyId }) => `/api/v1/api-keys/${apiKeyId}`),
    status: 204,
  },
  "GET /api/v1/webhook-secrets": {
    request: onlyPath((_, { workspace }) => `/api/v1/webhook-secrets?workspaceId=${workspace.id}`),
    status: 200,
  },
  "POST /api/v1/webhook-secrets/rotate": {
    request: onlyPath((_, { workspace }) => `/api/v1/webhook-secrets/rotate?workspaceId=${workspace.id}`),
    status: 200,
  },
};

/** A key of a workspace that lacks some scopes. */
export async function aKeyWithout(workspaceId: string, lacking: readonly string[]): Promise<string> {
  return await aKey(
    workspaceId,
    SCOPES.filter((scope) => !lacking.includes(scope)),
  );
}
