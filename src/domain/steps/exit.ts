// `exit`: completes the run here.
import * as v from "valibot";
import { text } from "../definition-fields.ts";
import { stepKind } from "./step-kind.ts";

export const exitStep = stepKind("exit", { reason: v.exactOptional(text()) }, ({ reason }) => ({
  perform: () => ({ way: { kind: "complete", reason: reason ?? null } }),
}));
