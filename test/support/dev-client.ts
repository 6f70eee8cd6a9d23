// Calls of a running dev server's API, as a client with the demo's keys makes them. Bodies that are text are sent as
// they are, so that a test can send what no JSON writer would.
import { expect, vi } from "vitest";
import type { DevServer } from "./dev-server.ts";
import { SOON_MS } from "./patience.ts";

const LARGEST_PAGE = 200;

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** The five fields of an accepted event. */
export interface AcceptedFields {
  eventId: string;
  profileId: string;
  matchedJourneys: number;
  enrolledJourneys: number;
  skippedJourneys: number;
}

export interface WorkspaceHealth {
  workspaceId: string;
  outbox: number;
  /** Profiles, runs and messages whose row in the read model is behind. */
  outboxChanges: number;
  quarantined: number;
  pendingErasures: number;
  conservation: {
    enrolled: number;
    active: number;
    completed: number;
    exited: number;
    failed: number;
    cancelled: number;
    holds: boolean;
  };
  deliveries: { made: number; sent: number; skipped: number; failed: number; pending: number; holds: boolean };
}

export interface CallOptions {
  method?: string;
  headers?: Record<string, string>;
  /** Text and bytes are sent as they are, anything else as JSON. */
  body?: unknown;
  /** Left out: the key with every scope. */
  key?: string;
  /** Called when the answer's status is there and its body is not yet. */
  onStatus?: (status: number) => void;
}

/** Sends a request and reads the whole answer. */
export async function call(server: DevServer, path: string, options: CallOptions = {}): Promise<Answer> {
  const { method = "GET", headers, body, key = server.dev.apiKey, onStatus } = options;
  const init: RequestInit = { method, headers: { "content-type": "application/json", "x-api-key": key, ...headers } };
  if (body !== undefined) init.body = isSentAsIs(body) ? body : JSON.stringify(body);
  const response = await fetch(`${server.baseUrl}${path}`, init);
  onStatus?.(response.status);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Posts an event under an idempotency key. */
export async function track(
  server: DevServer,
  idempotencyKey: string,
  body: unknown,
  { query = "", ...options }: Pick<CallOptions, "key" | "onStatus"> & { query?: string } = {},
): Promise<Answer> {
  const headers = { "idempotency-key": idempotencyKey };
  return await call(server, `/api/v1/events${query}`, { ...options, method: "POST", headers, body });
}

/** Reads a path that must be there, parsed. */
export async function read<T>(server: DevServer, path: string): Promise<T> {
  const answer = await call(server, path);
  expect([path, answer.status, answer.text]).toEqual([path, 200, expect.any(String)]);
  return JSON.parse(answer.text) as T;
}

/** Reads every page of a list. */
export async function readAll<T>(server: DevServer, path: string, limit = LARGEST_PAGE): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: string = `${path}?limit=${limit}${cursor === null ? "" : `&cursor=${cursor}`}`;
    const { items: found, nextCursor } = await read<{ items: T[]; nextCursor: string | null }>(server, page);
    items.push(...found);
    cursor = nextCursor;
  } while (cursor !== null);
  return items;
}

/** Writes a journey and activates it. */
export async function activateJourney(server: DevServer, document: { key: string } & object): Promise<void> {
  const written = await call(server, "/api/v1/journeys", { method: "POST", body: document });
  expect([written.status, written.text]).toEqual([201, expect.any(String)]);
  const active = await call(server, `/api/v1/journeys/${document.key}/activate`, { method: "POST", body: {} });
  expect([active.status, active.text]).toEqual([200, expect.any(String)]);
}

/** Writes a template. */
export async function writeTemplate(server: DevServer, template: object): Promise<void> {
  const written = await call(server, "/api/v1/templates", { method: "POST", body: template });
  expect([written.status, written.text]).toEqual([201, expect.any(String)]);
}

/** What the demo workspace's cell says of itself. */
export async function workspaceHealth(server: DevServer): Promise<WorkspaceHealth> {
  const response = await fetch(`${server.baseUrl}/healthz`, {
    headers: { authorization: `Bearer ${server.dev.adminToken}` },
  });
  const { workspaces } = await response.json<{ workspaces: WorkspaceHealth[] }>();
  const own = workspaces.find(({ workspaceId }) => workspaceId === server.dev.workspaceId);
  if (own === undefined) throw new Error("/healthz does not know the demo workspace");
  return own;
}

/** Waits, for a bounded time, until every accepted event has left the cell for the read model. */
export async function caughtUp(server: DevServer): Promise<void> {
  const isUpToDate = async () => expect((await workspaceHealth(server)).outbox).toBe(0);
  await vi.waitFor(isUpToDate, { timeout: SOON_MS });
}

/** Does something with each item, several at a time. */
export async function eachOf<T>(items: Iterable<T>, atATime: number, run: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items].values();
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      for (const item of queue) await run(item);
    }),
  );
}

function isSentAsIs(body: unknown): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === "string" || body instanceof Uint8Array;
}
