import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { findSentEmails } from "../../src/d1/sent-emails.ts";
import { aDeliveryRow, aWorkspace, given } from "./builders.ts";

describe("findSentEmails", () => {
  it("finds messages by their providers' ids, in whichever workspace they are", async () => {
    const [first, second] = [aWorkspace(), aWorkspace()];
    await given(first, "deliveries", [
      aDeliveryRow({ delivery_id: "d-1", provider_id: "<one@example.com>" }),
      aDeliveryRow({ delivery_id: "d-2", provider_id: "<other@example.com>" }),
      aDeliveryRow({ delivery_id: "d-3", provider_id: null }),
    ]);
    await given(second, "deliveries", [aDeliveryRow({ delivery_id: "d-4", provider_id: "two" })]);
    const found = await findSentEmails(env.DB, ["<one@example.com>", "two", "", "nobody's"]);
    expect(found.toSorted((a, b) => a.deliveryId.localeCompare(b.deliveryId))).toEqual([
      { providerId: "<one@example.com>", workspaceId: first, deliveryId: "d-1" },
      { providerId: "two", workspaceId: second, deliveryId: "d-4" },
    ]);
  });

  it("reads those rows only, however many messages there are", async () => {
    await given(
      aWorkspace(),
      "deliveries",
      Array.from({ length: 500 }, (_, n) => aDeliveryRow({ provider_id: n % 2 === 0 ? null : `many-${n}` })),
    );
    const prepare = vi.spyOn(env.DB, "prepare");
    await findSentEmails(env.DB, []);
    const sql = prepare.mock.calls[0]?.[0] ?? "";
    prepare.mockRestore();
    const { meta } = await env.DB.prepare(sql)
      .bind(JSON.stringify(["many-1", "many-3"]))
      .all();
    expect(meta.rows_read).toBeLessThan(10);
  });
});
