// The steps as a graph: what nobody reaches, what never stops, what is never left.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_STEPS } from "../../src/domain/steps/check-steps.ts";
import { aJourneyDocument, issuesWith } from "./journey-document.ts";

type RawStep = Record<string, unknown> & { id: string };

const mail = (id: string, next?: string): RawStep => ({ id, type: "email", template: "t", ...(next && { next }) });
const delay = (id: string, next?: string): RawStep => ({ id, type: "delay", for: "P1D", ...(next && { next }) });
const branch = (id: string, yes: string, no: string): RawStep => {
  return { id, type: "branch", if: { $state: "/profile/vip" }, then: yes, else: no };
};
const split = (id: string, ...ways: string[]): RawStep => {
  return { id, type: "split", branches: ways.map((next) => ({ weight: 1, next })) };
};
const wait = (id: string, onTimeout?: string, timeout = "P1D"): RawStep => {
  return { id, type: "wait_for_event", event: "paid", timeout, ...(onTimeout && { onTimeout }) };
};
const hook = (id: string, onFailure: string, next?: string): RawStep => {
  return { id, type: "webhook", url: "https://crm.example.com", onFailure, ...(next && { next }) };
};
const exit = (id: string): RawStep => ({ id, type: "exit" });

const UNREACHABLE = "No way leads to this step";
const SPINS = "none of them waits";
const TRAP = "Nothing leads out of here";
const NEVER_NEXT = "Remove it.";

/** Where each issue stands, which step it names, and which kind it is. */
function toldOf(steps: RawStep[], over: Record<string, unknown> = {}): string[] {
  return issuesWith(aJourneyDocument({ steps, ...over })).map(({ path, stepId, message }) => {
    const kind = { UNREACHABLE, SPINS, TRAP, NEVER_NEXT };
    const name = Object.entries(kind).find(([, text]) => message.includes(text))?.[0];
    return `${path} ${stepId} ${name}`;
  });
}

describe("steps that are in order", () => {
  it.each<[string, RawStep[]]>([
    ["one step", [delay("a")]],
    ["one exit", [exit("a")]],
    ["a chain", [mail("a"), delay("b"), mail("c")]],
    ["a jump forward over what another way reaches", [branch("a", "b", "c"), mail("b", "d"), mail("c"), exit("d")]],
    ["a jump back with a wait and a way out", [mail("a"), wait("b", "a"), exit("c")]],
    ["a loop that a branch leaves", [mail("a"), delay("b"), branch("c", "a", "d"), exit("d")]],
    ["ways of a split that meet again", [split("a", "b", "c"), mail("b", "d"), mail("c"), exit("d")]],
    ["a way only a failed call takes", [hook("a", "c"), exit("b"), mail("c")]],
    ["a way only a timeout takes", [wait("a", "c"), exit("b"), mail("c")]],
    ["a step called by a word of onFailure", [hook("a", "fail"), mail("fail")]],
    ["wait_until in a loop", [{ id: "a", type: "wait_until", at: "09:00" }, branch("b", "a", "c"), exit("c")]],
  ])("are taken: %s", (_what, steps) => {
    expect(toldOf(steps)).toEqual([]);
  });

  it("are taken when they are as many as there may be, one after another", () => {
    expect(toldOf(Array.from({ length: MAX_STEPS }, (_, i) => delay(`s${i}`)))).toEqual([]);
  });
});

describe("a step that nobody reaches", () => {
  it.each<[string, RawStep[], string[]]>([
    ["below an exit", [exit("a"), mail("b")], ["steps.1 b UNREACHABLE"]],
    ["below a branch", [branch("a", "c", "c"), mail("b"), mail("c")], ["steps.1 b UNREACHABLE"]],
    ["below a split", [split("a", "c"), mail("b"), mail("c")], ["steps.1 b UNREACHABLE"]],
    ["jumped over", [mail("a", "c"), mail("b"), mail("c")], ["steps.1 b UNREACHABLE"]],
    ["behind another", [exit("a"), mail("b"), mail("c")], ["steps.1 b UNREACHABLE", "steps.2 c UNREACHABLE"]],
    ["that leads to itself", [exit("a"), delay("b", "b")], ["steps.1 b UNREACHABLE"]],
    [
      "named by an onFailure of another meaning",
      [hook("a", "continue", "c"), mail("continue"), exit("c")],
      ["steps.1 continue UNREACHABLE"],
    ],
  ])("is told: %s", (_what, steps, told) => {
    expect(toldOf(steps)).toEqual(told);
  });
});

