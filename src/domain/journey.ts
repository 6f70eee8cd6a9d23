// The journey document: its shape, what may be wrong with it, and what accepting an event needs of it.
import * as v from "valibot";
import { compileCondition, type CompiledCondition } from "./condition.ts";
import { condition, fields, laterCondition, text } from "./definition-fields.ts";
import { issuesOf, type DefinitionIssue } from "./definition-issue.ts";
import type { EligibilityRules, EntryLimit } from "./eligibility.ts";
import { compileEligibility, compileLimit, eligibilitySchema, runawaySchema } from "./eligibility-rules.ts";
import { toldIssues } from "./issue-list.ts";
import { hasOwn, isJsonObject, type JsonObject } from "./json.ts";
import { graphIssues } from "./journey-graph.ts";
import { err, ok, type Result } from "./result.ts";
import { listOf } from "./shapes.ts";
import { checkSteps, MAX_STEPS } from "./steps/check-steps.ts";
import { stepSchema, type Step } from "./steps/index.ts";

export type { DefinitionIssue } from "./definition-issue.ts";

export const MAX_EXIT_RULES = 10;

const KEY_MESSAGE =
  "A key is needed here: 1 to 120 lower-case letters, digits, - or _, beginning with a letter or digit.";
const EXIT_ON_MESSAGE = `A list of at most ${MAX_EXIT_RULES} events that end a run is needed here.`;
const ENTRY_MESSAGE = 'An entry is needed here: { "event": name, "filter"?: condition } or { "api": true }.';

const headSchema = fields({
  key: v.pipe(v.string(KEY_MESSAGE), v.regex(/^[a-z0-9][a-z0-9_-]{0,119}$/, KEY_MESSAGE)),
  name: text(),
});

const eventEntrySchema = fields({ event: text(), filter: v.exactOptional(condition) });
const apiEntrySchema = fields({ api: v.literal(true, '"api" can only be true.') });

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
  runaway: v.exactOptional(runawaySchema),
  steps: v.pipe(v.array(stepSchema), v.minLength(1), v.maxLength(MAX_STEPS)),
});

/** A checked document: known fields only, their values as they were sent. */
export type JourneyDefinition = Omit<v.InferOutput<typeof journeyDefinitionSchema>, "steps"> & { steps: Step[] };

export type DefinitionCheck = Result<
  JourneyDefinition,
  { kind: "request"; issues: { path: string; message: string }[] } | { kind: "definition"; issues: DefinitionIssue[] }
>;

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
  const issues: DefinitionIssue[] = [];
  const entry = entrySection(input, issues);
  const eligibility = section(input, "eligibility", eligibilitySchema, issues);
  const exitOn = section(input, "exitOn", exitOnSchema, issues);
  const goal = section(input, "goal", goalSchema, issues);
  const runaway = section(input, "runaway", runawaySchema, issues);
  const { steps, issues: stepIssues } = checkSteps(input.steps);
  const wholeIssues = stepIssues.length > 0 ? [] : graphIssues(steps, endsFromOutside(input, { exitOn, goal }));
  const all = issues.concat(stepIssues, wholeIssues);
  if (all.length > 0 || entry === undefined) {
    return err({ kind: "definition", issues: toldIssues(all, (message) => ({ path: "", stepId: null, message })) });
  }
  return ok({
    ...head.output,
    entry,
    ...(eligibility === undefined ? {} : { eligibility }),
    ...(exitOn === undefined ? {} : { exitOn }),
    ...(goal === undefined ? {} : { goal }),
    ...(runaway === undefined ? {} : { runaway }),
    steps,
  });
}

interface EndingRules {
  exitOn: JourneyDefinition["exitOn"] | undefined;
  goal: JourneyDefinition["goal"] | undefined;
}

/** Whether something besides the steps ends runs. What is meant to and is wrong has been told as such. */
function endsFromOutside(input: JsonObject, checked: EndingRules): boolean {
  const { exitOn, goal } = checked;
  const exits = exitOn === undefined ? input.exitOn !== undefined : exitOn.length > 0;
  return exits || (goal === undefined ? input.goal !== undefined : goal.exit !== false);
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
  eligibility: EligibilityRules;
  /** The version's own limit; `null` = the workspace's, if it has one. */
  runaway: EntryLimit | null;
  firstStepId: string;
}

/**
 * Prepares a version for events to come.
 *
 * @param definition  as {@link checkDefinition} gave it; anything else throws
 */
export function compileJourney(definition: JourneyDefinition): CompiledJourney {
  const { entry, eligibility = {}, runaway, steps } = definition;
  const [first] = steps;
  if (first === undefined) throw new Error("a journey holds no step");
  return {
    filter: "event" in entry && entry.filter !== undefined ? compileCondition(entry.filter) : null,
    eligibility: compileEligibility(eligibility, steps),
    runaway: runaway === undefined ? null : compileLimit(runaway),
    firstStepId: first.id,
  };
}
