// People kept in memory: each once, as the tables have them, and no more than an object has room for.
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { Outbox } from "../../src/cell/outbox.ts";
import { TextParts } from "../../src/cell/text-parts.ts";
import { ProfileStore } from "../../src/cell/profile-store.ts";
import type { Profile } from "../../src/domain/profile.ts";
import { owning } from "../support/people.ts";
import { aWorkspace, anId } from "../support/workspace.ts";

async function withProfiles(run: (profiles: ProfileStore) => void): Promise<void> {
  const { cell } = await aWorkspace();
  await runInDurableObject(cell, (_, { storage }) =>
    run(new ProfileStore(storage.sql, new Outbox(storage.sql, new TextParts(storage.sql)))),
  );
}

function addPerson(profiles: ProfileStore, name: string, propertiesJson = "{}"): Profile {
  const profile: Profile = {
    id: anId(),
    identities: owning({ externalId: name, email: `${name}@example.com` }),
    propertiesJson,
    sources: ["api"],
    mergedInto: null,
    mergedFrom: [],
    createdAt: 0,
    updatedAt: 0,
    rev: 1,
  };
  profiles.insert(profile);
  profiles.pointIdentities(profile.id, profile.identities, null);
  return profile;
}

describe("a profile in memory", () => {
  it("is one, whichever identity leads to it", async () => {
    await withProfiles((profiles) => {
      addPerson(profiles, "alex");
      const known = profiles.ownerOf("email", "alex@example.com");
      expect(profiles.ownerOf("externalId", "alex")).toBe(known);
      expect(profiles.ownerOf("email", "alex@example.com")).toBe(known);
    });
  });

  it("is read again by every identity once it has changed", async () => {
    await withProfiles((profiles) => {
      const profile = addPerson(profiles, "alex");
      profiles.ownerOf("email", "alex@example.com");
      profiles.ownerOf("externalId", "alex");
      profiles.update({ ...profile, propertiesJson: '{"n":1}' });
      expect(profiles.ownerOf("email", "alex@example.com")?.propertiesJson).toBe('{"n":1}');
      expect(profiles.ownerOf("externalId", "alex")?.propertiesJson).toBe('{"n":1}');
    });
  });

  it("goes when all of them together would pass eight million characters", async () => {
    await withProfiles((profiles) => {
      const large = JSON.stringify({ text: "x".repeat(500_000) });
      for (let i = 0; i < 16; i++) addPerson(profiles, `p${i}`, large);
      const first = profiles.ownerOf("externalId", "p0");
      for (let i = 1; i < 15; i++) profiles.ownerOf("externalId", `p${i}`);
      expect(profiles.ownerOf("externalId", "p0")).toBe(first);
      profiles.ownerOf("externalId", "p15");
      expect(profiles.ownerOf("externalId", "p0")).not.toBe(first);
      expect(profiles.ownerOf("externalId", "p0")).toEqual(first);
    });
  });
});
