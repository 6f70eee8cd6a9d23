// Whether a condition of a template holds: the words and the meaning of a journey's conditions, with `$item` and
// `$index` in what is repeated. A missing path makes a comparison false, never an error.
import { OPERATORS, type Operator } from "./condition-grammar.ts";
import { holdsFor } from "./condition.ts";
import { hasOwn, isJsonObject, type Json, type JsonObject } from "./json.ts";

/** Reads what a condition compares; `undefined` where a path leads nowhere. */
export interface ConditionReader {
  state(pointer: string): Json | undefined;
  item(path: string): Json | undefined;
  index(): number | undefined;
  /** Called for each condition and each group of them, before it is evaluated. */
  condition(): void;
  /** Called before two values are compared. */
  comparison(operator: Exclude<Operator, "exists">, left: Json, right: Json): void;
}

/** Evaluates a checked condition; what is none does not hold. */
export function conditionHolds(condition: Json | undefined, read: ConditionReader): boolean {
  read.condition();
  if (typeof condition === "boolean") return condition;
  if (Array.isArray(condition)) return condition.every((member) => conditionHolds(member, read));
  if (!isJsonObject(condition)) return false;
  return membersHold(condition, read) !== (condition.not === true);
}

function membersHold(condition: JsonObject, read: ConditionReader): boolean {
  const { $and: all, $or: any } = condition;
  if (Array.isArray(all)) return all.every((member) => conditionHolds(member, read));
  if (Array.isArray(any)) return any.some((member) => conditionHolds(member, read));
  return clauseHolds(condition, read);
}

function clauseHolds(clause: JsonObject, read: ConditionReader): boolean {
  const left = subjectOf(clause, read);
  const operators = OPERATORS.filter((operator) => hasOwn(clause, operator));
  if (operators.length === 0) return Boolean(left);
  return operators.every((operator) => compares(operator, left, clause[operator], read));
}

function subjectOf({ $state, $item, $index }: JsonObject, read: ConditionReader): Json | undefined {
  if (typeof $state === "string") return read.state($state);
  if (typeof $item === "string") return read.item($item);
  return $index === true ? read.index() : undefined;
}

function compares(
  operator: Operator,
  left: Json | undefined,
  operand: Json | undefined,
  read: ConditionReader,
): boolean {
  if (operator === "exists") return (left !== undefined) === operand;
  if (left === undefined) return false;
  const isPath = isJsonObject(operand) && typeof operand.$state === "string";
  const right = isPath ? read.state(operand.$state as string) : operand;
  if (right === undefined) return false;
  read.comparison(operator, left, right);
  return holdsFor(operator, left, right);
}
