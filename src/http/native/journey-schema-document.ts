// Makes the JSON Schema of the journey document from the very schemas that check it. Written by hand is what those
// leave to code: conditions, which hold themselves, and values that may be read from a path instead.
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { OPERATORS } from "../../domain/condition-grammar.ts";
import { condition, duration, laterCondition, stateReference, stepId } from "../../domain/definition-fields.ts";
import { DURATION_PATTERN } from "../../domain/duration.ts";
import { windowLength } from "../../domain/eligibility-rules.ts";
import { journeyDefinitionSchema } from "../../domain/journey.ts";
import { STEP_TYPES, stepSchema, type StepType } from "../../domain/steps/index.ts";

/** A JSON Schema under construction, by keyword. */
interface Shape {
  [keyword: string]: unknown;
  properties?: Record<string, Shape>;
}

type StepShape = Shape & { properties: Record<string, Shape> };

/** RFC 6901: in a token `~` stands only before 0 and 1. */
const TOKENS = "(?:/(?:[^~/]|~[01])*)";
const STATE_PATH = `^/(?:event|profile)${TOKENS}*$`;
const ENTRY_PATH = `^/event${TOKENS}*$`;
const VALUE_PATH = `^/(?:event|profile)${TOKENS}+$`;

const STEP_TITLES: Record<StepType, [title: string, description: string]> = {
  email: ["E-mail", "Sends one e-mail from a template to the person, or to the address a path leads to."],
  webhook: ["Webhook", "Calls a web address outside."],
  delay: ["Delay", "Waits for a fixed time."],
  wait_until: ["Wait until", "Waits for the next time of day, on given weekdays, in a time zone."],
  wait_for_event: ["Wait for an event", "Waits until the person does something, or until the time for it is over."],
  branch: ["Branch", "Goes one of two ways, by a condition."],
  split: ["Split", "Sends people down several ways by weight; the same person always takes the same one."],
  update_profile: ["Update the profile", "Sets and removes properties of the person."],
  exit: ["Exit", "Completes the run here."],
};

const DESCRIPTIONS: Record<string, string> = {
  key: "Names the journey for ever. Lower-case letters, digits, - and _.",
  name: "What people call it.",
  entry: "What starts it: an event, with or without a filter, or only calls of its trigger.",
  eligibility: "Who may enter, and how often. Without it: everybody, once.",
  exitOn: "Events that end a run wherever it is.",
  goal: "What the journey is for: reaching it is counted, and ends the run unless exit is false.",
  runaway: "Entries within a time, past which the journey takes nobody more until it is released.",
  steps: "What happens, from the first step on. A step without next goes on to the one below it.",
};

const ELIGIBILITY_DESCRIPTIONS: Record<string, string> = {
  reentry: 'Whether a person may enter again: "once" (never; the default), "always", or after a time.',
  key: "A path to one value, such as /event/orderId: reentry and maxActive then count for each value apart.",
  maxActive: "Runs of one person (and key) at a time. Without it: 1.",
  cap: "Enrollments of one person within a time, whatever the key.",
  requires: "What must be known of the person.",
};

/** The schema, less its own address. */
export function journeySchemaDocument(): Shape {
  const stepNames = STEP_TYPES.map((type) => `${type}_step`);
  const steps = stepSchema.options as readonly v.GenericSchema[];
  const { $defs = {}, ...document } = toJsonSchema(journeyDefinitionSchema, {
    target: "draft-2020-12",
    typeMode: "input",
    definitions: {
      condition,
      later_condition: laterCondition,
      duration,
      window_length: windowLength,
      step_id: stepId,
      state_reference: stateReference,
      ...Object.fromEntries(stepNames.map((name, i) => [name, steps[i] as v.GenericSchema])),
    },
    // Rules that no JSON Schema can say: who writes such a document is told when it is sent.
    ignoreActions: ["check", "raw_check"],
  }) as unknown as Shape & { $defs?: Record<string, Shape> };
  const properties = document.properties as Record<string, Shape>;
  describe(properties, DESCRIPTIONS);
  finishEligibility(properties.eligibility as Shape);
  finishEntry(properties.entry as Shape);
  return {
    title: "Waypost journey",
    description: "What happens to people after an event.",
    ...document,
    $defs: { ...$defs, ...finishedSteps($defs), ...values($defs), ...CONDITIONS },
  };
}

function describe(properties: Record<string, Shape>, texts: Record<string, string>): void {
  for (const [name, description] of Object.entries(texts)) properties[name] = { ...properties[name], description };
}

function finishEligibility({ properties = {} }: Shape): void {
  describe(properties, ELIGIBILITY_DESCRIPTIONS);
  properties.key = { ...properties.key, pattern: VALUE_PATH };
  properties.requires = { ...properties.requires, uniqueItems: true };
}

/** An entry is by an event or by the trigger, never by both. */
function finishEntry(entry: Shape): void {
  const [byEvent, byTrigger] = entry.anyOf as [Shape, Shape];
  entry.anyOf = [
    { ...byEvent, not: { required: ["api"] } },
    { ...byTrigger, not: { anyOf: [{ required: ["event"] }, { required: ["filter"] }] } },
  ];
}

