// Runs in the cell: the accepting transaction begins them, moves those that wait for the event, and leaves rows for
// what they ask to be sent.
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { OPERATOR, accept, aCommand, accepted } from "../support/commands.ts";
import { settleDelivery } from "../support/deliveries.ts";
import { anActiveJourney, changeJourney, editJourney, readJourney } from "../support/journeys.ts";
import {
  anEntry,
  anEvent,
  aRun,
  aRunningJourney,
  deliveriesOf,
  endsOf,
  linesOf,
  pass,
  readRun,
  timersOf,
} from "../support/running.ts";
import { runsOf } from "../support/runs.ts";
import { countInCell, dumpCell, queryCell, rowsInD1 } from "../support/tables.ts";
const HOUR_MS = 3_600_000;
/** Digits alone stand in some id, sooner or later. */
const CARD = "card-4111";
const EMAIL = { id: "mail", type: "email", template: "hello" };
const WAIT = { id: "pay", type: "wait_for_event", event: "paid", timeout: "PT2H", onTimeout: "late" };
const WAITING = [WAIT, { id: "thanks", type: "exit", reason: "paid" }, { id: "late", type: "exit", reason: "late" }];
const REST = { id: "rest", type: "delay", for: "PT1H" };
const HOOK = { id: "hook", type: "webhook", url: "https://example.com/h" };

describe("an event that starts a run", () => {
  it("takes it through its first steps at once, up to the first wait", async () => {
    const { workspace, id } = await aRun([EMAIL, { id: "set", type: "update_profile", set: { seen: true } }, REST]);
    expect(await linesOf(workspace, id)).toEqual([
      "entered mail",
      "entered set",
      "updated set",
      "entered rest",
      "waiting rest",
    ]);
    expect(await readRun(workspace, id)).toMatchObject({ status: "active", stepId: "rest" });
    expect((await timersOf(workspace)).running).toEqual([Date.now() + HOUR_MS]);
  });

  it("completes a run that has nothing to wait for, and keeps nothing for it", async () => {
    const { workspace } = await aRun([{ id: "bye", type: "exit" }]);
    expect(await endsOf(workspace)).toEqual(["completed"]);
    expect(await countInCell(workspace, "entry_events")).toBe(0);
    expect((await readJourney(workspace.cell, "order-follow-up")).counts).toMatchObject({ active: 0, completed: 1 });
  });

  it("writes what its first steps change of the person, for D1 too", async () => {
    const { workspace, id } = await aRun(
      [{ id: "set", type: "update_profile", set: { total: { $state: "/event/total" } } }],
      {},
      { dataJson: '{"total":5}' },
    );
    const { profileId } = await readRun(workspace, id);
    const profile = await workspace.cell.readProfile(OPERATOR, profileId);
    expect(profile).toMatchObject({ ok: true, value: { propertiesJson: '{"total":5}' } });
    await pass(workspace, 1_000);
    expect(await rowsInD1(workspace, "profiles")).toMatchObject([{ properties: '{"total":5}' }]);
  });
});

