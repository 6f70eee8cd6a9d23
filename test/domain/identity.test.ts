import { describe, expect, it } from "vitest";
import {
  isJunkIdentity,
  MAX_ANONYMOUS_IDS_PER_PROFILE,
  MAX_EMAILS_PER_PROFILE,
  MAX_MERGES_INTO_PROFILE,
  planIdentity,
} from "../../src/domain/identity.ts";
import { IDENTITY_KINDS, type IdentityKind, type SentIdentities } from "../../src/domain/profile.ts";
import { identities, owning, People } from "../support/people.ts";

/** Two values a kind. */
const VALUES: Record<IdentityKind, [string, string]> = {
  externalId: ["cus_1", "cus_2"],
  email: ["a@example.com", "b@example.com"],
  phone: ["+14155550101", "+14155550102"],
  anonymousId: ["device-1", "device-2"],
};

const PAIRS = IDENTITY_KINDS.flatMap((high, i) => IDENTITY_KINDS.slice(i + 1).map((low) => [high, low] as const));

const one = (kind: IdentityKind): SentIdentities => ({ [kind]: VALUES[kind][0] });
const other = (kind: IdentityKind): SentIdentities => ({ [kind]: VALUES[kind][1] });
const higherThan = (kind: IdentityKind): IdentityKind[] => IDENTITY_KINDS.slice(0, IDENTITY_KINDS.indexOf(kind));

/** The warnings of an identity that stays with somebody else. */
const stays = (kind: IdentityKind) =>
  kind === "anonymousId" ? [] : [{ code: "identity_conflict", message: expect.stringContaining(kind) }];

describe.each(PAIRS)("%s beside %s", (high, low) => {
  const both = { ...one(high), ...one(low) };

  it("makes a person with both when nobody owns either", () => {
    const people = new People();
    const { profileId, plan } = people.send(both);
    expect(plan).toMatchObject({ survivor: null, merges: [], changed: true, conflict: false, warnings: [] });
    expect(people.owned(profileId)).toEqual(owning(both));
  });

  it("attaches the lower to who owns the higher", () => {
    const people = new People();
    people.add("X", owning(one(high)));
    const { profileId, plan } = people.send(both);
    expect([profileId, people.owned("X"), plan.warnings]).toEqual(["X", owning(both), []]);
  });

  it("promotes who owns the lower and none of the higher kind: the profile stays", () => {
    const people = new People();
    people.add("L", owning(one(low)));
    const { profileId, plan } = people.send(both);
    expect([profileId, people.owned("L"), plan.warnings]).toEqual(["L", owning(both), []]);
  });

  it("makes a new person when who owns the lower has another of the higher kind", () => {
    const people = new People();
    people.add("L", owning({ ...other(high), ...one(low) }));
    const { profileId, plan } = people.send(both);
    expect(profileId).not.toBe("L");
    expect(people.owned(profileId)).toEqual(owning(one(high)));
    expect(people.owned("L")).toEqual(owning({ ...other(high), ...one(low) }));
    expect(plan.warnings).toEqual(stays(low));
  });

  it("changes nothing when one person owns both", () => {
    const people = new People();
    people.add("X", owning(both));
    const { profileId, plan } = people.send(both);
    expect([profileId, plan.changed, plan.conflict, plan.warnings, plan.released]).toEqual(["X", false, false, [], []]);
  });

  it("merges who owns the lower into who owns the higher", () => {
    const people = new People();
    people.add("X", owning(one(high)));
    people.add("L", owning(one(low)));
    const { profileId, plan } = people.send(both);
    expect([profileId, people.owned("X"), people.people.get("L")?.mergedInto]).toEqual(["X", owning(both), "X"]);
    expect(plan.warnings).toMatchObject([{ code: "merged", mergedProfileId: "L" }]);
    expect(plan.conflict).toBe(false);
  });

  it("never merges two people who both own the higher kind", () => {
    const people = new People();
    people.add("X", owning(one(high)));
    people.add("L", owning({ ...other(high), ...one(low) }));
    const { profileId, plan } = people.send(both);
    expect([profileId, plan.merges, plan.changed, plan.warnings]).toEqual(["X", [], false, stays(low)]);
    expect(plan.conflict).toBe(low !== "anonymousId");
  });

  it.each(higherThan(high))("never merges a person who owns a yet higher kind: %s", (higher) => {
    const people = new People();
    people.add("X", owning(one(high)));
    people.add("L", owning({ ...one(higher), ...one(low) }));
    const { profileId, plan } = people.send(both);
    expect([profileId, plan.merges, plan.warnings]).toEqual(["X", [], stays(low)]);
  });
});

