// A batch that could only be taken in part: what was taken is told, what was not is told to be sent again, and nothing
// is taken out of turn.
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Outbox } from "../../../src/cell/outbox.ts";
import { WorkspaceCell } from "../../../src/cell/workspace-cell.ts";
import { countInCell } from "../../support/tables.ts";
import { aPage, aTrack, anIdentify, outcomesIn, postBatch, postSingle, type Page } from "./ingest-calls.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const FAILED = "failed event_write_failed";

/** An identify, and tracks of that person. */
const aBatchOf = (items: number): object[] => [anIdentify(), ...Array.from({ length: items - 1 }, () => aTrack())];

/** The outbox is full from so many events on. */
function fullFrom(events: number) {
  return vi.spyOn(Outbox.prototype, "full", "get").mockImplementation(function (this: Outbox) {
    return this.events >= events;
  });
}

/** The cell answers the first calls, and is overloaded from then on for all that is more than a question. */
function overloadedAfter(calls: number): void {
  const getByName = env.WORKSPACE_CELL.getByName.bind(env.WORKSPACE_CELL);
  const overloaded = async () => {
    throw Object.assign(new Error("overloaded on purpose"), { overloaded: true });
  };
  const admit = async () => ({ kind: "admitted", rate: null });
  const away = { acceptMany: overloaded, keepRejected: overloaded, admit } as never;
  const spy = vi.spyOn(env.WORKSPACE_CELL, "getByName");
  for (let call = 0; call < calls; call++) spy.mockImplementationOnce((...args) => getByName(...args));
  spy.mockImplementation(() => away);
}

/** Sends what failed again, as a page's client does. */
async function sendAgain(page: Page, batch: object[], statuses: string[]): Promise<string[]> {
  const left = batch.filter((_, i) => statuses[i] === FAILED);
  return outcomesIn(await postBatch(page, left));
}

describe("a batch of more than one slice", () => {
  it("is taken in order, at most 100 items in a transaction", async () => {
    const acceptMany = vi.spyOn(WorkspaceCell.prototype, "acceptMany");
    const answer = await postBatch(await aPage(), aBatchOf(250));
    expect(acceptMany.mock.calls.map(([, commands]) => commands.length)).toEqual([100, 100, 50]);
    expect(answer.body.summary).toEqual({ accepted: 250, duplicate: 0, dropped: 0, rejected: 0, failed: 0 });
    const ids = answer.body.results.map(({ eventId }: { eventId: string }) => eventId);
    expect(ids).toEqual(ids.toSorted());
  });

  it("tells what was taken when the cell is out of reach for a later slice", async () => {
    const page = await aPage();
    const batch = aBatchOf(250);
    overloadedAfter(1);
    const answer = await postBatch(page, batch);
    expect([answer.status, answer.body.success]).toEqual([200, true]);
    expect(answer.body.summary).toEqual({ accepted: 100, duplicate: 0, dropped: 0, rejected: 0, failed: 150 });
    expect(answer.body.results[100]).toEqual({
      index: 100,
      messageId: (batch[100] as { messageId: string }).messageId,
      status: "failed",
      reason: "event_write_failed",
      duplicate: false,
      retryable: true,
    });
    vi.restoreAllMocks();
    expect(new Set(await sendAgain(page, batch, outcomesIn(answer)))).toEqual(new Set(["accepted"]));
    expect(await countInCell(page.workspace, "outbox_events")).toBe(250);
  });

  it("puts outcomes where they belong when rejected items stand between the slices", async () => {
    const page = await aPage();
    const batch = aBatchOf(300).map((item, i) => (i % 3 === 1 ? { ...item, event: "" } : item));
    overloadedAfter(1);
    const outcomes = outcomesIn(await postBatch(page, batch));
    // The first slice holds the first hundred items that are no nonsense.
    const taken = batch.flatMap((_, i) => (i % 3 === 1 ? [] : [i])).slice(0, 100);
    const expected = batch.map((_, i) =>
      i % 3 === 1 ? "rejected invalid_input" : taken.includes(i) ? "accepted" : FAILED,
    );
    expect(outcomes).toEqual(expected);
  });

  it("goes no further than a slice that found the outbox full: nothing is dropped for want of what failed", async () => {
    const page = await aPage();
    const batch = [...aBatchOf(120), anIdentify({ email: "sam@example.com" }), aTrack({ email: "sam@example.com" })];
    const late = Array.from({ length: 100 }, () => aTrack({ email: "sam@example.com" }));
    fullFrom(120);
    const acceptMany = vi.spyOn(WorkspaceCell.prototype, "acceptMany");
    const answer = await postBatch(page, [...batch, ...late]);
    expect(acceptMany).toHaveBeenCalledTimes(2);
    expect(outcomesIn(answer).slice(118, 124)).toEqual(["accepted", "accepted", FAILED, FAILED, FAILED, FAILED]);
    expect(answer.body.summary).toEqual({ accepted: 120, duplicate: 0, dropped: 0, rejected: 0, failed: 102 });
  });
});

