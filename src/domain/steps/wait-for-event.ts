// `wait_for_event`: waits until the person does something, or until the time for it is over.
import * as v from "valibot";
import { duration, laterCondition, stepId, text } from "../definition-fields.ts";
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
  (step) => namedIn(step, "onTimeout"),
);
