// What the client sends, when it sends it again, and what it makes of answers: docs/client.md, on a scripted fetch.
import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as client from "../../src/client/index.ts";
import { MAX_RETRY_AFTER_MS, retryDelayMs } from "../../src/client/retry.ts";
import {
  ACCEPTED,
  accepted,
  batchAnswer,
  connectionFailure,
  itemsOf,
  refusal,
  scriptedFetch,
  silence,
  type Asked,
  type Step,
} from "../support/scripted-fetch.ts";

const API_KEY = "wp_sk_thisIsTheKeyThatNobodyMaySee";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const EVENT = { event: "order.created", profile: { email: "alex@example.com" }, data: { total: 49 } };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function clientOf(fetch: client.Fetch, options: client.ClientOptions = {}): client.Waypost {
  return new client.Waypost({ apiKey: API_KEY, baseURL: "https://events.example.com", fetch, ...options });
}

/** Lets a call come to its end, whatever it waits for, and gives its outcome. */
async function outcomeOf<T>(call: Promise<T>): Promise<T | client.WaypostError> {
  const outcome = call.catch((error: client.WaypostError) => error);
  await vi.runAllTimersAsync();
  return await outcome;
}

/** Tracks an event against a script, and tells what came of it. */
async function track(steps: [Step, ...Step[]], options: client.ClientOptions & client.TrackOptions = {}) {
  const { fetch, asked } = scriptedFetch(...steps);
  const outcome = await outcomeOf(clientOf(fetch, options).v1.events.track(EVENT, options));
  return { asked, outcome };
}

function gapsOf(asked: Asked[]): number[] {
  return asked.slice(1).map(({ at }, i) => at - (asked[i]?.at ?? 0));
}

describe("a request", () => {
  it("posts the body to /api/v1/events under the API key", async () => {
    const { asked, outcome } = await track([accepted()]);
    expect(outcome).toEqual(ACCEPTED);
    expect(asked).toHaveLength(1);
    expect([asked[0]?.method, asked[0]?.url.href]).toEqual(["POST", "https://events.example.com/api/v1/events"]);
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual(EVENT);
    expect(Object.fromEntries(asked[0]?.headers ?? [])).toEqual({
      accept: "application/json",
      "content-type": "application/json",
      "idempotency-key": expect.stringMatching(UUID) as string,
      "x-api-key": API_KEY,
    });
  });

  it.each([
    ["https://example.com/waypost", "https://example.com/waypost/api/v1/events"],
    ["https://example.com/waypost/", "https://example.com/waypost/api/v1/events"],
    ["http://[::1]:8787", "http://[::1]:8787/api/v1/events"],
  ])("to %s goes to %s", async (baseURL, url) => {
    const { asked } = await track([accepted()], { baseURL });
    expect(asked[0]?.url.href).toBe(url);
  });

  it("takes the idempotency key out of the headers, however they spell it", async () => {
    const { asked } = await track([accepted()], {
      headers: { "Idempotency-Key": "order.created:9421" },
      idempotencyKey: "other",
    });
    expect(asked[0]?.headers.get("idempotency-key")).toBe("order.created:9421");
  });

  it("takes the idempotency key out of its option", async () => {
    const { asked } = await track([accepted()], { idempotencyKey: "order.created:9421" });
    expect(asked[0]?.headers.get("idempotency-key")).toBe("order.created:9421");
  });

  it("makes another key for each call", async () => {
    const { fetch, asked } = scriptedFetch(accepted());
    const { events } = clientOf(fetch).v1;
    await Promise.all([events.track(EVENT), events.track(EVENT)]);
    expect(asked[0]?.headers.get("idempotency-key")).not.toBe(asked[1]?.headers.get("idempotency-key"));
  });

  it("writes a key beyond ASCII as UTF-8", async () => {
    const { asked } = await track([accepted()], { idempotencyKey: "größe:日" });
    const bytes = Buffer.from(asked[0]?.headers.get("idempotency-key") ?? "", "latin1");
    expect(bytes.toString("utf8")).toBe("größe:日");
  });

  it("makes a UUID where crypto.randomUUID is missing", async () => {
    vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
    const { asked } = await track([accepted()]);
    vi.unstubAllGlobals();
    expect(asked[0]?.headers.get("idempotency-key")).toMatch(UUID);
  });

  it("lets a call's headers win over the client's", async () => {
    const { asked } = await track([accepted()], {
      defaultHeaders: { "x-team": "a", "x-b": "1" },
      headers: { "X-Team": "b" },
    });
    expect([asked[0]?.headers.get("x-team"), asked[0]?.headers.get("x-b")]).toEqual(["b", "1"]);
  });

  it("follows no redirect, which would carry the key elsewhere", async () => {
    const { asked, outcome } = await track([
      new Response(null, { status: 307, headers: { location: "https://b.example.com" } }),
    ]);
    expect(asked.map(({ redirect }) => redirect)).toEqual(["manual"]);
    expect(outcome).toMatchObject({ name: "ApiError", status: 307, code: "redirected" });
  });

  it("asks for the receipt when told to", async () => {
    const { asked } = await track([accepted()], { include: "receipt" });
    expect(asked[0]?.url.search).toBe("?include=receipt");
  });
});

