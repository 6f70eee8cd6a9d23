// Schemas of lists and objects that look at the value itself before anything in it: a list that is too long is told
// once instead of item by item, and a list is no object, though JavaScript and valibot take it for one.
import * as v from "valibot";

/** A list of at most `most` items. @param message  what is needed, for a value that is no list and for a longer one */
export function listOf<const S extends v.GenericSchema>(item: S, most: number, message: string) {
  const fits = (value: unknown): boolean => !Array.isArray(value) || value.length <= most;
  return v.pipe(onlyIf(fits, message, v.array(item, message)), v.maxLength(most, message));
}

/** An object of known fields; unknown ones are dropped. @param message  what is needed, for a value that is no object */
export function objectOf<const E extends v.ObjectEntries>(entries: E, message: v.ErrorMessage<v.ObjectIssue>) {
  const isNoList = (value: unknown): boolean => !Array.isArray(value);
  const whole = typeof message === "string" ? message : "An object is needed here.";
  return onlyIf(isNoList, whole, v.object(entries, message));
}

/** The same schema, run only on values that pass; the others get the message as their one issue. */
function onlyIf<S extends v.GenericSchema>(passes: (value: unknown) => boolean, message: string, schema: S): S {
  const gate = v.pipe(v.unknown(), v.check(passes, message));
  return {
    ...schema,
    "~run": (dataset: v.UnknownDataset, config: v.Config<v.BaseIssue<unknown>>) => {
      const seen = gate["~run"](dataset, config);
      return seen.issues === undefined
        ? schema["~run"]({ value: seen.value }, config)
        : { typed: false, value: seen.value, issues: seen.issues };
    },
  };
}
