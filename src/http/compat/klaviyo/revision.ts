// The `revision` header: which of the published versions of the API a request is written for, and what that changes.
// Source: the revisions of the vendor's OpenAPI description, 2022-10-17 to 2026-07-15.
import type { HttpContext } from "../../context.ts";
import { Failure } from "../../errors.ts";
import { readInstant } from "../vendor-instants.ts";

/** A version of the API, by its date: `2023-01-24`. Dates of this form sort as text. */
export type Revision = string;

const EARLIEST: Revision = "2022-10-17";
/** The newest that is known: taken also where a clock is behind. */
const NEWEST: Revision = "2026-07-15";

/** Until then a profile and a metric are plain objects, afterwards resources of their own. */
export const NESTED_SINCE: Revision = "2023-07-15";
/** Creating events in bulk with a private key. */
export const BULK_JOBS_SINCE: Revision = "2024-05-15";

const MORE_PROPERTIES_SINCE: Revision = "2025-07-15";
const EARLIER_TIMES_SINCE: Revision = "2026-07-15";

/** `2024-10-15`, or with a suffix `2024-10-15.pre`. */
const REVISION = /^(\d{4}-\d{2}-\d{2})(?:\.[\w.-]{1,32})?$/;

/** What is allowed of an event, by the revision it is sent at. */
export interface RevisionRules {
  maxProperties: number;
  /** The earliest year of an event's time. */
  earliestYear: number;
}

/** What holds where no revision is named: the paths before there were any. */
export const LEGACY_RULES: RevisionRules = { maxProperties: 400, earliestYear: 2000 };

/**
 * Reads the revision of a request.
 *
 * @param since  the first one that has this endpoint
 * @throws Failure `invalid_request` for a missing or malformed one, `not_found` for one that has no such endpoint
 */
export function readRevision(c: HttpContext, since: Revision = EARLIEST): Revision {
  const sent = c.req.header("revision");
  if (sent === undefined) throw malformed("The revision header is required: send it as YYYY-MM-DD.");
  const revision = dateOf(sent);
  if (revision === null) throw malformed("The revision header must be a date: YYYY-MM-DD, with or without a suffix.");
  const today = new Date().toISOString().slice(0, NEWEST.length);
  if (revision > NEWEST && revision > today) throw notFound("Unable to specify a future revision date");
  if (revision < EARLIEST) {
    throw notFound(`The revision is before the earliest available, use a date after ${EARLIEST}`);
  }
  if (revision < since) throw notFound("No valid revisions found for method");
  return revision;
}

/** The revision of a request for the shape of its errors: whatever is no date is taken for the newest. */
export function revisionOrNewest(c: HttpContext): Revision {
  return dateOf(c.req.header("revision") ?? "") ?? NEWEST;
}

/** What is allowed at a revision. */
export function rulesOf(revision: Revision): RevisionRules {
  return {
    maxProperties: revision < MORE_PROPERTIES_SINCE ? 300 : 400,
    earliestYear: revision < EARLIER_TIMES_SINCE ? 2000 : 1990,
  };
}

/** The date that a revision begins with, or `null`. */
function dateOf(text: string): Revision | null {
  const date = REVISION.exec(text.trim())?.[1];
  return date === undefined || readInstant(date) === null ? null : date;
}

function malformed(message: string): Failure {
  return new Failure({ code: "invalid_request", issues: [{ path: "headers.revision", message }] });
}

function notFound(message: string): Failure {
  return new Failure({ code: "not_found", message });
}
