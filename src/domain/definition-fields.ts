// The kinds of field a journey document is made of. Every message says in plain words what is needed, and never
// what was sent; every free-form value passes through as it is.
import * as v from "valibot";
import { OPERATORS } from "./condition-grammar.ts";
import { checkCondition, type Condition } from "./condition.ts";
import { parseDuration, MAX_DURATION_DAYS } from "./duration.ts";
import { hasOwn, isJsonObject } from "./json.ts";
import { objectOf } from "./shapes.ts";
import { parseStatePath } from "./state-path.ts";

/** Characters: event names, template keys, property names and the like, as the published event contract has them. */
export const MAX_NAME_CHARACTERS = 255;

/** One thing that is wrong inside a free-form value; the path, by {@link dotPath}, counts from that value downwards. */
export interface FieldIssue {
  path: string;
  message: string;
}

/** An object of known fields: unknown ones are dropped, and a missing one is told by name with what it needs. */
export function fields<const E extends v.ObjectEntries>(entries: E) {
  return objectOf(entries, (issue) => {
    const key = issue.path?.[0]?.key;
    if (typeof key !== "string") return "An object is needed here.";
    const needed = v.safeParse(entries[key] as v.GenericSchema, undefined).issues?.[0]?.message ?? "";
    return `"${key}" is missing. ${needed}`.trimEnd();
  });
}

/**
 * A free-form value that keeps every key it has: valibot's own records drop keys such as `__proto__` silently.
 *
 * @param description  what it may hold, for the generated documentation
 * @param issuesOf     everything that is wrong with a value; none = it is a `T`
 */
export function freeForm<T>(
  description: string,
  issuesOf: (value: unknown) => FieldIssue[],
): v.GenericSchema<unknown, T> {
  return v.pipe(
    v.unknown(),
    v.description(description),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      for (const { path, message } of issuesOf(dataset.value)) {
        addIssue(path === "" ? { message } : { message, path: [pathItem(path, dataset.value)] });
      }
    }),
  ) as v.GenericSchema<unknown, T>;
}

function pathItem(path: string, input: unknown): v.UnknownPathItem {
  return { type: "unknown", origin: "value", input, key: path, value: undefined };
}

/** Text that can be stored and shown: well-formed Unicode, no U+0000. */
export function text(maxCharacters: number = MAX_NAME_CHARACTERS) {
  const message = `Text of 1 to ${maxCharacters} characters is needed here.`;
  return v.pipe(
    v.string(message),
    v.minLength(1, message),
    v.maxLength(maxCharacters, message),
    v.check(
      (value) => value.isWellFormed() && !value.includes("\u0000"),
      "This text holds characters that are not valid Unicode, or a NUL.",
    ),
  );
}

const STEP_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const STEP_ID_MESSAGE =
  "A step id is needed here: 1 to 64 lower-case letters, digits, - or _, beginning with a letter or digit.";

/** Tells whether text has the form of a step id. */
export function isStepId(value: unknown): value is string {
  return typeof value === "string" && STEP_ID.test(value);
}

export const stepId = v.pipe(v.string(STEP_ID_MESSAGE), v.regex(STEP_ID, STEP_ID_MESSAGE));

const DURATION_MESSAGE =
  "A duration is needed here, such as PT30S, PT2H, P7D or P2W " +
  `(no years, months or fractions; at most ${MAX_DURATION_DAYS} days).`;

export const duration = v.pipe(
  v.string(DURATION_MESSAGE),
  v.check((value) => parseDuration(value) !== null, DURATION_MESSAGE),
  v.description("ISO 8601 duration of weeks, days, hours, minutes and seconds, such as PT30S or P7D."),
);

const CONDITION_FORM =
  "true, false, a list of conditions that must all hold, or an object: { $state: path, <operator>: value, not? }, " +
  `{ $and: [condition], not? } or { $or: [condition], not? }. Operators: ${OPERATORS.join(", ")}. ` +
  "A value is a literal or { $state: path }";

/** A condition over the event at hand and the profile. */
export const condition = freeForm<Condition>(`${CONDITION_FORM}.`, (value) =>
  checkCondition(value, { allowEntry: false }),
);

/** A condition over a later event, which may be compared with the one that started the run. */
export const laterCondition = freeForm<Condition>(
  `${CONDITION_FORM}; { $entry: path } reads the event that started the run.`,
  (value) => checkCondition(value, { allowEntry: true }),
);

/** Reads a value from the event or the profile when the step runs. */
export const stateReference = v.strictObject({
  $state: v.pipe(
    v.string(),
    v.rawCheck(({ dataset, addIssue }) => {
      const parsed = dataset.typed ? parseStatePath(dataset.value) : null;
      if (parsed !== null && !parsed.ok) addIssue({ message: parsed.error });
    }),
  ),
});
export type StateReference = v.InferOutput<typeof stateReference>;

/** A field that is either written out, or read from where `{ "$state": path }` leads. */
export function orReference<const S extends v.GenericSchema<string>>(written: S, message: string) {
  return v.union([written, stateReference], message);
}

/** Tells whether a value is meant as `{ "$state": pointer }`, well-formed or not. */
export function isMeantAsReference(value: unknown): boolean {
  return isJsonObject(value) && hasOwn(value, "$state");
}

/** Gives what is wrong with a value inside free-form JSON that {@link isMeantAsReference}. */
export function referenceIssues(value: unknown, path: string): FieldIssue[] {
  const result = v.safeParse(stateReference, value);
  if (result.success) return [];
  const [issue] = result.issues;
  const message = issue.type === "raw_check" ? issue.message : 'A reference is { "$state": path } and nothing else.';
  return [{ path, message }];
}
