// Journeys that count by a key: each value apart, over versions and merges, and nothing of the value is kept.
import { describe, expect, it, vi } from "vitest";
import { NOW_MS } from "../support/clock.ts";
import { accepted } from "../support/commands.ts";
import { reasonOf, withData } from "../support/decisions.ts";
import { BOTH, CUSTOMER, endAll, LEAD, order, publish, withRules } from "../support/rule-journeys.ts";
import { endRun, runsOf } from "../support/runs.ts";
import { countInCell, dumpCell, queryCell } from "../support/tables.ts";
const HOUR_MS = 3_600_000;

describe("a key", () => {
  it("lets a person in once for each value, and for each of them once", async () => {
    const workspace = await withRules({ key: "/event/orderId" });
    const seen = [];
    for (const orderId of ["o-1", "o-2", "o-1", 1, "1"]) seen.push(await reasonOf(workspace, order(orderId)));
    expect(seen).toEqual(["enrolled", "enrolled", "already_active", "enrolled", "enrolled"]);
    await endAll(workspace);
    expect(await reasonOf(workspace, order("o-1"))).toBe("already_enrolled");
    expect(await reasonOf(workspace, order("o-3"))).toBe("enrolled");
  });

  it("counts for each person apart", async () => {
    const workspace = await withRules({ key: "/event/orderId" });
    expect(await reasonOf(workspace, order("o-1", { identities: LEAD }))).toBe("enrolled");
    expect(await reasonOf(workspace, order("o-1", { identities: CUSTOMER }))).toBe("enrolled");
  });

  it("counts cooldown and maxActive for each value apart", async () => {
    const workspace = await withRules({ key: "/event/orderId", reentry: { after: "PT1H" }, maxActive: 2 });
    expect(await reasonOf(workspace, order("o-1"))).toBe("enrolled");
    expect(await reasonOf(workspace, order("o-1"))).toBe("cooldown");
    expect(await reasonOf(workspace, order("o-2"))).toBe("enrolled");
    vi.setSystemTime(NOW_MS + HOUR_MS);
    expect(await reasonOf(workspace, order("o-1"))).toBe("enrolled");
    vi.setSystemTime(NOW_MS + 2 * HOUR_MS);
    expect(await reasonOf(workspace, order("o-1"))).toBe("already_active");
    expect(await reasonOf(workspace, order("o-2"))).toBe("enrolled");
  });

  it("can be in the profile, as this very event leaves it", async () => {
    const workspace = await withRules({ key: "/profile/plan" });
    expect(await reasonOf(workspace)).toBe("key_missing");
    expect(await reasonOf(workspace, { propertiesJson: '{"plan":"Pro"}' })).toBe("enrolled");
    expect(await reasonOf(workspace)).toBe("already_active");
    expect(await reasonOf(workspace, { propertiesJson: '{"plan":"Team"}' })).toBe("enrolled");
  });

  it("does not see what was redacted, in an object or in a list", async () => {
    const workspace = await withRules({ key: "/event/ids/0" });
    const unredactedJson = '{"ids":["secret-1"]}';
    expect(await reasonOf(workspace, { dataJson: "{}", unredactedJson })).toBe("key_missing");
    expect(await reasonOf(workspace, { dataJson: '{"ids":[null]}', unredactedJson })).toBe("key_missing");
    expect(await countInCell(workspace, "enrollments")).toBe(0);
  });

  it("is kept as a digest, never as its value", async () => {
    const workspace = await withRules({ key: "/event/phone" });
    const [run] = [await accepted(workspace, withData({ phone: "+14155550100" }))];
    const { outbox_events: _events, entry_events: _entries, ...tables } = await dumpCell(workspace);
    expect(JSON.stringify(tables)).not.toContain("4155550100");
    expect(
      await queryCell(workspace, `SELECT profile_id, active, length(key_digest) AS bytes FROM keyed_histories`),
    ).toEqual([{ profile_id: run.profileId, active: 1, bytes: 16 }]);
  });

  it("holds over versions, and a version without one counts every run of the person", async () => {
    const workspace = await withRules({ key: "/event/orderId" });
    await accepted(workspace, order("o-1"));
    await publish(workspace, { key: "/event/orderId", reentry: "always" });
    expect(await reasonOf(workspace, order("o-1"))).toBe("already_active");
    await publish(workspace, {});
    expect(await reasonOf(workspace, order("o-2"))).toBe("already_active");
    await endAll(workspace);
    expect(await reasonOf(workspace, order("o-2"))).toBe("already_enrolled");
    await publish(workspace, { key: "/event/orderId" });
    expect(await reasonOf(workspace, order("o-1"))).toBe("already_enrolled");
    expect(await reasonOf(workspace, order("o-2"))).toBe("enrolled");
  });

  it("of another place counts apart, whatever the value", async () => {
    const workspace = await withRules({ key: "/event/orderId" });
    await accepted(workspace, withData({ orderId: "1", cartId: "1" }));
    await publish(workspace, { key: "/event/cartId" });
    expect(await reasonOf(workspace, withData({ orderId: "1", cartId: "1" }))).toBe("enrolled");
  });

  it("costs a journey that has none no row", async () => {
    const workspace = await withRules({ reentry: "always", maxActive: 9 });
    await accepted(workspace, order("o-1"));
    expect(await countInCell(workspace, "keyed_histories")).toBe(0);
  });
});

