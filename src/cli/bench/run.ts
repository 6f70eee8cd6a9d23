// `npm run bench`: events per second and latency of the full accept path, side by side with a naive Worker that
// does one D1 insert per event. One run, one runtime, no proxy; rounds alternate, and only ratios are compared.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { buildWorker, PROJECT_ROOT } from "../local/bundle.ts";
import { applyMigrations } from "../local/d1-migrations.ts";
import { bindingsOfProject } from "../local/runtime.ts";
import { applyLoad, postBytes, type LoadResult } from "./load.ts";
import { seedBenchmark } from "./seed.ts";

const CONNECTIONS = 32;
const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
const REQUESTS_PER_ROUND = Number(process.env["REQUESTS"] ?? 4_000);
const WARM_UP_REQUESTS = 2_000;
const PEOPLE = 500;

const folder = mkdtempSync(join(tmpdir(), "waypost-bench-"));
try {
  await bench();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const secret = (name: string): string => `${name}-for-the-benchmark-0123456789abcdef`;
  const adminToken = secret("admin");
  const bundle = await buildWorker(join(folder, "bundle"));
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      telemetry: { enabled: false },
      resourcePersistencePath: join(folder, "state"),
      workers: [
        {
          ...(await bindingsOfProject({
            KEY_SECRETS: secret("keys"),
            LEDGER_SECRETS: secret("ledger"),
            ADMIN_TOKEN: adminToken,
          })),
          modules: bundle.modules,
          modulesRoot: bundle.directory,
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
        },
        {
          name: "naive",
          compatibilityDate: "2026-11-01",
          modules: [{ type: "ESModule", path: join(import.meta.dirname, "naive-worker.js") }],
          d1Databases: { DB: "naive" },
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
        },
      ],
    }),
  );
  try {
    await runtime.ready;
    await applyMigrations(await runtime.getD1Database("DB", "waypost"), join(PROJECT_ROOT, "migrations"));
    await (
      await runtime.getD1Database("DB", "naive")
    ).exec("CREATE TABLE naive_events (id TEXT PRIMARY KEY, event TEXT NOT NULL, email TEXT, data TEXT)");
    const waypost = await runtime.unsafeGetDirectURL("waypost");
    const naive = await runtime.unsafeGetDirectURL("naive");
    const apiKey = await seedBenchmark(waypost.origin, adminToken);

    let sent = 0;
    const full = (): Buffer => {
      sent += 1;
      return postBytes(
        "/api/v1/events",
        { "x-api-key": apiKey, "idempotency-key": `order.created:${sent}` },
        bodyOf(sent),
      );
    };
    const plain = (): Buffer => postBytes("/", {}, bodyOf((sent += 1)));
    const round = async (port: string, request: () => Buffer, requests: number): Promise<LoadResult> => {
      const result = await applyLoad({ port: Number(port), connections: CONNECTIONS, requests, request });
      if (result.statuses[202] !== requests) throw new Error(`unexpected answers: ${JSON.stringify(result.statuses)}`);
      return result;
    };

    await round(waypost.port, full, WARM_UP_REQUESTS);
    await round(naive.port, plain, WARM_UP_REQUESTS);
    const results: { full: LoadResult; naive: LoadResult }[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      // Every other round the other way round, so that neither always finds the machine warmer.
      const measure = {
        full: async () => await round(waypost.port, full, REQUESTS_PER_ROUND),
        naive: async () => await round(naive.port, plain, REQUESTS_PER_ROUND),
      };
      if (i % 2 === 0) {
        const first = await measure.full();
        results.push({ full: first, naive: await measure.naive() });
      } else {
        const first = await measure.naive();
        results.push({ naive: first, full: await measure.full() });
      }
    }
    report(results);
  } finally {
    await runtime.dispose();
  }
}

function bodyOf(n: number): string {
  return JSON.stringify({
    event: "order.created",
    profile: { email: `person-${n % PEOPLE}@example.com`, properties: { plan: "Pro" } },
    data: { orderId: `ord_${n}`, total: n % 100, currency: "EUR", items: [{ sku: "A-1", quantity: 2 }] },
  });
}

function report(results: { full: LoadResult; naive: LoadResult }[]): void {
  const line = (name: string, { perSecond, p50Ms, p99Ms }: LoadResult): string =>
    `${name.padEnd(34)}${perSecond.toFixed(0).padStart(7)} events/s   p50 ${p50Ms.toFixed(1)} ms   p99 ${p99Ms.toFixed(1)} ms`;
  console.log(
    `${CONNECTIONS} connections, ${REQUESTS_PER_ROUND} requests a round, 10 active journeys, ${PEOPLE} known profiles\n`,
  );
  results.forEach((result, i) => {
    console.log(line(`round ${i + 1}  full accept path`, result.full));
    console.log(line(`         naive D1 Worker`, result.naive));
  });
  const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const rates = results.map((result) => result.full.perSecond / result.naive.perSecond);
  const latencies = results.map((result) => result.full.p50Ms / result.naive.p50Ms);
  console.log(`\nfull / naive, median of ${results.length} rounds`);
  console.log(`  events/s  ${median(rates).toFixed(2)}x   (${rates.map((rate) => rate.toFixed(2)).join(" ")})`);
  console.log(`  p50       ${median(latencies).toFixed(2)}x`);
}
