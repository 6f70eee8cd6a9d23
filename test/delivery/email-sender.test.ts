import { afterEach, describe, expect, it, vi } from "vitest";
import { emailSenderOf } from "../../src/delivery/email-sender.ts";
import { anOutgoingEmail } from "../support/emails.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const EMAIL = { send: async () => ({ messageId: "<m-1@example.com>" }) };

describe("emailSenderOf", () => {
  it("sends through the Email Service unless told otherwise", async () => {
    expect(await emailSenderOf({ EMAIL })(anOutgoingEmail())).toMatchObject({ providerId: "<m-1@example.com>" });
  });

  it("keeps a message for later when a setting is missing, and says which in its log", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const report = await emailSenderOf({ EMAIL, EMAIL_SENDER: "resend" })(anOutgoingEmail());
    expect(report).toMatchObject({ outcome: "retry", reason: null, code: "not_configured" });
    expect(report.message).toContain("RESEND_API_KEY");
  });

  it("says once in the Worker's log what is missing", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const send = emailSenderOf({ EMAIL_SENDER: "pigeon" });
    await send(anOutgoingEmail());
    await send(anOutgoingEmail());
    expect(log.mock.calls).toEqual([[expect.stringContaining("EMAIL_SENDER is none of")]]);
  });
});

describe("the sender of files", () => {
  const sendTo = (fetch: Fetcher["fetch"]) => emailSenderOf({ EMAIL_SENDER: "file", EMAIL_FILES: { fetch } });

  it("puts the e-mail under its id", async () => {
    const put: { method: string; path: string; body: unknown }[] = [];
    const send = sendTo(async (input, init) => {
      const request = new Request(input, init);
      put.push({ method: request.method, path: new URL(request.url).pathname, body: await request.json() });
      return new Response(null, { status: 204 });
    });
    const email = anOutgoingEmail();
    expect(await send(email)).toMatchObject({ outcome: "sent", providerId: email.deliveryId });
    expect(put).toEqual([{ method: "PUT", path: `/${email.deliveryId}`, body: email }]);
  });

  it("tries again when the file could not be written", async () => {
    const send = sendTo(async () => new Response("disk full", { status: 500 }));
    expect(await send(anOutgoingEmail())).toMatchObject({ outcome: "retry", code: "500" });
  });

  it("tries again when nobody takes it, without the message's words in the log", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const send = sendTo(async () => {
      throw new TypeError("cannot reach alex@example.com");
    });
    expect(await send(anOutgoingEmail())).toMatchObject({ outcome: "retry", code: "internal", message: null });
    expect(log.mock.calls.flat().join()).toMatch(/"error":"TypeError"/);
    expect(log.mock.calls.flat().join()).not.toMatch(/alex/);
  });
});