describe("settings from the environment", () => {
  afterEach(() => void vi.unstubAllEnvs());

  it("are read when a call needs them", async () => {
    const { fetch, asked } = scriptedFetch(accepted());
    const late = new client.Waypost({ fetch });
    vi.stubEnv("WAYPOST_API_KEY", "wp_sk_late");
    vi.stubEnv("WAYPOST_BASE_URL", "https://late.example.com");
    await late.v1.events.track(EVENT);
    expect([asked[0]?.url.origin, asked[0]?.headers.get("x-api-key")]).toEqual([
      "https://late.example.com",
      "wp_sk_late",
    ]);
  });

  it.each([
    undefined,
    { env: undefined },
    Object.defineProperty({}, "env", {
      get: () => {
        throw new Error("denied");
      },
    }),
  ])("are none where there is no environment (%#)", async (process) => {
    const { fetch, asked } = scriptedFetch(accepted());
    const { events } = new client.Waypost({ fetch, apiKey: API_KEY }).v1;
    vi.stubGlobal("process", process);
    const call = events.track(EVENT);
    vi.unstubAllGlobals();
    await call;
    expect(asked[0]?.url.origin).toBe("http://127.0.0.1:8787");
  });

  it("sends no key for apiKey null", async () => {
    vi.stubEnv("WAYPOST_API_KEY", "wp_sk_of_the_environment");
    const { asked } = await track([accepted()], { apiKey: null });
    expect(asked[0]?.headers.has("x-api-key")).toBe(false);
  });
});

