// Every field of an item, at its edges and of the wrong type, and the limits of a batch.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import { anIdentify, aPageView, aTrack, CONTRACT, OLDER, openDoor, OURS, outcomesIn, type Door } from "./door.ts";

let server: DevServer;
let door: Door;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
  door = await openDoor(server);
  await door.batch(anIdentify({ userId: "wp_1" }), anIdentify({ email: LONGEST_EMAIL }), anIdentify(LONGEST_USER));
});
afterAll(async () => server.stop());

const LONGEST_EMAIL = `${"a".repeat(308)}@example.com`;
const LONGEST_USER = { email: "long@example.com", userId: "u".repeat(255) };
const INVALID = "rejected invalid_input";

/** Sends items of one field's values, and says what became of each. */
async function outcomesOf(values: readonly unknown[], itemOf: (value: unknown) => object): Promise<string[]> {
  return values.length === 0 ? [] : outcomesIn(await door.batch(...values.map(itemOf)));
}

describe("Fields of an item", () => {
  const table: [string, string, (value: unknown) => object, unknown[], unknown[]][] = [
    [
      "messageId is a text of 1 to 255 characters",
      CONTRACT,
      (messageId) => aTrack({ messageId }),
      ["m", "m".repeat(255), "größe:日"],
      ["", "m".repeat(256), 7, {}, ["m"], true, "\ud800", "a\0b"],
    ],
    ["messageId may be null", OLDER, (messageId) => aTrack({ messageId }), [null, undefined], []],
    [
      "email of identify is an address of at most 320 characters; outer spaces and letter case do not matter",
      CONTRACT,
      (email) => anIdentify({ email }),
      ["alex@example.com", "  Alex@Example.COM ", LONGEST_EMAIL, "o'neil+tag@sub.example.co"],
      ["", " ", null, undefined, "alex", "a@b", `a${LONGEST_EMAIL}`, "null", 7, ["alex@example.com"], "ä@example.com"],
    ],
    [
      "email of track may be empty beside a userId, but not wrong",
      OURS,
      (email) => aTrack({ email, userId: "wp_1" }),
      ["", null, undefined, " ALEX@example.com "],
      ["alex", 7, {}],
    ],
    [
      "userId is a text of at most 255 characters; outer spaces do not matter",
      CONTRACT,
      (userId) => aTrack({ email: undefined, userId }),
      ["wp_1", " wp_1 ", LONGEST_USER.userId],
      ["", null, undefined, "u".repeat(256), 1, ["wp_1"], "\ud800"],
    ],
    [
      "a userId that names nobody is passed over beside an e-mail, and alone is none",
      OURS,
      (userId) => aTrack(userId === "alone" ? { email: "", userId: "0" } : { userId }),
      ["null", "undefined", "0", "anonymous", "[object Object]"],
      ["alone"],
    ],
    [
      "type is identify, track or page",
      CONTRACT,
      (type) => aTrack({ type }),
      ["identify", "track", "page"],
      ["Track", "screen", "", undefined, null, 7],
    ],
    [
      "event of track is a text of 1 to 255 characters",
      CONTRACT,
      (event) => aTrack({ event }),
      ["e", "e".repeat(255)],
      ["", "e".repeat(256), undefined, null, 7, {}, "\ud800"],
    ],
    ["name of page is a text", CONTRACT, (name) => aPageView({ name }), ["Pricing", "", null, undefined], [7, {}, []]],
    [
      "traits is an object",
      CONTRACT,
      (traits) => anIdentify({ traits }),
      [{}, { a: [1, { b: null }] }, null, undefined],
      ["x", 7, [], true],
    ],
    [
      "properties is an object",
      CONTRACT,
      (properties) => aTrack({ properties }),
      [{}, { a: "\ud800" }, null, undefined],
      ["x", 7, [], false],
    ],
    ["context is an object", OLDER, (context) => aTrack({ context }), [{}, { ip: "x" }, null], ["x", 7, []]],
    [
      "timestamp is a date-time with an offset",
      CONTRACT,
      (timestamp) => aTrack({ timestamp }),
      ["2026-11-01T12:00:00Z", "2026-11-01T12:00:00.123456+02:00", "2028-02-29T00:00Z", null, undefined],
      ["2026-11-01T12:00:00", "2026-11-01", "2026-02-29T00:00:00Z", "yesterday", "", 1_793_534_400_000, {}],
    ],
    [
      "source is wordpress, woocommerce, sdk or shopify",
      CONTRACT,
      (source) => aTrack({ source }),
      ["wordpress", "woocommerce", "sdk", "shopify"],
      [7, {}, ""],
    ],
    [
      "source may be another name of at most 255 characters",
      OURS,
      (source) => aTrack({ source }),
      ["docs-site", "s".repeat(255), null],
      ["s".repeat(256)],
    ],
  ];

  it.each(
    table.map(
      ([text, source, ...rest]) =>
        [requirement(text, source === OURS ? "A" : source === OLDER ? "S" : "D", source), ...rest] as const,
    ),
  )("%s", async (_, itemOf, good, bad) => {
    expect(await outcomesOf(good, itemOf)).toEqual(good.map(() => "accepted"));
    expect(await outcomesOf(bad, itemOf)).toEqual(bad.map(() => INVALID));
  });

  it.each(["organizationId", "sourceInstanceId", "identityNamespace", "profileId"])(
    requirement("%s is never accepted, whatever its value and whoever else is named", "D", CONTRACT),
    async (field) => {
      const values = ["x", "", null, {}];
      for (const itemOf of [anIdentify, aTrack, aPageView]) {
        expect(await outcomesOf(values, (value) => itemOf({ [field]: value, userId: "wp_1" }))).toEqual(
          values.map(() => INVALID),
        );
      }
    },
  );

  it(requirement("unknown fields are passed over", "A", OURS), async () => {
    expect(await door.outcome(aTrack({ groupId: 7, integrations: {}, sentAt: "x" }))).toBe("accepted");
  });

  it(requirement("an item that is no object is rejected, and its neighbours are taken", "D", CONTRACT), async () => {
    const answer = await door.batch(aTrack(), 7, null, "x", [aTrack()], true, aTrack());
    expect(outcomesIn(answer)).toEqual(["accepted", INVALID, INVALID, INVALID, INVALID, INVALID, "accepted"]);
    expect(answer.body.results[1].messageId).toBeNull();
  });

  it(requirement("a messageId comes back as it was sent, also with a rejected item", "D", CONTRACT), async () => {
    const sent = ["m".repeat(300), "", "größe", 7];
    const { body } = await door.batch(...sent.map((messageId) => aTrack({ messageId, event: "" })));
    expect(body.results.map(({ messageId }: { messageId: unknown }) => messageId)).toEqual([...sent.slice(0, 3), null]);
  });
});