describe("a message that a run asks for", () => {
  it("is one pending row, made of redacted data alone", async () => {
    const body = { card: { $state: "/event/card" }, total: { $state: "/event/total" } };
    const { workspace, id } = await aRun(
      [{ ...HOOK, headers: { "x-total": { $state: "/event/total" } }, body }, EMAIL, REST],
      {},
      { dataJson: '{"total":5}', unredactedJson: `{"total":5,"card":"${CARD}"}`, redactedDataPaths: ["/card"] },
    );
    expect(await deliveriesOf(workspace)).toMatchObject([
      {
        enrollment_id: id,
        delivery_key: "hook:1",
        channel: "webhook",
        status: "pending",
        request: {
          method: "POST",
          headers: { "x-total": "5" },
          body: { kind: "json", value: { card: null, total: 5 } },
        },
      },
      { delivery_key: "mail:2", channel: "email", request: { template: "hello", to: "alex@example.com" } },
    ]);
    expect(JSON.stringify(await dumpCell(workspace))).not.toContain(CARD);
  });

  it("keeps the entry event after its run has ended, until it is settled", async () => {
    const { workspace } = await aRun([EMAIL, HOOK], {}, { dataJson: '{"total":5}' });
    expect(await endsOf(workspace)).toEqual(["completed"]);
    const [mail, hook] = await deliveriesOf(workspace);
    await settleDelivery(workspace, mail?.id ?? "", { status: "sent" });
    expect(await queryCell(workspace, `SELECT data FROM entry_events`)).toEqual([{ data: '{"total":5}' }]);
    await settleDelivery(workspace, hook?.id ?? "", { status: "skipped", reason: "suppressed" });
    expect(await countInCell(workspace, "entry_events")).toBe(0);
  });

  it("tells its run how it went, once", async () => {
    const { workspace, id } = await aRun([
      { ...HOOK, onFailure: "sad" },
      { id: "glad", type: "exit" },
      { id: "sad", type: "exit", reason: "sad" },
    ]);
    expect(await linesOf(workspace, id)).toEqual(["entered hook", "waiting hook"]);
    const [delivery] = await deliveriesOf(workspace);
    const settle = async () =>
      await settleDelivery(workspace, delivery?.id ?? "", { status: "failed", code: "http_500" });
    expect(await settle()).toBe(true);
    const lines = ["entered hook", "waiting hook", "failed hook", "entered sad", "ended sad"];
    expect(await linesOf(workspace, id)).toEqual(lines);
    expect(await settle()).toBe(true);
    expect(await linesOf(workspace, id)).toEqual(lines);
    expect(await deliveriesOf(workspace)).toMatchObject([{ status: "failed", reason: "http_500" }]);
    expect(await settleDelivery(workspace, "nobody", { status: "sent" })).toBe(false);
  });
});

describe("an erased person's runs", () => {
  it("leave nothing of their messages, and nothing is to be sent", async () => {
    const { workspace, id } = await aRun([EMAIL, ...WAITING]);
    const { profileId } = await readRun(workspace, id);
    await workspace.cell.eraseProfile(OPERATOR, profileId, new Uint8Array(32));
    expect(await deliveriesOf(workspace)).toMatchObject([
      { status: "skipped", reason: "profile_erased", request: null },
    ]);
    const left = [await timersOf(workspace), await countInCell(workspace, "run_waits")];
    expect(left).toEqual([{ running: [], held: [] }, 0]);
    expect(JSON.stringify(await queryCell(workspace, `SELECT * FROM deliveries`))).not.toContain("alex@example.com");
  });
});