describe("a loop without a wait", () => {
  const out = [exit("z")];
  it.each<[string, RawStep[], string[]]>([
    ["a step and itself", [branch("a", "a", "z"), ...out], ["steps.0 a SPINS"]],
    ["two steps", [mail("a"), branch("b", "a", "z"), ...out], ["steps.0 a SPINS"]],
    ["a split", [split("a", "a", "z"), ...out], ["steps.0 a SPINS"]],
    ["a failed call and itself", [hook("a", "a"), ...out], ["steps.0 a SPINS"]],
    ["a delay of no time", [{ ...delay("a"), for: "PT0S" }, branch("b", "a", "z"), ...out], ["steps.0 a SPINS"]],
    ["a wait for an event of no time", [wait("a", "z", "PT0S"), branch("b", "a", "z"), ...out], ["steps.0 a SPINS"]],
    [
      "one of two ways waits",
      [branch("a", "b", "c"), delay("b", "a"), branch("c", "a", "z"), ...out],
      ["steps.0 a SPINS"],
    ],
    [
      "two loops",
      [mail("a"), branch("b", "a", "c"), mail("c"), branch("d", "c", "z"), ...out],
      ["steps.0 a SPINS", "steps.2 c SPINS"],
    ],
    ["and no way out", [mail("a"), mail("b", "a")], ["steps.0 a SPINS", "steps.0 a TRAP"]],
  ])("is told once: %s", (_what, steps, told) => {
    expect(toldOf(steps)).toEqual(told);
  });

  it("is told whatever ends runs from outside", () => {
    expect(toldOf([mail("a", "a")], { exitOn: [{ event: "paid" }] })).toEqual(["steps.0 a SPINS"]);
  });

  it("is shown as the shortest way round", () => {
    const steps = [mail("a"), branch("b", "c", "d"), mail("c"), branch("d", "a", "z"), ...out];
    expect(issuesWith(aJourneyDocument({ steps }))[0]?.message).toContain("a → b → d → a.");
  });

  it("is shown short, however long it is", () => {
    const id = (i: number): string => `step-${i}-${"x".repeat(50)}`;
    const steps = Array.from({ length: MAX_STEPS }, (_, i) => mail(id(i), id((i + 1) % MAX_STEPS)));
    const issues = issuesWith(aJourneyDocument({ steps }));
    expect(issues).toHaveLength(2);
    for (const { message } of issues) expect(message.length).toBeLessThan(1_000);
    expect(issues[0]?.message).toContain(` → … → ${id(0)}.`);
    expect(issues[1]?.message).toContain(`and ${MAX_STEPS - 8} more`);
  });
});

describe("a branch that cannot be left", () => {
  it.each<[string, RawStep[], string[]]>([
    ["the whole journey", [mail("a"), delay("b", "a")], ["steps.0 a TRAP"]],
    ["one way of a branch", [branch("a", "b", "c"), delay("b", "b"), exit("c")], ["steps.1 b TRAP"]],
    [
      "both ways of a branch",
      [branch("a", "b", "c"), delay("b", "b"), delay("c", "c")],
      ["steps.1 b TRAP", "steps.2 c TRAP"],
    ],
    [
      "what leads to it is not told",
      [branch("a", "b", "c"), mail("b", "d"), exit("c"), delay("d", "d")],
      ["steps.3 d TRAP"],
    ],
    ["a loop that leads to it is not told", [delay("a"), branch("b", "a", "c"), delay("c", "c")], ["steps.2 c TRAP"]],
    ["a failing run is no way out", [hook("a", "fail"), delay("b", "a")], ["steps.0 a TRAP"]],
  ])("is told: %s", (_what, steps, told) => {
    expect(toldOf(steps)).toEqual(told);
  });

  const forever = [mail("a"), delay("b", "a")];
  it.each<[string, Record<string, unknown>, string[]]>([
    ["exitOn ends runs", { exitOn: [{ event: "paid" }] }, []],
    ["the goal ends runs", { goal: { event: "paid" } }, []],
    ["the goal does not", { goal: { event: "paid", exit: false } }, ["steps.0 a TRAP"]],
    ["exitOn is empty", { exitOn: [] }, ["steps.0 a TRAP"]],
  ])("is judged by what ends runs from outside: %s", (_what, over, told) => {
    expect(toldOf(forever, over)).toEqual(told);
  });

  it("is not told beside an exit rule that is wrong", () => {
    const issues = issuesWith(aJourneyDocument({ steps: forever, exitOn: [{}] }));
    expect(issues.map(({ path }) => path)).toEqual(["exitOn.0.event"]);
  });
});

