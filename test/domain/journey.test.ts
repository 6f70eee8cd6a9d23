import { toJsonSchema } from "@valibot/to-json-schema";
import { describe, expect, it } from "vitest";
import { checkDefinition, compileJourney, journeyDefinitionSchema, MAX_EXIT_RULES } from "../../src/domain/journey.ts";
import { MAX_ACTIVE_RUNS, MAX_CAP_ENROLLMENTS, MAX_RUNAWAY_ENROLLMENTS } from "../../src/domain/eligibility-rules.ts";
import { MAX_STEPS } from "../../src/domain/steps/check-steps.ts";
import { aJourneyDocument, definitionOf, issuesWith } from "./journey-document.ts";

const DELAY = { type: "delay", for: "PT1M" };

function pathsOf(document: unknown): string[] {
  return issuesWith(document).map(({ path }) => path);
}

/** A document that uses every step type and every part there is. */
function aFullDocument(): Record<string, unknown> {
  return aJourneyDocument({
    entry: {
      event: "order.created",
      filter: {
        $and: [
          { $state: "/event/total", gte: 40 },
          { $state: "/profile/plan", eq: "Pro" },
        ],
      },
    },
    eligibility: {
      reentry: { after: "P7D" },
      key: "/event/orderId",
      maxActive: 2,
      cap: { enrollments: 3, per: "PT1H" },
      requires: ["email", "externalId"],
    },
    runaway: { enrollments: 1000, per: "PT1M" },
    exitOn: [{ event: "order.refunded", filter: { $state: "/event/orderId", eq: { $entry: "/event/orderId" } } }],
    goal: { event: "order.paid", filter: { $state: "/event/orderId", eq: { $entry: "/event/orderId" } }, exit: false },
    steps: [
      { id: "thanks", type: "email", template: "order-thanks", to: { $state: "/profile/email" }, transactional: true },
      { id: "rest", type: "delay", for: "P1D" },
      { id: "morning", type: "wait_until", at: "09:30", weekdays: ["mon", "fri"], timezone: "Europe/Berlin" },
      {
        id: "paid",
        type: "wait_for_event",
        event: "paid",
        filter: { $state: "/event/id", eq: { $entry: "/event/id" } },
        timeout: "P3D",
        onTimeout: "nudge",
      },
      { id: "big", type: "branch", if: { $state: "/event/total", gte: 200 }, then: "vip", else: "ab" },
      {
        id: "ab",
        type: "split",
        branches: [
          { weight: 0.5, next: "nudge" },
          { weight: 1, next: "done" },
        ],
      },
      {
        id: "vip",
        type: "webhook",
        url: "https://crm.example.com/vip",
        method: "PUT",
        headers: { "x-a": "b" },
        body: { a: 1 },
        onFailure: "done",
        next: "mark",
      },
      { id: "nudge", type: "email", template: "order-nudge" },
      { id: "mark", type: "update_profile", set: { vip: true }, unset: ["trial"] },
      { id: "done", type: "exit", reason: "finished" },
    ],
  });
}

describe("a document that cannot be filed", () => {
  it.each([null, undefined, [], "journey", 1, true])("is a bad request when it is %j", (input) => {
    expect(checkDefinition(input)).toEqual({
      ok: false,
      error: { kind: "request", issues: [{ path: "", message: "A journey is an object." }] },
    });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ["without a key", { key: undefined }, ["key"]],
    ["with a key of another type", { key: 1 }, ["key"]],
    ["with an empty key", { key: "" }, ["key"]],
    ["with a key in upper case", { key: "Order" }, ["key"]],
    ["with a key that begins with a dash", { key: "-order" }, ["key"]],
    ["with a key of 121 characters", { key: "k".repeat(121) }, ["key"]],
    ["with a key and a line break", { key: "order\n" }, ["key"]],
    ["without a name", { name: undefined }, ["name"]],
    ["with an empty name", { name: "" }, ["name"]],
    ["with a name of 256 characters", { name: "n".repeat(256) }, ["name"]],
    ["with a lone surrogate in its name", { name: "a\ud800" }, ["name"]],
    ["with U+0000 in its name", { name: "a\u0000" }, ["name"]],
    ["with neither", { key: null, name: null, steps: [] }, ["key", "name"]],
  ])("is a bad request %s", (_what, over, paths) => {
    const check = checkDefinition(aJourneyDocument(over));
    expect(check).toMatchObject({ ok: false, error: { kind: "request", issues: paths.map((path) => ({ path })) } });
  });

  it("names what is missing", () => {
    const check = checkDefinition({});
    const messages = check.ok || check.error.kind !== "request" ? [] : check.error.issues.map(({ message }) => message);
    expect(messages).toEqual([
      expect.stringContaining('"key" is missing. A key is needed'),
      expect.stringContaining('"name" is missing. Text of 1 to 255'),
    ]);
  });
});

