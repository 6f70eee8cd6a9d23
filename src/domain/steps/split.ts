// `split`: sends people down several ways by weight; the same person always takes the same one.
import * as v from "valibot";
import { fields, stepId } from "../definition-fields.ts";
import { isJsonObject } from "../json.ts";
import { listOf } from "../shapes.ts";
import { spread } from "../stable-hash.ts";
import { namedIn, stepKind } from "./step-kind.ts";

export const MAX_SPLIT_BRANCHES = 20;
const BRANCHES_MESSAGE = `A list of 1 to ${MAX_SPLIT_BRANCHES} branches is needed here, each with "weight" and "next".`;
const WEIGHT_MESSAGE = "A weight is needed here: a number above 0.";

export const splitStep = stepKind(
  "split",
  {
    branches: v.pipe(
      listOf(
        fields({
          weight: v.pipe(
            v.number(WEIGHT_MESSAGE),
            v.check((weight) => weight > 0 && weight < Number.POSITIVE_INFINITY, WEIGHT_MESSAGE),
          ),
          next: stepId,
        }),
        MAX_SPLIT_BRANCHES,
        BRANCHES_MESSAGE,
      ),
      v.minLength(1, BRANCHES_MESSAGE),
    ),
  },
  ({ branches }) => ({
    perform: ({ journeyId, stepId: id, profileId, seed }) => {
      const to = chosen(branches, spread([journeyId, id, profileId, seed]));
      return { way: { kind: "go", stepId: to }, note: { kind: "branched", detail: { to } } };
    },
  }),
  ({ branches }) => {
    if (!Array.isArray(branches)) return [];
    return branches
      .slice(0, MAX_SPLIT_BRANCHES)
      .flatMap((branch, i) =>
        isJsonObject(branch)
          ? namedIn(branch, "next").map(({ field, stepId: id }) => ({ field: `branches.${i}.${field}`, stepId: id }))
          : [],
      );
  },
);

/** The branch under a point: the branches lie side by side in their order, each as long as its share. */
function chosen(branches: readonly { weight: number; next: string }[], point: number): string {
  // By the largest first: the sum of huge weights would be infinite.
  const largest = Math.max(...branches.map(({ weight }) => weight));
  const shares = branches.map(({ weight }) => weight / largest);
  let rest = point * shares.reduce((sum, share) => sum + share, 0);
  const at = shares.findIndex((share) => (rest -= share) < 0);
  // Rounding can leave a point at the very end beside the last branch.
  const branch = branches.at(at);
  if (branch === undefined) throw new Error("a split holds no branch");
  return branch.next;
}
