// `update_profile`: sets and removes properties of the person.
import * as v from "valibot";
import {
  freeForm,
  isMeantAsReference,
  MAX_NAME_CHARACTERS,
  referenceIssues,
  text,
  type FieldIssue,
  type StateReference,
} from "../definition-fields.ts";
import { isJsonObject, type Json } from "../json.ts";
import { dotPath } from "../quote.ts";
import { listOf } from "../shapes.ts";
import { compileValue } from "../state-values.ts";
import { stepKind } from "./step-kind.ts";

export type PropertyValues = Record<string, Json | StateReference>;

const propertyName = text();
/** Names in one `unset`. */
export const MAX_UNSET_PROPERTIES = 200;
const UNSET_MESSAGE = `A list of at most ${MAX_UNSET_PROPERTIES} property names is needed here.`;
const step = stepKind(
  "update_profile",
  {
    set: v.exactOptional(
      freeForm<PropertyValues>(
        "Property names with the value to write, or { $state: path } to read it from.",
        setIssues,
      ),
    ),
    unset: v.exactOptional(listOf(propertyName, MAX_UNSET_PROPERTIES, UNSET_MESSAGE)),
  },
  ({ set = {}, unset = [] }) => {
    const values = Object.entries(set).map(([name, value]) => [name, compileValue(value)] as const);
    const removed = unset.map((name): [string, Json] => [name, null]);
    return {
      perform: (scope) => {
        // A path that leads nowhere says nothing about the property: it stays as it is.
        const written = values.flatMap(([name, read]): [string, Json][] => {
          const value = read(scope);
          return value === undefined ? [] : [[name, value]];
        });
        return {
          way: { kind: "next" },
          patch: Object.fromEntries([...written, ...removed]),
          note: { kind: "updated", detail: { set: written.length, unset: removed.length } },
        };
      },
    };
  },
);

export const updateProfileStep = {
  ...step,
  schema: v.pipe(
    step.schema,
    v.check(
      ({ set, unset }) => Object.keys(set ?? {}).length + (unset ?? []).length > 0,
      'This step changes nothing: it needs a property in "set" or in "unset".',
    ),
    v.check(
      ({ set, unset }) => (unset ?? []).every((name) => !Object.hasOwn(set ?? {}, name)),
      'A property stands both in "set" and in "unset": it can only be one of them.',
    ),
  ),
};

function setIssues(set: unknown): FieldIssue[] {
  if (!isJsonObject(set)) return [{ path: "", message: "An object of property names and values is needed here." }];
  return Object.entries(set).flatMap(([name, value]) => {
    const path = dotPath([name]);
    if (!v.is(propertyName, name)) {
      return [{ path, message: `The name of a property has 1 to ${MAX_NAME_CHARACTERS} characters.` }];
    }
    return isMeantAsReference(value) ? referenceIssues(value, path) : [];
  });
}