describe("a batch of which nothing could be taken", () => {
  it("is a 503 as a whole when the outbox is full", async () => {
    const page = await aPage();
    fullFrom(0);
    const answer = await postBatch(page, [...aBatchOf(3), { type: "nonsense" }]);
    expect([answer.status, answer.body, answer.headers.get("retry-after")]).toEqual([
      503,
      { error: "unavailable", message: expect.any(String) },
      "30",
    ]);
    expect(await countInCell(page.workspace, "rejected_events")).toBe(0);
  });

  it("is a 503 as a whole when the cell is out of reach", async () => {
    const page = await aPage();
    overloadedAfter(0);
    const answer = await postBatch(page, aBatchOf(3));
    expect([answer.status, answer.body.error, answer.headers.get("retry-after")]).toEqual([503, "unavailable", "2"]);
  });

  it("answers what was taken before as duplicates while the outbox is full", async () => {
    const page = await aPage();
    const batch = aBatchOf(2);
    await postBatch(page, batch);
    fullFrom(0);
    const answer = await postBatch(page, [...batch, aTrack()]);
    expect([answer.status, outcomesIn(answer)]).toEqual([
      200,
      ["duplicate duplicate_occurrence", "duplicate duplicate_occurrence", FAILED],
    ]);
  });
});

describe("a batch whose rejected items cannot be kept", () => {
  it("is answered all the same: failing would have the page repeat what was taken", async () => {
    const page = await aPage();
    overloadedAfter(1);
    const answer = await postBatch(page, [anIdentify(), { type: "nonsense" }]);
    expect([answer.status, outcomesIn(answer)]).toEqual([200, ["accepted", "rejected invalid_input"]]);
    expect(answer.headers.has("x-rejected-events")).toBe(false);
  });
});

describe("one item by itself", () => {
  it.each(["identify", "track"] as const)("to %s that could not be taken is a 503 with its outcome", async (what) => {
    const page = await aPage();
    await postBatch(page, [anIdentify()]);
    const item = what === "identify" ? anIdentify({ messageId: "m" }) : aTrack({ messageId: "m" });
    const expected = {
      messageId: "m",
      status: "failed",
      reason: "event_write_failed",
      duplicate: false,
      retryable: true,
      error: "unavailable",
      message: expect.any(String),
    };
    fullFrom(0);
    const full = await postSingle(page, what, item);
    expect([full.status, full.body, full.headers.get("retry-after")]).toEqual([503, expected, "30"]);
    vi.restoreAllMocks();
    overloadedAfter(0);
    const away = await postSingle(page, what, item);
    expect([away.status, away.body, away.headers.get("retry-after")]).toEqual([503, expected, "2"]);
    vi.restoreAllMocks();
    expect((await postSingle(page, what, item)).body.status).toBe("accepted");
  });
});
