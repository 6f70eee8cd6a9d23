// Says of a filter what each of its clauses compares, and whether the whole holds, also where an event is looked at
// again and some of its values are no longer kept: then a clause may be neither true nor false, and so may the whole.
// Where everything is known, the answer is that of condition.ts, the clause to blame included.
import type { Condition, Operator, StateClause } from "./condition-grammar.ts";
import { holdsFor, operatorsOf, type ConditionScope } from "./condition.ts";
import type { FailedClause } from "./event.ts";
import { hasOwn, isJsonObject, jsonEquals, type Json } from "./json.ts";
import { keptAt, type KeptPlace } from "./kept-place.ts";
import { parseRedactionPath } from "./redaction.ts";
import { parseStatePath } from "./state-path.ts";

/** What is shown of a value at most: a filter has up to 200 clauses, and each may look at a whole payload. */
const MAX_SHOWN_CHARACTERS = 4_096;

/** `null` = it depends on a value that is no longer kept. */
type Truth = boolean | null;

export interface ExplainedClause {
  /** JSON Pointer of the left side, `null` for a literal `true` or `false`. */
  path: string | null;
  operator: string;
  /** Present and true where the filter wants the comparison not to hold. */
  not?: true;
  /** What the left side is compared with. */
  expected: Json;
  /** Where `expected` was read, if it is no literal. */
  expectedPath?: string;
  /** What is at the path; `null` also where there is nothing, or nothing that may be shown. */
  actual: Json;
  /** Present and true where a value that was declared secret would stand. */
  redacted?: true;
  /** Present and true where a value is too large to be shown: it is `null` then. */
  omitted?: true;
  /** Whether the clause is as the filter wants it; `null` = that hangs on a value that is no longer kept. */
  passed: Truth;
}

export interface ExplainedFilter {
  /** `null` = it hangs on a value that is no longer kept. */
  holds: Truth;
  /** When it does not hold: the clause to blame, as a receipt has it. */
  failed: FailedClause | null;
  /** In the order of the document, those that deciding would not have come to included. */
  clauses: ExplainedClause[];
}

/**
 * Explains a filter.
 *
 * @param condition      passed `checkCondition`; anything else throws
 * @param scope          the event's data as it is kept
 * @param redactedPaths  what was taken out of it, as the event has them; none = the data is whole
 */
export function explainFilter(
  condition: Condition,
  scope: ConditionScope,
  redactedPaths: readonly string[],
): ExplainedFilter {
  const explanation = new Explanation(scope, redactedPaths.map(tokensOf));
  const { truth, failed } = explanation.judge(condition, false);
  return { holds: truth, failed, clauses: explanation.clauses };
}

interface Judged {
  truth: Truth;
  failed: FailedClause | null;
  /** What to blame when the part holds and should not have. */
  first: FailedClause;
}

interface Side extends KeptPlace {
  path?: string;
}

class Explanation {
  readonly clauses: ExplainedClause[] = [];
  readonly #scope: ConditionScope;
  readonly #redacted: readonly string[][];

  constructor(scope: ConditionScope, redacted: readonly string[][]) {
    this.#scope = scope;
    this.#redacted = redacted;
  }

  /** @param negated  whether what stands around the condition turns it round */
  judge(condition: Condition, negated: boolean): Judged {
    if (typeof condition === "boolean") return this.#literal(condition, negated);
    if (Array.isArray(condition)) return all(condition.map((member) => this.judge(member, negated)));
    const turned = condition.not === true;
    const inside = turned ? !negated : negated;
    let judged: Judged;
    if ("$and" in condition) judged = all(condition.$and.map((member) => this.judge(member, inside)));
    else if ("$or" in condition) judged = any(condition.$or.map((member) => this.judge(member, inside)));
    else judged = this.#clause(condition, inside);
    return turned ? negate(judged) : judged;
  }

