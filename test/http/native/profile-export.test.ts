// GET /api/v1/profiles/{id}/export: whole, each event once, page by page, and never a shorter document that looks whole.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { runAlarm } from "../../support/alarm.ts";
import { get, keyOf } from "../../support/api.ts";
import { aCommand, accepted, OPERATOR } from "../../support/commands.ts";
import { aPerson, suppress } from "../../support/consent.ts";
import { d1GoesAway } from "../../support/d1-faults.ts";
import { attempted } from "../../support/deliveries.ts";
import { anActiveJourney } from "../../support/journeys.ts";
import { queryCell } from "../../support/tables.ts";
import { aWorkspace, anId, send, type TestWorkspace } from "../../support/workspace.ts";

const person = { email: "alex@example.com", externalId: "cus_1" };

interface Export {
  exportedAt: string;
  profile: { id: string; email: string };
  merges: { survivorId: string; mergedId: string }[];
  events: { eventId: string; data: Record<string, unknown> | null; receipt: { journeys: unknown[] } }[];
  enrollments: { id: string; timeline: { kind: string }[] }[];
  deliveries: { id: string; enrollmentId: string; attemptLog: { code: string | null }[] }[];
  suppressions: { email: string | null; reason: string; diagnosticCode: string | null }[];
}
beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

async function exported(workspace: TestWorkspace, profileId: string | null): Promise<Export> {
  const answer = await get(keyOf(workspace.apiKey), `/api/v1/profiles/${profileId}/export`);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  return answer.body as Export;
}

/** Sends many events of the person. @returns their ids, newest first */
async function sendMany(workspace: TestWorkspace, count: number, dataJson = '{"n":1}'): Promise<string[]> {
  const ids: string[] = [];
  for (let sent = 0; sent < count; sent += 500) {
    const commands = Array.from({ length: Math.min(500, count - sent) }, () =>
      aCommand({ identities: person, dataJson }),
    );
    const answer = await workspace.cell.acceptMany(OPERATOR, commands);
    if (answer.kind !== "answered") throw new Error("refused");
    ids.push(...answer.outcomes.flatMap((outcome) => (outcome.kind === "accepted" ? [outcome.eventId] : [])));
  }
  return ids.toReversed();
}

