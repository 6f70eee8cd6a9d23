// One good request for each route, and where a route names something, what it names: the suites that hold for
// every route run over this table. A route that is not in it fails them.
import { SCOPES } from "../../../src/domain/scopes.ts";
import { runAlarm } from "../../support/alarm.ts";
import { keyOf, OPERATOR, post, type ApiRequest } from "../../support/api.ts";
import { aKey, anId, aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";
import { aJourneyDocument } from "../../domain/journey-document.ts";

/** A workspace with one of everything that has an id. */
export interface World {
  workspace: TestWorkspace;
  eventId: string;
  profileId: string;
  journeyKey: string;
  enrollmentId: string;
  apiKeyId: string;
}

/** Names that nothing has. */
export function nowhere(): Omit<World, "workspace"> {
  return { eventId: anId(), profileId: anId(), journeyKey: "no-such-journey", enrollmentId: anId(), apiKeyId: anId() };
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
  const key = await post(OPERATOR, "/api/v1/api-keys", {
    workspaceId: workspace.id,
    label: "spare",
    scopes: ["events:write"],
  });
  await runAlarm(workspace.cell);
  const enrollmentId = receipt.journeys[0]?.enrollmentId ?? "";
  return { workspace, eventId, profileId, journeyKey, enrollmentId, apiKeyId: key.body.id as string };
}

type Names = Omit<World, "workspace">;

export interface RouteCase {
  /** The request of a caller in this world, about what is named. */
  request: (names: Names, world: World) => Omit<ApiRequest, "method" | "path"> & { path: string };
  status: number;
  /** Requests that end early in other ways than those every route has. */
  early?: (names: Names) => (Partial<ApiRequest> & { status: number })[];
}

const onlyPath = (path: (names: Names, world: World) => string): RouteCase["request"] => {
  return (names, world) => ({ path: path(names, world) });
};

/** Every route, by method and pattern. */
export const ROUTE_CASES: Record<string, RouteCase> = {
  "GET /healthz": { request: onlyPath(() => "/healthz"), status: 200 },
  "GET /openapi.json": { request: onlyPath(() => "/openapi.json"), status: 200 },

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
    ],
  },
  "GET /api/v1/events": { request: onlyPath(() => "/api/v1/events"), status: 200 },
  "GET /api/v1/events/:eventId": { request: onlyPath(({ eventId }) => `/api/v1/events/${eventId}`), status: 200 },

  "POST /api/v1/profiles": { request: () => ({ path: "/api/v1/profiles", body: {} }), status: 200 },
  "GET /api/v1/profiles/:id": { request: onlyPath(({ profileId }) => `/api/v1/profiles/${profileId}`), status: 200 },
  "GET /api/v1/profiles/:id/events": {
    request: onlyPath(({ profileId }) => `/api/v1/profiles/${profileId}/events`),
    status: 200,
  },

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
  "GET /api/v1/journeys/:key/versions": {
    request: onlyPath(({ journeyKey }) => `/api/v1/journeys/${journeyKey}/versions`),
    status: 200,
  },
  "GET /api/v1/journeys/:key/enrollments": {
    request: onlyPath(({ journeyKey }) => `/api/v1/journeys/${journeyKey}/enrollments`),
    status: 200,
  },

  "GET /api/v1/enrollments/:id": {
    request: onlyPath(({ enrollmentId }) => `/api/v1/enrollments/${enrollmentId}`),
    status: 200,
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
};

/** A key of a workspace that lacks some scopes. */
export async function aKeyWithout(workspaceId: string, lacking: readonly string[]): Promise<string> {
  return await aKey(
    workspaceId,
    SCOPES.filter((scope) => !lacking.includes(scope)),
  );
}
