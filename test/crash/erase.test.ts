// A person is erased and the server killed in the middle of it, round after round on one state: at the next start the
// erasure is finished, and in the end no byte of the vacuumed state folder holds anything of the erased. ERASE_ROUNDS
// makes it longer.
import { randomInt } from "node:crypto";
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { activateJourney, call, read, readAll, track, workspaceHealth, writeTemplate } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { IN_THE_END_MS, SOON_MS } from "../support/patience.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";
import { findIn, findInFiles } from "./byte-scan.ts";

const ROUNDS = Number(process.env["ERASE_ROUNDS"] ?? 4);
/** So many that taking them out of the read model takes several slices. */
const EVENTS = 1_200;
const BATCH = 400;
/** After the answer the read model is done within about this time. */
const READ_MODEL_MS = 60;
const MOST_DELAY_MS = 300;
/** People who are erased in the round that must catch an erasure under way, at the most. */
const TRIES = 10;
const ROUND_MS = 600_000;

/** When the server is killed. */
const MOMENTS = [
  "before it has answered",
  "as it has answered",
  "while the read model is at it",
  "at any moment",
] as const;
type Moment = (typeof MOMENTS)[number];

/** Every value of an erased person begins with this, or is a phone number that begins with that. */
const GONE = "gone-";
const GONE_PHONE = "+491519";

const journeyTo = (url: string) => ({
  key: "erased-too",
  name: "Ends by an erasure",
  entry: { event: "order.created" },
  eligibility: { reentry: "always", maxActive: 5, key: "/event/mug" },
  steps: [
    { id: "tell", type: "webhook", url },
    { id: "thank", type: "email", template: "erased-too" },
    { id: "rest", type: "delay", for: "P1D" },
  ],
});

const TEMPLATE = {
  key: "erased-too",
  name: "Says what was bought",
  definition: {
    subject: { $template: "Your ${/event/mug}" },
    from: "shop@example.com",
    body: { root: "text", elements: { text: { type: "Text", props: { text: { $state: "/event/note" } } } } },
  },
};

interface StoredEvent {
  eventId: string;
  profileId: string | null;
  data: unknown;
}

interface Delivery {
  status: string;
  target: string | null;
  attemptLog: { message: string | null }[];
}

interface Person {
  profileId: string;
  eventIds: string[];
}

const stateDir = newStateDir();
const erased: Person[] = [];
const printed: string[] = [];
/** Rounds in which the server was killed while an erasure was under way. */
let interrupted = 0;
let server: DevServer;
let receiver: WebhookReceiver;
let kept: Person;
/** Active runs and messages of one person; everybody does the same. */
let runsOfOne: number;
let messagesOfOne: number;

async function restart(): Promise<void> {
  printed.push(server.stdout(), server.stderr());
  server = await startDevServer({ stateDir });
}

beforeAll(async () => {
  // A receiver that says whom it does not know: its words are kept with the attempt.
  receiver = await startWebhookReceiver((response, { body }) => {
    const { data } = JSON.parse(body) as { data: { profile: { email: string } } };
    response.writeHead(500, { "content-type": "text/plain" }).end(`Nobody here has the address ${data.profile.email}.`);
  });
  server = await startDevServer({ stateDir });
  await writeTemplate(server, TEMPLATE);
  await activateJourney(server, journeyTo(receiver.url));
  kept = await someoneNew("kept-", "+491700000", 1);
  const { conservation, deliveries } = await workspaceHealth(server);
  [runsOfOne, messagesOfOne] = [conservation.active, deliveries.made];
});
afterAll(async () => {
  await server.kill9();
  await receiver.close();
});

/** Somebody who leaves a value of each kind in many events, some of them not in the read model yet. */
async function someoneNew(prefix: string, phone: string, round: number): Promise<Person> {
  const email = `${prefix}mail-${round}@example.com`;
  const profile = {
    email,
    externalId: `${prefix}customer-${round}`,
    properties: { street: `${prefix}street-${round}` },
  };
  await klaviyo({ email, phone_number: `${phone}${1_000 + round}` }, `${prefix}note`);
  // A lead under another address, merged by the event after it.
  await track(server, `${prefix}lead-${round}`, {
    event: "order.created",
    profile: { externalId: profile.externalId },
    data: { mug: `${prefix}mug` },
  });
  const eventIds: string[] = [];
  let profileId = "";
  for (let sent = 0; sent < EVENTS; sent += BATCH) {
    if (sent === EVENTS - BATCH) await settled();
    const events = Array.from({ length: BATCH }, (_, i) => ({
      idempotencyKey: `${prefix}${round}-${sent + i}`,
      event: "order.created",
      profile,
      data: { mug: `${prefix}mug-${i % 3}`, note: `${prefix}note `.repeat(40) },
      referenceId: `${prefix}order-${round}-${sent + i}`,
    }));
    const answer = await call(server, "/api/v1/events/batch", { method: "POST", body: { events } });
    const { results } = JSON.parse(answer.text) as { results: { eventId: string; profileId: string }[] };
    eventIds.push(...results.map(({ eventId }) => eventId));
    profileId = results[0]?.profileId ?? "";
  }
  return { profileId, eventIds };
}

