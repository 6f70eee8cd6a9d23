// What becomes of a webhook, receiver by receiver: how the attempt is reported, and what the receiver saw of it.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { version } from "../../package.json";
import { sendWebhook } from "../../src/delivery/webhook-sender.ts";
import type { SendReport } from "../../src/domain/delivery.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";
import { holdPort, startRawReceiver } from "../support/raw-receiver.ts";
import { aWebhookJob, LOOPBACK_OPEN, PREVIOUS_SECRET, SECRET, type WebhookJob } from "./webhook-jobs.ts";

const TEXT = { "content-type": "text/plain; charset=utf-8" };

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function aReceiver(answer?: (response: ServerResponse) => void): Promise<WebhookReceiver> {
  const receiver = await startWebhookReceiver(answer);
  onTestFinished(receiver.close);
  return receiver;
}

async function sendTo(receiver: { url: string }, over: Partial<WebhookJob> = {}): Promise<SendReport> {
  return await sendWebhook(aWebhookJob({ url: receiver.url, ...over }), LOOPBACK_OPEN);
}

async function aRawReceiver(onConnection: (socket: Socket) => void): Promise<{ url: string }> {
  const receiver = await startRawReceiver(onConnection);
  onTestFinished(receiver.close);
  return { url: `http://127.0.0.1:${receiver.port}/` };
}

const report = (over: Partial<SendReport>): SendReport => ({
  outcome: "retry",
  reason: null,
  code: null,
  message: null,
  providerId: null,
  retryAfterMs: null,
  durationMs: expect.any(Number),
  ...over,
});

const answering =
  (status: number, headers: Record<string, string>, body = "") =>
  (response: ServerResponse): void => {
    response.writeHead(status, headers).end(body);
  };

