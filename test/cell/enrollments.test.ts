// Who enters a journey, how often, on which version; and that every one of them is counted.
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { runAlarm } from "../support/alarm.ts";
import { NOW_MS } from "../support/clock.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { anActiveJourney, aJourney, changeJourney, editJourney, readJourney } from "../support/journeys.ts";
import { endRun, runsOf } from "../support/runs.ts";
import { countInCell, queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

const KEY = "order-follow-up";
/** Digits alone stand in some id, sooner or later. */
const [CARD, OTHER_CARD] = ["card-4111", "card-5500"];

/** A stub's own type of these calls is too deep to unfold. */
interface Calls {
  changeJourney: (...args: unknown[]) => Promise<unknown>;
}
/** Why the journey took the event or not. */
async function reasonOf(workspace: TestWorkspace, over: Parameters<typeof accepted>[1] = {}): Promise<string> {
  const { receiptJson } = await accepted(workspace, over);
  const { journeys } = JSON.parse(receiptJson ?? "") as { journeys: { reason: string }[] };
  return journeys.map(({ reason }) => reason).join(" ");
}

async function endAll(workspace: TestWorkspace): Promise<void> {
  for (const run of await runsOf(workspace)) if (run.status === "active") await endRun(workspace, run.id);
}

describe("re-entry", () => {
  it("once: never again, over all versions", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    expect(await reasonOf(workspace)).toBe("enrolled");
    expect(await reasonOf(workspace)).toBe("already_active");
    await endAll(workspace);
    expect(await reasonOf(workspace)).toBe("already_enrolled");
    await editJourney(workspace.cell, KEY, { name: "Second" });
    await changeJourney(workspace.cell, KEY, "activate");
    expect(await reasonOf(workspace)).toBe("already_enrolled");
  });

  it("always: as soon as the run before has ended", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: "always" } });
    expect([await reasonOf(workspace), await reasonOf(workspace)]).toEqual(["enrolled", "already_active"]);
    await endAll(workspace);
    expect(await reasonOf(workspace)).toBe("enrolled");
  });

  it("after: counted from when the last enrollment began, to the millisecond", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: { after: "PT1H" } } });
    await accepted(workspace);
    vi.setSystemTime(NOW_MS + 1_800_000);
    await endAll(workspace);
    vi.setSystemTime(NOW_MS + 3_599_999);
    expect(await reasonOf(workspace)).toBe("cooldown");
    vi.setSystemTime(NOW_MS + 3_600_000);
    expect(await reasonOf(workspace)).toBe("enrolled");
  });

  it("after PT0S: at once", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: { after: "PT0S" } } });
    await accepted(workspace);
    await endAll(workspace);
    expect(await reasonOf(workspace)).toBe("enrolled");
  });

  it("maxActive: as many runs at a time, and no more", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: "always", maxActive: 3 } });
    const reasons = [];
    for (let i = 0; i < 5; i++) reasons.push(await reasonOf(workspace));
    expect(reasons).toEqual(["enrolled", "enrolled", "enrolled", "already_active", "already_active"]);
    expect(await reasonOf(workspace, { identities: { email: "blake@example.com" } })).toBe("enrolled");
  });

  it("counts merged profiles together: ended runs of both, active runs of both", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    await accepted(workspace, { identities: { email: "a@example.com" } });
    await endAll(workspace);
    await accepted(workspace, { event: "other", identities: { externalId: "1" } });
    const both = { email: "a@example.com", externalId: "1" };
    expect(await reasonOf(workspace, { identities: both })).toBe("already_enrolled");
    expect(await reasonOf(workspace, { identities: { externalId: "1" } })).toBe("already_enrolled");
  });
});

