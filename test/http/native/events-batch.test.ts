import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Outbox } from "../../../src/cell/outbox.ts";
import { WorkspaceCell } from "../../../src/cell/workspace-cell.ts";
import { runAlarm } from "../../support/alarm.ts";
import { get, issuesIn, keyOf, revoke } from "../../support/api.ts";
import { anActiveJourney } from "../../support/journeys.ts";
import { countInCell, dumpCell, rowsInD1 } from "../../support/tables.ts";
import { aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";
import { anItem, items, outcomes, postBatch } from "./batch-calls.ts";

const ID = expect.stringMatching(/^[0-9a-f-]{36}$/);

afterEach(() => {
  vi.restoreAllMocks();
});

/** The single call's form of an item. */
async function trackItem(workspace: TestWorkspace, { idempotencyKey, ...event }: Record<string, unknown>) {
  return await track(workspace, event, { key: idempotencyKey as string });
}

describe("POST /api/v1/events/batch", () => {
  it("answers each item by its own merits, in order", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const known = anItem({ profile: { email: "known@example.com" } });
    const before = await (await trackItem(workspace, known)).json<object>();
    const answer = await postBatch(workspace, [
      anItem(),
      known,
      { ...known, event: "another" },
      anItem({ profile: {} }),
      anItem(),
    ]);
    const fields = { eventId: ID, profileId: ID, matchedJourneys: 1, enrolledJourneys: 1, skippedJourneys: 0 };
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        results: [
          { index: 0, status: "accepted", ...fields },
          { index: 1, status: "replayed", ...before },
          { index: 2, status: "conflict", error: { error: "idempotency_key_reuse", message: expect.any(String) } },
          {
            index: 3,
            status: "invalid",
            error: {
              error: "invalid_request",
              message: expect.any(String),
              details: { issues: [{ path: "profile", message: expect.any(String) }] },
            },
          },
          { index: 4, status: "accepted", ...fields, enrolledJourneys: 0, skippedJourneys: 1 },
        ],
        summary: { accepted: 2, replayed: 1, conflict: 1, invalid: 1 },
      },
    ]);
    expect(await countInCell(workspace, "outbox_events")).toBe(3);
  });

  it("answers with the five fields of the single call, in their order", async () => {
    const workspace = await aWorkspace();
    const item = anItem();
    const [result] = (await postBatch(workspace, [item])).body.results;
    const { index: _, status: __, ...fields } = result;
    expect(await (await trackItem(workspace, item)).text()).toBe(JSON.stringify(fields));
  });

  it("stores events that say they came in a batch", async () => {
    const workspace = await aWorkspace();
    const answer = await postBatch(workspace, [anItem({ data: { total: 49 }, referenceId: "ord_1" })]);
    const event = await get(keyOf(workspace.apiKey), `/api/v1/events/${answer.body.results[0].eventId}`);
    expect(event.body).toMatchObject({ source: "batch", data: { total: 49 }, referenceId: "ord_1" });
  });

  it("accepts the same items once however often it is sent", async () => {
    const workspace = await aWorkspace();
    const batch = items(3);
    const first = await postBatch(workspace, batch);
    const again = await postBatch(workspace, batch.toReversed());
    const ids = (answer: typeof first) => answer.body.results.map(({ eventId }: { eventId: string }) => eventId);
    expect(again.body.summary).toEqual({ accepted: 0, replayed: 3, conflict: 0, invalid: 0 });
    expect(ids(again)).toEqual(ids(first).toReversed());
    expect(await countInCell(workspace, "outbox_events")).toBe(3);
  });

  it("takes items that hold a repeated key in order: the first is accepted", async () => {
    const workspace = await aWorkspace();
    const item = anItem({ data: { total: 1 } });
    const answer = await postBatch(workspace, [item, anItem(), item, { ...item, data: { total: 2 } }, item]);
    expect(outcomes(answer.body.results)).toEqual(["accepted", "accepted", "replayed", "conflict", "replayed"]);
    expect(answer.body.results[2].eventId).toBe(answer.body.results[0].eventId);
  });

  it("does not burn the key of an item that is invalid", async () => {
    const workspace = await aWorkspace();
    const wrong = anItem({ event: 7 });
    const answer = await postBatch(workspace, [wrong, { ...wrong, event: "order.created" }]);
    expect(outcomes(answer.body.results)).toEqual(["event", "accepted"]);
  });

  it("lets a later item see the person as an earlier one left them", async () => {
    const workspace = await aWorkspace();
    const lead = anItem({ profile: { email: "lead@example.com" } });
    const customer = anItem({ profile: { email: "lead@example.com", externalId: "cus_1" } });
    const order = anItem({ profile: { externalId: "cus_1" } });
    const { results } = (await postBatch(workspace, [lead, customer, order])).body;
    expect(new Set(results.map(({ profileId }: { profileId: string }) => profileId)).size).toBe(1);
  });
});

