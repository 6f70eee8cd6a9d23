// The journey document: its shape, what may be wrong with it, and what accepting an event needs of it. A rule
// that is not built is refused, never passed over: a limit that does not limit is worse than none.
import * as v from "valibot";
import { compileCondition, type CompiledCondition } from "./condition.ts";
import { condition, duration, fields, laterCondition, text } from "./definition-fields.ts";
import { issuesOf, type DefinitionIssue } from "./definition-issue.ts";
import { parseDuration } from "./duration.ts";
import type { Reentry } from "./eligibility.ts";
import { toldIssues } from "./issue-list.ts";
import { hasOwn, isJsonObject, type JsonObject } from "./json.ts";
import { err, ok, type Result } from "./result.ts";
import { listOf } from "./shapes.ts";
import { checkSteps, MAX_STEPS } from "./steps/check-steps.ts";
import { stepSchema, type Step } from "./steps/index.ts";

export type { DefinitionIssue } from "./definition-issue.ts";

export const MAX_EXIT_RULES = 10;
export const MAX_ACTIVE_RUNS = 1_000_000;
const DEFAULT_MAX_ACTIVE = 1;

const KEY_MESSAGE =
  "A key is needed here: 1 to 120 lower-case letters, digits, - or _, beginning with a letter or digit.";
const REENTRY_MESSAGE = '"once", "always" or { "after": duration } is needed here.';
const MAX_ACTIVE_MESSAGE = `A whole number from 1 to ${MAX_ACTIVE_RUNS} is needed here.`;
const EXIT_ON_MESSAGE = `A list of at most ${MAX_EXIT_RULES} events that end a run is needed here.`;
const ENTRY_MESSAGE = 'An entry is needed here: { "event": name, "filter"?: condition } or { "api": true }.';

const headSchema = fields({
  key: v.pipe(v.string(KEY_MESSAGE), v.regex(/^[a-z0-9][a-z0-9_-]{0,119}$/, KEY_MESSAGE)),
  name: text(),
});

const eventEntrySchema = fields({ event: text(), filter: v.exactOptional(condition) });
const apiEntrySchema = fields({ api: v.literal(true, '"api" can only be true.') });

const eligibilitySchema = fields({
  /** Without it: "once", one enrollment per profile for ever, over all versions. */
  reentry: v.exactOptional(
    v.union([v.picklist(["once", "always"], REENTRY_MESSAGE), fields({ after: duration })], REENTRY_MESSAGE),
  ),
  /** Runs of one profile at a time. Without it: 1. */
  maxActive: v.exactOptional(
    v.pipe(
      v.number(MAX_ACTIVE_MESSAGE),
      v.integer(MAX_ACTIVE_MESSAGE),
      v.minValue(1, MAX_ACTIVE_MESSAGE),
      v.maxValue(MAX_ACTIVE_RUNS, MAX_ACTIVE_MESSAGE),
    ),
  ),
});

const exitOnSchema = listOf(
  fields({ event: text(), filter: v.exactOptional(laterCondition) }),
  MAX_EXIT_RULES,
  EXIT_ON_MESSAGE,
);

const goalSchema = fields({
  event: text(),
  filter: v.exactOptional(laterCondition),
  /** Whether reaching the goal ends the run. Without it: true. */
  exit: v.exactOptional(v.boolean("true or false is needed here.")),
});

/** The whole document, for documentation; {@link checkDefinition} tells more about a wrong one. */
export const journeyDefinitionSchema = v.object({
  ...headSchema.entries,
  entry: v.union([eventEntrySchema, apiEntrySchema]),
  eligibility: v.exactOptional(eligibilitySchema),
  exitOn: v.exactOptional(exitOnSchema),
  goal: v.exactOptional(goalSchema),
  steps: v.pipe(v.array(stepSchema), v.minLength(1), v.maxLength(MAX_STEPS)),
});

/** A checked document: known fields only, their values as they were sent. */
export type JourneyDefinition = Omit<v.InferOutput<typeof journeyDefinitionSchema>, "steps"> & { steps: Step[] };

export type DefinitionCheck = Result<
  JourneyDefinition,
  { kind: "request"; issues: { path: string; message: string }[] } | { kind: "definition"; issues: DefinitionIssue[] }
>;

/** Rules of the document that are not built, by the place they would stand in. */
const UNAVAILABLE_RULES = { "": ["runaway"], eligibility: ["key", "cap", "requires"] };

