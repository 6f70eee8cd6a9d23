// Webhooks of the real server to real receivers, well-behaved and not: what each is seen to do stands in the attempt
// log, and what a receiver gets is verified by the reference library.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { activateJourney, call, read, track } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { startRawReceiver } from "../support/raw-receiver.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

/** An attempt lasts ten seconds at most, the wait after the first one six; the rest is for a machine that is busy. */
const ATTEMPTED_MS = 90_000;
const TEXT = { "content-type": "text/plain" };

interface Delivery {
  id: string;
  status: string;
  reason: string | null;
  attempts: number;
  nextAttemptAt: string | null;
  target: string;
  attemptLog: {
    at: string;
    outcome: string;
    code: string | null;
    message: string | null;
    durationMs: number;
    target: string;
  }[];
}

let server: DevServer;
let journeys = 0;

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => {
  await server.stop();
});

async function aReceiver(answer?: (response: ServerResponse) => void): Promise<WebhookReceiver> {
  const receiver = await startWebhookReceiver(answer);
  onTestFinished(receiver.close);
  return receiver;
}

/** A journey of one step that calls an address. @returns a function that starts a run of it */
async function aJourneyCalling(url: string, step: object = {}) {
  const key = `calling-${(journeys += 1)}`;
  const document = {
    key,
    name: key,
    entry: { event: key },
    eligibility: { reentry: "always", maxActive: 1_000 },
    steps: [{ id: "tell", type: "webhook", url, ...step }],
  };
  await activateJourney(server, document);
  let runs = 0;
  return {
    key,
    start: async (): Promise<void> => {
      const body = { event: key, profile: { email: "alex@example.com" }, data: { order: "Zoë 🎉" } };
      expect((await track(server, `${key}-${(runs += 1)}`, body)).status).toBe(202);
    },
  };
}

/** A journey's newest message, once it is as it is waited for. */
async function deliveryOf(journeyKey: string, isDone: (delivery: Delivery) => boolean): Promise<Delivery> {
  return await vi.waitFor(
    async () => {
      const { items } = await read<{ items: Delivery[] }>(server, `/api/v1/deliveries?journeyKey=${journeyKey}`);
      const [newest] = items;
      if (newest === undefined) throw new Error("not listed yet");
      const delivery = await read<Delivery>(server, `/api/v1/deliveries/${newest.id}`);
      if (!isDone(delivery)) throw new Error(`not done yet: ${JSON.stringify(delivery)}`);
      return delivery;
    },
    { timeout: ATTEMPTED_MS, interval: 200 },
  );
}

const wasTried = ({ attemptLog }: Delivery): boolean => attemptLog.length > 0;
const isSettled = ({ status }: Delivery): boolean => status !== "pending";

/** Calls an address once. @returns the message after its first attempt */
async function callOnce(url: string): Promise<Delivery> {
  const { key, start } = await aJourneyCalling(url);
  await start();
  return await deliveryOf(key, wasTried);
}

const attempt = (outcome: string, code: string, message: unknown) => ({
  at: expect.stringMatching(/Z$/),
  outcome,
  code,
  message,
  durationMs: expect.any(Number),
  target: expect.stringContaining("http"),
});

type Receiver = (response: ServerResponse) => void;

const answering =
  (status: number, headers: Record<string, string> = {}, body = ""): Receiver =>
  (response) => {
    response.writeHead(status, headers).end(body);
  };

