import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { listEnrollments, type EnrollmentFilters } from "../../src/d1/enrollments.ts";
import { aWorkspace, anEnrollmentRow, given } from "./builders.ts";

const ALL = { limit: 200, before: null };

async function idsOf(workspaceId: string, filters: EnrollmentFilters, journeyId = "journey-1"): Promise<string[]> {
  const { rows } = await listEnrollments(env.DB, workspaceId, journeyId, filters, ALL);
  return rows.map((row) => row.enrollment_id);
}

describe("listEnrollments", () => {
  it("gives every column, newest first, of one journey of one workspace", async () => {
    const workspaceId = aWorkspace();
    const rows = [anEnrollmentRow(), anEnrollmentRow({ reason: "goal", ended_at: "2026-03-02T00:00:00.000Z" })];
    await given(workspaceId, "enrollments", [...rows, anEnrollmentRow({ journey_id: "journey-2" })]);
    await given(aWorkspace(), "enrollments", [anEnrollmentRow()]);
    expect(await listEnrollments(env.DB, workspaceId, "journey-1", {}, ALL)).toEqual({
      rows: rows.toReversed(),
      next: null,
    });
  });

  it("wants every filter that is given", async () => {
    const workspaceId = aWorkspace();
    const [base, exited, versionTwo, later, other] = await given(workspaceId, "enrollments", [
      anEnrollmentRow(),
      anEnrollmentRow({ status: "exited" }),
      anEnrollmentRow({ version: 2 }),
      anEnrollmentRow({ step_id: "rest" }),
      anEnrollmentRow({ profile_id: "profile-2" }),
    ]);
    await given(workspaceId, "enrollments", [anEnrollmentRow({ journey_id: "journey-2", status: "exited" })]);
    const ids = [other, later, versionTwo, exited, base].map((row) => row!.enrollment_id);
    expect(await idsOf(workspaceId, {})).toEqual(ids);
    expect(await idsOf(workspaceId, { status: "exited" })).toEqual([exited!.enrollment_id]);
    expect(await idsOf(workspaceId, { version: 2 })).toEqual([versionTwo!.enrollment_id]);
    expect(await idsOf(workspaceId, { stepId: "rest" })).toEqual([later!.enrollment_id]);
    expect(await idsOf(workspaceId, { profileIds: ["profile-2"] })).toEqual([other!.enrollment_id]);
    expect(await idsOf(workspaceId, { profileIds: ["profile-2", "profile-1"] })).toEqual(ids);
    expect(await idsOf(workspaceId, { profileIds: [] })).toEqual([]);
    const narrow: EnrollmentFilters = { status: "active", profileIds: ["profile-1"], stepId: "thanks", version: 1 };
    expect(await idsOf(workspaceId, narrow)).toEqual([base!.enrollment_id]);
    expect(await idsOf(workspaceId, { ...narrow, profileIds: ["profile-1", "x"] })).toEqual([base!.enrollment_id]);
    expect(await idsOf(workspaceId, narrow, "journey-3")).toEqual([]);
  });

  it.each([
    ["a journey", {}],
    ["one profile", { profileIds: ["profile-1"] }],
    ["several profiles", { profileIds: ["profile-1", "profile-2"] }],
  ])("pages through %s without a repeat or a gap while rows arrive", async (_, filters) => {
    const workspaceId = aWorkspace();
    const rows = await given(
      workspaceId,
      "enrollments",
      Array.from({ length: 5 }, () => anEnrollmentRow()),
    );
    const first = await listEnrollments(env.DB, workspaceId, "journey-1", filters, { limit: 2, before: null });
    await given(workspaceId, "enrollments", [anEnrollmentRow()]);
    const second = await listEnrollments(env.DB, workspaceId, "journey-1", filters, { limit: 3, before: first.next });
    expect([...first.rows, ...second.rows]).toEqual(rows.toReversed());
    expect(second.next).toBeNull();
  });
});
