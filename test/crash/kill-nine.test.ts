// `kill -9` under load, round after round on one state: what was acknowledged is there, once; what was not can be
// sent again. KILL_ROUNDS makes it longer; KILL_SEED repeats what was sent.
import { randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { activateJourney, caughtUp, eachOf, read, readAll, workspaceHealth } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { SOON_MS } from "../support/patience.ts";
import { BIG_TOTAL, fieldsOf, Load, LOAD_JOURNEYS, MOMENTS, type Sent } from "./load.ts";

const ROUNDS = Number(process.env["KILL_ROUNDS"] ?? 3);
const SEED = Number(process.env["KILL_SEED"] ?? randomInt(1, 2 ** 31));
const AT_A_TIME = 16;
/** Small, so that the list has many pages. */
const PAGE = 37;

interface StoredEvent {
  eventId: string;
  event: string;
  profileId: string;
  referenceId: string | null;
}

interface Counts {
  matched: number;
  enrolled: number;
  skipped: number;
  active: number;
  completed: number;
  exited: number;
  failed: number;
  cancelled: number;
}

const stateDir = newStateDir();
const load = new Load(SEED);
let server: DevServer;

beforeAll(async () => {
  server = await startDevServer({ stateDir });
  for (const journey of LOAD_JOURNEYS) await activateJourney(server, journey);
});
afterAll(async () => server.kill9());

/** Different people among these requests. */
function peopleOf(sent: readonly Sent[]): Set<string> {
  return new Set(sent.map(({ email }) => email));
}

async function countsOf(key: string): Promise<Counts> {
  return (await read<{ counts: Counts }>(server, `/api/v1/journeys/${key}`)).counts;
}

async function enrolledIn(key: string): Promise<string[]> {
  const runs = await readAll<{ profileId: string }>(server, `/api/v1/journeys/${key}/enrollments`);
  return runs.map(({ profileId }) => profileId);
}

const rounds = Array.from({ length: ROUNDS }, (_, index) => ({
  round: index + 1,
  moment: MOMENTS[index % MOMENTS.length] ?? MOMENTS[0],
}));

describe.each(rounds)(`round $round of seed ${SEED}, killed $moment`, ({ moment }) => {
  let unacknowledged: Sent[];
  let acknowledgedNow: Sent[];

  beforeAll(async () => {
    const sentBefore = load.sent.length;
    await load.runUntilKilled(server, moment);
    unacknowledged = load.sent.filter(({ acknowledged }) => !acknowledged);
    acknowledgedNow = load.sent.slice(sentBefore).filter(({ acknowledged }) => acknowledged);
    server = await startDevServer({ stateDir });
  });

  it("is killed while requests are on their way, and after some, all acknowledged", () => {
    expect(load.cutOff).toBeGreaterThan(0);
    expect(load.refusals).toEqual([]);
    expect(acknowledgedNow.length).toBeGreaterThan(0);
  });

  it("starts again without a complaint", () => {
    expect(server.stderr()).toBe("");
  });

  it("has every acknowledged event", async () => {
    await eachOf(load.sent, AT_A_TIME, async (sent) => {
      if (sent.answers.length === 0) return;
      const { eventId, profileId } = fieldsOf(sent);
      const found = await read<StoredEvent>(server, `/api/v1/events/${eventId}`);
      expect(found).toMatchObject({ eventId, profileId, event: sent.event, referenceId: sent.key });
    });
  });

  it("replays every acknowledged key with the same bytes", async () => {
    const acknowledged = load.sent.filter((sent) => sent.acknowledged);
    await eachOf(acknowledged, AT_A_TIME, async (sent) => {
      await load.post(server, sent);
      expect([sent.key, sent.answers.at(-1)?.replayed]).toEqual([sent.key, true]);
    });
    const differing = acknowledged.filter(({ answers }) => new Set(answers.map(({ text }) => text)).size !== 1);
    expect(differing).toEqual([]);
  });

  it("takes every key that was not acknowledged, and then replays it", async () => {
    await eachOf(unacknowledged, AT_A_TIME, async (sent) => {
      await load.post(server, sent);
      await load.post(server, sent);
      const [first, second] = sent.answers;
      expect(second).toEqual({ text: first?.text, replayed: true });
    });
    expect(load.refusals).toEqual([]);
  });

  it("answered no key as new twice", () => {
    const twice = load.sent.filter(({ answers }) => answers.filter(({ replayed }) => !replayed).length > 1);
    expect(twice).toEqual([]);
  });

  it("lists each event once, and no other", async () => {
    await caughtUp(server);
    const listed = await readAll<StoredEvent>(server, "/api/v1/events", PAGE);
    const byKey = (events: { eventId: string; referenceId: string | null }[]): string[] =>
      events.map(({ eventId, referenceId }) => `${referenceId}: ${eventId}`).toSorted();
    const answered = load.sent.map((sent) => ({ eventId: fieldsOf(sent).eventId, referenceId: sent.key }));
    expect(byKey(listed)).toEqual(byKey(answered));
  });

  it("made one profile of each person", async () => {
    const profileOf = new Map(load.sent.map((sent) => [sent.email, fieldsOf(sent).profileId]));
    expect(load.sent.filter((sent) => fieldsOf(sent).profileId !== profileOf.get(sent.email))).toEqual([]);
    expect(new Set(profileOf.values()).size).toBe(profileOf.size);
  });

  it("counts each match, enrollment and skip once", async () => {
    const ticks = load.sent.filter(({ event }) => event === "load.tick");
    const tocks = load.sent.filter(({ event }) => event === "load.tock");
    const big = ticks.filter(({ total }) => total >= BIG_TOTAL);
    const expected = {
      "load-once": { matched: ticks.length, enrolled: peopleOf(ticks).size },
      "load-big": { matched: ticks.length, enrolled: big.length },
      "load-active": { matched: tocks.length, enrolled: peopleOf(tocks).size },
    };
    for (const [key, { matched, enrolled }] of Object.entries(expected)) {
      const counts = await countsOf(key);
      const ended = { completed: 0, exited: 0, failed: 0, cancelled: 0 };
      expect([key, counts]).toEqual([
        key,
        { ...ended, converted: 0, matched, enrolled, skipped: matched - enrolled, active: enrolled },
      ]);
    }
  });

  it("answered what it counted", async () => {
    const sum = (field: "matchedJourneys" | "enrolledJourneys" | "skippedJourneys"): number =>
      load.sent.reduce((total, sent) => total + fieldsOf(sent)[field], 0);
    const counts = await Promise.all(LOAD_JOURNEYS.map(async ({ key }) => await countsOf(key)));
    const counted = (field: keyof Counts): number => counts.reduce((total, each) => total + each[field], 0);
    expect([sum("matchedJourneys"), sum("enrolledJourneys"), sum("skippedJourneys")]).toEqual([
      counted("matched"),
      counted("enrolled"),
      counted("skipped"),
    ]);
  });

  it("enrolled nobody twice in a journey that takes everyone once", async () => {
    const people = peopleOf(load.sent.filter(({ event }) => event === "load.tick"));
    await expect.poll(async () => (await enrolledIn("load-once")).length, { timeout: SOON_MS }).toBe(people.size);
    expect(new Set(await enrolledIn("load-once")).size).toBe(people.size);
  });

  it("adds up, as /healthz says", async () => {
    const { conservation, quarantined } = await workspaceHealth(server);
    const { active, completed, exited, failed, cancelled } = conservation;
    expect(conservation).toMatchObject({ holds: true, enrolled: active + completed + exited + failed + cancelled });
    expect(conservation.enrolled).toBe(load.sent.reduce((sum, sent) => sum + fieldsOf(sent).enrolledJourneys, 0));
    expect(quarantined).toBe(0);
  });
});
