// Makes the demo workspace through the public API. Each step is kept before the next is taken and can be taken
// again, so that a start that was killed anywhere is completed by the next one.
import { SCOPES, type KeyKind, type Scope } from "../../domain/scopes.ts";
import { StartupFailure } from "../startup-failure.ts";
import { ACTIVE_JOURNEY, DRAFT_JOURNEY } from "./demo-journeys.ts";
import { DEMO_TEMPLATES } from "./demo-templates.ts";
import type { Demo } from "./secrets.ts";

export type SeededDemo = { [Field in keyof Demo]-?: NonNullable<Demo[Field]> };

const WORKSPACE_NAME = "Demo";
/** Nothing is ever sent under it: locally e-mails are files. */
const DEFAULT_FROM = "Demo Shop <shop@example.com>";
const REQUEST_TIMEOUT_MS = 15_000;
/** What a key is answered that was revoked or never had the scope. */
const CLOSED = ["unauthorized", "insufficient_scope"];

const KEYS: { field: "apiKey" | "eventsKey" | "writeKey"; kind: KeyKind; label: string; scopes: readonly Scope[] }[] = [
  { field: "apiKey", kind: "secret", label: "Demo: all scopes", scopes: SCOPES },
  { field: "eventsKey", kind: "secret", label: "Demo: send events", scopes: ["events:write"] },
  { field: "writeKey", kind: "write", label: "Demo: browsers and vendors", scopes: ["events:write"] },
];

/**
 * Makes what is missing of the demo workspace, its keys, its templates and its journeys. Of a demo that was made whole
 * before there were templates it makes those alone.
 *
 * @param demo  what is known of it already
 * @param save  keeps what is known by now; called after each step
 * @throws StartupFailure when the server refuses a step
 */
export async function seedDemo(
  baseUrl: string,
  adminToken: string,
  demo: Demo,
  save: (demo: Demo) => void,
): Promise<SeededDemo> {
  const admin: Caller = { baseUrl, headers: { authorization: `Bearer ${adminToken}` } };
  const workspaces = await listWorkspaces(admin);
  const isKnown = demo.workspaceId !== undefined && workspaces.some((workspace) => workspace.id === demo.workspaceId);
  let known: Demo = isKnown ? demo : {};
  const keep = (step: Demo) => save((known = { ...known, ...step }));

  if (known.workspaceId === undefined) {
    const found = workspaces.find((workspace) => workspace.name === WORKSPACE_NAME);
    const body = { name: WORKSPACE_NAME, timezone: "UTC" };
    keep({ workspaceId: found?.id ?? textField(await call(admin, "POST", "/api/v1/workspaces", body), "id") });
  }
  for (const { field, kind, label, scopes } of KEYS) {
    if (known[field] !== undefined) continue;
    const body = { workspaceId: known.workspaceId, kind, label, scopes };
    keep({ [field]: textField(await call(admin, "POST", "/api/v1/api-keys", body), "key") });
  }
  const owner: Caller = { baseUrl, headers: { "x-api-key": known.apiKey ?? "" } };
  await completeTemplates(admin, owner, `/api/v1/workspaces/${known.workspaceId}`);
  if (known.seeded !== true) {
    for (const journey of [ACTIVE_JOURNEY, DRAFT_JOURNEY]) {
      await call(owner, "POST", "/api/v1/journeys", journey, ["already_exists"]);
    }
    await call(owner, "POST", `/api/v1/journeys/${ACTIVE_JOURNEY.key}/activate`, {});
    keep({ seeded: true });
  }
  return known as SeededDemo;
}

/**
 * Writes the demo's templates that are not there, and first the sender that they need: a template that was ever written
 * stays for ever, so that what is missing was never anybody's to edit.
 */
async function completeTemplates(admin: Caller, owner: Caller, workspacePath: string): Promise<void> {
  const missing = [];
  for (const template of DEMO_TEMPLATES) {
    const found = await call(owner, "GET", `/api/v1/templates/${template.key}`, undefined, ["not_found", ...CLOSED]);
    // The demo is its owner's, who may have taken the key away: then there is nothing to be completed with it.
    if (CLOSED.includes(String(found["error"]))) return;
    if (found["error"] === "not_found") missing.push(template);
  }
  if (missing.length === 0) return;
  const { settings } = await call(admin, "GET", workspacePath);
  if ((settings as { defaultFrom: string | null }).defaultFrom === null) {
    await call(admin, "PATCH", workspacePath, { settings: { defaultFrom: DEFAULT_FROM } });
  }
  for (const template of missing) await call(owner, "POST", "/api/v1/templates", template, ["already_exists"]);
}

interface Caller {
  baseUrl: string;
  headers: Record<string, string>;
}

async function listWorkspaces(admin: Caller): Promise<{ id: string; name: string }[]> {
  const workspaces: { id: string; name: string }[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
    const page = await call(admin, "GET", `/api/v1/workspaces${query}`);
    workspaces.push(...(page["items"] as { id: string; name: string }[]));
    cursor = page["nextCursor"] as string | null;
  } while (cursor !== null);
  return workspaces;
}

/** @param allowed  error codes that are an answer too */
async function call(
  caller: Caller,
  method: "GET" | "POST" | "PATCH",
  path: string,
  body?: unknown,
  allowed: string[] = [],
): Promise<Record<string, unknown>> {
  const response = await fetch(`${caller.baseUrl}${path}`, {
    method,
    headers: { ...caller.headers, "content-type": "application/json" },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  let answer: Record<string, unknown>;
  try {
    answer = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new StartupFailure(`Seeding the demo failed: ${method} ${path} answered ${response.status} without JSON.`);
  }
  if (response.ok || allowed.includes(String(answer["error"]))) return answer;
  throw new StartupFailure(`Seeding the demo failed: ${method} ${path} answered ${response.status} ${text}`);
}

function textField(answer: Record<string, unknown>, field: string): string {
  const value = answer[field];
  if (typeof value !== "string") throw new StartupFailure(`Seeding the demo failed: an answer has no ${field}.`);
  return value;
}
