// `delay`: waits for a fixed time.
import { duration } from "../definition-fields.ts";
import { durationMs } from "../duration.ts";
import { stepKind } from "./step-kind.ts";

export const delayStep = stepKind("delay", { for: duration }, (step) => {
  const forMs = durationMs(step.for);
  return { perform: ({ now }) => ({ way: { kind: "wait", for: "time", until: now + forMs } }) };
});