describe("what cannot be sent", () => {
  const circular: Record<string, never> = {};
  Object.assign(circular, { secretName: circular });

  it.each([
    ["missing_api_key", { apiKey: "" }, EVENT],
    ["invalid_base_url", { baseURL: "wp_sk_pasted_into_the_wrong_option" }, EVENT],
    ["invalid_base_url", { baseURL: "ftp://example.com" }, EVENT],
    ["invalid_base_url", { baseURL: "https://user:wp_sk_secret@example.com" }, EVENT],
    ["invalid_timeout", { timeout: 0 }, EVENT],
    ["invalid_timeout", { timeout: Number.NaN }, EVENT],
    ["invalid_max_retries", { maxRetries: -1 }, EVENT],
    ["invalid_header", { apiKey: "wp_sk_a\nb" }, EVENT],
    ["invalid_header", { defaultHeaders: { "wp_sk name": "x" } }, EVENT],
    ["invalid_body", {}, { ...EVENT, data: circular }],
    ["invalid_body", {}, { ...EVENT, data: { secretName: 10n } as never }],
  ])("is a UsageError %s that repeats nothing (%#)", async (code, options, body) => {
    const { fetch, asked } = scriptedFetch(accepted());
    const error = await outcomeOf(clientOf(fetch, options).v1.events.track(body));
    expect(error).toBeInstanceOf(client.UsageError);
    expect(error).toMatchObject({ code });
    expect(inspect(error, { depth: 9 })).not.toMatch(/wp_sk|secretName/);
    expect(asked).toEqual([]);
  });

  /** Calls as code without types makes them; each has to answer a promise. */
  const untyped = {
    "track with null for its options": ({ events }: client.Waypost["v1"]) => events.track(EVENT, null as never),
    "batch of nothing": ({ events }: client.Waypost["v1"]) => events.batch(undefined as never),
    "batch of null": ({ events }: client.Waypost["v1"]) => events.batch(null as never),
    "batch without events": ({ events }: client.Waypost["v1"]) => events.batch({} as never),
    "batch of what is no list": ({ events }: client.Waypost["v1"]) => events.batch({ events: EVENT } as never),
    "batch with null for its options": ({ events }: client.Waypost["v1"]) =>
      events.batch({ events: [EVENT] }, null as never),
    "retrieve with null for its options": ({ events }: client.Waypost["v1"]) => events.retrieve("id", null as never),
    "list of null": ({ events }: client.Waypost["v1"]) => events.list(null as never),
    "list with null for its options": ({ events }: client.Waypost["v1"]) => events.list({}, null as never),
  };

  it.each(Object.entries(untyped))("is a %s: the promise rejects, and nothing is thrown", async (_, call) => {
    const { fetch, asked } = scriptedFetch(accepted());
    const error = await outcomeOf<unknown>(call(clientOf(fetch).v1));
    expect(error).toBeInstanceOf(client.UsageError);
    expect(asked).toEqual([]);
  });

  it.each(["", ".", "..", "a/b", "a?b"])("is the event id %j", async (id) => {
    const { fetch, asked } = scriptedFetch(accepted());
    expect(await outcomeOf(clientOf(fetch).v1.events.retrieve(id))).toMatchObject({ code: "invalid_event_id" });
    expect(asked).toEqual([]);
  });
});

