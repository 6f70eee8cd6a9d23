// What each field of a Segment call becomes, and what a call must have.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import { aTrack, openDoor, SUCCESS, type Door } from "./door.ts";

const API = "Segment HTTP API, 2025-11-07";
const OURS = "our choice";

let server: DevServer;
let door: Door;

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());
beforeEach(async () => {
  door = await openDoor(server);
});

describe("required fields", () => {
  const refusals = [
    ["a call without userId and anonymousId", "no_user_anon_id", "D", { type: "track", event: "Seen" }],
    ["a call whose userId names nobody", "no_user_anon_id", "A", { type: "track", event: "Seen", userId: " NULL " }],
    ["a call whose userId is an object", "no_user_anon_id", "A", { type: "track", event: "Seen", userId: {} }],
    ["an identify with an e-mail alone", "no_user_anon_id", "D", { type: "identify", traits: { email: "a@b.co" } }],
    ["a track without event", "event_name_missing", "D", { type: "track", userId: "u-1" }],
    ["a track with an empty event", "event_name_missing", "A", { type: "track", userId: "u-1", event: "" }],
    ["a track whose event is no string", "event_name_missing", "D", { type: "track", userId: "u-1", event: 7 }],
    ["a group without groupId", "group_id_missing", "D", { type: "group", userId: "u-1" }],
    ["an alias without previousId", "previous_id_missing", "D", { type: "alias", userId: "u-1" }],
    ["an alias without userId", "user_id_missing", "D", { type: "alias", anonymousId: "a-1", previousId: "a-2" }],
    ["a call of a batch without type", "unknown_type", "D", { userId: "u-1", event: "Seen" }],
    ["a call of an unknown type", "unknown_type", "D", { type: "Track", userId: "u-1", event: "Seen" }],
    ["a call that is no object", "invalid_item", "A", "track"],
    ["properties that are no object", "invalid_item", "A", { type: "track", ...aTrack({ properties: "x" }) }],
    ["traits that are no object", "invalid_item", "A", { type: "identify", userId: "u-1", traits: [1] }],
    ["a context that is no object", "invalid_item", "A", { type: "track", ...aTrack({ context: 1 }) }],
    [
      "traits of a context that are no object",
      "invalid_item",
      "A",
      { type: "page", userId: "u", context: { traits: 1 } },
    ],
    ["integrations that are no object", "invalid_item", "A", { type: "page", userId: "u", integrations: true }],
    ["a messageId that is no string", "invalid_item", "A", { type: "track", ...aTrack({ messageId: {} }) }],
    ["an event of ill-formed Unicode", "invalid_item", "A", { type: "track", userId: "u-1", event: "\ud800" }],
  ] as const;

  for (const [what, reason, mark, call] of refusals) {
    it(
      requirement(`keeps ${what} as rejected (${reason}), and answers 200`, mark, mark === "D" ? API : OURS),
      async () => {
        const answer = await door.post("batch", { batch: [call] });
        expect(answer).toMatchObject(SUCCESS);
        expect(answer.headers.get("x-rejected-events")).toBe("1");
        const rejected = await door.rejected();
        expect(rejected).toMatchObject([{ source: "segment", reason, payload: call }]);
        expect(await door.stored()).toEqual([]);
      },
    );
  }

  it(requirement("answers a single call that lacks a field 200 too, and keeps it as rejected", "D", API), async () => {
    const answer = await door.post("track", { userId: "u-1" });
    expect(answer).toMatchObject(SUCCESS);
    expect(answer.headers.get("x-rejected-events")).toBe("1");
    expect(await door.rejected()).toMatchObject([{ reason: "event_name_missing", payload: { userId: "u-1" } }]);
  });

  it(requirement("takes a call's neighbours in a batch, whatever is wrong with it", "D", API), async () => {
    const batch = [{ type: "track", ...aTrack() }, { type: "track" }, { type: "page", anonymousId: "a-1" }, 7];
    const answer = await door.post("batch", { batch });
    expect(answer.headers.get("x-rejected-events")).toBe("2");
    expect((await door.stored()).map(({ event }) => event)).toEqual(["Order Completed", "$page"]);
  });

  it(requirement("has no x-rejected-events when everything was taken", "A", OURS), async () => {
    expect((await door.post("track", aTrack())).headers.get("x-rejected-events")).toBeNull();
  });

  it(
    requirement("keeps a rejected call with its time, reason and payload, without any write key", "A", OURS),
    async () => {
      const before = Date.now();
      const { writeKey } = door;
      const properties = { total: 49, writeKey };
      await door.post("track", { userId: "u-1", writeKey, properties });
      await door.post("b", { writeKey, batch: [{ type: "track", userId: "u-2", writeKey }] });
      const rejected = await door.rejected();
      const message = "A track call must have an event: a string that is not empty.";
      const rest = { at: expect.any(String), source: "segment", reason: "event_name_missing", message };
      expect(rejected).toEqual([
        { ...rest, payload: { userId: "u-1", properties: { total: 49 } } },
        { ...rest, payload: { type: "track", userId: "u-2" } },
      ]);
      for (const { at } of rejected) expect(Date.parse(at)).toBeGreaterThanOrEqual(before - 1);
      expect(JSON.stringify(rejected)).not.toContain(writeKey);
    },
  );
});

