// The steps of a journey as a graph: where a run can get to, and whether it comes to an end. What is told here
// would otherwise show only when people are in it: a step that nobody reaches, a run that spins, a run that stays.
import type { DefinitionIssue } from "./definition-issue.ts";
import { parseDuration } from "./duration.ts";
import { stepKindOf, type Step, type StepType } from "./steps/index.ts";

/** These go on by ways of their own, or not at all; their `next` would be a way that no run takes. */
const NEVER_NEXT: Partial<Record<StepType, string>> = {
  branch: 'A branch goes on to its "then" or its "else", never to a "next"',
  split: 'A split goes on to the "next" of one of its branches, never to a "next" of its own',
  exit: 'A run ends at an exit, so that its "next" leads nowhere',
};

/** Ids named in one issue: a loop may have two hundred. */
const MAX_NAMED_STEPS = 8;

interface Node {
  index: number;
  step: Step;
  /** Positions of the steps that a run can come to from here. */
  ways: number[];
  /** Whether a run can end here. */
  ends: boolean;
  /** Whether time passes here, whatever happens. */
  waits: boolean;
}

/**
 * Gives what is wrong with the way the steps lead to each other.
 *
 * @param steps             each in order by itself, their ids unique, every id they name one of them
 * @param endsFromOutside   whether `exitOn` or the goal can end a run wherever it is: then it may go round for ever
 */
export function graphIssues(steps: readonly Step[], endsFromOutside: boolean): DefinitionIssue[] {
  const nodes = nodesOf(steps);
  const reached = reachableFrom([0], (at) => waysOf(nodes, at));
  const there = nodes.filter(({ index }) => reached.has(index));
  return [
    ...nodes.flatMap(uselessNext),
    ...nodes.filter(({ index }) => !reached.has(index)).map(unreachable),
    ...spins(there, nodes),
    ...(endsFromOutside ? [] : traps(there, nodes)),
  ].toSorted((a, b) => indexIn(a) - indexIn(b));
}

/** Gives for each step of a document that is in order the positions of the steps that a run can come to from there. */
export function waysThrough(steps: readonly Step[]): number[][] {
  return nodesOf(steps).map(({ ways }) => ways);
}

function nodesOf(steps: readonly Step[]): Node[] {
  const positions = new Map(steps.map(({ id }, index) => [id, index]));
  return steps.map((step, index) => {
    const goesOn = NEVER_NEXT[step.type] === undefined;
    const targets = stepKindOf(step.type)?.targets(step) ?? [];
    const named = targets.filter(({ field }) => goesOn || field !== "next").map(({ stepId }) => positions.get(stepId));
    const below = goesOn && step.next === undefined && index + 1 < steps.length ? [index + 1] : [];
    return {
      index,
      step,
      ways: [...named.filter((position) => position !== undefined), ...below],
      ends: step.type === "exit" || (goesOn && step.next === undefined && index + 1 === steps.length),
      waits: takesTime(step),
    };
  });
}

function takesTime(step: Step): boolean {
  if (step.type === "delay") return parseDuration(step.for) !== 0;
  if (step.type === "wait_for_event") return parseDuration(step.timeout) !== 0;
  return step.type === "wait_until";
}

function uselessNext({ index, step }: Node): DefinitionIssue[] {
  const reason = NEVER_NEXT[step.type];
  if (reason === undefined || step.next === undefined) return [];
  return [{ path: `steps.${index}.next`, stepId: step.id, message: `${reason}. Remove it.` }];
}

function unreachable({ index, step }: Node): DefinitionIssue {
  const message =
    "No way leads to this step, so that nobody would ever get here. Lead another step to it, or remove it.";
  return { path: `steps.${index}`, stepId: step.id, message };
}

