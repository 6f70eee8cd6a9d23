// A workspace as the operator sends and sees it. A setting that is not built is refused, never passed over: a cap
// that does not cap is worse than none.
import * as v from "valibot";
import { parseDuration } from "../../domain/duration.ts";
import { runawaySchema } from "../../domain/eligibility-rules.ts";
import { objectOf } from "../../domain/shapes.ts";
import { isTimeZone } from "../../domain/time-zone.ts";
import type { Workspace } from "../../domain/workspace.ts";
import { id, instant } from "../answer-fields.ts";
import { shortText } from "../validation.ts";

const MIN_RETENTION_MS = 86_400_000;

const timezone = v.pipe(shortText, v.check(isTimeZone, "Must be the IANA name of a time zone, such as Europe/Berlin."));

const retention = v.pipe(
  v.string("Must be a string."),
  v.check(
    (text) => (parseDuration(text) ?? 0) >= MIN_RETENTION_MS,
    "Must be an ISO 8601 duration of at least P1D, such as P30D (no years or months).",
  ),
);

const notAvailable = v.null("Is not available yet: leave it out, or send null.");

export const newWorkspace = v.object({ name: shortText, timezone: v.exactOptional(timezone) });

export const workspaceChange = v.object({
  name: v.exactOptional(shortText),
  timezone: v.exactOptional(timezone),
  settings: v.exactOptional(
    objectOf(
      {
        ledgerRetention: v.exactOptional(retention),
        eventRetention: v.exactOptional(retention),
        frequencyCap: v.exactOptional(notAvailable),
        quietHours: v.exactOptional(notAvailable),
        defaultFrom: v.exactOptional(notAvailable),
        runaway: v.exactOptional(v.nullable(runawaySchema)),
        redirectTo: v.exactOptional(notAvailable),
      },
      "Must be an object.",
    ),
  ),
});

export const workspaceAnswer = v.object({
  id,
  name: v.string(),
  timezone: v.string(),
  settings: v.object({
    frequencyCap: v.null(),
    quietHours: v.null(),
    defaultFrom: v.null(),
    ledgerRetention: v.string(),
    eventRetention: v.string(),
    runaway: v.nullable(runawaySchema),
    redirectTo: v.null(),
  }),
  createdAt: instant,
});

/** A workspace as it is answered; settings that have no value yet are `null`. */
export function workspaceView(workspace: Workspace): v.InferOutput<typeof workspaceAnswer> {
  const { ledgerRetention, eventRetention, runaway } = workspace.settings;
  return {
    id: workspace.id,
    name: workspace.name,
    timezone: workspace.timezone,
    settings: {
      frequencyCap: null,
      quietHours: null,
      defaultFrom: null,
      ledgerRetention,
      eventRetention,
      runaway,
      redirectTo: null,
    },
    createdAt: new Date(workspace.createdAt).toISOString(),
  };
}