describe("fields", () => {
  it(requirement("keeps the event's name as it is", "D", API), async () => {
    await door.post("track", aTrack({ event: "  Größe — 大 $x " }));
    expect((await door.storedOne()).event).toBe("  Größe — 大 $x ");
  });
  it(requirement("puts properties into data, and context beside them", "D", API), async () => {
    const properties = { total: 49.5, items: [{ sku: "a" }], nothing: null };
    const context = { ip: "203.0.113.7", library: { name: "x", version: "1" }, campaign: { name: "spring" } };
    await door.post("track", aTrack({ properties, context }));
    expect((await door.storedOne()).data).toEqual({ ...properties, context });
  });
  it(requirement("keeps names such as __proto__ and constructor as data", "A", OURS), async () => {
    const text = '{"event":"Seen","userId":"u-1","properties":{"__proto__":{"a":1},"constructor":2}}';
    await door.post("track", text);
    const { data } = await door.storedOne();
    expect(Object.entries(data as object)).toEqual([
      ["__proto__", { a: 1 }],
      ["constructor", 2],
    ]);
  });
  it(requirement("keeps a number that a double cannot hold as its text", "A", OURS), async () => {
    await door.post("track", '{"event":"Seen","userId":"u-1","properties":{"id":12345678901234567890}}');
    expect((await door.storedOne()).data).toEqual({ id: "12345678901234567890" });
  });
  it(
    requirement("takes an empty list, as PHP writes it, for an empty object", "W", "Segment's PHP client"),
    async () => {
      await door.post("track", aTrack({ properties: [], context: [], traits: [], integrations: [] }));
      expect((await door.storedOne()).data).toEqual({});
    },
  );
  it(requirement("keeps integrations in data, and obeys none of them", "A", OURS), async () => {
    await door.post("track", aTrack({ integrations: { All: false } }));
    expect((await door.storedOne()).data).toEqual({ integrations: { All: false } });
  });
  it(requirement("keeps a property whose name the call takes up under $properties", "A", OURS), async () => {
    const properties = { context: "mine", name: "Start", category: "Docs", title: "Hi" };
    await door.post("page", {
      userId: "u-1",
      name: "Home",
      category: "Docs",
      context: { ip: "203.0.113.7" },
      properties,
    });
    expect((await door.storedOne()).data).toEqual({
      title: "Hi",
      name: "Home",
      category: "Docs",
      context: { ip: "203.0.113.7" },
      $properties: { context: "mine", name: "Start" },
    });
  });
  for (const type of ["page", "screen"]) {
    it(requirement(`puts a ${type}'s name and category into data`, "D", API), async () => {
      await door.post(type, { anonymousId: "a-1", name: "Home", category: "Docs", properties: { url: "/" } });
      expect((await door.storedOne()).data).toEqual({ url: "/", name: "Home", category: "Docs" });
    });
  }
  it(requirement("puts a group's id and traits into data, not into the person's properties", "D", API), async () => {
    await door.post("group", { userId: "u-1", groupId: "g-1", traits: { name: "Acme" } });
    const { data, profileId } = await door.storedOne();
    expect(data).toEqual({ groupId: "g-1", traits: { name: "Acme" } });
    expect((await door.profile(profileId)).properties).toEqual({});
  });
  it(requirement("takes a groupId that is a number as its text", "A", OURS), async () => {
    await door.post("group", { userId: "u-1", groupId: 7 });
    expect((await door.storedOne()).data).toEqual({ groupId: "7" });
  });
  it(requirement("puts an alias' previousId into data", "D", API), async () => {
    await door.post("alias", { userId: "u-1", previousId: "a-1" });
    expect((await door.storedOne()).data).toEqual({ previousId: "a-1" });
  });
  it(requirement("takes the caller's address for context.direct, unless the call names one", "D", API), async () => {
    await door.post("track", aTrack({ context: { direct: true } }));
    await door.post("track", aTrack({ context: { direct: true, ip: "203.0.113.7" } }));
    await door.post("track", aTrack({ context: { direct: false } }));
    const contexts = (await door.stored()).map(({ data }) => (data as { context: unknown }).context);
    expect(contexts).toEqual([
      { direct: true, ip: "127.0.0.1" },
      { direct: true, ip: "203.0.113.7" },
      { direct: false },
    ]);
  });
  it(requirement("merges a batch's context and integrations into each call, which wins", "D", API), async () => {
    const batch = [
      { type: "track", ...aTrack({ context: { locale: "de", page: { url: "/a" } }, integrations: { X: true } }) },
      { type: "track", ...aTrack() },
    ];
    const context = { locale: "en", page: { url: "/", path: "/" }, ip: "203.0.113.7" };
    await door.post("batch", { batch, context, integrations: { All: false, X: false } });
    expect((await door.stored()).map(({ data }) => data as unknown)).toEqual([
      {
        context: { locale: "de", page: { url: "/a" }, ip: "203.0.113.7" },
        integrations: { All: false, X: true },
      },
      { context, integrations: { All: false, X: false } },
    ]);
  });
});

