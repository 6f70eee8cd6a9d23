// Clients that post events until the server is gone, and a record of what they were told. What they send is drawn
// from a seeded stream; which answers arrive before the end is up to the machine.
import { read, track, type AcceptedFields } from "../support/dev-client.ts";
import type { DevServer } from "../support/dev-server.ts";

const CLIENTS = 16;
/** At any moment: after as many acknowledged requests as this, and up to so many more. */
const LEAST_ACKNOWLEDGED = 20;
const MORE_ACKNOWLEDGED = 230;
/** A quarter of a second after the first event its cell writes what has come to the read model, which takes a while. */
const FLUSH_DELAY_MS = 250;
const FLUSH_MS = 60;
const KNOWN_PEOPLE = 8;
const RETRY_SHARE = 0.25;
const KNOWN_SHARE = 0.4;
/** So much in each event that writing a batch of them to the read model takes a while, and a kill falls into it. */
const NOTE_CHARACTERS = 6_000;
/** What the journey `load-big` asks of an event's total. */
export const BIG_TOTAL = 50;

const rest = [{ id: "rest", type: "delay", for: "P1D" }];

/** A journey for each of the ways to be taken in again, or not. */
export const LOAD_JOURNEYS = [
  { key: "load-once", name: "Once", entry: { event: "load.tick" }, steps: rest },
  {
    key: "load-big",
    name: "Every big one",
    entry: { event: "load.tick", filter: { $state: "/event/total", gte: BIG_TOTAL } },
    eligibility: { reentry: "always", maxActive: 1_000_000 },
    steps: rest,
  },
  {
    key: "load-active",
    name: "One at a time",
    entry: { event: "load.tock" },
    eligibility: { reentry: "always" },
    steps: rest,
  },
];

/** One request under one key, and every answer that any client got to it. */
export interface Sent {
  key: string;
  event: "load.tick" | "load.tock";
  email: string;
  total: number;
  body: string;
  /** A 202 arrived, perhaps without all of its body. */
  acknowledged: boolean;
  /** The whole answers that arrived. */
  answers: { text: string; replayed: boolean }[];
}

/** What was answered, once it is known. */
export function fieldsOf(sent: Sent): AcceptedFields {
  const [first] = sent.answers;
  if (first === undefined) throw new Error(`${sent.key} has no answer`);
  return JSON.parse(first.text) as AcceptedFields;
}

/** When the server is killed; each is a moment at which something else is half done. */
export const MOMENTS = ["at any moment", "as a flush is under way", "as the read model has grown"] as const;
export type Moment = (typeof MOMENTS)[number];

export class Load {
  readonly sent: Sent[] = [];
  /** Answers that were no 202, while the server lived. */
  readonly refusals: string[] = [];
  /** Requests without an answer at the moment of the last kill. */
  cutOff = 0;
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  /** Posts until the moment has come, then kills the server under what is on its way. */
  async runUntilKilled(server: DevServer, moment: Moment): Promise<void> {
    const target = LEAST_ACKNOWLEDGED + Math.floor(this.#random() * MORE_ACKNOWLEDGED);
    const delayMs = FLUSH_DELAY_MS + Math.floor(this.#random() * FLUSH_MS);
    const before = moment === "as the read model has grown" ? await newestListed(server) : null;
    /** A request that was sent before has its answer already: what is to be there after the kill is what is new. */
    const known = this.sent.length;
    let acknowledged = 0;
    let newlyAcknowledged = 0;
    let inFlight = 0;
    const end = new AbortController();
    const kill = (): void => {
      this.cutOff = inFlight;
      end.abort();
      void server.kill9();
    };
    const client = async (): Promise<void> => {
      while (!end.signal.aborted) {
        inFlight += 1;
        const next = this.#next();
        const isAcknowledged = await this.post(server, next).catch(() => false);
        inFlight -= 1;
        if (!isAcknowledged || end.signal.aborted) continue;
        acknowledged += 1;
        const isNew = this.sent.indexOf(next) >= known;
        if (isNew) newlyAcknowledged += 1;
        if (moment === "at any moment" && acknowledged >= target && newlyAcknowledged > 0) kill();
        if (moment === "as a flush is under way" && isNew && newlyAcknowledged === 1) setTimeout(kill, delayMs);
      }
    };
    const watch = async (): Promise<void> => {
      while (!end.signal.aborted) {
        const hasGrown = (await newestListed(server)) !== before;
        if (hasGrown && newlyAcknowledged > 0) kill();
      }
    };
    const clients = Array.from({ length: CLIENTS }, client);
    await Promise.all(moment === "as the read model has grown" ? [...clients, watch()] : clients);
    await server.exited;
  }

  /**
   * Sends a request, for the first time or again.
   *
   * @returns whether a 202 arrived
   * @throws when the connection fails before any of an answer
   */
  async post(server: DevServer, sent: Sent): Promise<boolean> {
    const onStatus = (status: number) => (sent.acknowledged ||= status === 202);
    const answer = await track(server, sent.key, sent.body, { onStatus });
    if (answer.status !== 202) {
      this.refusals.push(`${sent.key}: ${answer.status} ${answer.text}`);
      return false;
    }
    sent.answers.push({ text: answer.text, replayed: answer.headers.get("idempotent-replayed") === "true" });
    return true;
  }

  #next(): Sent {
    const earlier = this.sent[Math.floor(this.#random() * this.sent.length)];
    if (earlier !== undefined && this.#random() < RETRY_SHARE) return earlier;
    const fresh = this.#fresh(this.sent.length);
    this.sent.push(fresh);
    return fresh;
  }

  #fresh(n: number): Sent {
    const person = this.#random() < KNOWN_SHARE ? `known-${Math.floor(this.#random() * KNOWN_PEOPLE)}` : `new-${n}`;
    const event = this.#random() < 0.7 ? "load.tick" : "load.tock";
    const total = Math.floor(this.#random() * BIG_TOTAL * 2);
    const key = `load-${n}`;
    const email = `${person}@example.com`;
    const profile = { email, externalId: `cus_${person}`, properties: { last: n } };
    const data = { total, note: "x".repeat(NOTE_CHARACTERS) };
    const body = JSON.stringify({ event, profile, data, referenceId: key });
    return { key, event, email, total, body, acknowledged: false, answers: [] };
  }
}

async function newestListed(server: DevServer): Promise<string | undefined> {
  const { items } = await read<{ items: { eventId: string }[] }>(server, "/api/v1/events?limit=1");
  return items[0]?.eventId;
}

/** Numbers from 0 to 1 that a seed fixes: Marsaglia's xorshift, 32 bits. */
function randomFrom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
