import { describe, expect, it } from "vitest";
import { runAlarm } from "../support/alarm.ts";
import { env } from "cloudflare:workers";
import { aWorkspace, send, track } from "../support/workspace.ts";

const order = {
  event: "order.created",
  profile: { email: "alex@example.com", externalId: "cus_123" },
  data: { total: 49 },
};

describe("POST /api/v1/events", () => {
  it("accepts an event, replays it, refuses another one under its key", async () => {
    const workspace = await aWorkspace();
    const first = await track(workspace, order, { key: "k1" });
    const body = await first.text();
    expect([first.status, body]).toEqual([202, expect.stringContaining("eventId")]);
    const again = await track(workspace, order, { key: "k1" });
    expect([again.status, await again.text(), again.headers.get("idempotent-replayed")]).toEqual([202, body, "true"]);
    const other = await track(workspace, { ...order, event: "other" }, { key: "k1" });
    expect(other.status).toBe(409);
    const { eventId } = JSON.parse(body) as { eventId: string };
    const read = await send(`/api/v1/events/${eventId}`, { headers: { "x-api-key": workspace.apiKey } });
    expect([read.status, await read.json()]).toEqual([200, expect.objectContaining({ eventId })]);
    await runAlarm(workspace.cell);
    const rows = await env.DB.prepare("select * from user_events").all();
    expect(rows.results.length).toBe(1);
    const read2 = await send(`/api/v1/events/${eventId}`, { headers: { "x-api-key": workspace.apiKey } });
    expect([read2.status, await read2.json()]).toEqual([200, expect.objectContaining({ eventId })]);
  });
});
