// `webhook`: calls a URL outside. Where a URL may lead, and which headers are not the journey's to set, is said in
// webhook-address.ts and webhook-headers.ts, and asked again before each call.
import * as v from "valibot";
import {
  freeForm,
  isMeantAsReference,
  isStepId,
  referenceIssues,
  type FieldIssue,
  type StateReference,
} from "../definition-fields.ts";
import type { DefinitionIssue } from "../definition-issue.ts";
import { toldIssues } from "../issue-list.ts";
import { isJsonObject, type Json } from "../json.ts";
import { dotPath } from "../quote.ts";
import { compileDocument, compileValue, jsonFits } from "../state-values.ts";
import { MAX_URL_CHARACTERS, webhookAddressIssue, type AddressRules } from "../webhook-address.ts";
import { isReservedHeader } from "../webhook-headers.ts";
import { stepKind } from "./step-kind.ts";
import type { CompiledStep, DeliveryRequest, StepResult, StepScope } from "./step-runtime.ts";

const URL_MESSAGE = `A web address of at most ${MAX_URL_CHARACTERS} characters is needed here, such as https://crm.example.com/orders.`;

/** A body is kept in one row until it is sent. */
const MAX_WEBHOOK_BODY_BYTES = 512 * 1024;
/** What a client may take for one header line; servers commonly refuse more than 8 KiB. */
const MAX_HEADER_CHARACTERS = 8 * 1024;
/** Of all headers together, names included: they are in the same row as the body. */
const MAX_HEADERS_CHARACTERS = 64 * 1024;

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
      v.rawCheck(({ dataset, addIssue }) => {
        if (!dataset.typed || dataset.value.length > MAX_URL_CHARACTERS) return;
        // Whether the deployment calls its own machine is no matter of the document: see webhookAddressIssues.
        const message = webhookAddressIssue(dataset.value, { loopback: true });
        if (message !== null) addIssue({ message });
      }),
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

/**
 * Says which webhook steps of a checked journey call what a deployment does not call.
 *
 * @returns no more issues than are told of one document
 */
export function webhookAddressIssues(
  steps: readonly { id: string; type: string; url?: unknown }[],
  rules: AddressRules,
): DefinitionIssue[] {
  const issues: DefinitionIssue[] = steps.flatMap(({ id, type, url }, index) => {
    const message = type === "webhook" && typeof url === "string" ? webhookAddressIssue(url, rules) : null;
    return message === null ? [] : [{ path: `steps.${index}.url`, stepId: id, message }];
  });
  return toldIssues(issues, (message) => ({ path: "", stepId: null, message }));
}

type WebhookRequest = Extract<DeliveryRequest, { channel: "webhook" }>;

function bodyOf(method: string, value: Json | undefined): WebhookRequest["body"] {
  if (value !== undefined) return { kind: "json", value };
  return { kind: method === "GET" ? "none" : "standard" };
}

function failing(code: string): StepResult {
  return { way: { kind: "fail", code } };
}

/** Gives the headers as things are: one whose path leads nowhere is left out; `null` when they can be no headers. */
function compileHeaders(headers: WebhookHeaders): (scope: StepScope) => Record<string, string> | null {
  const lines = Object.entries(headers).map(([name, value]) => [name, compileValue(value)] as const);
  return (scope) => {
    const sent: [string, string][] = [];
    let characters = 0;
    for (const [name, read] of lines) {
      const value = read(scope) ?? null;
      if (value === null) continue;
      const text = typeof value === "object" ? null : String(value);
      if (text === null || text.length > MAX_HEADER_CHARACTERS || !HEADER_VALUE.test(text)) return null;
      characters += name.length + text.length;
      if (characters > MAX_HEADERS_CHARACTERS) return null;
      sent.push([name, text]);
    }
    return Object.fromEntries(sent);
  };
}

/** What the standard body of a webhook is made of; ids and names as the API has them. */
export interface StandardBodyParts {
  /** When the step asked for it, ISO 8601. */
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

function headerIssues(headers: unknown): FieldIssue[] {
  if (!isJsonObject(headers)) return [{ path: "", message: "An object of header names and values is needed here." }];
  return Object.entries(headers).flatMap(([name, value]) => {
    const path = dotPath([name]);
    if (!HEADER_NAME.test(name)) return [{ path, message: "This is not a valid name for an HTTP header." }];
    if (isReservedHeader(name)) return [{ path, message: "This header is set by the call itself: leave it out." }];
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
