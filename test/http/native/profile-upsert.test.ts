// PUT /api/v1/profiles: a person said to be there, without an event.
import { describe, expect, it } from "vitest";
import { MAX_PROPERTIES_BYTES } from "../../../src/domain/properties.ts";
import { runAlarm } from "../../support/alarm.ts";
import { call, get, issuesIn, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { anActiveJourney } from "../../support/journeys.ts";
import { runsOf } from "../../support/runs.ts";
import { countInCell, queryCell, rowsInD1 } from "../../support/tables.ts";
import { aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";

const PATH = "/api/v1/profiles";

async function put(workspace: TestWorkspace, body: unknown): Promise<ApiAnswer> {
  return await call(keyOf(workspace.apiKey), { method: "PUT", path: PATH, body });
}

describe("PUT /api/v1/profiles", () => {
  it("creates a person with every kind of identity, readable at once", async () => {
    const workspace = await aWorkspace();
    const answer = await put(workspace, {
      email: "Alex@Example.com",
      externalId: "cus_1",
      phone: "+14155550100",
      anonymousId: "device-1",
      properties: { plan: "Pro" },
    });
    expect([answer.status, answer.body]).toMatchObject([
      200,
      {
        email: "alex@example.com",
        externalId: "cus_1",
        phone: "+14155550100",
        aliases: [{ kind: "anonymousId", value: "device-1" }],
        sources: ["api"],
        properties: { plan: "Pro" },
        mergedFrom: [],
      },
    ]);
    const read = await get(keyOf(workspace.apiKey), `${PATH}/${answer.body.id}`);
    expect(read.body).toEqual(answer.body);
  });

  it("finds who is there, attaches what is new, patches what is sent and removes what is null", async () => {
    const workspace = await aWorkspace();
    const first = await put(workspace, { email: "alex@example.com", properties: { plan: "Pro", city: "Oslo" } });
    const second = await put(workspace, {
      email: "alex@example.com",
      externalId: "cus_1",
      properties: { city: null, seats: 3 },
    });
    expect(second.body).toMatchObject({ id: first.body.id, externalId: "cus_1", email: "alex@example.com" });
    expect(second.body.properties).toEqual({ plan: "Pro", seats: 3 });
  });

  it("answers the same again, and changes nothing more", async () => {
    const workspace = await aWorkspace();
    const body = { email: "alex@example.com", properties: { plan: "Pro" } };
    const first = await put(workspace, body);
    expect((await put(workspace, body)).body).toEqual(first.body);
    expect(await queryCell(workspace, `SELECT rev FROM profiles`)).toEqual([{ rev: 1 }]);
  });

  it("merges two people as an event would, and the log says by what", async () => {
    const workspace = await aWorkspace();
    const lead = await put(workspace, { email: "a@example.com", properties: { city: "Oslo" } });
    const customer = await put(workspace, { externalId: "cus_1" });
    const both = await put(workspace, { email: "a@example.com", externalId: "cus_1" });
    expect(both.body).toMatchObject({
      id: customer.body.id,
      email: "a@example.com",
      properties: { city: "Oslo" },
      mergedFrom: [lead.body.id],
    });
    expect(await queryCell(workspace, `SELECT cause, event_id FROM profile_merges`)).toEqual([
      { cause: "profile.upsert", event_id: null },
    ]);
  });

  it("leaves an identity with the person it belongs to", async () => {
    const workspace = await aWorkspace();
    await put(workspace, { email: "a@example.com", externalId: "cus_1" });
    const other = await put(workspace, { email: "a@example.com", externalId: "cus_2" });
    expect(other.body).toMatchObject({ externalId: "cus_2", email: null });
  });

  it("makes no event and starts no journey", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    await put(workspace, { email: "alex@example.com" });
    expect([await countInCell(workspace, "outbox_events"), await runsOf(workspace)]).toEqual([0, []]);
  });

  it("is listed once the read model has it", async () => {
    const workspace = await aWorkspace();
    const { body } = await put(workspace, { email: "alex@example.com" });
    await runAlarm(workspace.cell);
    expect(await rowsInD1(workspace, "profiles")).toMatchObject([{ profile_id: body.id, email: "alex@example.com" }]);
    expect((await post(keyOf(workspace.apiKey), PATH, { search: "alex@" })).body.profiles).toEqual([body]);
  });

  it("passes over an identity that names nobody, beside one that does", async () => {
    const workspace = await aWorkspace();
    const answer = await put(workspace, { email: "alex@example.com", externalId: "null", anonymousId: "undefined" });
    expect([answer.status, answer.body.externalId, answer.body.aliases]).toEqual([200, null, []]);
  });

  it("goes to the person whom an event goes to afterwards", async () => {
    const workspace = await aWorkspace();
    const { body } = await put(workspace, { phone: "+14155550100", email: "alex@example.com" });
    const event = await track(workspace, { event: "seen", profile: { email: "alex@example.com" } });
    expect((await event.json<{ profileId: string }>()).profileId).toBe(body.id);
  });
});

describe("PUT /api/v1/profiles refuses", () => {
  it.each([
    ["nobody", {}, "body"],
    ["words that name nobody", { externalId: "null", anonymousId: "0" }, "body"],
    ["an e-mail with spaces", { email: " alex@example.com" }, "email"],
    ["a phone with spaces", { phone: "+1 415 555 0100" }, "phone"],
    ["a phone without a country", { phone: "4155550100" }, "phone"],
    ["an empty externalId", { externalId: "" }, "externalId"],
    ["an anonymousId of 256 characters", { anonymousId: "x".repeat(256) }, "anonymousId"],
    ["a lone surrogate", { externalId: "\ud800" }, "externalId"],
    ["properties that are no object", { email: "alex@example.com", properties: [] }, "properties"],
  ])("%s", async (_, body, path) => {
    const workspace = await aWorkspace();
    const answer = await put(workspace, body);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [path]]);
    expect(await countInCell(workspace, "profiles")).toBe(0);
  });

  it("properties that would make the profile too large, and changes nothing", async () => {
    const workspace = await aWorkspace();
    // Three of them are more than a profile may hold, and each is a body that may be sent.
    const large = Array.from({ length: 10 }, () => "x".repeat(MAX_PROPERTIES_BYTES / 25));
    for (const name of ["a", "b"]) {
      expect((await put(workspace, { email: "alex@example.com", properties: { [name]: large } })).status).toBe(200);
    }
    const answer = await put(workspace, { email: "alex@example.com", properties: { c: large } });
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, ["properties"]]);
    expect(await queryCell(workspace, `SELECT rev FROM profiles`)).toEqual([{ rev: 2 }]);
  });
});