describe("traits", () => {
  it(requirement("of identify are the person's properties", "D", API), async () => {
    await door.post("identify", { userId: "u-1", traits: { plan: "Pro", seats: 3, address: { city: "Bonn" } } });
    const { data, profileId } = await door.storedOne();
    expect(data).toEqual({});
    expect((await door.profile(profileId)).properties).toEqual({ plan: "Pro", seats: 3, address: { city: "Bonn" } });
  });
  it(requirement("of any call's context are the person's properties", "D", API), async () => {
    await door.post("track", aTrack({ context: { traits: { plan: "Pro" } } }));
    const { profileId } = await door.storedOne();
    expect((await door.profile(profileId)).properties).toEqual({ plan: "Pro" });
  });
  it(requirement("of identify come before those of its context", "A", OURS), async () => {
    await door.post("identify", { userId: "u-1", traits: { a: 1 }, context: { traits: { a: 2, b: 2 } } });
    const { profileId } = await door.storedOne();
    expect((await door.profile(profileId)).properties).toEqual({ a: 1, b: 2 });
  });
  it(requirement("that are null remove a property", "A", OURS), async () => {
    await door.post("identify", { userId: "u-1", traits: { plan: "Pro", seats: 3 } });
    await door.post("identify", { userId: "u-1", traits: { plan: null } });
    const [event] = await door.stored();
    expect((await door.profile(event?.profileId ?? "")).properties).toEqual({ seats: 3 });
  });
  it(requirement("lose a leading dollar sign, and give way to a trait that has none", "A", OURS), async () => {
    await door.post("identify", { userId: "u-1", traits: { plan: "Pro", $plan: "Free", $city: "Bonn", $: 1 } });
    const { profileId } = await door.storedOne();
    expect((await door.profile(profileId)).properties).toEqual({ plan: "Pro", city: "Bonn", $: 1 });
  });
});
