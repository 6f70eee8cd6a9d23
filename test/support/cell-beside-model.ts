// A cell and its model side by side: what is done to both, and how they are compared.
import { evictDurableObject } from "cloudflare:test";
import { expect, vi } from "vitest";
import type { Accepted } from "../../src/cell/command.ts";
import type { Json } from "../../src/domain/json.ts";
import { runAlarm } from "./alarm.ts";
import { CellModel, type ModelJourney, type ModelPerson, type ModelRequest } from "./cell-model.ts";
import { accept, aCommand, claimsOf, OPERATOR } from "./commands.ts";
import { d1GoesAway } from "./d1-faults.ts";
import { anActiveJourney, changeJourney, readJourney } from "./journeys.ts";
import { countInCell, queryCell, rowsInD1 } from "./tables.ts";
import { aWorkspace, type TestWorkspace } from "./workspace.ts";

const MINUTE_MS = 60_000;

export type Step =
  | { do: "send"; key: string; request: ModelRequest }
  | { do: "repeat"; which: number }
  | { do: "flush" | "restart" | "outage" | "recovery" }
  | { do: "jump"; ms: number }
  | { do: "toggle"; journey: number };

export interface Pair {
  workspace: TestWorkspace;
  model: CellModel;
  /** Which of the cell's ids stand for which of the model's people and events. */
  ids: Map<ModelPerson, string>;
  eventIds: string[];
  profileIds: string[];
  sent: [string, ModelRequest][];
  outage: ReturnType<typeof d1GoesAway> | null;
}

/** Makes a workspace and its model, with these journeys active in both. */
export async function aPair(journeys: ModelJourney[]): Promise<Pair> {
  const pair: Pair = {
    workspace: await aWorkspace(),
    model: new CellModel(structuredClone(journeys)),
    ids: new Map(),
    eventIds: [],
    profileIds: [],
    sent: [],
    outage: null,
  };
  for (const { key, event, plan, againAfterMs, maxActive, countBy, cap, requires } of pair.model.journeys) {
    const filter = plan === null ? {} : { filter: { $state: "/profile/plan", eq: plan } };
    const reentry = againAfterMs === null ? "once" : { after: `PT${againAfterMs / 1_000}S` };
    await anActiveJourney(pair.workspace.cell, {
      key,
      entry: { event, ...filter },
      eligibility: {
        reentry,
        maxActive,
        ...(countBy === undefined ? {} : { key: `/profile/${countBy}` }),
        ...(cap === undefined ? {} : { cap: { enrollments: cap.enrollments, per: `PT${cap.perMs / 1_000}S` } }),
        ...(requires === undefined ? {} : { requires: [requires] }),
      },
    });
  }
  return pair;
}

/** Does one step to both, and compares the answers. */
export async function take(pair: Pair, step: Step): Promise<void> {
  const { cell } = pair.workspace;
  switch (step.do) {
    case "send":
      pair.sent.push([step.key, step.request]);
      return await send(pair, step.key, step.request);
    case "repeat": {
      const before = pair.sent[step.which % Math.max(1, pair.sent.length)];
      return before === undefined ? undefined : await send(pair, ...before);
    }
    case "flush":
      return void (await runAlarm(cell));
    case "restart":
      // Only an object that runs can be evicted.
      await cell.health();
      return await evictDurableObject(cell);
    case "outage":
      pair.outage ??= d1GoesAway();
      return;
    case "recovery":
      return close(pair);
    case "jump":
      return void vi.setSystemTime(Date.now() + step.ms);
    case "toggle": {
      const journey = pair.model.journeys[step.journey] as ModelJourney;
      journey.active = !journey.active;
      return void (await changeJourney(cell, journey.key, journey.active ? "activate" : "pause"));
    }
  }
}

/** Ends an outage. */
export function close(pair: Pair): void {
  pair.outage?.mockRestore();
  pair.outage = null;
}

async function send(pair: Pair, key: string, sent: ModelRequest): Promise<void> {
  const expected = pair.model.accept(key, sent, Date.now());
  const outcome = await accept(
    pair.workspace,
    aCommand({
      event: sent.event,
      identities: sent.identities,
      propertiesJson: JSON.stringify(sent.properties),
      claims: claimsOf(pair.workspace.id, key, sent as unknown as Json),
    }),
  );
  if (expected.kind === "conflict") return expect(outcome).toEqual({ kind: "conflict" });
  const { event, person, reasons, replayed } = expected;
  const enrolled = reasons.filter((reason) => reason === "enrolled").length;
  expect(outcome).toMatchObject({ kind: "accepted", replayed, matched: reasons.length, enrolled });
  const { eventId, profileId, receiptJson } = outcome as Accepted;
  if (replayed) return expect([eventId, profileId]).toEqual([pair.eventIds[event], pair.profileIds[event]]);
  const receipt = JSON.parse(receiptJson ?? "") as { journeys: { reason: string }[] };
  expect(receipt.journeys.map(({ reason }) => reason)).toEqual(reasons);
  expect(eventId > (pair.eventIds.at(-1) ?? "")).toBe(true);
  if (!pair.ids.has(person)) pair.ids.set(person, profileId as string);
  expect(profileId).toBe(pair.ids.get(person));
  pair.eventIds.push(eventId);
  pair.profileIds.push(profileId as string);
}

