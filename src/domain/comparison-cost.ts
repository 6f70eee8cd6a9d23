// What a comparison costs: one of two short values is as good as free, one of two long lists is not. Asked where a
// template compares, which it may do many times over values that anybody has sent.
import type { Operator } from "./condition-grammar.ts";
import { isJsonObject, type Json } from "./json.ts";
import { searchCost } from "./text-search.ts";

/** Values that are compared in the time of one look-up. */
const VALUES_PER_READ = 64;
/** UTF-16 units that count as a value. */
const CHARACTERS_PER_VALUE = 64;
/** Comparisons of two units that looking for a text in another makes in the time of one look-up. */
const SEARCH_PER_READ = 512;

export class ComparisonCost {
  readonly #weights = new WeakMap<object, number>();

  /** Gives what one comparison costs beyond reading its two sides, in look-ups: a whole number from 0. */
  of(operator: Exclude<Operator, "exists">, left: Json, right: Json): number {
    if (operator === "contains" && typeof left === "string" && typeof right === "string") {
      return Math.floor(searchCost(left, right) / SEARCH_PER_READ);
    }
    return Math.floor(this.#values(operator, left, right) / VALUES_PER_READ);
  }

  #values(operator: Operator, left: Json, right: Json): number {
    if (operator === "in") return this.#weight(right);
    return operator === "contains" ? this.#weight(left) : Math.min(this.#weight(left), this.#weight(right));
  }

  /** How many values are in one, itself included. Counted once for each list and object, however often it is compared. */
  #weight(value: Json): number {
    if (typeof value === "string") return 1 + value.length / CHARACTERS_PER_VALUE;
    if (typeof value !== "object" || value === null) return 1;
    const known = this.#weights.get(value);
    if (known !== undefined) return known;
    let weight = 1;
    for (const inner of Array.isArray(value) ? value : Object.values(value)) weight += this.#weight(inner);
    if (isJsonObject(value)) for (const key of Object.keys(value)) weight += this.#weight(key);
    this.#weights.set(value, weight);
    return weight;
  }
}
