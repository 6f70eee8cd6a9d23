// The WorkspaceCell: one tenant's keys, people, journeys and outbox in one object. This file is its RPC surface:
// every call begins with the question whether the caller may still act here.
// Answers are tagged values: what is thrown from here is a bug.
import type { KeyClaim } from "../crypto/claim.ts";
import type { UserEventRow } from "../domain/event.ts";
import type { JourneyDefinition } from "../domain/journey.ts";
import type { ListPage } from "../domain/list-page.ts";
import { ok } from "../domain/result.ts";
import type { KnownProfile } from "../domain/suppression.ts";
import type { Workspace, WorkspaceSettings } from "../domain/workspace.ts";
import type { ApiKey } from "./api-keys.ts";
import type { AnsweringPerson, AskedVersion, DryRun, Explanation, ExplainQuestion } from "./asking.ts";
import { reportHealth, type CellHealth } from "./cell-health.ts";
import { found, NOT_FOUND, UNAUTHORIZED, type CellResult } from "./cell-result.ts";
import type { AcceptCommand, AcceptAtRateAnswer, AcceptOutcome, Admission, Caller } from "./command.ts";
import { knownProfile } from "./consent-commands.ts";
import { DeliveryCalls } from "./delivery-calls.ts";
import type { CancelFilter, MigrateRequest, MigrationView } from "./enrollment-commands.ts";
import type { Enrollment } from "./enrollment-store.ts";
import { erasePerson } from "./erasure.ts";
import type { JourneyChange, JourneyView } from "./journey-commands.ts";
import type { JourneyVersion } from "./journey-store.ts";
import { mergesOf, type LoggedMerge } from "./merge-log.ts";
import { enrollmentsOf, waitingEventsOf } from "./person-export.ts";
import { upsertProfile, type ProfileUpsert } from "./profile-commands.ts";
import type { RateRule } from "./rate-windows.ts";
import type { KeptRejectedEvent, RejectedEvent } from "./rejected-events.ts";
import type { QuarantinedRow } from "./quarantine.ts";
import type { ReplayAnswer, ReplayStep } from "./replay-steps.ts";
import { triggerJourney, type TriggerCommand, type TriggerOutcome } from "./trigger.ts";
import { tryOut } from "./try-out.ts";
import { undoMerge, type Unmerged } from "./unmerge.ts";

export class WorkspaceCell extends DeliveryCalls {
  /** Gives the cell its workspace, or changes what may be changed of it. */
  async putWorkspace(workspace: Workspace): Promise<void> {
    this.transaction(() => {
      this.parts.workspace.put(workspace);
      this.parts.ledger.open(Date.now());
    });
    this.lanes.arm(Date.now());
  }

  async changeWorkspace(change: {
    name?: string;
    timezone?: string;
    settings?: Partial<WorkspaceSettings>;
  }): Promise<CellResult<Workspace>> {
    const workspace = this.parts.workspace.get();
    if (workspace === null) return NOT_FOUND;
    const changed = { ...workspace, ...change, settings: { ...workspace.settings, ...change.settings } };
    this.transaction(() => this.parts.workspace.put(changed));
    return ok(changed);
  }

  async authorize(caller: Caller): Promise<boolean> {
    return this.may(caller);
  }

  /** Whether a caller may still act here, and may at this rate: for a request that ends before it comes to more. */
  async admit(caller: Caller, rule: RateRule | null): Promise<Admission> {
    return this.#admit(caller, rule);
  }

  /** Accepts one event. */
  async accept(caller: Caller, command: AcceptCommand): Promise<AcceptOutcome | { kind: "unauthorized" }> {
    if (!this.may(caller)) return { kind: "unauthorized" };
    return this.acceptAll([command])[0] as AcceptOutcome;
  }

