import { describe, expect, it } from "vitest";
import { standardBody } from "../../../src/domain/steps/webhook.ts";
import { DAY_MS, HOUR_MS, MONDAY_NOON, started } from "../run-builders.ts";

const DONE = { id: "done", type: "exit" };
const OTHER = { id: "other", type: "exit", reason: "other" };

/** A run on one step with an id `step`, `done` below it. */
function on(step: Record<string, unknown>, situation: Parameters<typeof started>[1] = {}) {
  return started([{ id: "step", ...step }, DONE], situation);
}

describe("an e-mail step", () => {
  const EMAIL = { type: "email", template: "hello" };

  it("asks for a delivery to the person and goes on at once", () => {
    const stage = on(EMAIL);
    expect(stage.asked("deliver")).toEqual([
      {
        kind: "deliver",
        stepId: "step",
        deliveryKey: "step:1",
        request: { channel: "email", template: "hello", to: "ada@example.com", transactional: false },
      },
    ]);
    expect(stage.lines).toEqual(["entered step", "entered done", "ended done"]);
  });

  it.each<[string, unknown, string | null]>([
    ["a written address", "sales@example.com", "sales@example.com"],
    ["an address of the event", { $state: "/event/buyer" }, "bob@example.com"],
    ["a place that is not there", { $state: "/event/missing" }, null],
    ["a value that is no address", { $state: "/event/total" }, null],
    ["a text that is no address", { $state: "/event/name" }, null],
  ])("writes to %s", (_what, to, expected) => {
    const entryData = () => ({ buyer: "bob@example.com", total: 5, name: "Bob" });
    const [delivery] = on({ ...EMAIL, to }, { entryData }).asked("deliver");
    expect(delivery?.request).toMatchObject({ to: expected });
  });

  it("asks for a delivery to nobody when the person has no address: the delivery is then skipped", () => {
    const stage = on(EMAIL, { identities: { email: null, externalId: "u1" }, properties: () => ({ email: "x@y.zz" }) });
    expect(stage.asked("deliver")[0]?.request).toMatchObject({ to: null });
    expect(stage.run.status).toBe("completed");
  });
});