describe("a merge with runs", () => {
  it("goes on with the survivor's run and ends the other as merged_duplicate", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const lead = await accepted(workspace, { identities: { email: "a@example.com" } });
    const customer = await accepted(workspace, { identities: { externalId: "1" } });
    await accepted(workspace, { event: "signed.in", identities: { email: "a@example.com", externalId: "1" } });
    expect(await runsOf(workspace)).toMatchObject([
      { event_id: lead.eventId, profile_id: lead.profileId, status: "exited", reason: "merged_duplicate" },
      { event_id: customer.eventId, profile_id: customer.profileId, status: "active", reason: null },
    ]);
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ enrolled: 2, active: 1, exited: 1 });
    // Both: the run that the merge ended goes on by its event should the merge be undone.
    expect(await queryCell(workspace, `SELECT event_id FROM entry_events ORDER BY event_id`)).toEqual([
      { event_id: lead.eventId },
      { event_id: customer.eventId },
    ]);
  });

  it("leaves room for a new run where the merge ended one", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: "always", maxActive: 2 } });
    await anActiveJourney(workspace.cell, { key: "greeting", entry: { event: "seen" } });
    for (const identities of [{ email: "a@example.com" }, { externalId: "1" }]) {
      await accepted(workspace, { identities });
      // The second one enrolls nobody: it leaves the history known as it is before the merge.
      for (let i = 0; i < 2; i++) await accepted(workspace, { event: "seen", identities });
    }
    const both = { email: "a@example.com", externalId: "1" };
    const merging = await accepted(workspace, { event: "signed.in", identities: both });
    const again = await accepted(workspace, { identities: both });
    expect([merging.enrolled, again.enrolled]).toEqual([0, 1]);
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ enrolled: 3, active: 2, exited: 1 });
  });

  it("moves a run that the survivor has none of, on its version", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const lead = await accepted(workspace, { identities: { email: "a@example.com" } });
    await editJourney(workspace.cell, KEY, { name: "Second" });
    await changeJourney(workspace.cell, KEY, "activate");
    const customer = await accepted(workspace, { event: "other", identities: { externalId: "1" } });
    await accepted(workspace, { event: "signed.in", identities: { email: "a@example.com", externalId: "1" } });
    const [run] = await runsOf(workspace);
    expect(run).toMatchObject({ profile_id: customer.profileId, event_id: lead.eventId, version: 1, status: "active" });
    expect(JSON.parse(run?.timeline ?? "")).toMatchObject([
      { kind: "entered", stepId: "rest" },
      { kind: "waiting", stepId: "rest" },
      { kind: "merged", stepId: "rest", detail: { mergedProfileId: lead.profileId } },
    ]);
  });

  it("moves both runs of a journey that allows two", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: "always", maxActive: 2 } });
    for (let i = 0; i < 2; i++) await accepted(workspace, { identities: { email: "a@example.com" } });
    const customer = await accepted(workspace, { event: "other", identities: { externalId: "1" } });
    expect(await reasonOf(workspace, { identities: { email: "a@example.com", externalId: "1" } })).toBe(
      "already_active",
    );
    expect((await runsOf(workspace)).map(({ profile_id, status }) => [profile_id, status])).toEqual([
      [customer.profileId, "active"],
      [customer.profileId, "active"],
    ]);
  });
});

describe("what an enrollment keeps", () => {
  it("the version it entered, whatever is published later", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    await accepted(workspace, { identities: { email: "a@example.com" } });
    await editJourney(workspace.cell, KEY, { steps: [{ id: "second", type: "exit" }] });
    await accepted(workspace, { identities: { email: "b@example.com" } });
    await changeJourney(workspace.cell, KEY, "activate");
    await accepted(workspace, { identities: { email: "c@example.com" } });
    expect((await runsOf(workspace)).map(({ version, step_id }) => [version, step_id])).toEqual([
      [1, "rest"],
      [1, "rest"],
      [2, "second"],
    ]);
  });

  it("the entry event's redacted data, once for all journeys it started, until the last run ends", async () => {
    const workspace = await aWorkspace();
    for (const key of ["one", "two"]) await anActiveJourney(workspace.cell, { key });
    await accepted(workspace, { dataJson: '{"kept":1}', unredactedJson: '{"kept":1,"card":"4111"}' });
    expect(await queryCell(workspace, `SELECT data, runs FROM entry_events`)).toEqual([
      { data: '{"kept":1}', runs: 2 },
    ]);
    const [first, second] = await runsOf(workspace);
    await endRun(workspace, first?.id ?? "");
    expect(await queryCell(workspace, `SELECT runs FROM entry_events`)).toEqual([{ runs: 1 }]);
    await endRun(workspace, second?.id ?? "", "failed");
    expect(await countInCell(workspace, "entry_events")).toBe(0);
  });
});

describe("a filter", () => {
  const filtered = { entry: { event: "order.created", filter: { $state: "/event/card", eq: CARD } } };

  it("sees the payload before redaction, which nothing keeps", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, filtered);
    const over = { dataJson: "{}", unredactedJson: `{"card":"${CARD}"}` };
    expect(await reasonOf(workspace, over)).toBe("enrolled");
    const hits = await queryCell(workspace, `SELECT 1 AS hit FROM outbox_events WHERE instr(row, ?)`, CARD);
    expect(hits).toEqual([]);
  });

  it("names the clause that failed, and no value", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, filtered);
    const { receiptJson } = await accepted(workspace, { dataJson: "{}", unredactedJson: `{"card":"${OTHER_CARD}"}` });
    expect(JSON.parse(receiptJson ?? "")).toMatchObject({
      journeys: [{ outcome: "skipped", reason: "filter_failed", detail: { path: "/event/card", operator: "eq" } }],
    });
    expect(receiptJson).not.toContain(OTHER_CARD);
  });

  it("reads the identity under /profile/email and /profile/externalId, whatever a property says", async () => {
    const workspace = await aWorkspace();
    const filter = [
      { $state: "/profile/email", eq: "a@example.com" },
      { $state: "/profile/externalId", exists: false },
    ];
    await anActiveJourney(workspace.cell, { entry: { event: "order.created", filter } });
    const propertiesJson = '{"email":"fake@example.com","externalId":"fake"}';
    expect(await reasonOf(workspace, { identities: { email: "a@example.com" }, propertiesJson })).toBe("enrolled");
    expect(
      await reasonOf(workspace, { identities: { externalId: "1" }, propertiesJson: '{"email":"a@example.com"}' }),
    ).toBe("filter_failed");
  });

  it("sees the properties as this very event leaves them", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, {
      entry: { event: "order.created", filter: { $state: "/profile/plan", eq: "Pro" } },
    });
    expect(await reasonOf(workspace, { propertiesJson: '{"plan":"Pro"}' })).toBe("enrolled");
    expect(await reasonOf(workspace, { propertiesJson: '{"plan":null}' })).toBe("filter_failed");
  });
});

