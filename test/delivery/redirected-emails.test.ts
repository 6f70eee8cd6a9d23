// An e-mail that is sent several times under one delivery, to a provider that keeps idempotency keys as Resend says it
// does (resend.com/docs/dashboard/emails/idempotency-keys): the same request again is answered as it was and sends
// nothing, another one under the same key is a 409.
import { afterEach, describe, expect, it, vi } from "vitest";
import { sendEmail } from "../../src/delivery/send-email.ts";
import type { DeliveryJob, SendReport } from "../../src/domain/delivery.ts";

type EmailJob = Extract<DeliveryJob, { channel: "email" }>;

const PERSON = "alex@example.com";
const [TESTER, OTHER_TESTER] = ["trial@example.com", "other@example.com"];
const NOBODY_ELSE = { to: PERSON, redirected: false };

function aProvider() {
  const sent: string[] = [];
  const taken = new Map<string, string>();
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_url, init) => {
    const key = new Headers(init?.headers).get("idempotency-key") ?? "";
    const body = init?.body as string;
    const before = taken.get(key);
    if (before !== undefined && before !== body) {
      return Response.json({ statusCode: 409, name: "invalid_idempotent_request" }, { status: 409 });
    }
    if (before === undefined) sent.push((JSON.parse(body) as { to: string[] }).to.join());
    taken.set(key, body);
    expect(key.length).toBeLessThanOrEqual(256);
    return Response.json({ id: `re-${sent.length}` });
  });
  return { sent, keys: () => [...taken.keys()] };
}

async function send(to: Pick<EmailJob, "to" | "redirected">, subject = "Hello"): Promise<SendReport> {
  const job: EmailJob = {
    channel: "email",
    deliveryId: "019bf964-302b-7a7f-add2-589343ef9f32",
    attempt: 1,
    template: {
      subject,
      body: { root: "text", elements: { text: { type: "Text", props: { text: "Hi." }, children: [] } } },
    },
    state: { event: {}, profile: {}, journey: {} },
    defaultFrom: "Acme <hello@example.com>",
    unsubscribeUrl: null,
    ...to,
  };
  return await sendEmail(job, "019bf964-302b-7a7f-add2-589343ef9f31", {
    EMAIL_SENDER: "resend",
    RESEND_API_KEY: "re_secret",
  });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("an e-mail that is tried again", () => {
  it("is sent once to the person, under the delivery's own id", async () => {
    const provider = aProvider();
    for (const report of [await send(NOBODY_ELSE), await send(NOBODY_ELSE)]) {
      expect(report).toMatchObject({ outcome: "sent", code: null, sentTo: { target: PERSON, redirected: false } });
    }
    expect(provider.sent).toEqual([PERSON]);
    expect(provider.keys()).toEqual(["019bf964-302b-7a7f-add2-589343ef9f32"]);
  });

  it("is another e-mail to whom it is redirected, and never counts as theirs when the person got it", async () => {
    const provider = aProvider();
    const to = [NOBODY_ELSE, { to: TESTER, redirected: true }, { to: OTHER_TESTER, redirected: true }];
    for (const { to: target, redirected } of [...to, ...to]) {
      expect(await send({ to: target, redirected })).toMatchObject({
        outcome: "sent",
        code: null,
        providerId: expect.stringMatching(/^re-/),
        sentTo: { target, redirected },
      });
    }
    expect(provider.sent).toEqual([PERSON, TESTER, OTHER_TESTER]);
  });

  it("says that an earlier attempt was taken where the same address is to be told other words", async () => {
    const provider = aProvider();
    for (const to of [NOBODY_ELSE, { to: TESTER, redirected: true }]) {
      await send(to);
      expect(await send(to, "Hello again")).toMatchObject({ outcome: "sent", code: "409", providerId: null });
    }
    expect(provider.sent).toEqual([PERSON, TESTER]);
  });

  it("keeps its keys short, and no address in them", async () => {
    const provider = aProvider();
    await send({ to: `${"a".repeat(64)}@${"b".repeat(60)}.${"c".repeat(60)}.example.com`, redirected: true });
    expect(provider.keys()[0]).toMatch(/^019bf964-302b-7a7f-add2-589343ef9f32\/redirected\/[0-9a-f]{32}$/);
  });
});
