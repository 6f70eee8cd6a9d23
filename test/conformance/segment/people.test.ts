// Who a Segment call is about: userId, anonymousId, an e-mail among the traits, and what alias joins.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import { openDoor, type Door, type StoredEvent, type StoredProfile } from "./door.ts";

const API = "Segment HTTP API, 2025-11-07";
const OURS = "our choice";
const RULES = "our identity rules";

let server: DevServer;
let door: Door;

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());
beforeEach(async () => {
  door = await openDoor(server);
});

async function send(...batch: Record<string, unknown>[]): Promise<void> {
  expect((await door.post("batch", { batch })).headers.get("x-rejected-events")).toBeNull();
}

async function last(): Promise<StoredEvent> {
  return (await door.stored()).at(-1) as StoredEvent;
}

async function lastPerson(): Promise<StoredProfile> {
  return await door.profile((await last()).profileId);
}

async function lastWarnings(): Promise<string[]> {
  return await door.warningsOf((await last()).eventId);
}

const seenBy = (who: Record<string, unknown>): Record<string, unknown> => ({ type: "track", event: "Seen", ...who });

describe("identities", () => {
  it(requirement("makes userId the externalId and anonymousId an anonymousId", "D", API), async () => {
    await send(seenBy({ userId: "u-1", anonymousId: "a-1" }));
    expect(await lastPerson()).toMatchObject({
      externalId: "u-1",
      aliases: [{ kind: "anonymousId", value: "a-1" }],
      sources: ["segment"],
    });
  });
  it(requirement("takes an id that is a number as its text, and trims it", "A", OURS), async () => {
    await send(seenBy({ userId: 42 }), seenBy({ userId: " 42 " }));
    const [one, two] = await door.stored();
    expect(two?.profileId).toBe(one?.profileId);
    expect((await lastPerson()).externalId).toBe("42");
  });
  it(requirement("passes over an id that names nobody beside one that does, with a warning", "A", OURS), async () => {
    await send(seenBy({ userId: "undefined", anonymousId: "a-1" }));
    expect((await lastPerson()).externalId).toBeNull();
    expect(await lastWarnings()).toEqual(["identity_ignored"]);
  });
  it(
    requirement("passes over an id of more than 255 characters beside another, with a warning", "A", OURS),
    async () => {
      await send(seenBy({ userId: "u".repeat(256), anonymousId: "a-1" }), seenBy({ userId: "u".repeat(255) }));
      const [over] = await door.stored();
      expect((await door.profile(over?.profileId ?? "")).externalId).toBeNull();
      expect(await door.warningsOf(over?.eventId ?? "")).toEqual(["identity_ignored"]);
      expect((await lastPerson()).externalId).toBe("u".repeat(255));
    },
  );
  for (const [where, call] of [
    ["traits", { traits: { email: " Alex@Example.com " } }],
    ["context.traits", { context: { traits: { email: " Alex@Example.com " } } }],
  ] as const) {
    it(requirement(`makes the email in ${where} of identify an identity, and keeps the trait`, "A", OURS), async () => {
      await send({ type: "identify", userId: "u-1", ...call });
      expect(await lastPerson()).toMatchObject({
        externalId: "u-1",
        email: "alex@example.com",
        properties: { email: " Alex@Example.com " },
      });
    });
  }
  it(requirement("finds the person who is known by that e-mail", "A", RULES), async () => {
    await send({ type: "identify", userId: "u-1", traits: { email: "alex@example.com" } });
    await send({ type: "identify", anonymousId: "a-1", traits: { email: "alex@example.com" } });
    const [one, two] = await door.stored();
    expect(two?.profileId).toBe(one?.profileId);
  });
  it(requirement("keeps an email that is no address as a property only, with a warning", "A", OURS), async () => {
    await send({ type: "identify", userId: "u-1", traits: { email: "not an address" } });
    expect(await lastPerson()).toMatchObject({ email: null, properties: { email: "not an address" } });
    expect(await lastWarnings()).toEqual(["identity_ignored"]);
  });
  it(requirement("makes an email in the context of any other call a property only", "A", OURS), async () => {
    await send(seenBy({ userId: "u-1", context: { traits: { email: "alex@example.com" } } }));
    expect(await lastPerson()).toMatchObject({ email: null, properties: { email: "alex@example.com" } });
  });
  it(requirement("makes a phone among the traits a property only", "A", OURS), async () => {
    await send({ type: "identify", userId: "u-1", traits: { phone: "+491701234567" } });
    expect(await lastPerson()).toMatchObject({ phone: null, properties: { phone: "+491701234567" } });
  });
});

