// Klaviyo's door: creating events one by one and in bulk, from servers and from browsers, and the `track` and
// `identify` of its first version. Source: the vendor's OpenAPI description and its own clients; see
// docs/moving-from/klaviyo.md for what is decided here because nothing says.
import { Hono } from "hono";
import type { PeoplePolicy } from "../../../cell/command.ts";
import type { RateRule } from "../../../cell/rate-windows.ts";
import type { RejectedEvent } from "../../../cell/rejected-events.ts";
import { firstWinsClaims, type KeyClaim } from "../../../crypto/claim.ts";
import { identityDigests, identityKeys } from "../../../crypto/identity-digest.ts";
import type { JsonObject } from "../../../domain/json.ts";
import type { SentIdentities } from "../../../domain/profile.ts";
import { workspaceOf } from "../../cell-access.ts";
import type { HttpContext, HttpEnv } from "../../context.ts";
import { Failure } from "../../errors.ts";
import { useKey } from "../../middleware/credentials.ts";
import { REJECTED_EVENTS_HEADER } from "../../answer-fields.ts";
import type { Adapter } from "../adapter.ts";
import { acceptAll, keepRejected, vendorCommand, type VendorOutcome } from "../vendor-accept.ts";
import { readVendorObject } from "../vendor-body.ts";
import { errorsOf, renderLegacyError, type Credential } from "./errors.ts";
import { IDENTIFY_EVENT, readIdentify, readLegacyRequest, readTrack } from "./legacy.ts";
import { BODY_LIMITS } from "./limits.ts";
import { RATES, showRate } from "./rates.ts";
import { BULK_JOBS_SINCE, NESTED_SINCE, readRevision, rulesOf, type Revision } from "./revision.ts";
import { readBulkJob, readClientBulk, readEvent, type SchemaContext, type SentEvent } from "./schema.ts";
import { commandOf } from "./translate.ts";

/** Names what of a request was passed over although it succeeded. */
const PARTIAL_FAILURE_HEADER = "x-klaviyo-partial-failure";

/** Of the first API. */
const LEGACY_METHODS: readonly string[] = ["GET", "POST"];

const PROFILE_NOT_FOUND = "A profile with this id does not exist.";
const PROFILE_TOO_LARGE = "The properties would make the profile larger than it may be.";

const routes = new Hono<HttpEnv>();

export const klaviyo: Adapter = {
  path: "/klaviyo",
  routes,
  // Of a path that is none of the endpoints nobody knows what opens it.
  renderError: errorsOf({ credential: "private_key", early: true }),
  finish: showRate,
  cors: {
    methods: ["GET", "POST", "OPTIONS"],
    // None named: whatever a page asks for. The vendor's scripts send headers of their own.
    allowHeaders: [],
    exposeHeaders: [
      "RateLimit-Limit",
      "RateLimit-Remaining",
      "RateLimit-Reset",
      "Retry-After",
      PARTIAL_FAILURE_HEADER,
      REJECTED_EVENTS_HEADER,
      "x-request-id",
    ],
    credentials: false,
  },
};

interface Endpoint {
  path: string;
  rate: RateRule;
  /** Who calls: a server with a private key, or a browser with a public one as `company_id`. */
  credential: Credential;
  since?: Revision;
  read: (body: JsonObject, context: SchemaContext) => SentEvent[];
  /** Whether an event that cannot be taken is kept among the rejected ones, or fails the request. */
  bulk: boolean;
}

const ENDPOINTS: Endpoint[] = [
  { path: "/api/events", rate: RATES.events, credential: "private_key", read: readSingle, bulk: false },
  { path: "/client/events", rate: RATES.clientEvents, credential: "company_id", read: readSingle, bulk: false },
  {
    path: "/api/event-bulk-create-jobs",
    rate: RATES.bulkJobs,
    credential: "private_key",
    since: BULK_JOBS_SINCE,
    read: readBulkJob,
    bulk: true,
  },
  {
    path: "/client/event-bulk-create",
    rate: RATES.clientBulk,
    credential: "company_id",
    since: NESTED_SINCE,
    read: readClientBulk,
    bulk: true,
  },
];

for (const endpoint of ENDPOINTS) {
  for (const path of [endpoint.path, `${endpoint.path}/`]) {
    routes.post(path, async (c) => await createEvents(c, endpoint));
  }
}

for (const [path, handle] of [
  ["/api/track", track],
  ["/api/identify", identify],
] as const) {
  for (const spelling of [path, `${path}/`]) {
    routes.use(spelling, async (c, next) => {
      // A GET stores something here, and what was stored is not to be answered from a cache.
      c.header("cache-control", "no-store");
      // The router would take a HEAD for a GET: whoever only looks at a link would have stored an event.
      if (!LEGACY_METHODS.includes(c.req.method)) {
        throw new Failure({ code: "method_not_allowed", allow: [...LEGACY_METHODS] });
      }
      await next();
    });
    routes.on([...LEGACY_METHODS], spelling, async (c) => {
      c.set("renderError", renderLegacyError);
      c.set("rateRule", RATES.legacy);
      await handle(c);
      return c.text("1");
    });
  }
}

