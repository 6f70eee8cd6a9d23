// The shapes of error answers, one for each code, as /openapi.json describes them.
import * as v from "valibot";
import type { WaypostError } from "../domain/errors.ts";
import { STATUS_OF } from "./errors.ts";

type Code = WaypostError["code"];

const issue = { path: v.string(), message: v.string() };

/** What `details` holds, where a code has any. */
const DETAILS: Partial<Record<Code, v.ObjectEntries>> = {
  invalid_request: { issues: v.array(v.object(issue)) },
  insufficient_scope: { required: v.array(v.string()) },
  method_not_allowed: { allow: v.array(v.string()) },
  in_use: { journeys: v.array(v.string()) },
  payload_too_large: { maxBytes: v.number() },
  not_eligible: { reason: v.string() },
  not_redeliverable: { reason: v.picklist(["not_failed", "not_kept", "endpoint_disabled"]) },
  invalid_journey: { issues: v.array(v.object({ ...issue, stepId: v.nullable(v.string()) })) },
};

/** Headers that come with a code. */
export const ERROR_HEADERS: Partial<Record<Code, Record<string, string>>> = {
  method_not_allowed: { allow: "The methods that this path takes." },
  idempotency_key_reuse: { "x-should-retry": "`false`: the same request would be refused again." },
  identity_conflict: { "x-should-retry": "`false`: the same request would be refused again." },
  rate_limited: { "retry-after": "Seconds to wait before the same request is sent again." },
  unavailable: { "retry-after": "Seconds to wait before the same request is sent again." },
};

/** The envelope of each code. Rates are vendors' alone, and their doors have no place in this description. */
export const ENVELOPES = Object.fromEntries(
  (Object.keys(STATUS_OF) as Code[]).filter((code) => code !== "rate_limited").map((code) => [code, envelopeOf(code)]),
) as Record<Exclude<Code, "rate_limited">, v.GenericSchema>;

function envelopeOf(code: Code): v.GenericSchema {
  const envelope = { error: v.literal(code), message: v.string() };
  const details = DETAILS[code];
  return v.object(details === undefined ? envelope : { ...envelope, details: v.object(details) });
}