describe("an export", () => {
  it("holds everything there is of a person, merged profiles included", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const lead = await accepted(workspace, { identities: { email: person.email }, dataJson: '{"of":"lead"}' });
    const known = await accepted(workspace, { identities: { externalId: person.externalId } });
    const merging = await accepted(workspace, { identities: person, referenceId: "ord_1" });
    await accepted(workspace, { identities: { email: "other@example.com" } });
    await runAlarm(workspace.cell);
    const all = await exported(workspace, lead.profileId);
    expect(all).toMatchObject({
      exportedAt: new Date().toISOString(),
      profile: { id: known.profileId, email: person.email },
      merges: [{ survivorId: known.profileId, mergedId: lead.profileId, cause: "event", eventId: merging.eventId }],
      deliveries: [],
    });
    expect(all.events.map(({ eventId }) => eventId)).toEqual([merging, known, lead].map(({ eventId }) => eventId));
    expect(all.events.map(({ receipt }) => receipt.journeys.length)).toEqual([1, 1, 1]);
    expect(all.events[2]?.data).toEqual({ of: "lead" });
    expect(all.enrollments).toHaveLength(2);
    expect(all.enrollments.flatMap(({ timeline }) => timeline.map(({ kind }) => kind))).toContain("entered");
  });

  it("has each delivery once, with its attempts, merged profiles included", async () => {
    const workspace = await aWorkspace();
    const hook = { id: "hook", type: "webhook", url: "https://receiver.example/hook" };
    const rules = { reentry: "always", maxActive: 10_000 };
    await anActiveJourney(workspace.cell, { steps: [hook], eligibility: rules });
    const lead = await accepted(workspace, { identities: { email: person.email } });
    await accepted(workspace, { identities: { email: "other@example.com" } });
    await accepted(workspace, { identities: { externalId: person.externalId } });
    await sendMany(workspace, 600);
    await runAlarm(workspace.cell);
    const [first] = await queryCell<{ id: string }>(workspace, `SELECT id FROM deliveries ORDER BY id LIMIT 1`);
    await attempted(workspace, first?.id ?? "", 1, { outcome: "retry", code: "503" });
    const { deliveries, enrollments } = await exported(workspace, lead.profileId);
    expect(deliveries).toHaveLength(602);
    expect(deliveries.map(({ id }) => id)).toEqual(
      [...new Set(deliveries.map(({ id }) => id))].toSorted().toReversed(),
    );
    expect(new Set(deliveries.map(({ enrollmentId }) => enrollmentId))).toEqual(
      new Set(enrollments.map(({ id }) => id)),
    );
    expect(deliveries.at(-1)).toMatchObject({
      id: first?.id,
      status: "pending",
      attempts: 1,
      target: hook.url,
      attemptLog: [{ outcome: "retry", code: "503" }],
    });
  });

  it("says what stands against writing to the person, merged profiles included", async () => {
    const workspace = await aWorkspace();
    const lead = await aPerson(workspace, { identities: { email: person.email } });
    await suppress(workspace, lead, "bounce", "5.1.1");
    const known = await aPerson(workspace, { identities: { externalId: person.externalId } });
    await suppress(workspace, known, "manual");
    await suppress(workspace, await aPerson(workspace, { identities: { email: "other@example.com" } }), "complaint");
    await aPerson(workspace, { identities: person });
    const { suppressions } = await exported(workspace, known);
    const at = new Date().toISOString();
    expect(suppressions).toEqual([
      { email: person.email, reason: "bounce", at, profileId: lead, diagnosticCode: "5.1.1" },
      { email: null, reason: "manual", at, profileId: known, diagnosticCode: null },
    ]);
  });

  it("has each event once, wherever it is: in D1, on its way there, in quarantine", async () => {
    const workspace = await aWorkspace();
    const inD1 = await sendMany(workspace, 5);
    await runAlarm(workspace.cell);
    const waiting = await sendMany(workspace, 5);
    await queryCell(
      workspace,
      `INSERT INTO quarantine SELECT ?, 1, 'user_events', event_id, 'E', row FROM outbox_events ORDER BY place LIMIT 1`,
      anId(),
    );
    await queryCell(workspace, `DELETE FROM outbox_events WHERE place = (SELECT min(place) FROM outbox_events)`);
    const { profileId } = await accepted(workspace, { identities: { email: person.email } });
    const { events } = await exported(workspace, profileId);
    expect(events.slice(1).map(({ eventId }) => eventId)).toEqual([...waiting, ...inD1]);
  });

  it("has each event once though the outbox is flushed while it is read", async () => {
    const workspace = await aWorkspace();
    const ids = await sendMany(workspace, 450);
    const { profileId } = await accepted(workspace, { identities: person, dataJson: '{"n":1}' });
    const response = await send(`/api/v1/profiles/${profileId}/export`, { headers: { "x-api-key": workspace.apiKey } });
    const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let pieces = 0; ; pieces++) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
      // The first page of events has been read, and what comes next goes to D1 before it is.
      if (pieces === 3) await runAlarm(workspace.cell);
    }
    const { events } = JSON.parse(text) as Export;
    expect(events.slice(1).map(({ eventId }) => eventId)).toEqual(ids);
  });

  it("reads thousands of events page by page and gives all of them", async () => {
    const workspace = await aWorkspace();
    const ids = await sendMany(workspace, 3_000);
    await runAlarm(workspace.cell);
    const { profileId } = await accepted(workspace, { identities: person });
    await runAlarm(workspace.cell);
    const prepared = vi.spyOn(env.DB, "prepare");
    const { events } = await exported(workspace, profileId);
    expect(events.slice(1).map(({ eventId }) => eventId)).toEqual(ids);
    // 3,001 events in pages of 200: for each its ids, then its rows.
    expect(prepared.mock.calls.filter(([sql]) => sql.includes("FROM user_events"))).toHaveLength(2 * 16);
  });

  it("never holds more than a few megabytes of events at a time", async () => {
    const workspace = await aWorkspace();
    const dataJson = JSON.stringify({ text: "x".repeat(400_000) });
    const ids = await sendMany(workspace, 30, dataJson);
    await runAlarm(workspace.cell);
    const large = JSON.stringify({ text: '"é'.repeat(600_000) });
    const { profileId, eventId } = await accepted(workspace, { identities: person, dataJson: large });
    await runAlarm(workspace.cell);
    const prepared = vi.spyOn(env.DB, "prepare");
    const { events } = await exported(workspace, profileId);
    // 12 MB in pages of 4: for each its ids, then its rows.
    expect(prepared.mock.calls.filter(([sql]) => sql.includes("FROM user_events"))).toHaveLength(2 * 4);
    expect(events.map((event) => event.eventId)).toEqual([eventId, ...ids]);
    expect(events[0]?.data).toEqual(JSON.parse(large));
  });

  it("goes through all pages of many runs", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: "always", maxActive: 10_000 } });
    await sendMany(workspace, 1_100);
    const { profileId } = await accepted(workspace, { identities: person });
    const { enrollments } = await exported(workspace, profileId);
    expect(new Set(enrollments.map(({ id }) => id)).size).toBe(1_101);
    expect(enrollments.map(({ id }) => id)).toEqual(
      enrollments
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
  });
});

