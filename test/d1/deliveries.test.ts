import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { listDeliveries, type DeliveryFilters } from "../../src/d1/deliveries.ts";
import { NOW_MS, aDeliveryRow, aWorkspace, given } from "./builders.ts";

const ALL = { limit: 200, before: null };
const SECOND_MS = 1_000;

async function idsOf(workspaceId: string, filters: DeliveryFilters): Promise<string[]> {
  const { rows } = await listDeliveries(env.DB, workspaceId, filters, ALL);
  return rows.map((row) => row.delivery_id);
}

describe("listDeliveries", () => {
  it("gives every column, newest first, of one workspace", async () => {
    const workspaceId = aWorkspace();
    const rows = [
      aDeliveryRow(),
      aDeliveryRow({
        rev: 7,
        channel: "webhook",
        status: "failed",
        reason: "exhausted",
        attempts: 8,
        next_attempt_at: "2026-03-02T00:00:00.000Z",
        settled_at: "2026-03-03T00:00:00.000Z",
        target: "https://example.com/hook?a='b'",
        provider_id: "prov_1",
      }),
    ];
    await given(workspaceId, "deliveries", rows);
    await given(aWorkspace(), "deliveries", [aDeliveryRow()]);
    expect(await listDeliveries(env.DB, workspaceId, {}, ALL)).toEqual({ rows: rows.toReversed(), next: null });
  });

  it("wants every filter that is given", async () => {
    const workspaceId = aWorkspace();
    const [base, sent, failed, hook, othersRun, otherJourney, other, later] = (
      await given(workspaceId, "deliveries", [
        aDeliveryRow(),
        aDeliveryRow({ status: "sent" }),
        aDeliveryRow({ status: "failed" }),
        aDeliveryRow({ channel: "webhook" }),
        aDeliveryRow({ enrollment_id: "run-2" }),
        aDeliveryRow({ journey_key: "winback" }),
        aDeliveryRow({ profile_id: "profile-2" }),
        aDeliveryRow({ atMs: NOW_MS + SECOND_MS, status: "skipped", reason: "unsubscribed" }),
      ])
    ).map((row) => row.delivery_id);
    const all = [later, other, otherJourney, othersRun, hook, failed, sent, base];
    const but = (...left: unknown[]) => all.filter((id) => !left.includes(id));
    expect(await idsOf(workspaceId, {})).toEqual(all);
    expect(await idsOf(workspaceId, { status: "pending" })).toEqual(but(later, failed, sent));
    expect(await idsOf(workspaceId, { status: "sent" })).toEqual([sent]);
    expect(await idsOf(workspaceId, { status: "failed" })).toEqual([failed]);
    expect(await idsOf(workspaceId, { status: "skipped" })).toEqual([later]);
    expect(await idsOf(workspaceId, { channel: "webhook" })).toEqual([hook]);
    expect(await idsOf(workspaceId, { enrollmentId: "run-2" })).toEqual([othersRun]);
    expect(await idsOf(workspaceId, { journeyKey: "winback" })).toEqual([otherJourney]);
    expect(await idsOf(workspaceId, { journeyKey: "order-follow-up" })).toEqual(but(otherJourney));
    expect(await idsOf(workspaceId, { profileIds: ["profile-2"] })).toEqual([other]);
    expect(await idsOf(workspaceId, { profileIds: ["profile-2", "profile-1", "profile-2"] })).toEqual(all);
    expect(await idsOf(workspaceId, { profileIds: [] })).toEqual([]);
    expect(await idsOf(workspaceId, { fromMs: NOW_MS + 1 })).toEqual([later]);
    expect(await idsOf(workspaceId, { fromMs: NOW_MS, toMs: NOW_MS + SECOND_MS })).toEqual(but(later));
    expect(await idsOf(workspaceId, { toMs: NOW_MS })).toEqual([]);
    const narrow: DeliveryFilters = {
      status: "pending",
      channel: "email",
      profileIds: ["profile-1"],
      enrollmentId: "run-1",
      journeyKey: "order-follow-up",
      fromMs: NOW_MS,
      toMs: NOW_MS + 1,
    };
    // Whichever filter leads, the others hold too.
    const { enrollmentId: _run, ...withoutRun } = narrow;
    const { profileIds: _people, ...withoutPeople } = withoutRun;
    const { status: _status, ...withoutStatus } = withoutPeople;
    expect(await idsOf(workspaceId, narrow)).toEqual([base]);
    expect(await idsOf(workspaceId, withoutRun)).toEqual([othersRun, base]);
    expect(await idsOf(workspaceId, { ...withoutRun, profileIds: ["profile-1", "x"] })).toEqual([othersRun, base]);
    expect(await idsOf(workspaceId, withoutPeople)).toEqual([other, othersRun, base]);
    expect(await idsOf(workspaceId, withoutStatus)).toEqual([other, othersRun, failed, sent, base]);
    expect(await idsOf(workspaceId, { ...narrow, journeyKey: "winback" })).toEqual([otherJourney]);
    expect(await idsOf(workspaceId, { ...narrow, journeyKey: "none" })).toEqual([]);
  });

  it.each<[string, DeliveryFilters]>([
    ["a workspace", {}],
    ["one profile", { profileIds: ["profile-1"] }],
    ["several profiles, one of them named twice", { profileIds: ["profile-1", "profile-2", "profile-1"] }],
    ["a run", { enrollmentId: "run-1" }],
    ["a journey", { journeyKey: "order-follow-up" }],
    ["what is pending", { status: "pending" }],
  ])("pages through %s without a repeat or a gap while rows arrive", async (_, filters) => {
    const workspaceId = aWorkspace();
    const rows = await given(
      workspaceId,
      "deliveries",
      Array.from({ length: 5 }, () => aDeliveryRow()),
    );
    const first = await listDeliveries(env.DB, workspaceId, filters, { limit: 2, before: null });
    await given(workspaceId, "deliveries", [aDeliveryRow()]);
    const second = await listDeliveries(env.DB, workspaceId, filters, { limit: 3, before: first.next });
    expect([...first.rows, ...second.rows]).toEqual(rows.toReversed());
    expect(second.next).toBeNull();
  });
});