describe("a key of a batch's item", () => {
  it.each(["order-1001", "clé-1001-Ω-💶", "a%20b", "x".repeat(255)])(
    "is the one of the single call, both ways round: %s",
    async (key) => {
      const [there, back] = [await aWorkspace(), await aWorkspace()];
      const item = anItem({ idempotencyKey: key, data: { b: 1, a: [2] }, redactedDataPaths: ["/event/b", "/event/x"] });
      const { idempotencyKey: _, ...event } = item;
      const single = async (workspace: TestWorkspace) => await track(workspace, event, { key });

      const first = await (await single(there)).json<{ eventId: string }>();
      expect((await postBatch(there, [item])).body.results).toEqual([{ index: 0, status: "replayed", ...first }]);

      const accepted = (await postBatch(back, [item])).body.results[0];
      const replay = await single(back);
      expect([replay.status, replay.headers.get("idempotent-replayed")]).toEqual([202, "true"]);
      expect(accepted).toEqual({ index: 0, status: "accepted", ...(await replay.json<object>()) });
    },
  );

  it("stands for one request, whichever call brings the other", async () => {
    const workspace = await aWorkspace();
    const item = anItem();
    await postBatch(workspace, [item]);
    expect((await trackItem(workspace, { ...item, event: "another" })).status).toBe(409);
  });

  it("is told by what is known of the item: unknown fields make no other request", async () => {
    const workspace = await aWorkspace();
    const item = anItem();
    await postBatch(workspace, [item]);
    const again = await postBatch(workspace, [
      { ...item, colour: "red", profile: { ...(item["profile"] as object), x: 1 } },
    ]);
    expect(outcomes(again.body.results)).toEqual(["replayed"]);
  });

  it("comes with the item: a header is ignored", async () => {
    const workspace = await aWorkspace();
    const headers = { "idempotency-key": "of the request" };
    const { idempotencyKey: _, ...keyless } = anItem();
    const answer = await postBatch(workspace, [anItem(), anItem(), keyless], { headers });
    expect(outcomes(answer.body.results)).toEqual(["accepted", "accepted", "idempotencyKey"]);
  });
});

describe("a batch of more than one slice", () => {
  it("is accepted in order, at most 100 items in a transaction, and asks the cell nothing else", async () => {
    const workspace = await aWorkspace();
    const acceptMany = vi.spyOn(WorkspaceCell.prototype, "acceptMany");
    const authorize = vi.spyOn(WorkspaceCell.prototype, "authorize");
    const answer = await postBatch(workspace, items(250));
    expect(authorize).not.toHaveBeenCalled();
    expect(acceptMany.mock.calls.map(([, commands]) => commands.length)).toEqual([100, 100, 50]);
    const ids = answer.body.results.map(({ eventId }: { eventId: string }) => eventId);
    expect(ids).toEqual(ids.toSorted());
    expect(answer.body.results.map(({ index }: { index: number }) => index)).toEqual([...ids.keys()]);
  });

  it("puts no more than 2 Mi characters of events into a transaction", async () => {
    const workspace = await aWorkspace();
    const acceptMany = vi.spyOn(WorkspaceCell.prototype, "acceptMany");
    const texts = Array.from({ length: 6 }, () => "x".repeat(30_000));
    const batch = Array.from({ length: 20 }, () => anItem({ data: { texts } }));
    expect((await postBatch(workspace, batch)).body.summary.accepted).toBe(20);
    expect(acceptMany.mock.calls.map(([, commands]) => commands.length)).toEqual([11, 9]);
  });

  it("puts results where they belong when invalid items stand between the slices", async () => {
    const batch = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? anItem({ event: "" }) : anItem()));
    const { results, summary } = (await postBatch(await aWorkspace(), batch)).body;
    expect(outcomes(results)).toEqual(batch.map((_, i) => (i % 3 === 0 ? "event" : "accepted")));
    expect(summary).toEqual({ accepted: 200, replayed: 0, conflict: 0, invalid: 100 });
  });

  it("tells a key that repeats in another slice", async () => {
    const item = anItem();
    const { results } = (await postBatch(await aWorkspace(), [item, ...items(99), item])).body;
    expect(outcomes(results).at(-1)).toBe("replayed");
    expect(results.at(-1).eventId).toBe(results[0].eventId);
  });

  it("is a 503 as a whole when a later slice finds the outbox full, and what was taken replays", async () => {
    const workspace = await aWorkspace();
    const batch = items(150);
    const full = vi.spyOn(Outbox.prototype, "full", "get").mockImplementation(function (this: Outbox) {
      return this.events >= 120;
    });
    const failed = await postBatch(workspace, batch);
    expect([failed.status, failed.body.error, failed.headers.get("retry-after")]).toEqual([503, "unavailable", "30"]);
    expect(await countInCell(workspace, "outbox_events")).toBe(120);
    full.mockRestore();
    const again = await postBatch(workspace, batch);
    expect(again.body.summary).toEqual({ accepted: 30, replayed: 120, conflict: 0, invalid: 0 });
    expect(outcomes(again.body.results).indexOf("accepted")).toBe(120);
  });

  it("is a 503 as a whole when the cell is out of reach for a later slice", async () => {
    const workspace = await aWorkspace();
    const getByName = env.WORKSPACE_CELL.getByName.bind(env.WORKSPACE_CELL);
    const acceptMany = async () => {
      throw Object.assign(new Error("overloaded on purpose"), { overloaded: true });
    };
    vi.spyOn(env.WORKSPACE_CELL, "getByName")
      .mockImplementationOnce((...args) => getByName(...args))
      .mockImplementationOnce(() => ({ acceptMany }) as never);
    const failed = await postBatch(workspace, items(101));
    expect([failed.status, failed.body.error, failed.headers.get("retry-after")]).toEqual([503, "unavailable", "2"]);
    expect(await countInCell(workspace, "outbox_events")).toBe(100);
  });
});

