// A message that failed can be sent once more: under its id, made of what is held or kept of its event, and never of
// what its template says must not be kept.
import { describe, expect, it } from "vitest";
import type { WorkspaceCalls } from "../../src/cell/cell-client.ts";
import type { AcceptCommand } from "../../src/cell/command.ts";
import type { TemplateDefinition } from "../../src/domain/template.ts";
import { OPERATOR } from "../support/commands.ts";
import {
  attempted,
  attemptsOf,
  claim,
  granted,
  messageOf,
  messagesOf,
  report,
  storeTemplate,
} from "../support/deliveries.ts";
import { erase } from "../support/erasures.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { anEntry, linesOf, pass, readRun } from "../support/running.ts";
import { countInCell, dumpCell, queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
const MAIL = { id: "mail", type: "email", template: "hello" };
const HOOK = { id: "hook", type: "webhook", url: "https://crm.example.com/h" };
const REST = { id: "rest", type: "delay", for: "P1D" };
const DAY_MS = 24 * 3_600_000;
const SECRET = "4917-reset-code";
const DATA = { orderId: "o-1", reset: { code: SECRET } };
const REFUSED = { outcome: "failed", reason: "rejected", code: "550" } as const;
const NOT_KEPT = { ok: false, error: { code: "not_redeliverable", reason: "not_kept" } };
const NOT_FAILED = { ok: false, error: { code: "not_redeliverable", reason: "not_failed" } };

/** A workspace with one run, begun by an event with this data. */
async function aRunOf(
  steps: unknown[],
  {
    template = {},
    event = {},
  }: { template?: Parameters<typeof storeTemplate>[2]; event?: Partial<AcceptCommand> } = {},
) {
  const workspace = await aWorkspace();
  await storeTemplate(workspace, "hello", template);
  await anActiveJourney(workspace.cell, { steps, eligibility: { reentry: "always" } });
  const runId = await anEntry(workspace, { dataJson: JSON.stringify(DATA), ...event });
  return { workspace, runId };
}

/** As {@link aRunOf}, with the one message that the run asked for. */
async function aMessage(...of: Parameters<typeof aRunOf>) {
  const { workspace, runId } = await aRunOf(...of);
  return { workspace, runId, id: (await messageOf(workspace)).id };
}

function definitionOf(subject: string): TemplateDefinition {
  return { subject, body: { root: "html", elements: { html: { type: "Html", props: {}, children: [] } } } };
}

async function redeliver({ cell }: TestWorkspace, id: string): Promise<unknown> {
  return await cell.redeliver(OPERATOR, id);
}

async function eventOf(workspace: TestWorkspace, id: string, attempt: number): Promise<unknown> {
  const job = await granted(workspace, id, attempt);
  if (job.channel === "email") return job.state.event;
  return (JSON.parse(job.body ?? "null") as { data: { event: { data: unknown } } }).data.event.data;
}

async function entryEventRuns(workspace: TestWorkspace): Promise<number[]> {
  return (await queryCell<{ runs: number }>(workspace, `SELECT runs FROM entry_events`)).map(({ runs }) => runs);
}

describe("sending a message once more", () => {
  it("makes it pending, due at once, with a schedule of its own and attempts that go on counting", async () => {
    const { workspace, id, runId } = await aMessage([HOOK, REST]);
    await attempted(workspace, id, 1, REFUSED);
    expect(await redeliver(workspace, id)).toMatchObject({
      ok: true,
      value: { row: { delivery_id: id, status: "pending", reason: null, attempts: 1 } },
    });
    expect(await messageOf(workspace)).toMatchObject({ state: "waiting", due_at: Date.now(), attempt: 1 });
    expect(await claim(workspace, id, 1)).toEqual({ kind: "dropped" });
    await attempted(workspace, id, 2, { outcome: "retry", code: "503" });
    expect(await queryCell(workspace, `SELECT failures FROM delivery_work`)).toEqual([{ failures: 1 }]);
    await pass(workspace, 6_000);
    await attempted(workspace, id, 3);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", attempts: 3 });
    expect(await attemptsOf(workspace, id)).toEqual(["failed 550", "retry 503", "sent"]);
    expect((await linesOf(workspace, runId)).slice(-2)).toEqual(["failed hook", "sent hook"]);
  });

  it("is refused for a message that has not failed, and for one that is none", async () => {
    const { workspace, id } = await aMessage([HOOK, REST]);
    expect(await redeliver(workspace, id)).toEqual(NOT_FAILED);
    await attempted(workspace, id, 1);
    expect(await redeliver(workspace, id)).toEqual(NOT_FAILED);
    expect(await redeliver(workspace, "0190b0a0-0000-7000-8000-000000000000")).toEqual({
      ok: false,
      error: { code: "not_found" },
    });
  });

  it("is refused once its person is erased", async () => {
    const { workspace, id } = await aMessage([HOOK, REST]);
    await attempted(workspace, id, 1, REFUSED);
    await erase(workspace, "alex@example.com");
    expect(await redeliver(workspace, id)).toEqual(NOT_KEPT);
  });

  it("makes it of what was kept when its run has ended", async () => {
    for (const step of [HOOK, MAIL]) {
      const { workspace, id } = await aMessage([step]);
      await attempted(workspace, id, 1, REFUSED);
      expect(await countInCell(workspace, "entry_events")).toBe(0);
      await redeliver(workspace, id);
      expect(await eventOf(workspace, id, 2)).toEqual(DATA);
      await report(workspace, id, 2);
      expect(await queryCell(workspace, `SELECT status, kept FROM deliveries`)).toEqual([
        { status: "sent", kept: null },
      ]);
    }
  });

  it("makes it of what was kept a second time too", async () => {
    const { workspace, id } = await aMessage([HOOK]);
    for (const attempt of [1, 2]) {
      await attempted(workspace, id, attempt, REFUSED);
      await redeliver(workspace, id);
    }
    expect(await eventOf(workspace, id, 3)).toEqual(DATA);
  });

  it("makes it of what was kept also when that is larger than a row", async () => {
    const text = "x".repeat(700_000);
    const { workspace, id } = await aMessage([HOOK], { event: { dataJson: JSON.stringify({ text }) } });
    await attempted(workspace, id, 1, REFUSED);
    expect(await countInCell(workspace, "text_parts")).toBeGreaterThan(1);
    await redeliver(workspace, id);
    expect(await eventOf(workspace, id, 2)).toEqual({ text });
    await report(workspace, id, 2);
    expect(await queryCell(workspace, `SELECT * FROM text_parts WHERE owner = 'delivery'`)).toEqual([]);
  });

  it("needs nothing that is kept for a webhook with a body of its own", async () => {
    const { workspace, id } = await aMessage([{ ...HOOK, body: { order: { $state: "/event/orderId" } } }]);
    await attempted(workspace, id, 1, REFUSED);
    expect(await queryCell(workspace, `SELECT kept FROM deliveries`)).toEqual([
      { kept: '{"event":null,"withheld":false}' },
    ]);
    await redeliver(workspace, id);
    expect(await granted(workspace, id, 2)).toMatchObject({ body: '{"order":"o-1"}' });
  });

  it("holds the event that others have kept until it is settled, and not a run's hold of it", async () => {
    const { workspace, id, runId } = await aMessage([MAIL, REST]);
    await attempted(workspace, id, 1, REFUSED);
    await redeliver(workspace, id);
    expect(await entryEventRuns(workspace)).toEqual([1]);
    await pass(workspace, DAY_MS);
    expect((await readRun(workspace, runId)).status).toBe("completed");
    // The run has ended, and the message reads its event still.
    expect(await eventOf(workspace, id, 2)).toEqual(DATA);
    await report(workspace, id, 2);
    expect(await entryEventRuns(workspace)).toEqual([]);
  });

  it("does not let go of the event for another run that it started too", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { steps: [HOOK] });
    await anActiveJourney(workspace.cell, { key: "other", steps: [REST] });
    await anEntry(workspace);
    const { id } = await messageOf(workspace);
    await attempted(workspace, id, 1, REFUSED);
    expect(await entryEventRuns(workspace)).toEqual([1]);
    await redeliver(workspace, id);
    expect(await entryEventRuns(workspace)).toEqual([2]);
    await attempted(workspace, id, 2);
    expect(await entryEventRuns(workspace)).toEqual([1]);
  });

  it("does not let go of an event that it is not made of", async () => {
    const { workspace, id, runId } = await aMessage([HOOK]);
    await attempted(workspace, id, 1, REFUSED);
    await redeliver(workspace, id);
    // The event starts another run meanwhile, as a replay lets it.
    const { eventId } = await readRun(workspace, runId);
    await queryCell(workspace, `INSERT INTO entry_events VALUES (?, 'order.created', '{}', 1)`, eventId);
    await attempted(workspace, id, 2);
    expect(await entryEventRuns(workspace)).toEqual([1]);
  });

  it("does not let go of an event that another message of its run is made of", async () => {
    const { workspace, runId } = await aRunOf([HOOK, { ...HOOK, id: "two" }]);
    const [first = "", second = ""] = (await messagesOf(workspace)).map(({ id }) => id);
    for (const id of [first, second]) await attempted(workspace, id, 1, REFUSED);
    await redeliver(workspace, first);
    const { eventId } = await readRun(workspace, runId);
    await queryCell(workspace, `INSERT INTO entry_events VALUES (?, 'order.created', '{}', 1)`, eventId);
    await redeliver(workspace, second);
    expect(await entryEventRuns(workspace)).toEqual([2]);
    for (const id of [first, second]) await attempted(workspace, id, 2);
    expect(await entryEventRuns(workspace)).toEqual([1]);
  });

  it("takes the template that was missing, once there is one", async () => {
    const workspace = await aWorkspace();
    await storeTemplate(workspace, "hello");
    await anActiveJourney(workspace.cell, { steps: [MAIL, REST] });
    await queryCell(workspace, `UPDATE templates SET key = 'other'`);
    await anEntry(workspace);
    const { id } = await messageOf(workspace);
    expect(await claim(workspace, id)).toEqual({ kind: "dropped" });
    expect(await messageOf(workspace)).toMatchObject({ status: "failed", reason: "render_failed", attempts: 1 });
    expect(await attemptsOf(workspace, id)).toEqual(["failed no_template"]);
    await queryCell(workspace, `UPDATE templates SET key = 'hello'`);
    await redeliver(workspace, id);
    expect(await granted(workspace, id, 2)).toMatchObject({ channel: "email", template: { subject: "Hello" } });
  });
});

