// What holds for every route there is, whoever wrote it: who is let in, what a revoked key can still do (nothing),
// what of other workspaces can be told (nothing), and that answers are what /openapi.json says they are.
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { beforeAll, describe, expect, it } from "vitest";
import { mintApiKey } from "../../../src/crypto/api-key.ts";
import { parseSecretList } from "../../../src/crypto/secret-list.ts";
import { renderEmail } from "../../../src/delivery/render.ts";
import { SCOPES, type KeyKind } from "../../../src/domain/scopes.ts";
import { appWith } from "../../../src/http/app.ts";
import { isVendorPath } from "../../../src/http/compat/index.ts";
import { isPagePath } from "../../../src/http/pages/index.ts";
import { accessOf, operationOf, type Access, type Operation } from "../../../src/http/operation.ts";
import { servicesOf } from "../../../src/services.ts";
import { call, keyOf, NOBODY, OPERATOR, revoke, type ApiRequest, type Credential } from "../../support/api.ts";
import { aDefinition } from "../../support/template-definitions.ts";
import { aKey, anId } from "../../support/workspace.ts";
import { aKeyWithout, aWorld, nowhere, ROUTE_CASES, type Names, type World } from "./route-cases.ts";

interface Route {
  name: string;
  method: string;
  path: string;
  operation: Operation | undefined;
  access: Access | undefined;
}

const ROUTES: Route[] = [
  ...Map.groupBy(
    appWith(servicesOf).routes.filter(
      ({ method, path }) => method !== "ALL" && !isVendorPath(path) && !isPagePath(path),
    ),
    ({ method, path }) => `${method} ${path}`,
  ),
].map(([name, handlers]) => ({
  name,
  method: handlers[0]?.method ?? "",
  path: handlers[0]?.path ?? "",
  operation: handlers.map(({ handler }) => operationOf(handler)).find((found) => found !== undefined),
  access: handlers.map(({ handler }) => accessOf(handler)).find((found) => found !== undefined),
}));

const OPEN_TO_EVERYONE = ["GET /openapi.json", "GET /schemas/journey.json"];
/** Fields of a body by which a request names an event or a person that is stored. */
const STORED = new Set(["eventId", "profileId"]);
/** What the API fixes for these: explaining a journey is reading it, on whatever it is asked about. */
const NAMED_UNDER_THE_ROUTES_OWN_SCOPE = [
  "POST /api/v1/journeys/:key/explain profileId",
  "POST /api/v1/journeys/:key/explain eventId",
];
const UNAUTHORIZED = {
  error: "unauthorized",
  message:
    "The credential is missing, wrong or revoked. A secret key goes into the header x-api-key, a write key into the " +
    "body as writeKey, the adminToken into the header authorization: Bearer.",
};
const MAX_BODY_BYTES = 256 * 1024;

const takes = (...kinds: Access["kind"][]): Route[] =>
  ROUTES.filter(({ access }) => access !== undefined && kinds.includes(access.kind));
const BY_KEY = takes("key", "operator_or_key");
const NAMING_WHAT_IS_STORED = ROUTES.flatMap((route) =>
  Object.entries(route.operation?.fieldScopes ?? {}).map(([field, scope]) => ({ route, field, scope })),
);
const BY_WRITE_KEY = takes("write_key_in_body");
const BY_OPERATOR = takes("operator", "operator_or_key");

function caseOf(route: Route) {
  const found = ROUTE_CASES[route.name];
  if (found === undefined) throw new Error(`${route.name} is missing in route-cases.ts`);
  return found;
}

function goodRequest(route: Route, world: World, names: Names = world): ApiRequest {
  return { method: route.method, ...caseOf(route).request(names, world) };
}

/** Requests that end before the route's own work: those that follow from what the route takes, and its own. */
function earlyRequests(route: Route, world: World): (ApiRequest & { status: number })[] {
  const good = goodRequest(route, world);
  const early: (Partial<ApiRequest> & { status: number })[] = [...(caseOf(route).early?.(world) ?? [])];
  const query = good.path.includes("?") ? "&" : "?";
  if (route.operation?.body !== undefined) {
    const oversize = " ".repeat((caseOf(route).maxBodyBytes ?? MAX_BODY_BYTES) + 1);
    early.push({ body: "{", status: 400 }, { body: oversize, status: 413 });
  }
  if (route.operation?.body !== undefined && route.operation.body.optional !== true)
    early.push({ body: "", status: 400 });
  if (route.operation?.paged === true) early.push({ path: `${good.path}${query}limit=0`, status: 400 });
  if (route.path.includes("/:")) early.push({ ...goodRequest(route, world, nowhere()), status: 404 });
  return early.map((over) => ({ ...good, ...over }));
}