describe("a webhook step", () => {
  const HOOK = { type: "webhook", url: "https://crm.example.com/hook" };
  const situation = {
    entryData: () => ({ orderId: "o1", tags: ["a"], note: "one\r\ntwo" }),
    properties: () => ({ plan: "Pro", age: 7 }),
  };

  it("sends the standard body by POST when it names no other", () => {
    expect(on(HOOK).asked("deliver")[0]?.request).toEqual({
      channel: "webhook",
      url: "https://crm.example.com/hook",
      method: "POST",
      headers: {},
      body: { kind: "standard" },
    });
  });

  it("fills its body and headers from where they point; a missing place is null in a body and no header", () => {
    const body = { type: "x", order: { id: { $state: "/event/orderId" } }, list: [{ $state: "/event/none" }, 1, null] };
    const headers = {
      "x-plan": { $state: "/profile/plan" },
      "x-age": { $state: "/profile/age" },
      "x-no": { $state: "/event/no" },
    };
    expect(on({ ...HOOK, method: "PUT", body, headers }, situation).asked("deliver")[0]?.request).toEqual({
      channel: "webhook",
      url: "https://crm.example.com/hook",
      method: "PUT",
      headers: { "x-plan": "Pro", "x-age": "7" },
      body: { kind: "json", value: { type: "x", order: { id: "o1" }, list: [null, 1, null] } },
    });
  });

  it("sends no body with a GET", () => {
    expect(on({ ...HOOK, method: "GET" }).asked("deliver")[0]?.request).toMatchObject({ body: { kind: "none" } });
  });

  it("asks for headers of 64 KiB together, and for no more", () => {
    const headersOf = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-note-${i}`, { $state: "/event/line" }]));
    // The name of each has eight characters.
    const entryData = () => ({ line: "x".repeat(8 * 1024 - 8) });
    expect(on({ ...HOOK, headers: headersOf(8) }, { entryData }).asked("deliver")).toHaveLength(1);
    const stage = on({ ...HOOK, headers: headersOf(9) }, { entryData });
    expect(stage.asked("deliver")).toEqual([]);
    expect(stage.details("failed")).toEqual([{ code: "header_invalid" }]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["a line break for a header", { headers: { "x-note": { $state: "/event/note" } } }, "header_invalid"],
    ["a list for a header", { headers: { "x-tags": { $state: "/event/tags" } } }, "header_invalid"],
    ["a body too large", { body: Array.from({ length: 9 }, () => ({ $state: "/event/big" })) }, "body_too_large"],
  ])("makes no delivery of %s, and counts as failed", (_what, over, code) => {
    const big = Object.fromEntries(Array.from({ length: 3 }, (_, i) => [`k${i}`, "é".repeat(10_000)]));
    const stage = on({ ...HOOK, ...over }, { entryData: () => ({ ...situation.entryData(), big }) });
    expect(stage.asked("deliver")).toEqual([]);
    expect(stage.lines).toEqual(["entered step", "failed step", "entered done", "ended done"]);
    expect(stage.details("failed")).toEqual([{ code }]);
    expect(JSON.stringify(stage.timeline)).not.toContain("two");
  });

  it("goes on at once by default, and notes later how the delivery went", () => {
    const stage = on(HOOK).settled("step:1", { status: "failed", code: "exhausted" }, MONDAY_NOON + 5);
    expect(stage.lines).toEqual(["entered step", "entered done", "ended done", "failed step"]);
    expect(stage.timeline.at(-1)).toEqual({
      at: "2026-03-02T12:00:00.005Z",
      stepId: "step",
      kind: "failed",
      detail: { deliveryKey: "step:1", code: "exhausted" },
    });
    expect(stage.run.status).toBe("completed");
  });

  it.each([
    ["fail", { status: "sent" }, "completed", null, "done"],
    ["fail", { status: "skipped", reason: "endpoint_disabled" }, "completed", null, "done"],
    ["fail", { status: "failed", code: "exhausted" }, "failed", "delivery_failed", "step"],
    ["other", { status: "sent" }, "completed", null, "done"],
    ["other", { status: "failed", code: "exhausted" }, "completed", "other", "other"],
  ] as const)("waits with onFailure %s until it is settled: %j", (onFailure, outcome, status, reason, stepId) => {
    const stage = started([{ id: "step", ...HOOK, onFailure }, DONE, OTHER].slice(0, onFailure === "fail" ? 2 : 3));
    expect(stage.run).toMatchObject({ status: "active", wait: { kind: "delivery", deliveryKey: "step:1" } });
    expect(stage.details("waiting")).toEqual([{ for: "delivery" }]);
    stage.settled("step:1", outcome);
    expect(stage.run).toMatchObject({ status, reason, stepId });
    expect(stage.lines.slice(0, 3)).toEqual(["entered step", "waiting step", `${outcome.status} step`]);
  });

  it.each([
    ["fail", "failed", "header_invalid"],
    ["other", "completed", "other"],
  ])("that cannot be made leads where onFailure %s leads", (onFailure, status, reason) => {
    const headers = { "x-note": { $state: "/event/note" } };
    const stage = started(
      [{ id: "step", ...HOOK, headers, onFailure }, DONE, OTHER].slice(0, onFailure === "fail" ? 2 : 3),
      situation,
    );
    expect(stage.run).toMatchObject({ status, reason });
    expect(stage.details("failed")).toEqual([{ code: "header_invalid" }]);
  });

  it("has a standard body as the API writes it", () => {
    const parts = {
      timestamp: "2026-03-02T12:00:00.000Z",
      deliveryId: "d1",
      enrollmentId: "e1",
      journeyKey: "k",
      version: 2,
      stepId: "s",
      profile: { id: "p1", email: null, externalId: "u1" },
      event: { id: "v1", name: "order.created", data: { total: 5 } },
    };
    const { timestamp, ...data } = parts;
    expect(standardBody(parts)).toEqual({ type: "journey.step", timestamp, data });
  });
});

describe("a delay step", () => {
  it("waits for its time and goes on", () => {
    const stage = on({ type: "delay", for: "P1D" });
    expect(stage.asked("timer").at(-1)).toEqual({ kind: "timer", timer: { at: MONDAY_NOON + DAY_MS, generation: 1 } });
    stage.fire();
    expect(stage.lines).toEqual(["entered step", "waiting step", "resumed step", "entered done", "ended done"]);
    expect(stage.details("waiting")).toEqual([{ for: "time", until: "2026-03-03T12:00:00.000Z" }]);
    expect(stage.details("resumed")).toEqual([{ by: "timer" }]);
    expect(stage.run.endedAt).toBe(MONDAY_NOON + DAY_MS);
  });

  it("of no time is no wait", () => {
    expect(on({ type: "delay", for: "PT0S" }).lines).toEqual(["entered step", "entered done", "ended done"]);
  });
});

describe("a wait_until step", () => {
  const WAIT = { type: "wait_until", at: "09:00" };

  it.each<[string, Record<string, unknown>, string | null, Record<string, string>, string]>([
    ["UTC when nobody names a zone", {}, null, {}, "2026-03-03T09:00:00.000Z"],
    ["the workspace's zone", {}, "Europe/Berlin", {}, "2026-03-03T08:00:00.000Z"],
    ["the step's zone", { timezone: "Asia/Tokyo" }, "Europe/Berlin", {}, "2026-03-03T00:00:00.000Z"],
    [
      "the person's zone",
      { timezone: { $state: "/profile/timezone" } },
      "UTC",
      { timezone: "America/New_York" },
      "2026-03-02T14:00:00.000Z",
    ],
    [
      "the workspace's zone for a person without",
      { timezone: { $state: "/profile/timezone" } },
      "Europe/Berlin",
      {},
      "2026-03-03T08:00:00.000Z",
    ],
    [
      "the workspace's zone for what is no zone",
      { timezone: { $state: "/profile/timezone" } },
      "Europe/Berlin",
      { timezone: "+02:00" },
      "2026-03-03T08:00:00.000Z",
    ],
    ["a weekday", { weekdays: ["sun"] }, null, {}, "2026-03-08T09:00:00.000Z"],
  ])("waits by %s", (_what, over, timezone, properties, until) => {
    const stage = on({ ...WAIT, ...over }, { timezone, properties: () => properties });
    expect(stage.details("waiting")).toEqual([{ for: "time", until }]);
    stage.fire();
    expect(stage.run.status).toBe("completed");
  });

  it("in a loop comes once a day, however exactly its timer fires", () => {
    const stage = started(
      [
        { id: "nine", ...WAIT },
        { id: "mail", type: "email", template: "x", next: "nine" },
      ],
      {},
      {
        exitOn: [{ event: "stop" }],
      },
    );
    for (let i = 0; i < 3; i++) stage.fire();
    expect(stage.details("waiting").map((detail) => detail?.until)).toEqual([
      "2026-03-03T09:00:00.000Z",
      "2026-03-04T09:00:00.000Z",
      "2026-03-05T09:00:00.000Z",
      "2026-03-06T09:00:00.000Z",
    ]);
    expect(stage.asked("deliver").map(({ deliveryKey }) => deliveryKey)).toEqual(["mail:2", "mail:4", "mail:6"]);
  });
});

describe("a wait_for_event step", () => {
  const WAIT = { type: "wait_for_event", event: "payment.succeeded", timeout: "PT2H" };
  const filter = {
    $and: [
      { $state: "/event/orderId", eq: { $entry: "/event/orderId" } },
      { $state: "/profile/plan", eq: "Pro" },
    ],
  };
  const situation = { entryData: () => ({ orderId: "o1" }), properties: () => ({ plan: "Pro" }) };

  it("listens, and goes on with the event", () => {
    const stage = on(WAIT);
    expect(stage.asked("listen")).toEqual([{ kind: "listen", events: ["payment.succeeded"] }]);
    stage.event("payment.succeeded", {}, MONDAY_NOON + HOUR_MS);
    expect(stage.lines).toEqual(["entered step", "waiting step", "resumed step", "entered done", "ended done"]);
    expect(stage.details("resumed")).toEqual([{ by: "event" }]);
    expect(stage.asked("listen").at(-1)).toEqual({ kind: "listen", events: [] });
    expect(stage.asked("timer").at(-1)).toEqual({ kind: "timer", timer: null });
  });

  it.each([
    ["another event", "payment.failed", { orderId: "o1" }],
    ["another letter case", "Payment.succeeded", { orderId: "o1" }],
    ["a value that the filter refuses", "payment.succeeded", { orderId: "o2" }],
  ])("is not moved by %s", (_what, event, data) => {
    const stage = on({ ...WAIT, filter }, situation);
    const before = stage.run;
    stage.event(event, data, MONDAY_NOON + HOUR_MS);
    expect(stage.run).toEqual(before);
  });

  it("compares the later event with the one that started the run", () => {
    const stage = on({ ...WAIT, filter }, situation).event("payment.succeeded", { orderId: "o1" });
    expect(stage.run.status).toBe("completed");
  });

  it.each([
    [undefined, "done"],
    ["other", "other"],
  ])("goes on when its time is over, onTimeout %s", (onTimeout, stepId) => {
    const over = onTimeout === undefined ? {} : { onTimeout };
    const steps = [{ id: "step", ...WAIT, ...over }, DONE, OTHER].slice(0, onTimeout === undefined ? 2 : 3);
    const stage = started(steps).fire();
    expect(stage.details("resumed")).toEqual([{ by: "timeout" }]);
    expect(stage.run).toMatchObject({ status: "completed", stepId });
  });

  it("with no time is over at once", () => {
    const stage = started([{ id: "step", ...WAIT, timeout: "PT0S", onTimeout: "other" }, DONE, OTHER]);
    expect(stage.lines).toEqual(["entered step", "resumed step", "entered other", "ended other"]);
  });
});

describe("a branch step", () => {
  const BRANCH = { type: "branch", if: { $state: "/event/total", gte: 50 }, then: "done", else: "other" };

  it.each([
    [50, { to: "done" }],
    [49, { to: "other", path: "/event/total", operator: "gte" }],
  ])("goes by what the event that started the run holds: %i", (total, detail) => {
    const stage = started([{ id: "step", ...BRANCH }, DONE, OTHER], { entryData: () => ({ total }) });
    expect(stage.details("branched")).toEqual([detail]);
    expect(stage.run.stepId).toBe(detail.to);
  });

  it("reads the identity where a property has its name", () => {
    const stage = started(
      [{ id: "step", ...BRANCH, if: { $state: "/profile/email", eq: "ada@example.com" } }, DONE, OTHER],
      {
        properties: () => ({ email: "eve@example.com" }),
      },
    );
    expect(stage.run.stepId).toBe("done");
  });
});

describe("a split step", () => {
  const ways = [
    { weight: 1, next: "done" },
    { weight: 3, next: "other" },
  ];
  const chosenFor = (profileId: string, branches: unknown[] = ways, seed = ""): string | null =>
    started([{ id: "step", type: "split", branches }, DONE, OTHER], { profileId, seed }).run.stepId;

  it("always sends the same person the same way", () => {
    for (const id of ["p1", "p2", "p3"]) expect(chosenFor(id)).toBe(chosenFor(id));
  });

  it("divides people by weight", () => {
    const people = Array.from({ length: 2_000 }, (_, i) => `profile-${i}`);
    const done = people.filter((id) => chosenFor(id) === "done").length;
    // A quarter of 2,000, within 4 standard deviations.
    expect(Math.abs(done - 500)).toBeLessThan(78);
  });

  it.each([
    [
      [
        { weight: 1e308, next: "done" },
        { weight: 1e308, next: "done" },
        { weight: 1e-320, next: "other" },
      ],
    ],
    [
      [
        { weight: Number.MIN_VALUE, next: "other" },
        { weight: 1, next: "done" },
      ],
    ],
  ])("takes weights of any size: %j", (branches) => {
    for (let i = 0; i < 50; i++) expect(chosenFor(`p${i}`, branches)).toBe("done");
  });

  it("leads elsewhere by another seed, for some", () => {
    const people = Array.from({ length: 50 }, (_, i) => `profile-${i}`);
    expect(people.map((id) => chosenFor(id, ways, "a"))).not.toEqual(people.map((id) => chosenFor(id, ways, "b")));
  });

  it("says which way it took", () => {
    const stage = started([{ id: "step", type: "split", branches: [{ weight: 1, next: "done" }] }, DONE]);
    expect(stage.details("branched")).toEqual([{ to: "done" }]);
  });
});

describe("an update_profile step", () => {
  const UPDATE = {
    type: "update_profile",
    set: { plan: "Pro", last: { $state: "/event/orderId" }, lost: { $state: "/event/missing" } },
    unset: ["coupon"],
  };

  it("asks for one change of the profile, and leaves alone what a missing place would set", () => {
    const stage = on(UPDATE, { entryData: () => ({ orderId: "o1" }), properties: () => ({ coupon: "X", lost: 1 }) });
    expect(stage.asked("patch_profile")).toEqual([
      { kind: "patch_profile", patch: { plan: "Pro", last: "o1", coupon: null } },
    ]);
    expect(stage.details("updated")).toEqual([{ set: 2, unset: 1 }]);
  });

  it("asks for nothing when nothing changes", () => {
    const stage = on(UPDATE, { properties: () => ({ plan: "Pro" }) });
    expect(stage.asked("patch_profile")).toEqual([]);
  });

  it("shows the steps after it what it changed", () => {
    const stage = started([
      { id: "one", type: "update_profile", set: { a: 1, b: 1 } },
      { id: "two", type: "update_profile", set: { c: { $state: "/profile/a" } }, unset: ["b"] },
      { id: "three", type: "branch", if: { $state: "/profile/b", exists: false }, then: "done", else: "other" },
      DONE,
      OTHER,
    ]);
    expect(stage.asked("patch_profile")).toEqual([{ kind: "patch_profile", patch: { a: 1, b: null, c: 1 } }]);
    expect(stage.run.stepId).toBe("done");
  });

  it("writes a property called __proto__ as the data it is", () => {
    const set = JSON.parse('{"__proto__": {"a": 1}}') as object;
    const [effect] = on({ type: "update_profile", set }).asked("patch_profile");
    expect(Object.keys(effect?.patch ?? {})).toEqual(["__proto__"]);
  });

  it("fails the run rather than make the profile too large", () => {
    const big = "x".repeat(200_000);
    const set = { a: { $state: "/event" }, b: { $state: "/event" }, c: { $state: "/event" } };
    const stage = on({ type: "update_profile", set }, { entryData: () => ({ big }) });
    expect(stage.run).toMatchObject({ status: "failed", reason: "profile_too_large", stepId: "step" });
    expect(stage.asked("patch_profile")).toEqual([]);
  });

  it("may take away from a profile that is too large already", () => {
    const stage = on(
      { type: "update_profile", unset: ["a"] },
      { properties: () => ({ a: 1, big: "x".repeat(600_000) }) },
    );
    expect(stage.run.status).toBe("completed");
  });
});

describe("an exit step", () => {
  it.each([
    [{}, null],
    [{ reason: "paid" }, "paid"],
  ])("completes the run: %j", (over, reason) => {
    const stage = started([{ id: "end", type: "exit", ...over }]);
    expect(stage.asked("ended")).toEqual([{ kind: "ended", status: "completed", reason }]);
    expect(stage.details("ended")).toEqual([{ status: "completed", reason }]);
    expect(stage.run).toMatchObject({ status: "completed", reason, endedAt: MONDAY_NOON, wait: null });
  });

  it("is not needed at the end of the steps", () => {
    const stage = started([{ id: "mail", type: "email", template: "x" }]);
    expect(stage.run).toMatchObject({ status: "completed", stepId: "mail" });
  });

  it("is passed over by a step that names another next", () => {
    const stage = started([
      { id: "pick", type: "branch", if: true, then: "mail", else: "stop" },
      { id: "mail", type: "email", template: "x", next: "end" },
      { id: "stop", type: "exit", reason: "stopped" },
      { id: "end", type: "exit", reason: "end" },
    ]);
    expect(stage.run.reason).toBe("end");
  });
});
