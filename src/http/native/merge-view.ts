// A merge of two profiles, as it is answered.
import * as v from "valibot";
import type { LoggedMerge } from "../../cell/merge-log.ts";
import { IDENTITY_KINDS } from "../../domain/profile.ts";
import { id, instant } from "../answer-fields.ts";

export const mergeAnswer = v.object({
  at: instant,
  survivorId: id,
  mergedId: id,
  /** `event`, or `profile.upsert`. */
  cause: v.string(),
  eventId: v.nullable(id),
  /** What became the survivor's: identities, and ids of active runs. */
  moved: v.object({
    identities: v.array(v.object({ kind: v.picklist(IDENTITY_KINDS), value: v.string() })),
    enrollments: v.array(id),
  }),
  undoneAt: v.nullable(instant),
});

export function mergeView({ id: _id, at, undoneAt, ...same }: LoggedMerge): v.InferOutput<typeof mergeAnswer> {
  return {
    at: new Date(at).toISOString(),
    ...same,
    undoneAt: undoneAt === null ? null : new Date(undoneAt).toISOString(),
  };
}
