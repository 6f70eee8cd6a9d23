// Checks a parsed body or query against a valibot schema, and says in plain words what to change.
// The library's own texts quote what they received; ours never do.
import * as v from "valibot";
import { UUID_PATTERN } from "../domain/ids.ts";
import { toldIssues } from "../domain/issue-list.ts";
import { isJsonObject, type JsonObject } from "../domain/json.ts";
import type { RequestIssue } from "../domain/errors.ts";
import { Failure } from "./errors.ts";

/**
 * Checks a value.
 *
 * @param under  what the issues' paths begin with, e.g. `query`
 * @throws Failure `invalid_request` with what is wrong, see {@link toldIssues}
 */
export function check<S extends v.GenericSchema>(schema: S, value: unknown, under?: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const issues = result.issues.map((issue) => describe(issue, under));
  const told = toldIssues(issues, (message) => ({ path: under ?? "body", message }));
  throw new Failure({ code: "invalid_request", issues: told });
}

/** A free-form JSON object, passed through as parsed: a record would drop keys such as `__proto__`. */
export const jsonObject = v.custom<JsonObject>(isJsonObject, "Must be a JSON object.");

const wellFormed = v.check<string, string>((text) => text.isWellFormed(), "Must be well-formed Unicode.");
const withoutNul = v.check<string, string>((text) => !text.includes("\0"), "Must not contain the character U+0000.");

/** A name, id or key: 1–255 characters of well-formed Unicode. */
export const shortText = v.pipe(
  v.string("Must be a string."),
  v.minLength(1, "Must not be empty."),
  v.maxLength(255, "Must be at most 255 characters."),
  wellFormed,
  withoutNul,
);

/** A profile's id, as a filter. */
export const profileId = v.pipe(v.string(), v.regex(UUID_PATTERN, "Must be a profile's id."));

function describe(issue: v.BaseIssue<unknown>, under: string | undefined): RequestIssue {
  const keys = (issue.path ?? []).map((item) => String(item.key));
  const path = [...(under === undefined ? [] : [under]), ...keys].join(".");
  const missing = issue.received === "undefined";
  const message = missing
    ? "Is required."
    : issue.message.startsWith("Invalid ")
      ? `Must be ${issue.expected ?? "valid"}.`
      : issue.message;
  return { path: path === "" ? "body" : path, message };
}
