// What a cell gives to a person's export, in pages that fit into memory and may pass between objects.
import type { UserEventRow } from "../domain/event.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";
import type { DeliveryRows, ToldDelivery } from "./delivery-rows.ts";
import type { Enrollment, EnrollmentStore } from "./enrollment-store.ts";
import type { Outbox } from "./outbox.ts";
import type { Quarantine } from "./quarantine.ts";

const PAGE_EVENTS = 200;
const PAGE_ENROLLMENTS = 500;
const PAGE_DELIVERIES = 500;

/**
 * Events of a person that are on their way to D1 or in quarantine, whole, newest first. Whoever goes through the pages
 * and then through D1 misses none: an event leaves for D1 only, and only when D1 has it. It may meet one twice.
 */
export function waitingEventsOf(
  { outbox, quarantine }: { outbox: Outbox; quarantine: Quarantine },
  profileIds: readonly string[],
  before: string | null,
): ListPage<UserEventRow> {
  const ids = [outbox, quarantine]
    .flatMap((store) => store.newestOf(profileIds, before, PAGE_EVENTS + 1))
    .toSorted()
    .toReversed();
  return takePage(
    wholeEvents(ids.slice(0, PAGE_EVENTS + 1), (id) => outbox.readEvent(id) ?? quarantine.readEvent(id)),
    PAGE_EVENTS,
    ({ data, receipt }) => (data?.length ?? 0) + receipt.length,
  );
}

/** Runs of a person with their timelines, newest first. */
export function enrollmentsOf(
  { enrollments }: { enrollments: EnrollmentStore },
  profileIds: readonly string[],
  before: string | null,
): ListPage<Enrollment> {
  return enrollments.listOf(profileIds, PAGE_ENROLLMENTS, before);
}

/** Messages of a person with their attempts, newest first. */
export function deliveriesOf(
  rows: DeliveryRows,
  profileIds: readonly string[],
  before: string | null,
): ListPage<ToldDelivery> {
  return rows.listOf(profileIds, PAGE_DELIVERIES, before);
}

/** Reads events one by one: what does not fit into the page is not read. */
function* wholeEvents(ids: readonly string[], read: (id: string) => UserEventRow | null): Generator<UserEventRow> {
  for (const id of ids) {
    const event = read(id);
    if (event !== null) yield event;
  }
}