describe("a webhook", () => {
  it.each<[string, (response: ServerResponse) => void, Partial<SendReport>]>([
    ["200", answering(200, TEXT, "thank you"), { outcome: "sent", code: "200" }],
    ["204 without a body", answering(204, {}), { outcome: "sent", code: "204" }],
    ["201 and breaks off", breakingOff(201), { outcome: "sent", code: "201" }],
    ["200 and more than is read", endless(200), { outcome: "sent", code: "200" }],
    [
      "410",
      answering(410, TEXT, "moved away"),
      { outcome: "failed", reason: "endpoint_disabled", code: "410", message: "moved away" },
    ],
    ["400", answering(400, TEXT, "bad field"), { code: "400", message: "bad field" }],
    ["404 without a word", answering(404, {}), { code: "404" }],
    ["500", answering(500, TEXT, "oops"), { code: "500", message: "oops" }],
    ["500 and breaks off", breakingOff(500), { code: "500", message: "part" }],
    ["500 and more than is read", endless(500), { code: "500", message: "x".repeat(300) }],
    ["304", answering(304, {}), { code: "304", message: expect.stringContaining("redirect") }],
    ["429 with seconds", answering(429, { ...TEXT, "retry-after": "7" }), { code: "429", retryAfterMs: 7_000 }],
    ["503 with nonsense", answering(503, { "retry-after": "soon" }), { code: "503" }],
    ["500 in JSON", answering(500, { "content-type": "application/problem+json" }, '{"a":1}'), { message: '{"a":1}' }],
    ["500 in no known type", answering(500, {}, "plain"), { message: "plain" }],
    ["500 in bytes", answering(500, { "content-type": "application/octet-stream" }, "\u0001\u0002"), { message: null }],
    ["500 over lines", answering(500, TEXT, "a\r\n\tb\u0000\u001b[31mc"), { message: "a b [31mc" }],
  ])("answered with %s is reported so", async (_what, answer, expected) => {
    const receiver = await aReceiver(answer);
    const told = await sendTo(receiver);
    expect(told).toEqual(report({ code: expect.any(String), ...expected }));
    expect(receiver.received).toHaveLength(1);
  });

  it.each([301, 302, 303, 307, 308])("follows no redirect: %i", async (status) => {
    const receiver = await aReceiver((response) => {
      response.writeHead(status, { location: `${receiver.url}/elsewhere` }).end("over there");
    });
    expect(await sendTo(receiver)).toEqual(
      report({ code: String(status), message: "The address answers with a redirect, which is not followed." }),
    );
    expect(receiver.received).toHaveLength(1);
  });

  it("waits until the instant that the receiver names", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-06-01T12:00:00.500Z") });
    const receiver = await aReceiver(answering(503, { "retry-after": "Mon, 01 Jun 2026 12:01:00 GMT" }));
    expect(await sendTo(receiver)).toEqual(report({ code: "503", retryAfterMs: 59_500 }));
  });

  it("keeps 300 characters of an answer, none of them half", async () => {
    const receiver = await aReceiver(answering(500, TEXT, `${"a".repeat(299)}🎉 and more`));
    const { message } = await sendTo(receiver);
    expect(message?.isWellFormed()).toBe(true);
    expect(message?.length).toBeLessThanOrEqual(300);
    expect(message).toContain("a".repeat(299));
  });

  it("stops reading an answer that does not end, and lets the connection go", async () => {
    const gone = Promise.withResolvers<number>();
    const receiver = await aReceiver((response) => endless(500, (written) => gone.resolve(written))(response));
    await sendTo(receiver);
    // Far more than the buffers between the two hold on any machine; who reads on until the time is up reads gigabytes.
    expect(await gone.promise).toBeLessThan(256 * 1024 * 1024);
  });

  it("does not repeat in a report what the journey's headers hold", async () => {
    const receiver = await aReceiver(answering(401, TEXT, "no such token: s3cret-token (in Bearer s3cret-token)"));
    const { message } = await sendTo(receiver, { headers: { authorization: "Bearer s3cret-token" } });
    expect(message).toBe("no such token: … (in Bearer …)");
  });

  it.each([
    ["a token in a header's parameters", "Token token=s3cret-token", "bad token s3cret-token", "bad token …"],
    [
      "a token in quotes",
      'Digest response="s3cret-token", qop=auth',
      "s3cret-token does not match",
      "… does not match",
    ],
    ["a cookie of several", "a=1; session=s3cret-token; b=2", "no session s3cret-token", "no session …"],
    ["one half of two", "key-4711:s3cret-token", "s3cret-token is not that of key-4711", "… is not that of …"],
    ["short words that are long together", "abc:def:ghi", "abc:def:ghi is wrong", "… is wrong"],
    ["slashes that the answer escapes", "Bearer s3cret/token", '{"given":"s3cret\\/token"}', '{"given":"…"}'],
  ])("does not repeat of its headers %s", async (_what, authorization, answer, expected) => {
    const receiver = await aReceiver(answering(401, TEXT, answer));
    expect((await sendTo(receiver, { headers: { authorization } })).message).toBe(expected);
  });

  it("that nobody listens for is retried", async () => {
    const nobody = await holdPort();
    onTestFinished(nobody.close);
    expect(await sendTo({ url: `http://127.0.0.1:${nobody.port}/` })).toEqual(
      report({ code: "connection_failed", message: expect.any(String) }),
    );
  });

  it.each<[string, (socket: Socket) => void]>([
    ["closes at once", (socket) => socket.destroy()],
    ["closes when the request is there", (socket) => socket.once("data", () => socket.end())],
    ["breaks off in the status line", (socket) => socket.once("data", () => socket.end("HTTP/1.1 2"))],
    ["does not speak HTTP", (socket) => socket.once("data", () => socket.end("220 smtp.example.com ESMTP\r\n"))],
  ])("to a receiver that %s is retried", async (_what, onConnection) => {
    const receiver = await aRawReceiver(onConnection);
    expect(await sendTo(receiver)).toEqual(report({ code: "connection_failed", message: expect.any(String) }));
  });

  it("over TLS to a receiver without it is retried", async () => {
    const receiver = await aReceiver();
    const told = await sendTo({ url: receiver.url.replace("http:", "https:") });
    expect(told).toEqual(report({ code: "connection_failed", message: expect.any(String) }));
  });
});

describe("the time of an attempt", () => {
  it("is ten seconds for a receiver that does not answer, and no less", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const arrived = Promise.withResolvers<void>();
    const receiver = await aReceiver(() => arrived.resolve());
    const settled = vi.fn<(told: SendReport) => void>();
    const sending = sendTo(receiver).then(settled);
    await arrived.promise;
    await vi.advanceTimersByTimeAsync(9_999);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await sending;
    expect(settled.mock.calls).toEqual([
      [report({ code: "timeout", message: "There was no answer within 10 seconds.", durationMs: 10_000 })],
    ]);
  });

  it.each([
    [200, { outcome: "sent", code: "200" }],
    [500, { code: "500", message: "part" }],
  ] as const)("ends an answer of %i whose body does not end", async (status, expected) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const answered = answerArrived();
    const receiver = await aReceiver((response) => {
      response.writeHead(status, TEXT).write("part");
    });
    const sending = sendTo(receiver);
    await answered;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await sending).toEqual(report({ durationMs: 10_000, ...expected }));
  });
});

