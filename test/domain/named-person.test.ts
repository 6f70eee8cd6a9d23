// A person whom the caller names by our own id: the event goes there, whatever else is said.
import { describe, expect, it } from "vitest";
import { planForNamed, type Owner } from "../../src/domain/identity.ts";
import type { SentIdentities } from "../../src/domain/profile.ts";
import { identities, owning, People } from "../support/people.ts";

const CONFLICT = (kind: string) => ({ code: "identity_conflict", message: expect.stringContaining(kind) });

function plan(people: People, sent: SentIdentities) {
  return planForNamed(people.people.get("P") as Owner, sent, people.ownerOf);
}

function withP(owned: SentIdentities): People {
  const people = new People();
  people.add("P", owning(owned));
  return people;
}

describe("a person named by id", () => {
  it("takes what nobody owns", () => {
    const sent = { externalId: "1", email: "a@example.com", phone: "+14155550101", anonymousId: "d" };
    expect(plan(withP({}), sent)).toMatchObject({
      survivor: { id: "P" },
      changed: true,
      conflict: false,
      identities: owning(sent),
      warnings: [],
    });
  });

  it("stays as they are when all of it is theirs, or nothing was sent", () => {
    const owned = { externalId: "1", email: "a@example.com" };
    expect(plan(withP(owned), owned)).toMatchObject({ changed: false, conflict: false, warnings: [] });
    expect(plan(withP(owned), {})).toMatchObject({ changed: false, identities: owning(owned) });
  });

  it("keeps their externalId", () => {
    const people = withP({ externalId: "1" });
    expect(plan(people, { externalId: "2" })).toMatchObject({
      changed: false,
      conflict: true,
      identities: owning({ externalId: "1" }),
      warnings: [CONFLICT("externalId")],
    });
  });

  it("merges nobody: what others own stays with them", () => {
    const people = withP({});
    people.add("Q", owning({ email: "q@example.com" }));
    expect(plan(people, { email: "q@example.com" })).toMatchObject({
      survivor: { id: "P" },
      merges: [],
      conflict: true,
      identities: identities(),
      warnings: [CONFLICT("email")],
    });
  });

  it("says nothing of a device that another person has", () => {
    const people = withP({});
    people.add("Q", owning({ email: "q@example.com", anonymousId: "d" }));
    expect(plan(people, { anonymousId: "d" })).toMatchObject({ changed: false, conflict: false, warnings: [] });
  });
});
