import { describe, expect, it, vi } from "vitest";
import type { SendReport } from "../../../src/domain/delivery.ts";
import { aDeliveryRow, given } from "../../d1/builders.ts";
import { runAlarm } from "../../support/alarm.ts";
import { call, get, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { attempted } from "../../support/deliveries.ts";
import { queryCell } from "../../support/tables.ts";
import { aWorkspace, anId, type TestWorkspace } from "../../support/workspace.ts";
import { change, order, withJourney, type Decision } from "./journey-calls.ts";
const HOOK = { id: "hook", type: "webhook", url: "https://receiver.example/hook" };

async function withWebhooks(
  people: object[],
  over: Record<string, unknown> = {},
): Promise<{ workspace: TestWorkspace; decisions: Decision[]; ids: string[] }> {
  const workspace = await withJourney({ steps: [HOOK], ...over });
  await change(workspace, "activate");
  const decisions: Decision[] = [];
  for (const person of people) decisions.push(await order(workspace, person));
  const rows = await queryCell<{ id: string }>(workspace, `SELECT id FROM deliveries ORDER BY id`);
  return { workspace, decisions, ids: rows.map(({ id }) => id) };
}

/** Lets time pass until a message is due, hands it out, and reports how that went. */
async function attempt(workspace: TestWorkspace, id: string, report: Partial<SendReport>): Promise<void> {
  const { attempts } = (await deliveries(workspace, `/${id}`)).body;
  vi.setSystemTime(Date.now() + 3_600_000);
  await runAlarm(workspace.cell);
  await attempted(workspace, id, attempts + 1, report);
}

async function deliveries(workspace: TestWorkspace, path = ""): Promise<ApiAnswer> {
  return await get(keyOf(workspace.apiKey), `/api/v1/deliveries${path}`);
}

const idsOf = (answer: ApiAnswer): string[] => answer.body.items.map(({ id }: { id: string }) => id);
const runOf = (decision: Decision | undefined): string => decision?.receipt.journeys[0]?.enrollmentId ?? "";
const person = (name: string) => ({ email: `${name}@example.com` });

describe("a delivery", () => {
  it("is read by id as soon as a run asked for it", async () => {
    const { workspace, decisions, ids } = await withWebhooks([person("alex")]);
    const answer = await deliveries(workspace, `/${ids[0]}`);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        id: ids[0],
        channel: "webhook",
        status: "pending",
        reason: null,
        attempts: 0,
        nextAttemptAt: expect.toBeOneOf([null, expect.stringMatching(/Z$/)]),
        profileId: decisions[0]?.profileId,
        enrollmentId: runOf(decisions[0]),
        journeyKey: "order-follow-up",
        stepId: "hook",
        target: expect.toBeOneOf([null, HOOK.url]),
        providerId: null,
        createdAt: expect.stringMatching(/Z$/),
        settledAt: null,
        attemptLog: [],
      },
    ]);
  });

  it("tells each attempt, oldest first, and who it went to in the end", async () => {
    const { workspace, ids } = await withWebhooks([person("alex")]);
    const [id = ""] = ids;
    await attempt(workspace, id, { outcome: "retry", code: "503", message: "Come again.", durationMs: 12 });
    const waiting = await deliveries(workspace, `/${id}`);
    expect(waiting.body).toMatchObject({ status: "pending", attempts: 1, nextAttemptAt: expect.stringMatching(/Z$/) });
    await attempt(workspace, id, { outcome: "sent", code: "204", providerId: "prov_1", durationMs: 7 });
    const sent = await deliveries(workspace, `/${id}`);
    expect(sent.body).toMatchObject({
      status: "sent",
      reason: null,
      attempts: 2,
      nextAttemptAt: null,
      target: HOOK.url,
      providerId: "prov_1",
      settledAt: expect.stringMatching(/Z$/),
      attemptLog: [
        {
          at: expect.stringMatching(/Z$/),
          outcome: "retry",
          code: "503",
          message: "Come again.",
          durationMs: 12,
          target: HOOK.url,
        },
        { at: sent.body.settledAt, outcome: "sent", code: "204", message: null, durationMs: 7, target: HOOK.url },
      ],
    });
  });

  it("is another workspace's to nobody else", async () => {
    const { ids } = await withWebhooks([person("alex")]);
    const stranger = await aWorkspace();
    for (const answer of [
      await deliveries(stranger, `/${ids[0]}`),
      await post(keyOf(stranger.apiKey), `/api/v1/deliveries/${ids[0]}/redeliver`),
    ]) {
      expect([answer.status, answer.body.error]).toEqual([404, "not_found"]);
    }
  });
});

