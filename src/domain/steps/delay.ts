// `delay`: waits for a fixed time.
import { duration } from "../definition-fields.ts";
import { stepKind } from "./step-kind.ts";

export const delayStep = stepKind("delay", { for: duration });
