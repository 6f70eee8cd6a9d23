// A workspace of its own behind the real server's ingest door, and what became of what pages sent, read back through
// the native API. Pages' clients are not published: these calls are theirs, by the contract.
import { randomUUID } from "node:crypto";
import { call, caughtUp, read, readAll } from "../../support/dev-client.ts";
import type { DevServer } from "../../support/dev-server.ts";
import { freshWorkspace, type FreshWorkspace } from "../fresh-workspace.ts";

/** The contract, by its own name and date. */
export const CONTRACT = "identified ingest v1, 2026-07-13";
/** What pages sent before it, and still do. */
export const OLDER = "segmentflow-connect 2.4.0";
/** Where nothing says. */
export const OURS = "docs/moving-from/ingest.md";

export interface IngestAnswer {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  body: any;
}

export interface StoredEvent {
  eventId: string;
  event: string;
  profileId: string;
  data: Record<string, unknown> | null;
  occurredAt: string;
  receivedAt: string;
  source: string;
}

export interface StoredProfile {
  id: string;
  email: string | null;
  externalId: string | null;
  aliases: { kind: string; value: string }[];
  properties: Record<string, unknown>;
}

export interface Door extends FreshWorkspace {
  /** Posts JSON with the write key laid in, or text as it is. */
  post: (path: "batch" | "identify" | "track", body: object | string, headers?: HeadersInit) => Promise<IngestAnswer>;
  /** Posts items as a batch. */
  batch: (...items: unknown[]) => Promise<IngestAnswer>;
  /** The outcome of one item in a batch of its own, with the reason where there is one. */
  outcome: (item: unknown) => Promise<string>;
  event: (eventId: string) => Promise<StoredEvent>;
  profile: (id: string) => Promise<StoredProfile>;
  /** Every stored event, newest first, once the read model has all of them. */
  stored: () => Promise<StoredEvent[]>;
  /** How many people the workspace knows. */
  profileCount: () => Promise<number>;
}

/** Opens a door to a new workspace of a running server. @param through  a proxy's URL, if not the server's own */
export async function openDoor(server: DevServer, through: string = server.baseUrl): Promise<Door> {
  const workspace = await freshWorkspace(server);
  const { workspaceId, apiKey, writeKey } = workspace;
  const own: DevServer = { ...server, dev: { ...server.dev, workspaceId, apiKey } };
  const post: Door["post"] = async (path, body, headers = { "content-type": "application/json" }) => {
    const response = await fetch(`${through}/api/v1/ingest/${path}`, {
      method: "POST",
      headers,
      body: typeof body === "string" ? body : JSON.stringify({ writeKey, ...body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
  };
  const batch: Door["batch"] = async (...items) => await post("batch", { batch: items });
  return {
    ...workspace,
    post,
    batch,
    outcome: async (item) => outcomesIn(await batch(item))[0] ?? "none",
    event: async (eventId) => await read<StoredEvent>(own, `/api/v1/events/${eventId}`),
    profile: async (id) => await read<StoredProfile>(own, `/api/v1/profiles/${id}`),
    stored: async () => {
      await caughtUp(own);
      return await readAll<StoredEvent>(own, "/api/v1/events");
    },
    profileCount: async () => {
      await caughtUp(own);
      const { text } = await call(own, "/api/v1/profiles", { method: "POST", body: {} });
      return (JSON.parse(text) as { profileCount: number }).profileCount;
    },
  };
}

/** Status and reason of each item. */
export function outcomesIn({ body }: IngestAnswer): string[] {
  const results = body.results as { status: string; reason?: string }[];
  return results.map(({ status, reason }) => (reason === undefined ? status : `${status} ${reason}`));
}

export function anIdentify(over: object = {}) {
  return { type: "identify", messageId: `sfc:v1:identify:${randomUUID()}`, email: "alex@example.com", ...over };
}

export function aTrack(over: object = {}) {
  const messageId = `sfc:v1:track:${randomUUID()}`;
  return { type: "track", messageId, email: "alex@example.com", event: "cart.updated", ...over };
}

export function aPageView(over: object = {}) {
  return { type: "page", messageId: `sfc:v1:page:${randomUUID()}`, email: "alex@example.com", ...over };
}