  /** Accepts events in order, in one transaction; what is wrong with one changes nothing for the others. */
  async acceptMany(
    caller: Caller,
    commands: AcceptCommand[],
  ): Promise<{ kind: "answered"; outcomes: AcceptOutcome[] } | { kind: "unauthorized" }> {
    if (!this.may(caller)) return { kind: "unauthorized" };
    return { kind: "answered", outcomes: this.acceptAll(commands) };
  }

  /** As {@link acceptMany}, for a door that may be called so often and no more; counts as one call. */
  async acceptAtRate(caller: Caller, commands: AcceptCommand[], rule: RateRule | null): Promise<AcceptAtRateAnswer> {
    const admission = this.#admit(caller, rule);
    if (admission.kind !== "admitted") return admission;
    return { kind: "answered", outcomes: this.acceptAll(commands), rate: admission.rate };
  }

  /** Starts a run of the journey of a key. */
  async trigger(caller: Caller, command: TriggerCommand): Promise<CellResult<TriggerOutcome>> {
    const result = this.change(caller, () => triggerJourney(this.ctx.storage, this.parts, command));
    if (result.ok && result.value.kind === "triggered" && !result.value.replayed) this.wakeFlush();
    return result;
  }

  /** The event that a request's key was used for; `null` = none. Uses no key up. */
  async findAccepted(caller: Caller, claims: KeyClaim[]): Promise<CellResult<string | null>> {
    if (!this.may(caller)) return UNAUTHORIZED;
    const key = this.parts.ledger.find(claims);
    return ok(key.kind === "replay" ? key.outcome.eventId : null);
  }

  /** Says what an event would do. */
  async dryRun(caller: Caller, command: AcceptCommand): Promise<DryRun | { kind: "unauthorized" }> {
    if (!this.may(caller)) return { kind: "unauthorized" };
    return tryOut(this.ctx.storage, this.parts, () => this.parts.asking.dryRun(command, Date.now()));
  }

  async explain(caller: Caller, question: ExplainQuestion): Promise<CellResult<Explanation>> {
    return this.may(caller) ? this.parts.asking.explain(question, Date.now()) : UNAUTHORIZED;
  }

  /** A version of a journey to try out; `null` = the published one, else the newest. */
  async readVersion(caller: Caller, key: string, version: number | null): Promise<CellResult<AskedVersion>> {
    return this.may(caller) ? this.parts.asking.version(key, version) : UNAUTHORIZED;
  }

  /** Who answers for some ids: from the first on, as many as a page may hold. */
  async readPeople(caller: Caller, ids: string[]): Promise<CellResult<AnsweringPerson[]>> {
    return this.may(caller) ? ok(this.parts.asking.people(ids)) : UNAUTHORIZED;
  }

  /** Keeps what a door answered with success and could not take. */
  async keepRejected(caller: Caller, events: RejectedEvent[]): Promise<CellResult<null>> {
    const { rejected, newId } = this.parts;
    return this.change(caller, () => {
      for (const event of events) rejected.put(newId(), event);
      return ok(null);
    });
  }

  async listRejected(
    caller: Caller,
    limit: number,
    before: string | null,
  ): Promise<CellResult<ListPage<KeptRejectedEvent>>> {
    if (!this.may(caller)) return UNAUTHORIZED;
    return ok(this.parts.rejected.list(limit, before));
  }

  /** An event that may not be in D1 yet; `null` = ask there. */
  async readEvent(caller: Caller, eventId: string): Promise<CellResult<UserEventRow | null>> {
    if (!this.may(caller)) return UNAUTHORIZED;
    return ok(this.parts.outbox.readEvent(eventId) ?? this.parts.quarantine.readEvent(eventId));
  }

  /** The live profile that answers for an id. */
  async readProfile(caller: Caller, id: string): Promise<CellResult<KnownProfile>> {
    if (!this.may(caller)) return UNAUTHORIZED;
    const live = this.parts.profiles.findLive(id);
    return live === null ? NOT_FOUND : ok(knownProfile(this.parts, live));
  }

