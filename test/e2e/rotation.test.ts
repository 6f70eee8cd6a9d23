// Secrets rotated on a state that is in use, as docs/operations.md tells to: with the older secret still on the list
// nothing changes for anybody; without it, what was made under it is unknown.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parseSecretList } from "../../src/crypto/secret-list.ts";
import { verifyApiKey } from "../../src/crypto/api-key.ts";
import { call, track, type Answer } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";

interface SecretLists {
  keySecrets: string[];
  ledgerSecrets: string[];
}

const NEW = {
  keySecrets: "a-newer-key-secret-0123456789abcdef",
  ledgerSecrets: "a-newer-ledger-secret-0123456789abcdef",
};
const KEY = "before-the-rotation";
const order = { event: "order.created", profile: { email: "alex@example.com" }, data: { total: 49 } };

let stateDir: string;
let server: DevServer;
let original: Answer;

beforeEach(async () => {
  stateDir = newStateDir();
  server = await startDevServer({ stateDir });
  original = await track(server, KEY, order);
  if (original.status !== 202) throw new Error(`expected a 202, got ${original.status} ${original.text}`);
});
afterEach(async () => server.kill9());

/** Stops the server, changes its secrets, starts it again. @returns the lists as they are now */
async function rotate(change: (lists: SecretLists) => Partial<SecretLists>): Promise<SecretLists> {
  await server.stop();
  const file = join(stateDir, "dev-secrets.json");
  const before = JSON.parse(readFileSync(file, "utf8")) as SecretLists;
  const after = { ...before, ...change(before) };
  writeFileSync(file, JSON.stringify(after));
  server = await startDevServer({ stateDir });
  return after;
}

/** Puts new secrets before the old ones. */
async function addNew(): Promise<SecretLists> {
  return await rotate(({ keySecrets, ledgerSecrets }) => ({
    keySecrets: [NEW.keySecrets, ...keySecrets],
    ledgerSecrets: [NEW.ledgerSecrets, ...ledgerSecrets],
  }));
}

async function mintKey(): Promise<string> {
  const response = await fetch(`${server.baseUrl}/api/v1/api-keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.dev.adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ workspaceId: server.dev.workspaceId, label: "Newer", scopes: ["events:write"] }),
  });
  return (await response.json<{ key: string }>()).key;
}

function isReplay(answer: Answer): boolean {
  return answer.headers.get("idempotent-replayed") === "true";
}

it("keeps keys, replays and conflicts while the older secrets are on the lists", async () => {
  const lists = await addNew();
  expect(lists.keySecrets).toHaveLength(2);
  const replay = await track(server, KEY, order);
  expect([replay.status, replay.text, isReplay(replay)]).toEqual([202, original.text, true]);
  expect((await track(server, KEY, { ...order, data: { total: 50 } })).status).toBe(409);
  const fresh = await track(server, "after-the-rotation", order);
  expect([fresh.status, isReplay(fresh)]).toEqual([202, false]);
  expect(isReplay(await track(server, "after-the-rotation", order))).toBe(true);
});

it("makes new API keys under the newest secret, and takes those of both", async () => {
  const { keySecrets } = await addNew();
  const newer = await mintKey();
  const isMadeUnder = (secret: string | undefined, key: string): boolean =>
    verifyApiKey(parseSecretList("KEY_SECRETS", secret), "secret", key) !== null;
  expect(keySecrets.map((secret) => isMadeUnder(secret, newer))).toEqual([true, false]);
  expect(keySecrets.map((secret) => isMadeUnder(secret, server.dev.apiKey))).toEqual([false, true]);
  for (const key of [newer, server.dev.apiKey])
    expect((await track(server, KEY, order, { key })).text).toBe(original.text);
});

it("forgets idempotency keys with the ledger secret they were made under, and no later one", async () => {
  await addNew();
  await track(server, "between", order);
  await rotate(() => ({ ledgerSecrets: [NEW.ledgerSecrets] }));
  expect(isReplay(await track(server, "between", order))).toBe(true);
  // Unknown, also with another body: the event counts as a new one, as documented.
  const again = await track(server, KEY, { ...order, data: { total: 50 } });
  expect([again.status, isReplay(again)]).toEqual([202, false]);
  const { eventId } = JSON.parse(original.text) as { eventId: string };
  expect(again.text).not.toContain(eventId);
  expect((await call(server, `/api/v1/events/${eventId}`)).status).toBe(200);
});

it("ends API keys with the key secret they were made under, and no later one", async () => {
  await addNew();
  const newer = await mintKey();
  await rotate(() => ({ keySecrets: [NEW.keySecrets] }));
  expect((await track(server, KEY, order)).status).toBe(401);
  expect((await call(server, "/api/v1/journeys")).status).toBe(401);
  const replay = await track(server, KEY, order, { key: newer });
  expect([replay.text, isReplay(replay)]).toEqual([original.text, true]);
});