async function klaviyo(identifiers: object, note: string): Promise<void> {
  const attributes = {
    properties: { note },
    metric: { data: { type: "metric", attributes: { name: "Noted" } } },
    profile: { data: { type: "profile", attributes: identifiers } },
  };
  const answer = await call(server, "/klaviyo/api/events/", {
    method: "POST",
    headers: { authorization: `Klaviyo-API-Key ${server.dev.apiKey}`, revision: "2025-01-15" },
    body: { data: { type: "event", attributes } },
  });
  expect([answer.status, answer.text]).toEqual([202, ""]);
}

/** Waits until the read model has everything, and has erased everybody. */
async function settled(): Promise<void> {
  const isSettled = async () =>
    expect(await workspaceHealth(server)).toMatchObject({ outbox: 0, outboxChanges: 0, pendingErasures: 0 });
  await vi.waitFor(isSettled, { timeout: SOON_MS, interval: 50 });
}

/** A person's messages, each with its attempts. */
async function deliveriesOf({ profileId }: Person): Promise<Delivery[]> {
  const { items } = await read<{ items: { id: string }[] }>(
    server,
    `/api/v1/deliveries?profileId=${profileId}&limit=200`,
  );
  return await Promise.all(items.map(async ({ id }) => await read<Delivery>(server, `/api/v1/deliveries/${id}`)));
}

/** Waits until none of a person's messages waits for its first attempt, and reads them. */
async function everyAttempted(person: Person): Promise<Delivery[]> {
  return await vi.waitFor(
    async () => {
      const deliveries = await deliveriesOf(person);
      const untried = deliveries.filter(({ status, attemptLog }) => status === "pending" && attemptLog.length === 0);
      expect(untried).toEqual([]);
      return deliveries;
    },
    { timeout: IN_THE_END_MS, interval: 250 },
  );
}

async function statusOf(profileId: string): Promise<number> {
  return (await call(server, `/api/v1/profiles/${profileId}`)).status;
}

/** Erases somebody, and kills the server at a moment of it. @returns whether it was answered */
async function eraseAndKill(profileId: string, moment: Moment): Promise<boolean> {
  const answer = call(server, `/api/v1/profiles/${profileId}`, { method: "DELETE" }).then(
    ({ status }) => status === 204,
    () => false,
  );
  if (moment === "before it has answered") {
    await new Promise((passed) => setTimeout(passed, randomInt(15)));
  } else {
    expect(await answer).toBe(true);
  }
  const latest = { "while the read model is at it": READ_MODEL_MS, "at any moment": MOST_DELAY_MS }[moment as string];
  if (latest !== undefined) await new Promise((passed) => setTimeout(passed, randomInt(latest)));
  await server.kill9();
  return await answer;
}

const rounds = Array.from({ length: ROUNDS }, (_, index) => ({
  round: index + 1,
  moment: MOMENTS[index % MOMENTS.length] ?? MOMENTS[0],
}));

describe.each(rounds)("round $round, killed $moment", ({ round, moment }) => {
  let person: Person;
  let answered: boolean;

  async function eraseSomeone(): Promise<number> {
    person = await someoneNew(GONE, GONE_PHONE, erased.length + 1);
    erased.push(person);
    answered = await eraseAndKill(person.profileId, moment);
    const pending = pendingErasures(join(stateDir, "..", `erased-${erased.length}`));
    console.log(`round ${round}: ${answered ? "answered" : "not answered"}, ${pending} erasure under way`);
    await restart();
    return pending;
  }

  beforeAll(async () => {
    // One round has to catch it, and on a busy machine the answer may be news only when all is done.
    const tries = moment === "as it has answered" ? TRIES : 1;
    let pending = 0;
    for (let i = 0; i < tries && pending === 0; i++) pending = await eraseSomeone();
    interrupted += pending;
  }, ROUND_MS);

  it("knows the person no more, if it had answered so", async () => {
    if (answered) expect(await statusOf(person.profileId)).toBe(404);
    // Otherwise it was done or not done, and never half.
    else if ((await statusOf(person.profileId)) === 200) {
      const again = await call(server, `/api/v1/profiles/${person.profileId}`, { method: "DELETE" });
      expect(again.status).toBe(204);
    }
    expect(await statusOf(person.profileId)).toBe(404);
  });

  it("finishes by itself, and has every event without the person", async () => {
    await settled();
    const { items } = await read<{ items: unknown[] }>(server, `/api/v1/events?profileId=${person.profileId}`);
    expect(items).toEqual([]);
    const listed = new Map(
      (await readAll<StoredEvent>(server, "/api/v1/events")).map((event) => [event.eventId, event]),
    );
    const left = person.eventIds.filter((id) => {
      const event = listed.get(id);
      return event === undefined || event.profileId !== null || event.data !== null;
    });
    expect(left).toEqual([]);
  });

  it("adds up", async () => {
    const { conservation, deliveries, quarantined } = await workspaceHealth(server);
    expect(runsOfOne).toBeGreaterThan(10);
    expect(conservation).toMatchObject({
      holds: true,
      active: runsOfOne,
      cancelled: runsOfOne * erased.length,
      enrolled: runsOfOne * (erased.length + 1),
    });
    expect(deliveries).toMatchObject({ holds: true, made: messagesOfOne * (erased.length + 1) });
    expect(quarantined).toBe(0);
  });

  it("has every delivery without the person", async () => {
    const { items } = await read<{ items: { id: string; target: string | null; providerId: string | null }[] }>(
      server,
      `/api/v1/deliveries?profileId=${person.profileId}&limit=200`,
    );
    expect(items.length).toBeGreaterThan(10);
    expect(items.filter(({ target, providerId }) => target !== null || providerId !== null)).toEqual([]);
    const single = await read<Delivery>(server, `/api/v1/deliveries/${items.at(-1)?.id}`);
    expect(single.attemptLog.filter(({ message }) => message !== null)).toEqual([]);
  });
});

