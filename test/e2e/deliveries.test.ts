// One journey from end to end, with real parts on both ends: an e-mail that is a file, a webhook that a server of its
// own takes and verifies with the reference library, a click that ends the e-mails.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { TimelineEntry } from "../../src/domain/enrollment.ts";
import {
  activateJourney,
  read,
  readAll,
  track,
  workspaceHealth,
  writeTemplate,
  type AcceptedFields,
} from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { SOON_MS } from "../support/patience.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

const PERSON = { email: "alex@example.com", properties: { name: "Alex & Sons" } };

const element = (type: string, props: object, ...children: string[]) => ({ type, props, children });
const templateOf = (key: string, subject: string, text: string) => ({
  key,
  name: key,
  definition: {
    subject: { $template: subject },
    from: "Shop <shop@example.com>",
    body: {
      root: "html",
      elements: {
        html: element("Html", {}, "body"),
        body: element("Body", {}, "text", "link"),
        text: element("Text", { text: { $template: text } }),
        link: element("Link", { text: "Your order", href: { $template: "https://shop.example/${/event/orderId}" } }),
      },
    },
  },
});

const journeyTo = (url: string) => ({
  key: "e2e-thanks",
  name: "Order thanks",
  entry: { event: "e2e.ordered" },
  steps: [
    { id: "hook", type: "webhook", url },
    { id: "thanks", type: "email", template: "thanks" },
    { id: "shipping", type: "wait_for_event", event: "e2e.shipped", timeout: "PT1H" },
    { id: "shipped", type: "email", template: "shipped" },
  ],
});

interface Delivery {
  id: string;
  channel: string;
  status: string;
  reason: string | null;
  stepId: string;
  target: string | null;
  enrollmentId: string;
}

interface EmailFile {
  from: string;
  to: string;
  subject: string;
  headers: Record<string, string>;
}

const stateDir = newStateDir();
const emails = join(stateDir, "emails");
let receiver: WebhookReceiver;
let server: DevServer;
let secret: string;
let accepted: AcceptedFields;

beforeAll(async () => {
  receiver = await startWebhookReceiver();
  server = await startDevServer({ stateDir });
  secret = (await read<{ current: string }>(server, "/api/v1/webhook-secrets")).current;
  for (const template of [
    templateOf("thanks", "Order ${/event/orderId}", "Thank you, ${/profile/name}: ${/event/total} EUR."),
    templateOf("shipped", "Shipped", "It is on its way."),
  ]) {
    await writeTemplate(server, template);
  }
  await activateJourney(server, journeyTo(receiver.url));
  accepted = await sent("e2e.ordered", { orderId: "ord_1001", total: 49 });
});
afterAll(async () => {
  await server.kill9();
  await receiver.close();
});

async function sent(event: string, data: object): Promise<AcceptedFields> {
  const answer = await track(server, event, { event, profile: PERSON, data });
  expect([answer.status, answer.text]).toEqual([202, expect.any(String)]);
  return JSON.parse(answer.text) as AcceptedFields;
}

/** As a mail program does when its button is clicked (RFC 8058), after a scanner of links has looked at the page. */
async function unsubscribe({ headers }: EmailFile): Promise<void> {
  expect(headers["List-Unsubscribe-Post"]).toBe("List-Unsubscribe=One-Click");
  const url = /^<(.*)>$/.exec(headers["List-Unsubscribe"] ?? "")?.[1] ?? "";
  expect((await fetch(url)).status).toBe(200);
  expect(await isSuppressed()).toBe(false);
  const clicked = await fetch(url, { method: "POST", body: new URLSearchParams({ "List-Unsubscribe": "One-Click" }) });
  expect(clicked.status).toBe(200);
}

async function isSuppressed(): Promise<boolean> {
  const profile = await read<{ deliverySuppression: { suppressed: boolean } }>(
    server,
    `/api/v1/profiles/${accepted.profileId}`,
  );
  return profile.deliverySuppression.suppressed;
}