describe("a journey's state", () => {
  it("takes effect for the next event: drafts and paused ones do not listen", async () => {
    const workspace = await aWorkspace();
    await aJourney(workspace.cell, { eligibility: { reentry: "always", maxActive: 9 } });
    const seen = [await reasonOf(workspace)];
    for (const change of ["activate", "pause", "activate", "archive"] as const) {
      await changeJourney(workspace.cell, KEY, change);
      seen.push(await reasonOf(workspace));
    }
    expect(seen).toEqual(["", "enrolled", "", "enrolled", ""]);
  });

  it("listens to the event name of the version that is published", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    await editJourney(workspace.cell, KEY, { entry: { event: "order.paid" } });
    expect(await reasonOf(workspace, { event: "order.paid" })).toBe("");
    await changeJourney(workspace.cell, KEY, "activate");
    expect([
      await reasonOf(workspace, { event: "order.created" }),
      await reasonOf(workspace, { event: "order.paid" }),
    ]).toEqual(["", "enrolled"]);
  });
});

describe("journeys that listen to one event name", () => {
  async function activate(workspace: TestWorkspace, key: string): Promise<unknown> {
    return await (workspace.cell as unknown as Calls).changeJourney(OPERATOR, key, "activate");
  }

  it("are at most 200 at a time, and the next is refused in plain words", async () => {
    const workspace = await aWorkspace();
    for (let i = 0; i < 200; i++) await anActiveJourney(workspace.cell, { key: `j${i}` });
    await aJourney(workspace.cell, { key: "one-too-many" });
    expect(await activate(workspace, "one-too-many")).toEqual({
      ok: false,
      error: {
        code: "invalid_journey",
        issues: [
          {
            path: "entry.event",
            stepId: null,
            message: "200 active journeys start with this event already. Pause or archive one of them first.",
          },
        ],
      },
    });
    expect((await readJourney(workspace.cell, "one-too-many")).status).toBe("draft");
    expect((await accepted(workspace)).matched).toBe(200);
    // One of the 200 may be published again, another name is free, and a place that was given up can be taken.
    await editJourney(workspace.cell, "j0", { name: "Second" });
    expect(await activate(workspace, "j0")).toMatchObject({ ok: true });
    await anActiveJourney(workspace.cell, { key: "other", entry: { event: "order.refunded" } });
    await changeJourney(workspace.cell, "j0", "pause");
    expect(await activate(workspace, "one-too-many")).toMatchObject({ ok: true });
  });
});

describe("counts", () => {
  it("of active runs come from the counters alone: no journey view reads the runs", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: "always", maxActive: 9 } });
    for (let i = 0; i < 5; i++) await accepted(workspace);
    await endRun(workspace, (await runsOf(workspace))[0]?.id ?? "");
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ enrolled: 5, active: 4 });
    await queryCell(
      workspace,
      `DELETE FROM enrollments WHERE id = (SELECT min(id) FROM enrollments WHERE status = 'active')`,
    );
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ enrolled: 5, active: 4 });
    expect((await workspace.cell.health()).conservation).toMatchObject({ enrolled: 5, active: 3, holds: false });
  });

  it("say the same before and after they are settled, and after a restart", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    for (const email of ["a@example.com", "a@example.com", "b@example.com"])
      await accepted(workspace, { identities: { email } });
    const [run] = await runsOf(workspace);
    await endRun(workspace, run?.id ?? "");
    const counts = {
      matched: 3,
      enrolled: 2,
      skipped: 1,
      active: 1,
      completed: 0,
      exited: 0,
      failed: 0,
      cancelled: 1,
      converted: 0,
    };
    const conservation = { enrolled: 2, active: 1, completed: 0, exited: 0, failed: 0, cancelled: 1, holds: true };
    const expectCounts = async (): Promise<void> => {
      expect((await readJourney(workspace.cell, KEY)).counts).toEqual(counts);
      expect((await workspace.cell.health()).conservation).toEqual(conservation);
    };
    await expectCounts();
    await evictDurableObject(workspace.cell);
    await expectCounts();
    await runAlarm(workspace.cell);
    await expectCounts();
    await evictDurableObject(workspace.cell);
    await expectCounts();
  });
});