describe("a message that failed for what can be mended", () => {
  const MENDED = { key: "hello", name: "hello", definition: definitionOf("Mended") };

  it("takes the template of now when it could not be rendered, and its own snapshot otherwise", async () => {
    for (const [reason, subject] of [
      ["render_failed", "Mended"],
      ["rejected", "Hello"],
    ] as const) {
      const { workspace, id } = await aMessage([MAIL, REST]);
      await attempted(workspace, id, 1, { outcome: "failed", reason, code: "x" });
      await (workspace.cell as unknown as WorkspaceCalls).editTemplate(OPERATOR, "hello", MENDED);
      await redeliver(workspace, id);
      expect(await granted(workspace, id, 2)).toMatchObject({ template: { subject } });
    }
  });

  it("is refused while its address is disabled, and sent once that is enabled", async () => {
    const { workspace, id } = await aMessage([HOOK, REST]);
    await attempted(workspace, id, 1, { outcome: "failed", reason: "endpoint_disabled", code: "410" });
    expect(await redeliver(workspace, id)).toEqual({
      ok: false,
      error: { code: "not_redeliverable", reason: "endpoint_disabled" },
    });
    await workspace.cell.enableEndpoint(OPERATOR, HOOK.url);
    expect(await redeliver(workspace, id)).toMatchObject({ ok: true });
    expect(await granted(workspace, id, 2)).toMatchObject({ url: HOOK.url });
  });
});