describe("a receiver that", () => {
  it.each<[string, Receiver, ReturnType<typeof attempt>]>([
    ["answers 200", answering(200, TEXT, "thank you"), attempt("sent", "200", null)],
    ["answers 204", answering(204), attempt("sent", "204", null)],
    ["answers 200 and goes on for ever", endless(200), attempt("sent", "200", null)],
    ["answers 200 and breaks off", breakingOff(200), attempt("sent", "200", null)],
    ["answers 200 and falls silent", fallingSilent(200), attempt("sent", "200", null)],
    ["answers 500", answering(500, TEXT, "oops"), attempt("retry", "500", "oops")],
    ["answers 500 and goes on for ever", endless(500), attempt("retry", "500", "x".repeat(300))],
    ["answers 500 and breaks off", breakingOff(500), attempt("retry", "500", "part")],
    ["answers 500 and falls silent", fallingSilent(500), attempt("retry", "500", "part")],
    ["answers 410", answering(410, TEXT, "moved away"), attempt("failed", "410", "moved away")],
    ["hangs", () => undefined, attempt("retry", "timeout", expect.stringContaining("10 seconds"))],
  ])("%s is logged so", async (_what, answer, expected) => {
    const receiver = await aReceiver(answer);
    const delivery = await callOnce(receiver.url);
    expect(delivery.attemptLog[0]).toEqual(expected);
    expect(receiver.received[0]?.id).toBe(delivery.id);
  });

  it.each<[string, (socket: Socket) => void]>([
    ["closes at once", (socket) => socket.destroy()],
    ["closes when the request is there", (socket) => socket.once("data", () => socket.end())],
    ["breaks off in the status line", (socket) => socket.once("data", () => socket.end("HTTP/1.1 2"))],
    ["does not speak HTTP", (socket) => socket.once("data", () => socket.end("220 smtp.example.com ESMTP\r\n"))],
  ])("%s is logged as a connection that failed", async (_what, onConnection) => {
    const receiver = await startRawReceiver(onConnection);
    onTestFinished(receiver.close);
    const { attemptLog } = await callOnce(`http://127.0.0.1:${receiver.port}/`);
    expect(attemptLog[0]).toEqual(attempt("retry", "connection_failed", expect.any(String)));
  });

  it("is not there is logged as a connection that failed", async () => {
    const { attemptLog } = await callOnce("http://127.0.0.1:9/");
    expect(attemptLog[0]).toEqual(attempt("retry", "connection_failed", expect.any(String)));
  });

  it.each([301, 302, 303, 307, 308])("redirects with %i is not followed", async (status) => {
    const elsewhere = await aReceiver();
    const receiver = await aReceiver(answering(status, { location: elsewhere.url }));
    const { attemptLog } = await callOnce(receiver.url);
    expect(attemptLog[0]).toEqual(attempt("retry", String(status), expect.stringContaining("not followed")));
    expect(elsewhere.received).toEqual([]);
  });

  it.each([
    ["a number of seconds", (_until: number) => "60"],
    ["an instant", (until: number) => new Date(until).toUTCString()],
  ])("names %s is left alone until then", async (_what, retryAfter) => {
    let until = Number.POSITIVE_INFINITY;
    const receiver = await aReceiver((response) => {
      // Whole seconds: a date in a header has no others.
      until = Math.floor((Date.now() + 60_000) / 1_000) * 1_000;
      response.writeHead(429, { "retry-after": retryAfter(until) }).end();
    });
    const { status, nextAttemptAt, attemptLog } = await callOnce(receiver.url);
    expect([status, attemptLog]).toEqual(["pending", [attempt("retry", "429", null)]]);
    expect(Date.parse(nextAttemptAt ?? "")).toBeGreaterThanOrEqual(until);
  });

  it("is back for the second attempt gets the same message, and the log has both", async () => {
    let calls = 0;
    const receiver = await aReceiver((response) => {
      response.writeHead((calls += 1) === 1 ? 503 : 204).end();
    });
    const { key, start } = await aJourneyCalling(receiver.url);
    await start();
    const { id, status, attempts, attemptLog } = await deliveryOf(key, isSettled);
    expect([status, attempts, attemptLog]).toEqual([
      "sent",
      2,
      [attempt("retry", "503", null), attempt("sent", "204", null)],
    ]);
    // The log and the wait are by the cell's one clock; five seconds spread by a tenth are four and a half at least.
    const [failedAt = Number.NaN, sentAt = Number.NaN] = attemptLog.map(({ at }) => Date.parse(at));
    expect(sentAt - failedAt).toBeGreaterThanOrEqual(4_500);
    expect(receiver.received.map((webhook) => webhook.id)).toEqual([id, id]);
    const [first, second] = receiver.received;
    const [firstData, secondData] = [first, second].map((webhook) => JSON.parse(webhook?.body ?? "").data as object);
    expect(secondData).toEqual(firstData);
  });

  it("answers 410 is called no more, until somebody enables it", async () => {
    let isGone = true;
    const receiver = await aReceiver((response) => {
      response.writeHead(isGone ? 410 : 204).end();
    });
    const { key, start } = await aJourneyCalling(receiver.url);
    await start();
    const first = await deliveryOf(key, isSettled);
    expect([first.status, first.reason]).toEqual(["failed", "endpoint_disabled"]);
    const { items } = await read<{ items: { url: string }[] }>(server, "/api/v1/endpoints");
    expect(items).toContainEqual({ url: receiver.url, disabledAt: expect.stringMatching(/Z$/), reason: "gone" });

    await start();
    const second = await deliveryOf(key, ({ id, status }) => id !== first.id && status !== "pending");
    expect([second.status, second.reason, second.attemptLog]).toEqual(["skipped", "endpoint_disabled", []]);
    expect(receiver.received).toHaveLength(1);

    isGone = false;
    const enabled = { method: "POST", body: { url: receiver.url } };
    expect((await call(server, "/api/v1/endpoints/enable", enabled)).status).toBe(204);
    await start();
    const third = await deliveryOf(
      key,
      ({ id, status }) => id !== second.id && id !== first.id && status !== "pending",
    );
    expect([third.status, third.reason]).toEqual(["sent", null]);
    expect(receiver.received).toHaveLength(2);
  });
});

