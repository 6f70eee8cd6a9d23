// A workspace as the operator sends and sees it. What a setting means that limits or redirects messages: docs/consent.md.
import * as v from "valibot";
import { NOWHERE } from "../../domain/consent.ts";
import { parseDuration } from "../../domain/duration.ts";
import { runawaySchema } from "../../domain/eligibility-rules.ts";
import { isEmailAddress, isMailbox } from "../../domain/mailbox.ts";
import { objectOf } from "../../domain/shapes.ts";
import { isTimeZone } from "../../domain/time-zone.ts";
import { TIME_OF_DAY_PATTERN } from "../../domain/wall-clock.ts";
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

/** Counted at each e-mail that is about to be sent: so many rows at most. */
const MAX_CAP_MESSAGES = 1_000;
const MAX_CAP_PER_MS = 31 * 86_400_000;
const MESSAGES_MESSAGE = `Must be a whole number from 1 to ${MAX_CAP_MESSAGES}.`;

const frequencyCap = objectOf(
  {
    messages: v.pipe(
      v.number(MESSAGES_MESSAGE),
      v.integer(MESSAGES_MESSAGE),
      v.minValue(1, MESSAGES_MESSAGE),
      v.maxValue(MAX_CAP_MESSAGES, MESSAGES_MESSAGE),
    ),
    per: v.pipe(
      v.string("Must be a string."),
      v.check((text) => {
        const ms = parseDuration(text);
        return ms !== null && ms > 0 && ms <= MAX_CAP_PER_MS;
      }, "Must be an ISO 8601 duration from PT1S to P31D, such as P7D (no years or months)."),
    ),
  },
  "Must be an object with messages and per, or null.",
);

const TIME_MESSAGE = 'Must be a time of day from "00:00" to "23:59", with two digits each.';
const timeOfDay = v.pipe(v.string(TIME_MESSAGE), v.regex(TIME_OF_DAY_PATTERN, TIME_MESSAGE));

const quietHours = v.pipe(
  objectOf({ from: timeOfDay, to: timeOfDay }, "Must be an object with from and to, or null."),
  v.check(({ from, to }) => from !== to, "Must end at another time than it begins: a whole day would never end."),
);

const defaultFrom = v.pipe(
  v.string("Must be a string."),
  v.check(isMailbox, "Must be an e-mail address, or a name and an address such as Acme <hello@example.com>."),
);

const redirectTo = v.pipe(
  v.string("Must be a string."),
  v.check((text) => text === NOWHERE || isEmailAddress(text), `Must be an e-mail address, "${NOWHERE}" or null.`),
);

export const newWorkspace = v.object({ name: shortText, timezone: v.exactOptional(timezone) });

export const workspaceChange = v.object({
  name: v.exactOptional(shortText),
  timezone: v.exactOptional(timezone),
  settings: v.exactOptional(
    objectOf(
      {
        ledgerRetention: v.exactOptional(retention),
        eventRetention: v.exactOptional(retention),
        frequencyCap: v.exactOptional(v.nullable(frequencyCap)),
        quietHours: v.exactOptional(v.nullable(quietHours)),
        defaultFrom: v.exactOptional(v.nullable(defaultFrom)),
        runaway: v.exactOptional(v.nullable(runawaySchema)),
        redirectTo: v.exactOptional(v.nullable(redirectTo)),
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
    frequencyCap: v.nullable(frequencyCap),
    quietHours: v.nullable(quietHours),
    defaultFrom: v.nullable(v.string()),
    ledgerRetention: v.string(),
    eventRetention: v.string(),
    runaway: v.nullable(runawaySchema),
    redirectTo: v.nullable(v.string()),
  }),
  createdAt: instant,
});

/** A workspace as it is answered. */
export function workspaceView(workspace: Workspace): v.InferOutput<typeof workspaceAnswer> {
  const { frequencyCap: cap, quietHours: quiet, ledgerRetention, eventRetention, runaway } = workspace.settings;
  return {
    id: workspace.id,
    name: workspace.name,
    timezone: workspace.timezone,
    settings: {
      frequencyCap: cap,
      quietHours: quiet,
      defaultFrom: workspace.settings.defaultFrom,
      ledgerRetention,
      eventRetention,
      runaway,
      redirectTo: workspace.settings.redirectTo,
    },
    createdAt: new Date(workspace.createdAt).toISOString(),
  };
}
