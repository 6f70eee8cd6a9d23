// E-mails that were asked for while two people were taken for one, and are still to be sent or may be sent once more:
// when the two are parted, none of them goes to the address of the other. Where one went already stays told.
import type { Profile } from "../domain/profile.ts";
import type { DeliveryRequest } from "../domain/steps/step-runtime.ts";
import type { WorkState } from "./delivery-work.ts";
import type { Outbox } from "./outbox.ts";

type StoredEmail = {
  id: string;
  request: string;
  target: string | null;
  owner_id: string;
  /** Of the work that is left; `null` = none is: it has failed. */
  state: WorkState | null;
};

/**
 * Addresses e-mails to whom their runs belong again: at their newest address, or at none. Runs inside a transaction, once
 * the runs have gone back.
 *
 * @param mergeId  of the merge that is undone: ids of what was asked for since are greater
 */
export function partMessages(
  { sql, outbox }: { sql: SqlStorage; outbox: Outbox },
  mergeId: string,
  { survivor, restored }: { survivor: Profile; restored: Profile },
): void {
  // While they were one, all of it was asked for in the survivor's name.
  const emails = sql
    .exec<StoredEmail>(
      `SELECT d.id, d.request, d.target, e.profile_id AS owner_id, w.state
       FROM deliveries d INDEXED BY deliveries_by_profile
         JOIN enrollments e ON e.id = d.enrollment_id LEFT JOIN delivery_work w ON w.delivery_id = d.id
       WHERE d.profile_id = ? AND d.id > ? AND d.channel = 'email' AND d.status IN ('pending', 'failed')`,
      survivor.id,
      mergeId,
    )
    .toArray();
  for (const { id, request, target, owner_id, state } of emails) {
    const [owner, other] = owner_id === restored.id ? [restored, survivor] : [survivor, restored];
    const asked = JSON.parse(request) as DeliveryRequest | null;
    if (asked?.channel !== "email" || asked.to === null) continue;
    if (!other.identities.emails.includes(asked.to.toLowerCase())) continue;
    const to = owner.identities.emails[0] ?? null;
    const isOnItsWay = state !== null && state !== "claimed";
    sql.exec(
      `UPDATE deliveries SET request = ?, target = ?, rev = rev + 1 WHERE id = ?`,
      JSON.stringify({ ...asked, to } satisfies DeliveryRequest),
      isOnItsWay && target === asked.to ? to : target,
      id,
    );
    outbox.markChanged("deliveries", id);
  }
}
