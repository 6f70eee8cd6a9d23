// The rules of entry that count a person's enrollments or ask who the person is. Over merges, over versions, and
// under many events at once.
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { NOW_MS } from "../support/clock.ts";
import { accept, aCommand, accepted } from "../support/commands.ts";
import { reasonOf } from "../support/decisions.ts";
import { anActiveJourney, readJourney } from "../support/journeys.ts";
import { BOTH, CUSTOMER, endAll, LEAD, order, publish, withRules } from "../support/rule-journeys.ts";
import { countInCell, queryCell } from "../support/tables.ts";
const KEY = "order-follow-up";
const HOUR_MS = 3_600_000;

describe("a cap", () => {
  const capped = { reentry: "always", maxActive: 99, cap: { enrollments: 2, per: "PT1H" } };

  it("lets in so many within its time, to the millisecond", async () => {
    const workspace = await withRules(capped);
    expect(await reasonOf(workspace)).toBe("enrolled");
    vi.setSystemTime(NOW_MS + 1_000);
    expect(await reasonOf(workspace)).toBe("enrolled");
    vi.setSystemTime(NOW_MS + HOUR_MS - 1);
    expect(await reasonOf(workspace)).toBe("capped");
    vi.setSystemTime(NOW_MS + HOUR_MS);
    expect(await reasonOf(workspace)).toBe("enrolled");
    expect(await reasonOf(workspace)).toBe("capped");
  });

  it("counts for each person apart, ended runs too", async () => {
    const workspace = await withRules(capped);
    for (let i = 0; i < 2; i++) await accepted(workspace, { identities: LEAD });
    await endAll(workspace);
    expect(await reasonOf(workspace, { identities: LEAD })).toBe("capped");
    expect(await reasonOf(workspace, { identities: CUSTOMER })).toBe("enrolled");
  });

  it("counts whatever the key", async () => {
    const workspace = await withRules({ ...capped, key: "/event/orderId" });
    const seen = [];
    for (const orderId of ["o-1", "o-2", "o-3"]) seen.push(await reasonOf(workspace, order(orderId)));
    expect(seen).toEqual(["enrolled", "enrolled", "capped"]);
  });

  it("counts the runs of versions that had none", async () => {
    const workspace = await withRules({ reentry: "always", maxActive: 99 });
    for (let i = 0; i < 3; i++) await accepted(workspace);
    await publish(workspace, capped);
    expect(await reasonOf(workspace)).toBe("capped");
    vi.setSystemTime(NOW_MS + HOUR_MS);
    expect(await reasonOf(workspace)).toBe("enrolled");
  });

  it("counts merged profiles together, each run once", async () => {
    const workspace = await withRules({ ...capped, cap: { enrollments: 3, per: "PT1H" } });
    await accepted(workspace, { identities: LEAD });
    await accepted(workspace, { identities: CUSTOMER });
    await accepted(workspace, { event: "signed.in", identities: BOTH });
    expect([await reasonOf(workspace, { identities: BOTH }), await reasonOf(workspace, { identities: BOTH })]).toEqual([
      "enrolled",
      "capped",
    ]);
  });

  it("of one journey does not count another's runs", async () => {
    const workspace = await withRules(capped);
    await anActiveJourney(workspace.cell, { key: "other", entry: { event: "other" }, eligibility: capped });
    for (let i = 0; i < 2; i++) await accepted(workspace, { event: "other" });
    expect(await reasonOf(workspace)).toBe("enrolled");
  });
});

describe("requires", () => {
  it.each<[string, string[], object, string]>([
    ["an e-mail that is there", ["email"], LEAD, "enrolled"],
    ["an e-mail that is not", ["email"], CUSTOMER, "identity_required"],
    ["an externalId that is not", ["externalId"], LEAD, "identity_required"],
    ["both, one is not", ["email", "externalId"], LEAD, "identity_required"],
    ["both", ["email", "externalId"], BOTH, "enrolled"],
    ["a phone", ["phone"], { phone: "+14155550100" }, "enrolled"],
    ["an anonymousId", ["anonymousId"], { anonymousId: "device-1" }, "enrolled"],
  ])("asks for %s", async (_what, requires, identities, reason) => {
    expect(await reasonOf(await withRules({ requires }), { identities })).toBe(reason);
  });

  it("asks the profile, not the event: what was known before counts", async () => {
    const workspace = await withRules({ requires: ["email"] });
    await accepted(workspace, { event: "signed.in", identities: BOTH });
    expect(await reasonOf(workspace, { identities: CUSTOMER })).toBe("enrolled");
  });
});

describe("200 events of one person at once", () => {
  it.each<[string, Record<string, unknown>, (i: number) => object, Record<string, number>]>([
    ["once", {}, () => ({}), { enrolled: 1, already_active: 199 }],
    ["maxActive", { reentry: "always", maxActive: 7 }, () => ({}), { enrolled: 7, already_active: 193 }],
    ["key", { key: "/event/orderId" }, (i) => order(`o-${i % 20}`), { enrolled: 20, already_active: 180 }],
    [
      "cap",
      { reentry: "always", maxActive: 99, cap: { enrollments: 11, per: "PT1H" } },
      () => ({}),
      { enrolled: 11, capped: 189 },
    ],
  ])("are let in as often as the rule says: %s", async (_what, eligibility, over, expected) => {
    const workspace = await withRules(eligibility);
    const reasons = await Promise.all(Array.from({ length: 200 }, async (_, i) => await reasonOf(workspace, over(i))));
    const counted = Object.fromEntries(
      [...Map.groupBy(reasons, (reason) => reason)].map(([name, all]) => [name, all.length]),
    );
    expect(counted).toEqual(expected);
    expect(await countInCell(workspace, "enrollments")).toBe(expected["enrolled"]);
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({
      matched: 200,
      enrolled: expected["enrolled"],
    });
  });

  it("are let in as often as the rule says while its profiles merge", async () => {
    const workspace = await withRules({ key: "/event/orderId", reentry: "always" });
    const who = [LEAD, CUSTOMER, BOTH];
    await Promise.all(
      Array.from(
        { length: 200 },
        async (_, i) =>
          await accept(
            workspace,
            aCommand({ identities: who[Math.min(2, i % 50 === 49 ? 2 : i % 2)] as object, ...order(`o-${i % 5}`) }),
          ),
      ),
    );
    const active = await queryCell<{ runs: number }>(
      workspace,
      `SELECT count(*) AS runs FROM enrollments WHERE status = 'active' GROUP BY profile_id, key_digest`,
    );
    expect(active.map(({ runs }) => runs)).toEqual([1, 1, 1, 1, 1]);
    await evictDurableObject(workspace.cell);
    expect((await workspace.cell.health()).conservation.holds).toBe(true);
  });
});
