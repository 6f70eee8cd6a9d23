// Calls of Greenflash's "Create event", as its TypeScript SDK 1.4.0 sends them.
import { expect } from "vitest";
import { call, type Answer } from "../../support/dev-client.ts";
import type { DevServer } from "../../support/dev-server.ts";
import type { ReceiptEntry, Warning } from "../../../src/domain/event.ts";

export const PATH = "/greenflash/api/v1/events";
export const REFERENCE = "API reference, Create event (2026-11-21)";
export const SDK = "TypeScript SDK 1.4.0";
export const OURS = "docs/moving-from/greenflash.md";

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What the SDK sends besides the key. */
export const SDK_HEADERS = {
  accept: "application/json",
  "user-agent": "Greenflash/JS 1.4.0",
  "x-stainless-retry-count": "0",
  "x-stainless-lang": "js",
  "x-stainless-package-version": "1.4.0",
  "x-stainless-os": "Linux",
  "x-stainless-arch": "x64",
  "x-stainless-runtime": "node",
  "x-stainless-runtime-version": "v20.20.2",
  "content-type": "application/json",
};

/** An event with what is required; a field that a test sets to `undefined` is not sent. */
export function anEvent(over: Record<string, unknown> = {}): Record<string, unknown> {
  return { eventType: "upgrade", productId: "182bd5e5-0d44-4b50-8888-8dd25736052a", value: "149.00", ...over };
}

export interface Created {
  success: boolean;
  eventId: string;
}

/** Sends an event, or a text as it is. */
export async function create(
  server: DevServer,
  body: unknown,
  { key = server.dev.apiKey, headers = {} }: { key?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return await call(server, PATH, {
    method: "POST",
    headers: { ...SDK_HEADERS, authorization: `Bearer ${key}`, ...headers },
    body,
    key: "",
  });
}

/** Sends an event that must be taken. @returns its id */
export async function created(server: DevServer, body: unknown, key?: string): Promise<string> {
  const answer = await create(server, body, key === undefined ? {} : { key });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  return (JSON.parse(answer.text) as Created).eventId;
}

export interface StoredEvent {
  eventId: string;
  event: string;
  profileId: string | null;
  data: Record<string, unknown>;
  referenceId: string | null;
  occurredAt: string;
  receivedAt: string;
  source: string;
  receipt: { journeys: ReceiptEntry[]; warnings: Warning[] };
}

/** Reads an event back; `null` = there is none. */
export async function stored(server: DevServer, eventId: string, key = server.dev.apiKey): Promise<StoredEvent | null> {
  const answer = await call(server, `/api/v1/events/${eventId}`, { key });
  if (answer.status === 404) return null;
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return JSON.parse(answer.text) as StoredEvent;
}

/** Sends an event and reads it back. */
export async function kept(server: DevServer, body: unknown, key = server.dev.apiKey): Promise<StoredEvent> {
  const event = await stored(server, await created(server, body, key), key);
  if (event === null) throw new Error("an event that was answered with 201 is not there");
  return event;
}

export interface Refused {
  success: boolean;
  error: string;
  message: string;
}

/** Sends what must be refused. @returns the status and the parsed body */
export async function refused(
  server: DevServer,
  body: unknown,
  options: { key?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: Refused }> {
  const { status, text } = await create(server, body, options);
  return { status, body: JSON.parse(text) as Refused };
}
