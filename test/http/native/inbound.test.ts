// What Resend reports of e-mails: who is let in, and what a report changes.
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { appWith } from "../../../src/http/app.ts";
import { servicesOf } from "../../../src/services.ts";
import { call, get, keyOf, NOBODY } from "../../support/api.ts";
import { messageOf } from "../../support/deliveries.ts";
import { aResendEvent, signedByResend, type ResendReport } from "../../support/reports.ts";
import { aRun } from "../../support/running.ts";
import { countInCell, dumpCell } from "../../support/tables.ts";
import { aWorkspace, anId, type TestWorkspace } from "../../support/workspace.ts";

interface Sent {
  workspace: TestWorkspace;
  deliveryId: string;
}

/** A workspace with one e-mail to alex@example.com. */
async function anEmail(): Promise<Sent> {
  const { workspace } = await aRun([{ id: "thanks", type: "email", template: "order-thanks" }]);
  return { workspace, deliveryId: (await messageOf(workspace)).id };
}

function eventOf({ workspace, deliveryId }: Sent, over: Partial<ResendReport> = {}): object {
  return aResendEvent({ workspaceId: workspace.id, deliveryId, ...over });
}

async function reported(event: object): Promise<number> {
  return (await call(NOBODY, signedByResend(event))).status;
}

/** What is in force: address and reason. */
async function suppressionsOf({ apiKey }: TestWorkspace): Promise<{ email: string; reason: string }[]> {
  const { body } = await get(keyOf(apiKey), "/api/v1/suppressions");
  return (body.items as { email: string; reason: string }[]).map(({ email, reason }) => ({ email, reason }));
}

async function standingOf({ apiKey }: TestWorkspace): Promise<Record<string, unknown>> {
  const known = { method: "PUT", path: "/api/v1/profiles", body: { email: "alex@example.com" } };
  return (await call(keyOf(apiKey), known)).body.deliverySuppression;
}

