// What an erasure leaves of messages in the read model.
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { listDeliveries } from "../../src/d1/deliveries.ts";
import { erasePerson } from "../../src/d1/erase.ts";
import type { DeliveryRow } from "../../src/domain/delivery.ts";
import { NOW_MS, aDeliveryRow, aWorkspace, anIdAt, given } from "./builders.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const PERSONAL = { target: "ada@example.com", provider_id: "prov_1" };

function personOf(...profileIds: string[]) {
  return { profileIds, partEventIds: [], erasedAt: NOW_MS };
}

async function listed(workspaceId: string): Promise<DeliveryRow[]> {
  const { rows } = await listDeliveries(env.DB, workspaceId, {}, { limit: 5_000, before: null });
  return rows.toReversed();
}

describe("erasing a person's messages in the read model", () => {
  it("takes to whom they went, and leaves how they ended", async () => {
    const workspaceId = aWorkspace();
    const [survivor, merged] = [anIdAt(), anIdAt()];
    const rows = await given(workspaceId, "deliveries", [
      aDeliveryRow({ profile_id: survivor, status: "sent", ...PERSONAL }),
      aDeliveryRow({ profile_id: merged, status: "failed", reason: "rejected", ...PERSONAL }),
    ]);
    expect(await erasePerson(env.DB, workspaceId, personOf(survivor, merged), Date.now() + 60_000)).toBe(true);
    expect(await listed(workspaceId)).toEqual(rows.map((row) => ({ ...row, target: null, provider_id: null })));
  });

  it("leaves everybody else's, and those of other workspaces", async () => {
    const [workspaceId, otherId] = [aWorkspace(), aWorkspace()];
    const erased = anIdAt();
    const rows = await given(workspaceId, "deliveries", [aDeliveryRow(PERSONAL)]);
    const others = await given(otherId, "deliveries", [aDeliveryRow({ profile_id: erased, ...PERSONAL })]);
    await erasePerson(env.DB, workspaceId, personOf(erased), Date.now() + 60_000);
    expect([await listed(workspaceId), await listed(otherId)]).toEqual([rows, others]);
  });

  it("goes on where it was interrupted, in slices", async () => {
    const workspaceId = aWorkspace();
    const erased = anIdAt();
    const rows = Array.from({ length: 1_200 }, () => aDeliveryRow({ profile_id: erased, ...PERSONAL }));
    await given(workspaceId, "deliveries", rows);
    const prepared = vi.spyOn(env.DB, "prepare");
    expect(await erasePerson(env.DB, workspaceId, personOf(erased), Date.now() - 1)).toBe(false);
    expect((await listed(workspaceId)).filter(({ target }) => target !== null)).toHaveLength(rows.length);
    prepared.mockClear();
    expect(await erasePerson(env.DB, workspaceId, personOf(erased), Date.now() + 60_000)).toBe(true);
    expect(prepared.mock.calls.filter(([sql]) => sql.includes("UPDATE deliveries"))).toHaveLength(3);
    const left = await listed(workspaceId);
    expect(left).toHaveLength(rows.length);
    expect(left.filter(({ target, provider_id }) => target !== null || provider_id !== null)).toEqual([]);
  });
});
