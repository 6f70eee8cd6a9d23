// A batch: in order, one transaction, and no item spoils another.
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { AcceptOutcome } from "../../src/cell/command.ts";
import { Outbox } from "../../src/cell/outbox.ts";
import { aCommand, claimsOf, claimsUnder, LEDGER_SECRETS, OPERATOR, thrownBy } from "../support/commands.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { countInCell, dumpCell, queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
async function acceptMany(workspace: TestWorkspace, commands: ReturnType<typeof aCommand>[]): Promise<AcceptOutcome[]> {
  const answer = await workspace.cell.acceptMany(OPERATOR, commands);
  if (answer.kind !== "answered") throw new Error("the operator was refused");
  return answer.outcomes;
}

describe("acceptMany", () => {
  it("answers each item by its own merits, in order", async () => {
    const workspace = await aWorkspace();
    const keyed = (key: string, total: number, over = {}) =>
      aCommand({ claims: claimsOf(workspace.id, key, { total }), ...over });
    const [before] = await acceptMany(workspace, [keyed("old", 1)]);
    const outcomes = await acceptMany(workspace, [
      keyed("a", 1),
      keyed("a", 1),
      keyed("a", 2),
      keyed("b", 1, { people: "find", identities: { email: "nobody@example.com" } }),
      keyed("old", 1),
      keyed("b", 1),
    ]);
    expect(outcomes.map((outcome) => (outcome.kind === "accepted" ? outcome.replayed : outcome.kind))).toEqual([
      false,
      true,
      "conflict",
      "profile_not_found",
      true,
      false,
    ]);
    const ids = outcomes.map((outcome) => (outcome.kind === "accepted" ? outcome.eventId : null));
    expect(ids[1]).toBe(ids[0]);
    expect(ids[4]).toBe(before?.kind === "accepted" ? before.eventId : "");
    expect((ids[5] as string) > (ids[0] as string)).toBe(true);
    expect(await countInCell(workspace, "outbox_events")).toBe(3);
  });

  it("lets a later item see what an earlier one did", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, {
      entry: { event: "order.created", filter: { $state: "/profile/plan", eq: "Pro" } },
      eligibility: { reentry: "once" },
    });
    const outcomes = await acceptMany(workspace, [
      aCommand(),
      aCommand({ event: "plan.changed", propertiesJson: '{"plan":"Pro"}' }),
      aCommand(),
      aCommand(),
    ]);
    expect(
      outcomes.map((outcome) => (outcome.kind === "accepted" ? [outcome.matched, outcome.enrolled] : null)),
    ).toEqual([
      [1, 0],
      [0, 0],
      [1, 1],
      [1, 0],
    ]);
  });

  it("leaves nothing of any item when a bug stops a later one", async () => {
    const workspace = await aWorkspace();
    const before = await dumpCell(workspace);
    const putEvent = Reflect.get(Outbox.prototype, "putEvent");
    let calls = 0;
    vi.spyOn(Outbox.prototype, "putEvent").mockImplementation(function (this: Outbox, row) {
      calls += 1;
      if (calls === 3) throw new Error("broken on purpose");
      Reflect.apply(putEvent, this, [row]);
    });
    const commands = ["a", "b", "c"].map((key) => aCommand({ claims: claimsOf(workspace.id, key) }));
    expect(await thrownBy(workspace, async (cell) => await cell.acceptMany(OPERATOR, commands))).toBe(
      "broken on purpose",
    );
    expect(await dumpCell(workspace)).toEqual(before);
    vi.restoreAllMocks();
    await workspace.cell.accept(OPERATOR, aCommand({ claims: claimsOf(workspace.id, "alone") }));
    expect(await countInCell(workspace, "outbox_events")).toBe(1);
    const outcomes = await acceptMany(workspace, commands);
    expect(outcomes.map((outcome) => outcome.kind === "accepted" && !outcome.replayed)).toEqual([true, true, true]);
    expect((await workspace.cell.health()).outbox).toBe(4);
  });

  it("stores every event and key of a long batch, and tells each of them again", async () => {
    const workspace = await aWorkspace();
    const keyed = (n: number, total = n) =>
      aCommand({ claims: claimsOf(workspace.id, `k${n}`, { total }), dataJson: `{"n":${n}}`, wantsReceipt: false });
    const commands = Array.from({ length: 230 }, (_, n) => keyed(n));
    const first = await acceptMany(workspace, commands);
    expect(await countInCell(workspace, "outbox_events")).toBe(230);
    const [ledger] = await queryCell<{ keys: number }>(workspace, `SELECT count(*) AS keys FROM ledger_1`);
    expect(ledger?.keys).toBe(230);
    expect(await acceptMany(workspace, commands)).toEqual(first.map((outcome) => ({ ...outcome, replayed: true })));
    const [conflict, replay, fresh] = await acceptMany(workspace, [keyed(229, 1), keyed(7), keyed(230)]);
    expect(conflict).toEqual({ kind: "conflict" });
    expect(replay).toEqual({ ...first[7], replayed: true });
    expect(fresh).toMatchObject({ kind: "accepted", replayed: false });
  });

  it("replays and conflicts across a rotation of the ledger's secrets, in one batch as in two", async () => {
    const workspace = await aWorkspace();
    const keyed = (secrets: "before" | "after", key: string, total: number) =>
      aCommand({ claims: claimsUnder(LEDGER_SECRETS[secrets], workspace.id, key, { total }) });
    await acceptMany(workspace, [keyed("before", "old", 1), keyed("before", "older", 1)]);
    const outcomes = await acceptMany(workspace, [
      keyed("after", "old", 1),
      keyed("after", "older", 2),
      keyed("before", "new", 1),
      keyed("after", "new", 1),
      keyed("after", "new", 2),
    ]);
    expect(outcomes.map((outcome) => (outcome.kind === "accepted" ? outcome.replayed : outcome.kind))).toEqual([
      true,
      "conflict",
      false,
      true,
      "conflict",
    ]);
  });

  it("looks up and stores a hundred plain events in a few statements", async () => {
    const workspace = await aWorkspace();
    await acceptMany(workspace, [aCommand()]);
    const statements = await runInDurableObject(workspace.cell, async (cell, { storage }) => {
      const exec = vi.spyOn(storage.sql, "exec");
      const commands = Array.from({ length: 100 }, (_, n) => aCommand({ claims: claimsOf(workspace.id, `k${n}`) }));
      await cell.acceptMany(OPERATOR, commands);
      return exec.mock.calls.length;
    });
    // One look-up, nine for twelve keys each, four for 33 events each, and what is read once of the person.
    expect(statements).toBeLessThanOrEqual(20);
  });

  it("answers an empty batch with nothing", async () => {
    expect(await acceptMany(await aWorkspace(), [])).toEqual([]);
  });
});