describe("a report of Resend's", () => {
  it("suppresses the address of a permanent bounce, with what the receiving server said", async () => {
    const sent = await anEmail();
    const bounce = {
      type: "Permanent",
      subType: "General",
      message: "The mailbox does not exist.",
      diagnosticCode: ["smtp; 550 5.1.1 user\r\nunknown"],
    };
    expect(await reported(eventOf(sent, { bounce }))).toBe(204);
    expect(await suppressionsOf(sent.workspace)).toEqual([{ email: "alex@example.com", reason: "bounce" }]);
    const [entry] = Object.values((await dumpCell(sent.workspace))["suppressions"] ?? {});
    expect(entry?.["diagnostic_code"]).toBe("smtp; 550 5.1.1 user unknown");
  });

  it("suppresses the address of a complaint", async () => {
    const sent = await anEmail();
    expect(await reported(eventOf(sent, { type: "email.complained" }))).toBe(204);
    expect(await suppressionsOf(sent.workspace)).toEqual([{ email: "alex@example.com", reason: "complaint" }]);
  });

  it.each(["Transient", "Undetermined", "Unheard"])("only notes a bounce of type %s", async (type) => {
    const sent = await anEmail();
    expect(await reported(eventOf(sent, { bounce: { type, message: "Mailbox full." } }))).toBe(204);
    expect(await suppressionsOf(sent.workspace)).toEqual([]);
    expect(await countInCell(sent.workspace, "soft_bounces")).toBe(1);
  });

  it("takes the address however its letters are written", async () => {
    const sent = await anEmail();
    await reported(eventOf(sent, { to: " Alex@EXAMPLE.com" }));
    expect(await suppressionsOf(sent.workspace)).toEqual([{ email: "alex@example.com", reason: "bounce" }]);
  });

  it("takes tags as the list that the documentation shows", async () => {
    const sent = await anEmail();
    const event = eventOf(sent) as { data: { tags: unknown } };
    event.data.tags = [
      { name: "waypost_workspace", value: sent.workspace.id },
      { name: "waypost_delivery", value: sent.deliveryId },
    ];
    await reported(event);
    expect(await suppressionsOf(sent.workspace)).toHaveLength(1);
  });

  it.each([
    ["says nothing of it", { type: "Permanent", subType: null, message: null, diagnosticCode: null }],
    ["says it in another shape", { type: "Permanent", subType: 7, message: ["gone"], diagnosticCode: "550 5.1.1" }],
  ])("suppresses the address of a permanent bounce that %s", async (_, bounce) => {
    const sent = await anEmail();
    const event = eventOf(sent) as { data: object };
    expect(await reported({ ...event, data: { ...event.data, bounce } })).toBe(204);
    expect(await suppressionsOf(sent.workspace)).toEqual([{ email: "alex@example.com", reason: "bounce" }]);
  });

  it.each([null, "Permanent"])("notes a bounce of which it says only %j", async (bounce) => {
    const sent = await anEmail();
    const event = eventOf(sent) as { data: object };
    expect(await reported({ ...event, data: { ...event.data, bounce } })).toBe(204);
    expect(await countInCell(sent.workspace, "soft_bounces")).toBe(1);
  });

  it("suppresses the address of a complaint that says something of a bounce", async () => {
    const sent = await anEmail();
    const event = eventOf(sent, { type: "email.complained" }) as { data: object };
    expect(await reported({ ...event, data: { ...event.data, bounce: null } })).toBe(204);
    expect(await suppressionsOf(sent.workspace)).toEqual([{ email: "alex@example.com", reason: "complaint" }]);
  });

  it("changes nothing the second time", async () => {
    const sent = await anEmail();
    await reported(eventOf(sent));
    const before = await dumpCell(sent.workspace);
    expect(await reported(eventOf(sent))).toBe(204);
    expect(await dumpCell(sent.workspace)).toEqual(before);
  });

  it("leaves the message as it was", async () => {
    const sent = await anEmail();
    const before = await messageOf(sent.workspace);
    await reported(eventOf(sent));
    expect(await messageOf(sent.workspace)).toEqual(before);
  });

  it("shows in the profile", async () => {
    const sent = await anEmail();
    await reported(eventOf(sent, { bounce: { type: "Permanent", diagnosticCode: ["550 5.1.1"] } }));
    expect(await standingOf(sent.workspace)).toMatchObject({
      suppressed: true,
      email: "alex@example.com",
      latestBounceReason: "hard",
      latestBounceDiagnosticCode: "550 5.1.1",
    });
  });

  it.each<[string, (sent: Sent) => object]>([
    ["another address than the message went to", (sent) => eventOf(sent, { to: "kim@example.com" })],
    ["a message that there is not", (sent) => eventOf({ ...sent, deliveryId: anId() })],
    ["no delivery", (sent) => eventOf({ ...sent, deliveryId: "" })],
    ["a delivery", (sent) => eventOf(sent, { type: "email.delivered" })],
    ["a delay", (sent) => eventOf(sent, { type: "email.delivery_delayed" })],
    ["a suppression of Resend's own", (sent) => eventOf(sent, { type: "email.suppressed" })],
    ["a kind that nobody has heard of", (sent) => eventOf(sent, { type: "__proto__" })],
    ["an e-mail without tags", (sent) => ({ ...eventOf(sent), data: { to: ["alex@example.com"] } })],
    ["nothing", () => ({})],
  ])("is acknowledged and dropped when it is about %s", async (_, event) => {
    const sent = await anEmail();
    const before = await dumpCell(sent.workspace);
    expect(await reported(event(sent))).toBe(204);
    expect(await dumpCell(sent.workspace)).toEqual(before);
  });

  it("is acknowledged, and makes no cell, when its workspace is another deployment's", async () => {
    const getByName = vi.spyOn(env.WORKSPACE_CELL, "getByName");
    expect(await reported(aResendEvent({ workspaceId: anId(), deliveryId: anId() }))).toBe(204);
    expect(getByName).not.toHaveBeenCalled();
    getByName.mockRestore();
  });

  it("reaches no other workspace's message", async () => {
    const [sent, other] = [await anEmail(), await aWorkspace()];
    expect(await reported(aResendEvent({ workspaceId: other.id, deliveryId: sent.deliveryId }))).toBe(204);
    expect(await suppressionsOf(sent.workspace)).toEqual([]);
    expect(await suppressionsOf(other)).toEqual([]);
  });
});

