// Greenflash's sampling on a real server: pairs of event type and organization are kept or dropped whole, before and
// after a restart with newer secrets.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { caughtUp, eachOf, readAll } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import { anEvent, create, created, OURS, REFERENCE, stored, UUID, type Created, type StoredEvent } from "./calls.ts";

const PAIRS = 50;
const EVENTS_A_PAIR = 200;
const RATE = 0.3;
const AT_A_TIME = 16;
/** Ten thousand requests on a busy machine; a quarter of a minute on an idle one. */
const MANY_REQUESTS_MS = 900_000;

const stateDir = newStateDir();
let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir });
});
afterAll(async () => server.stop());

function ofPair(pair: number, over: Record<string, unknown> = {}): Record<string, unknown> {
  const [eventType, externalOrganizationId] = [`sampled_${pair % 10}`, `org-${Math.floor(pair / 10)}`];
  return anEvent({ eventType, externalOrganizationId, sampleRate: RATE, ...over });
}

function pairOf({ event, referenceId }: StoredEvent): string {
  return `${event} ${referenceId}`;
}

/** Puts a new secret before the others, as a rotation does, and starts the server again. */
async function restartWithNewSecret(): Promise<void> {
  await server.stop();
  const file = join(stateDir, "dev-secrets.json");
  const secrets = JSON.parse(readFileSync(file, "utf8")) as { ledgerSecrets: string[] };
  const ledgerSecrets = ["a-newer-ledger-secret-0123456789abcdef", ...secrets.ledgerSecrets];
  writeFileSync(file, JSON.stringify({ ...secrets, ledgerSecrets }));
  server = await startDevServer({ stateDir });
}

describe("sampling", () => {
  const kept = new Map<string, number>();

  const whole = requirement("a pair of event type and organization is kept whole or dropped whole", "D", REFERENCE);
  it(whole, { timeout: MANY_REQUESTS_MS }, async () => {
    const events = Array.from({ length: PAIRS * EVENTS_A_PAIR }, (_, i) => ofPair(i % PAIRS));
    await eachOf(events, AT_A_TIME, async (event) => {
      const { status, text } = await create(server, event);
      expect([200, 201]).toContain(status);
      expect(JSON.parse(text)).toEqual({ success: true, eventId: expect.stringMatching(UUID) });
    });
    await caughtUp(server);
    for (const event of await readAll<StoredEvent>(server, "/api/v1/events")) {
      kept.set(pairOf(event), (kept.get(pairOf(event)) ?? 0) + 1);
    }
    expect(new Set(kept.values())).toEqual(new Set([EVENTS_A_PAIR]));
    // Fifty pairs are few: five standard deviations around 15. How close many come is tested in sampling.test.ts of http.
    expect(kept.size).toBeGreaterThan(0);
    expect(kept.size).toBeLessThanOrEqual(31);
  });

  it(requirement("the same pairs are kept after a restart and a rotation of secrets", "D", REFERENCE), async () => {
    const before = await create(server, ofPair(droppedPair(), { insertId: "dropped" }));
    await restartWithNewSecret();
    expect((await create(server, ofPair(droppedPair(), { insertId: "dropped" }))).text).toBe(before.text);
    for (let pair = 0; pair < PAIRS; pair++) {
      const { eventId } = JSON.parse((await create(server, ofPair(pair))).text) as Created;
      const event = await stored(server, eventId);
      expect([pair, event !== null]).toEqual([pair, kept.has(nameOf(pair))]);
    }
  });

  it(requirement("a dropped event is answered with success and a 200, and not stored", "A", OURS), async () => {
    const answer = await create(server, ofPair(droppedPair()));
    const { success, eventId } = JSON.parse(answer.text) as Created;
    expect([answer.status, success, await stored(server, eventId)]).toEqual([200, true, null]);
  });

  it(requirement("a dropped event that is sent again under its insertId has the same eventId", "A", OURS), async () => {
    const send = async (over: object) => JSON.parse((await create(server, ofPair(droppedPair(), { ...over }))).text);
    const first = await send({ insertId: "dropped-twice" });
    expect(await send({ insertId: "dropped-twice" })).toEqual(first);
    expect(await send({ insertId: "dropped-once" })).not.toEqual(first);
    expect(await send({})).not.toEqual(await send({}));
  });

  it(requirement("a dropped event does not use up its insertId", "A", OURS), async () => {
    await create(server, ofPair(droppedPair(), { insertId: "later" }));
    expect((await create(server, ofPair(droppedPair(), { insertId: "later", sampleRate: 1 }))).status).toBe(201);
  });

  it(
    requirement("an event that was stored is the answer also at a rate that would drop it by now", "A", OURS),
    async () => {
      const first = await created(server, ofPair(droppedPair(), { insertId: "stored", forceSample: true }));
      for (const sampleRate of [0, RATE, 1]) {
        const again = await create(server, ofPair(droppedPair(), { insertId: "stored", sampleRate }));
        expect([again.status, JSON.parse(again.text)]).toEqual([200, { success: true, eventId: first }]);
      }
    },
  );

  it(requirement("an organizationId is one organization in either case", "A", OURS), async () => {
    const drawn = Array.from({ length: 40 }, () => crypto.randomUUID());
    for (const organizationId of drawn) {
      const of = (id: string) => anEvent({ organizationId: id, sampleRate: 0.5 });
      const [lower, upper] = [of(organizationId), of(organizationId.toUpperCase())];
      expect((await create(server, upper)).status).toBe((await create(server, lower)).status);
    }
  });

  it(requirement("forceSample keeps an event at every rate", "D", REFERENCE), async () => {
    for (const sampleRate of [0, RATE, 1]) {
      const eventId = await created(server, ofPair(droppedPair(), { sampleRate, forceSample: true }));
      expect(await stored(server, eventId)).toMatchObject({ eventId, data: { sampleRate, forceSample: true } });
    }
  });

  it(requirement("a rate of 0 keeps nothing, 1 and none everything", "D", REFERENCE), async () => {
    for (let pair = 0; pair < PAIRS; pair++) {
      expect((await create(server, ofPair(pair, { sampleRate: 0 }))).status).toBe(200);
      expect((await create(server, ofPair(pair, { sampleRate: 1 }))).status).toBe(201);
      expect((await create(server, ofPair(pair, { sampleRate: undefined }))).status).toBe(201);
    }
  });

  it(requirement("a field that is wrong is a 400 also for an event that would be dropped", "A", OURS), async () => {
    expect((await create(server, ofPair(droppedPair(), { value: 1 }))).status).toBe(400);
  });

  function nameOf(pair: number): string {
    const { eventType, externalOrganizationId } = ofPair(pair);
    return `${eventType as string} ${externalOrganizationId as string}`;
  }

  function droppedPair(): number {
    const dropped = Array.from({ length: PAIRS }, (_, pair) => pair).find((pair) => !kept.has(nameOf(pair)));
    if (dropped === undefined) throw new Error("every pair is kept");
    return dropped;
  }
});