/**
 * Checks a journey document of unknown shape.
 *
 * @returns the definition; `request` when it cannot even be filed (no object, no usable key or name); otherwise
 *          `definition` with what is wrong with it, see {@link toldIssues}
 */
export function checkDefinition(input: unknown): DefinitionCheck {
  if (!isJsonObject(input)) {
    return err({ kind: "request", issues: [{ path: "", message: "A journey is an object." }] });
  }
  const head = v.safeParse(headSchema, input);
  if (!head.success) {
    const issues = issuesOf(head.issues, "", null).map(({ path, message }) => ({ path, message }));
    return err({ kind: "request", issues });
  }
  const issues: DefinitionIssue[] = [
    ...unavailableRules(input, ""),
    ...(isJsonObject(input.eligibility) ? unavailableRules(input.eligibility, "eligibility") : []),
  ];
  const entry = entrySection(input, issues);
  const eligibility = section(input, "eligibility", eligibilitySchema, issues);
  const exitOn = section(input, "exitOn", exitOnSchema, issues);
  const goal = section(input, "goal", goalSchema, issues);
  const { steps, issues: stepIssues } = checkSteps(input.steps);
  const all = issues.concat(stepIssues);
  if (all.length > 0 || entry === undefined) {
    return err({ kind: "definition", issues: toldIssues(all, (message) => ({ path: "", stepId: null, message })) });
  }
  return ok({
    ...head.output,
    entry,
    ...(eligibility === undefined ? {} : { eligibility }),
    ...(exitOn === undefined ? {} : { exitOn }),
    ...(goal === undefined ? {} : { goal }),
    steps,
  });
}

function unavailableRules(holder: JsonObject, path: keyof typeof UNAVAILABLE_RULES): DefinitionIssue[] {
  return UNAVAILABLE_RULES[path]
    .filter((name) => hasOwn(holder, name) && holder[name] !== undefined)
    .map((name) => ({
      path: path === "" ? name : `${path}.${name}`,
      stepId: null,
      message: `The rule "${name}" is not available yet; remove it. It is refused rather than ignored, so that nobody relies on it.`,
    }));
}

function entrySection(input: JsonObject, issues: DefinitionIssue[]): JourneyDefinition["entry"] | undefined {
  const { entry } = input;
  const report = (path: string, message: string): undefined => {
    issues.push({ path, stepId: null, message });
  };
  if (!isJsonObject(entry)) return report("entry", ENTRY_MESSAGE);
  if (!hasOwn(entry, "api")) return section(input, "entry", eventEntrySchema, issues);
  if (hasOwn(entry, "event")) return report("entry", 'Choose one: an entry has either "event" or "api".');
  if (hasOwn(entry, "filter"))
    return report("entry.filter", 'An entry by "api" has no event that a filter could look at.');
  return section(input, "entry", apiEntrySchema, issues);
}

/** Checks one part of the document by its schema; `undefined` when it is absent or wrong. */
function section<S extends v.GenericSchema>(
  input: JsonObject,
  name: string,
  schema: S,
  issues: DefinitionIssue[],
): v.InferOutput<S> | undefined {
  if (!hasOwn(input, name) || input[name] === undefined) return undefined;
  const result = v.safeParse(schema, input[name]);
  if (result.success) return result.output;
  for (const issue of issuesOf(result.issues, name, null)) issues.push(issue);
  return undefined;
}

/** What accepting an event needs of a journey version. */
export interface CompiledJourney {
  filter: CompiledCondition | null;
  reentry: Reentry;
  maxActive: number;
  firstStepId: string;
}

/**
 * Prepares a version for events to come.
 *
 * @param definition  as {@link checkDefinition} gave it; anything else throws
 */
export function compileJourney(definition: JourneyDefinition): CompiledJourney {
  const { entry, eligibility, steps } = definition;
  const [first] = steps;
  if (first === undefined) throw new Error("a journey holds no step");
  return {
    filter: "event" in entry && entry.filter !== undefined ? compileCondition(entry.filter) : null,
    reentry: compileReentry(eligibility?.reentry ?? "once"),
    maxActive: eligibility?.maxActive ?? DEFAULT_MAX_ACTIVE,
    firstStepId: first.id,
  };
}

function compileReentry(reentry: "once" | "always" | { after: string }): Reentry {
  if (typeof reentry === "string") return { kind: reentry };
  const afterMs = parseDuration(reentry.after);
  if (afterMs === null) throw new Error("a journey holds a duration that was not checked");
  return { kind: "after", afterMs };
}
