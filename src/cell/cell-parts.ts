// Puts a cell together: which store knows which. The only place that sees all of them.
import type { EntryLimit } from "../domain/eligibility.ts";
import { MonotonicIds } from "../domain/ids.ts";
import { ApiKeys } from "./api-keys.ts";
import { Asking } from "./asking.ts";
import { ConsentDesk } from "./consent.ts";
import { DeliveriesLane } from "./deliveries-lane.ts";
import { DeliveryDesk } from "./delivery-desk.ts";
import { DeliveryJobs } from "./delivery-jobs.ts";
import { DeliveryRows } from "./delivery-rows.ts";
import type { Deployment } from "./deployment.ts";
import { DisabledEndpoints } from "./disabled-endpoints.ts";
import { EnrollmentCommands } from "./enrollment-commands.ts";
import { EnrollmentStore } from "./enrollment-store.ts";
import { ErasureLane } from "./erasure-lane.ts";
import { ErasureStore } from "./erasure-store.ts";
import { EventApplier } from "./event-applier.ts";
import { FlushLane } from "./flush-lane.ts";
import { ForgottenMessages } from "./forgotten-messages.ts";
import { JourneyCommands } from "./journey-commands.ts";
import { JourneyCounts } from "./journey-counts.ts";
import { JourneyReplay } from "./journey-replay.ts";
import { JourneyStore } from "./journey-store.ts";
import { KeyLedger } from "./key-ledger.ts";
import { Outbox } from "./outbox.ts";
import { PersonResolver } from "./person-resolver.ts";
import { ProfileStore } from "./profile-store.ts";
import { Quarantine } from "./quarantine.ts";
import { RateWindows } from "./rate-windows.ts";
import { RejectedEvents } from "./rejected-events.ts";
import { RetentionLane } from "./retention-lane.ts";
import { RunDriver } from "./run-driver.ts";
import { RunPlans } from "./run-plans.ts";
import { RunawayGuard } from "./runaway-guard.ts";
import { Suppressions } from "./suppressions.ts";
import { TemplateCommands } from "./template-commands.ts";
import { TemplateStore } from "./template-store.ts";
import { TextParts } from "./text-parts.ts";
import { TimersLane } from "./timers-lane.ts";
import { UnsubscribeLinks } from "./unsubscribe-links.ts";
import { WebhookSecrets } from "./webhook-secrets.ts";
import { WorkspaceStore } from "./workspace-store.ts";

export type CellParts = ReturnType<typeof assembleCell>;

/**
 * Builds the stores over a migrated database.
 *
 * @param transaction  runs a change all or nothing, and lets memory follow the tables when it fails
 */