describe("what a message was made of", () => {
  const LATER_MS = 91 * DAY_MS;

  async function requestsIn(workspace: TestWorkspace): Promise<unknown[]> {
    return await queryCell(workspace, `SELECT request = 'null' AS gone, kept FROM deliveries ORDER BY id`);
  }

  it("is forgotten with the events of its age, and how it went stays known", async () => {
    const { workspace, id } = await aMessage([HOOK]);
    await attempted(workspace, id, 1, REFUSED);
    await pass(workspace, 80 * DAY_MS);
    expect(await requestsIn(workspace)).toMatchObject([{ gone: 0 }]);
    await pass(workspace, LATER_MS - 80 * DAY_MS);
    expect(await requestsIn(workspace)).toEqual([{ gone: 1, kept: null }]);
    expect(await messageOf(workspace)).toMatchObject({ status: "failed", target: HOOK.url });
    expect(await redeliver(workspace, id)).toEqual(NOT_KEPT);
  });

  it("is forgotten in its parts too, where it is larger than a row", async () => {
    const dataJson = JSON.stringify({ text: "x".repeat(700_000) });
    const { workspace, id } = await aMessage([HOOK], { event: { dataJson } });
    await attempted(workspace, id, 1, REFUSED);
    await pass(workspace, LATER_MS);
    expect(await queryCell(workspace, `SELECT * FROM text_parts WHERE owner = 'delivery'`)).toEqual([]);
  });

  it("waits for a message that is still to be sent, and is forgotten when that is settled", async () => {
    const { workspace } = await aRunOf([HOOK, { ...HOOK, id: "two" }]);
    const [first = "", second = ""] = (await messagesOf(workspace)).map(({ id }) => id);
    await attempted(workspace, second, 1, REFUSED);
    await pass(workspace, LATER_MS);
    expect(await requestsIn(workspace)).toMatchObject([{ gone: 0 }, { gone: 0 }]);
    await attempted(workspace, first, 1, REFUSED);
    await pass(workspace, 2 * 3_600_000);
    expect(await requestsIn(workspace)).toEqual([
      { gone: 1, kept: null },
      { gone: 1, kept: null },
    ]);
  });

  it("is not kept once more by a message of that age that is sent again, and fails again", async () => {
    const { workspace, id } = await aMessage([MAIL, { ...REST, for: "P200D" }]);
    await attempted(workspace, id, 1, REFUSED);
    await pass(workspace, LATER_MS);
    expect(await requestsIn(workspace)).toMatchObject([{ kept: null }]);
    // Its run is on its way still, and holds the event.
    expect(await redeliver(workspace, id)).toMatchObject({ ok: true });
    await attempted(workspace, id, 2, REFUSED);
    await pass(workspace, DAY_MS);
    expect(await requestsIn(workspace)).toMatchObject([{ kept: null }]);
  });
});

