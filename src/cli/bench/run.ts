// `npm run bench`: events per second and latency of the full accept path, side by side with a naive Worker that
// does one D1 insert per event, and with batches; then the latency while messages go out, and while thousands of runs
// come due. One run, one runtime, no proxy; rounds alternate, and only ratios are compared.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { buildWorker, PROJECT_ROOT } from "../local/bundle.ts";
import { applyMigrations } from "../local/d1-migrations.ts";
import { bindingsOfProject } from "../local/runtime.ts";
import { measureDrain, type DrainResult } from "./drain.ts";
import { applyLoad, postBytes, type LoadResult } from "./load.ts";
import { MESSAGES, openCampaigns, RECEIVERS, type MessagesBesideEvents } from "./messages.ts";
import { seedBenchmark } from "./seed.ts";

const CONNECTIONS = 32;
const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
const EVENTS_PER_ROUND = Number(process.env["EVENTS"] ?? 4_000);
const MESSAGE_ROUNDS = Number(process.env["MESSAGE_ROUNDS"] ?? 3);
const WARM_UP_EVENTS = 2_000;
const PEOPLE = 500;
const BATCH_ITEMS = 100;
const SETTLED_POLL_MS = 20;
/** As many as keep the server busy. */
const BATCH_CONNECTIONS = 4;
/** A batch is answered 200 whatever becomes of its items. */
const BATCH_ACCEPTED = new RegExp(`^HTTP/1.1 200 [^]*"summary":\\{"accepted":${BATCH_ITEMS},`);

type Contestant = "full" | "naive" | "batch";
/** `settledPerSecond` counts the time until the read model has every event too. */
type Measured = LoadResult & { settledPerSecond: number };
type Round = Record<Contestant, Measured>;

/** Messages that go out, and those that go out beside events. */
interface MessagesRound {
  alonePerSecond: number;
  beside: MessagesBesideEvents;
}

/** How events are sent. */
interface Way {
  port: string;
  request: () => Buffer;
  eventsEach: number;
  connections: number;
  /** What an answer has to look like. */
  answer: RegExp;
}

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
      return postBytes("/api/v1/events", { "x-api-key": apiKey, "idempotency-key": keyOf(sent) }, bodyOf(sent));
    };
    const batch = (): Buffer => {
      const items = Array.from({ length: BATCH_ITEMS }, () => {
        sent += 1;
        return `{"idempotencyKey":${JSON.stringify(keyOf(sent))},${bodyOf(sent).slice(1)}`;
      });
      return postBytes("/api/v1/events/batch", { "x-api-key": apiKey }, `{"events":[${items.join(",")}]}`);
    };
    const contestants: Record<Contestant, Way> = {
      full: { port: waypost.port, request: full, eventsEach: 1, connections: CONNECTIONS, answer: /^HTTP\/1.1 202 / },
      naive: {
        port: naive.port,
        request: () => postBytes("/", {}, bodyOf((sent += 1))),
        eventsEach: 1,
        connections: CONNECTIONS,
        answer: /^HTTP\/1.1 202 /,
      },
      batch: {
        port: waypost.port,
        request: batch,
        eventsEach: BATCH_ITEMS,
        connections: BATCH_CONNECTIONS,
        answer: BATCH_ACCEPTED,
      },
    };

    const measured = async (name: Contestant, events: number): Promise<Measured> => {
      const began = performance.now();
      const result = await measure(contestants[name], events);
      if (name !== "naive") await settled(waypost.origin, adminToken);
      return { ...result, settledPerSecond: events / ((performance.now() - began) / 1_000) };
    };

    for (const name of ["full", "naive", "batch"] as const) await measured(name, WARM_UP_EVENTS);
    const results: Round[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      // Every other round the other way round, so that none always finds the machine warmer.
      const order: Contestant[] = i % 2 === 0 ? ["full", "naive", "batch"] : ["batch", "naive", "full"];
      const round: Partial<Round> = {};
      for (const name of order) round[name] = await measured(name, EVENTS_PER_ROUND);
      results.push(round as Round);
    }
    report(results);
    const { port, request, answer } = contestants.full;
    const target = {
      origin: waypost.origin,
      port: Number(port),
      apiKey,
      request,
      answer,
      settled: async () => await settled(waypost.origin, adminToken),
      pending: async () => await pending(waypost.origin, adminToken),
    };
    const campaigns = await openCampaigns(target);
    try {
      const rounds: MessagesRound[] = [];
      for (let i = 0; i < MESSAGE_ROUNDS; i++) {
        rounds.push({ alonePerSecond: await campaigns.alone(), beside: await campaigns.besideEvents() });
      }
      reportMessages(rounds);
    } finally {
      campaigns.close();
    }
    reportDrain(await measureDrain(target));
  } finally {
    await runtime.dispose();
  }
}

/** Sends a number of events one way. */
async function measure({ port, request, eventsEach, connections, answer }: Way, events: number): Promise<LoadResult> {
  const requests = events / eventsEach;
  const result = await applyLoad({ port: Number(port), connections, requests, request, answer });
  return { ...result, perSecond: result.perSecond * eventsEach };
}

