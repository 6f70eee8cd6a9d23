// How much a batch and each of its items may be. What is wrong with an item is that item's alone: every case has a good
// neighbour before and behind it.
import { describe, expect, it } from "vitest";
import { get, issuesIn, keyOf } from "../../support/api.ts";
import { countInCell } from "../../support/tables.ts";
import { aWorkspace, track } from "../../support/workspace.ts";
import { anItem, items, outcomes, postBatch, resultsOf, type ItemResult } from "./batch-calls.ts";

const MAX_BATCH_BYTES = 5 * 1024 * 1024;
const MAX_ITEM_BYTES = 256 * 1024;
const LONGEST_STRING = "x".repeat(32 * 1024);

/** Posts an item, as text, between two good ones, and gives what became of it. */
async function amongGoodOnes(itemText: string): Promise<ItemResult> {
  const [before, behind] = items(2).map((item) => JSON.stringify(item));
  const results = await resultsOf(`{"events":[${before},\n ${itemText} ,${behind}]}`);
  expect([results.length, results[0]?.status, results[2]?.status]).toEqual([3, "accepted", "accepted"]);
  return results[1] as ItemResult;
}

/** An event without its key, of so many bytes of JSON text: what the single call takes for a body. */
function eventOf(bytes: number): string {
  const texts = Array.from({ length: 8 }, () => "x".repeat(32_000));
  const { idempotencyKey: _, ...event } = anItem({ data: { texts, last: "" } });
  return JSON.stringify({ ...event, data: { texts, last: "é".repeat(10) + "x".repeat(bytes - sizeOf(event) - 20) } });
}

/** An item of so many bytes of JSON text besides its key. */
function itemOf(bytes: number): string {
  return eventOf(bytes).replace("{", `{"idempotencyKey":"${String(anItem()["idempotencyKey"])}",`);
}

function sizeOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).byteLength;
}

/** Levels of arrays. */
function nested(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}

/** An item with so many keys in all, besides `idempotencyKey`. */
function withKeys(count: number): string {
  // event, profile, email, data
  const data = Object.fromEntries(Array.from({ length: count - 4 }, (_, i) => [`k${i}`, 0]));
  return JSON.stringify(anItem({ data }));
}

const withData = (json: string): string => JSON.stringify(anItem({ data: null })).replace("null", json);
const withPaths = (count: number): string =>
  JSON.stringify(anItem({ redactedDataPaths: Array.from({ length: count }, (_, i) => `/event/p${i}`) }));