describe("a webhook's signature", () => {
  it("is verified by the reference library, before and after the secret is replaced", async () => {
    const receiver = await aReceiver();
    const { key, start } = await aJourneyCalling(receiver.url);
    const secretsOf = async (path: string, method: string) =>
      JSON.parse((await call(server, path, { method })).text) as { current: string; previous: string | null };
    const { current: first } = await secretsOf("/api/v1/webhook-secrets", "GET");
    await start();
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), ATTEMPTED_MS);
    const { current: second, previous } = await secretsOf("/api/v1/webhook-secrets/rotate", "POST");
    expect(previous).toBe(first);
    await start();
    await vi.waitFor(() => expect(receiver.received).toHaveLength(2), ATTEMPTED_MS);

    const [before, after] = receiver.received;
    const verify = (secret: string, webhook: typeof before) =>
      new Webhook(secret).verify(webhook?.body ?? "", webhook?.headers as Record<string, string>);
    expect(verify(first, before)).toMatchObject({
      type: "journey.step",
      data: { journeyKey: key, stepId: "tell", event: { name: key, data: { order: "Zoë 🎉" } } },
    });
    expect(() => verify(second, before)).toThrow();
    for (const secret of [first, second]) expect(() => verify(secret, after)).not.toThrow();
  });

  it("covers a GET, which has no body", async () => {
    const receiver = await aReceiver();
    const { start } = await aJourneyCalling(receiver.url, { method: "GET", headers: { "x-shop": "1" } });
    await start();
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), ATTEMPTED_MS);
    const { current } = await read<{ current: string }>(server, "/api/v1/webhook-secrets");
    const [webhook] = receiver.received;
    const headers = webhook?.headers as Record<string, string>;
    expect([webhook?.body, headers["x-shop"], headers["content-type"]]).toEqual(["", "1", undefined]);
    expect(() => new Webhook(current).verify("", headers, { jsonParse: false })).not.toThrow();
  });
});

/** Answers, and breaks the connection in the middle of the body. */
function breakingOff(status: number): Receiver {
  return (response) => {
    response.writeHead(status, { ...TEXT, "content-length": "1000" });
    response.write("part", () => response.destroy());
  };
}

/** Answers, and leaves the rest of the body out. */
function fallingSilent(status: number): Receiver {
  return (response) => {
    response.writeHead(status, TEXT).write("part");
  };
}

/** Answers with a body that does not end. */
function endless(status: number): Receiver {
  return (response) => {
    const chunk = "x".repeat(16 * 1024);
    const write = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", write).writeHead(status, TEXT);
    write();
  };
}
