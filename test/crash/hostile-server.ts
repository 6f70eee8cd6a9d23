// A server for hostile requests, and the books that are kept on it: what it accepted, what it refused, the laws
// that hold for every refusal, and what is left of them all at the end.
import { call, caughtUp, readAll, track, type AcceptedFields } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";

/** Stands in every hostile request; an answer or a log line that holds it has repeated what was sent. */
export const ECHO = "zq7echo";

const REQUEST_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ENVELOPE_FIELDS = ["error", "message", "details"];

interface AnyAnswer {
  status: number;
  headers: Headers | Record<string, string>;
  text: string;
}

/** What is wrong at the end; nothing is, when all lists are empty. */
export interface Leftovers {
  /** Keys of refused requests that are not free. */
  usedUpKeys: string[];
  /** Accepted events that are not listed. */
  missing: string[];
  /** Listed events that nobody was told of, or more than once. */
  unexpected: string[];
  /** Profiles of people who were only in refused requests. */
  people: unknown[];
}

export class HostileServer {
  readonly server: DevServer;
  readonly #accepted = new Set<string>();
  readonly #refusedKeys: string[] = [];
  #keys = 0;

  private constructor(server: DevServer) {
    this.server = server;
  }

  static async start(): Promise<HostileServer> {
    return new HostileServer(await startDevServer({ stateDir: newStateDir() }));
  }

  newKey(): string {
    return `hostile-${(this.#keys += 1)}`;
  }

  /**
   * Notes an event that must be there at the end, and once.
   *
   * @throws Error when the answer is no 202
   */
  accepted(answer: AnyAnswer | null): AcceptedFields {
    if (answer?.status !== 202) throw new Error(`expected a 202, got ${answer?.status} ${answer?.text}`);
    const fields = JSON.parse(answer.text) as AcceptedFields;
    this.#accepted.add(fields.eventId);
    return fields;
  }

  /** Posts an event that is to be accepted. */
  async sendAccepted(body: unknown, key = this.newKey()): Promise<AcceptedFields> {
    return this.accepted(await track(this.server, key, body));
  }

  /** Describes a refusal as {@link describeRefusal} does, and notes its key, which must not be used up. */
  refusal(answer: AnyAnswer | null, key: string): string {
    this.#refusedKeys.push(key);
    return describeRefusal(answer);
  }

  /** Compares what is there with the books, and asks whether the keys of refused requests are free. */
  async leftovers(): Promise<Leftovers> {
    const usedUpKeys: string[] = [];
    for (const key of this.#refusedKeys) {
      const answer = await track(this.server, key, { event: "after.all", profile: { externalId: "after-all" } });
      const isFree = answer.status === 202 && !answer.headers.has("idempotent-replayed");
      if (isFree) this.accepted(answer);
      else usedUpKeys.push(key);
    }
    await caughtUp(this.server);
    const listed = (await readAll<{ eventId: string }>(this.server, "/api/v1/events")).map(({ eventId }) => eventId);
    const search = await call(this.server, "/api/v1/profiles", { method: "POST", body: { search: ECHO } });
    return {
      usedUpKeys,
      missing: [...this.#accepted].filter((id) => !listed.includes(id)),
      unexpected: listed.filter((id, index) => !this.#accepted.has(id) || listed.indexOf(id) !== index),
      people: (JSON.parse(search.text) as { profiles: unknown[] }).profiles,
    };
  }
}

/**
 * Says what a refusal is: `400 invalid_request`, and behind it whatever is wrong with its envelope.
 *
 * @param answer  null when there was none
 */
export function describeRefusal(answer: AnyAnswer | null): string {
  if (answer === null) return "no answer";
  const headers = new Headers(answer.headers);
  const all = answer.text + JSON.stringify([...headers]);
  const said = [String(answer.status)];
  try {
    const envelope = JSON.parse(answer.text) as Record<string, unknown>;
    said.push(String(envelope["error"]));
    const isPlain = typeof envelope["message"] === "string" && envelope["message"].length > 0;
    if (!isPlain) said.push("without a message");
    const others = Object.keys(envelope).filter((field) => !ENVELOPE_FIELDS.includes(field));
    if (others.length > 0) said.push(`with ${others.join()}`);
  } catch {
    said.push("not JSON");
  }
  if (!REQUEST_ID.test(headers.get("x-request-id") ?? "")) said.push("without x-request-id");
  if (headers.get("content-type") !== "application/json") said.push("of another type");
  if (all.includes(ECHO)) said.push(`repeating what was sent: ${all}`);
  return said.join(" ");
}