describe("an item of a batch", () => {
  it.each<[string, () => string]>([
    ["of 256 KiB besides its key", () => itemOf(MAX_ITEM_BYTES)],
    [
      "of 256 KiB besides a key that stands last, at length",
      () =>
        eventOf(MAX_ITEM_BYTES).replace(
          /\}$/,
          String.raw`, "idempotency\u004bey" : "${String.raw`\u006b`.repeat(200)}" }`,
        ),
    ],
    ["32 levels deep", () => withData(`{"a":${nested(30)}}`)],
    ["with 1,000 keys besides its own", () => withKeys(1_000)],
    ["with a string of 32 KiB", () => JSON.stringify(anItem({ data: { text: LONGEST_STRING } }))],
    ["with 100 redacted paths", () => withPaths(100)],
    ["with white space inside its key", () => JSON.stringify(anItem({ idempotencyKey: "a \t b" }))],
    ["with a key of 255 characters", () => JSON.stringify(anItem({ idempotencyKey: "k".repeat(255) }))],
    ["with the largest whole number", () => withData('{"n":9007199254740992}')],
  ])("%s is accepted", async (_, text) => {
    expect(await amongGoodOnes(text())).toMatchObject({ status: "accepted" });
  });

  it.each<[string, () => string, string]>([
    ["of one byte more", () => itemOf(MAX_ITEM_BYTES + 1), "item"],
    ["33 levels deep", () => withData(`{"a":${nested(31)}}`), "item"],
    ["that is nested as deep as a batch has room for", () => withData(`{"a":${nested(2_000_000)}}`), "item"],
    ["with 1,001 keys", () => withKeys(1_001), "item"],
    ["with a longer string", () => JSON.stringify(anItem({ data: { text: `${LONGEST_STRING}x` } })), "item"],
    ["with a longer name in it", () => JSON.stringify(anItem({ data: { [`${LONGEST_STRING}x`]: 1 } })), "item"],
    ["with 101 redacted paths", () => withPaths(101), "redactedDataPaths"],
    ["with a longer key", () => JSON.stringify(anItem({ idempotencyKey: "k".repeat(256) })), "idempotencyKey"],
    ["with a space before its key", () => JSON.stringify(anItem({ idempotencyKey: " k7" })), "idempotencyKey"],
    ["with a space behind its key", () => JSON.stringify(anItem({ idempotencyKey: "k7 " })), "idempotencyKey"],
    ["with a tab before its key", () => JSON.stringify(anItem({ idempotencyKey: "\tk7" })), "idempotencyKey"],
    ["with a line's end behind its key", () => JSON.stringify(anItem({ idempotencyKey: "k7\r\n" })), "idempotencyKey"],
    [
      "with a key further in that is too much",
      () => withKeys(999).replace('"k0":0', '"k0":{"idempotencyKey":1,"a":1}'),
      "item",
    ],
    ["with an empty key", () => JSON.stringify(anItem({ idempotencyKey: "" })), "idempotencyKey"],
    ["with half a character for a key", () => JSON.stringify(anItem({ idempotencyKey: "\ud83d" })), "idempotencyKey"],
    ["with U+0000 in its key", () => JSON.stringify(anItem({ idempotencyKey: "a\0" })), "idempotencyKey"],
    ["with a number for a key", () => JSON.stringify(anItem({ idempotencyKey: 7 })), "idempotencyKey"],
    ["without a key", () => JSON.stringify(anItem({ idempotencyKey: undefined })), "idempotencyKey"],
    ["with a number that loses digits", () => withData('{"n":9007199254740993}'), "data"],
    ["with a number that overflows", () => withData('{"n":[1e400]}'), "data"],
    ["with half a character for a name", () => JSON.stringify(anItem({ event: "\ud83d" })), "event"],
    ["with an empty word for a person", () => JSON.stringify(anItem({ profile: { externalId: "null" } })), "profile"],
    ["that is null", () => "null", "item"],
    ["that is a number", () => "7", "item"],
    ["that is such a number", () => "1e400", "item"],
    ["that is a list", () => "[]", "item"],
    ["that is empty", () => "{}", "idempotencyKey event profile"],
  ])("%s is invalid, and its neighbours are accepted", async (_, text, where) => {
    const result = await amongGoodOnes(text());
    expect([result.error?.error, outcomes([result])]).toEqual(["invalid_request", [where]]);
  });

  it("keeps half a character inside its data as it was sent", async () => {
    const workspace = await aWorkspace();
    const answer = await postBatch(workspace, `{"events":[${withData(String.raw`{"half":"\ud83d","\udc00":1}`)}]}`);
    const event = await get(keyOf(workspace.apiKey), `/api/v1/events/${answer.body.results[0].eventId}`);
    expect(event.text).toContain(String.raw`{"half":"\ud83d","\udc00":1}`);
  });

  it("keeps a key called __proto__ in its data", async () => {
    const workspace = await aWorkspace();
    const answer = await postBatch(workspace, `{"events":[${withData('{"__proto__":{"a":1}}')}]}`);
    const event = await get(keyOf(workspace.apiKey), `/api/v1/events/${answer.body.results[0].eventId}`);
    expect(event.text).toContain('{"__proto__":{"a":1}}');
  });

  it("is invalid when its person would have too many properties, and its key is not burnt", async () => {
    const workspace = await aWorkspace();
    const grow = (i: number) =>
      anItem({ profile: { email: "big@example.com", properties: { [`p${i}`]: "x".repeat(32_000) } } });
    const batch = Array.from({ length: 18 }, (_, i) => grow(i));
    const { results } = (await postBatch(workspace, batch)).body;
    expect(outcomes(results)).toEqual([
      ...Array<string>(16).fill("accepted"),
      "profile.properties",
      "profile.properties",
    ]);
    expect(
      outcomes((await postBatch(workspace, [{ ...batch[17], profile: { email: "new@example.com" } }])).body.results),
    ).toEqual(["accepted"]);
  });

  it("is told what is wrong with white space around its key", async () => {
    const [result] = await resultsOf([anItem({ idempotencyKey: " k7 " })]);
    expect(result?.error?.details?.issues).toEqual([
      { path: "idempotencyKey", message: "Must not begin or end with white space: a header would lose it." },
    ]);
  });

  it.each([
    ["256 KiB", () => eventOf(MAX_ITEM_BYTES)],
    ["1,000 keys", () => withKeys(1_000)],
  ])("may be the single call's largest body, of %s, and is the same request", async (_, text) => {
    const workspace = await aWorkspace();
    const { idempotencyKey: __, ...event } = JSON.parse(text()) as Record<string, unknown>;
    expect((await track(workspace, event, { key: "single" })).status).toBe(202);
    const { results } = (await postBatch(workspace, [{ ...event, idempotencyKey: "single" }])).body;
    expect(outcomes(results)).toEqual(["replayed"]);
  });

  it("is told of 10 issues at most", async () => {
    const paths = Array.from({ length: 100 }, () => 0);
    const [result] = await resultsOf([anItem({ redactedDataPaths: paths })]);
    const issues = result?.error?.details?.issues ?? [];
    expect([issues.length, issues.at(-1)]).toEqual([
      10,
      { path: "item", message: expect.stringContaining("change what is told above first") },
    ]);
  });
});

