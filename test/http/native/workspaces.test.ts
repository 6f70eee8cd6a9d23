import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { call, get, issuesIn, OPERATOR, post } from "../../support/api.ts";
import { anId, aWorkspace } from "../../support/workspace.ts";

const UNSET = { frequencyCap: null, quietHours: null, defaultFrom: null, runaway: null, redirectTo: null };

async function patch(id: string, body: unknown) {
  return await call(OPERATOR, { method: "PATCH", path: `/api/v1/workspaces/${id}`, body });
}

async function aWorkspaceByApi(body: object = { name: "Acme" }): Promise<string> {
  return (await post(OPERATOR, "/api/v1/workspaces", body)).body.id as string;
}

describe("POST /api/v1/workspaces", () => {
  it("creates a workspace with every setting named, and UTC unless told otherwise", async () => {
    const answer = await post(OPERATOR, "/api/v1/workspaces", { name: "Acme" });
    expect([answer.status, answer.body]).toEqual([
      201,
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        name: "Acme",
        timezone: "UTC",
        settings: { ...UNSET, ledgerRetention: "P30D", eventRetention: "P90D" },
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
    ]);
  });

  it("makes a workspace that keys can be made for at once", async () => {
    const workspaceId = await aWorkspaceByApi({ name: "Acme", timezone: "Europe/Berlin" });
    const key = await post(OPERATOR, "/api/v1/api-keys", { workspaceId, label: "x", scopes: ["journeys:read"] });
    const journeys = await get({ "x-api-key": key.body.key }, "/api/v1/journeys");
    expect([key.status, journeys.status]).toEqual([201, 200]);
  });

  it.each([
    ["no name", {}, "name"],
    ["an empty name", { name: "" }, "name"],
    ["a name over 255 characters", { name: "x".repeat(256) }, "name"],
    ["a name with a lone surrogate", { name: "\ud800" }, "name"],
    ["an offset as time zone", { name: "Acme", timezone: "+02:00" }, "timezone"],
    ["an unknown time zone", { name: "Acme", timezone: "Mars/Olympus" }, "timezone"],
    ["no object", [], "body"],
  ])("refuses %s", async (_, body, path) => {
    const answer = await post(OPERATOR, "/api/v1/workspaces", body);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [path]]);
  });
});

describe("GET /api/v1/workspaces", () => {
  it("lists newest first, page by page, and each once", async () => {
    const made: string[] = [];
    for (const name of ["one", "two", "three"]) made.unshift(await aWorkspaceByApi({ name }));
    const first = await get(OPERATOR, "/api/v1/workspaces?limit=2");
    const second = await get(OPERATOR, `/api/v1/workspaces?limit=1&cursor=${first.body.nextCursor}`);
    const ids = [...first.body.items, ...second.body.items].map(({ id }: { id: string }) => id);
    expect(ids).toEqual(made);
  });

  it("ends with a null cursor", async () => {
    await aWorkspaceByApi();
    const answer = await get(OPERATOR, "/api/v1/workspaces?limit=200");
    expect(answer.body.nextCursor).toBeNull();
  });

  it.each(["limit=0", "limit=201", "limit=x", "limit=1.5", "cursor=nonsense", "cursor="])(
    "refuses %s",
    async (query) => {
      expect((await get(OPERATOR, `/api/v1/workspaces?${query}`)).status).toBe(400);
    },
  );
});

