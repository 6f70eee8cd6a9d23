import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { ReceiptEntry } from "../../../src/domain/event.ts";
import { runAlarm } from "../../support/alarm.ts";
import { issuesIn, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { NOW_MS } from "../../support/clock.ts";
import { accepted } from "../../support/commands.ts";
import { anEmailStep, aPerson, suppress } from "../../support/consent.ts";
import { decisionsOf, withData } from "../../support/decisions.ts";
import { aJourney, anActiveJourney } from "../../support/journeys.ts";
import { dumpCell, rowsInD1 } from "../../support/tables.ts";
import { aKey, aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";

const HOUR_MS = 3_600_000;
const SPAN = { from: new Date(NOW_MS).toISOString(), to: "2099-01-01T00:00:00Z" };
/** Longer than any history here: no run ends, in the cell or in the test. */
const STEPS = [{ id: "rest", type: "delay", for: "P365D" }];
async function backtest(workspace: TestWorkspace, over: object = {}, key = "order-follow-up"): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), `/api/v1/journeys/${key}/backtest`, { ...SPAN, ...over });
}

/** Lets D1 have all that was accepted. */
async function flush(workspace: TestWorkspace, events: number): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    await runAlarm(workspace.cell);
    if ((await rowsInD1(workspace, "user_events")).length === events) return;
  }
  throw new Error("not all events came to D1");
}

describe("POST /api/v1/journeys/{key}/backtest", () => {
  let workspace: TestWorkspace;
  beforeEach(async () => {
    workspace = await aWorkspace();
  });

  async function order(email: string, total: number, over: object = {}): Promise<string> {
    vi.setSystemTime(Date.now() + HOUR_MS);
    const { eventId } = await accepted(workspace, { identities: { email }, ...withData({ total }), ...over });
    return eventId;
  }

  it("says what a draft would have done, in time order, and on whose profiles", async () => {
    const eventIds = [
      await order("a@example.com", 50),
      await order("a@example.com", 50),
      await order("b@example.com", 30),
      await order("c@example.com", 60, { redactedDataPaths: ["/event/total"], ...withData({}) }),
    ];
    await order("a@example.com", 50, { event: "order.paid" });
    await flush(workspace, 5);
    const filter = { $state: "/event/total", gte: 40 };
    await aJourney(workspace.cell, { entry: { event: "order.created", filter }, steps: STEPS });
    const { status, body } = await backtest(workspace);
    expect([status, body]).toEqual([
      200,
      {
        basis: "profiles_of_today",
        version: 1,
        events: 4,
        matched: 3,
        enrolled: 1,
        skipped: { already_active: 1, filter_failed: 1 },
        unknownRedacted: 1,
        complete: true,
        examples: [
          { eventId: eventIds[0], profileId: expect.any(String), outcome: "enrolled", reason: "enrolled" },
          { eventId: eventIds[1], profileId: expect.any(String), outcome: "skipped", reason: "already_active" },
          { eventId: eventIds[2], profileId: expect.any(String), outcome: "skipped", reason: "filter_failed" },
          { eventId: eventIds[3], profileId: expect.any(String), outcome: "unknown_redacted", reason: null },
        ],
      },
    ]);
  });

  it("looks at people as they are today, and at those who were merged since as one", async () => {
    await accepted(workspace, { identities: { externalId: "1" } });
    await order("a@example.com", 50);
    await accepted(workspace, {
      event: "page.viewed",
      identities: { externalId: "1", email: "a@example.com" },
      propertiesJson: '{"plan":"Pro"}',
    });
    await flush(workspace, 3);
    const filter = { $state: "/profile/plan", eq: "Pro" };
    await aJourney(workspace.cell, { entry: { event: "order.created", filter }, steps: STEPS });
    expect((await backtest(workspace)).body).toMatchObject({ enrolled: 1, skipped: { already_active: 1 } });
  });

  it("leaves out whom a journey of nothing but e-mail may not write to today", async () => {
    for (const email of ["a@example.com", "b@example.com", "c@example.com"]) await order(email, 50);
    const stopped = { "a@example.com": "unsubscribe", "b@example.com": "manual" } as const;
    for (const [email, reason] of Object.entries(stopped)) {
      await suppress(workspace, await aPerson(workspace, { identities: { email } }), reason);
    }
    await flush(workspace, 5);
    const mails = { news: [anEmailStep()], receipt: [anEmailStep({ transactional: true })] };
    for (const [key, steps] of Object.entries(mails)) await aJourney(workspace.cell, { key, steps });
    const results = await Promise.all(Object.keys(mails).map(async (key) => (await backtest(workspace, {}, key)).body));
    expect(results.map(({ enrolled, skipped }) => ({ enrolled, skipped }))).toEqual([
      { enrolled: 1, skipped: { suppressed: 2 } },
      { enrolled: 2, skipped: { suppressed: 1 } },
    ]);
  });

  it("takes events from an instant on and before another, and says whether the limit left some out", async () => {
    for (const email of ["a@example.com", "b@example.com", "c@example.com"]) await order(email, 50);
    await flush(workspace, 3);
    await aJourney(workspace.cell);
    const at = (hours: number): string => new Date(NOW_MS + hours * HOUR_MS).toISOString();
    const counts = async (over: object) => {
      const { events, complete } = (await backtest(workspace, over)).body;
      return [events, complete] as [number, boolean];
    };
    expect([
      await counts({ from: at(1), to: at(3) }),
      await counts({ from: at(2) }),
      await counts({ limit: 3 }),
      await counts({ limit: 2 }),
    ]).toEqual([
      [2, true],
      [2, true],
      [3, true],
      [2, false],
    ]);
  });

  it("reads events of any size, page by page", async () => {
    await order("a@example.com", 50, withData({ total: 50, text: "x".repeat(3_000_000) }));
    await order("b@example.com", 50, withData({ total: 50, text: "x".repeat(900_000) }));
    for (let i = 0; i < 6; i++)
      await order(`c${i}@example.com`, 50, withData({ total: 50, text: "y".repeat(900_000) }));
    await flush(workspace, 8);
    const filter = { $state: "/event/total", eq: 50 };
    await aJourney(workspace.cell, { entry: { event: "order.created", filter } });
    expect((await backtest(workspace)).body).toMatchObject({ events: 8, enrolled: 8, complete: true });
  });

  it("stores nothing, in the cell or in D1", async () => {
    await anActiveJourney(workspace.cell);
    await order("a@example.com", 50);
    await flush(workspace, 1);
    await backtest(workspace);
    const all = async () => [
      await dumpCell(workspace),
      await rowsInD1(workspace, "user_events"),
      await rowsInD1(workspace, "profiles"),
      await rowsInD1(workspace, "enrollments"),
    ];
    const before = await all();
    expect((await backtest(workspace)).body.enrolled).toBe(1);
    expect(await all()).toEqual(before);
  });

  it.each([
    [{ from: "yesterday" }, "from"],
    [{ to: undefined }, "to"],
    [{ to: SPAN.from }, "to"],
    [{ limit: 0 }, "limit"],
    [{ limit: 100_001 }, "limit"],
    [{ version: 1.5 }, "version"],
  ])("is 400 for %j", async (over, path) => {
    await aJourney(workspace.cell);
    const answer = await backtest(workspace, over);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [path]]);
  });

  it("is 404 for a journey or a version that is not there, and 400 for one that no event starts", async () => {
    await aJourney(workspace.cell, { entry: { api: true } });
    const byHand = await backtest(workspace);
    expect([
      (await backtest(workspace, {}, "nothing")).status,
      (await backtest(workspace, { version: 2 })).status,
    ]).toEqual([404, 404]);
    expect([byHand.status, Object.keys(issuesIn(byHand))]).toEqual([400, ["version"]]);
  });

  it("needs journeys:read alone, and sees nothing of another workspace", async () => {
    await aJourney(workspace.cell);
    await track(await aWorkspace(), { event: "order.created", profile: { email: "a@example.com" } });
    const reader = keyOf(await aKey(workspace.id, ["journeys:read"]));
    const answer = await post(reader, "/api/v1/journeys/order-follow-up/backtest", SPAN);
    expect([answer.status, answer.body.events]).toEqual([200, 0]);
  });
});

