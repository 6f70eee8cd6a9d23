// A value that occurs only at a redacted place is nowhere in what the server leaves behind: every byte of the state
// folder, of the temporary folder and of the output is scanned, after a polite end and after `kill -9`.
// The same scan shows that idempotency keys and API keys are kept as keyed digests only.
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { activateJourney, call, caughtUp, eachOf, read, track, type AcceptedFields } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { findIn, findInFiles } from "./byte-scan.ts";
import {
  acceptedRequests,
  conflictingRequest,
  Markers,
  refusedRequests,
  SECRET_PREFIX,
  type LeakingRequest,
} from "./leaking-requests.ts";

const rest = [{ id: "rest", type: "delay", for: "P1D" }];
const readsPan = { $state: "/event/pan", startsWith: SECRET_PREFIX };

const always = { reentry: "always", maxActive: 1_000_000 };

/** One is entered because of the raw value, one is not. */
const JOURNEYS = [
  { key: "leak-in", filter: readsPan },
  { key: "leak-out", filter: { ...readsPan, not: true } },
].map(({ key, filter }) => ({
  key,
  name: key,
  entry: { event: "leak.filtered", filter },
  eligibility: always,
  steps: rest,
}));

describe("the scan itself", () => {
  it("finds a text in each form, wherever it begins", () => {
    const text = "needle-in-a-haystack";
    for (const before of ["", "x", "xy"]) {
      const bytes = Buffer.from(before + text);
      const forms = [bytes, Buffer.from(before + text, "utf16le"), bytes.toString("hex"), bytes.toString("base64")];
      const found = forms.map((form) => findIn(Buffer.from(form), [text, "another-text-altogether"]));
      expect(found).toEqual(["UTF-8", "UTF-16LE", "hex", "base64"].map((form) => [`${text} as ${form}`]));
    }
  });

  it("looks into every file of every folder, but for those it is told to leave out", () => {
    const folder = mkdtempSync(join(tmpdir(), "waypost-test-"));
    mkdirSync(join(folder, "a", "b"), { recursive: true });
    for (const file of ["a/b/c.sqlite-wal", "left-out"]) writeFileSync(join(folder, file), "..needle..");
    const found = findInFiles(folder, ["needle"], (path) => basename(path) === "left-out");
    expect(found).toEqual(["needle as UTF-8 in a/b/c.sqlite-wal"]);
  });
});