describe("what a template says must not be kept", () => {
  const template = { sensitiveTransactionalVariablePaths: ["/event/reset/code"] };

  it("is used for rendering, and is nowhere once the message has failed and its run has ended", async () => {
    const { workspace, id } = await aMessage([MAIL], { template });
    expect(await eventOf(workspace, id, 1)).toEqual(DATA);
    await report(workspace, id, 1, REFUSED);
    await pass(workspace, 1_000);
    const { deliveries, entry_events, text_parts } = await dumpCell(workspace);
    expect(JSON.stringify({ deliveries, entry_events, text_parts })).not.toContain(SECRET);
    expect(JSON.stringify(deliveries)).toContain("o-1");
  });

  it("keeps a message from being sent once more without it", async () => {
    const { workspace, id } = await aMessage([MAIL], { template });
    await attempted(workspace, id, 1, REFUSED);
    expect(await redeliver(workspace, id)).toEqual(NOT_KEPT);
  });

  it("does not matter while the run holds its event", async () => {
    const { workspace, id } = await aMessage([MAIL, REST], { template });
    await attempted(workspace, id, 1, REFUSED);
    expect(await redeliver(workspace, id)).toMatchObject({ ok: true });
    expect(await eventOf(workspace, id, 2)).toEqual(DATA);
  });

  it("does not matter to a message that lacks it anyway", async () => {
    const event = { dataJson: JSON.stringify({ orderId: "o-1" }) };
    const { workspace, id } = await aMessage([MAIL], { template, event });
    await attempted(workspace, id, 1, REFUSED);
    expect(await redeliver(workspace, id)).toMatchObject({ ok: true });
  });
});

describe("an e-mail that is handed out", () => {
  it("is made of the template as it was when its step asked for it, and of the person of now", async () => {
    const { workspace, id, runId } = await aMessage([MAIL, REST]);
    await queryCell(workspace, `UPDATE templates SET snapshot_id = 'another'`);
    await workspace.cell.upsertProfile(OPERATOR, {
      identities: { email: "alex@example.com" },
      propertiesJson: '{"plan":"Pro"}',
    });
    expect(await granted(workspace, id)).toMatchObject({
      channel: "email",
      to: "alex@example.com",
      defaultFrom: null,
      template: { subject: "Hello" },
      state: {
        event: DATA,
        profile: { email: "alex@example.com", plan: "Pro" },
        journey: {
          key: "order-follow-up",
          version: 1,
          name: "Order follow-up",
          stepId: "mail",
          enrollmentId: runId,
          deliveryId: id,
        },
      },
    });
  });
});