describe("a webhook's request", () => {
  it("is verified by the reference library, under either secret", async () => {
    const receiver = await aReceiver();
    const job = aWebhookJob({ url: receiver.url, secrets: [SECRET, PREVIOUS_SECRET] });
    await sendWebhook(job, LOOPBACK_OPEN);
    const [webhook] = receiver.received;
    expect(webhook?.body).toBe(job.body);
    for (const secret of job.secrets) {
      const verified = new Webhook(secret).verify(webhook?.body ?? "", webhook?.headers as Record<string, string>);
      expect(verified).toEqual(JSON.parse(job.body ?? ""));
    }
  });

  it("without a body is signed over the empty text, and has no content type", async () => {
    const receiver = await aReceiver();
    await sendTo(receiver, { method: "GET", body: null });
    const [webhook] = receiver.received;
    const headers = webhook?.headers as Record<string, string>;
    expect([webhook?.body, headers["content-type"]]).toEqual(["", undefined]);
    expect(() => new Webhook(SECRET).verify("", headers, { jsonParse: false })).not.toThrow();
  });

  it("has the delivery's id, who sends it, and JSON", async () => {
    const receiver = await aReceiver();
    await sendTo(receiver);
    expect(receiver.received[0]?.headers).toMatchObject({
      "webhook-id": aWebhookJob().deliveryId,
      "user-agent": `Waypost/${version}`,
      "content-type": "application/json",
    });
  });

  it("has the journey's headers, which may name another type and sender", async () => {
    const receiver = await aReceiver();
    const headers = {
      authorization: "Bearer t",
      "X-Shop": "1",
      "Content-Type": "application/x+json",
      "user-agent": "me",
    };
    await sendTo(receiver, { headers });
    expect(receiver.received[0]?.headers).toMatchObject({
      authorization: "Bearer t",
      "x-shop": "1",
      "content-type": "application/x+json",
      "user-agent": "me",
    });
  });

  it("has nothing of a header that is not the journey's to set", async () => {
    const receiver = await aReceiver();
    const mine = { "Webhook-Id": "mine", "webhook-signature": "v1,mine", "webhook-extra": "mine", Host: "mine" };
    const told = await sendTo(receiver, { headers: { ...mine, "transfer-encoding": "mine", "x-shop": "1" } });
    expect(told.outcome).toBe("sent");
    const [webhook] = receiver.received;
    expect(Object.values(webhook?.headers ?? {})).not.toContain("mine");
    expect(webhook?.headers).toMatchObject({ "x-shop": "1", "webhook-id": aWebhookJob().deliveryId });
  });

  it.each(["PUT", "PATCH", "DELETE"])("uses the method %s", async (method) => {
    const methods: (string | undefined)[] = [];
    const receiver = await aReceiver((response) => {
      methods.push(response.req.method);
      response.writeHead(204).end();
    });
    await sendTo(receiver, { method });
    expect(methods).toEqual([method]);
  });
});

/** Answers, and breaks the connection in the middle of the body. */
function breakingOff(status: number) {
  return (response: ServerResponse): void => {
    response.writeHead(status, { ...TEXT, "content-length": "1000" });
    response.write("part", () => response.destroy());
  };
}

/** Answers with a body that does not end. @param onGone  called with the bytes written when the other side hangs up */
function endless(status: number, onGone: (writtenBytes: number) => void = () => undefined) {
  return (response: ServerResponse): void => {
    let written = 0;
    const chunk = "x".repeat(16 * 1024);
    const write = (): void => {
      do written += chunk.length;
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", write).on("close", () => onGone(written));
    response.writeHead(status, TEXT);
    write();
  };
}

/** Resolves when the next request has its answer's head. */
function answerArrived(): Promise<void> {
  const arrived = Promise.withResolvers<void>();
  const fetch = globalThis.fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (...request) => {
    const answer = await fetch(...request);
    arrived.resolve();
    return answer;
  });
  return arrived.promise;
}