/** Compares everything that is there in the end, in the cell and, after a last flush, in D1. */
export async function compare(pair: Pair): Promise<void> {
  const { cell } = pair.workspace;
  close(pair);
  await comparePeople(pair);
  for (const { key } of pair.model.journeys) {
    expect([key, (await readJourney(cell, key)).counts]).toMatchObject([key, pair.model.counts(key)]);
  }
  expect((await cell.health()).conservation.holds).toBe(true);
  for (const [table, sameKey] of [
    ["enrollment_histories", ""],
    ["keyed_histories", "AND e.key_digest = h.key_digest"],
  ]) {
    const wrong = await queryCell(
      pair.workspace,
      `SELECT * FROM ${table} h WHERE active <> (SELECT count(*) FROM enrollments e
         WHERE e.profile_id = h.profile_id AND e.journey_id = h.journey_id AND e.status = 'active' ${sameKey})`,
    );
    expect([table, wrong]).toEqual([table, []]);
  }
  for (let flushes = 0; flushes < 3; flushes++) await runAlarm(cell, MINUTE_MS);
  for (const table of ["outbox_events", "outbox_changes", "quarantine"])
    expect([table, await countInCell(pair.workspace, table)]).toEqual([table, 0]);
  await compareReadModel(pair);
}

async function comparePeople(pair: Pair): Promise<void> {
  expect(await countInCell(pair.workspace, "profiles")).toBe(pair.model.people.length);
  for (const [person, id] of pair.ids) {
    const live = survivorOf(person);
    const found = await pair.workspace.cell.readProfile(OPERATOR, id);
    if (!found.ok) throw new Error("a person is missing");
    expect({ ...found.value, properties: JSON.parse(found.value.propertiesJson) }).toMatchObject({
      id: pair.ids.get(live),
      identities: {
        externalId: live.owned.externalId[0] ?? null,
        emails: live.owned.email,
        phone: live.owned.phone[0] ?? null,
        anonymousIds: live.owned.anonymousId,
      },
      properties: live.properties,
      mergedFrom: live.mergedFrom.map((merged) => pair.ids.get(merged)),
    });
  }
  const owned = pair.model.people
    .filter(({ mergedInto }) => mergedInto === null)
    .flatMap(({ owned: all }) => Object.values(all).flat());
  expect(await countInCell(pair.workspace, "identities")).toBe(owned.length);
}

async function compareReadModel(pair: Pair): Promise<void> {
  const events = await rowsInD1<{ event_id: string; profile_id: string }>(pair.workspace, "user_events");
  expect(events.map(({ event_id, profile_id }) => [event_id, profile_id])).toEqual(
    pair.eventIds.map((id, i) => [id, pair.profileIds[i]]),
  );
  const profiles = await rowsInD1<{ profile_id: string; properties: string }>(pair.workspace, "profiles");
  const byId = new Map(
    profiles.map((row) => [row.profile_id, { ...row, properties: JSON.parse(row.properties) as unknown }]),
  );
  expect(byId.size).toBe(pair.model.people.length);
  for (const [person, id] of pair.ids) {
    const expected =
      person.mergedInto === null
        ? {
            merged_into: null,
            email: person.owned.email[0] ?? null,
            external_id: person.owned.externalId[0] ?? null,
            properties: person.properties,
          }
        : { merged_into: pair.ids.get(person.mergedInto) };
    expect(byId.get(id)).toMatchObject(expected);
  }
  const columns = `journey_key || ' v' || version || ' ' || profile_id || ' ' || status || ' ' || coalesce(reason, '')`;
  const stored = await queryCell<{ run: string }>(
    pair.workspace,
    `SELECT ${columns} AS run FROM (SELECT e.*, j.key AS journey_key FROM enrollments e JOIN journeys j ON j.id = e.journey_id)`,
  );
  const projected = await rowsInD1<Record<"journey_key" | "version" | "profile_id" | "status" | "reason", string>>(
    pair.workspace,
    "enrollments",
  );
  const expected = pair.model.runs.map(
    ({ journey, version, person, status }) =>
      `${journey} v${version} ${pair.ids.get(person)} ${status} ${status === "exited" ? "merged_duplicate" : ""}`,
  );
  expect(stored.map(({ run }) => run).toSorted()).toEqual(expected.toSorted());
  expect(
    projected
      .map((row) => `${row.journey_key} v${row.version} ${row.profile_id} ${row.status} ${row.reason ?? ""}`)
      .toSorted(),
  ).toEqual(expected.toSorted());
}

function survivorOf(person: ModelPerson): ModelPerson {
  return person.mergedInto === null ? person : survivorOf(person.mergedInto);
}