describe("an awaited event", () => {
  it("ends the wait in the transaction that accepts it", async () => {
    const { workspace, id } = await aRun(WAITING);
    await anEvent(workspace, "paid");
    expect(await linesOf(workspace, id)).toEqual([
      "entered pay",
      "waiting pay",
      "resumed pay",
      "entered thanks",
      "ended thanks",
    ]);
    expect(await endsOf(workspace)).toEqual(["completed paid"]);
    expect(await timersOf(workspace)).toEqual({ running: [], held: [] });
    expect(await countInCell(workspace, "run_waits")).toBe(0);
  });

  it("is heard by that person's runs alone", async () => {
    const { workspace } = await aRun(WAITING);
    await anEvent(workspace, "paid", {}, { identities: { email: "other@example.com" } });
    await anEvent(workspace, "paying");
    expect(await endsOf(workspace)).toEqual(["active"]);
  });

  it("is filtered before redaction, beside the entry event as it is kept", async () => {
    const filter = [
      { $state: "/event/card", eq: "4111" },
      { $state: "/event/order", eq: { $entry: "/event/order" } },
    ];
    const { workspace } = await aRun([{ ...WAIT, filter }, ...WAITING.slice(1)], {}, { dataJson: '{"order":"o1"}' });
    await anEvent(workspace, "paid", { order: "o2" }, { unredactedJson: '{"order":"o2","card":"4111"}' });
    await anEvent(workspace, "paid", { order: "o1" });
    expect(await endsOf(workspace)).toEqual(["active"]);
    await anEvent(workspace, "paid", { order: "o1" }, { unredactedJson: '{"order":"o1","card":"4111"}' });
    expect(await endsOf(workspace)).toEqual(["completed paid"]);
  });

  it("that comes at the instant of the timeout is too late, whichever of the two is handled first", async () => {
    const alarmFirst = await aRun(WAITING);
    await pass(alarmFirst.workspace, 2 * HOUR_MS);
    await anEvent(alarmFirst.workspace, "paid");

    const eventFirst = await aRun(WAITING);
    vi.setSystemTime(Date.now() + 2 * HOUR_MS);
    await anEvent(eventFirst.workspace, "paid");
    await pass(eventFirst.workspace, 0);

    const lines = ["entered pay", "waiting pay", "resumed pay", "entered late", "ended late"];
    for (const { workspace, id } of [alarmFirst, eventFirst]) {
      expect(await linesOf(workspace, id)).toEqual(lines);
      expect((await readRun(workspace, id)).timeline[2]?.detail).toEqual({ by: "timeout" });
      expect(await endsOf(workspace)).toEqual(["completed late"]);
    }
  });

  it("ends a wait and starts a journey, or does neither", async () => {
    const { workspace, id } = await aRun(WAITING);
    await anActiveJourney(workspace.cell, { key: "paid-too", entry: { event: "paid" } });
    const before = await dumpCell(workspace);
    const huge = { x: "x".repeat(600_000) };
    expect(await accept(workspace, aCommand({ event: "paid", propertiesJson: JSON.stringify(huge) }))).toEqual({
      kind: "profile_too_large",
    });
    expect(await dumpCell(workspace)).toEqual(before);
    await anEvent(workspace, "paid");
    expect(await readRun(workspace, id)).toMatchObject({ status: "completed" });
    expect((await runsOf(workspace)).length).toBe(2);
  });

  it("is heard before it starts anything: a run does not hear its own event", async () => {
    const over = { entry: { event: "paid" }, eligibility: { reentry: "always", maxActive: 2 } };
    const { workspace } = await aRun(WAITING, over, { event: "paid" });
    expect(await endsOf(workspace)).toEqual(["active"]);
    await anEvent(workspace, "paid");
    expect((await endsOf(workspace)).toSorted()).toEqual(["active", "completed paid"]);
  });

  it("that journeys may not take moves no run either", async () => {
    const { workspace } = await aRun(WAITING);
    await anEvent(workspace, "paid", {}, { startsJourneys: false });
    expect(await endsOf(workspace)).toEqual(["active"]);
  });

  it("lets a new run in that the ended one stood in the way of", async () => {
    const over = { entry: { event: "paid" }, eligibility: { reentry: "always" }, exitOn: [{ event: "paid" }] };
    const { workspace } = await aRun([REST], over, { event: "paid" });
    await anEvent(workspace, "paid");
    expect((await endsOf(workspace)).toSorted()).toEqual(["active", "exited exit_on"]);
  });

  it("meets the person as a run has just changed them", async () => {
    const steps = [WAIT, { id: "set", type: "update_profile", set: { plan: "Pro" } }, { id: "late", type: "exit" }];
    const { workspace } = await aRun(steps);
    const filter = { $state: "/profile/plan", eq: "Pro" };
    await anActiveJourney(workspace.cell, { key: "pro", entry: { event: "paid", filter } });
    await anEvent(workspace, "paid");
    expect((await readJourney(workspace.cell, "pro")).counts).toMatchObject({ enrolled: 1 });
  });
});

describe("a goal", () => {
  it("converts a run once and ends it", async () => {
    const { workspace, id } = await aRun([REST], { goal: { event: "bought" } });
    await anEvent(workspace, "bought");
    expect(await readRun(workspace, id)).toMatchObject({ status: "exited", reason: "goal", convertedAt: Date.now() });
    expect((await readJourney(workspace.cell, "order-follow-up")).counts).toMatchObject({ converted: 1, exited: 1 });
  });
});