describe("PATCH /api/v1/workspaces/{id}", () => {
  it("changes what is sent and leaves the rest", async () => {
    const id = await aWorkspaceByApi({ name: "Acme", timezone: "Asia/Tokyo" });
    await patch(id, { settings: { ledgerRetention: "P14D" } });
    const renamed = await patch(id, { name: "Acme 2", settings: { eventRetention: "P7D" } });
    const expected = {
      name: "Acme 2",
      timezone: "Asia/Tokyo",
      settings: { ...UNSET, ledgerRetention: "P14D", eventRetention: "P7D" },
    };
    expect([renamed.status, renamed.body]).toEqual([200, expect.objectContaining(expected)]);
    expect((await get(OPERATOR, `/api/v1/workspaces/${id}`)).body).toEqual(renamed.body);
  });

  it("takes back the settings as they were answered", async () => {
    const id = await aWorkspaceByApi();
    const { settings } = (await get(OPERATOR, `/api/v1/workspaces/${id}`)).body;
    expect((await patch(id, { settings })).status).toBe(200);
  });

  it("sets the runaway limit, keeps it, and takes it away with null", async () => {
    const id = await aWorkspaceByApi();
    const runaway = { enrollments: 1000, per: "PT1M" };
    expect((await patch(id, { settings: { runaway } })).body.settings).toEqual(expect.objectContaining({ runaway }));
    expect((await patch(id, { name: "Kept" })).body.settings).toEqual(expect.objectContaining({ runaway }));
    const { settings } = (await get(OPERATOR, `/api/v1/workspaces/${id}`)).body;
    expect((await patch(id, { settings })).body.settings).toEqual(settings);
    const off = await patch(id, { settings: { runaway: null } });
    expect(off.body.settings).toEqual(expect.objectContaining({ runaway: null }));
    expect((await get(OPERATOR, `/api/v1/workspaces/${id}`)).body).toEqual(off.body);
  });

  it("makes the cell keep its ledger as long as it says", async () => {
    const { id, cell } = await aWorkspace();
    await patch(id, { settings: { ledgerRetention: "P2D" } });
    expect((await cell.health()).ledger.retentionSeconds).toBe(2 * 86_400);
  });

  it.each([
    ["a retention under a day", { ledgerRetention: "PT23H" }, "settings.ledgerRetention"],
    ["a retention in months", { eventRetention: "P1M" }, "settings.eventRetention"],
    ["a retention in words", { eventRetention: "a week" }, "settings.eventRetention"],
    ["a retention of null", { eventRetention: null }, "settings.eventRetention"],
    ["a cap of no messages", { frequencyCap: { messages: 0, per: "P1D" } }, "settings.frequencyCap.messages"],
    ["a cap of too many", { frequencyCap: { messages: 1_001, per: "P1D" } }, "settings.frequencyCap.messages"],
    ["a cap of half a message", { frequencyCap: { messages: 1.5, per: "P1D" } }, "settings.frequencyCap.messages"],
    ["a cap in no time", { frequencyCap: { messages: 1, per: "PT0S" } }, "settings.frequencyCap.per"],
    ["a cap over more than 31 days", { frequencyCap: { messages: 1, per: "P31DT1S" } }, "settings.frequencyCap.per"],
    ["a cap in months", { frequencyCap: { messages: 1, per: "P1M" } }, "settings.frequencyCap.per"],
    ["a cap that is a number", { frequencyCap: 3 }, "settings.frequencyCap"],
    ["a cap that is a list", { frequencyCap: [3, "P1D"] }, "settings.frequencyCap"],
    ["quiet hours without an end", { quietHours: { from: "22:00" } }, "settings.quietHours.to"],
    ["quiet hours that never end", { quietHours: { from: "22:00", to: "22:00" } }, "settings.quietHours"],
    ["quiet hours at 24:00", { quietHours: { from: "24:00", to: "08:00" } }, "settings.quietHours.from"],
    ["quiet hours with one digit", { quietHours: { from: "22:00", to: "8:00" } }, "settings.quietHours.to"],
    ["a sender that is no address", { defaultFrom: "Acme" }, "settings.defaultFrom"],
    ["a sender with a second header", { defaultFrom: "Acme\r\nBcc: x@y.zz <a@example.com>" }, "settings.defaultFrom"],
    ["two senders", { defaultFrom: "a@example.com, b@example.com" }, "settings.defaultFrom"],
    ["a redirect to no address", { redirectTo: "somewhere" }, "settings.redirectTo"],
    ["a redirect to a name", { redirectTo: "Trial <trial@example.com>" }, "settings.redirectTo"],
    ["a runaway limit of nobody", { runaway: { enrollments: 0, per: "PT1M" } }, "settings.runaway.enrollments"],
    ["a runaway limit in no time", { runaway: { enrollments: 1, per: "PT0S" } }, "settings.runaway.per"],
    ["a runaway limit without its time", { runaway: { enrollments: 1 } }, "settings.runaway.per"],
    ["a runaway limit of false", { runaway: false }, "settings.runaway"],
  ])("refuses %s and changes nothing", async (_, settings, path) => {
    const id = await aWorkspaceByApi();
    const before = await get(OPERATOR, `/api/v1/workspaces/${id}`);
    const answer = await patch(id, { name: "Changed", settings });
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [path]]);
    expect((await get(OPERATOR, `/api/v1/workspaces/${id}`)).body).toEqual(before.body);
  });

  it.each([
    ["frequencyCap", { messages: 1_000, per: "P31D" }],
    ["frequencyCap", { messages: 1, per: "PT1S" }],
    ["quietHours", { from: "22:00", to: "08:00" }],
    ["quietHours", { from: "00:00", to: "23:59" }],
    ["defaultFrom", "hello@example.com"],
    ["defaultFrom", "Acme Söhne <hello@example.com>"],
    ["defaultFrom", '"Acme, Inc." <hello@example.com>'],
    ["redirectTo", "trial@example.com"],
    ["redirectTo", "nowhere"],
  ])("sets %s to %j, keeps it, and takes it away with null", async (name, value) => {
    const id = await aWorkspaceByApi();
    const set = await patch(id, { settings: { [name]: value } });
    expect([set.status, set.body.settings[name]]).toEqual([200, value]);
    const kept = await patch(id, { name: "Kept" });
    expect([kept.body.settings, (await get(OPERATOR, `/api/v1/workspaces/${id}`)).body]).toEqual([
      set.body.settings,
      kept.body,
    ]);
    const off = await patch(id, { settings: { [name]: null } });
    expect(off.body.settings).toEqual({ ...UNSET, ledgerRetention: "P30D", eventRetention: "P90D" });
  });

  it("keeps no field of a setting that there is not", async () => {
    const id = await aWorkspaceByApi();
    const frequencyCap = { messages: 2, per: "P7D", perWeek: true };
    const { settings } = (await patch(id, { settings: { frequencyCap } })).body;
    expect(settings.frequencyCap).toEqual({ messages: 2, per: "P7D" });
  });

  it.each(["GET", "PATCH"])(
    "%s answers 404 for a workspace that does not exist, and makes no cell for it",
    async (method) => {
      const getByName = vi.spyOn(env.WORKSPACE_CELL, "getByName");
      const body = method === "PATCH" ? { name: "x" } : undefined;
      for (const id of [anId(), "nonsense", "%00"]) {
        const answer = await call(OPERATOR, { method, path: `/api/v1/workspaces/${id}`, body });
        expect([id, answer.status]).toEqual([id, 404]);
      }
      expect(getByName).not.toHaveBeenCalled();
      getByName.mockRestore();
    },
  );
});