describe("a document in order", () => {
  it("comes back as it was sent", () => {
    expect(definitionOf(aFullDocument())).toEqual(aFullDocument());
  });

  it.each(["a", "0", "a-b_c", "k".repeat(120)])("takes the key %s", (key) => {
    expect(definitionOf(aJourneyDocument({ key })).key).toBe(key);
  });

  it.each(["n", "n".repeat(255), "Bestellung 🎉", " "])("takes the name %j", (name) => {
    expect(definitionOf(aJourneyDocument({ name })).name).toBe(name);
  });

  it("loses fields that are unknown", () => {
    const definition = definitionOf(
      aJourneyDocument({
        color: "red",
        entry: { event: "a", color: "red" },
        eligibility: { color: "red" },
        exitOn: [{ event: "b", color: "red" }],
        goal: { event: "c", color: "red" },
        steps: [{ id: "s", ...DELAY, color: "red" }],
      }),
    );
    expect(JSON.stringify(definition)).not.toContain("color");
    expect(definition.eligibility).toEqual({});
  });

  it("starts by a trigger only when its entry says so", () => {
    expect(definitionOf(aJourneyDocument({ entry: { api: true } })).entry).toEqual({ api: true });
  });
});

describe("what is wrong with a document", () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ["no entry", { entry: undefined }, ["entry"]],
    ["an entry of text", { entry: "order.created" }, ["entry"]],
    ["an empty entry", { entry: {} }, ["entry.event"]],
    ["an entry event of another type", { entry: { event: 1 } }, ["entry.event"]],
    ["an empty entry event", { entry: { event: "" } }, ["entry.event"]],
    ["an entry event of 256 characters", { entry: { event: "e".repeat(256) } }, ["entry.event"]],
    ["an entry event with a lone surrogate", { entry: { event: "\udc00" } }, ["entry.event"]],
    ["an entry by api that is not true", { entry: { api: false } }, ["entry.api"]],
    ["an entry by event and by api", { entry: { event: "a", api: true } }, ["entry"]],
    ["a filter on an entry by api", { entry: { api: true, filter: true } }, ["entry.filter"]],
    [
      "an unknown operator in the entry filter",
      { entry: { event: "a", filter: [{ $state: "/event/x", is: 1 }] } },
      ["entry.filter.0.is"],
    ],
    [
      "$entry in the entry filter",
      { entry: { event: "a", filter: { $state: "/event/x", eq: { $entry: "/event/x" } } } },
      ["entry.filter.eq"],
    ],
    ["an entry filter of null", { entry: { event: "a", filter: null } }, ["entry.filter"]],
    ["eligibility of text", { eligibility: "once" }, ["eligibility"]],
    ["an unknown re-entry", { eligibility: { reentry: "twice" } }, ["eligibility.reentry"]],
    ["a re-entry without after", { eligibility: { reentry: {} } }, ["eligibility.reentry"]],
    ["a re-entry after a bad duration", { eligibility: { reentry: { after: "P1M" } } }, ["eligibility.reentry.after"]],
    ["maxActive 0", { eligibility: { maxActive: 0 } }, ["eligibility.maxActive"]],
    ["maxActive above its limit", { eligibility: { maxActive: MAX_ACTIVE_RUNS + 1 } }, ["eligibility.maxActive"]],
    ["a fraction as maxActive", { eligibility: { maxActive: 0.5 } }, ["eligibility.maxActive"]],
    ["maxActive as text", { eligibility: { maxActive: "1" } }, ["eligibility.maxActive"]],
    ["a key of another type", { eligibility: { key: 1 } }, ["eligibility.key"]],
    ["a key that is no path", { eligibility: { key: "orderId" } }, ["eligibility.key"]],
    ["a key that leads elsewhere", { eligibility: { key: "/order/id" } }, ["eligibility.key"]],
    ["a key that is all of the event", { eligibility: { key: "/event" } }, ["eligibility.key"]],
    ["a key with a bad escape", { eligibility: { key: "/event/a~2" } }, ["eligibility.key"]],
    ["a cap of nobody", { eligibility: { cap: { enrollments: 0, per: "PT1H" } } }, ["eligibility.cap.enrollments"]],
    [
      "a cap above its limit",
      { eligibility: { cap: { enrollments: MAX_CAP_ENROLLMENTS + 1, per: "PT1H" } } },
      ["eligibility.cap.enrollments"],
    ],
    ["a cap in no time", { eligibility: { cap: { enrollments: 1, per: "PT0S" } } }, ["eligibility.cap.per"]],
    ["a cap in months", { eligibility: { cap: { enrollments: 1, per: "P1M" } } }, ["eligibility.cap.per"]],
    ["a cap of null", { eligibility: { cap: null } }, ["eligibility.cap"]],
    ["requires that is no list", { eligibility: { requires: "email" } }, ["eligibility.requires"]],
    ["requires of nothing", { eligibility: { requires: [] } }, ["eligibility.requires"]],
    ["requires of the same twice", { eligibility: { requires: ["email", "email"] } }, ["eligibility.requires"]],
    ["requires of an unknown kind", { eligibility: { requires: ["fax"] } }, ["eligibility.requires.0"]],
    ["runaway false", { runaway: false }, ["runaway"]],
    ["runaway of nobody", { runaway: { enrollments: 0, per: "PT1M" } }, ["runaway.enrollments"]],
    [
      "runaway above its limit",
      { runaway: { enrollments: MAX_RUNAWAY_ENROLLMENTS + 1, per: "PT1M" } },
      ["runaway.enrollments"],
    ],
    ["runaway in no time", { runaway: { enrollments: 1, per: "P0D" } }, ["runaway.per"]],
    ["exitOn that is no list", { exitOn: { event: "a" } }, ["exitOn"]],
    ["too many exit rules", { exitOn: Array.from({ length: MAX_EXIT_RULES + 1 }, () => ({ event: "a" })) }, ["exitOn"]],
    ["an exit rule without an event", { exitOn: [{ event: "a" }, {}] }, ["exitOn.1.event"]],
    ["a wrong exit filter", { exitOn: [{ event: "a", filter: { $or: [] } }] }, ["exitOn.0.filter.$or"]],
    ["a goal without an event", { goal: {} }, ["goal.event"]],
    ["a wrong goal filter", { goal: { event: "a", filter: 1 } }, ["goal.filter"]],
    ["a goal exit of text", { goal: { event: "a", exit: "yes" } }, ["goal.exit"]],
    ["no steps", { steps: undefined }, ["steps"]],
    ["an empty list of steps", { steps: [] }, ["steps"]],
    ["steps that are no list", { steps: { id: "a", ...DELAY } }, ["steps"]],
    [
      "too many steps",
      { steps: Array.from({ length: MAX_STEPS + 1 }, (_, i) => ({ id: `s${i}`, ...DELAY })) },
      ["steps"],
    ],
  ])("is told for %s", (_what, over, paths) => {
    expect(pathsOf(aJourneyDocument(over))).toEqual(paths);
  });

  it.each<[string, Record<string, unknown>]>([
    ["the most steps", { steps: Array.from({ length: MAX_STEPS }, (_, i) => ({ id: `s${i}`, ...DELAY })) }],
    ["the most exit rules", { exitOn: Array.from({ length: MAX_EXIT_RULES }, () => ({ event: "a" })) }],
    ["no exit rule", { exitOn: [] }],
    ["the highest maxActive", { eligibility: { maxActive: MAX_ACTIVE_RUNS } }],
    ["a key in the profile", { eligibility: { key: "/profile/plan" } }],
    ["a key with escapes", { eligibility: { key: "/event/a~1b/0/~0" } }],
    ["the highest cap", { eligibility: { cap: { enrollments: MAX_CAP_ENROLLMENTS, per: "PT1S" } } }],
    ["every identity kind", { eligibility: { requires: ["externalId", "email", "phone", "anonymousId"] } }],
    ["the highest runaway limit", { runaway: { enrollments: MAX_RUNAWAY_ENROLLMENTS, per: "P3650D" } }],
    ["re-entry once", { eligibility: { reentry: "once" } }],
    ["re-entry always", { eligibility: { reentry: "always" } }],
    ["re-entry after no time", { eligibility: { reentry: { after: "PT0S" } } }],
    ["an event name of 255 characters", { entry: { event: "e".repeat(255) } }],
    [
      "$entry in an exit rule and a goal",
      {
        exitOn: [{ event: "a", filter: { $state: "/event/x", eq: { $entry: "/event/x" } } }],
        goal: { event: "a", filter: { $state: "/event/x", eq: { $entry: "/event/x" } } },
      },
    ],
  ])("is nothing for %s", (_what, over) => {
    expect(pathsOf(aJourneyDocument(over))).toEqual([]);
  });

  it("is told all at once, each with its step", () => {
    const issues = issuesWith(
      aJourneyDocument({
        entry: {},
        runaway: {},
        eligibility: { cap: { enrollments: 0 }, maxActive: 0 },
        goal: {},
        steps: [
          { id: "a", type: "delay", for: "soon", next: "gone" },
          { id: "b", type: "teleport", next: "lost" },
        ],
      }),
    );
    expect(issues.map(({ path, stepId }) => [path, stepId])).toEqual([
      ["entry.event", null],
      ["eligibility.maxActive", null],
      ["eligibility.cap.enrollments", null],
      ["eligibility.cap.per", null],
      ["goal.event", null],
      ["runaway.enrollments", null],
      ["runaway.per", null],
      ["steps.0.for", "a"],
      ["steps.0.next", "a"],
      ["steps.1.type", "b"],
      ["steps.1.next", "b"],
    ]);
  });
});