describe("a retry", () => {
  it.each([408, 429, 500, 502, 503, 504, 599])("follows a %i", async (status) => {
    const { asked, outcome } = await track([new Response("<html>", { status }), accepted()]);
    expect(asked).toHaveLength(2);
    expect(outcome).toEqual(ACCEPTED);
  });

  it.each([400, 401, 403, 404, 405, 409, 413, 422])("does not follow a %i", async (status) => {
    const { asked } = await track([refusal(status, "code"), accepted()]);
    expect(asked).toHaveLength(1);
  });

  it.each([
    [409, "true", 2],
    [400, "true", 2],
    [503, "false", 1],
    [429, "false", 1],
    [503, "perhaps", 2],
  ])("after a %i with x-should-retry: %s makes it %i requests", async (status, said, count) => {
    const { asked } = await track([refusal(status, "code", { "x-should-retry": said }), accepted()]);
    expect(asked).toHaveLength(count);
  });

  it("follows a connection that fails", async () => {
    const { asked, outcome } = await track([connectionFailure("ECONNRESET"), accepted()]);
    expect(asked).toHaveLength(2);
    expect(outcome).toEqual(ACCEPTED);
  });

  it("follows an answer that breaks off", async () => {
    const broken = () =>
      new Response(new ReadableStream({ start: (body) => body.error(new TypeError("terminated")) }), { status: 202 });
    const { asked, outcome } = await track([broken, accepted()]);
    expect(asked).toHaveLength(2);
    expect(outcome).toEqual(ACCEPTED);
  });

  it("follows an attempt that takes too long", async () => {
    const { asked, outcome } = await track([silence, accepted()], { timeout: 1_234 });
    expect(gapsOf(asked)[0]).toBeGreaterThanOrEqual(1_234 + 375);
    expect(gapsOf(asked)[0]).toBeLessThanOrEqual(1_234 + 500);
    expect(outcome).toEqual(ACCEPTED);
  });

  it("sends the same key and the same body", async () => {
    const { asked } = await track([refusal(503, "unavailable"), connectionFailure("EPIPE"), accepted()]);
    expect(asked).toHaveLength(3);
    expect(new Set(asked.map(({ headers }) => headers.get("idempotency-key"))).size).toBe(1);
    expect(new Set(asked.map(({ body }) => body)).size).toBe(1);
  });

  it.each([
    [undefined, 3],
    [0, 1],
    [5, 6],
  ])("with maxRetries %s makes at most %i requests", async (maxRetries, count) => {
    const { asked, outcome } = await track([refusal(503, "unavailable")], { maxRetries });
    expect(asked).toHaveLength(count);
    expect(outcome).toBeInstanceOf(client.InternalServerError);
  });

  it("lets a call's maxRetries win over the client's", async () => {
    const { fetch, asked } = scriptedFetch(refusal(503, "unavailable"));
    await outcomeOf(clientOf(fetch, { maxRetries: 7 }).v1.events.track(EVENT, { maxRetries: 1 }));
    expect(asked).toHaveLength(2);
  });

  it("waits twice as long each time, up to eight seconds, less a quarter at most", async () => {
    const { asked } = await track([refusal(503, "unavailable")], { maxRetries: 7 });
    const longest = [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000];
    for (const [i, gap] of gapsOf(asked).entries()) {
      const most = longest[i] ?? 0;
      expect([gap >= most * 0.75 - 1, gap <= most]).toEqual([true, true]);
    }
    expect(asked).toHaveLength(8);
  });

  it.each([
    [0, 0, 500],
    [0, 1, 375],
    [4, 0.5, 7_000],
  ])("number %i, at random %d, comes after %i ms", (retry, random, delayMs) => {
    expect(retryDelayMs(retry, null, random)).toBe(delayMs);
  });

  it("is never earlier than it was asked for, and never later than eight seconds otherwise", () => {
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.option(fc.nat(MAX_RETRY_AFTER_MS)),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (retry, asked, random) => {
          const delay = retryDelayMs(retry, asked, random);
          expect(delay).toBeGreaterThanOrEqual(Math.max(asked ?? 0, 375));
          expect(delay).toBeLessThanOrEqual(Math.max(asked ?? 0, 8_000));
        },
      ),
    );
  });

  it("waits as many seconds as Retry-After says", async () => {
    const { asked } = await track([refusal(503, "unavailable", { "retry-after": "17" }), accepted()]);
    expect(gapsOf(asked)).toEqual([17_000]);
  });

  it("waits until the date that Retry-After says", async () => {
    vi.setSystemTime("2026-05-31T12:00:00Z");
    const { asked } = await track([
      refusal(429, "rate_limited", { "retry-after": "Sun, 31 May 2026 12:00:21 GMT" }),
      accepted(),
    ]);
    expect(gapsOf(asked)).toEqual([21_000]);
  });

  it.each(["soon", "-5", "Sun, 31 May 2020 12:00:21 GMT"])("waits its own time after Retry-After: %s", async (text) => {
    const { asked } = await track([refusal(503, "unavailable", { "retry-after": text }), accepted()]);
    expect(gapsOf(asked)[0]).toBeLessThanOrEqual(500);
  });

  it("is asked for at once by a date that is over", async () => {
    const { outcome } = await track([refusal(503, "unavailable", { "retry-after": "Sun, 31 May 2020 12:00:21 GMT" })], {
      maxRetries: 0,
    });
    expect(outcome).toMatchObject({ retryAfterMs: 0 });
  });

  it("is left to the caller when it is asked for in more than a minute", async () => {
    const { asked, outcome } = await track([refusal(503, "unavailable", { "retry-after": "61" }), accepted()]);
    expect(asked).toHaveLength(1);
    expect(outcome).toMatchObject({ status: 503, retryAfterMs: 61_000 });
  });

  it("leaves no listener on the caller's signal", async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    await track([refusal(503, "unavailable"), silence, accepted()], { signal, timeout: 100 });
    expect(added.mock.calls.length).toBeGreaterThan(3);
    expect(removed.mock.calls.length).toBe(added.mock.calls.length);
  });

  it("leaves no timer behind", async () => {
    const { fetch } = scriptedFetch(accepted());
    await clientOf(fetch).v1.events.track(EVENT);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a signal", () => {
  it("ends a call before it is made", async () => {
    const { asked, outcome } = await track([accepted()], { signal: AbortSignal.abort() });
    expect(outcome).toBeInstanceOf(client.AbortError);
    expect(asked).toEqual([]);
  });

  it.each([
    ["waits for an answer", silence],
    ["waits for an answer of a fetch that knows no signal", () => new Promise<Response>(() => undefined)],
    ["waits to try again", refusal(503, "unavailable", { "retry-after": "30" })],
  ] as [string, Step][])("ends a call that %s", async (_, step) => {
    const { fetch, asked } = scriptedFetch(step, accepted());
    const controller = new AbortController();
    const call = clientOf(fetch, { timeout: 20_000 }).v1.events.track(EVENT, { signal: controller.signal });
    const outcome = call.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    controller.abort(new Error("the caller's own"));
    await vi.advanceTimersByTimeAsync(0);
    expect(await outcome).toMatchObject({ name: "AbortError", code: "aborted" });
    await vi.runAllTimersAsync();
    expect(asked).toHaveLength(1);
  });
});

