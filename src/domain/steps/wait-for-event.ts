// `wait_for_event`: waits until the person does something, or until the time for it is over.
import * as v from "valibot";
import { compileCondition } from "../condition.ts";
import { duration, laterCondition, stepId, text } from "../definition-fields.ts";
import { durationMs } from "../duration.ts";
import { namedIn, stepKind } from "./step-kind.ts";

export const waitForEventStep = stepKind(
  "wait_for_event",
  {
    event: text(),
    /** `/event/*` is the later event; `$entry` reads the one that started the run. */
    filter: v.exactOptional(laterCondition),
    timeout: duration,
    /** Without it: as `next`. */
    onTimeout: v.exactOptional(stepId),
  },
  ({ event, filter, timeout, onTimeout }) => {
    const timeoutMs = durationMs(timeout);
    return {
      perform: ({ now }) => ({ way: { kind: "wait", for: "event", until: now + timeoutMs } }),
      hears: {
        event,
        filter: filter === undefined ? null : compileCondition(filter),
        onTimeout: onTimeout ?? null,
      },
    };
  },
  (step) => namedIn(step, "onTimeout"),
);
