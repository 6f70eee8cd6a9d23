// One attempt, from the job that the cell hands out to what the sender is given.
import { describe, expect, it } from "vitest";
import type { OutgoingEmail } from "../../src/delivery/outgoing-email.ts";
import { sendEmail } from "../../src/delivery/send-email.ts";
import type { DeliveryJob } from "../../src/domain/delivery.ts";

type EmailJob = Extract<DeliveryJob, { channel: "email" }>;

const WORKSPACE_ID = "019bf964-302b-7a7f-add2-589343ef9f31";

function aJob({ template, ...over }: Partial<Omit<EmailJob, "template">> & { template?: object } = {}): EmailJob {
  return {
    channel: "email",
    deliveryId: "019bf964-302b-7a7f-add2-589343ef9f32",
    attempt: 1,
    template: {
      subject: { $template: "Order ${/event/orderId}" },
      body: { root: "text", elements: { text: { type: "Text", props: { text: "Thank you." }, children: [] } } },
      ...template,
    },
    state: { event: { orderId: "1001" }, profile: { email: "alex@example.com" }, journey: {} },
    to: "alex@example.com",
    redirected: false,
    defaultFrom: "Acme <hello@example.com>",
    unsubscribeUrl: "https://events.example.com/u/token",
    ...over,
  };
}

/** Sends, with a sender that takes everything. @returns what it was given too; `null` = nothing */
async function sent(job: EmailJob) {
  let given: OutgoingEmail | null = null;
  const fetch = async (_url: unknown, init: unknown): Promise<Response> => {
    given = JSON.parse((init as { body: string }).body) as OutgoingEmail;
    return new Response(null, { status: 204 });
  };
  const report = await sendEmail(job, WORKSPACE_ID, {
    EMAIL_SENDER: "file",
    EMAIL_FILES: { fetch },
  });
  return { report, email: given as OutgoingEmail | null };
}

describe("sendEmail", () => {
  it("hands over the rendered e-mail, whose it is, and how a click ends such e-mails", async () => {
    const job = aJob();
    const { report, email } = await sent(job);
    expect(report).toMatchObject({ outcome: "sent", reason: null, providerId: job.deliveryId });
    expect(email).toEqual({
      deliveryId: job.deliveryId,
      idempotencyKey: job.deliveryId,
      workspaceId: WORKSPACE_ID,
      from: "Acme <hello@example.com>",
      to: "alex@example.com",
      replyTo: null,
      subject: "Order 1001",
      html: expect.stringContaining("Thank you."),
      text: expect.stringContaining("Thank you."),
      headers: {
        "X-Waypost-Delivery": job.deliveryId,
        "List-Unsubscribe": "<https://events.example.com/u/token>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
      },
    });
  });

  it("gives a transactional e-mail no way to unsubscribe", async () => {
    const { email } = await sent(aJob({ unsubscribeUrl: null }));
    expect(Object.keys(email?.headers ?? {})).toEqual(["X-Waypost-Delivery"]);
  });

  it("is from whom the template says, and from the workspace's sender where it says nothing", async () => {
    const from = async (template: object, defaultFrom: string | null) =>
      (await sent(aJob({ template, defaultFrom }))).email?.from;
    expect(await from({ from: "Shop <shop@example.com>" }, "hello@example.com")).toBe("Shop <shop@example.com>");
    expect(await from({ from: "shop@example.com" }, null)).toBe("shop@example.com");
    expect(await from({}, "hello@example.com")).toBe("hello@example.com");
    expect(await from({ from: { $state: "/event/agent" } }, "hello@example.com")).toBe("hello@example.com");
  });

  it("fails where nobody is named to send from, and says where to name one", async () => {
    const { report, email } = await sent(aJob({ defaultFrom: null }));
    expect(report).toMatchObject({ outcome: "failed", reason: "rejected", code: "no_from" });
    expect(report.message).toContain("settings.defaultFrom");
    expect(email).toBeNull();
  });

  it("fails where the workspace's sender is no mailbox", async () => {
    const { report } = await sent(aJob({ defaultFrom: "Acme" }));
    expect(report).toMatchObject({ outcome: "failed", reason: "rejected", code: "invalid_from" });
  });

  it.each(["", "alex", "alex@example.com, kim@example.com", "alex@example.com\r\nBcc: kim@example.com"])(
    "fails where it would go to %j",
    async (to) => {
      const { report, email } = await sent(aJob({ to }));
      expect(report).toMatchObject({ outcome: "failed", reason: "rejected", code: "invalid_to" });
      expect(report.message).not.toContain("alex");
      expect(email).toBeNull();
    },
  );

  it("answers go where the template says, if that is a mailbox", async () => {
    const replyTo = async (agent: string) => {
      const state = { event: { orderId: "1", agent }, profile: {}, journey: {} };
      return (await sent(aJob({ template: { replyTo: { $state: "/event/agent" } }, state }))).email?.replyTo;
    };
    expect(await replyTo("Kim <kim@example.com>")).toBe("Kim <kim@example.com>");
    expect(await replyTo("kim@example.com\r\nBcc: everyone@example.com")).toBeNull();
    expect(await replyTo("nobody")).toBeNull();
  });

  it("has a subject of one line, whatever the event holds", async () => {
    const state = { event: { orderId: "1\r\nBcc: kim@example.com\u0000\u2028!" }, profile: {}, journey: {} };
    const { email } = await sent(aJob({ state }));
    expect(email?.subject).toMatch(/^Order 1 Bcc: kim@example.com *!$/);
  });

  it("cuts a subject to what a header line can hold", async () => {
    const state = { event: { orderId: "x".repeat(2_000) }, profile: {}, journey: {} };
    expect((await sent(aJob({ state }))).email?.subject).toHaveLength(998);
  });

  it("fails without a subject", async () => {
    const { report } = await sent(aJob({ template: { subject: { $state: "/event/nothing" } } }));
    expect(report).toMatchObject({ outcome: "failed", reason: "render_failed", code: "no_subject" });
  });

  it("fails with the renderer's words where there is no e-mail to send", async () => {
    const text = { type: "Text", props: { text: { $state: "/event/long" } }, children: [] };
    const template = { body: { root: "text", elements: { text } } };
    const state = { event: { orderId: "1", long: "x".repeat(600_000) }, profile: {}, journey: {} };
    const { report, email } = await sent(aJob({ template, state }));
    expect(report).toMatchObject({ outcome: "failed", reason: "render_failed", message: expect.any(String) });
    expect(email).toBeNull();
  });

  it("reports what the sender reports", async () => {
    const report = await sendEmail(aJob(), WORKSPACE_ID, { EMAIL_SENDER: "file" });
    expect(report).toMatchObject({ outcome: "retry", code: "not_configured" });
  });
});