describe.each(["SIGTERM", "kill -9, the read model up to date", "kill -9, at once"])("what is left after %s", (end) => {
  const stateDir = newStateDir();
  const temporaryDir = join(dirname(stateDir), "tmp");
  const markers = new Markers();
  const idempotencyKeys: string[] = [];
  const answers: string[] = [];
  const replays: [first: string, again: string][] = [];
  const eventIds: string[] = [];
  let server: DevServer;
  let mintedKey: string;

  const send = async ({ what, body, status }: LeakingRequest, key: string, query?: string): Promise<string> => {
    const answer = await track(server, key, body, { key: mintedKey, ...(query === undefined ? {} : { query }) });
    expect([what, answer.status, answer.text]).toEqual([what, status, expect.any(String)]);
    answers.push(answer.text, JSON.stringify([...answer.headers]));
    return answer.text;
  };
  const newKey = (): string => {
    const key = `idem-${randomUUID()}`;
    idempotencyKeys.push(key);
    return key;
  };

  beforeAll(async () => {
    mkdirSync(temporaryDir, { recursive: true });
    server = await startDevServer({ stateDir, env: { TMPDIR: temporaryDir } });
    for (const journey of JOURNEYS) await activateJourney(server, journey);
    const minted = await call(server, "/api/v1/api-keys", {
      method: "POST",
      body: { label: "Shop", scopes: ["events:write", "events:read"] },
    });
    mintedKey = (JSON.parse(minted.text) as { key: string }).key;

    await eachOf(acceptedRequests(markers), 4, async (request) => {
      const key = newKey();
      const first = await send(request, key);
      await send(conflictingRequest(markers), key);
      replays.push([first, await send(request, key)]);
      await send(request, key, "?include=receipt");
      await send(request, newKey(), "?include=receipt");
      eventIds.push((JSON.parse(first) as AcceptedFields).eventId);
    });
    await eachOf(refusedRequests(markers), 4, async (request) => void (await send(request, newKey())));
    await eachOf(eventIds, 4, async (id) => {
      answers.push((await call(server, `/api/v1/events/${id}`)).text);
    });
    if (end !== "kill -9, at once") await caughtUp(server);
    answers.push((await call(server, "/api/v1/events?limit=200")).text);
    for (const { key } of JOURNEYS) {
      const { items } = await read<{ items: { id: string }[] }>(server, `/api/v1/journeys/${key}/enrollments`);
      for (const { id } of items) answers.push((await call(server, `/api/v1/enrollments/${id}`)).text);
    }
    if (end === "SIGTERM") await server.stop("SIGTERM");
    else await server.kill9();
  });
  afterAll(async () => server.kill9());

  const findEverywhere = (texts: string[], exclude?: (path: string) => boolean): string[] => [
    ...findInFiles(stateDir, texts, exclude),
    ...findInFiles(temporaryDir, texts, exclude),
    ...findIn(Buffer.from(server.stderr()), texts),
  ];

  it("has every value that nobody declared, so that the scan would find the others", () => {
    const found = findInFiles(stateDir, markers.kept);
    expect(markers.kept.filter((text) => !found.some((find) => find.startsWith(`${text} as UTF-8 in v3/`)))).toEqual(
      [],
    );
  });

  it("let the filters see what nothing keeps", async () => {
    const receipts = answers.filter((text) => text.includes('"key":"leak-in"') && text.includes('"receipt"'));
    expect(receipts.length).toBeGreaterThan(0);
    for (const text of receipts) {
      const { journeys } = (JSON.parse(text) as { receipt: { journeys: { key: string; reason: string }[] } }).receipt;
      expect(Object.fromEntries(journeys.map(({ key, reason }) => [key, reason]))).toEqual({
        "leak-in": "enrolled",
        "leak-out": "filter_failed",
      });
    }
  });

  it("has no redacted value, and none of a refused request, in any byte", () => {
    expect(findEverywhere(markers.secrets)).toEqual([]);
    expect(findIn(Buffer.from(server.stdout()), markers.secrets)).toEqual([]);
  });

  it("replayed each request, though nothing keeps what it was", () => {
    expect(replays.length).toBeGreaterThan(10);
    expect(replays.filter(([first, again]) => first !== again)).toEqual([]);
  });

  it("gave no such value back in any answer", () => {
    expect(answers.length).toBeGreaterThan(100);
    expect(findIn(Buffer.from(answers.join("\n")), markers.secrets)).toEqual([]);
  });

  it("has no idempotency key, only digests", () => {
    expect(findEverywhere(idempotencyKeys)).toEqual([]);
    expect(findIn(Buffer.from(server.stdout()), idempotencyKeys)).toEqual([]);
  });

  it("has no API key, but the demo's own in the file that is there to keep them", () => {
    const { apiKey, eventsKey, writeKey, adminToken } = server.dev;
    const demo = [apiKey, eventsKey, writeKey, adminToken];
    const isSecretsFile = (path: string): boolean => path === join(stateDir, "dev-secrets.json");
    expect(findEverywhere(demo, isSecretsFile)).toEqual([]);
    expect(findEverywhere([mintedKey])).toEqual([]);
    // The start's curl shows one key on purpose.
    const printed = findIn(Buffer.from(server.stdout()), [...demo, mintedKey]);
    expect(printed).toEqual([`${eventsKey} as UTF-8`]);
    expect(findInFiles(stateDir, [apiKey])).toEqual([`${apiKey} as UTF-8 in dev-secrets.json`]);
  });
});