describe("a batch", () => {
  it.each([1, 500])("takes %i items", async (count) => {
    const workspace = await aWorkspace();
    const { summary } = (await postBatch(workspace, items(count))).body;
    expect([summary.accepted, await countInCell(workspace, "outbox_events")]).toEqual([count, count]);
  });

  it.each<[string, unknown]>([
    ["no items", []],
    ["501 items", items(501)],
    ["a great many things that are no items", Array.from({ length: 100_000 }, () => 0)],
    ["an object of items", { 0: anItem() }],
    ["one item that is no list", anItem()],
    ["null for its items", null],
    ["nothing called events", undefined],
  ])("with %s is refused by one issue", async (_, events) => {
    const workspace = await aWorkspace();
    const answer = await postBatch(workspace, JSON.stringify({ events }));
    expect([answer.status, issuesIn(answer)]).toEqual([400, { events: "Must be an array of 1 to 500 items." }]);
    expect(await countInCell(workspace, "outbox_events")).toBe(0);
  });

  it.each([
    ["", "The body is empty; send a JSON object."],
    ["{", "The body is not valid JSON."],
    ['{"events":[{]}', "The body is not valid JSON."],
    ["[]", "The body is not a JSON object."],
    ["null", "The body is not a JSON object."],
    ['"events"', "The body is not a JSON object."],
  ])("that reads %s is refused", async (body, message) => {
    const answer = await postBatch(await aWorkspace(), body);
    expect([answer.status, issuesIn(answer)]).toEqual([400, { body: message }]);
  });

  /** Good items in a body of so many bytes: what is beside `events` is ignored. */
  const ofBytes = (bytes: number): string => {
    const body = { events: items(2), padding: "" };
    return JSON.stringify({ ...body, padding: "x".repeat(bytes - sizeOf(body)) });
  };

  it("takes 5 MiB, whatever stands beside its items", async () => {
    expect(outcomes(await resultsOf(ofBytes(MAX_BATCH_BYTES)))).toEqual(["accepted", "accepted"]);
  });

  it("takes 5 MiB of items", async () => {
    const batch = Array.from({ length: 20 }, () => JSON.parse(itemOf(MAX_ITEM_BYTES - 100)) as object);
    expect(outcomes(await resultsOf(batch))).toEqual(Array<string>(20).fill("accepted"));
  });

  it("of one byte more is a 413", async () => {
    const workspace = await aWorkspace();
    const answer = await postBatch(workspace, ofBytes(MAX_BATCH_BYTES + 1));
    expect([answer.status, answer.body.details]).toEqual([413, { maxBytes: MAX_BATCH_BYTES }]);
    expect(await countInCell(workspace, "outbox_events")).toBe(0);
  });

  it("ignores what stands beside its items, however deep, long or large", async () => {
    const names = JSON.stringify(Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`k${i}`, 0])));
    const beside = `"a":${nested(1_000)},"b":"${LONGEST_STRING}x","c":1e400,"d":${names}`;
    const body = `{${beside},"events":[${JSON.stringify(anItem())}],"e":{"events":[1e400]}}`;
    expect(outcomes(await resultsOf(body))).toEqual(["accepted"]);
  });
});
