// The rules of entry as a journey document writes them, and as deciding needs them.
import * as v from "valibot";
import { duration, fields } from "./definition-fields.ts";
import { parseDuration } from "./duration.ts";
import type { EligibilityRules, EntryKey, EntryLimit, Reentry } from "./eligibility.ts";
import { resolvePointer } from "./json-pointer.ts";
import { IDENTITY_KINDS } from "./profile.ts";
import { listOf } from "./shapes.ts";
import { parseStatePath } from "./state-path.ts";
import type { Step } from "./steps/index.ts";

export const MAX_ACTIVE_RUNS = 1_000_000;
/** Enrollments of a person that deciding one event may have to count. */
export const MAX_CAP_ENROLLMENTS = 10_000;
export const MAX_RUNAWAY_ENROLLMENTS = 1_000_000;
const DEFAULT_MAX_ACTIVE = 1;

const REENTRY_MESSAGE = '"once", "always" or { "after": duration } is needed here.';
const KEY_MESSAGE = 'A path to a single value is needed here, such as "/event/orderId".';
const PER_MESSAGE = "A duration of at least PT1S is needed here.";
const REQUIRES_MESSAGE = `A list of identity kinds is needed here, each at most once: ${IDENTITY_KINDS.join(", ")}.`;

/** A duration that takes time: nothing ever falls into a window of no length. */
export const windowLength = v.pipe(
  duration,
  v.check((value) => parseDuration(value) !== 0, PER_MESSAGE),
);

function wholeNumber(most: number) {
  const message = `A whole number from 1 to ${most} is needed here.`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(1, message), v.maxValue(most, message));
}

export const eligibilitySchema = fields({
  /** Without it: "once", one enrollment per profile (and key) for ever, over all versions. */
  reentry: v.exactOptional(
    v.union([v.picklist(["once", "always"], REENTRY_MESSAGE), fields({ after: duration })], REENTRY_MESSAGE),
  ),
  /** `reentry` and `maxActive` count per value of this place instead of per profile alone. */
  key: v.exactOptional(
    v.pipe(
      v.string(KEY_MESSAGE),
      v.rawCheck(({ dataset, addIssue }) => {
        const parsed = dataset.typed ? parseStatePath(dataset.value) : null;
        if (parsed?.ok === false) addIssue({ message: parsed.error });
        else if (parsed?.value.tokens.length === 0) addIssue({ message: KEY_MESSAGE });
      }),
    ),
  ),
  /** Runs of one profile (and key) at a time. Without it: 1. */
  maxActive: v.exactOptional(wholeNumber(MAX_ACTIVE_RUNS)),
  /** Enrollments of one profile within a time, whatever the key. */
  cap: v.exactOptional(fields({ enrollments: wholeNumber(MAX_CAP_ENROLLMENTS), per: windowLength })),
  /** What must be known of the person. */
  requires: v.exactOptional(
    v.pipe(
      listOf(v.picklist(IDENTITY_KINDS, REQUIRES_MESSAGE), IDENTITY_KINDS.length, REQUIRES_MESSAGE),
      v.minLength(1, REQUIRES_MESSAGE),
      v.check((kinds) => new Set(kinds).size === kinds.length, REQUIRES_MESSAGE),
    ),
  ),
});

/** Entries of all people together within a time, past which a journey stops. */
export const runawaySchema = fields({ enrollments: wholeNumber(MAX_RUNAWAY_ENROLLMENTS), per: windowLength });

/**
 * Prepares the rules of a checked document.
 *
 * @param rules  as {@link eligibilitySchema} gave them; anything else throws
 */
export function compileEligibility(
  rules: v.InferOutput<typeof eligibilitySchema>,
  steps: readonly Step[],
): EligibilityRules {
  return {
    reentry: compileReentry(rules.reentry ?? "once"),
    maxActive: rules.maxActive ?? DEFAULT_MAX_ACTIVE,
    key: rules.key === undefined ? null : compileKey(rules.key),
    cap: rules.cap === undefined ? null : compileLimit(rules.cap),
    requires: rules.requires ?? [],
    emailOnly: emailOnlyOf(steps),
  };
}

/** Prepares a limit of a checked document or of the workspace's settings. */
export function compileLimit({ enrollments, per }: { enrollments: number; per: string }): EntryLimit {
  return { enrollments, perMs: checkedMs(per) };
}

function compileReentry(reentry: "once" | "always" | { after: string }): Reentry {
  return typeof reentry === "string" ? { kind: reentry } : { kind: "after", afterMs: checkedMs(reentry.after) };
}

function compileKey(pointer: string): EntryKey {
  const parsed = parseStatePath(pointer);
  if (!parsed.ok) throw new Error("a journey holds a path that was not checked");
  const { root, tokens } = parsed.value;
  return {
    pointer,
    read: (scope) => resolvePointer(root === "event" ? scope.keptEvent() : scope.profile(), tokens),
  };
}

/**
 * Whether all that a journey could do to reach anybody is to write to the person's own address. A webhook may reach
 * the person another way, and an e-mail to another address somebody else: for those the run is still worth having. One
 * transactional e-mail is enough to have it for somebody who has unsubscribed.
 */
function emailOnlyOf(steps: readonly Step[]): EligibilityRules["emailOnly"] {
  const reaching = steps.filter((step) => step.type === "email" || step.type === "webhook");
  const own = reaching.filter((step) => step.type === "email").filter(({ to }) => isToThePerson(to));
  if (reaching.length === 0 || own.length < reaching.length) return null;
  return own.some(({ transactional }) => transactional === true) ? "transactional" : "ordinary";
}

function isToThePerson(to: string | { $state: string } | undefined): boolean {
  return to === undefined || (typeof to === "object" && to.$state === "/profile/email");
}

function checkedMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new Error("a journey holds a duration that was not checked");
  return ms;
}
