// Calls of Klaviyo's endpoints as its clients make them, bodies in both shapes, and what became of them.
import { expect, vi } from "vitest";
import type { ReceiptEntry, Warning } from "../../../src/domain/event.ts";
import { call, read, type Answer } from "../../support/dev-client.ts";
import type { DevServer } from "../../support/dev-server.ts";
import { SOON_MS } from "../../support/patience.ts";

export const REFERENCE = "Create Event, 2023-01-24";
export const OPENAPI = "OpenAPI description, 2022-10-17 to 2026-07-15";
export const LIMITS = "Rate limits, status codes, and errors (2026-11-21)";
export const SEEN = "answers seen on the wire, 2023 to 2024";
export const OURS = "docs/moving-from/klaviyo.md";

export const EVENTS = "/klaviyo/api/events";
export const BULK_JOBS = "/klaviyo/api/event-bulk-create-jobs";
export const CLIENT_EVENTS = "/klaviyo/client/events";
export const CLIENT_BULK = "/klaviyo/client/event-bulk-create";

/** The last revision of the flat shape, the first and the newest of the nested one. */
export const FLAT = "2023-06-15";
export const FIRST_NESTED = "2023-07-15";
export const NEWEST = "2026-07-15";

/** An error's id. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let made = 0;

/** A name that no other test uses. */
export function unique(what: string): string {
  made += 1;
  return `${what} ${made} ${process.pid}`;
}

export function anAddress(): string {
  return `${unique("person").replaceAll(" ", "-")}@example.com`;
}

type Fields = Record<string, unknown>;

/** An event in the flat shape; a field that a test sets to `undefined` is not sent. */
export function flatEvent(over: Fields = {}): { data: { type: string; attributes: Fields } } {
  const attributes = { profile: { $email: anAddress() }, metric: { name: unique("metric") }, properties: {}, ...over };
  return { data: { type: "event", attributes } };
}

/** The same in the nested shape. */
export function nestedEvent(over: Fields = {}): { data: { type: string; attributes: Fields } } {
  const attributes = { properties: {}, metric: metricNamed(unique("metric")), profile: profileOf(), ...over };
  return { data: { type: "event", attributes } };
}

export function metricNamed(name: string): Fields {
  return { data: { type: "metric", attributes: { name } } };
}

/** @param over  of the profile's attributes; an `id` stands beside them */
export function profileOf({ id, ...over }: Fields = { email: anAddress() }): { data: Fields } {
  return { data: { type: "profile", ...(id === undefined ? {} : { id }), attributes: over } };
}

/** An item of a bulk job. */
export function bulkItem(events: Fields[], profile: Fields = profileOf()): Fields {
  const data = events.map((attributes) => ({ type: "event", attributes: { properties: {}, ...attributes } }));
  return { type: "event-bulk-create", attributes: { profile, events: { data } } };
}

export function bulkJob(items: Fields[]): Fields {
  return { data: { type: "event-bulk-create-job", attributes: { "events-bulk-create": { data: items } } } };
}

export interface SendOptions {
  /** `null` = the header is not sent. */
  revision?: string | null;
  authorization?: string | null;
  headers?: Record<string, string>;
  /** Of a client endpoint; left out: the demo workspace's write key. */
  companyId?: string;
}

/** Posts to an endpoint as its clients do. */
export async function send(
  server: DevServer,
  path: string,
  body: unknown,
  { revision = NEWEST, authorization, headers = {}, companyId = server.dev.writeKey }: SendOptions = {},
): Promise<Answer> {
  const isClient = path.includes("/client/");
  const key = authorization === undefined ? `Klaviyo-API-Key ${server.dev.apiKey}` : authorization;
  const said: Record<string, string> = {
    ...(isClient || key === null ? {} : { authorization: key }),
    ...(revision === null ? {} : { revision }),
    ...headers,
  };
  const query = isClient && companyId !== "" ? `?company_id=${companyId}` : "";
  return await call(server, `${path}${query}`, { method: "POST", headers: said, body, key: "" });
}