  #literal(value: boolean, negated: boolean): Judged {
    const side: Side = { value: true, gone: null };
    return this.#judged(null, String(value), negated, value, side, { value, gone: null });
  }

  #clause(condition: StateClause, negated: boolean): Judged {
    const left = this.#read(condition.$state);
    const operators = operatorsOf(condition);
    if (operators.length > 0) {
      return all(operators.map((operator) => this.#comparison(condition, operator, left, negated)));
    }
    // What something was taken out of is still there, and no list or object is false.
    const truth = left.gone === "value" || left.gone === "place" ? null : Boolean(left.value);
    return this.#judged(condition.$state, "truthy", negated, truth, { value: true, gone: null }, left);
  }

  #comparison(condition: StateClause, operator: Operator, left: Side, negated: boolean): Judged {
    const right: Side =
      operator === "exists" ? { value: condition.exists, gone: null } : this.#operand(condition[operator]);
    return this.#judged(condition.$state, operator, negated, truthOf(operator, left, right), right, left);
  }

  #judged(path: string | null, operator: string, negated: boolean, truth: Truth, expected: Side, actual: Side): Judged {
    const [shownExpected, shownActual] = [shown(expected), shown(actual)];
    this.clauses.push({
      path,
      operator,
      ...(negated ? { not: true } : {}),
      expected: shownExpected ?? null,
      ...(expected.path === undefined ? {} : { expectedPath: expected.path }),
      actual: shownActual ?? null,
      ...(expected.gone !== null || actual.gone !== null ? { redacted: true } : {}),
      ...(shownExpected === undefined || shownActual === undefined ? { omitted: true } : {}),
      passed: truth === null ? null : truth !== negated,
    });
    const first: FailedClause = { path, operator };
    return { truth, failed: truth === false ? first : null, first };
  }

  #operand(value: Json | undefined): Side {
    if (!isJsonObject(value) || !hasOwn(value, "$state")) return { value, gone: null };
    const path = value["$state"];
    if (typeof path !== "string") throw new Error("a condition holds a path that was not checked");
    return { ...this.#read(path), path };
  }

  #read(pointer: string): Side {
    const parsed = parseStatePath(pointer);
    if (!parsed.ok) throw new Error("a condition holds a path that was not checked");
    const { root, tokens } = parsed.value;
    if (root === "profile") return keptAt(this.#scope.profile(), tokens, []);
    return keptAt(this.#scope.event(), tokens, this.#redacted);
  }
}

function truthOf(operator: Operator, left: Side, right: Side): Truth {
  if (operator === "exists") {
    if (left.gone === "place") return null;
    return (left.gone === "value" || left.value !== undefined) === right.value;
  }
  // Nothing compares with what is not there, whatever the other side was.
  if (left.gone === null && left.value === undefined) return false;
  if (right.gone === null && right.value === undefined) return false;
  if (right.gone !== null) return null;
  const wanted = right.value as Json;
  switch (left.gone) {
    case null:
      return holdsFor(operator, left.value as Json, wanted);
    case "part":
      return truthOfPart(operator, left.value as Json, wanted);
    case "value":
    case "place":
      return null;
  }
}

/** A list or an object that something was taken out of: what it is like is known, not all that is in it. */
function truthOfPart(operator: Exclude<Operator, "exists">, left: Json, right: Json): Truth {
  const alike = (value: Json): boolean =>
    typeof value === "object" && value !== null && Array.isArray(value) === Array.isArray(left);
  switch (operator) {
    case "eq":
      return alike(right) ? null : false;
    case "neq":
      return alike(right) ? null : true;
    case "in":
      return Array.isArray(right) && right.some(alike) ? null : false;
    case "contains":
      if (!Array.isArray(left)) return false;
      // What was taken out of a list is `null` there.
      return right !== null && left.some((item) => jsonEquals(item, right)) ? true : null;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
    case "startsWith":
      return false;
  }
}

function all(parts: readonly Judged[]): Judged {
  return joined(parts, false);
}

function any(parts: readonly Judged[]): Judged {
  return joined(parts, true);
}

/** @param decisive  one part of which decides the whole */
function joined(parts: readonly Judged[], decisive: boolean): Judged {
  const [head] = parts;
  if (head === undefined) throw new Error("a condition holds an empty list");
  const { first } = head;
  const decider = parts.find(({ truth }) => truth === decisive);
  if (decider !== undefined) return { truth: decisive, failed: decider.failed, first };
  if (parts.some(({ truth }) => truth === null)) return { truth: null, failed: null, first };
  return { truth: !decisive, failed: head.failed, first };
}

function negate({ truth, first }: Judged): Judged {
  const failed: FailedClause = { ...first, not: true };
  return { truth: truth === null ? null : !truth, failed: truth === true ? failed : null, first: failed };
}

/** A value as it may be shown; `undefined` = it is too large. */
function shown({ value, gone }: Side): Json | undefined {
  if (gone !== null || value === undefined) return null;
  return JSON.stringify(value).length > MAX_SHOWN_CHARACTERS ? undefined : value;
}

function tokensOf(path: string): string[] {
  const tokens = parseRedactionPath(path);
  if (!tokens.ok) throw new Error("an event holds a redaction path that was not checked");
  return tokens.value;
}