describe("who may report", () => {
  it("takes what is signed under an older secret of the list", async () => {
    const sent = await anEmail();
    const secret = env.RESEND_WEBHOOK_SECRET?.split(",")[1] ?? "";
    expect((await call(NOBODY, signedByResend(eventOf(sent), { secret }))).status).toBe(204);
    expect(await suppressionsOf(sent.workspace)).toHaveLength(1);
  });

  it.each<[string, (sent: Sent) => ReturnType<typeof signedByResend>]>([
    ["another secret", (sent) => signedByResend(eventOf(sent), { secret: `whsec_${btoa("x".repeat(24))}` })],
    ["an instant six minutes ago", (sent) => signedByResend(eventOf(sent), { at: Date.now() - 360_000 })],
    ["an instant six minutes ahead", (sent) => signedByResend(eventOf(sent), { at: Date.now() + 360_000 })],
    ["no signature at all", (sent) => ({ ...signedByResend(eventOf(sent)), headers: {} })],
    ["a body that was changed", (sent) => ({ ...signedByResend({}), body: JSON.stringify(eventOf(sent)) })],
    [
      "the headers of Standard Webhooks' own",
      (sent) => {
        const request = signedByResend(eventOf(sent));
        const headers = Object.entries(request.headers).map(([name, value]) => [
          name.replace("svix", "webhook"),
          value,
        ]);
        return { ...request, headers: Object.fromEntries(headers) as Record<string, string> };
      },
    ],
  ])("refuses %s with 401, and changes nothing", async (_, request) => {
    const sent = await anEmail();
    const answer = await call(NOBODY, request(sent));
    expect([answer.status, answer.body.error]).toEqual([401, "unauthorized"]);
    expect(await suppressionsOf(sent.workspace)).toEqual([]);
  });

  it("lets no API key stand in for the signature", async () => {
    const sent = await anEmail();
    const answer = await call(keyOf(sent.workspace.apiKey), { ...signedByResend(eventOf(sent)), headers: {} });
    expect(answer.status).toBe(401);
  });

  it("refuses a body over 256 KiB before it looks at the signature", async () => {
    const answer = await call(NOBODY, { ...signedByResend({}), body: "x".repeat(256 * 1024 + 1) });
    expect([answer.status, answer.body.error]).toEqual([413, "payload_too_large"]);
  });

  it("answers 400 to what is signed and is no JSON", async () => {
    const answer = await call(NOBODY, signedByResend("{"));
    expect([answer.status, answer.body.error]).toEqual([400, "invalid_request"]);
  });

  it.each(["cloudflare", "postmark", "Resend", "resend/", "%00"])(
    "answers 404 to the provider %s",
    async (provider) => {
      const answer = await call(NOBODY, { ...signedByResend({}), path: `/api/v1/inbound/${provider}` });
      expect([answer.status, answer.body.error]).toEqual([404, "not_found"]);
    },
  );

  it.each([undefined, "", "whsec_c2hvcnQ="])(
    "answers 503 with Retry-After while the secret is %j, so that the report comes again",
    async (secret) => {
      const { path, headers, body, method } = signedByResend({});
      const settings = { ...env, RESEND_WEBHOOK_SECRET: secret } as Env;
      const answer = await appWith(() => servicesOf(env)).request(path, { method, headers, body }, settings);
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "60"]);
      expect(await answer.text()).not.toContain("whsec");
    },
  );
});