  /**
   * Erases a person and everything merged into them: here at once, in D1 by the alarm.
   *
   * @param key  digests the identities; @see src/crypto/identity-digest.ts
   */
  async eraseProfile(caller: Caller, id: string, key: Uint8Array): Promise<CellResult<null>> {
    const result = this.change(caller, () => (erasePerson(this.parts, id, key, Date.now()) ? ok(null) : NOT_FOUND));
    if (result.ok) {
      this.parts.erasure.request();
      this.wakeFlush();
    }
    return result;
  }

  /** A page of a person's events that D1 may not have, newest first; `before` is the last id of the page before. */
  async exportWaitingEvents(
    caller: Caller,
    id: string,
    before: string | null,
  ): Promise<CellResult<ListPage<UserEventRow>>> {
    return this.askFamily(caller, id, (profileIds) => waitingEventsOf(this.parts, profileIds, before));
  }

  /** A page of a person's runs with their timelines, newest first; `before` is the last id of the page before. */
  async exportEnrollments(
    caller: Caller,
    id: string,
    before: string | null,
  ): Promise<CellResult<ListPage<Enrollment>>> {
    return this.askFamily(caller, id, (profileIds) => enrollmentsOf(this.parts, profileIds, before));
  }

  /** Finds, creates or merges a person as an event would; no event is made, and no journey starts. */
  async upsertProfile(caller: Caller, upsert: ProfileUpsert): Promise<CellResult<KnownProfile>> {
    const result = this.change(caller, () => upsertProfile(this.parts.people, upsert, Date.now()));
    if (!result.ok) return result;
    this.wakeFlush();
    return ok(knownProfile(this.parts, result.value));
  }

  /** Merges that the person of an id had a part in, newest first. */
  async listMerges(
    caller: Caller,
    id: string,
    limit: number,
    before: string | null,
  ): Promise<CellResult<ListPage<LoggedMerge>>> {
    return this.askFamily(caller, id, (profileIds) => mergesOf(this.parts.sql, profileIds, limit, before));
  }

  async unmergeProfile(
    caller: Caller,
    survivorId: string,
    mergedId: string,
  ): Promise<CellResult<Unmerged<KnownProfile>>> {
    const result = this.change(caller, () => undoMerge(this.parts, survivorId, mergedId, Date.now()));
    if (!result.ok) return result;
    this.wakeFlush();
    const { survivor, restored } = result.value;
    return ok({ survivor: knownProfile(this.parts, survivor), restored: knownProfile(this.parts, restored) });
  }

  async readEnrollment(caller: Caller, id: string): Promise<CellResult<Enrollment>> {
    return this.may(caller) ? found(this.parts.enrollments.find(id)) : UNAUTHORIZED;
  }

  /** Cancels a run; one that has ended is answered as it is. */
  async cancelEnrollment(caller: Caller, id: string): Promise<CellResult<Enrollment>> {
    return this.moveRuns(caller, () => this.parts.enrollmentCommands.cancel(id, Date.now()));
  }

  /** Cancels runs of a journey, in slices between which others are answered. */
  async cancelEnrollments(caller: Caller, key: string, filter: CancelFilter): Promise<CellResult<number>> {
    return await this.parts.enrollmentCommands.cancelMany(key, filter, (slice) => this.moveRuns(caller, slice));
  }

  /** Moves a run to another version of its journey, or tells what that would change. */
  async migrateEnrollment(caller: Caller, id: string, request: MigrateRequest): Promise<CellResult<MigrationView>> {
    return this.moveRuns(caller, () => this.parts.enrollmentCommands.migrate(id, request, Date.now()));
  }

  async createJourney(caller: Caller, definition: JourneyDefinition): Promise<CellResult<JourneyView>> {
    return this.change(caller, () => this.parts.journeyCommands.create(definition, Date.now()));
  }

  async editJourney(caller: Caller, key: string, definition: JourneyDefinition): Promise<CellResult<JourneyView>> {
    return this.change(caller, () => this.parts.journeyCommands.edit(key, definition, Date.now()));
  }

