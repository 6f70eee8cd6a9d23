// Edits of a person's lists happen inside the accepting transaction, on what the lists hold at that moment; and
// events that start no journey.
import { describe, expect, it } from "vitest";
import type { AcceptCommand } from "../../src/cell/command.ts";
import { accept, accepted, aCommand, claimsOf, OPERATOR } from "../support/commands.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { countInCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
const listEdits = (append: object, unappend: object = {}): Partial<AcceptCommand> => ({
  listEditsJson: JSON.stringify({ append, unappend }),
});

async function propertiesOf(workspace: TestWorkspace, profileId: string | null): Promise<unknown> {
  const read = await workspace.cell.readProfile(OPERATOR, profileId ?? "");
  if (!read.ok) throw new Error("there is no such profile");
  return JSON.parse(read.value.propertiesJson);
}

describe("edits of lists", () => {
  it("add to and take from what a person has", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { propertiesJson: '{"tags":["a","b"]}' });
    const { profileId } = await accepted(workspace, listEdits({ tags: "c" }, { tags: "a" }));
    expect(await propertiesOf(workspace, profileId)).toEqual({ tags: ["b", "c"] });
  });

  it("make the lists of a new person", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace, listEdits({ tags: ["a", "b"] }));
    expect(await propertiesOf(workspace, profileId)).toEqual({ tags: ["a", "b"] });
  });

  it("each count when they come at once", async () => {
    const workspace = await aWorkspace();
    const tags = Array.from({ length: 20 }, (_, i) => `t${i}`);
    const answers = await Promise.all(tags.map(async (tag) => await accepted(workspace, listEdits({ tags: tag }))));
    const { tags: kept } = (await propertiesOf(workspace, answers[0]?.profileId ?? "")) as { tags: string[] };
    expect(kept.toSorted()).toEqual(tags.toSorted());
  });

  it("are seen by filters of the same event", async () => {
    const workspace = await aWorkspace();
    const filter = { $state: "/profile/tags", contains: "vip" };
    await anActiveJourney(workspace.cell, { entry: { event: "order.created", filter } });
    expect(await accepted(workspace, listEdits({ tags: "vip" }))).toMatchObject({ enrolled: 1 });
  });

  it("are not made by a repeat", async () => {
    const workspace = await aWorkspace();
    const claims = claimsOf(workspace.id, "k1");
    const { profileId } = await accepted(workspace, { claims, ...listEdits({ tags: "a" }) });
    await accepted(workspace, listEdits({}, { tags: "a" }));
    expect(await accepted(workspace, { claims, ...listEdits({ tags: "a" }) })).toMatchObject({ replayed: true });
    expect(await propertiesOf(workspace, profileId)).toEqual({ tags: [] });
  });

  it("never make a profile larger than it may be", async () => {
    const workspace = await aWorkspace();
    const half = Array.from({ length: 3 }, (_, i) => `${i}${"x".repeat(100_000)}`);
    const { profileId } = await accepted(workspace, listEdits({ tags: half }));
    const more = half.map((text) => `more ${text}`);
    expect(await accept(workspace, aCommand(listEdits({ tags: more })))).toEqual({ kind: "profile_too_large" });
    expect(await propertiesOf(workspace, profileId)).toEqual({ tags: half });
  });
});

describe("an event that starts no journey", () => {
  it("is recorded with an empty receipt, and the next one starts it", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    expect(await accepted(workspace, { startsJourneys: false })).toMatchObject({
      matched: 0,
      enrolled: 0,
      receiptJson: '{"journeys":[],"warnings":[]}',
    });
    expect(await countInCell(workspace, "outbox_events")).toBe(1);
    expect(await accepted(workspace)).toMatchObject({ matched: 1, enrolled: 1 });
  });
});
