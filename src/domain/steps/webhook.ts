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
import { compileDocument, compileValue, jsonFits } from "../state-values.ts";
import { stepKind } from "./step-kind.ts";
import type { CompiledStep, DeliveryRequest, StepResult, StepScope } from "./step-runtime.ts";

const MAX_URL_CHARACTERS = 2048;
/** Plain http leaves the machine readable by anyone on the way; these hosts never leave it. */
const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];
const URL_MESSAGE =
  `A web address is needed here that begins with https:// and holds no user name or password (at most ${MAX_URL_CHARACTERS} ` +
  "characters); http:// only for localhost, 127.0.0.1 and [::1].";

/** A body is kept in one row until it is sent. */
const MAX_WEBHOOK_BODY_BYTES = 512 * 1024;
/** What a client may take for one header line; servers commonly refuse more than 8 KiB. */
const MAX_HEADER_CHARACTERS = 8 * 1024;

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
  (checked) => {
    const { url, method = "POST", onFailure = "continue" } = checked;
    const headersIn = compileHeaders(checked.headers ?? {});
    const value = checked.body === undefined ? null : compileDocument(checked.body);
    const perform: CompiledStep["perform"] = (scope) => {
      const headers = headersIn(scope);
      if (headers === null) return failing("header_invalid");
      const body = bodyOf(method, value?.(scope));
      if (body.kind === "json" && !jsonFits(body.value, MAX_WEBHOOK_BODY_BYTES)) return failing("body_too_large");
      return {
        // Where a failure leads elsewhere, the outcome decides the way: the run cannot be further on by then.
        way: onFailure === "continue" ? { kind: "next" } : { kind: "await_delivery" },
        request: { channel: "webhook", url, method, headers, body },
      };
    };
    return { perform, onFailure };
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

type WebhookRequest = Extract<DeliveryRequest, { channel: "webhook" }>;

function bodyOf(method: string, value: Json | undefined): WebhookRequest["body"] {
  if (value !== undefined) return { kind: "json", value };
  return { kind: method === "GET" ? "none" : "standard" };
}

function failing(code: string): StepResult {
  return { way: { kind: "fail", code } };
}

/** Gives the headers as things are: one whose path leads nowhere is left out; `null` when a value can be no header. */
function compileHeaders(headers: WebhookHeaders): (scope: StepScope) => Record<string, string> | null {
  const lines = Object.entries(headers).map(([name, value]) => [name, compileValue(value)] as const);
  return (scope) => {
    const sent: [string, string][] = [];
    for (const [name, read] of lines) {
      const value = read(scope) ?? null;
      if (value === null) continue;
      const text = typeof value === "object" ? null : String(value);
      if (text === null || text.length > MAX_HEADER_CHARACTERS || !HEADER_VALUE.test(text)) return null;
      sent.push([name, text]);
    }
    return Object.fromEntries(sent);
  };
}

/** What the standard body of a webhook is made of; ids and names as the API has them. */
export interface StandardBodyParts {
  /** ISO 8601. */
  timestamp: string;
  deliveryId: string;
  enrollmentId: string;
  journeyKey: string;
  version: number;
  stepId: string;
  profile: { id: string; email: string | null; externalId: string | null };
  /** The event that started the run, redacted. */
  event: { id: string; name: string; data: Json };
}

/** Writes the body of a webhook step that names none of its own. */
export function standardBody({ timestamp, ...data }: StandardBodyParts): Json {
  return { type: "journey.step", timestamp, data };
}

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