describe("an anonymousId that an identified person owns", () => {
  it.each(["externalId", "email", "phone"] as const)(
    "stays there without a warning when another %s comes up beside it",
    (kind) => {
      const people = new People();
      people.add("X", owning({ externalId: "cus_9", ...other(kind), anonymousId: "device-1" }));
      const { profileId, plan } = people.send({ ...one(kind), anonymousId: "device-1" });
      expect(profileId).not.toBe("X");
      expect(people.owned("X")?.anonymousIds).toEqual(["device-1"]);
      expect([people.owned(profileId), plan.warnings, plan.conflict]).toEqual([owning(one(kind)), [], false]);
    },
  );

  it("leads to that person when it comes alone", () => {
    const people = new People();
    people.add("X", owning({ externalId: "cus_1", anonymousId: "device-1" }));
    expect(people.send({ anonymousId: "device-1" })).toMatchObject({ profileId: "X", plan: { changed: false } });
  });
});

describe("three kinds at once", () => {
  it("merges both lower ones into who owns the highest", () => {
    const people = new People();
    people.add("X", owning({ externalId: "cus_1" }));
    people.add("E", owning({ email: "a@example.com" }));
    people.add("A", owning({ anonymousId: "device-1" }));
    const sent = { externalId: "cus_1", email: "a@example.com", anonymousId: "device-1" };
    const { profileId, plan } = people.send(sent);
    expect([profileId, plan.merges.map(({ id }) => id), people.owned("X")]).toEqual(["X", ["E", "A"], owning(sent)]);
  });

  it("merges one profile once, however many of the identities are its own", () => {
    const people = new People();
    people.add("X", owning({ externalId: "cus_1" }));
    people.add("E", owning({ email: "a@example.com", phone: "+14155550101" }));
    const { plan } = people.send({ externalId: "cus_1", email: "a@example.com", phone: "+14155550101" });
    expect(plan.merges.map(({ id }) => id)).toEqual(["E"]);
  });

  it("promotes the next that can be, past one that cannot", () => {
    const people = new People();
    people.add("E", owning({ externalId: "cus_2", email: "a@example.com" }));
    people.add("P", owning({ phone: "+14155550101" }));
    const { profileId, plan } = people.send({ externalId: "cus_1", email: "a@example.com", phone: "+14155550101" });
    expect([profileId, people.owned("P")]).toEqual(["P", owning({ externalId: "cus_1", phone: "+14155550101" })]);
    expect(plan.warnings).toEqual(stays("email"));
  });
});

describe("the canonical e-mail", () => {
  it("is the newest: the one before becomes an alias", () => {
    const people = new People();
    people.add("X", identities({ externalId: "cus_1", emails: ["a@example.com"] }));
    people.send({ externalId: "cus_1", email: "b@example.com" });
    expect(people.owned("X")?.emails).toEqual(["b@example.com", "a@example.com"]);
  });

  it("does not change when an alias comes up again", () => {
    const people = new People();
    people.add("X", identities({ emails: ["b@example.com", "a@example.com"] }));
    expect(people.send({ email: "a@example.com" }).plan).toMatchObject({ changed: false });
  });

  it("is the one that was sent, after a merge", () => {
    const people = new People();
    people.add("X", identities({ externalId: "cus_1", emails: ["x@example.com"] }));
    people.add("E", identities({ emails: ["new@example.com", "a@example.com"] }));
    people.send({ externalId: "cus_1", email: "a@example.com" });
    expect(people.owned("X")?.emails).toEqual(["a@example.com", "x@example.com", "new@example.com"]);
  });
});