describe("anonymous to known", () => {
  it(requirement("gives the visitor's events to the person who signs up", "A", RULES), async () => {
    await send(seenBy({ anonymousId: "a-1" }), { type: "identify", userId: "u-1", anonymousId: "a-1" });
    const [before, after] = await door.stored();
    expect(after?.profileId).toBe(before?.profileId);
    expect(await lastPerson()).toMatchObject({ externalId: "u-1" });
  });
  it(requirement("merges the visitor into a person who is known, who then answers for both", "A", RULES), async () => {
    await send(
      { type: "identify", userId: "u-1", traits: { plan: "Pro" } },
      { ...seenBy({ anonymousId: "a-1" }), context: { traits: { city: "Bonn" } } },
    );
    const [, visit] = await door.stored();
    await send({ type: "identify", userId: "u-1", anonymousId: "a-1" });
    const person = await lastPerson();
    expect(person).toMatchObject({
      externalId: "u-1",
      mergedFrom: [visit?.profileId],
      properties: { plan: "Pro", city: "Bonn" },
    });
    expect((await door.profile(visit?.profileId ?? "")).id).toBe(person.id);
    expect(await lastWarnings()).toEqual(["merged"]);
  });
  it(requirement("leaves a device with the first of two people who sign in on it", "A", RULES), async () => {
    await send(
      { type: "identify", userId: "u-1", anonymousId: "a-1" },
      { type: "identify", userId: "u-2", anonymousId: "a-1" },
      seenBy({ anonymousId: "a-1" }),
    );
    const [one, two, later] = await door.stored();
    expect(two?.profileId).not.toBe(one?.profileId);
    expect(later?.profileId).toBe(one?.profileId);
  });
});

describe("alias", () => {
  it(requirement("makes an anonymous visitor the person who is named", "D", API), async () => {
    await send(seenBy({ anonymousId: "a-1" }), { type: "alias", previousId: "a-1", userId: "u-1" });
    const [before, after] = await door.stored();
    expect(after?.profileId).toBe(before?.profileId);
    expect(await lastPerson()).toMatchObject({ externalId: "u-1" });
  });
  it(requirement("merges an anonymous visitor into a person who is known", "D", API), async () => {
    await send(seenBy({ userId: "u-1" }), seenBy({ anonymousId: "a-1" }));
    const [, visit] = await door.stored();
    await send({ type: "alias", previousId: "a-1", userId: "u-1" });
    expect(await lastPerson()).toMatchObject({ externalId: "u-1", mergedFrom: [visit?.profileId] });
  });
  it(requirement("of an id that nobody has yet leads to the person from then on", "A", OURS), async () => {
    await send({ type: "alias", previousId: "a-1", userId: "u-1" }, seenBy({ anonymousId: "a-1" }));
    const [alias, later] = await door.stored();
    expect(later?.profileId).toBe(alias?.profileId);
  });
  it(requirement("of another person's userId merges nothing, with a warning", "A", OURS), async () => {
    await send(seenBy({ userId: "u-1" }), seenBy({ userId: "u-2" }));
    await send({ type: "alias", previousId: "u-1", userId: "u-2" });
    const [one, two, alias] = await door.stored();
    expect(alias?.profileId).toBe(two?.profileId);
    expect(await lastPerson()).toMatchObject({ externalId: "u-2", aliases: [], mergedFrom: [] });
    expect((await door.profile(one?.profileId ?? "")).externalId).toBe("u-1");
    expect(await lastWarnings()).toEqual(["identity_conflict"]);
  });
  it(
    requirement("of a visit that belongs to another known person merges nothing, with a warning", "A", OURS),
    async () => {
      await send(seenBy({ userId: "u-1", anonymousId: "a-1" }), { type: "alias", previousId: "a-1", userId: "u-2" });
      const [one, alias] = await door.stored();
      expect(alias?.profileId).not.toBe(one?.profileId);
      expect(await lastWarnings()).toEqual(["identity_conflict"]);
    },
  );
  it(requirement("reads previousId as an anonymousId before it reads it as a userId", "A", OURS), async () => {
    await send(seenBy({ userId: "same" }), seenBy({ anonymousId: "same" }));
    const [known, visit] = await door.stored();
    await send({ type: "alias", previousId: "same", userId: "u-1" });
    expect((await last()).profileId).toBe(visit?.profileId);
    expect((await door.profile(known?.profileId ?? "")).externalId).toBe("same");
    expect(await lastWarnings()).toEqual([]);
  });
  it(requirement("of the same id to itself changes nothing", "A", OURS), async () => {
    await send(seenBy({ userId: "u-1" }), { type: "alias", previousId: "u-1", userId: "u-1" });
    expect(await lastPerson()).toMatchObject({ externalId: "u-1", aliases: [] });
    expect(await lastWarnings()).toEqual([]);
  });
  it(
    requirement("leaves another anonymousId of the same call for the next call that names both", "A", OURS),
    async () => {
      await send({ type: "alias", previousId: "a-1", userId: "u-1", anonymousId: "device" });
      expect((await lastPerson()).aliases).toEqual([{ kind: "anonymousId", value: "a-1" }]);
      await send(seenBy({ userId: "u-1", anonymousId: "device" }));
      expect((await lastPerson()).aliases).toContainEqual({ kind: "anonymousId", value: "device" });
    },
  );
});