describe("what is left in the end", () => {
  const copy = join(stateDir, "..", "vacuumed");
  let databases: string[];
  let told: Delivery[];

  beforeAll(async () => {
    told = await everyAttempted(kept);
    await server.stop("SIGTERM");
    printed.push(server.stdout(), server.stderr());
    cpSync(stateDir, copy, { recursive: true });
    // What was sent is out of the house: these files stand for other people's mailboxes.
    rmSync(join(copy, "emails"), { recursive: true });
    databases = databasesIn(copy);
    for (const file of databases) {
      const database = new DatabaseSync(join(copy, file));
      database.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
      database.close();
    }
  }, ROUND_MS);

  it("was stopped in the middle of an erasure at least once", () => {
    expect(interrupted).toBeGreaterThan(0);
  });

  it("has the values of somebody who was not erased, so that the scan would find the others", () => {
    for (const text of ["kept-mail-1@example.com", "kept-customer-1", "kept-street-1", "kept-mug", "+4917000001001"]) {
      expect([text, findInFiles(copy, [text]).length > 0]).toEqual([text, true]);
    }
  });

  it("has whom the others' messages went to, and what a receiver said of them", () => {
    expect(told.map(({ target }) => target)).toContain("kept-mail-1@example.com");
    expect(told.flatMap(({ attemptLog }) => attemptLog.map(({ message }) => message))).toContain(
      "Nobody here has the address kept-mail-1@example.com.",
    );
  });

  it("has nothing of the erased in any byte, and printed nothing of them", () => {
    expect(findInFiles(copy, [GONE, GONE_PHONE])).toEqual([]);
    const lines = printed.join("\n").split("\n");
    // Each e-mail is shown on the terminal, to whoever is at it.
    const others = lines.filter((line) => !line.startsWith("E-mail to "));
    expect(others.length).toBeLessThan(lines.length);
    expect(findIn(Buffer.from(others.join("\n")), [GONE, GONE_PHONE])).toEqual([]);
  });

  it("has their profiles' ids only in the tables that docs/storage.md names", () => {
    const found = new Set(
      databases.flatMap((file) =>
        tablesWith(
          join(copy, file),
          erased.map(({ profileId }) => profileId),
        ),
      ),
    );
    expect([...found].toSorted()).toEqual([
      "deliveries",
      "enrollments",
      "erased_identities",
      "erased_profiles",
      "erasures",
      "ledger_1",
    ]);
  });
});

/** How many erasures the read model had not done when the server was killed. @param copy  a folder for the files */
function pendingErasures(copy: string): number {
  cpSync(stateDir, copy, { recursive: true });
  const counts = databasesIn(copy).map((file) => {
    const database = new DatabaseSync(join(copy, file));
    const known = database.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'erased_profiles'`).get() !== undefined;
    const found = known
      ? (database.prepare(`SELECT count(*) AS n FROM erased_profiles WHERE done_at IS NULL`).get() as { n: number }).n
      : 0;
    database.close();
    return found;
  });
  rmSync(copy, { recursive: true });
  return counts.reduce((sum, n) => sum + n, 0);
}

function databasesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".sqlite"));
}

/** Names of a database's tables that hold one of these ids, as text or as bytes. */
function tablesWith(file: string, ids: readonly string[]): string[] {
  const database = new DatabaseSync(file, { readOnly: true });
  const tables = database.prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`).all() as { name: string }[];
  const needles = ids.flatMap((id) => [Buffer.from(id), Buffer.from(id.replaceAll("-", ""), "hex")]);
  const holding = tables.filter(({ name }) => {
    const rows = database.prepare(`SELECT * FROM "${name}"`);
    rows.setReadBigInts(true);
    return rows.all().some((row) => {
      const bytes = Buffer.concat(Object.values(row).map((value) => bytesOf(value)));
      return needles.some((needle) => bytes.includes(needle));
    });
  });
  database.close();
  return holding.map(({ name }) => name);
}

function bytesOf(value: unknown): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
}