/** The delivery of a step, once it is settled and listed so. */
async function settled(stepId: string): Promise<Delivery> {
  return await vi.waitFor(
    async () => {
      const found = (await readAll<Delivery>(server, "/api/v1/deliveries")).find((one) => one.stepId === stepId);
      expect(["sent", "skipped", "failed"]).toContain(found?.status);
      return found as Delivery;
    },
    { timeout: SOON_MS, interval: 100 },
  );
}

const fileOf = (id: string, kind: string): string => readFileSync(join(emails, `${id}.${kind}`), "utf8");
const emailOf = (id: string): EmailFile => JSON.parse(fileOf(id, "json")) as EmailFile;

describe("the webhook", () => {
  it("comes once, and the reference library of Standard Webhooks verifies it", async () => {
    const { id, status, target } = await settled("hook");
    expect([status, target]).toEqual(["sent", receiver.url]);
    expect(receiver.received.map((webhook) => webhook.id)).toEqual([id]);
    const [{ headers, body } = { headers: {}, body: "" }] = receiver.received;
    const signed = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    expect(new Webhook(secret).verify(body, signed)).toMatchObject({
      type: "journey.step",
      data: {
        deliveryId: id,
        journeyKey: "e2e-thanks",
        stepId: "hook",
        profile: { id: accepted.profileId, email: PERSON.email },
        event: { id: accepted.eventId, name: "e2e.ordered", data: { orderId: "ord_1001", total: 49 } },
      },
    });
    expect(() => new Webhook(secret).verify(body.replace("49", "50"), signed)).toThrow("signature");
  });
});

describe("the e-mail", () => {
  it("is a file on disk, rendered with the event's values and the person's", async () => {
    const { id, status, target } = await settled("thanks");
    expect([status, target]).toEqual(["sent", PERSON.email]);
    const { from, to, subject } = emailOf(id);
    expect([from, to, subject]).toEqual([expect.stringContaining("shop@example.com"), PERSON.email, "Order ord_1001"]);
    expect(fileOf(id, "txt")).toContain("Thank you, Alex & Sons: 49 EUR.");
    expect(fileOf(id, "html")).toContain("Thank you, Alex &amp; Sons: 49 EUR.");
    expect(fileOf(id, "html")).toContain('href="https://shop.example/ord_1001"');
  });

  it("is told of on the terminal", async () => {
    const { id } = await settled("thanks");
    await vi.waitFor(() => expect(server.stdout()).toContain(`${id}.html`), { timeout: SOON_MS });
  });
});

describe("a click on the e-mail's unsubscribe button", () => {
  let shipped: Delivery;

  beforeAll(async () => {
    await unsubscribe(emailOf((await settled("thanks")).id));
    await sent("e2e.shipped", {});
    shipped = await settled("shipped");
  });

  it("stops the next e-mail, and its delivery says why", () => {
    expect([shipped.status, shipped.reason]).toEqual(["skipped", "unsubscribed"]);
    expect(existsSync(join(emails, `${shipped.id}.json`))).toBe(false);
    expect(readdirSync(emails).filter((name) => name.endsWith(".json"))).toHaveLength(1);
  });

  it("is told in the run's timeline", async () => {
    const { status, timeline } = await read<{ status: string; timeline: TimelineEntry[] }>(
      server,
      `/api/v1/enrollments/${shipped.enrollmentId}`,
    );
    const told = timeline.filter(({ kind }) => ["sent", "skipped", "failed"].includes(kind));
    const lines = told.map(({ kind, stepId }) => `${kind} ${stepId}`);
    // The first two were on their way together: which of them was there first is told, and nobody's promise.
    expect([lines.slice(0, 2).toSorted(), lines.slice(2)]).toEqual([["sent hook", "sent thanks"], ["skipped shipped"]]);
    expect([status, told[2]?.detail]).toEqual(["completed", expect.objectContaining({ reason: "unsubscribed" })]);
  });

  it("leaves made = sent + skipped + failed + pending", async () => {
    const { deliveries } = await workspaceHealth(server);
    expect(deliveries).toEqual({ made: 3, sent: 2, skipped: 1, failed: 0, pending: 0, holds: true });
  });
});
