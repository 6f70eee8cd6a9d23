// A state folder of before there were templates: a start of `npm run dev` completes the demo, and touches nothing else.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DEMO_TEMPLATES } from "../../src/cli/dev/demo-templates.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";

const SOON_MS = 20_000;
const KEYS = DEMO_TEMPLATES.map(({ key }) => key);

const started: DevServer[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.kill9()));
});

async function start(stateDir: string): Promise<DevServer> {
  const server = await startDevServer({ stateDir });
  started.push(server);
  return server;
}

async function ask(server: DevServer, method: string, path: string, body?: unknown, asOperator = false) {
  const { adminToken, apiKey } = server.dev;
  const who = asOperator ? { authorization: `Bearer ${adminToken}` } : { "x-api-key": apiKey };
  const answer = await fetch(`${server.baseUrl}${path}`, {
    method,
    headers: { ...who, "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answer.status === 204 ? {} : await answer.json<Record<string, unknown>>();
}

/** Whom the workspace's e-mails are from when their template does not say. */
async function senderOf(server: DevServer): Promise<unknown> {
  const { settings } = await ask(server, "GET", `/api/v1/workspaces/${server.dev.workspaceId}`, undefined, true);
  return (settings as { defaultFrom: unknown }).defaultFrom;
}

async function setSender(server: DevServer, defaultFrom: string | null): Promise<void> {
  await ask(server, "PATCH", `/api/v1/workspaces/${server.dev.workspaceId}`, { settings: { defaultFrom } }, true);
}

/** Every template of the demo, by key, as the server has it. */
async function templatesOf(server: DevServer): Promise<Record<string, unknown>> {
  const { items } = (await ask(server, "GET", "/api/v1/templates")) as { items: { key: string }[] };
  return Object.fromEntries(items.map((template) => [template.key, template]));
}

/** Takes templates out of a stopped server's state. */
function takeOut(stateDir: string, keys: readonly string[]): void {
  for (const database of databasesOf(stateDir, "WorkspaceCell")) {
    for (const key of keys) {
      const ofTemplate = `template_id IN (SELECT id FROM templates WHERE key = ?)`;
      database.prepare(`DELETE FROM template_snapshots WHERE ${ofTemplate}`).run(key);
      database.prepare(`DELETE FROM templates WHERE key = ?`).run(key);
    }
    database.close();
  }
}

/** Makes a stopped server's state what one left that knew of no e-mails: without templates, without their sender. */
function makeOld(stateDir: string): void {
  takeOut(stateDir, KEYS);
  for (const database of databasesOf(stateDir, "WorkspaceCell")) {
    database.prepare(`UPDATE workspace SET settings = json_remove(settings, '$.defaultFrom')`).run();
    database.close();
  }
  for (const database of databasesOf(stateDir, "DirectoryCell")) {
    database.prepare(`UPDATE workspaces SET workspace = json_remove(workspace, '$.settings.defaultFrom')`).run();
    database.close();
  }
}

function databasesOf(stateDir: string, object: string): DatabaseSync[] {
  const folder = join(stateDir, "v3", "do", `waypost-${object}`);
  const files = readdirSync(folder).filter((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite");
  return files.map((file) => new DatabaseSync(join(folder, file)));
}

const order = { event: "order.created", profile: { email: "alex@example.com" }, data: { orderId: "1", total: 9 } };

describe("a start on a state of before templates", () => {
  it("writes the demo's templates, and its e-mails are sent", async () => {
    const stateDir = newStateDir();
    const first = await start(stateDir);
    await first.stop();
    makeOld(stateDir);
    const second = await start(stateDir);
    expect(Object.keys(await templatesOf(second)).toSorted()).toEqual(KEYS.toSorted());
    await ask(second, "POST", "/api/v1/events", order);
    const emails = join(stateDir, "emails");
    const subject = await vi.waitFor(
      () => {
        const file = existsSync(emails) ? readdirSync(emails).find((name) => name.endsWith(".json")) : undefined;
        if (file === undefined) throw new Error("no e-mail yet");
        return (JSON.parse(readFileSync(join(emails, file), "utf8")) as { subject: string }).subject;
      },
      { timeout: SOON_MS, interval: 100 },
    );
    expect(subject).toBe("Thank you for order 1");
  });

  it("writes only those that are missing, and leaves what somebody edited, archived or set", async () => {
    const stateDir = newStateDir();
    const first = await start(stateDir);
    const [edited, archived, missing] = KEYS as [string, string, string];
    const { definition } = DEMO_TEMPLATES[0] as { definition: object };
    await ask(first, "PUT", `/api/v1/templates/${edited}`, {
      name: "Mine",
      definition: { ...definition, subject: "Mine" },
    });
    await ask(first, "POST", "/api/v1/journeys/order-follow-up/pause");
    await ask(first, "POST", `/api/v1/templates/${archived}/archive`);
    const before = await templatesOf(first);
    expect([before[edited], before[archived]]).toMatchObject([{ name: "Mine" }, { status: "archived" }]);
    await setSender(first, "Me <me@example.com>");
    await first.stop();
    takeOut(stateDir, [missing]);
    const second = await start(stateDir);
    const after = await templatesOf(second);
    expect({ ...after, [missing]: null }).toEqual({ ...before, [missing]: null });
    expect(after[missing]).toMatchObject({ key: missing, status: "active" });
    expect(await senderOf(second)).toBe("Me <me@example.com>");

    await setSender(second, null);
    await second.stop();
    const third = await start(stateDir);
    expect(await templatesOf(third)).toEqual(after);
    expect(await senderOf(third)).toBeNull();
  });

  it("starts all the same when its key was revoked", async () => {
    const stateDir = newStateDir();
    const first = await start(stateDir);
    const path = `/api/v1/api-keys?workspaceId=${first.dev.workspaceId}`;
    const { items } = (await ask(first, "GET", path, undefined, true)) as { items: { id: string; label: string }[] };
    const key = items.find(({ label }) => label === "Demo: all scopes");
    await ask(first, "DELETE", `/api/v1/api-keys/${key?.id}`, undefined, true);
    await first.stop();
    makeOld(stateDir);
    const second = await start(stateDir);
    expect(await ask(second, "GET", "/api/v1/templates")).toMatchObject({ error: "unauthorized" });
  });
});