let world: World;
beforeAll(async () => {
  world = await aWorld();
});
// Evaluating the renderer takes seconds where its modules are loaded one by one.
beforeAll(async () => void (await renderEmail(aDefinition(), { event: {}, profile: {}, journey: {} })), 60_000);

describe("every route", () => {
  it("is in the table of route cases, and the table has no other", () => {
    expect(ROUTES.map(({ name }) => name).toSorted()).toEqual(Object.keys(ROUTE_CASES).toSorted());
  });

  it("asks for a credential, but for those that are open to everyone", () => {
    expect(ROUTES.filter(({ access }) => access === undefined).map(({ name }) => name)).toEqual(OPEN_TO_EVERYONE);
  });

  it("asks for a scope of its own wherever a body names what is stored, or has been decided not to", () => {
    const naming = ROUTES.flatMap(({ name, operation }) => {
      const fields = Object.keys((operation?.body?.schema as { entries?: object } | undefined)?.entries ?? {});
      return fields.filter((field) => STORED.has(field)).map((field) => `${name} ${field}`);
    });
    const asking = NAMING_WHAT_IS_STORED.map(({ route, field }) => `${route.name} ${field}`);
    expect(naming.filter((name) => !asking.includes(name))).toEqual(NAMED_UNDER_THE_ROUTES_OWN_SCOPE);
  });

  it.each(ROUTES)("$name answers as it is described", async (route) => {
    const own = await aWorld();
    const who = route.access?.kind.startsWith("operator") === true ? OPERATOR : keyOf(own.workspace.apiKey);
    const answer = await call(who, goodRequest(route, own));
    expect([answer.status, answer.text]).toEqual([caseOf(route).status, expect.any(String)]);
    const { body } = route.operation?.answers[answer.status] ?? {};
    if (body === undefined) expect(answer.text).toBe("");
    else expect(v.parse(body, answer.body)).toEqual(answer.body);
  });

  it.each(ROUTES.filter(({ path }) => path.includes("/:")))(
    "$name takes hostile ids for unknown ones",
    async (route) => {
      const who = route.access?.kind === "operator" ? OPERATOR : keyOf(world.workspace.apiKey);
      for (const id of [
        "%00",
        "%ff",
        "%ED%A0%80",
        "%F0%9F%92%A9",
        "x".repeat(5_000),
        "'%20OR%201=1--",
        "__proto__",
        "%2e%2e%2f",
      ]) {
        const path = route.path.replace(/:[^/]+/, id);
        const answer = await call(who, { ...goodRequest(route, world), path });
        // A journey's PUT sees first that its body has another key.
        expect([id, answer.status]).toEqual([id, route.name === "PUT /api/v1/journeys/:key" ? 400 : 404]);
      }
    },
  );

  it.each(ROUTES.filter(({ method }) => method === "GET"))("$name takes HEAD too", async (route) => {
    const who = route.access?.kind.startsWith("operator") === true ? OPERATOR : keyOf(world.workspace.apiKey);
    const answer = await call(who, { ...goodRequest(route, world), method: "HEAD" });
    expect([answer.status, answer.text]).toEqual([caseOf(route).status, ""]);
  });

  it.each(ROUTES)("$name says with 405 which methods its path takes", async (route) => {
    const { path } = goodRequest(route, world);
    const allowed = ROUTES.filter((other) => other.path === route.path).map(({ method }) => method);
    if (allowed.includes("GET")) allowed.push("HEAD");
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      // A door for pages answers OPTIONS to every path: it is how a browser asks whether it may call.
      if (allowed.includes(method) || (method === "OPTIONS" && route.access?.kind === "write_key_in_body")) continue;
      const answer = await call(NOBODY, { method, path });
      expect([method, answer.status]).toEqual([method, 405]);
      expect(answer.headers.get("allow")?.split(", ").toSorted()).toEqual(allowed.toSorted());
      if (method !== "HEAD") expect(answer.body.error).toBe("method_not_allowed");
    }
  });
});

const forged = (key: string): string => {
  const middle = key.length - 20;
  return key.slice(0, middle) + (key[middle] === "a" ? "b" : "a") + key.slice(middle + 1);
};