describe("an error", () => {
  it.each([
    [400, client.BadRequestError, "BadRequestError"],
    [401, client.AuthenticationError, "AuthenticationError"],
    [403, client.PermissionDeniedError, "PermissionDeniedError"],
    [404, client.NotFoundError, "NotFoundError"],
    [405, client.ApiError, "ApiError"],
    [409, client.ConflictError, "ConflictError"],
    [413, client.PayloadTooLargeError, "PayloadTooLargeError"],
    [422, client.UnprocessableEntityError, "UnprocessableEntityError"],
    [429, client.RateLimitError, "RateLimitError"],
    [500, client.InternalServerError, "InternalServerError"],
    [503, client.InternalServerError, "InternalServerError"],
  ])("of status %i has its class, code, details and request id", async (status, Class, name) => {
    const details = { issues: [{ path: "profile", message: "Is required." }] };
    const { outcome } = await track([refusal(status, "some_code", {}, details)], { maxRetries: 0 });
    expect(outcome).toBeInstanceOf(Class);
    expect(outcome).toMatchObject({
      name,
      status,
      code: "some_code",
      details,
      requestId: "request-1",
      retryAfterMs: null,
    });
    expect((outcome as Error).message).toBe(`${status} some_code: What to do.`);
    expect(String((outcome as Error).stack)).toMatch(new RegExp(`^${name}: `));
  });

  it.each([
    ["a page", new Response("<html>wp_sk_secret</html>", { status: 502 })],
    ["another envelope", Response.json({ error: { wp_sk: 1 }, message: "wp_sk_secret" }, { status: 502 })],
    ["nothing", new Response(null, { status: 502 })],
  ])("keeps nothing of an answer that is %s instead of an envelope", async (_, response) => {
    const { outcome } = await track([response], { maxRetries: 0 });
    expect(outcome).toMatchObject({ status: 502, code: "http_502", details: null });
    expect(inspect(outcome, { depth: 9 })).not.toContain("wp_sk");
  });

  it("of a connection names the host and the system's code", async () => {
    const { outcome } = await track([connectionFailure("ECONNREFUSED")], { maxRetries: 0 });
    expect(outcome).toMatchObject({ name: "ConnectionError", code: "connection_failed" });
    expect((outcome as Error).message).toBe("No answer came from https://events.example.com (ECONNREFUSED).");
  });

  it("of a connection holds nothing of what the platform said", async () => {
    const loud = () => {
      throw Object.assign(new Error(`could not send ${API_KEY}`), { config: { headers: API_KEY }, code: API_KEY });
    };
    const { outcome } = await track([loud], { maxRetries: 0 });
    expect(outcome).toBeInstanceOf(client.ConnectionError);
    expect(inspect(outcome, { depth: 9, showHidden: true })).not.toContain(API_KEY);
  });

  it("of time tells how long it was", async () => {
    const { outcome } = await track([silence], { maxRetries: 0, timeout: 250 });
    expect(outcome).toMatchObject({ name: "TimeoutError", message: "No answer came within 250 ms." });
    expect(outcome).toBeInstanceOf(client.ConnectionError);
  });

  it("tells that what answered is no Waypost server", async () => {
    const { asked, outcome } = await track([new Response("<html>Log in</html>")]);
    expect(outcome).toMatchObject({ name: "ConnectionError", code: "unexpected_answer" });
    expect(asked).toHaveLength(1);
  });

  it.each(["track", "batch"] as const)("of %s never holds the API key or the payload", async (method) => {
    const body = { ...EVENT, data: { card: "4242424242424242" } };
    for (const step of [refusal(400, "invalid_request"), connectionFailure("EPIPE"), silence]) {
      const { events } = clientOf(scriptedFetch(step).fetch, { maxRetries: 0 }).v1;
      const call = method === "track" ? events.track(body) : events.batch({ events: [body] });
      const error = await outcomeOf(call as Promise<unknown>);
      expect(error).toBeInstanceOf(client.WaypostError);
      expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toMatch(/4242|wp_sk/);
    }
  });
});

