// What holds after any sequence of requests: one live owner an identity, and nobody with an externalId is ever
// merged into somebody with one.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listIdentities, MAX_ANONYMOUS_IDS_PER_PROFILE, MAX_EMAILS_PER_PROFILE } from "../../src/domain/identity.ts";
import { IDENTITY_KINDS, type SentIdentities } from "../../src/domain/profile.ts";
import { People } from "../support/people.ts";

const oneOf = (prefix: string, count: number) =>
  fc.constantFrom(...Array.from({ length: count }, (_, i) => `${prefix}${i}`));

/** Few values, so that people meet; at least one identity. */
const aRequest: fc.Arbitrary<SentIdentities> = fc
  .record(
    { externalId: oneOf("cus_", 4), email: oneOf("e", 9), phone: oneOf("+1", 4), anonymousId: oneOf("d", 6) },
    { requiredKeys: [] },
  )
  .filter((sent) => Object.keys(sent).length > 0);

const requests = fc.array(aRequest, { minLength: 1, maxLength: 60 });

describe("after any sequence of requests", () => {
  it("each identity belongs to exactly one live profile, and each profile is within its limits", () => {
    fc.assert(
      fc.property(requests, (sequence) => {
        const people = new People();
        for (const sent of sequence) {
          people.send(sent);
          const owned = people
            .live()
            .flatMap(({ identities }) => listIdentities(identities).map(({ kind, value }) => `${kind} ${value}`));
          expect(new Set(owned).size).toBe(owned.length);
          for (const { identities } of people.live()) {
            expect(identities.emails.length).toBeLessThanOrEqual(MAX_EMAILS_PER_PROFILE);
            expect(identities.anonymousIds.length).toBeLessThanOrEqual(MAX_ANONYMOUS_IDS_PER_PROFILE);
            expect(listIdentities(identities).length).toBeGreaterThan(0);
          }
        }
      }),
    );
  });

  it("no two profiles that both own an externalId were merged", () => {
    fc.assert(
      fc.property(requests, (sequence) => {
        const people = new People();
        for (const sent of sequence) {
          const { plan } = people.send(sent);
          for (const { identities } of plan.merges) {
            expect(identities.externalId === null || plan.survivor?.identities.externalId === null).toBe(true);
            expect(identities.externalId).toBeNull();
          }
        }
      }),
    );
  });

  it("the event's profile owns the highest identity that was sent, and every identity sent has an owner", () => {
    fc.assert(
      fc.property(requests, (sequence) => {
        const people = new People();
        for (const sent of sequence) {
          const { profileId } = people.send(sent);
          const [highest] = IDENTITY_KINDS.filter((kind) => sent[kind] !== undefined);
          expect(people.ownerOf(highest as "email", sent[highest as "email"] as string)?.id).toBe(profileId);
          for (const kind of IDENTITY_KINDS)
            if (sent[kind] !== undefined) expect(people.ownerOf(kind, sent[kind])).not.toBeNull();
        }
      }),
    );
  });

  it("sending the same again changes nothing, and goes to the same profile", () => {
    fc.assert(
      fc.property(requests, (sequence) => {
        const people = new People();
        for (const sent of sequence) {
          const first = people.send(sent);
          const again = people.send(sent);
          expect([again.profileId, again.plan.changed, again.plan.merges]).toEqual([first.profileId, false, []]);
        }
      }),
    );
  });

  it("the plan lists as released exactly what leads nowhere any more", () => {
    fc.assert(
      fc.property(requests, (sequence) => {
        const people = new People();
        let before = new Set<string>();
        for (const sent of sequence) {
          const { plan } = people.send(sent);
          const after = new Set(
            people
              .live()
              .flatMap(({ identities }) => listIdentities(identities).map(({ kind, value }) => `${kind} ${value}`)),
          );
          const gone = [...before].filter((identity) => !after.has(identity));
          expect(new Set(plan.released.map(({ kind, value }) => `${kind} ${value}`))).toEqual(new Set(gone));
          before = after;
        }
      }),
    );
  });
});
