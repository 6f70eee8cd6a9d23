// `webhook`: calls a URL outside. The URL's form is checked here; where its host leads is checked before each call.
import * as v from "valibot";
import {
  freeForm,
  isMeantAsReference,
  isStepId,
  referenceIssues,
  type FieldIssue,
  type StateReference,
} from "../definition-fields.ts";
import { isJsonObject, type Json } from "../json.ts";
import { dotPath } from "../quote.ts";
import { stepKind } from "./step-kind.ts";

const MAX_URL_CHARACTERS = 2048;
/** Plain http leaves the machine readable by anyone on the way; these hosts never leave it. */
const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];
const URL_MESSAGE =
  `A web address is needed here that begins with https:// and holds no user name or password (at most ${MAX_URL_CHARACTERS} ` +
  "characters); http:// only for localhost, 127.0.0.1 and [::1].";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
/** RFC 9110 section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 section 5.5: no CR, LF or NUL, which would end the header or the request. */
const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/** Where a failed call leads, unless it names a step; a step called by one of these words cannot be named here. */
const ON_FAILURE_WORDS = ["continue", "fail"];
const ON_FAILURE_MESSAGE = '"continue", "fail" or a step id is needed here.';

export type WebhookHeaders = Record<string, string | StateReference>;

const step = stepKind(
  "webhook",
  {
    url: v.pipe(
      v.string(URL_MESSAGE),
      v.maxLength(MAX_URL_CHARACTERS, URL_MESSAGE),
      v.check(isAllowedUrl, URL_MESSAGE),
    ),
    /** Without it: POST. */
    method: v.exactOptional(v.picklist(METHODS, `One of ${METHODS.join(", ")} is needed here.`)),
    headers: v.exactOptional(
      freeForm<WebhookHeaders>("Header names with a text or { $state: path } each.", headerIssues),
    ),
    /** Without it: the standard body of a journey step. */
    body: v.exactOptional(
      freeForm<Json>("JSON in which any value may be { $state: path }.", (value) => bodyIssues(value, [])),
    ),
    /** Without it: "continue". */
    onFailure: v.exactOptional(
      v.pipe(
        v.string(ON_FAILURE_MESSAGE),
        v.check((value) => isStepId(value), ON_FAILURE_MESSAGE),
      ),
    ),
  },
  ({ onFailure }) => {
    if (typeof onFailure !== "string" || ON_FAILURE_WORDS.includes(onFailure)) return [];
    return [{ field: "onFailure", stepId: onFailure }];
  },
);

export const webhookStep = {
  ...step,
  schema: v.pipe(
    step.schema,
    v.check(
      ({ method, body }) => method !== "GET" || body === undefined,
      'A GET request carries no body: remove "body", or choose another method.',
    ),
  ),
};

function isAllowedUrl(value: string): boolean {
  // The parser drops white space that a person would not see was sent.
  if (/\s/.test(value) || !URL.canParse(value)) return false;
  const url = new URL(value);
  if (url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK_HOSTS.includes(url.hostname));
}

function headerIssues(headers: unknown): FieldIssue[] {
  if (!isJsonObject(headers)) return [{ path: "", message: "An object of header names and values is needed here." }];
  return Object.entries(headers).flatMap(([name, value]) => {
    const path = dotPath([name]);
    if (!HEADER_NAME.test(name)) return [{ path, message: "This is not a valid name for an HTTP header." }];
    if (isMeantAsReference(value)) return referenceIssues(value, path);
    if (typeof value === "string" && HEADER_VALUE.test(value)) return [];
    return [{ path, message: 'A header holds one line of text or { "$state": path }.' }];
  });
}

function bodyIssues(value: unknown, path: readonly string[]): FieldIssue[] {
  if (isMeantAsReference(value)) return referenceIssues(value, dotPath(path));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => bodyIssues(child, [...path, key]));
}
