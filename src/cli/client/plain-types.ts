// The types of src/client/wire.ts written out: the compiler prints the type of each constant in full, and the build
// makes type declarations of what it prints. Never run.
import type * as wire from "../../client/wire.ts";

export type Json = null | boolean | number | string | Json[] | JsonObject;

export interface JsonObject {
  [key: string]: Json;
}

/** The same type, without a name that only the server's files know. The `infer` makes the compiler write it out. */
type Plain<T> = T extends readonly (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? string extends keyof T
      ? AnyKeys<T>
      : T extends infer O
        ? { [K in keyof O]: Plain<O[K]> }
        : never
    : T;

/** An object with any keys: JSON, or, where the server promises less, anything. */
type AnyKeys<T extends object> = unknown extends T[keyof T] ? Record<string, unknown> : JsonObject;

declare function plain<T>(): Plain<T>;

export const TrackParams = plain<wire.TrackParams>();
export const Accepted = plain<wire.Accepted>();
export const Receipt = plain<wire.Receipt>();
export const StoredEvent = plain<wire.StoredEvent>();
export const ListedEvent = plain<wire.ListedEvent>();
export const TriggerParams = plain<wire.TriggerParams>();
export const TriggeredRun = plain<wire.TriggeredRun>();