describe("limits", () => {
  it("let the oldest e-mail go, which then leads nowhere", () => {
    const people = new People();
    for (let i = 0; i <= MAX_EMAILS_PER_PROFILE; i++) people.send({ externalId: "cus_1", email: `${i}@example.com` });
    const [person] = people.live();
    expect(person?.identities.emails).toEqual([5, 4, 3, 2, 1].map((i) => `${i}@example.com`));
    expect(people.send({ email: "0@example.com" }).profileId).not.toBe(person?.id);
  });

  it("let the oldest anonymousId go", () => {
    const people = new People();
    people.add(
      "X",
      identities({
        externalId: "cus_1",
        anonymousIds: Array.from({ length: MAX_ANONYMOUS_IDS_PER_PROFILE }, (_, i) => `d${i}`),
      }),
    );
    const { plan } = people.send({ externalId: "cus_1", anonymousId: "new" });
    expect(plan.released).toEqual([{ kind: "anonymousId", value: "d49" }]);
    expect(people.owned("X")?.anonymousIds.slice(0, 2)).toEqual(["new", "d0"]);
  });

  it("keep the anonymousId that was sent when a merge goes past them", () => {
    const people = new People();
    people.add(
      "X",
      identities({
        externalId: "cus_1",
        anonymousIds: Array.from({ length: MAX_ANONYMOUS_IDS_PER_PROFILE }, (_, i) => `d${i}`),
      }),
    );
    people.add("A", owning({ anonymousId: "device-1" }));
    people.send({ externalId: "cus_1", anonymousId: "device-1" });
    expect(people.send({ anonymousId: "device-1" }).profileId).toBe("X");
  });

  it("let e-mails past five go at a merge, and say which", () => {
    const people = new People();
    people.add("X", identities({ externalId: "cus_1", emails: ["x1@e.co", "x2@e.co", "x3@e.co"] }));
    people.add("E", identities({ emails: ["e1@e.co", "e2@e.co", "e3@e.co"] }));
    const { plan } = people.send({ externalId: "cus_1", email: "e3@e.co" });
    expect(plan.identities.emails).toEqual(["e3@e.co", "x1@e.co", "x2@e.co", "x3@e.co", "e1@e.co"]);
    expect(plan.released).toEqual([{ kind: "email", value: "e2@e.co" }]);
  });

  it("replace the phone: a person has one", () => {
    const people = new People();
    people.add("X", owning({ externalId: "cus_1", phone: "+14155550101" }));
    const { plan } = people.send({ externalId: "cus_1", phone: "+14155550102" });
    expect(plan.released).toEqual([{ kind: "phone", value: "+14155550101" }]);
  });

  it.each([
    [MAX_MERGES_INTO_PROFILE - 1, 0, true],
    [MAX_MERGES_INTO_PROFILE, 0, false],
    [60, 39, true],
    [60, 40, false],
  ])("count merges: %i before, and one that has %i itself", (before, within, merges) => {
    const people = new People();
    people.add(
      "X",
      owning({ externalId: "cus_1" }),
      Array.from({ length: before }, (_, i) => `x${i}`),
    );
    people.add(
      "E",
      owning({ email: "a@example.com" }),
      Array.from({ length: within }, (_, i) => `e${i}`),
    );
    const { plan } = people.send({ externalId: "cus_1", email: "a@example.com" });
    expect([plan.merges.length === 1, plan.conflict]).toEqual([merges, !merges]);
    expect(plan.warnings).toMatchObject([{ code: merges ? "merged" : "identity_conflict" }]);
  });
});

describe("junk", () => {
  it.each([
    "null",
    "undefined",
    "anonymous",
    "none",
    "0",
    "-1",
    "[object Object]",
    "NaN",
    "true",
    "false",
    "",
    "   ",
    "\t",
    " NULL ",
    "None",
    "nan",
    "[OBJECT OBJECT]",
  ])("is %j", (value) => {
    expect(isJunkIdentity(value)).toBe(true);
  });

  it.each(["1", "00", "nobody", "null1", "- 1", "object", "a@example.com", "false negative"])("is not %j", (value) => {
    expect(isJunkIdentity(value)).toBe(false);
  });
});

it("needs at least one identity", () => {
  expect(() => planIdentity({}, () => null)).toThrow();
});
