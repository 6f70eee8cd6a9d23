import { describe, expect, it } from "vitest";
import { runAlarm } from "../../support/alarm.ts";
import { get, issuesIn, keyOf, post } from "../../support/api.ts";
import { aPerson } from "../../support/consent.ts";
import { anId, aWorkspace, type TestWorkspace } from "../../support/workspace.ts";

const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const NOTHING = {
  suppressed: false,
  reasons: [],
  email: "alex@example.com",
  suppressedAt: null,
  latestBounceReason: null,
  latestBounceDiagnosticCode: null,
};

async function someone(): Promise<{
  workspace: TestWorkspace;
  id: string;
  suppress: Calls["suppress"];
  who: Calls["who"];
}> {
  const workspace = await aWorkspace();
  const id = await aPerson(workspace);
  const who = keyOf(workspace.apiKey);
  return { workspace, id, who, suppress: async (body) => await post(who, `/api/v1/profiles/${id}/suppress`, body) };
}

interface Calls {
  who: Record<string, string>;
  suppress: (body: unknown) => ReturnType<typeof post>;
}

describe("POST /api/v1/profiles/{id}/suppress", () => {
  it("answers the profile, which says so wherever it is read", async () => {
    const { workspace, id, who, suppress } = await someone();
    const answer = await suppress({ reason: "bounce", diagnosticCode: "5.1.1 unknown user" });
    const suppression = {
      suppressed: true,
      reasons: ["bounce"],
      email: "alex@example.com",
      suppressedAt: INSTANT,
      latestBounceReason: "hard",
      latestBounceDiagnosticCode: "5.1.1 unknown user",
    };
    expect([answer.status, answer.body]).toEqual([
      200,
      expect.objectContaining({ id, deliverySuppression: suppression }),
    ]);
    await runAlarm(workspace.cell);
    const read = await get(who, `/api/v1/profiles/${id}`);
    const listed = await post(who, "/api/v1/profiles", {});
    const exported = await get(who, `/api/v1/profiles/${id}/export`);
    const put = await post(who, `/api/v1/profiles/${id}/suppress`, { reason: "bounce" });
    const profiles = [read.body, listed.body.profiles[0], exported.body.profile, put.body];
    expect(profiles.map(({ deliverySuppression }) => deliverySuppression)).toEqual(
      profiles.map(() => answer.body.deliverySuppression),
    );
  });

  it.each([
    ["a reason that there is not", { reason: "annoyed" }, "reason"],
    ["no reason", {}, "reason"],
    ["a diagnostic code that is no text", { reason: "bounce", diagnosticCode: 550 }, "diagnosticCode"],
    ["a diagnostic code over 255 characters", { reason: "bounce", diagnosticCode: "x".repeat(256) }, "diagnosticCode"],
  ])("refuses %s", async (_, body, path) => {
    const { who, id, suppress } = await someone();
    const answer = await suppress(body);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [path]]);
    expect((await get(who, `/api/v1/profiles/${id}`)).body.deliverySuppression).toEqual(NOTHING);
  });

  it("refuses the bounce of somebody who has no address, and takes every other reason", async () => {
    const workspace = await aWorkspace();
    const id = await aPerson(workspace, { identities: { externalId: "cus_1" } });
    const suppress = async (reason: string) => {
      return await post(keyOf(workspace.apiKey), `/api/v1/profiles/${id}/suppress`, { reason });
    };
    const bounced = await suppress("bounce");
    expect([bounced.status, bounced.body.details]).toEqual([422, { reason: "no_address" }]);
    const unsubscribed = await suppress("unsubscribe");
    expect(unsubscribed.body.deliverySuppression).toMatchObject({ suppressed: true, email: null });
  });

  it("finds the person of a profile that was merged away", async () => {
    const workspace = await aWorkspace();
    const lead = await aPerson(workspace);
    await aPerson(workspace, { identities: { externalId: "cus_1" } });
    const survivor = await aPerson(workspace, { identities: { externalId: "cus_1", email: "alex@example.com" } });
    const answer = await post(keyOf(workspace.apiKey), `/api/v1/profiles/${lead}/suppress`, { reason: "manual" });
    expect([answer.body.id, answer.body.deliverySuppression.suppressed]).toEqual([survivor, true]);
  });
});

describe("POST /api/v1/profiles/{id}/unsuppress", () => {
  it("takes everything back, and may be repeated", async () => {
    const { who, id, suppress } = await someone();
    for (const reason of ["bounce", "complaint", "manual", "unsubscribe"]) await suppress({ reason });
    for (let i = 0; i < 2; i++) {
      const answer = await post(who, `/api/v1/profiles/${id}/unsuppress`);
      expect([answer.status, answer.body.deliverySuppression]).toEqual([200, NOTHING]);
    }
    expect((await get(who, "/api/v1/suppressions")).body.items).toEqual([]);
  });

  it("does not know a profile that is not there", async () => {
    const { who } = await someone();
    const answers = await Promise.all(
      ["suppress", "unsuppress"].map((what) => post(who, `/api/v1/profiles/${anId()}/${what}`, { reason: "manual" })),
    );
    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  });
});

describe("GET /api/v1/suppressions", () => {
  it("lists newest first, page by page, each once, with whom it is about", async () => {
    const { workspace, id, who, suppress } = await someone();
    await suppress({ reason: "unsubscribe" });
    const other = await aPerson(workspace, { identities: { email: "kim@example.com" } });
    await post(who, `/api/v1/profiles/${other}/suppress`, { reason: "complaint" });
    await suppress({ reason: "bounce", diagnosticCode: "5.1.1" });
    const first = await get(who, "/api/v1/suppressions?limit=2");
    const second = await get(who, `/api/v1/suppressions?limit=2&cursor=${first.body.nextCursor}`);
    expect([...first.body.items, ...second.body.items]).toEqual([
      { email: "alex@example.com", reason: "bounce", at: INSTANT, profileId: id },
      { email: "kim@example.com", reason: "complaint", at: INSTANT, profileId: other },
      { email: "alex@example.com", reason: "unsubscribe", at: INSTANT, profileId: id },
    ]);
    expect(second.body.nextCursor).toBeNull();
  });

  it("names the profile that answers for it now", async () => {
    const { workspace, who, suppress } = await someone();
    await suppress({ reason: "manual" });
    await aPerson(workspace, { identities: { externalId: "cus_1" } });
    const survivor = await aPerson(workspace, { identities: { externalId: "cus_1", email: "alex@example.com" } });
    expect((await get(who, "/api/v1/suppressions")).body.items).toEqual([
      expect.objectContaining({ profileId: survivor }),
    ]);
  });

  it("shows nothing of another workspace", async () => {
    const { suppress } = await someone();
    await suppress({ reason: "manual" });
    const { apiKey } = await aWorkspace();
    expect((await get(keyOf(apiKey), "/api/v1/suppressions")).body).toEqual({ items: [], nextCursor: null });
  });
});