describe("an export that cannot be read to its end", () => {
  it("is a 503 when the read model is away from the start", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace, { identities: person });
    d1GoesAway();
    const answer = await get(keyOf(workspace.apiKey), `/api/v1/profiles/${profileId}/export`);
    expect([answer.status, answer.body.error, answer.headers.get("retry-after")]).toEqual([503, "unavailable", "5"]);
  });

  it("breaks off when the read model goes away in the middle", async () => {
    const workspace = await aWorkspace();
    await sendMany(workspace, 700);
    await runAlarm(workspace.cell);
    const { profileId } = await accepted(workspace, { identities: person });
    const response = await send(`/api/v1/profiles/${profileId}/export`, { headers: { "x-api-key": workspace.apiKey } });
    expect(response.status).toBe(200);
    expect(await brokenOff(response, 5, () => void d1GoesAway())).toBe(true);
  });

  it("breaks off when the key is revoked in the middle, or the person erased", async () => {
    for (const interrupt of ["revoke", "erase"] as const) {
      const workspace = await aWorkspace();
      await sendMany(workspace, 700);
      const { profileId } = await accepted(workspace, { identities: person });
      const headers = { "x-api-key": workspace.apiKey };
      const response = await send(`/api/v1/profiles/${profileId}/export`, { headers });
      const isBroken = await brokenOff(response, 3, async () => {
        const [key] = await queryCell<{ id: string }>(workspace, `SELECT id FROM api_keys`);
        if (interrupt === "revoke") await workspace.cell.revokeKey(OPERATOR, key?.id ?? "");
        else await send(`/api/v1/profiles/${profileId}`, { method: "DELETE", headers });
      });
      expect([interrupt, isBroken]).toEqual([interrupt, true]);
    }
  });
});

/**
 * Reads an answer, and does something after so many pieces.
 *
 * @returns whether it then came to no end, and what had come is no JSON
 */
async function brokenOff(response: Response, after: number, interrupt: () => Promise<void> | void): Promise<boolean> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const utf8 = new TextDecoder();
  let text = "";
  try {
    for (let pieces = 1; ; pieces++) {
      const { done, value } = await reader.read();
      if (done) return false;
      text += utf8.decode(value, { stream: true });
      if (pieces === after) await interrupt();
    }
  } catch {
    expect(text).toContain('"events":[');
    expect(() => JSON.parse(text) as unknown).toThrow();
    return true;
  }
}
