// The words of a condition: json-render's grammar, with `in`, `contains`, `startsWith`, `exists` and `$entry`
// added. No user regular expressions: one bad pattern would stop a whole workspace.
import type { Json } from "./json.ts";

/** Comparison operators; the left side is always the `$state` of the object they stand in. */
export const OPERATORS = ["eq", "neq", "gt", "gte", "lt", "lte", "in", "contains", "startsWith", "exists"] as const;
export type Operator = (typeof OPERATORS)[number];

/** One place of the state, compared; several operators must all hold, without one it is the value's truthiness. */
export interface StateClause {
  $state: string;
  /** The right side of an operator: a literal, `{ "$state": pointer }` or, where allowed, `{ "$entry": pointer }`. */
  eq?: Json;
  neq?: Json;
  gt?: Json;
  gte?: Json;
  lt?: Json;
  lte?: Json;
  in?: Json;
  contains?: Json;
  startsWith?: Json;
  /** `true`: the path must be there (`null` is); `false`: it must not. */
  exists?: boolean;
  /** Negates the whole object. */
  not?: boolean;
}

export interface AndGroup {
  $and: Condition[];
  not?: boolean;
}

export interface OrGroup {
  $or: Condition[];
  not?: boolean;
}

export type ConditionObject = StateClause | AndGroup | OrGroup;

/** An array means `$and`. */
export type Condition = boolean | ConditionObject | Condition[];