describe("Limits", () => {
  it(requirement("a batch is 1 to 500 items", "A", OURS), async () => {
    const batch = (items: number) => ({ batch: Array.from({ length: items }, () => aTrack()) });
    const full = await door.post("batch", batch(500));
    expect([full.status, full.body.summary.accepted, full.body.results.length]).toEqual([200, 500, 500]);
    for (const body of [batch(501), batch(0), {}, { batch: aTrack() }, { batch: null }]) {
      const { status, body: answer } = await door.post("batch", body);
      expect([status, answer.error, answer.details.issues]).toEqual([
        400,
        "invalid_request",
        [{ path: "batch", message: "Must be an array of 1 to 500 items." }],
      ]);
    }
  });

  it(requirement("a batch is at most 1 MiB", "A", OURS), async () => {
    const text = JSON.stringify({ writeKey: door.writeKey, batch: [aTrack()] });
    const padded = (bytes: number) => text + " ".repeat(bytes - Buffer.byteLength(text));
    expect((await door.post("batch", padded(1_048_576))).status).toBe(200);
    const over = await door.post("batch", padded(1_048_577));
    expect([over.status, over.body]).toEqual([
      413,
      { error: "payload_too_large", message: expect.any(String), details: { maxBytes: 1_048_576 } },
    ]);
  });

  it(requirement("an item is at most 256 KiB, 32 levels deep and 1,000 keys", "A", OURS), async () => {
    const ofBytes = (bytes: number) => {
      const chunks = Array.from({ length: 8 }, () => "x".repeat(32_000));
      const item = aTrack({ properties: { chunks, rest: "" } });
      const rest = "x".repeat(bytes - JSON.stringify(item).length);
      return { ...item, properties: { chunks, rest } };
    };
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    // An item, its properties, and the lists inside them.
    const ofDepth = (depth: number) => aTrack({ properties: { nested: nested(depth - 2) } });
    const ofKeys = (keys: number) => {
      const own = Object.keys(aTrack({ properties: {} })).length;
      return aTrack({ properties: Object.fromEntries(Array.from({ length: keys - own }, (_, i) => [`k${i}`, i])) });
    };
    const edges = [ofBytes(262_144), ofDepth(32), ofKeys(1_000)];
    const beyond = [ofBytes(262_145), ofDepth(33), ofKeys(1_001)];
    expect(outcomesIn(await door.batch(...edges))).toEqual(edges.map(() => "accepted"));
    expect(outcomesIn(await door.batch(...beyond))).toEqual(beyond.map(() => INVALID));
  });

  it(requirement("a number that a double cannot hold rejects its item", "A", OURS), async () => {
    const item = (total: string) => JSON.stringify(aTrack({ properties: { total: 0 } })).replace(":0}", `:${total}}`);
    const numbers = ["9007199254740993", "1e400", "9007199254740992", "0.1", '"9007199254740993"'];
    const body = `{"writeKey":"${door.writeKey}","batch":[${numbers.map(item).join(",")}]}`;
    const answer = await door.post("batch", body);
    expect(outcomesIn(answer)).toEqual([INVALID, INVALID, "accepted", "accepted", "accepted"]);
  });
});
