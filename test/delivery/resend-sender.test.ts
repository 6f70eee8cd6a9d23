// The Resend sender against a real HTTP server on this machine that answers as Resend does.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { emailSenderOf } from "../../src/delivery/email-sender.ts";
import { anOutgoingEmail } from "../support/emails.ts";

interface Asked {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: unknown;
}

const servers: Server[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(
    servers.splice(0).map(async (server) => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }),
  );
});

/** A provider on this machine; keeps what it is asked. */
async function aProvider(answer: (response: ServerResponse) => void) {
  const asked: Asked[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url: path = "", headers } = request;
    asked.push({ method, path, headers, body: JSON.parse(await text(request)) });
    answer(response);
  };
  const server = createServer((request, response) => void take(request, response));
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, baseUrl, send: senderTo(baseUrl) };
}

const senderTo = (baseUrl: string) =>
  emailSenderOf({ EMAIL_SENDER: "resend", RESEND_API_KEY: "re_secret", RESEND_BASE_URL: baseUrl });

const answering = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  aProvider((response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });

const refusal = (statusCode: number, name: string, message = "What is wrong.") => ({ statusCode, name, message });

describe("the Resend sender", () => {
  it("posts the e-mail under its own id, with the tags that lead a bounce back", async () => {
    const provider = await answering(200, { id: "re-1" });
    const email = anOutgoingEmail({ replyTo: "Support <help@example.com>" });
    const report = await provider.send(email);
    expect(report).toEqual({
      outcome: "sent",
      reason: null,
      code: null,
      message: null,
      providerId: "re-1",
      retryAfterMs: null,
      durationMs: expect.any(Number),
    });
    expect(provider.asked).toHaveLength(1);
    expect(provider.asked[0]).toMatchObject({ method: "POST", path: "/emails" });
    expect(provider.asked[0]?.headers).toMatchObject({
      authorization: "Bearer re_secret",
      "content-type": "application/json",
      "idempotency-key": email.deliveryId,
    });
    expect(provider.asked[0]?.body).toEqual({
      from: email.from,
      to: [email.to],
      subject: email.subject,
      html: email.html,
      text: email.text,
      reply_to: "Support <help@example.com>",
      headers: email.headers,
      tags: [
        { name: "waypost_workspace", value: email.workspaceId },
        { name: "waypost_delivery", value: email.deliveryId },
      ],
    });
  });

  it("leaves reply_to out when there is none", async () => {
    const provider = await answering(200, { id: "re-1" });
    await provider.send(anOutgoingEmail({ replyTo: null }));
    expect(provider.asked[0]?.body).not.toHaveProperty("reply_to");
  });

  it("takes a base URL with a path and a slash at its end", async () => {
    const provider = await answering(200, { id: "re-1" });
    await senderTo(`${provider.baseUrl}/mail/`)(anOutgoingEmail());
    expect(provider.asked[0]?.path).toBe("/mail/emails");
  });

  it.each([
    [408, refusal(408, "request_timeout")],
    [425, ""],
    [429, refusal(429, "rate_limit_exceeded")],
    [429, refusal(429, "daily_quota_exceeded")],
    [500, refusal(500, "application_error")],
    [502, "<html>Bad gateway</html>"],
    [503, ""],
    [409, refusal(409, "concurrent_idempotent_requests")],
    [401, refusal(401, "missing_api_key")],
    [401, refusal(401, "restricted_api_key")],
    [403, refusal(403, "invalid_api_Key")],
  ])("tries again after %i %j", async (status, body) => {
    const report = await (await answering(status, body)).send(anOutgoingEmail());
    expect(report).toMatchObject({ outcome: "retry", reason: null, code: String(status), providerId: null });
  });

  it.each([
    [400, refusal(400, "validation_error")],
    [400, refusal(400, "invalid_idempotency_key")],
    [403, refusal(403, "validation_error")],
    [404, refusal(404, "not_found")],
    [413, ""],
    [422, refusal(422, "missing_required_field")],
    [451, refusal(451, "security_error")],
  ])("gives up after %i %j", async (status, body) => {
    const report = await (await answering(status, body)).send(anOutgoingEmail());
    expect(report).toMatchObject({ outcome: "failed", reason: "rejected", code: String(status), providerId: null });
  });

  it("keeps what the provider says, on one line and short", async () => {
    const provider = await answering(
      422,
      refusal(422, "validation_error", `The \`from\`\nfield ${"is wrong ".repeat(99)}`),
    );
    const { message } = await provider.send(anOutgoingEmail());
    expect(message).toMatch(/^validation_error: The `from` field is wrong/);
    expect(message?.length).toBeLessThanOrEqual(300);
  });

  it("takes a message as sent whose key was used with other words: its first answer was lost", async () => {
    const provider = await answering(409, refusal(409, "invalid_idempotent_request"));
    const report = await provider.send(anOutgoingEmail());
    expect(report).toMatchObject({ outcome: "sent", code: "409", providerId: null });
    expect(report.message).toContain("earlier attempt");
  });

  it("passes on how long the provider asks to be left alone", async () => {
    const provider = await answering(429, refusal(429, "rate_limit_exceeded"), { "retry-after": "90" });
    expect(await provider.send(anOutgoingEmail())).toMatchObject({ outcome: "retry", retryAfterMs: 90_000 });
  });

  it("does not follow a redirect with its key", async () => {
    const elsewhere = await answering(200, { id: "re-1" });
    const provider = await answering(307, "", { location: `${elsewhere.baseUrl}/emails` });
    expect(await provider.send(anOutgoingEmail())).toMatchObject({ outcome: "retry", code: "307" });
    expect(elsewhere.asked).toEqual([]);
  });

  it.each([
    ["no JSON", "taken"],
    ["no object", "[]"],
    ["an id that is no text", '{"id":7}'],
    ["more than is read", JSON.stringify({ id: "re-1", padding: "x".repeat(70_000) })],
  ])("takes a success for one although its answer is %s", async (_, body) => {
    const report = await (await answering(200, body)).send(anOutgoingEmail());
    expect(report).toMatchObject({ outcome: "sent", providerId: null });
  });

  it("takes a success for one although its answer breaks off", async () => {
    const provider = await aProvider((response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"id":');
      setImmediate(() => response.destroy());
    });
    expect(await provider.send(anOutgoingEmail())).toMatchObject({ outcome: "sent", providerId: null });
  });

  it("tries again when the connection breaks before an answer", async () => {
    const provider = await aProvider((response) => response.destroy());
    const report = await provider.send(anOutgoingEmail());
    expect(report).toMatchObject({ outcome: "retry", code: "connection_failed" });
  });

  it("tries again when nobody listens", async () => {
    const provider = await answering(200, {});
    await new Promise((closed) => servers.pop()?.close(closed));
    expect(await provider.send(anOutgoingEmail())).toMatchObject({ outcome: "retry", code: "connection_failed" });
  });

  it.each([
    ["an answer", () => undefined],
    ["the rest of an answer", (response: ServerResponse) => response.writeHead(503).flushHeaders()],
  ])("waits ten seconds for %s, and no longer", async (_, answer) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const asked = Promise.withResolvers<void>();
    const provider = await aProvider((response) => {
      answer(response);
      asked.resolve();
    });
    const settled = vi.fn<() => void>();
    const sending = provider.send(anOutgoingEmail()).finally(settled);
    await asked.promise;
    await vi.advanceTimersByTimeAsync(9_999);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(await sending).toMatchObject({ outcome: "retry" });
  });

  it("calls it a timeout when nothing has come within ten seconds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const asked = Promise.withResolvers<void>();
    const provider = await aProvider(() => asked.resolve());
    const sending = provider.send(anOutgoingEmail());
    await asked.promise;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await sending).toMatchObject({ outcome: "retry", code: "timeout" });
  });
});