/** Loops in which no step waits: a run would go round as fast as it can. */
function spins(there: readonly Node[], nodes: readonly Node[]): DefinitionIssue[] {
  const hasty = new Set(there.filter(({ waits }) => !waits).map(({ index }) => index));
  const ways = (at: number): number[] => waysOf(nodes, at).filter((to) => hasty.has(to));
  return loopsAmong([...hasty], ways).map((loop) => {
    const [first] = loop as [number];
    const round = shortestRound(first, ways).map((at) => idAt(nodes, at));
    const message =
      `These steps lead back to where they began, and none of them waits: ${chain(round)}. A run would go round ` +
      "without end. Put a delay, wait_until or wait_for_event step between them, or lead one of them elsewhere.";
    return issueAt(nodes, first, message);
  });
}

/** Loops that wait but that nothing leads out of: whoever comes there stays in the journey for ever. */
function traps(there: readonly Node[], nodes: readonly Node[]): DefinitionIssue[] {
  const sources = new Map<number, number[]>();
  for (const { index, ways } of there) {
    for (const to of ways) sources.set(to, [...(sources.get(to) ?? []), index]);
  }
  const ends = there.filter(({ ends: end }) => end).map(({ index }) => index);
  const leadsOut = reachableFrom(ends, (at) => sources.get(at) ?? []);
  const stuck = there.filter(({ index }) => !leadsOut.has(index)).map(({ index }) => index);
  return loopsAmong(stuck, (at) => waysOf(nodes, at))
    .filter((loop) => loop.every((at) => waysOf(nodes, at).every((to) => loop.includes(to))))
    .map((loop) => {
      const [first] = loop as [number];
      const ids = loop.map((at) => idAt(nodes, at));
      const message =
        `Nothing leads out of here: ${list(ids)}. Whoever comes here would stay in the journey for ever. ` +
        "Lead one of these steps to an exit or to the end of the journey, or end runs by exitOn or a goal.";
      return issueAt(nodes, first, message);
    });
}

/** Groups of positions that lead to each other, each in order; a position alone counts when it leads to itself. */
function loopsAmong(positions: readonly number[], ways: (at: number) => readonly number[]): number[][] {
  const within = new Map(positions.map((at) => [at, reachableFrom(ways(at), ways)]));
  const loops: number[][] = [];
  const grouped = new Set<number>();
  for (const [at, reached] of within) {
    if (grouped.has(at) || !reached.has(at)) continue;
    const loop = positions.filter((other) => reached.has(other) && within.get(other)?.has(at) === true);
    for (const member of loop) grouped.add(member);
    loops.push(loop);
  }
  return loops;
}

/** The shortest way from a position back to itself, both ends included. */
function shortestRound(start: number, ways: (at: number) => readonly number[]): number[] {
  const cameFrom = new Map<number, number>();
  const queue = [start];
  for (const at of queue) {
    for (const to of ways(at)) {
      if (to === start) {
        const back = [at];
        while (back[0] !== start) back.unshift(cameFrom.get(back[0] as number) as number);
        return [...back, start];
      }
      if (cameFrom.has(to)) continue;
      cameFrom.set(to, at);
      queue.push(to);
    }
  }
  throw new Error("a loop does not lead back");
}

function reachableFrom(starts: readonly number[], ways: (at: number) => readonly number[]): Set<number> {
  const reached = new Set(starts);
  // A set that grows is walked to its end.
  for (const at of reached) for (const to of ways(at)) reached.add(to);
  return reached;
}

function waysOf(nodes: readonly Node[], at: number): number[] {
  return nodes[at]?.ways ?? [];
}

function idAt(nodes: readonly Node[], at: number): string {
  return nodes[at]?.step.id ?? "";
}

function issueAt(nodes: readonly Node[], at: number, message: string): DefinitionIssue {
  return { path: `steps.${at}`, stepId: idAt(nodes, at), message };
}

function chain(ids: readonly string[]): string {
  if (ids.length <= MAX_NAMED_STEPS + 1) return ids.join(" → ");
  return [...ids.slice(0, MAX_NAMED_STEPS), "…", ids[0]].join(" → ");
}

function list(ids: readonly string[]): string {
  const rest = ids.length - MAX_NAMED_STEPS;
  return rest <= 0 ? ids.join(", ") : `${ids.slice(0, MAX_NAMED_STEPS).join(", ")} and ${rest} more`;
}

function indexIn({ path }: DefinitionIssue): number {
  return Number(path.split(".")[1]);
}