describe("compileJourney", () => {
  it("applies the defaults", () => {
    expect(compileJourney(definitionOf(aJourneyDocument()))).toEqual({
      filter: null,
      eligibility: {
        reentry: { kind: "once" },
        maxActive: 1,
        key: null,
        cap: null,
        requires: [],
        emailOnly: null,
      },
      runaway: null,
      firstStepId: "rest",
    });
  });

  it.each([
    ["once", { kind: "once" }],
    ["always", { kind: "always" }],
    [{ after: "PT0S" }, { kind: "after", afterMs: 0 }],
    [{ after: "P7D" }, { kind: "after", afterMs: 604_800_000 }],
  ])("reads the re-entry %j", (reentry, expected) => {
    const { eligibility } = compileJourney(definitionOf(aJourneyDocument({ eligibility: { reentry } })));
    expect(eligibility.reentry).toEqual(expected);
  });

  it("takes the other rules from the document", () => {
    const { eligibility, runaway } = compileJourney(definitionOf(aFullDocument()));
    expect(eligibility).toMatchObject({
      maxActive: 2,
      key: { pointer: "/event/orderId" },
      cap: { enrollments: 3, perMs: 3_600_000 },
      requires: ["email", "externalId"],
    });
    expect(runaway).toEqual({ enrollments: 1000, perMs: 60_000 });
  });

  const MAIL = { type: "email", template: "hello" };
  const HOOK = { type: "webhook", url: "https://crm.example.com" };
  it.each<[string, Record<string, unknown>[], "ordinary" | "transactional" | null]>([
    ["an e-mail", [MAIL], "ordinary"],
    ["a transactional e-mail among others", [MAIL, { ...MAIL, transactional: true }], "transactional"],
    ["a transactional e-mail to another", [MAIL, { ...MAIL, to: "sales@example.com", transactional: true }], null],
    [
      "an e-mail to the person by path, after a wait",
      [DELAY, { ...MAIL, to: { $state: "/profile/email" } }],
      "ordinary",
    ],
    ["an e-mail to another address", [{ ...MAIL, to: "sales@example.com" }], null],
    ["an e-mail to an address of the event", [{ ...MAIL, to: { $state: "/event/email" } }], null],
    ["e-mails to the person and to another", [MAIL, { ...MAIL, to: "sales@example.com" }], null],
    ["an e-mail and a webhook", [MAIL, HOOK], null],
    ["a webhook", [HOOK], null],
    ["nothing that reaches anybody", [DELAY], null],
  ])("says whether a journey reaches people by e-mail only: %s", (_what, steps, expected) => {
    const document = aJourneyDocument({ steps: steps.map((step, i) => ({ id: `s${i}`, ...step })) });
    expect(compileJourney(definitionOf(document)).eligibility.emailOnly).toBe(expected);
  });

  it("compiles the entry filter", () => {
    const { filter } = compileJourney(definitionOf(aFullDocument()));
    const scope = (total: number) => ({ event: () => ({ total }), profile: () => ({ plan: "Pro" }) });
    expect(filter?.(scope(40))).toBeNull();
    expect(filter?.(scope(39))).toEqual({ path: "/event/total", operator: "gte" });
  });
});

describe("journeyDefinitionSchema", () => {
  it("turns into a JSON Schema that names every step type", () => {
    const text = JSON.stringify(toJsonSchema(journeyDefinitionSchema, { ignoreActions: ["raw_check", "check"] }));
    for (const type of [
      "email",
      "webhook",
      "delay",
      "wait_until",
      "wait_for_event",
      "branch",
      "split",
      "update_profile",
      "exit",
    ]) {
      expect(text).toContain(`"type":{"const":"${type}"}`);
    }
  });
});