describe("a next that goes nowhere", () => {
  it.each([
    { ...exit("a"), next: "z" },
    { ...branch("a", "z", "z"), next: "z" },
    { ...split("a", "z"), next: "z" },
  ])("is told for a step of type $type", (step) => {
    const issues = issuesWith(aJourneyDocument({ steps: [step, exit("z")] }));
    expect(issues[0]).toMatchObject({ path: "steps.0.next", stepId: "a", message: expect.stringContaining("Remove") });
  });

  it("is no way to what it names", () => {
    const steps = [{ ...exit("a"), next: "b" }, exit("b")];
    expect(toldOf(steps)).toEqual(["steps.0.next a NEVER_NEXT", "steps.1 b UNREACHABLE"]);
  });

  it("is told for the last step", () => {
    expect(issuesWith(aJourneyDocument({ steps: [mail("a"), delay("b", "gone")] }))).toEqual([
      { path: "steps.1.next", stepId: "b", message: 'There is no step with the id "gone".' },
    ]);
  });
});

it("is checked only once every step is in order by itself", () => {
  const steps = [exit("a"), { id: "b", type: "delay", for: "soon" }];
  expect(issuesWith(aJourneyDocument({ steps })).map(({ path }) => path)).toEqual(["steps.1.for"]);
});

describe("any graph of steps", () => {
  const IDS = ["a", "b", "c", "d", "e", "f"];
  const anId = fc.constantFrom(...IDS);
  const aStep = (id: string): fc.Arbitrary<RawStep> =>
    fc.oneof(
      fc.option(anId, { nil: undefined }).map((next) => mail(id, next)),
      fc.option(anId, { nil: undefined }).map((next) => delay(id, next)),
      fc.tuple(anId, anId).map(([yes, no]) => branch(id, yes, no)),
      fc.option(anId, { nil: undefined }).map((onTimeout) => wait(id, onTimeout)),
      fc.constant(exit(id)),
    );
  const someSteps = fc.tuple(...IDS.map(aStep));

  /** Written apart from the code under test: from a step, all a run can do at once; `null` = it ends. */
  function ways(steps: RawStep[], id: string): (string | null)[] {
    const at = steps.findIndex((step) => step.id === id);
    const step = steps[at] as RawStep;
    const onward = (step["next"] ?? steps[at + 1]?.id ?? null) as string | null;
    if (step["type"] === "exit") return [null];
    if (step["type"] === "branch") return [step["then"] as string, step["else"] as string];
    if (step["type"] === "wait_for_event") return [onward, (step["onTimeout"] ?? onward) as string | null];
    return [onward];
  }

  it("is refused just when some step is unreached, some run may never rest, or some run may never end", () => {
    let [refused, taken] = [0, 0];
    fc.assert(
      fc.property(someSteps, (steps) => {
        const reached = new Set(["a"]);
        for (const id of reached) for (const to of ways(steps, id)) if (to !== null) reached.add(to);
        const rests = (id: string): boolean => ["delay", "wait_for_event"].includes(typeOf(steps, id));
        // A walk of more steps than there are, none of which waits, has gone round.
        const spinsFrom = (id: string, left: number): boolean =>
          !rests(id) && (left === 0 || ways(steps, id).some((to) => to !== null && spinsFrom(to, left - 1)));
        const canEnd = (id: string, seen: string[]): boolean =>
          ways(steps, id).some((to) => to === null || (!seen.includes(to) && canEnd(to, [...seen, to])));
        const inOrder =
          reached.size === IDS.length &&
          ![...reached].some((id) => spinsFrom(id, IDS.length)) &&
          [...reached].every((id) => canEnd(id, [id]));
        const told = toldOf(steps);
        expect([told, told.length === 0]).toEqual([told, inOrder]);
        if (inOrder) taken += 1;
        else refused += 1;
      }),
      { numRuns: 3_000, seed: 20_260_601 },
    );
    expect(Math.min(refused, taken)).toBeGreaterThan(50);
  });

  function typeOf(steps: RawStep[], id: string): string {
    return steps.find((step) => step.id === id)?.["type"] as string;
  }
});