  /** @param origin  the request's own: what an active journey sends has links, and they begin with it */
  async changeJourney(
    caller: Caller,
    key: string,
    change: JourneyChange,
    origin: string | null = null,
  ): Promise<CellResult<JourneyView>> {
    const result = this.change(caller, () => {
      const changed = this.parts.journeyCommands.change(key, change, Date.now());
      if (changed.ok && change === "activate" && origin !== null) this.parts.unsubscribeLinks.learnOrigin(origin);
      return changed;
    });
    if (result.ok) {
      this.parts.timers.lookAtJourneys();
      this.lanes.arm(Date.now());
    }
    return result;
  }

  /** Takes a step of a replay: whoever replays pages through the events of the past. */
  async replay(caller: Caller, step: ReplayStep): Promise<CellResult<ReplayAnswer>> {
    const result = this.change(caller, () => this.parts.journeyReplay.step(step, Date.now()));
    if (result.ok && step.kind === "take" && step.mode !== "rehearse") this.wakeFlush();
    return result;
  }

  async readJourney(caller: Caller, key: string): Promise<CellResult<JourneyView>> {
    return this.may(caller) ? this.parts.journeyCommands.read(key) : UNAUTHORIZED;
  }

  async listJourneys(caller: Caller, limit: number, before: string | null): Promise<CellResult<ListPage<JourneyView>>> {
    return this.may(caller) ? ok(this.parts.journeyCommands.list(limit, before)) : UNAUTHORIZED;
  }

  async listJourneyVersions(
    caller: Caller,
    key: string,
    limit: number,
    before: number | null,
  ): Promise<CellResult<ListPage<JourneyVersion>>> {
    if (!this.may(caller)) return UNAUTHORIZED;
    const journey = this.parts.journeys.find(key);
    return journey === null ? NOT_FOUND : ok(this.parts.journeys.versions(journey.id, limit, before));
  }

  async mintKey(
    caller: Caller,
    key: Omit<ApiKey, "lastUsedAt" | "revokedAt">,
    digest: Uint8Array,
  ): Promise<CellResult<null>> {
    if (this.parts.workspace.get() === null) return NOT_FOUND;
    return this.change(caller, () => {
      this.parts.keys.insert(key, digest);
      return ok(null);
    });
  }

  async listKeys(caller: Caller, limit: number, before: string | null): Promise<CellResult<ApiKey[]>> {
    if (!this.may(caller)) return UNAUTHORIZED;
    return ok(this.parts.keys.list(limit, before));
  }

  async revokeKey(caller: Caller, id: string): Promise<CellResult<null>> {
    return this.change(caller, () => (this.parts.keys.revoke(id, Date.now()) ? ok(null) : NOT_FOUND));
  }

  async listQuarantine(
    caller: Caller,
    limit: number,
    before: string | null,
  ): Promise<CellResult<ListPage<QuarantinedRow>>> {
    if (!this.may(caller)) return UNAUTHORIZED;
    return ok(this.parts.quarantine.list(limit, before));
  }

  async retryQuarantined(caller: Caller, id: string): Promise<CellResult<null>> {
    const result = this.change(caller, () => (this.parts.quarantine.retry(id) ? ok(null) : NOT_FOUND));
    if (result.ok) this.wakeFlush();
    return result;
  }

  async dropQuarantined(caller: Caller, id: string): Promise<CellResult<null>> {
    return this.change(caller, () => (this.parts.quarantine.drop(id) ? ok(null) : NOT_FOUND));
  }

  async health(): Promise<CellHealth> {
    return reportHealth(this.parts, Date.now());
  }

  #admit(caller: Caller, rule: RateRule | null): Admission {
    if (!this.may(caller)) return { kind: "unauthorized" };
    return rule === null ? { kind: "admitted", rate: null } : this.parts.rates.take(rule, Date.now());
  }
}
