// An event near the vendor's bound, through its door: whole in the cell as soon as it is answered, whole in D1
// afterwards, and for the run that it starts.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { readEvent } from "../../../../src/d1/user-events.ts";
import { runAlarm } from "../../../support/alarm.ts";
import { OPERATOR } from "../../../support/commands.ts";
import { anActiveJourney } from "../../../support/journeys.ts";
import { queryCell } from "../../../support/tables.ts";
import { aWorkspace, send } from "../../../support/workspace.ts";
const FIELD_BYTES = 98_000;

it("is read back byte by byte from the cell, from D1, and as the entry event of its run", async () => {
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell);
  const properties = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`p${i}`, '"é'.repeat(FIELD_BYTES / 4)]));
  const attributes = { properties, metric: { name: "order.created" }, profile: { $email: "large@example.com" } };
  const body = JSON.stringify({ data: { type: "event", attributes } });
  expect(new TextEncoder().encode(body).byteLength).toBeGreaterThan(4_800_000);
  const headers = { authorization: `Klaviyo-API-Key ${workspace.apiKey}`, revision: "2023-01-24" };
  const answer = await send("/klaviyo/api/events/", { method: "POST", headers, body });
  expect([answer.status, await answer.text()]).toEqual([202, ""]);

  const sent = JSON.stringify(properties);
  const [row] = await queryCell<{ id: string }>(workspace, `SELECT event_id AS id FROM outbox_events`);
  const eventId = row?.id ?? "";
  const fromCell = await workspace.cell.readEvent(OPERATOR, eventId);
  expect(fromCell.ok && fromCell.value?.data === sent).toBe(true);
  await runAlarm(workspace.cell);
  const gone = await workspace.cell.readEvent(OPERATOR, eventId);
  expect(gone).toEqual({ ok: true, value: null });
  const fromD1 = await readEvent(env.DB, workspace.id, eventId);
  expect(fromD1?.data === sent).toBe(true);
  const parts = await queryCell<{ text: string }>(
    workspace,
    `SELECT text FROM text_parts WHERE owner = 'entry_event' ORDER BY part`,
  );
  expect(parts.map(({ text }) => text).join("") === sent).toBe(true);
});
