// A batch: in order, one transaction, and no item spoils another.
import { describe, expect, it, vi } from "vitest";
import type { AcceptOutcome } from "../../src/cell/command.ts";
import { Outbox } from "../../src/cell/outbox.ts";
import { stopClock } from "../support/clock.ts";
import { aCommand, claimsOf, OPERATOR, thrownBy } from "../support/commands.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { countInCell, dumpCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

stopClock();

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
    const outcomes = await acceptMany(workspace, commands);
    expect(outcomes.map((outcome) => outcome.kind === "accepted" && !outcome.replayed)).toEqual([true, true, true]);
    expect((await workspace.cell.health()).outbox).toBe(3);
  });

  it("answers an empty batch with nothing", async () => {
    expect(await acceptMany(await aWorkspace(), [])).toEqual([]);
  });
});
