// What a former id means for who a person is.
import { expect, it } from "vitest";
import { withFormerId } from "../../src/domain/former-id.ts";
import { owning, People } from "../support/people.ts";

const sent = { externalId: "u-1" };
const AS_VISIT = { sent: { externalId: "u-1", anonymousId: "before" }, warnings: [] };
const STAYS = { sent, warnings: [expect.objectContaining({ code: "identity_conflict" })] };

function peopleWith(...owned: Parameters<typeof owning>[0][]): People {
  const people = new People();
  owned.forEach((one, at) => people.add(`p-${at}`, owning(one)));
  return people;
}

it("changes nothing without a former id", () => {
  expect(withFormerId(sent, undefined, new People().ownerOf)).toEqual({ sent, warnings: [] });
});

it("changes nothing when it is the id of now", () => {
  expect(withFormerId(sent, "u-1", peopleWith({ externalId: "u-1" }).ownerOf)).toEqual({ sent, warnings: [] });
});

it("is an anonymousId when nobody is called so", () => {
  expect(withFormerId(sent, "before", new People().ownerOf)).toEqual(AS_VISIT);
});

it("is an anonymousId when a visitor or somebody known by an e-mail is called so", () => {
  expect(withFormerId(sent, "before", peopleWith({ anonymousId: "before" }).ownerOf)).toEqual(AS_VISIT);
  const lead = peopleWith({ anonymousId: "before", email: "a@example.com" });
  expect(withFormerId(sent, "before", lead.ownerOf)).toEqual(AS_VISIT);
});

it("is an anonymousId of the person's own", () => {
  const people = peopleWith({ externalId: "u-1", anonymousId: "before" });
  expect(withFormerId(sent, "before", people.ownerOf)).toEqual(AS_VISIT);
});

it("stays with another person's externalId, with a warning", () => {
  expect(withFormerId(sent, "before", peopleWith({ externalId: "before" }).ownerOf)).toEqual(STAYS);
});

it("stays with the visit of another known person, with a warning", () => {
  const people = peopleWith({ externalId: "u-2", anonymousId: "before" }, { externalId: "u-1" });
  expect(withFormerId(sent, "before", people.ownerOf)).toEqual(STAYS);
});

it("is looked at as an anonymousId before it is as an externalId", () => {
  const people = peopleWith({ externalId: "before" }, { anonymousId: "before" });
  expect(withFormerId(sent, "before", people.ownerOf)).toEqual(AS_VISIT);
});

it("leaves the device that was sent beside it where the former id stays with another", () => {
  const beside = { externalId: "u-1", anonymousId: "device" };
  const { sent: kept } = withFormerId(beside, "before", peopleWith({ externalId: "before" }).ownerOf);
  expect(kept).toEqual(beside);
});
