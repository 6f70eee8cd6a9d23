// Says what is wrong with a condition before anyone relies on it: a misspelt operator that was passed over
// would silently let everybody in. Reports everything at once, in words a marketer understands.
import { OPERATORS, type Operator } from "./condition-grammar.ts";
import { MAX_ISSUES } from "./issue-list.ts";
import { hasOwn, isJsonObject, type JsonObject } from "./json.ts";
import { dotPath, quote } from "./quote.ts";
import { parseItemPath, parseStatePath, type StateRoot } from "./state-path.ts";

/** Groups inside groups; far past what a person can read, far below what a call stack holds. */
export const MAX_CONDITION_DEPTH = 16;
/** Comparisons in one condition: each one costs time in every transaction whose event it looks at. */
export const MAX_CONDITION_CLAUSES = 200;

export interface ConditionIssue {
  /** Keys and indices from the condition downwards, joined by dots; empty = the condition itself. */
  path: string;
  message: string;
}

const GROUPS = ["$and", "$or"] as const;
/** What a clause can compare. */
const SUBJECTS = ["$state", "$item", "$index"] as const;
type Subject = (typeof SUBJECTS)[number];

const EXPECTED = 'A condition is true, false, a list of conditions, or an object with "$state", "$and" or "$or".';

/** What a condition may read at its place. */
export interface ConditionReads {
  /**
   * Whether `{ "$entry": pointer }` may stand on the right: only where a later event is compared with the one that
   * started the run.
   */
  allowEntry: boolean;
  /** Where `$state` may lead. Without it: into the event and the profile. */
  roots?: readonly StateRoot[];
  /** Whether `$item` and `$index` can be compared too: what a template repeats. */
  allowItem?: boolean;
}

/**
 * Checks a condition of unknown shape.
 *
 * @returns every issue found, up to a little more than anyone is told of; none = {@link compileCondition} takes it
 */
export function checkCondition(input: unknown, reads: ConditionReads): ConditionIssue[] {
  const check = new ConditionCheck(reads);
  check.condition(input, [], 0);
  return check.issues;
}

type Path = readonly (string | number)[];

class ConditionCheck {
  readonly issues: ConditionIssue[] = [];
  readonly #reads: ConditionReads;
  readonly #subjects: readonly Subject[];
  #clauses = 0;

  constructor(reads: ConditionReads) {
    this.#reads = reads;
    this.#subjects = reads.allowItem === true ? SUBJECTS : ["$state"];
  }

  condition(input: unknown, path: Path, depth: number): void {
    if (typeof input === "boolean") this.#count(path);
    else if (Array.isArray(input)) this.#group(input, path, depth + 1);
    else if (!isJsonObject(input)) this.#report(path, EXPECTED);
    else if (this.#subjects.some((name) => hasOwn(input, name))) this.#clause(input, path);
    else if (GROUPS.some((name) => hasOwn(input, name))) this.#groupObject(input, path, depth);
    else this.#report(path, EXPECTED);
  }

  #groupObject(input: JsonObject, path: Path, depth: number): void {
    const [group, second] = GROUPS.filter((name) => hasOwn(input, name));
    if (group === undefined) return;
    if (second !== undefined)
      this.#report(path, '"$and" and "$or" cannot stand in one object: put one inside the other.');
    for (const key of Object.keys(input)) {
      if (key === "not") this.#not(input, path);
      else if (key !== "$and" && key !== "$or") {
        this.#report([...path, key], `${quote(key)} cannot stand beside "${group}": only "not" can.`);
      }
    }
    const members = input[group];
    if (Array.isArray(members)) this.#group(members, [...path, group], depth + 1);
    else this.#report([...path, group], `"${group}" takes a list of conditions.`);
  }

