// Calls of SegmentStream's HTTP API and of what its browser SDK sends, and what became of a hit.
import { expect } from "vitest";
import { call, type Answer } from "../../support/dev-client.ts";
import type { DevServer } from "../../support/dev-server.ts";
import { SOON_MS } from "../../support/patience.ts";
import type { Warning } from "../../../src/domain/event.ts";

export const TRACK = "/segmentstream/track";
export const COLLECT = "/segmentstream/collect";
export const REFERENCE = "HTTP Tracking API (2026-11-21)";
export const SDK = "JavaScript SDK, DDManager Streaming";
export const OURS = "docs/moving-from/segmentstream.md";

let hits = 0;

/** A hit of the HTTP API about a person of its own; what a test sets to `undefined` is not sent. */
export function aHit(over: Record<string, unknown> = {}): Record<string, unknown> {
  hits += 1;
  return { event: anEvent({ user: { userId: `user-${hits}` } }), ...over };
}

export function anEvent(over: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: "Registered", category: "Auth", ...over };
}

export interface Options {
  /** The project's token; left out: the demo's write key. */
  token?: string;
  headers?: Record<string, string>;
}

/** The header of the HTTP API. */
export function basic(token: string): string {
  return `Basic ${btoa(`${token}:`)}`;
}

/** Sends a hit, or a text as it is, to the HTTP API. */
export async function track(
  server: DevServer,
  body: unknown,
  { token = server.dev.writeKey, headers = {} }: Options = {},
): Promise<Answer> {
  return await call(server, TRACK, { method: "POST", body, headers: { authorization: basic(token), ...headers } });
}

/** Sends a hit as the browser SDK does. */
export async function collect(server: DevServer, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return await call(server, COLLECT, {
    method: "POST",
    body,
    headers: { "content-type": "text/plain;charset=UTF-8", ...headers },
  });
}

export interface StoredEvent {
  eventId: string;
  event: string;
  profileId: string;
  data: Record<string, unknown>;
  occurredAt: string;
  receivedAt: string;
  source: string;
  receipt: { warnings: Warning[] };
}

export interface StoredProfile {
  id: string;
  email: string | null;
  externalId: string | null;
  aliases: { kind: string; value: string }[];
  sources: string[];
  properties: Record<string, unknown>;
}

/** A name that no other hit has, so that its events can be found: an answer names none. */
export function aName(): string {
  hits += 1;
  return `Viewed Page ${hits}`;
}

/** The events of one name, oldest first, once the read model has them all. */
export async function eventsNamed(server: DevServer, name: string, key = server.dev.apiKey): Promise<StoredEvent[]> {
  await allAreListed(server);
  const list = await call(server, `/api/v1/events?event=${encodeURIComponent(name)}`, { key });
  expect([list.status, list.text]).toEqual([200, expect.any(String)]);
  const { items } = JSON.parse(list.text) as { items: { eventId: string }[] };
  const whole = await Promise.all(
    items.map(async ({ eventId }) => {
      const event = await call(server, `/api/v1/events/${eventId}`, { key });
      return JSON.parse(event.text) as StoredEvent;
    }),
  );
  return whole.toReversed();
}

/** Sends a hit to the HTTP API that must be taken. @returns its event */
export async function kept(server: DevServer, hit: Record<string, unknown>): Promise<StoredEvent> {
  const { name } = hit["event"] as { name: string };
  const before = (await eventsNamed(server, name)).length;
  const answer = await track(server, hit);
  expect([answer.status, answer.headers.get("x-rejected-events")]).toEqual([204, null]);
  const events = await eventsNamed(server, name);
  expect(events).toHaveLength(before + 1);
  return events.at(-1) as StoredEvent;
}

export async function profileOf(server: DevServer, { profileId }: StoredEvent): Promise<StoredProfile> {
  const { status, text } = await call(server, `/api/v1/profiles/${profileId}`);
  expect([status, text]).toEqual([200, expect.any(String)]);
  return JSON.parse(text) as StoredProfile;
}

export interface Rejected {
  source: string;
  reason: string;
  message: string;
  payload: unknown;
}

/** What is kept among the rejected events, newest first. */
export async function rejected(server: DevServer): Promise<Rejected[]> {
  const { status, text } = await call(server, "/api/v1/rejected-events");
  expect([status, text]).toEqual([200, expect.any(String)]);
  return (JSON.parse(text) as { items: Rejected[] }).items;
}

/** Waits until nothing is left between the cells and the read model, in whichever workspace. */
async function allAreListed(server: DevServer): Promise<void> {
  await expect.poll(async () => await outboxes(server), { timeout: SOON_MS, interval: 25 }).toBe(0);
}

async function outboxes(server: DevServer): Promise<number> {
  const response = await fetch(`${server.baseUrl}/healthz`, {
    headers: { authorization: `Bearer ${server.dev.adminToken}` },
  });
  const { workspaces } = await response.json<{ workspaces: { outbox: number }[] }>();
  return workspaces.reduce((sum, { outbox }) => sum + outbox, 0);
}