const madeElsewhere = (workspaceId: string, kind: KeyKind): string => {
  const secrets = parseSecretList("KEY_SECRETS", "the-secret-of-another-deployment-0123456789");
  const claims = { keyId: anId(), workspaceId, kind, scopes: SCOPES };
  return mintApiKey(secrets, claims, new Uint8Array(16)).key;
};

describe("a route that takes an API key", () => {
  it.each(BY_KEY)("$name refuses every credential but a secret key of this deployment", async (route) => {
    const { id, apiKey } = world.workspace;
    const wrong: Record<string, Credential> = {
      "no credential": NOBODY,
      "an empty key": keyOf(""),
      "a forged key": keyOf(forged(apiKey)),
      "a key made elsewhere": keyOf(madeElsewhere(id, "secret")),
      "a key cut short": keyOf(apiKey.slice(0, -1)),
      "a write key": keyOf(await aKey(id, ["events:write"], "write")),
      "a write key under a secret key's prefix": keyOf((await aKey(id, SCOPES, "write")).replace("wp_wk_", "wp_sk_")),
      "the adminToken as a key": keyOf(env.ADMIN_TOKEN),
      "a key as a bearer token": { authorization: `Bearer ${apiKey}` },
    };
    for (const [what, who] of Object.entries(wrong)) {
      const answer = await call(who, goodRequest(route, world));
      expect([what, answer.status, answer.body]).toEqual([what, 401, UNAUTHORIZED]);
    }
  });

  it.each(BY_KEY)("$name refuses a key that lacks the scope, and says which it is", async (route) => {
    const scopes = [...(route.access?.scopes ?? [])];
    expect(scopes).not.toEqual([]);
    const answer = await call(keyOf(await aKeyWithout(world.workspace.id, scopes)), goodRequest(route, world));
    expect([answer.status, answer.body]).toEqual([
      403,
      { error: "insufficient_scope", message: expect.any(String), details: { required: scopes } },
    ]);
  });

  it.each(BY_KEY)("$name needs no other scope", async (route) => {
    const own = await aWorld();
    const answer = await call(keyOf(await aKey(own.workspace.id, route.access?.scopes)), goodRequest(route, own));
    expect(answer.status).toBe(caseOf(route).status);
  });

  it.each(NAMING_WHAT_IS_STORED)(
    "$route.name needs $scope as well where $field is named",
    async ({ route, field, scope }) => {
      const own = await aWorld();
      const naming = { ...goodRequest(route, own), body: { [field]: own[field as keyof Names] } };
      const lacking = keyOf(await aKeyWithout(own.workspace.id, [scope]));
      const answer = await call(lacking, naming);
      expect([answer.status, answer.body]).toEqual([
        403,
        { error: "insufficient_scope", message: expect.any(String), details: { required: [scope] } },
      ]);
      const unknown = { ...naming, body: { [field]: anId() } };
      expect((await call(lacking, unknown)).status).toBe(403);
      expect((await call(lacking, goodRequest(route, own))).status).toBe(caseOf(route).status);
      const enough = keyOf(await aKey(own.workspace.id, [...(route.access?.scopes ?? []), scope]));
      expect((await call(enough, naming)).status).toBe(caseOf(route).status);
    },
  );

  it.each(BY_KEY)("$name refuses a revoked key, however the request would have ended", async (route) => {
    const { workspace } = world;
    const key = await aKey(workspace.id);
    const early = earlyRequests(route, world);
    for (const { status, ...request } of early) {
      expect([request, (await call(keyOf(key), request)).status]).toEqual([request, status]);
    }
    await revoke(workspace, key);
    for (const request of [goodRequest(route, world), ...early]) {
      const answer = await call(keyOf(key), request);
      expect([request, answer.status, answer.body]).toEqual([request, 401, UNAUTHORIZED]);
    }
  });

  it.each(BY_KEY.filter(({ path }) => path.includes("/:")))(
    "$name answers for another workspace's id as for one that does not exist",
    async (route) => {
      const [owner, stranger] = [await aWorld(), await aWorld()];
      const who = keyOf(stranger.workspace.apiKey);
      const theirs = await call(who, goodRequest(route, stranger, owner));
      const nobodys = await call(who, goodRequest(route, stranger, nowhere()));
      expect([theirs.status, theirs.body]).toEqual([nobodys.status, nobodys.body]);
      expect(theirs.status).toBe(404);
      const own = await call(keyOf(owner.workspace.apiKey), goodRequest(route, owner));
      expect(own.status).toBe(caseOf(route).status);
    },
  );
});