describe("runs of a merged person", () => {
  const CUSTOMER = { externalId: "c1" };
  const LEAD = { email: "alex@example.com" };

  it("hear the survivor's events, and nobody else's any more", async () => {
    const workspace = await aRunningJourney(WAITING);
    const id = await anEntry(workspace, { identities: LEAD });
    const customer = await accepted(workspace, { event: "other", identities: CUSTOMER });
    await anEvent(workspace, "signed.in", {}, { identities: { ...CUSTOMER, ...LEAD } });
    expect(await queryCell(workspace, `SELECT profile_id, event FROM run_waits`)).toEqual([
      { profile_id: customer.profileId, event: "paid" },
    ]);
    await anEvent(workspace, "paid", {}, { identities: CUSTOMER });
    expect(await linesOf(workspace, id)).toEqual([
      "entered pay",
      "waiting pay",
      "merged pay",
      "resumed pay",
      "entered thanks",
      "ended thanks",
    ]);
  });

  it("hear the event that merges them", async () => {
    const workspace = await aRunningJourney(WAITING);
    await anEntry(workspace, { identities: LEAD });
    await anEvent(workspace, "other", {}, { identities: CUSTOMER });
    await anEvent(workspace, "paid", {}, { identities: { ...CUSTOMER, ...LEAD } });
    expect(await endsOf(workspace)).toEqual(["completed paid"]);
  });

  it("leave no timer behind when they end as duplicates, and go on where they were when the merge is undone", async () => {
    const workspace = await aRunningJourney(WAITING);
    await anEntry(workspace, { identities: LEAD });
    await anEntry(workspace, { identities: CUSTOMER });
    await anEvent(workspace, "signed.in", {}, { identities: { ...CUSTOMER, ...LEAD } });
    expect(await endsOf(workspace)).toEqual(["exited merged_duplicate", "active"]);
    expect((await timersOf(workspace)).running.length).toBe(1);
    const [lead, customer] = await runsOf(workspace);
    await workspace.cell.unmergeProfile(OPERATOR, customer?.profile_id ?? "", lead?.profile_id ?? "");
    expect((await timersOf(workspace)).running.length).toBe(2);
    await anEvent(workspace, "paid", {}, { identities: LEAD });
    expect(await endsOf(workspace)).toEqual(["completed paid", "active"]);
  });
});

describe("a run's version", () => {
  it("stays the one it entered while the journey goes on with another", async () => {
    const { workspace, id } = await aRun([REST, { id: "one", type: "exit", reason: "one" }]);
    await editJourney(workspace.cell, "order-follow-up", { steps: [REST, { id: "two", type: "exit", reason: "two" }] });
    await changeJourney(workspace.cell, "order-follow-up", "activate");
    await pass(workspace, HOUR_MS);
    expect(await readRun(workspace, id)).toMatchObject({ version: 1, status: "completed", reason: "one" });
  });

  it("that cannot be prepared any more fails the run with a code, and holds up no other", async () => {
    const { workspace, id } = await aRun([REST]);
    await anActiveJourney(workspace.cell, { key: "sound", entry: { event: "order.created" }, steps: [REST] });
    const other = await anEntry(workspace, { identities: { email: "b@example.com" } });
    await queryCell(
      workspace,
      `UPDATE journey_versions SET definition = json_set(definition, '$.steps[0].type', 'gone')
      WHERE journey_id = (SELECT journey_id FROM enrollments WHERE id = ?)`,
      id,
    );
    await evictDurableObject(workspace.cell);
    await pass(workspace, HOUR_MS);
    expect(await readRun(workspace, id)).toMatchObject({ status: "failed", reason: "version_unusable" });
    expect((await endsOf(workspace)).filter((end) => end === "completed").length).toBe(1);
    expect(await readRun(workspace, other)).toMatchObject({ status: "failed" });
    expect((await workspace.cell.health()).conservation).toMatchObject({
      enrolled: 3,
      failed: 2,
      completed: 1,
      holds: true,
    });
  });
});

describe("an eviction between any two steps", () => {
  it("changes nothing for a run", async () => {
    const steps = [EMAIL, REST, { ...WAIT, event: "paid" }, { ...EMAIL, id: "again" }, { id: "late", type: "exit" }];
    const { workspace, id } = await aRun(steps);
    await evictDurableObject(workspace.cell);
    await pass(workspace, HOUR_MS);
    await evictDurableObject(workspace.cell);
    await anEvent(workspace, "paid");
    expect(await linesOf(workspace, id)).toEqual([
      "entered mail",
      "entered rest",
      "waiting rest",
      "resumed rest",
      "entered pay",
      "waiting pay",
      "resumed pay",
      "entered again",
      "entered late",
      "ended late",
    ]);
    expect((await deliveriesOf(workspace)).map(({ delivery_key }) => delivery_key)).toEqual(["mail:1", "again:4"]);
  });
});
