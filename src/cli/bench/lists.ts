// `npm run bench:lists`: how long each list and search of the read model takes, and how many rows it reads, over 100,000
// profiles, as many enrollments, 300,000 deliveries and 1,000,000 events of one workspace.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { listDeliveries, type DeliveryFilters } from "../../d1/deliveries.ts";
import { listEnrollments, type EnrollmentFilters } from "../../d1/enrollments.ts";
import { readEventHistory } from "../../d1/event-history.ts";
import { listProfiles, type ProfileCursor, type ProfileQuery } from "../../d1/profiles.ts";
import { recordedReasons } from "../../d1/recorded-reasons.ts";
import { listEvents, type EventFilters } from "../../d1/user-events.ts";
import { PROJECT_ROOT } from "../local/bundle.ts";
import { applyMigrations } from "../local/d1-migrations.ts";
import { countReads } from "./counted-reads.ts";
import {
  BUSY_JOURNEY,
  idAt,
  JOURNEY,
  RARE_JOURNEY,
  seedReadModel,
  START_MS,
  STEP_MS,
  WORKSPACE,
} from "./read-model-seed.ts";

const PROFILES = Number(process.env["PROFILES"] ?? 100_000);
const EVENTS = Number(process.env["EVENTS"] ?? 1_000_000);
const DELIVERIES = Number(process.env["DELIVERIES"] ?? 300_000);
/** Which lists, by a word of their names; without it all. */
const ONLY = process.env["ONLY"] ?? "";
const ROUNDS = Number(process.env["ROUNDS"] ?? 30);
const PAGE_ROWS = 50;

interface Measured {
  name: string;
  rows: number;
  rowsRead: number;
  p50Ms: number;
  p99Ms: number;
}

const folder = mkdtempSync(join(tmpdir(), "waypost-bench-lists-"));
try {
  await bench();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      telemetry: { enabled: false },
      resourcePersistencePath: join(folder, "state"),
      workers: [
        {
          name: "lists",
          compatibilityDate: "2026-11-01",
          modules: [{ type: "ESModule", path: join(import.meta.dirname, "naive-worker.js") }],
          d1Databases: { DB: "lists" },
        },
      ],
    }),
  );
  try {
    await runtime.ready;
    const db = await runtime.getD1Database("DB", "lists");
    await applyMigrations(db, join(PROJECT_ROOT, "migrations"));
    const began = performance.now();
    await seedReadModel(db, { profiles: PROFILES, events: EVENTS, deliveries: DELIVERIES });
    console.log(
      `${PROFILES} profiles, ${PROFILES} enrollments, ${DELIVERIES} deliveries, ${EVENTS} events, filled in ` +
        `${((performance.now() - began) / 1_000).toFixed(0)} s; ${ROUNDS} rounds, pages of ${PAGE_ROWS}\n`,
    );
    const results: Measured[] = [];
    const counted = countReads(db);
    for (const [name, read] of Object.entries(readsOf(counted.db))) {
      if (name.includes(ONLY)) results.push(await measure(name, read, counted.rowsRead));
    }
    report(results);
  } finally {
    await runtime.dispose();
  }
}

