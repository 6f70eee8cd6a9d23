// A trigger that is refused leaves nothing behind, in the tables or in memory, and its key is free.
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { Outbox } from "../../src/cell/outbox.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { anActiveJourney, changeJourney, editJourney, readJourney } from "../support/journeys.ts";
import { linesOf, pass } from "../support/running.ts";
import { countInCell, dumpCell } from "../support/tables.ts";
import { KEY, refusalOf, triggerClaims, triggered } from "../support/triggers.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

const HOUR_MS = 3_600_000;
const API = { entry: { api: true } };
async function withTrigger(over: Record<string, unknown> = API): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell, over);
  return workspace;
}

describe("a trigger that is refused", () => {
  const people = { identities: { email: "blake@example.com", anonymousId: "a1" }, propertiesJson: '{"plan":"Free"}' };
  const running = [{ id: "rest", type: "delay", for: "PT1H" }];

  it.each<[string, Record<string, unknown>, number]>([
    ["already_active", { reentry: "always" }, 1],
    ["already_enrolled", { maxActive: 2 }, 1],
    ["cooldown", { reentry: { after: "P1D" }, maxActive: 2 }, 1],
    ["capped", { reentry: "always", maxActive: 9, cap: { enrollments: 2, per: "PT1H" } }, 2],
    ["identity_required", { requires: ["externalId"] }, 0],
    ["key_missing", { key: "/event/orderId" }, 0],
  ])("as %s leaves nothing behind and burns no key", async (reason, eligibility, before) => {
    const workspace = await withTrigger({ ...API, steps: running, eligibility });
    // Somebody else, who would be merged by it; a lead whose e-mail is known.
    await accepted(workspace, { event: "seen", identities: { anonymousId: "a1" } });
    await accepted(workspace, { event: "seen", identities: { email: "blake@example.com" } });
    for (let i = 0; i < before; i++) await triggered(workspace, { identities: { email: "blake@example.com" } });
    const health = await workspace.cell.health();
    const tables = await dumpCell(workspace);
    const claims = triggerClaims(workspace.id, "k");

    expect(await refusalOf(workspace, { ...people, claims })).toBe(reason);
    expect(await refusalOf(workspace, { ...people, claims })).toBe(reason);
    expect(await dumpCell(workspace)).toEqual(tables);
    expect(await workspace.cell.health()).toEqual(health);

    await editJourney(workspace.cell, KEY, { ...API, eligibility: { reentry: "always", maxActive: 9 } });
    await changeJourney(workspace.cell, KEY, "activate");
    expect(await triggered(workspace, { ...people, claims })).toMatchObject({ replayed: false });
    const { counts } = await readJourney(workspace.cell, KEY);
    expect(counts).toMatchObject({ matched: before + 1, enrolled: before + 1, skipped: 0 });
    expect((await workspace.cell.health()).conservation.holds).toBe(true);
  });

  it.each([
    ["journey_not_active", "pause"],
    ["journey_archived", "archive"],
  ] as const)("because of the journey, as %s, leaves nothing behind", async (code, change) => {
    const workspace = await withTrigger();
    await changeJourney(workspace.cell, KEY, change);
    const tables = await dumpCell(workspace);
    expect(await refusalOf(workspace)).toBe(code);
    expect(await refusalOf(workspace, {}, "no-such-journey")).toBe("not_found");
    expect(await dumpCell(workspace)).toEqual(tables);
  });

  it("because the profile would be too large, or D1 is too far behind, leaves nothing behind", async () => {
    const workspace = await withTrigger();
    const tables = await dumpCell(workspace);
    const propertiesJson = JSON.stringify({ a: "x".repeat(512 * 1024) });
    expect(await refusalOf(workspace, { propertiesJson })).toBe("profile_too_large");
    vi.spyOn(Outbox.prototype, "full", "get").mockReturnValue(true);
    expect(await refusalOf(workspace)).toBe("outbox_full");
    expect(await dumpCell(workspace)).toEqual(tables);
  });

  it("takes back what it has moved: a timer that was overdue and a wait that heard it", async () => {
    const steps = [
      ...running,
      { id: "again", type: "wait_for_event", event: "$trigger", timeout: "P1D" },
      { id: "more", type: "delay", for: "P1D" },
    ];
    const workspace = await withTrigger({ ...API, steps });
    const { runId } = await triggered(workspace);
    vi.setSystemTime(Date.now() + 2 * HOUR_MS);
    expect(await refusalOf(workspace)).toBe("already_active");
    expect(await linesOf(workspace, runId)).toEqual(["entered rest", "waiting rest"]);
    await pass(workspace, 0);
    expect((await linesOf(workspace, runId)).slice(-2)).toEqual(["entered again", "waiting again"]);
    expect(await refusalOf(workspace)).toBe("already_active");
    expect((await linesOf(workspace, runId)).slice(-2)).toEqual(["entered again", "waiting again"]);
    // What memory knew of it, the tables know.
    await evictDurableObject(workspace.cell);
    await accepted(workspace, { event: "$trigger" });
    expect((await linesOf(workspace, runId)).slice(-2)).toEqual(["entered more", "waiting more"]);
  });

  it("changes nobody whom memory knows", async () => {
    const workspace = await withTrigger({ ...API, eligibility: { requires: ["externalId"] } });
    const { profileId } = await accepted(workspace, { event: "seen", propertiesJson: '{"plan":"Pro"}' });
    const before = await workspace.cell.readProfile(OPERATOR, profileId ?? "");
    const identities = { email: "alex@example.com", anonymousId: "a1" };
    expect(await refusalOf(workspace, { identities, propertiesJson: '{"plan":"Free"}' })).toBe("identity_required");
    expect(await workspace.cell.readProfile(OPERATOR, profileId ?? "")).toEqual(before);
    expect((await accepted(workspace, { event: "seen", identities: { anonymousId: "a1" } })).profileId).not.toBe(
      profileId,
    );
  });
});

describe("the runaway guard", () => {
  const guarded = { ...API, runaway: { enrollments: 2, per: "PT1M" } };
  let people = 0;
  const newcomer = () => ({ identities: { email: `p${(people += 1)}@example.com` } });

  it("counts triggers, and stops the journey at the one that is too many", async () => {
    const workspace = await withTrigger(guarded);
    await triggered(workspace, newcomer());
    await triggered(workspace, newcomer());
    const profiles = await countInCell(workspace, "profiles");
    expect(await refusalOf(workspace, newcomer())).toBe("runaway_stopped");
    expect(await countInCell(workspace, "profiles")).toBe(profiles);
    expect(await countInCell(workspace, "outbox_events")).toBe(2);
    expect((await readJourney(workspace.cell, KEY)).stoppedAt).not.toBeNull();
  });

  it("keeps a journey stopped that a refused trigger has stopped, until it is released", async () => {
    const workspace = await withTrigger(guarded);
    for (let i = 0; i < 2; i++) await triggered(workspace, newcomer());
    await refusalOf(workspace, newcomer());
    await evictDurableObject(workspace.cell);
    vi.setSystemTime(Date.now() + HOUR_MS);
    expect(await refusalOf(workspace, newcomer())).toBe("runaway_stopped");
    await changeJourney(workspace.cell, KEY, "release");
    await triggered(workspace, newcomer());
  });
});