const few = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

const rules = fc.record(
  {
    eligibility: fc.record(
      {
        reentry: few<unknown>("once", "always", { after: "PT1H" }, { after: "PT6H" }),
        key: few("/event/orderId", "/profile/city"),
        maxActive: fc.integer({ min: 1, max: 4 }),
        cap: few({ enrollments: 1, per: "PT2H" }, { enrollments: 2, per: "PT6H" }),
        requires: few(["email"], ["externalId"]),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
    runaway: few({ enrollments: 3, per: "PT2H" }, { enrollments: 8, per: "P1D" }),
    filter: few({ $state: "/event/total", gte: 40 }, { $state: "/profile/city", eq: "Berlin" }),
  },
  { requiredKeys: ["eligibility"], noNullPrototype: true },
);

const past = fc.array(
  fc.record({
    who: few({ email: "a@example.com" }, { email: "b@example.com" }, { externalId: "1" }),
    data: fc.record({ total: few(30, 50), orderId: few("1", "2", "3") }, { requiredKeys: [], noNullPrototype: true }),
    afterMinutes: few(0, 10, 45, 120),
  }),
  { minLength: 15, maxLength: 30 },
);

it(
  "decides a history as the cell decided it when it began empty, of people who did not change",
  { timeout: 300_000 },
  async () => {
    const seen = new Set<string>();
    const play = fc.asyncProperty(fc.array(rules, { minLength: 4, maxLength: 6 }), past, async (documents, events) => {
      vi.setSystemTime(NOW_MS);
      const workspace = await aWorkspace();
      for (const [i, { filter, ...others }] of documents.entries()) {
        const entry = { event: "order.created", ...(filter === undefined ? {} : { filter }) };
        await anActiveJourney(workspace.cell, { key: `journey-${i}`, ...others, entry, steps: STEPS });
      }
      const city = { event: "$identify", propertiesJson: '{"city":"Berlin"}' };
      await accepted(workspace, { ...city, identities: { email: "a@example.com" } });
      await accepted(workspace, { ...city, identities: { externalId: "1" } });

      const decided: ReceiptEntry[] = [];
      for (const { who, data, afterMinutes } of events) {
        vi.setSystemTime(Date.now() + afterMinutes * 60_000);
        decided.push(...(await decisionsOf(workspace, { identities: who, ...withData(data) })));
      }
      await flush(workspace, events.length + 2);
      for (const i of documents.keys()) {
        const own = decided.filter(({ key }) => key === `journey-${i}`);
        const skipped: Record<string, number> = {};
        for (const { outcome, reason } of own) {
          seen.add(reason);
          if (outcome === "skipped") skipped[reason] = (skipped[reason] ?? 0) + 1;
        }
        expect((await backtest(workspace, {}, `journey-${i}`)).body).toMatchObject({
          events: events.length,
          matched: events.length,
          enrolled: own.filter(({ outcome }) => outcome === "enrolled").length,
          skipped,
          complete: true,
        });
      }
    });
    await fc.assert(play, { numRuns: Number(process.env.VITE_ASK_RUNS ?? 12), seed: 20_260_601, endOnFailure: true });
    expect(seen.size).toBe(9);
  },
);