describe("redelivering", () => {
  const redeliver = async (workspace: TestWorkspace, id: string) =>
    await post(keyOf(workspace.apiKey), `/api/v1/deliveries/${id}/redeliver`);

  it("makes a failed delivery pending again under its id, with the attempts it had", async () => {
    const { workspace, ids } = await withWebhooks([person("alex")]);
    const [id = ""] = ids;
    await attempt(workspace, id, { outcome: "failed", reason: "rejected", code: "400" });
    const failed = await deliveries(workspace, `/${id}`);
    expect(failed.body).toMatchObject({ status: "failed", reason: "rejected" });
    const answer = await redeliver(workspace, id);
    expect([answer.status, answer.body]).toEqual([
      202,
      { ...failed.body, status: "pending", reason: null, settledAt: null, nextAttemptAt: expect.stringMatching(/Z$/) },
    ]);
    await runAlarm(workspace.cell);
    expect((await deliveries(workspace, "?status=pending")).body.items).toMatchObject([{ id, attempts: 1 }]);
    await attempt(workspace, id, { outcome: "sent" });
    expect((await deliveries(workspace, `/${id}`)).body).toMatchObject({ id, status: "sent", attempts: 2 });
  });

  it("refuses one that has not failed, and changes nothing", async () => {
    const { workspace, ids } = await withWebhooks(["a", "b"].map(person));
    await attempt(workspace, ids[0] ?? "", { outcome: "sent" });
    for (const id of ids) {
      const before = await deliveries(workspace, `/${id}`);
      const answer = await redeliver(workspace, id);
      expect([answer.status, answer.body]).toEqual([
        422,
        { error: "not_redeliverable", message: expect.any(String), details: { reason: "not_failed" } },
      ]);
      expect((await deliveries(workspace, `/${id}`)).body).toEqual(before.body);
    }
  });

  it("refuses one whose person was erased", async () => {
    const { workspace, decisions, ids } = await withWebhooks([person("alex")]);
    await attempt(workspace, ids[0] ?? "", { outcome: "failed", reason: "rejected" });
    const erased = { method: "DELETE", path: `/api/v1/profiles/${decisions[0]?.profileId}` };
    expect((await call(keyOf(workspace.apiKey), erased)).status).toBe(204);
    const answer = await redeliver(workspace, ids[0] ?? "");
    expect([answer.status, answer.body.details]).toEqual([422, { reason: "not_kept" }]);
  });
});

describe("deliveries", () => {
  it("are listed newest first, without their attempts, page by page", async () => {
    const { workspace, ids } = await withWebhooks(["a", "b", "c"].map(person));
    await runAlarm(workspace.cell);
    const first = await deliveries(workspace, "?limit=2");
    const second = await deliveries(workspace, `?limit=2&cursor=${first.body.nextCursor}`);
    expect([...idsOf(first), ...idsOf(second)]).toEqual(ids.toReversed());
    expect(second.body.nextCursor).toBeNull();
    const { attemptLog: _, ...single } = (await deliveries(workspace, `/${ids[2]}`)).body;
    expect(first.body.items[0]).toEqual(single);
  });

  it("are filtered by each of the filters", async () => {
    const workspace = await aWorkspace();
    const [profileId, enrollmentId] = [anId(), anId()];
    const at = Date.parse("2026-03-01T12:00:00.000Z");
    const some = { profile_id: anId(), enrollment_id: anId(), journey_id: anId() };
    const row = (over: Parameters<typeof aDeliveryRow>[0]) => aDeliveryRow({ ...some, ...over });
    const rows = await given(workspace.id, "deliveries", [
      row({ status: "sent", reason: "redirected" }),
      row({ channel: "webhook", attempts: 8, next_attempt_at: "2026-03-01T12:00:05.000Z" }),
      row({ profile_id: profileId }),
      row({ enrollment_id: enrollmentId }),
      row({ journey_key: "winback" }),
      row({ atMs: at + 5_000, target: "alex@example.com", provider_id: "prov_1" }),
    ]);
    const [sent, hook, theirs, ofRun, ofJourney, late] = rows.map((found) => found.delivery_id);
    const list = async (query: string) => idsOf(await deliveries(workspace, `?${query}`));
    expect(await list("status=sent")).toEqual([sent]);
    expect(await list("status=pending&limit=200")).toHaveLength(5);
    expect(await list("channel=webhook")).toEqual([hook]);
    expect(await list(`profileId=${profileId}`)).toEqual([theirs]);
    expect(await list(`enrollmentId=${enrollmentId}`)).toEqual([ofRun]);
    expect(await list("journeyKey=winback")).toEqual([ofJourney]);
    expect(await list("from=2026-03-01T12:00:05.000Z")).toEqual([late]);
    expect(await list("to=2026-03-01T12:00:05.000Z")).toHaveLength(5);
    expect(await list("from=2026-03-01T13:00:05%2B01:00&status=pending")).toEqual([late]);
    expect(await list("status=sent&channel=webhook")).toEqual([]);
    expect((await deliveries(workspace, "?status=sent")).body.items[0].reason).toBe("redirected");
    expect((await deliveries(workspace, "?channel=webhook")).body.items[0]).toMatchObject({
      attempts: 8,
      nextAttemptAt: "2026-03-01T12:00:05.000Z",
    });
    expect((await deliveries(workspace, "?from=2026-03-01T12:00:05.000Z")).body.items[0]).toMatchObject({
      target: "alex@example.com",
      providerId: "prov_1",
      createdAt: "2026-03-01T12:00:05.000Z",
    });
  });

  it("of merged profiles are found under either id", async () => {
    const { workspace, decisions, ids } = await withWebhooks(
      [person("alex"), { externalId: "cus_1" }, { ...person("alex"), externalId: "cus_1" }],
      { eligibility: { reentry: "always", maxActive: 10 } },
    );
    await runAlarm(workspace.cell);
    expect(ids).toHaveLength(3);
    for (const { profileId } of decisions) {
      expect(idsOf(await deliveries(workspace, `?profileId=${profileId}`))).toEqual(ids.toReversed());
    }
  });

  it.each([
    "status=done",
    "channel=sms",
    "profileId=nobody",
    "enrollmentId=none",
    "journeyKey=",
    "from=yesterday",
    "to=2026-13-01",
    "limit=0",
    "limit=201",
    "cursor=x",
  ])("refuse the filter %s", async (query) => {
    const answer = await deliveries(await aWorkspace(), `?${query}`);
    expect([answer.status, answer.body.error]).toEqual([400, "invalid_request"]);
  });
});