describe("what a batch takes out before anything is kept", () => {
  it("is each item's own", async () => {
    const workspace = await aWorkspace();
    const secret = "4111-1111-1111-1111";
    const answer = await postBatch(workspace, [
      anItem({ data: { card: secret, total: 1 }, redactedDataPaths: ["/event/card"] }),
      anItem({ data: { card: "kept", total: 2 } }),
    ]);
    expect(JSON.stringify(await dumpCell(workspace))).not.toContain(secret);
    await runAlarm(workspace.cell);
    const rows = await rowsInD1<{ event_id: string; data: string }>(workspace, "user_events");
    const dataOf = (index: number) =>
      rows.find(({ event_id }) => event_id === answer.body.results[index].eventId)?.data;
    expect([dataOf(0), dataOf(1)]).toEqual(['{"total":1}', '{"card":"kept","total":2}']);
  });

  it("is never in an answer, whatever is wrong with the item", async () => {
    const secret = "4111111111111111";
    const hidden = { data: { card: secret, [secret]: 1 }, redactedDataPaths: [`/event/card`, `/event/${secret}`] };
    const item = anItem(hidden);
    const batch = [
      item,
      { ...item, event: "another" },
      anItem({ ...hidden, event: { [secret]: secret } }),
      anItem({ ...hidden, profile: secret }),
      { ...hidden, [secret]: secret },
      secret,
      [secret],
    ];
    const answer = await postBatch(await aWorkspace(), batch);
    expect(answer.body.summary).toEqual({ accepted: 1, replayed: 0, conflict: 1, invalid: 5 });
    expect(answer.text).not.toContain(secret);
  });
});

describe("a batch", () => {
  it.each(["true", "", "1"])("is never run dry: dryRun=%s is refused, and stores nothing", async (value) => {
    const workspace = await aWorkspace();
    const answer = await postBatch(workspace, items(2), { query: `?dryRun=${value}` });
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, ["query.dryRun"]]);
    expect(await countInCell(workspace, "outbox_events")).toBe(0);
  });

  it("ignores query parameters that it does not know, and shows no receipts", async () => {
    const answer = await postBatch(await aWorkspace(), items(1), { query: "?include=receipt&x=1" });
    expect(answer.status).toBe(200);
    expect(answer.body.results[0]).not.toHaveProperty("receipt");
  });

  it("is refused with a revoked key, also when none of its items comes to the cell", async () => {
    const workspace = await aWorkspace();
    await revoke(workspace, workspace.apiKey);
    expect((await postBatch(workspace, items(1))).status).toBe(401);
    expect((await postBatch(workspace, [anItem({ event: 1 })])).status).toBe(401);
    expect(await countInCell(workspace, "outbox_events")).toBe(0);
  });

  it("stands at a name that is no event's id", async () => {
    const answer = await get(keyOf((await aWorkspace()).apiKey), "/api/v1/events/batch");
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
  });
});
