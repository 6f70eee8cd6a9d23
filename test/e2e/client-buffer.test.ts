// The client's buffer: what it gathers, when it sends, what becomes of each event, and what it does at the end.
// The law: every event taken is settled exactly once. On a scripted fetch.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  BufferError,
  UsageError,
  Waypost,
  type BatchEvent,
  type BufferOptions,
  type WaypostError,
} from "../../src/client/index.ts";
import {
  ACCEPTED,
  batchAnswer,
  itemsOf,
  refusal,
  scriptedFetch,
  silence,
  type Asked,
  type Step,
} from "../support/scripted-fetch.ts";

const takesAll: Step = (asked) => batchAnswer(asked);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function aBuffer(steps: [Step, ...Step[]] = [takesAll], options: BufferOptions = {}) {
  const { fetch, asked } = scriptedFetch(...steps);
  const client = new Waypost({ apiKey: "wp_sk_key", baseURL: "https://events.example.com", fetch });
  return { buffer: client.buffer(options), asked };
}

function anEvent(event = "order.created", data: Record<string, string> = {}) {
  return { event, profile: { email: "alex@example.com" }, data };
}

/** The names of the events of each batch. */
function batchesOf(asked: Asked[]): string[][] {
  return asked.map((request) => itemsOf(request).map(({ event }) => event));
}

/** A server that is slow until it is told to answer. */
function held() {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const step: Step = async (asked) => {
    await released;
    return batchAnswer(asked);
  };
  return { step, release: () => release() };
}