describe("a route that takes a write key in its body", () => {
  /** A good request, or one that ends early, with another key in its body, or none. */
  const carrying = (route: Route, writeKey: unknown, body?: unknown): ApiRequest => {
    const good = goodRequest(route, world);
    return { ...good, body: { ...((body ?? good.body) as object), writeKey } };
  };

  it.each(BY_WRITE_KEY)(
    "$name refuses every credential but a write key of this deployment in the body",
    async (route) => {
      const { workspace, writeKey } = world;
      const wrong: Record<string, unknown> = {
        "no key": undefined,
        "an empty key": "",
        "a key that is no text": [writeKey],
        "a forged key": forged(writeKey),
        "a key made elsewhere": madeElsewhere(workspace.id, "write"),
        "a key cut short": writeKey.slice(0, -1),
        "a secret key": workspace.apiKey,
        "a secret key under a write key's prefix": workspace.apiKey.replace("wp_sk_", "wp_wk_"),
        "the adminToken": env.ADMIN_TOKEN,
      };
      for (const [what, key] of Object.entries(wrong)) {
        const answer = await call(NOBODY, carrying(route, key));
        expect([what, answer.status, answer.body]).toEqual([what, 401, UNAUTHORIZED]);
      }
      const inHeaders = { ...keyOf(writeKey), authorization: `Bearer ${writeKey}` };
      expect((await call(inHeaders, carrying(route, undefined))).status).toBe(401);
    },
  );

  it.each(BY_WRITE_KEY)("$name refuses a write key that lacks the scope, and says which it is", async (route) => {
    const key = await aKey(world.workspace.id, [], "write");
    const answer = await call(NOBODY, carrying(route, key));
    const details = { required: [...(route.access?.scopes ?? [])] };
    expect(details.required).not.toEqual([]);
    expect([answer.status, answer.body]).toEqual([
      403,
      { error: "insufficient_scope", message: expect.any(String), details },
    ]);
  });

  it.each(BY_WRITE_KEY)("$name refuses a revoked key, however the request would have ended", async (route) => {
    const key = await aKey(world.workspace.id, ["events:write"], "write");
    const early = caseOf(route).early?.(world) ?? [];
    expect(early).not.toEqual([]);
    for (const { status, body } of early) {
      expect([body, (await call(NOBODY, carrying(route, key, body))).status]).toEqual([body, status]);
    }
    await revoke(world.workspace, key);
    for (const body of [undefined, ...early.map((request) => request.body)]) {
      const answer = await call(NOBODY, carrying(route, key, body));
      expect([body, answer.status, answer.body]).toEqual([body, 401, UNAUTHORIZED]);
    }
  });
});

describe("a route of the operator's", () => {
  it.each(BY_OPERATOR)("$name refuses every bearer token but the adminToken", async (route) => {
    const { apiKey } = world.workspace;
    const wrong: Record<string, Credential> = {
      "no credential": NOBODY,
      "an empty token": { authorization: "Bearer " },
      "a wrong token": { authorization: "Bearer wrong-admin-token-0123456789abcdef" },
      "the token with more behind it": { authorization: `${OPERATOR["authorization"]}x` },
      "another scheme": { authorization: `Basic ${env.ADMIN_TOKEN}` },
      "the adminToken as a key": keyOf(env.ADMIN_TOKEN),
      "a key as a bearer token": { authorization: `Bearer ${apiKey}` },
      "a key beside a wrong token": { authorization: "Bearer wrong", ...keyOf(apiKey) },
    };
    for (const [what, who] of Object.entries(wrong)) {
      const answer = await call(who, goodRequest(route, world));
      expect([what, answer.status, answer.body]).toEqual([what, 401, UNAUTHORIZED]);
    }
  });

  it.each(takes("operator"))("$name is closed to API keys, whatever their scopes", async (route) => {
    const answer = await call(keyOf(world.workspace.apiKey), goodRequest(route, world));
    expect([answer.status, answer.body]).toEqual([401, UNAUTHORIZED]);
  });
});

describe("a path that does not exist", () => {
  it.each(["/", "/api/v1", "/api/v1/nothing", "/api/v1/events/", "/healthz/deep", "/api/v2/events"])(
    "%s is 404 in the envelope",
    async (path) => {
      const answer = await call(NOBODY, { method: "GET", path });
      expect([answer.status, answer.body]).toEqual([404, { error: "not_found", message: expect.any(String) }]);
    },
  );
});