/** Waits until the read model has everything, so that no way pays for what another one left behind. */
async function settled(baseUrl: string, adminToken: string): Promise<void> {
  while ((await healthOf(baseUrl, adminToken)).some(({ outbox, outboxChanges }) => outbox + outboxChanges > 0)) {
    await setTimeout(SETTLED_POLL_MS);
  }
}

/** How many messages are not settled. */
async function pending(baseUrl: string, adminToken: string): Promise<number> {
  const workspaces = await healthOf(baseUrl, adminToken);
  return workspaces.reduce((sum, { deliveries }) => sum + deliveries.pending, 0);
}

interface WorkspaceHealth {
  outbox: number;
  outboxChanges: number;
  deliveries: { pending: number };
}

async function healthOf(baseUrl: string, adminToken: string): Promise<WorkspaceHealth[]> {
  const response = await fetch(`${baseUrl}/healthz`, { headers: { authorization: `Bearer ${adminToken}` } });
  return (await response.json<{ workspaces: WorkspaceHealth[] }>()).workspaces;
}

function keyOf(n: number): string {
  return `order.created:${n}`;
}

function bodyOf(n: number): string {
  return JSON.stringify({
    event: "order.created",
    profile: { email: `person-${n % PEOPLE}@example.com`, properties: { plan: "Pro" } },
    data: { orderId: `ord_${n}`, total: n % 100, currency: "EUR", items: [{ sku: "A-1", quantity: 2 }] },
  });
}

function report(results: Round[]): void {
  const line = (name: string, { perSecond, p50Ms, p99Ms }: LoadResult): string =>
    `${name.padEnd(34)}${perSecond.toFixed(0).padStart(7)} events/s   p50 ${p50Ms.toFixed(1)} ms   p99 ${p99Ms.toFixed(1)} ms`;
  console.log(
    `${CONNECTIONS} connections (batches: ${BATCH_CONNECTIONS}), ${EVENTS_PER_ROUND} events a round and way, ` +
      `10 active journeys, ${PEOPLE} known profiles\n`,
  );
  results.forEach((result, i) => {
    console.log(line(`round ${i + 1}  full accept path`, result.full));
    console.log(line(`         naive D1 Worker`, result.naive));
    console.log(line(`         batches of ${BATCH_ITEMS}`, result.batch));
  });
  const ratios = (of: (result: Round) => number): string => ratiosOf(results.map(of));
  console.log(`\nmedian of ${results.length} rounds`);
  console.log(`  full / naive, events/s        ${ratios(({ full, naive }) => full.perSecond / naive.perSecond)}`);
  console.log(`  full / naive, p50             ${ratios(({ full, naive }) => full.p50Ms / naive.p50Ms)}`);
  console.log(`  batch / full, events/s        ${ratios(({ full, batch }) => batch.perSecond / full.perSecond)}`);
  console.log(
    `  the same, until D1 has them   ${ratios(({ full, batch }) => batch.settledPerSecond / full.settledPerSecond)}`,
  );
}

/** Ratios in words: their median, and each. */
function ratiosOf(values: number[]): string {
  const median = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return `${median.toFixed(2)}x   (${values.map((value) => value.toFixed(2)).join(" ")})`;
}

function reportMessages(rounds: MessagesRound[]): void {
  console.log(`\n${MESSAGES} messages to ${RECEIVERS} receivers on this machine`);
  rounds.forEach(({ alonePerSecond, beside: { perSecond, calm, busy } }, i) => {
    const line = (name: string, { perSecond: events, p50Ms, p99Ms }: LoadResult, messages: string): string =>
      `${name.padEnd(34)}p50 ${p50Ms.toFixed(1)} ms   p99 ${p99Ms.toFixed(1)} ms   ${events.toFixed(0)} events/s${messages}`;
    console.log(`round ${i + 1}  nothing accepted         ${alonePerSecond.toFixed(0)} messages/s`);
    console.log(line("         accepting, no messages", calm, ""));
    console.log(line("         accepting meanwhile", busy, `, ${perSecond.toFixed(0)} messages/s`));
  });
  console.log(
    `  meanwhile / no messages, p50  ${ratiosOf(rounds.map(({ beside: { busy, calm } }) => busy.p50Ms / calm.p50Ms))}`,
  );
  console.log(
    `  meanwhile / no messages, p99  ${ratiosOf(rounds.map(({ beside: { busy, calm } }) => busy.p99Ms / calm.p99Ms))}`,
  );
}

function reportDrain({ runs, seconds, before, during, after }: DrainResult): void {
  const line = (name: string, { requests, perSecond, p50Ms, p99Ms }: LoadResult): string =>
    `  ${name.padEnd(30)}p50 ${p50Ms.toFixed(1)} ms   p99 ${p99Ms.toFixed(1)} ms   ${perSecond.toFixed(0)} events/s, ${requests} events`;
  console.log(
    `\n${runs} runs due at one instant: drained in ${seconds.toFixed(1)} s, ${(runs / seconds).toFixed(0)} runs/s`,
  );
  console.log(line("accepting before", before));
  console.log(line("accepting meanwhile", during));
  // The runs' messages are on their way by then, to a host where nobody listens: it is no time without load.
  console.log(line("accepting afterwards", after));
  console.log(`  meanwhile / before, p99       ${(during.p99Ms / before.p99Ms).toFixed(2)}x`);
}