describe("a key, when two people turn out to be one", () => {
  const keyed = { key: "/event/orderId" };

  it("counts what both have behind them", async () => {
    const workspace = await withRules(keyed);
    await accepted(workspace, order("o-1", { identities: LEAD }));
    await accepted(workspace, order("o-2", { identities: CUSTOMER }));
    await endAll(workspace);
    await accepted(workspace, { event: "signed.in", identities: BOTH });
    const seen = [];
    for (const orderId of ["o-1", "o-2", "o-3"])
      seen.push(await reasonOf(workspace, order(orderId, { identities: LEAD })));
    expect(seen).toEqual(["already_enrolled", "already_enrolled", "enrolled"]);
  });

  it("moves a run under a key that the survivor has none of, and keeps the key with it", async () => {
    const workspace = await withRules({ ...keyed, reentry: "always" });
    const lead = await accepted(workspace, order("o-1", { identities: LEAD }));
    const customer = await accepted(workspace, order("o-2", { identities: CUSTOMER }));
    await accepted(workspace, { event: "signed.in", identities: BOTH });
    expect(await runsOf(workspace)).toMatchObject([
      { event_id: lead.eventId, profile_id: customer.profileId, status: "active" },
      { event_id: customer.eventId, profile_id: customer.profileId, status: "active" },
    ]);
    expect(await reasonOf(workspace, order("o-1", { identities: CUSTOMER }))).toBe("already_active");
    const [moved] = await runsOf(workspace);
    await endRun(workspace, moved?.id ?? "");
    expect(await reasonOf(workspace, order("o-1", { identities: CUSTOMER }))).toBe("enrolled");
    expect(await reasonOf(workspace, order("o-2", { identities: CUSTOMER }))).toBe("already_active");
  });

  it("goes on with the survivor's run of two under one key, and ends the other", async () => {
    const workspace = await withRules(keyed);
    await accepted(workspace, order("o-1", { identities: LEAD }));
    await accepted(workspace, order("o-1", { identities: CUSTOMER }));
    await accepted(workspace, { event: "signed.in", identities: BOTH });
    expect((await runsOf(workspace)).map(({ status, reason }) => [status, reason])).toEqual([
      ["exited", "merged_duplicate"],
      ["active", null],
    ]);
    const active = await queryCell(workspace, `SELECT sum(active) AS runs FROM keyed_histories`);
    expect(active).toEqual([{ runs: 1 }]);
  });
});

it("keeps histories that agree with the runs themselves, under every rule", async () => {
  const workspace = await withRules({ key: "/event/orderId", reentry: "always", maxActive: 3 });
  for (let i = 0; i < 30; i++) {
    await accepted(workspace, order(`o-${i % 4}`, { identities: [LEAD, CUSTOMER][i % 2] as object }));
    if (i === 15) await accepted(workspace, { event: "signed.in", identities: BOTH });
    const active = (await runsOf(workspace)).filter(({ status }) => status === "active");
    if (i % 3 === 0) await endRun(workspace, active[i % active.length]?.id ?? "");
  }
  const wrong = await queryCell(
    workspace,
    `SELECT * FROM keyed_histories h WHERE active <> (SELECT count(*) FROM enrollments e
       WHERE e.profile_id = h.profile_id AND e.journey_id = h.journey_id AND e.key_digest = h.key_digest
         AND e.status = 'active')`,
  );
  expect(wrong).toEqual([]);
  expect(await countInCell(workspace, "keyed_histories")).toBeGreaterThan(4);
});