describe("an answer", () => {
  it("is the five published fields and nothing else", async () => {
    const { outcome } = await track([accepted({ "idempotent-replayed": "true" })]);
    expect(Object.getPrototypeOf(outcome)).toBe(Object.prototype);
    expect(Reflect.ownKeys(outcome)).toEqual(Object.keys(ACCEPTED));
  });

  it.each([
    [{ "idempotent-replayed": "true" }, true],
    [{}, false],
  ])("tells with withResponse whether it is a replay (%#)", async (headers, idempotentReplayed) => {
    const { fetch } = scriptedFetch(refusal(503, "unavailable"), accepted(headers));
    const call = clientOf(fetch).v1.events.track(EVENT);
    const answer = call.withResponse();
    await vi.runAllTimersAsync();
    expect(await answer).toMatchObject({
      data: ACCEPTED,
      status: 202,
      requestId: "request-1",
      idempotentReplayed,
      attempts: 2,
    });
    expect(await call).toBe((await answer).data);
  });

  it("leaves no second rejection when only withResponse is awaited", async () => {
    const unhandled = vi.fn<(error: unknown) => void>();
    process.on("unhandledRejection", unhandled);
    const { fetch } = scriptedFetch(refusal(400, "invalid_request"));
    await expect(clientOf(fetch).v1.events.track(EVENT).withResponse()).rejects.toBeInstanceOf(client.BadRequestError);
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("is a promise to everything that looks", async () => {
    const call = clientOf(scriptedFetch(accepted()).fetch).v1.events.track(EVENT);
    const done = vi.fn<() => void>();
    expect(call).toBeInstanceOf(Promise);
    expect(await Promise.resolve(call)).toEqual(ACCEPTED);
    expect(await call.finally(done)).toEqual(ACCEPTED);
    expect(done).toHaveBeenCalledOnce();
  });
});

describe("a batch", () => {
  it("gives each event a key and keeps the ones it has, over retries", async () => {
    const { fetch, asked } = scriptedFetch(refusal(503, "unavailable"), (request) => batchAnswer(request));
    const events = [{ ...EVENT, idempotencyKey: "mine" }, EVENT];
    const answer = await outcomeOf(clientOf(fetch).v1.events.batch({ events }));
    expect(asked.map(({ url }) => url.pathname)).toEqual(["/api/v1/events/batch", "/api/v1/events/batch"]);
    expect(asked[0] && itemsOf(asked[0])).toEqual([
      events[0],
      { ...EVENT, idempotencyKey: expect.stringMatching(UUID) as string },
    ]);
    expect(asked[1]?.body).toBe(asked[0]?.body);
    expect(asked[0]?.headers.has("idempotency-key")).toBe(false);
    expect(answer).toMatchObject({
      results: [{ index: 0, status: "accepted" }, { index: 1 }],
      summary: { accepted: 2 },
    });
  });
});

/** What no Waypost server answers to a batch of one event. */
const UNEXPECTED = {
  "a result that is null": [null],
  "a result that is a text": ["accepted"],
  "a result without a status": [{ index: 0, ...ACCEPTED }],
  "a status that nobody knows": [{ index: 0, status: "queued", ...ACCEPTED }],
  "a status that objects have by nature": [{ index: 0, status: "constructor", ...ACCEPTED }],
  "an accepted event without an id": [{ index: 0, status: "accepted" }],
  "a conflict without its error": [{ index: 0, status: "conflict" }],
  "an error that is null": [{ index: 0, status: "invalid", error: null }],
  "an error without a code": [{ index: 0, status: "invalid", error: { message: "No." } }],
  "an error in what was accepted": [{ index: 0, status: "accepted", ...ACCEPTED, error: { error: "x", message: "y" } }],
  "the result of another event": [{ index: 1, status: "accepted", ...ACCEPTED }],
  "a result too few": [],
  "a result too many": [0, 1].map((index) => ({ index, status: "accepted", ...ACCEPTED })),
  "no list of results": { 0: { index: 0, status: "accepted", ...ACCEPTED } },
};

describe("an answer to a batch", () => {
  it.each(Object.entries(UNEXPECTED))("with %s is no Waypost server's", async (_, results) => {
    const { fetch, asked } = scriptedFetch(Response.json({ results, summary: {} }));
    const error = await outcomeOf(clientOf(fetch).v1.events.batch({ events: [EVENT] }));
    expect(error).toBeInstanceOf(client.ConnectionError);
    expect(error).toMatchObject({ code: "unexpected_answer" });
    expect(asked).toHaveLength(1);
  });

  it.each(Object.entries(UNEXPECTED))("with %s is the buffered event's error", async (_, results) => {
    const { fetch } = scriptedFetch(Response.json({ results, summary: {} }));
    const buffer = clientOf(fetch).buffer();
    const result = outcomeOf(buffer.track(EVENT));
    await buffer.flush();
    expect(await result).toBeInstanceOf(client.ConnectionError);
    expect(await result).toMatchObject({ code: "unexpected_answer" });
  });
});

describe("a list", () => {
  const pages = [
    { items: [{ eventId: "3" }, { eventId: "2" }], nextCursor: "c1" },
    { items: [], nextCursor: "c2" },
    { items: [{ eventId: "1" }], nextCursor: null },
  ];
  const paged = () =>
    scriptedFetch(
      () => Response.json(pages[0]),
      () => Response.json(pages[1]),
      () => Response.json(pages[2]),
    );

  it("is its first page when it is awaited", async () => {
    const { fetch, asked } = paged();
    const filters = { event: "order.created", limit: 2, from: "2026-05-31T12:00:00Z" };
    expect(await clientOf(fetch).v1.events.list(filters)).toEqual(pages[0]);
    expect(Object.fromEntries(asked[0]?.url.searchParams ?? [])).toEqual({ ...filters, limit: "2" });
  });

  it("is every item of every page when it is iterated", async () => {
    const { fetch, asked } = paged();
    const ids: string[] = [];
    for await (const { eventId } of clientOf(fetch).v1.events.list({ event: "a&b" })) ids.push(eventId);
    expect(ids).toEqual(["3", "2", "1"]);
    expect(asked.map(({ url }) => url.search)).toEqual([
      "?event=a%26b",
      "?event=a%26b&cursor=c1",
      "?event=a%26b&cursor=c2",
    ]);
  });

  it("asks for a page only when it is wanted", async () => {
    const { fetch, asked } = paged();
    for await (const page of clientOf(fetch).v1.events.list().pages()) {
      expect(page).toEqual(pages[0]);
      break;
    }
    expect(asked).toHaveLength(1);
  });
});
