// The test suites, by what they need: `domain` is plain Node, `workers` runs inside workerd with real local
// bindings, `e2e` starts the real server as a user does. They run in that order, never beside each other: a
// server under test gets the machine to itself.
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import { unstable_readConfig as readWranglerConfig } from "wrangler";

/** Secrets of the `workers` suite: lists are newest first, so that tests can also use what an older secret signed. */
const TEST_SECRETS = {
  KEY_SECRETS: "test-key-secret-newest-0123456789abcdef,test-key-secret-older-0123456789abcdef",
  LEDGER_SECRETS: "test-ledger-secret-newest-0123456789abcdef,test-ledger-secret-older-0123456789abcdef",
  ADMIN_TOKEN: "test-admin-token-0123456789abcdef",
};

/** What reports of a provider are signed with in the `workers` suite, newest first. */
const RESEND_WEBHOOK_SECRET = ["newest", "older"]
  .map((age) => `whsec_${Buffer.from(`test-webhook-secret-${age}`).toString("base64")}`)
  .join(",");

// wrangler looks for required secrets in the environment too, and warns about those it does not find there.
Object.assign(process.env, TEST_SECRETS);

/** What the bundle leaves out, the suite inside workerd leaves out too: it renders with what is deployed. */
const { alias = {} } = readWranglerConfig({ config: "wrangler.toml" });
const leftOut = Object.entries(alias as Record<string, string>).map(([find, file]) => {
  return { find, replacement: resolve(file) };
});

/**
 * How long a test may take, unless it says otherwise: fifteen times what the slowest needs on an idle machine, and more.
 * In `domain` not much more: some tests are there for what works through its input again and again, and would take minutes.
 */
const LIMIT_MS = { domain: 10_000, workers: 60_000 };

const d1Migrations = await readD1Migrations("migrations");

export default defineConfig({
  test: {
    teardownTimeout: 30_000,
    globalSetup: ["./test/support/temp-folder.ts"],
    projects: [
      {
        test: {
          name: "domain",
          environment: "node",
          testTimeout: LIMIT_MS.domain,
          include: ["test/{domain,crypto,delivery}/**/*.test.ts"],
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve: { alias: leftOut },
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: { ...TEST_SECRETS, ALLOW_LOOPBACK_WEBHOOKS: "true", RESEND_WEBHOOK_SECRET },
              // Into a queue that nobody reads: a test hands messages to the Worker when it wants to.
              queueProducers: { DELIVERIES: "read-by-nobody" },
            },
          }),
        ],
        test: {
          name: "workers",
          include: ["test/{cell,d1,http}/**/*.test.ts"],
          setupFiles: ["./test/support/apply-d1-migrations.ts", "./test/support/stopped-clock.ts"],
          provide: { d1Migrations },
          testTimeout: LIMIT_MS.workers,
          hookTimeout: LIMIT_MS.workers,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "e2e",
          environment: "node",
          include: ["test/{e2e,crash,conformance}/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