  #group(members: readonly unknown[], path: Path, depth: number): void {
    if (depth > MAX_CONDITION_DEPTH) {
      this.#report(path, `Conditions can be nested at most ${MAX_CONDITION_DEPTH} levels deep.`);
    } else if (members.length === 0) {
      this.#report(path, "An empty list says nothing: it needs at least one condition.");
    } else {
      for (const [i, member] of members.entries()) {
        if (this.#isHopeless()) break;
        this.condition(member, [...path, i], depth);
      }
    }
  }

  #clause(input: JsonObject, path: Path): void {
    const subject = this.#subjects.find((name) => hasOwn(input, name)) ?? "$state";
    this.#subject(subject, input[subject], [...path, subject]);
    const keys = Object.keys(input).filter((key) => key !== subject);
    if (keys.every((key) => key === "not")) this.#count(path);
    for (const key of keys) {
      if (key === "not") this.#not(input, path);
      else if (isOperator(key)) {
        this.#count(path);
        this.#operand(key, input[key], [...path, key]);
      } else {
        this.#report(
          [...path, key],
          `${quote(key)} is not an operator. The operators are ${OPERATORS.join(", ")}, and "not".`,
        );
      }
    }
  }

  #subject(subject: Subject, value: unknown, path: Path): void {
    if (subject === "$state") this.#pointer(value, path, subject);
    else if (subject === "$index") {
      if (value !== true) this.#report(path, '"$index" can only be true.');
    } else {
      const parsed = typeof value === "string" ? parseItemPath(value) : null;
      if (parsed?.ok !== true) this.#report(path, parsed?.error ?? '"$item" takes the path of a value in the item.');
    }
  }

  #operand(operator: Operator, value: unknown, path: Path): void {
    if (operator === "exists") {
      if (typeof value !== "boolean") this.#report(path, '"exists" takes true or false.');
    } else if (isReference(value)) {
      this.#reference(value, path);
    } else if (Array.isArray(value) && value.some(isReference)) {
      this.#report(path, 'A list holds values as they are: "$state" and "$entry" are not read inside it.');
    } else if (operator === "in" && !Array.isArray(value)) {
      this.#report(path, '"in" takes a list of values.');
    }
  }

  #reference(value: JsonObject, path: Path): void {
    const name = hasOwn(value, "$state") ? "$state" : "$entry";
    if (Object.keys(value).length > 1) this.#report(path, `Nothing can stand beside "${name}" on the right side.`);
    if (name === "$entry" && !this.#reads.allowEntry) {
      this.#report(path, '"$entry" can be read in exitOn, goal and wait_for_event only; here it is "$state".');
    } else {
      this.#pointer(value[name], [...path, name], name);
    }
  }

  #pointer(value: unknown, path: Path, name: "$state" | "$entry"): void {
    if (typeof value !== "string") {
      this.#report(path, `"${name}" takes a path, such as "/event/name".`);
      return;
    }
    const parsed = parseStatePath(value, name === "$state" ? this.#reads.roots : ["event"]);
    if (!parsed.ok) this.#report(path, parsed.error);
  }

  #not(input: JsonObject, path: Path): void {
    if (typeof input.not !== "boolean") this.#report([...path, "not"], '"not" takes true or false.');
  }

  #count(path: Path): void {
    this.#clauses += 1;
    if (this.#clauses === MAX_CONDITION_CLAUSES + 1) {
      this.#report(path, `A condition can hold at most ${MAX_CONDITION_CLAUSES} comparisons.`);
    }
  }

  /** What comes after would cost time and change nothing of what is told. */
  #isHopeless(): boolean {
    return this.issues.length > MAX_ISSUES || this.#clauses > MAX_CONDITION_CLAUSES;
  }

  #report(path: Path, message: string): void {
    this.issues.push({ path: dotPath(path), message });
  }
}

function isReference(value: unknown): value is JsonObject {
  return isJsonObject(value) && (hasOwn(value, "$state") || hasOwn(value, "$entry"));
}

function isOperator(key: string): key is Operator {
  return OPERATORS.some((operator) => operator === key);
}