export function assembleCell(
  sql: SqlStorage,
  { DB: db, DELIVERIES: queue }: Pick<Env, "DB" | "DELIVERIES">,
  transaction: (run: () => void) => void,
  deployment: Deployment,
) {
  const eventIds = new MonotonicIds();
  const ids = new MonotonicIds();
  const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(8));
  const newId = (): string => ids.next(Date.now(), random());

  const workspace = new WorkspaceStore(sql);
  const keys = new ApiKeys(sql);
  const ledger = new KeyLedger(sql);
  const textParts = new TextParts(sql);
  const outbox = new Outbox(sql, textParts);
  const quarantine = new Quarantine(sql, outbox, textParts);
  const rejected = new RejectedEvents(sql, textParts);
  const counts = new JourneyCounts(sql, outbox);
  const journeys = new JourneyStore(sql, counts);
  const templates = new TemplateStore(sql);
  const profiles = new ProfileStore(sql, outbox);
  const enrollments = new EnrollmentStore(sql, outbox, textParts);
  const deliveryRows = new DeliveryRows(sql);
  const webhookSecrets = new WebhookSecrets(sql);
  const disabledEndpoints = new DisabledEndpoints(sql);
  const workspaceId = (): string => workspace.get()?.id ?? "";
  const suppressions = new Suppressions(sql, { newId, digestKeys: () => deployment.digestKeys(workspaceId()) });
  const unsubscribeLinks = new UnsubscribeLinks(sql, { workspaceId, publicUrl: deployment.publicUrl });
  const consent = new ConsentDesk({ sql, workspace, profiles, suppressions, links: unsubscribeLinks });
  const erasures = new ErasureStore(sql);
  const people = new PersonResolver({ sql, profiles, enrollments, suppressions, newId });
  const guard = new RunawayGuard(sql, () => workspace.runaway());
  const plans = new RunPlans(journeys);
  const timezone = (): string | null => workspace.get()?.timezone ?? null;
  const snapshotIdOf = (templateKey: string): string | null => templates.snapshotIdOf(templateKey);
  const driver = new RunDriver({ enrollments, profiles, plans, timezone, snapshotIdOf, newId });
  const deliveryDesk = new DeliveryDesk({
    enrollments,
    driver,
    jobs: new DeliveryJobs({ enrollments, profiles, journeys, templates }),
    consent,
    secrets: webhookSecrets,
    endpoints: disabledEndpoints,
    snapshotIdOf,
    defaultFrom: () => workspace.get()?.settings.defaultFrom ?? null,
    newId,
    transaction,
  });
  const enrollmentCommands = new EnrollmentCommands({ enrollments, profiles, journeys, plans, driver });
  const journeyCommands = new JourneyCommands({ journeys, templates, guard, newId });
  const templateCommands = new TemplateCommands({ templates, journeys, newId });

  // The greater of the two: counting may have gone beyond the outbox, and ids below it would never be counted.
  let lastEventId = [outbox.newestEventId() ?? "", workspace.lastEventIdAtStart].toSorted().at(-1) as string;
  const applier = new EventApplier({
    people,
    journeys,
    enrollments,
    driver,
    guard,
    counts,
    outbox,
    newId,
    lastEventId,
  });
  if (lastEventId !== "") eventIds.resumeAfter(lastEventId);
  const newEventId = (): string => (lastEventId = eventIds.next(Date.now(), random()));
  const workspaceLimit = (): EntryLimit | null => workspace.runaway();
  const asking = new Asking({ applier, journeys, profiles, people, enrollments, guard, workspaceLimit, timezone });
  const journeyReplay = new JourneyReplay({ sql, journeys, profiles, people, enrollments, guard, applier, outbox });

  const flush = new FlushLane({
    db,
    workspaceId: () => workspace.get()?.id ?? "",
    outbox,
    counts,
    ledger,
    profiles,
    enrollments,
    deliveries: deliveryRows,
    quarantine,
    newId,
    lastEventId: () => lastEventId,
    transaction,
  });
  const erasure = new ErasureLane({ db, workspaceId: () => workspace.get()?.id ?? "", erasures, transaction });
  const requestFlush = (): void => flush.request(Date.now());
  const deliveries = new DeliveriesLane({
    queue,
    workspaceId,
    work: enrollments.deliveries.work,
    desk: deliveryDesk,
    transaction,
    requestFlush,
  });
  const timers = new TimersLane({ enrollments, journeys, driver, transaction, requestFlush });
  const retention = new RetentionLane({
    db,
    ledger,
    rejected,
    messages: new ForgottenMessages(sql, enrollments.deliveries.kept),
    workspace: () => workspace.retention(),
    cleanedUp: (now, cut) => workspace.cleanedUp(now, cut),
    transaction,
  });

  return {
    sql,
    workspace,
    keys,
    ledger,
    outbox,
    quarantine,
    rejected,
    rates: new RateWindows(),
    journeys,
    journeyCommands,
    templates,
    templateCommands,
    profiles,
    people,
    enrollments,
    deliveryRows,
    deliveryDesk,
    webhookSecrets,
    disabledEndpoints,
    suppressions,
    unsubscribeLinks,
    consent,
    erasures,
    enrollmentCommands,
    guard,
    driver,
    applier,
    asking,
    journeyReplay,
    newEventId,
    newId,
    timers,
    deliveries,
    flush,
    erasure,
    retention,
    /** Reads again what is kept in memory of people: after something was tried on them and taken back. */
    reloadPeople: (): void => {
      for (const store of [profiles, enrollments]) store.reload();
    },
    /** Reads again what is also kept in memory. */
    reload: (): void => {
      const stores = [workspace, ledger, rejected, counts, journeys, plans, profiles, enrollments, erasures, guard];
      for (const store of [...stores, suppressions, unsubscribeLinks]) store.reload();
    },
  };
}
