import { createExecutionContext, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { version } from "../../../package.json";
import worker from "../../../src/index.ts";
import { runAlarm } from "../../support/alarm.ts";
import { get, NOBODY, OPERATOR, post } from "../../support/api.ts";
import { aWorkspace, track } from "../../support/workspace.ts";

type Finding = { workspaceId: string } & Record<string, unknown>;

function withD1Away(): void {
  vi.spyOn(env.DB, "prepare").mockImplementation(() => {
    throw new Error("D1_ERROR: Network connection lost.");
  });
}

function withoutDirectory(): void {
  vi.spyOn(env.DIRECTORY_CELL, "getByName").mockImplementation(() => {
    throw new Error("internal error");
  });
}

/** Asks a deployment whose settings differ. */
async function askWith(settings: Partial<Env>, path: string, init: RequestInit = {}) {
  const request = new Request(`http://waypost.test${path}`, init);
  const response = await worker.fetch(request, { ...env, ...settings }, createExecutionContext());
  return {
    status: response.status,
    headers: response.headers,
    body: await response.json<Record<string, unknown>>(),
  };
}

async function operatorsView(query = "") {
  return await get(OPERATOR, `/healthz${query}`);
}

async function viewOf(workspaceId: string): Promise<Finding | undefined> {
  const { body } = await operatorsView();
  return (body.workspaces as Finding[]).find((finding) => finding.workspaceId === workspaceId);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("GET /healthz for everyone", () => {
  // What everyone is told is kept for a second. Each test begins five before the last: the workspaces it makes are
  // not to be the newest of the tests that follow.
  let seconds = 0;
  beforeEach(() => {
    seconds -= 5;
    vi.setSystemTime(Date.now() + seconds * 1_000);
  });

  it("says which setting is missing when e-mails cannot be sent, and takes events all the same", async () => {
    const answer = await askWith({ EMAIL_SENDER: "resend" }, "/healthz");
    expect([answer.status, answer.body]).toEqual([
      200,
      { status: "degraded", reasons: ["RESEND_API_KEY is not set: see docs/sending-email.md"] },
    ]);
  });

  it("says ok and nothing else", async () => {
    const answer = await get(NOBODY, "/healthz");
    expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}']);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it("is degraded with D1 away: events are accepted all the same", async () => {
    const workspace = await aWorkspace();
    withD1Away();
    const answer = await get(NOBODY, "/healthz");
    expect([answer.status, answer.body]).toEqual([
      200,
      { status: "degraded", reasons: [expect.stringContaining("D1")] },
    ]);
    expect((await track(workspace, { event: "x", profile: { email: "a@example.com" } })).status).toBe(202);
  });

  it("is degraded with the directory away: events are accepted all the same", async () => {
    const workspace = await aWorkspace();
    withoutDirectory();
    const answer = await get(NOBODY, "/healthz");
    expect([answer.status, answer.body]).toEqual([
      200,
      { status: "degraded", reasons: [expect.stringContaining("directory")] },
    ]);
    expect((await track(workspace, { event: "x", profile: { email: "a@example.com" } })).status).toBe(202);
  });

  it("is unavailable with both the directory and D1 away", async () => {
    withD1Away();
    withoutDirectory();
    const answer = await get(NOBODY, "/healthz");
    expect([answer.status, answer.body]).toEqual([503, { status: "unavailable", reasons: [expect.any(String)] }]);
  });

  it("says the same for a second without asking again", async () => {
    expect((await get(NOBODY, "/healthz")).body.status).toBe("ok");
    const prepare = vi.spyOn(env.DB, "prepare");
    const getByName = vi.spyOn(env.DIRECTORY_CELL, "getByName");
    vi.setSystemTime(Date.now() + 999);
    await get(NOBODY, "/healthz");
    expect([prepare.mock.calls.length, getByName.mock.calls.length]).toEqual([0, 0]);
    vi.setSystemTime(Date.now() + 1);
    await get(NOBODY, "/healthz");
    expect([prepare.mock.calls.length, getByName.mock.calls.length]).toEqual([1, 1]);
  });

  it("takes no key for the adminToken", async () => {
    const { apiKey } = await aWorkspace();
    for (const authorization of [`Bearer ${apiKey}`, "Bearer wrong", "Bearer", "Basic x"]) {
      const answer = await get({ authorization }, "/healthz");
      expect([authorization, answer.status, answer.body.error]).toEqual([authorization, 401, "unauthorized"]);
    }
  });
});

describe("GET /healthz with settings missing", () => {
  const SETTINGS = [
    ["KEY_SECRETS", ""],
    ["KEY_SECRETS", "too-short"],
    ["LEDGER_SECRETS", ""],
    ["ADMIN_TOKEN", ""],
    ["ADMIN_TOKEN", "too-short"],
  ] as const;

  it.each(SETTINGS)("is unavailable for %s = '%s', naming the setting and no value", async (name, value) => {
    for (const headers of [{}, { authorization: "Bearer anything" }]) {
      const answer = await askWith({ [name]: value }, "/healthz", { headers });
      expect([answer.status, answer.body]).toEqual([
        503,
        { status: "unavailable", reasons: [expect.stringContaining(name)] },
      ]);
      expect(JSON.stringify(answer.body)).not.toContain("too-short");
      expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it.each(["/api/v1/events", "/api/v1/workspaces", "/nowhere"])(
    "answers %s with the envelope's 503, which names no setting",
    async (path) => {
      vi.spyOn(console, "error").mockImplementation(() => undefined);
      const answer = await askWith({ KEY_SECRETS: "" }, path, { headers: { "x-api-key": "x" } });
      expect([answer.status, answer.body]).toEqual([503, { error: "unavailable", message: expect.any(String) }]);
      expect(JSON.stringify(answer.body)).not.toContain("KEY_SECRETS");
      expect([answer.headers.get("retry-after"), answer.headers.get("x-request-id")]).toEqual([
        "60",
        expect.stringMatching(/^[0-9a-f-]{36}$/),
      ]);
    },
  );
});

describe("GET /healthz for the operator", () => {
  it("tells version, schemas and D1's size", async () => {
    const { status, body } = await operatorsView();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: "ok",
      version,
      schema: { cell: expect.any(Number), d1: expect.any(Number) },
      d1: { bytes: expect.any(Number) },
      nextCursor: null,
    });
    expect(body.schema.d1).toBeGreaterThan(0);
  });

  it("tells of each workspace what its cell says", async () => {
    const workspace = await aWorkspace();
    await track(workspace, { event: "x", profile: { email: "a@example.com" } });
    expect(await viewOf(workspace.id)).toEqual({
      workspaceId: workspace.id,
      outbox: 1,
      outboxChanges: 1,
      oldestOutboxSeconds: expect.any(Number),
      projectionLagSeconds: expect.any(Number),
      quarantined: 0,
      pendingErasures: 0,
      ledger: { bytes: expect.any(Number), retentionSeconds: 30 * 86_400 },
      conservation: { enrolled: 0, active: 0, completed: 0, exited: 0, failed: 0, cancelled: 0, holds: true },
      deliveries: { made: 0, sent: 0, skipped: 0, failed: 0, pending: 0, holds: true },
      deliveriesWaitingSeconds: 0,
    });
    await runAlarm(workspace.cell);
    expect(await viewOf(workspace.id)).toMatchObject({ outbox: 0, oldestOutboxSeconds: 0 });
  });

  it("tells when the oldest event that D1 keeps was received", async () => {
    const workspace = await aWorkspace();
    await track(workspace, { event: "x", profile: { email: "a@example.com" } });
    await runAlarm(workspace.cell);
    const { oldest } = (await env.DB.prepare("SELECT min(received_at) AS oldest FROM user_events").first()) as {
      oldest: string;
    };
    expect((await operatorsView()).body.d1.oldestEventAt).toBe(oldest);
  });

  it("still answers with D1 away", async () => {
    const workspace = await aWorkspace();
    withD1Away();
    const { status, body } = await operatorsView();
    expect([status, body.status]).toEqual([200, "degraded"]);
    expect([body.schema.d1, body.d1]).toEqual([null, { bytes: null, oldestEventAt: null }]);
    expect(body.workspaces.map(({ workspaceId }: Finding) => workspaceId)).toContain(workspace.id);
  });

  it("still answers with the directory away", async () => {
    withoutDirectory();
    const { status, body } = await operatorsView();
    expect([status, body.status, body.workspaces, body.version]).toEqual([200, "degraded", [], version]);
  });

  it("still answers with everything away", async () => {
    withD1Away();
    withoutDirectory();
    const { status, body } = await operatorsView();
    expect([status, body.status, body.workspaces, body.version]).toEqual([503, "unavailable", [], version]);
  });

  it("is degraded while a cell cannot be reached, and says which", async () => {
    const [well, away] = [await aWorkspace(), await aWorkspace()];
    vi.spyOn(env.WORKSPACE_CELL, "getByName").mockImplementation((name) => {
      if (name === away.id) throw new Error("internal error");
      return env.WORKSPACE_CELL.get(env.WORKSPACE_CELL.idFromName(name));
    });
    const { status, body } = await operatorsView();
    expect([status, body.status, body.reasons]).toEqual([200, "degraded", [expect.stringContaining(away.id)]]);
    expect(body.workspaces.find(({ workspaceId }: Finding) => workspaceId === away.id).outbox).toBeNull();
    expect(body.workspaces.find(({ workspaceId }: Finding) => workspaceId === well.id).outbox).toBe(0);
  });

  it("is degraded while events wait for D1 for over a minute", async () => {
    const workspace = await aWorkspace();
    await track(workspace, { event: "x", profile: { email: "a@example.com" } });
    vi.setSystemTime(Date.now() + 61_000);
    const { body } = await operatorsView();
    expect(body.status).toBe("degraded");
    expect(body.reasons).toContainEqual(expect.stringMatching(`${workspace.id}.*60 seconds`));
    await runAlarm(workspace.cell);
  });

  it("is degraded while rows are in quarantine", async () => {
    const workspace = await aWorkspace();
    await runInDurableObject(workspace.cell, (_, { storage }) => {
      storage.sql.exec("INSERT INTO quarantine VALUES ('q', 0, 'user_events', 'r', 'SQLITE_ERROR', '{}')");
    });
    const { body } = await operatorsView();
    expect([body.status, body.reasons]).toEqual([
      "degraded",
      expect.arrayContaining([expect.stringMatching(`${workspace.id}.*quarantine`)]),
    ]);
  });

  it("is degraded when enrollments do not add up", async () => {
    const workspace = await aWorkspace();
    await runInDurableObject(workspace.cell, (_, { storage }) => {
      storage.sql.exec(
        `INSERT INTO journeys (id, key, name, status, version, created_at, updated_at, enrolled)
         VALUES ('j', 'j', 'j', 'draft', 1, 0, 0, 1)`,
      );
    });
    const { body } = await operatorsView();
    expect(body.reasons).toContainEqual(expect.stringMatching(`${workspace.id}.*add up`));
  });

  it("is degraded when messages do not add up", async () => {
    const workspace = await aWorkspace();
    await runInDurableObject(workspace.cell, (_, { storage }) => {
      storage.sql.exec(`UPDATE delivery_counts SET made = 1`);
    });
    const { body } = await operatorsView();
    expect(body.reasons).toContainEqual(expect.stringMatching(`${workspace.id}.*messages do not add up`));
  });

  it("is degraded while nobody takes messages to send for over two minutes", async () => {
    const workspace = await aWorkspace();
    const put = async (state: string, wantedAt: number): Promise<void> => {
      await runInDurableObject(workspace.cell, (_, { storage }) => {
        storage.sql.exec(`DELETE FROM delivery_work`);
        storage.sql.exec(`UPDATE delivery_counts SET made = 1`);
        storage.sql.exec(`INSERT INTO delivery_work VALUES ('d', ?, NULL, 'h', 0, 0, ?)`, state, wantedAt);
      });
    };
    const complaint = expect.stringMatching(`${workspace.id}.*waiting to be sent for over 120 seconds`);
    await put("queued", Date.now() - 130_000);
    expect((await operatorsView()).body.reasons).toContainEqual(complaint);
    // Its host has no room: that is the host's affair.
    await put("parked", Date.now() - 130_000);
    expect((await operatorsView()).body.reasons ?? []).not.toContainEqual(complaint);
    await put("waiting", Date.now() + 3_600_000);
    expect((await operatorsView()).body.reasons ?? []).not.toContainEqual(complaint);
  });

  it("pages 50 workspaces at a time, newest first", async () => {
    const made: string[] = [];
    for (let i = 0; i < 51; i++) {
      made.unshift((await post(OPERATOR, "/api/v1/workspaces", { name: `w${i}` })).body.id as string);
    }
    const first = await operatorsView();
    const second = await operatorsView(`?cursor=${first.body.nextCursor}`);
    const ids = [first, second].map(({ body }) => body.workspaces.map(({ workspaceId }: Finding) => workspaceId));
    expect(ids[0]).toEqual(made.slice(0, 50));
    expect(ids[1]?.[0]).toBe(made[50]);
  });

  it("refuses a cursor that it did not give", async () => {
    expect((await operatorsView("?cursor=nonsense")).status).toBe(400);
  });
});