/** Sends what must be taken. */
export async function taken(
  server: DevServer,
  path: string,
  body: unknown,
  options: SendOptions = {},
): Promise<Answer> {
  const answer = await send(server, path, body, options);
  expect([answer.status, answer.text]).toEqual([202, ""]);
  return answer;
}

export interface ErrorObject {
  id: string;
  status: number;
  code: string;
  title: string;
  detail: string;
  source: { pointer?: string; parameter?: string };
}

export interface Refused {
  status: number;
  headers: Headers;
  errors: ErrorObject[];
}

/** Sends what must be refused. */
export async function refused(
  server: DevServer,
  path: string,
  body: unknown,
  options: SendOptions = {},
): Promise<Refused> {
  const { status, headers, text } = await send(server, path, body, options);
  expect(status).toBeGreaterThanOrEqual(400);
  return { status, headers, errors: (JSON.parse(text) as { errors: ErrorObject[] }).errors };
}

/** The one error of an answer, by what a client tells them apart. */
export function told({ status, errors }: Refused): unknown[] {
  expect(errors).toHaveLength(1);
  return [status, errors[0]?.source.pointer ?? errors[0]?.source.parameter];
}

export interface StoredEvent {
  eventId: string;
  event: string;
  profileId: string;
  data: Fields | null;
  occurredAt: string;
  receivedAt: string;
  source: string;
  receipt: { journeys: ReceiptEntry[]; warnings: Warning[] };
}

export interface StoredProfile {
  id: string;
  email: string | null;
  phone: string | null;
  externalId: string | null;
  aliases: { kind: string; value: string }[];
  sources: string[];
  properties: Fields;
}

/** Waits until a metric has at least so many events in the list, and reads them whole, oldest first. */
export async function eventsOf(server: DevServer, metric: string, atLeast = 1): Promise<StoredEvent[]> {
  const path = `/api/v1/events?limit=200&event=${encodeURIComponent(metric)}`;
  const items = await vi.waitFor(
    async () => {
      const listed = await read<{ items: StoredEvent[] }>(server, path);
      expect(listed.items.length).toBeGreaterThanOrEqual(atLeast);
      return listed.items;
    },
    { timeout: SOON_MS, interval: 100 },
  );
  return await Promise.all(
    items.toReversed().map(async ({ eventId }) => await read<StoredEvent>(server, `/api/v1/events/${eventId}`)),
  );
}

/** How many events of a metric there are once an event that came after them is in the list. */
export async function countOf(server: DevServer, metric: string): Promise<number> {
  const marker = unique("marker");
  await taken(server, EVENTS, nestedEvent({ metric: metricNamed(marker) }));
  await eventsOf(server, marker);
  const path = `/api/v1/events?limit=200&event=${encodeURIComponent(metric)}`;
  return (await read<{ items: unknown[] }>(server, path)).items.length;
}

/** Sends one event that must be taken, and reads it back. */
export async function kept(
  server: DevServer,
  body: { data: { attributes: Fields } },
  { path = EVENTS, ...options }: SendOptions & { path?: string } = {},
): Promise<StoredEvent> {
  await taken(server, path, body, options);
  const { metric } = body.data.attributes as { metric: { name?: string; data?: { attributes: { name: string } } } };
  const [event] = await eventsOf(server, metric.name ?? metric.data?.attributes.name ?? "");
  if (event === undefined) throw new Error("an event that was answered with 202 is not there");
  return event;
}

export async function personOf(
  server: DevServer,
  { profileId }: Pick<StoredEvent, "profileId">,
): Promise<StoredProfile> {
  return await read<StoredProfile>(server, `/api/v1/profiles/${profileId}`);
}

/** A journey that an event of this name starts. */
export function aJourneyOn(key: string, event: string): { key: string } & Fields {
  return { key, name: key, entry: { event }, steps: [{ id: "rest", type: "delay", for: "P1D" }] };
}