describe("gathering", () => {
  it("sends when the longest delay is over, as one batch in order", async () => {
    const { buffer, asked } = aBuffer([takesAll], { maxDelayMs: 300 });
    const results = ["a", "b", "c"].map((name) => buffer.track(anEvent(name)));
    await vi.advanceTimersByTimeAsync(299);
    expect(asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(batchesOf(asked)).toEqual([["a", "b", "c"]]);
    expect(await Promise.all(results)).toEqual([ACCEPTED, ACCEPTED, ACCEPTED]);
  });

  it("counts the delay from the oldest event on", async () => {
    const { buffer, asked } = aBuffer([takesAll], { maxDelayMs: 300 });
    void buffer.track(anEvent("a"));
    await vi.advanceTimersByTimeAsync(200);
    void buffer.track(anEvent("b"));
    await vi.advanceTimersByTimeAsync(100);
    expect(batchesOf(asked)).toEqual([["a", "b"]]);
  });

  it("sends at once when enough have gathered", async () => {
    const { buffer, asked } = aBuffer([takesAll], { maxItems: 2 });
    void buffer.track(anEvent("a"));
    void buffer.track(anEvent("b"));
    await vi.advanceTimersByTimeAsync(0);
    expect(batchesOf(asked)).toEqual([["a", "b"]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("has one batch on its way at a time", async () => {
    const { step, release } = held();
    const { buffer, asked } = aBuffer([step], { maxItems: 1 });
    for (const name of ["a", "b", "c"]) void buffer.track(anEvent(name));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(batchesOf(asked)).toEqual([["a"]]);
    release();
    await buffer.flush();
    expect(batchesOf(asked)).toEqual([["a"], ["b"], ["c"]]);
  });

  it("puts at most 500 events into a batch", async () => {
    const { buffer, asked } = aBuffer([takesAll], { maxItems: 9_999 });
    for (let i = 0; i < 1_001; i += 1) void buffer.track(anEvent());
    await buffer.flush();
    expect(batchesOf(asked).map((batch) => batch.length)).toEqual([500, 500, 1]);
  });

  it("puts at most 5 MiB into a batch, counted as UTF-8", async () => {
    const { buffer, asked } = aBuffer([takesAll], { maxItems: 500, maxPendingBytes: 32 * 1024 * 1024 });
    for (let i = 0; i < 60; i += 1) void buffer.track(anEvent("large", { text: "ß".repeat(100_000) }));
    await buffer.flush();
    const bytes = asked.map(({ body }) => Buffer.byteLength(body ?? ""));
    expect(Math.max(...bytes)).toBeLessThanOrEqual(5 * 1024 * 1024);
    expect(Math.max(...bytes)).toBeGreaterThan(5 * 1024 * 1024 - 201_000);
    expect(batchesOf(asked).flat()).toHaveLength(60);
  });

  it("keeps an event as it was when it was taken", async () => {
    const { buffer, asked } = aBuffer();
    const event = anEvent("before");
    void buffer.track(event, { idempotencyKey: "mine" });
    event.event = "after";
    await buffer.flush();
    expect(asked[0] && itemsOf(asked[0])).toMatchObject([{ event: "before", idempotencyKey: "mine" }]);
  });
});

describe("a result", () => {
  it("is each event's own", async () => {
    const resultOf = ({ event }: { event: string }): object => {
      if (event === "conflict")
        return { status: "conflict", error: { error: "idempotency_key_reuse", message: "Taken." } };
      if (event === "invalid")
        return { status: "invalid", error: { error: "invalid_request", message: "Look.", details: { issues: [] } } };
      return { status: event, ...ACCEPTED, eventId: event };
    };
    const { buffer } = aBuffer([(asked) => batchAnswer(asked, resultOf)]);
    const calls = ["accepted", "conflict", "replayed", "invalid"].map((name) => buffer.track(anEvent(name)));
    const answers = Promise.all(calls.map((call) => call.withResponse().catch((error: WaypostError) => error)));
    await buffer.flush();
    expect(await answers).toMatchObject([
      { data: { ...ACCEPTED, eventId: "accepted" }, idempotentReplayed: false, requestId: "batch-1" },
      { name: "ConflictError", status: 409, code: "idempotency_key_reuse", requestId: "batch-1" },
      { data: { ...ACCEPTED, eventId: "replayed" }, idempotentReplayed: true },
      { name: "BadRequestError", status: 400, code: "invalid_request", details: { issues: [] } },
    ]);
    const first = await calls[0];
    expect(Reflect.ownKeys(first ?? {})).toEqual(Object.keys(ACCEPTED));
  });

  it("is the same keys' result, however often the batch is sent", async () => {
    const { buffer, asked } = aBuffer([refusal(503, "unavailable"), refusal(503, "unavailable"), takesAll]);
    const results = [buffer.track(anEvent("a")), buffer.track(anEvent("b"))];
    await vi.runAllTimersAsync();
    expect(await Promise.all(results)).toEqual([ACCEPTED, ACCEPTED]);
    expect(asked).toHaveLength(3);
    expect(new Set(asked.map(({ body }) => body)).size).toBe(1);
  });

  it("is the batch's error when it could not be sent, and the next batch goes on", async () => {
    const { buffer, asked } = aBuffer([refusal(503, "unavailable"), refusal(503, "unavailable"), takesAll], {
      maxItems: 1,
      maxRetries: 1,
    });
    const results = Promise.allSettled([buffer.track(anEvent("a")), buffer.track(anEvent("b"))]);
    await vi.runAllTimersAsync();
    expect(await results).toMatchObject([
      { status: "rejected", reason: { status: 503 } },
      { status: "fulfilled", value: ACCEPTED },
    ]);
    expect(batchesOf(asked)).toEqual([["a"], ["a"], ["b"]]);
  });

  it("is asked for eight times again unless told otherwise", async () => {
    const { buffer, asked } = aBuffer([refusal(503, "unavailable")]);
    const result = Promise.allSettled([buffer.track(anEvent())]);
    await vi.runAllTimersAsync();
    expect(await result).toMatchObject([{ status: "rejected" }]);
    expect(asked).toHaveLength(9);
  });

  it.each([{ results: [] }, { results: "none" }, {}])(
    "is an error when the answer does not fit the batch (%#)",
    async (answer) => {
      const { buffer } = aBuffer([Response.json(answer)]);
      const result = Promise.allSettled([buffer.track(anEvent())]);
      await buffer.flush();
      expect(await result).toMatchObject([{ status: "rejected", reason: { code: "unexpected_answer" } }]);
    },
  );

  it("is told to onError with the event, and then need not be awaited", async () => {
    const onError = vi.fn<(error: WaypostError, event: BatchEvent) => void>();
    const unhandled = vi.fn<(error: unknown) => void>();
    process.on("unhandledRejection", unhandled);
    const { buffer } = aBuffer([refusal(401, "unauthorized")], { onError });
    void buffer.track(anEvent("lost"), { idempotencyKey: "mine" });
    await buffer.flush();
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(onError.mock.calls).toMatchObject([[{ status: 401 }, { ...anEvent("lost"), idempotencyKey: "mine" }]]);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it.each<[string, () => void]>([
    [
      "throws",
      () => {
        throw new Error("wp_sk_secret in what onError threw");
      },
    ],
    ["rejects", async () => await Promise.reject(new Error("wp_sk_secret in what onError threw"))],
  ])("is its promise's alone when onError %s: one line says so, and the program goes on", async (_, onError) => {
    const unhandled = vi.fn<(error: unknown) => void>();
    const said = vi.spyOn(console, "error").mockReturnValue(undefined);
    process.on("unhandledRejection", unhandled);
    const { buffer } = aBuffer([refusal(401, "unauthorized"), takesAll], { onError });
    const lost = buffer.track(anEvent("lost"));
    await buffer.flush();
    await expect(lost).rejects.toMatchObject({ status: 401 });
    const next = buffer.track(anEvent("next"));
    await buffer.flush();
    expect(await next).toEqual(ACCEPTED);
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(said.mock.calls).toEqual([["waypost: the buffer's onError failed; what it threw was ignored."]]);
    said.mockRestore();
  });

  it("is the promise's, too, of an event that is tracked with null for its options", async () => {
    const { buffer } = aBuffer();
    await expect(buffer.track(anEvent(), null as never)).rejects.toBeInstanceOf(UsageError);
    expect(buffer.pending).toBe(0);
  });

  it("is an unhandled rejection where nobody is told", async () => {
    const unhandled = Promise.withResolvers<unknown>();
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.once("unhandledRejection", unhandled.resolve);
    const { buffer } = aBuffer([refusal(401, "unauthorized")]);
    void buffer.track(anEvent());
    await buffer.flush();
    expect(await unhandled.promise).toMatchObject({ status: 401 });
    for (const listener of others) process.on("unhandledRejection", listener);
  });
});

describe("bounds", () => {
  it("refuse an event beyond maxPending, those on their way included, until one is settled", async () => {
    const { step, release } = held();
    const { buffer } = aBuffer([step], { maxItems: 1, maxPending: 2 });
    const taken = [buffer.track(anEvent()), buffer.track(anEvent())];
    expect(buffer.pending).toBe(2);
    await expect(buffer.track(anEvent())).rejects.toMatchObject({ name: "BufferError", code: "buffer_full" });
    release();
    await Promise.all(taken);
    expect(buffer.pending).toBe(0);
    expect(await Promise.all([buffer.track(anEvent()), buffer.flush()])).toEqual([ACCEPTED, undefined]);
  });

  it("refuse bytes beyond maxPendingBytes", async () => {
    const { buffer } = aBuffer([takesAll], { maxPendingBytes: 2_000 });
    const first = buffer.track(anEvent("a", { text: "x".repeat(1_500) }));
    await expect(buffer.track(anEvent("b", { text: "x".repeat(1_500) }))).rejects.toBeInstanceOf(BufferError);
    await Promise.all([first, buffer.flush()]);
    await Promise.all([buffer.track(anEvent("b", { text: "x".repeat(1_500) })), buffer.flush()]);
  });

  it("tell onError of what was refused", async () => {
    const onError = vi.fn<(error: WaypostError, event: BatchEvent) => void>();
    const { buffer } = aBuffer([takesAll], { maxPending: 0, onError });
    void buffer.track(anEvent("refused"));
    await vi.runAllTimersAsync();
    expect(onError.mock.calls).toMatchObject([[{ code: "buffer_full" }, anEvent("refused")]]);
  });

  it("refuse an event that fits no batch", async () => {
    const { buffer } = aBuffer([takesAll], { maxPendingBytes: 64 * 1024 * 1024 });
    const event = anEvent("huge", { text: "x".repeat(5 * 1024 * 1024) });
    await expect(buffer.track(event)).rejects.toMatchObject({ name: "PayloadTooLargeError", status: 413 });
  });

  it("refuse what cannot be written as JSON", async () => {
    const { buffer } = aBuffer();
    await expect(buffer.track({ ...anEvent(), data: { n: 1n } as never })).rejects.toMatchObject({
      code: "invalid_body",
    });
    expect(buffer.pending).toBe(0);
  });
});

describe("the end", () => {
  it("is waited for by flush, also for what is on its way already", async () => {
    const { step, release } = held();
    const { buffer } = aBuffer([step], { maxItems: 1 });
    void buffer.track(anEvent("a"));
    const flushed = vi.fn<() => void>();
    void buffer.flush().then(flushed);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(flushed).not.toHaveBeenCalled();
    release();
    await vi.advanceTimersByTimeAsync(0);
    expect(flushed).toHaveBeenCalledOnce();
  });

  it("of a flush is not put off by events that come later", async () => {
    const second = held();
    const { buffer } = aBuffer([takesAll, second.step]);
    void buffer.track(anEvent("a"));
    const flushed = buffer.flush();
    void buffer.track(anEvent("b"));
    await flushed;
    expect(buffer.pending).toBe(1);
    second.release();
    await buffer.flush();
  });

  it("by close sends what waits and takes no more", async () => {
    const { buffer, asked } = aBuffer();
    const result = buffer.track(anEvent("a"));
    await buffer.close();
    expect(await result).toEqual(ACCEPTED);
    await expect(buffer.track(anEvent("b"))).rejects.toMatchObject({ code: "buffer_closed" });
    expect(batchesOf(asked)).toEqual([["a"]]);
  });

  it("of a program sends what waits", async () => {
    const before = process.listenerCount("beforeExit");
    const { buffer, asked } = aBuffer();
    const result = buffer.track(anEvent("a"));
    process.listeners("beforeExit").at(-1)?.(0);
    expect(await result).toEqual(ACCEPTED);
    expect(batchesOf(asked)).toEqual([["a"]]);
    expect(process.listenerCount("beforeExit")).toBe(before);
  });

  it("is listened for once, and by no idle buffer", async () => {
    const before = process.listenerCount("beforeExit");
    const buffers = Array.from({ length: 20 }, () => aBuffer().buffer);
    expect(process.listenerCount("beforeExit")).toBe(before);
    const results = buffers.map(async (buffer) => await buffer.track(anEvent()));
    expect(process.listenerCount("beforeExit")).toBe(before + 1);
    await Promise.all(results.map(async (result, i) => await Promise.all([result, buffers[i]?.flush()])));
    expect(process.listenerCount("beforeExit")).toBe(before);
  });
});

describe("a page", () => {
  const listeners = new Map<string, () => void>();
  const document = {
    visibilityState: "visible",
    addEventListener: (event: string, listener: () => void) => void listeners.set(event, listener),
    removeEventListener: (event: string) => void listeners.delete(event),
  };

  beforeEach(() => {
    document.visibilityState = "visible";
    vi.stubGlobal("document", document);
    vi.stubGlobal("addEventListener", document.addEventListener);
    vi.stubGlobal("removeEventListener", document.removeEventListener);
  });

  function leave(event: "pagehide" | "visibilitychange"): void {
    if (event === "visibilitychange") document.visibilityState = "hidden";
    listeners.get(event)?.();
  }

  it.each(["pagehide", "visibilitychange"] as const)("sends what waits at %s, to outlive it", async (event) => {
    const { buffer, asked } = aBuffer();
    const result = buffer.track(anEvent("a"));
    leave(event);
    expect(await result).toEqual(ACCEPTED);
    expect(asked.map(({ keepalive }) => keepalive)).toEqual([true]);
    expect([...listeners.keys()]).toEqual([]);
  });

  it("goes on when it becomes visible", async () => {
    const { buffer, asked } = aBuffer();
    void buffer.track(anEvent("a"));
    listeners.get("visibilitychange")?.();
    await vi.advanceTimersByTimeAsync(10);
    expect(asked).toEqual([]);
    await buffer.flush();
  });

  it("has at most 60 KiB of such bodies on their way, and sends the rest without", async () => {
    const { buffer, asked } = aBuffer([silence], { maxItems: 500 });
    for (let i = 0; i < 12; i += 1)
      void buffer.track(anEvent("a", { text: "x".repeat(10_000) })).catch(() => undefined);
    void buffer.flush();
    leave("pagehide");
    const kept = asked.filter(({ keepalive }) => keepalive).map(({ body }) => Buffer.byteLength(body ?? ""));
    expect(kept.length).toBeGreaterThan(1);
    expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(60 * 1024);
    expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(45 * 1024);
    expect(new Set(asked.flatMap(itemsOf).map(({ idempotencyKey }) => idempotencyKey)).size).toBe(
      asked.flatMap(itemsOf).length,
    );
    await vi.runAllTimersAsync();
  });

  it("sends an event that is too large to outlive it", async () => {
    const { buffer, asked } = aBuffer();
    const result = buffer.track(anEvent("large", { text: "x".repeat(100_000) }));
    leave("pagehide");
    expect(await result).toEqual(ACCEPTED);
    expect(asked.map(({ keepalive }) => keepalive)).toEqual([false]);
  });
});
