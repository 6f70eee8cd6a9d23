// `wait_until`: waits for the next time of day, on given weekdays, in a time zone.
import * as v from "valibot";
import { orReference, text } from "../definition-fields.ts";
import { listOf } from "../shapes.ts";
import { compileValue } from "../state-values.ts";
import { isTimeZone } from "../time-zone.ts";
import { nextTimeOfDay, TIME_OF_DAY_PATTERN, timeOfDay } from "../wall-clock.ts";
import { stepKind } from "./step-kind.ts";

const TIME_MESSAGE = 'A time of day from "00:00" to "23:59" is needed here, with two digits each.';

/** In the order of a week as documents have it; a `Date` begins it with Sunday. */
const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const WEEKDAYS_MESSAGE = `A list of weekdays is needed here, each at most once: ${WEEKDAYS.join(", ")}.`;

const TIME_ZONE_MESSAGE = "This is not a time zone. Its IANA name is needed, such as Europe/Berlin or UTC.";

export const waitUntilStep = stepKind(
  "wait_until",
  {
    at: v.pipe(v.string(TIME_MESSAGE), v.regex(TIME_OF_DAY_PATTERN, TIME_MESSAGE)),
    /** Without it: every day. */
    weekdays: v.exactOptional(
      v.pipe(
        listOf(v.picklist(WEEKDAYS, WEEKDAYS_MESSAGE), WEEKDAYS.length, WEEKDAYS_MESSAGE),
        v.minLength(1, WEEKDAYS_MESSAGE),
        v.check((days) => new Set(days).size === days.length, WEEKDAYS_MESSAGE),
      ),
    ),
    /** Without it: the workspace's, else UTC. */
    timezone: v.exactOptional(
      orReference(
        v.pipe(text(), v.check(isTimeZone, TIME_ZONE_MESSAGE)),
        'A time zone or { "$state": path } is needed here.',
      ),
    ),
  },
  (step) => {
    const at = timeOfDay(step.at);
    const weekdays = new Set((step.weekdays ?? []).map((day) => (WEEKDAYS.indexOf(day) + 1) % WEEKDAYS.length));
    const named = step.timezone === undefined ? null : compileValue(step.timezone);
    return {
      perform: (scope) => {
        const zone = [named?.(scope), scope.timezone].find((name) => typeof name === "string" && isTimeZone(name));
        const until = nextTimeOfDay(at, weekdays, (zone as string | undefined) ?? "UTC", scope.now);
        return { way: { kind: "wait", for: "time", until } };
      },
    };
  },
);
