// Conditions, compiled once and evaluated often. Evaluating one answers why: the first clause that did not hold,
// by path and operator, never by value. Comparison is by JSON type, without coercion; a missing path makes a
// comparison false, never an error.
import { OPERATORS, type Condition, type Operator, type StateClause } from "./condition-grammar.ts";
import type { FailedClause } from "./event.ts";
import { hasOwn, isJsonObject, jsonEquals, type Json } from "./json.ts";
import { parsePointer, resolvePointer } from "./json-pointer.ts";
import { textIncludes } from "./text-search.ts";

export { checkCondition } from "./condition-check.ts";
export type { Condition } from "./condition-grammar.ts";

/** What a condition can read. Functions, because parsing a stored text is paid only when a clause needs it. */
export interface ConditionScope {
  /** The event's data: before redaction in filters, as stored in steps. */
  event(): Json | undefined;
  /** Properties, with `email` and `externalId` as identities: the scope's maker lays those two over the properties. */
  profile(): Json | undefined;
  /** Data of the event that started the run: only in `exitOn`, `goal` and `wait_for_event`. */
  entry?(): Json | undefined;
}

/** Answers `null` when the condition holds. The clause it answers otherwise is shared and frozen. */
export type CompiledCondition = (scope: ConditionScope) => FailedClause | null;

type Read = (scope: ConditionScope) => Json | undefined;

interface Part {
  run: CompiledCondition;
  /** What to blame when the part holds and should not have. */
  first: FailedClause;
}

/**
 * Prepares a condition: paths are parsed and answers made now, so that evaluating it allocates nothing.
 *
 * @param condition  passed {@link checkCondition}; anything else throws
 */
export function compileCondition(condition: Condition): CompiledCondition {
  return compile(condition).run;
}

function compile(condition: Condition): Part {
  if (typeof condition === "boolean") return literal(condition);
  if (Array.isArray(condition)) return all(condition.map(compile));
  let part: Part;
  if ("$and" in condition) part = all(condition.$and.map(compile));
  else if ("$or" in condition) part = any(condition.$or.map(compile));
  else part = clause(condition);
  return condition.not === true ? negate(part) : part;
}

function literal(value: boolean): Part {
  return partOf(null, String(value), () => value);
}

function clause(condition: StateClause): Part {
  const read = reader("$state", condition.$state);
  const parts = operatorsOf(condition).map((operator) => comparison(condition, operator, read));
  if (parts.length > 0) return all(parts);
  return partOf(condition.$state, "truthy", (scope) => Boolean(read(scope)));
}

function comparison(condition: StateClause, operator: Operator, left: Read): Part {
  if (operator === "exists") {
    const wanted = condition.exists;
    return partOf(condition.$state, operator, (scope) => (left(scope) !== undefined) === wanted);
  }
  const compare = COMPARISONS[operator];
  const right = operand(condition[operator]);
  return partOf(condition.$state, operator, (scope) => {
    const a = left(scope);
    if (a === undefined) return false;
    const b = right(scope);
    return b !== undefined && compare(a, b);
  });
}

function partOf(path: string | null, operator: string, holds: (scope: ConditionScope) => boolean): Part {
  const failed: FailedClause = Object.freeze({ path, operator });
  return { run: (scope) => (holds(scope) ? null : failed), first: failed };
}

function all(parts: readonly Part[]): Part {
  const first = firstOf(parts);
  if (parts.length === 1) return first;
  const run: CompiledCondition = (scope) => {
    for (const part of parts) {
      const failed = part.run(scope);
      if (failed !== null) return failed;
    }
    return null;
  };
  return { run, first: first.first };
}

function any(parts: readonly Part[]): Part {
  const first = firstOf(parts);
  const run: CompiledCondition = (scope) => {
    let reason: FailedClause | null = null;
    for (const part of parts) {
      const failed = part.run(scope);
      if (failed === null) return null;
      reason ??= failed;
    }
    return reason;
  };
  return { run, first: first.first };
}

function negate(part: Part): Part {
  const failed: FailedClause = Object.freeze({ ...part.first, not: true });
  return { run: (scope) => (part.run(scope) === null ? failed : null), first: failed };
}

function firstOf(parts: readonly Part[]): Part {
  const [first] = parts;
  if (first === undefined) throw new Error("a condition holds an empty list");
  return first;
}

function operand(value: Json | undefined): Read {
  if (isJsonObject(value)) {
    if (hasOwn(value, "$state")) return reader("$state", value.$state);
    if (hasOwn(value, "$entry")) return reader("$entry", value.$entry);
  }
  return () => value;
}

function reader(name: "$state" | "$entry", pointer: Json | undefined): Read {
  const parsed = typeof pointer === "string" ? parsePointer(pointer) : null;
  if (parsed?.ok !== true) throw new Error("a condition holds a path that was not checked");
  const [root, ...tokens] = parsed.value;
  if (name === "$entry") return (scope) => resolvePointer(scope.entry?.(), tokens);
  if (root === "event") return (scope) => resolvePointer(scope.event(), tokens);
  if (root === "profile") return (scope) => resolvePointer(scope.profile(), tokens);
  throw new Error("a condition reads a root that was not checked");
}

/** The operators of a clause, in the order they are written: it is the order in which the first that fails is told. */
export function operatorsOf(clauseToRead: StateClause): Operator[] {
  return Object.keys(clauseToRead)
    .filter((key) => key !== "$state" && key !== "not")
    .map(operatorNamed);
}

/** Compares two values that are both there. */
export function holdsFor(operator: Exclude<Operator, "exists">, left: Json, right: Json): boolean {
  return COMPARISONS[operator](left, right);
}

function operatorNamed(key: string): Operator {
  const operator = OPERATORS.find((name) => name === key);
  if (operator === undefined) throw new Error("a condition holds an operator that was not checked");
  return operator;
}

const COMPARISONS: Record<Exclude<Operator, "exists">, (left: Json, right: Json) => boolean> = {
  eq: jsonEquals,
  neq: (left, right) => !jsonEquals(left, right),
  gt: (left, right) => order(left, right) > 0,
  gte: (left, right) => order(left, right) >= 0,
  lt: (left, right) => order(left, right) < 0,
  lte: (left, right) => order(left, right) <= 0,
  in: (left, right) => Array.isArray(right) && right.some((item) => jsonEquals(left, item)),
  contains: (left, right) => {
    if (Array.isArray(left)) return left.some((item) => jsonEquals(item, right));
    return typeof left === "string" && typeof right === "string" && textIncludes(left, right);
  },
  startsWith: (left, right) => typeof left === "string" && typeof right === "string" && left.startsWith(right),
};

/** Negative, zero or positive; `NaN`, for which no order comparison holds, where the two have no common order. */
function order(left: Json, right: Json): number {
  const comparable =
    (typeof left === "number" && typeof right === "number") || (typeof left === "string" && typeof right === "string");
  if (!comparable) return Number.NaN;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