async function createEvents(c: HttpContext, endpoint: Endpoint): Promise<Response> {
  const { credential } = endpoint;
  c.set("renderError", errorsOf({ credential, early: true }));
  c.set("rateRule", endpoint.rate);
  if (credential === "private_key") useKey(c, "secret", privateKeyOf(c), ["events:write"]);
  else useKey(c, "write", c.req.query("company_id") ?? "", ["events:write"]);
  const revision = readRevision(c, endpoint.since);
  const body = await readVendorObject(c.req.raw, BODY_LIMITS);
  c.set("renderError", errorsOf({ credential, early: false }));
  const now = Date.now();
  const events = endpoint.read(body, { rules: rulesOf(revision), flat: revision < NESTED_SINCE, now });
  // What browsers send must not join two people: the key that they send it with is public.
  const people = credential === "private_key" ? "resolve" : "introduce";
  await acceptEvents(c, events, { people, now, bulk: endpoint.bulk });
  if (events.some(({ profile }) => profile.phoneIgnored)) c.header(PARTIAL_FAILURE_HEADER, "phone_number");
  // The runtime compresses an answer without a content type for whoever accepts that, and an empty one is then twenty
  // bytes of gzip: an encoding that is named is left alone.
  return c.body(null, 202, { "content-encoding": "identity" });
}

async function track(c: HttpContext): Promise<void> {
  const request = await readLegacyRequest(c);
  useLegacyKey(c, request);
  const now = Date.now();
  await acceptEvents(c, [readTrack(request, now)], { people: "resolve", now, bulk: false });
}

/** Carries nothing that a repeat could be recognised by: two calls within a second may say two things. */
async function identify(c: HttpContext): Promise<void> {
  const request = await readLegacyRequest(c);
  useLegacyKey(c, request);
  const { identities, warnings, propertiesJson } = readIdentify(request);
  const [outcome] = await acceptAll(c, [
    vendorCommand({
      source: "klaviyo",
      event: IDENTIFY_EVENT,
      identities,
      propertiesJson,
      warnings,
    }),
  ]);
  if (outcome !== undefined) throwUnlessAccepted(outcome, "/properties");
}

async function acceptEvents(
  c: HttpContext,
  events: readonly SentEvent[],
  { people, now, bulk }: { people: PeoplePolicy; now: number; bulk: boolean },
): Promise<void> {
  const { ledgerSecrets } = c.get("services");
  const workspaceId = workspaceOf(c);
  const claimsOf = (key: string): KeyClaim[] => firstWinsClaims(ledgerSecrets, "klaviyo.event", workspaceId, key);
  const keys = identityKeys(ledgerSecrets, workspaceId);
  const digestsOf = (identities: SentIdentities): Uint8Array[] => identityDigests(keys, identities);
  const outcomes = await acceptAll(
    c,
    events.map((event) => commandOf(event, { people, claimsOf, digestsOf, now })),
  );
  if (bulk) {
    await keepUntaken(c, events, outcomes);
    return;
  }
  outcomes.forEach((outcome, i) => throwUnlessAccepted(outcome, events[i]?.profilePointer ?? "/data"));
}

/** A bulk job is answered before it is done: what turns out to be impossible afterwards is kept, and said. */
async function keepUntaken(
  c: HttpContext,
  events: readonly SentEvent[],
  outcomes: readonly VendorOutcome[],
): Promise<void> {
  await keepRejected(c, untakenOf(events, outcomes));
}

/** One by one: each says the profile again, and many that share a large one are far more than their request. */
function* untakenOf(events: readonly SentEvent[], outcomes: readonly VendorOutcome[]): Generator<RejectedEvent> {
  for (const [i, { kind: reason }] of outcomes.entries()) {
    if (reason === "accepted") continue;
    const message = reason === "profile_not_found" ? PROFILE_NOT_FOUND : PROFILE_TOO_LARGE;
    yield { source: "klaviyo", reason, message, payloadJson: JSON.stringify(events[i]?.payload ?? null) };
  }
}

function throwUnlessAccepted(outcome: VendorOutcome, profilePointer: string): void {
  switch (outcome.kind) {
    case "accepted":
      return;
    case "profile_not_found":
      throw new Failure({ code: "not_found", message: PROFILE_NOT_FOUND });
    case "profile_too_large":
      throw new Failure({
        code: "invalid_request",
        issues: [{ path: profilePointer, message: PROFILE_TOO_LARGE }],
      });
    case "identity_conflict":
      throw new Error("a door that resolves was answered with a conflict");
  }
}

function readSingle(body: JsonObject, context: SchemaContext): SentEvent[] {
  return [readEvent(body, context)];
}

/** The key as either scheme carries it; `Bearer` is what apps with OAuth send. */
function privateKeyOf(c: HttpContext): string {
  return /^(?:Klaviyo-API-Key|Bearer)\s+(\S+)\s*$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
}

function useLegacyKey(c: HttpContext, request: JsonObject): void {
  const { token } = request;
  useKey(c, "write", typeof token === "string" ? token : "", ["events:write"]);
}
