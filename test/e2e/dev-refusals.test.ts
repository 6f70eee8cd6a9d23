// What `npm run dev` says of settings it cannot run under, and what it leaves unsaid of a webhook that nobody takes.
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { activateJourney, read, track } from "../support/dev-client.ts";
import { freePort, newStateDir, spawnDevServer, startDevServer } from "../support/dev-server.ts";
import type { DevProcess } from "../support/dev-server.ts";
import { SOON_MS } from "../support/patience.ts";

const started: DevProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.kill9()));
});

it.each<[string, Record<string, string>, RegExp]>([
  ["an EMAIL_SENDER that there is not", { EMAIL_SENDER: "smtp" }, /^EMAIL_SENDER is none of cloudflare, resend, file/],
  ["resend without its key", { EMAIL_SENDER: "resend" }, /^RESEND_API_KEY is not set/],
])("refuses %s in a sentence", async (_what, env, sentence) => {
  const server = await spawnDevServer({ stateDir: newStateDir(), env });
  started.push(server);
  expect(await server.exited).toEqual({ code: 1, signal: null });
  expect(server.stderr()).toMatch(sentence);
  expect(server.stderr().trim().split("\n")).toHaveLength(1);
});

it("says in a sentence that its state folder leads nowhere", async () => {
  const stateDir = newStateDir();
  mkdirSync(dirname(stateDir), { recursive: true });
  symlinkSync(join(dirname(stateDir), "a-disk-that-is-not-mounted", "state"), stateDir);
  const server = await spawnDevServer({ stateDir });
  started.push(server);
  expect(await server.exited).toEqual({ code: 1, signal: null });
  expect(server.stderr()).toBe(
    `Cannot make the state folder ${stateDir}: a folder on the way is missing, or a link leads nowhere.\n`,
  );
});

it("prints nothing of a webhook that finds no receiver, which its delivery tells", async () => {
  const server = await startDevServer({ stateDir: newStateDir() });
  started.push(server);
  const url = `http://127.0.0.1:${await freePort()}/`;
  const steps = [{ id: "tell", type: "webhook", url }];
  const document = { key: "tell", name: "Tell", entry: { event: "told" }, steps };
  await activateJourney(server, document);
  expect((await track(server, "told-1", { event: "told", profile: { email: "alex@example.com" } })).status).toBe(202);
  await vi.waitFor(
    async () => {
      const { items } = await read<{ items: { attempts: number }[] }>(server, "/api/v1/deliveries?journeyKey=tell");
      // The second attempt is after what the runtime had to say of the first.
      expect(items[0]?.attempts).toBeGreaterThan(1);
    },
    { timeout: SOON_MS, interval: 200 },
  );
  expect(server.stderr()).toBe("");
});