function values({ duration: written }: Record<string, Shape>): Record<string, Shape> {
  const length = { ...written, pattern: DURATION_PATTERN.source };
  return {
    duration: length,
    window_length: { ...length, description: "As a duration; at least PT1S." },
    state_reference: reference("$state", STATE_PATH, "Reads a value from the event or the profile."),
    entry_reference: reference("$entry", ENTRY_PATH, "Reads a value from the event that started the run."),
    // Meant as a reference, well-formed or not: it is never taken as a value.
    reference_like: { type: "object", anyOf: [{ required: ["$state"] }, { required: ["$entry"] }] },
    value: { not: ref("reference_like"), items: { not: ref("reference_like") } },
    value_or_state: {
      if: { type: "object", required: ["$state"] },
      // oxlint-disable-next-line unicorn/no-thenable -- "then" is JSON Schema's word; nothing awaits this object
      then: ref("state_reference"),
    },
    json_with_states: {
      if: { type: "object", required: ["$state"] },
      // oxlint-disable-next-line unicorn/no-thenable -- as above
      then: ref("state_reference"),
      else: { additionalProperties: ref("json_with_states"), items: ref("json_with_states") },
    },
  };
}

function finishedSteps(defs: Record<string, Shape>): Record<string, Shape> {
  const steps = {} as Record<StepType, StepShape>;
  for (const type of STEP_TYPES) {
    const [title, description] = STEP_TITLES[type];
    steps[type] = { title, description, ...(defs[`${type}_step`] as StepShape) };
  }

  const { webhook, update_profile: update, wait_until: until } = steps;
  webhook.properties.headers = {
    description: "Header names with a text or { $state: path } each.",
    type: "object",
    propertyNames: { pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" },
    additionalProperties: {
      anyOf: [{ type: "string", pattern: "^[\\t\\u0020-\\u007e\\u0080-\\u00ff]*$" }, ref("state_reference")],
    },
  };
  webhook.properties.body = { ...webhook.properties.body, ...ref("json_with_states") };
  webhook.properties.onFailure = {
    description: "Where a call that failed for good leads. Without it: it goes on.",
    anyOf: [{ enum: ["continue", "fail"] }, ref("step_id")],
  };
  webhook.not = { properties: { method: { const: "GET" } }, required: ["method", "body"] };

  update.properties.set = {
    ...update.properties.set,
    type: "object",
    propertyNames: { minLength: 1, maxLength: 255 },
    additionalProperties: ref("value_or_state"),
  };
  update.anyOf = [
    { properties: { set: { minProperties: 1 } }, required: ["set"] },
    { properties: { unset: { minItems: 1 } }, required: ["unset"] },
  ];
  until.properties.weekdays = { ...until.properties.weekdays, uniqueItems: true };
  // What these never take: see domain/journey-graph.ts.
  for (const type of ["branch", "split", "exit"] as const) {
    delete steps[type].properties.next;
    steps[type].not = { required: ["next"] };
  }
  return Object.fromEntries(STEP_TYPES.map((type) => [`${type}_step`, steps[type]]));
}

const CONDITIONS: Record<string, Shape> = {
  ...conditionShapes("condition", [ref("state_reference"), ref("value")]),
  ...conditionShapes("later_condition", [ref("state_reference"), ref("entry_reference"), ref("value")]),
};

/** A condition and its clause; the two kinds differ in what may stand on the right. */
function conditionShapes(name: string, operands: Shape[]): Record<string, Shape> {
  const members = { type: "array", items: ref(name), minItems: 1 } as const;
  const not = { type: "boolean", description: "true negates the object it stands in." } as const;
  const right = (operator: string): Shape => {
    if (operator === "exists") return { type: "boolean" };
    if (operator !== "in") return { anyOf: operands };
    return { anyOf: [...operands.slice(0, -1), { type: "array", allOf: [ref("value")] }] };
  };
  const group = (key: string, description: string): Shape => ({
    type: "object",
    description,
    properties: { [key]: members, not },
    required: [key],
    additionalProperties: false,
  });
  return {
    [name]: {
      title: "Condition",
      description: "true, false, a list of conditions that must all hold, or an object.",
      anyOf: [
        { type: "boolean" },
        members,
        ref(`${name}_clause`),
        group("$and", "All of them must hold."),
        group("$or", "One of them must hold."),
      ],
    },
    [`${name}_clause`]: {
      type: "object",
      description: "Compares the value at a path; several operators must all hold, without one it must be truthy.",
      properties: {
        $state: { type: "string", pattern: STATE_PATH },
        ...Object.fromEntries(OPERATORS.map((operator) => [operator, right(operator)])),
        not,
      },
      required: ["$state"],
      additionalProperties: false,
    },
  };
}

function reference(name: string, pattern: string, description: string): Shape {
  return {
    type: "object",
    description,
    properties: { [name]: { type: "string", pattern } },
    required: [name],
    additionalProperties: false,
  };
}

function ref(name: string): { $ref: string } {
  return { $ref: `#/$defs/${name}` };
}