/** Every way into a list; each gives how many rows it found. */
function readsOf(db: D1Database): Record<string, () => Promise<number>> {
  const middle = idAt(START_MS + (EVENTS / 2) * STEP_MS);
  const person = idAt(START_MS + Math.floor(PROFILES / 2) * STEP_MS);
  const events =
    (filters: EventFilters, before: string | null = null) =>
    async () =>
      (await listEvents(db, WORKSPACE, filters, { limit: PAGE_ROWS, before })).rows.length;
  const profiles =
    (query: ProfileQuery, cursor: ProfileCursor | null = null) =>
    async () =>
      (await listProfiles(db, WORKSPACE, query, { limit: PAGE_ROWS, cursor })).rows.length;
  const enrollments = (filters: EnrollmentFilters) => async () =>
    (await listEnrollments(db, WORKSPACE, JOURNEY, filters, { limit: PAGE_ROWS, before: null })).rows.length;
  const deliveries =
    (filters: DeliveryFilters, before: string | null = null) =>
    async () =>
      (await listDeliveries(db, WORKSPACE, filters, { limit: PAGE_ROWS, before })).rows.length;
  const middleDelivery = idAt(START_MS + (DELIVERIES / 2) * STEP_MS);
  return {
    "(nothing: the way to D1 and back)": async () => (await db.prepare("SELECT 1").all()).results.length,
    "events, newest": events({}),
    "events, a page in the middle": events({}, middle),
    "events by name": events({ event: "order.created" }),
    "events by a rare name": events({ event: "rare" }),
    "events of a profile": events({ profileIds: [person] }),
    "events of a merged profile": events({ profileIds: [person, idAt(START_MS)] }),
    "events by reference": events({ referenceId: "ref-4240" }),
    "events of an hour": events({ fromMs: START_MS, toMs: START_MS + 3_600_000 }),
    "events by name and profile": events({ event: "rare", profileIds: [person] }),
    "a slice of a replay": async () => {
      const span = { fromMs: START_MS, toMs: START_MS + EVENTS * STEP_MS };
      const rows = await readEventHistory(db, WORKSPACE, "order.created", span, middle, 100);
      await recordedReasons(
        db,
        WORKSPACE,
        JOURNEY,
        rows.map(({ event_id }) => event_id),
      );
      return rows.length;
    },
    "profiles, newest": profiles({}),
    "profiles, a page in the middle": profiles({}, { direction: "next", profileId: person }),
    "profiles, back from the middle": profiles({}, { direction: "previous", profileId: person }),
    "profiles by ids": profiles({ profileIds: [person, idAt(START_MS)] }),
    "profiles, partial search": profiles({ search: "on-4242@" }),
    "profiles by a property that half have": profiles({ propertyFilter: [{ id: "plan", values: ["Pro"] }] }),
    "profiles by a property that one has": profiles({ propertyFilter: [{ id: "number", values: [4_242] }] }),
    "profiles by an object": profiles({ propertyFilter: [{ id: "address", values: [{ city: "City 7", zip: "7" }] }] }),
    "enrollments, newest": enrollments({}),
    "enrollments by status": enrollments({ status: "active" }),
    "enrollments by a status that none has": enrollments({ status: "failed" }),
    "enrollments by step": enrollments({ stepId: "nowhere" }),
    "enrollments by version": enrollments({ version: 9 }),
    "enrollments of a profile": enrollments({ profileIds: [person] }),
    "deliveries, newest": deliveries({}),
    "deliveries, a page in the middle": deliveries({}, middleDelivery),
    "deliveries of a profile": deliveries({ profileIds: [person] }),
    "deliveries of a merged profile": deliveries({ profileIds: [person, idAt(START_MS)] }),
    "deliveries of a run": deliveries({ enrollmentId: person }),
    "deliveries of a journey": deliveries({ journeyKey: BUSY_JOURNEY }),
    "deliveries of a journey with few": deliveries({ journeyKey: RARE_JOURNEY }),
    "deliveries that were sent": deliveries({ status: "sent" }),
    "deliveries that failed": deliveries({ status: "failed" }),
    "deliveries that are pending": deliveries({ status: "pending" }),
    "deliveries of a journey that failed": deliveries({ journeyKey: BUSY_JOURNEY, status: "failed" }),
    "deliveries of a journey with few that failed": deliveries({ journeyKey: RARE_JOURNEY, status: "failed" }),
    "deliveries of a journey with few that were sent": deliveries({ journeyKey: RARE_JOURNEY, status: "sent" }),
    "deliveries of a profile that failed": deliveries({ profileIds: [person], status: "failed" }),
    "deliveries by webhook": deliveries({ channel: "webhook" }),
    "deliveries by webhook that are pending (none is)": deliveries({ channel: "webhook", status: "pending" }),
    "deliveries of an hour": deliveries({ fromMs: START_MS, toMs: START_MS + 3_600_000 }),
    "deliveries of a journey that has none": deliveries({ journeyKey: "none" }),
  };
}

async function measure(name: string, read: () => Promise<number>, rowsReadSince: () => number): Promise<Measured> {
  const times: number[] = [];
  rowsReadSince();
  let rows = await read();
  const rowsRead = rowsReadSince();
  for (let i = 0; i < ROUNDS; i++) {
    const began = performance.now();
    rows = await read();
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  return { name, rows, rowsRead, p50Ms: at(0.5), p99Ms: at(0.99) };
}

function report(results: readonly Measured[]): void {
  console.log(`| List | rows | rows read | p50 ms | p99 ms |\n|---|---|---|---|---|`);
  for (const { name, rows, rowsRead, p50Ms, p99Ms } of results) {
    console.log(`| ${name} | ${rows} | ${rowsRead} | ${p50Ms.toFixed(1)} | ${p99Ms.toFixed(1)} |`);
  }
}
