// A workspace of its own behind the real server's Segment door, with a write key; and what became of what was sent,
// read back through the native API.
import { gzipSync } from "node:zlib";
import { expect, vi } from "vitest";
import { call, read, readAll, type Answer } from "../../support/dev-client.ts";
import type { DevServer } from "../../support/dev-server.ts";
import { SOON_MS } from "../../support/patience.ts";
import { freshWorkspace } from "../fresh-workspace.ts";

export interface StoredEvent {
  eventId: string;
  event: string;
  profileId: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into data of every shape
  data: any;
  occurredAt: string;
  receivedAt: string;
  source: string;
}

export interface Rejected {
  at: string;
  source: string;
  reason: string;
  message: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever was sent
  payload: any;
}

export interface StoredProfile {
  id: string;
  email: string | null;
  phone: string | null;
  externalId: string | null;
  aliases: { kind: string; value: string }[];
  properties: Record<string, unknown>;
  mergedFrom: string[];
}

export interface Door {
  /** The vendor's base URL: what a client is pointed at. */
  baseUrl: string;
  workspaceId: string;
  writeKey: string;
  apiKey: string;
  /** Posts JSON, or bytes and text as they are, with the write key in a Basic header. */
  post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<Answer>;
  /** Every stored event, oldest first, once the read model has all of them. */
  stored: () => Promise<StoredEvent[]>;
  /** The one stored event. */
  storedOne: () => Promise<StoredEvent>;
  warningsOf: (eventId: string) => Promise<string[]>;
  profile: (id: string) => Promise<StoredProfile>;
  /** Every rejected event, oldest first. */
  rejected: () => Promise<Rejected[]>;
}

/** Opens a door to a new workspace of a running server. */
export async function openDoor(server: DevServer): Promise<Door> {
  const { workspaceId, apiKey, writeKey } = await freshWorkspace(server);
  const own: DevServer = { ...server, dev: { ...server.dev, apiKey, workspaceId } };
  const stored = async (): Promise<StoredEvent[]> => {
    await settled(server, workspaceId);
    return (await readAll<StoredEvent>(own, "/api/v1/events")).toReversed();
  };
  return {
    baseUrl: `${server.baseUrl}/segment`,
    workspaceId,
    writeKey,
    apiKey,
    post: async (path, body, headers = {}) =>
      await call(server, `/segment/v1/${path}`, {
        method: "POST",
        headers: { authorization: basic(writeKey), ...headers },
        body,
      }),
    stored,
    storedOne: async () => {
      const events = await stored();
      expect(events).toHaveLength(1);
      return events[0] as StoredEvent;
    },
    warningsOf: async (eventId) => {
      const { receipt } = await read<{ receipt: { warnings: { code: string }[] } }>(own, `/api/v1/events/${eventId}`);
      return receipt.warnings.map(({ code }) => code);
    },
    profile: async (id) => await read<StoredProfile>(own, `/api/v1/profiles/${id}`),
    rejected: async () => (await readAll<Rejected>(own, "/api/v1/rejected-events")).toReversed(),
  };
}

/** A Basic header with the user as it is given, and the colon after it. */
export function basic(user: string, password = ""): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** A body compressed as RudderStack's clients send it. */
export function gzipped(body: unknown): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(gzipSync(JSON.stringify(body)));
}

/** The least that a track call is. */
export function aTrack(over: Record<string, unknown> = {}): Record<string, unknown> {
  return { event: "Order Completed", userId: "u-1", ...over };
}

/** JSON text of an object of exactly so many bytes, by the length of a property called `filler`. */
export function jsonOfBytes(value: Record<string, unknown>, bytes: number): string {
  const withFiller = (filler: string): string => JSON.stringify({ ...value, properties: { filler } });
  return withFiller("x".repeat(bytes - withFiller("").length));
}

/** The answer to every call that is not refused. */
export const SUCCESS = { status: 200, text: '{"success":true}' };

/** Waits, for a bounded time, until a workspace's accepted events have left the cell for the read model. */
async function settled(server: DevServer, workspaceId: string): Promise<void> {
  await vi.waitFor(async () => expect(await outboxOf(server, workspaceId)).toBe(0), { timeout: SOON_MS });
}

async function outboxOf(server: DevServer, workspaceId: string): Promise<number> {
  let cursor: string | null = null;
  do {
    const path: string = `/healthz${cursor === null ? "" : `?cursor=${cursor}`}`;
    const headers = { authorization: `Bearer ${server.dev.adminToken}` };
    const page = JSON.parse((await call(server, path, { headers })).text) as {
      workspaces: { workspaceId: string; outbox: number }[];
      nextCursor: string | null;
    };
    const own = page.workspaces.find((workspace) => workspace.workspaceId === workspaceId);
    if (own !== undefined) return own.outbox;
    cursor = page.nextCursor;
  } while (cursor !== null);
  throw new Error("/healthz does not know the workspace");
}
