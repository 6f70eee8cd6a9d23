import { describe, expect, it } from "vitest";
import { checkedStep, issuesWith, aJourneyWithStep, stepIssuePaths } from "../journey-document.ts";

describe("delay", () => {
  it.each(["PT0S", "PT30S", "P1D", "P2W"])("takes %s", (duration) => {
    expect(stepIssuePaths({ type: "delay", for: duration })).toEqual([]);
  });

  it.each([undefined, null, 60, "", "1 day", "P1M", "P3651D"])("refuses %j", (duration) => {
    expect(stepIssuePaths({ type: "delay", for: duration })).toEqual(["for"]);
  });

  it("says in plain words what a duration looks like", () => {
    const [issue] = issuesWith(aJourneyWithStep({ type: "delay", for: "1 day" }));
    expect(issue).toEqual({
      path: "steps.0.for",
      stepId: "first",
      message:
        "A duration is needed here, such as PT30S, PT2H, P7D or P2W (no years, months or fractions; at most 3650 days).",
    });
  });
});

describe("wait_until", () => {
  const WAIT = { type: "wait_until", at: "09:00" };

  it.each(["00:00", "09:05", "19:59", "23:59"])("takes the time %s", (at) => {
    expect(stepIssuePaths({ ...WAIT, at })).toEqual([]);
  });

  it.each([undefined, 9, "9:00", "24:00", "12:60", "12:00:00", "12:00 ", "noon", "1２:00"])(
    "refuses the time %j",
    (at) => {
      expect(stepIssuePaths({ ...WAIT, at })).toEqual(["at"]);
    },
  );

  it.each([[["mon"]], [["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]])("takes the weekdays %j", (weekdays) => {
    expect(stepIssuePaths({ ...WAIT, weekdays })).toEqual([]);
  });

  it.each<[unknown, string]>([
    [[], "weekdays"],
    ["mon", "weekdays"],
    [["mon", "mon"], "weekdays"],
    [["mon", "Tue"], "weekdays.1"],
    [[1], "weekdays.0"],
  ])("refuses the weekdays %j", (weekdays, path) => {
    expect(stepIssuePaths({ ...WAIT, weekdays })).toEqual([path]);
  });

  it.each(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", { $state: "/profile/timezone" }])(
    "takes the time zone %j",
    (timezone) => {
      expect(checkedStep({ ...WAIT, timezone })).toEqual({ id: "first", ...WAIT, timezone });
    },
  );

  it.each<[unknown, string]>([
    ["", "timezone"],
    ["Mars/Olympus", "timezone"],
    ["+02:00", "timezone"],
    ["-0500", "timezone"],
    [2, "timezone"],
    [{ $state: "/timezone" }, "timezone.$state"],
    [{}, "timezone"],
  ])("refuses the time zone %j", (timezone, path) => {
    expect(stepIssuePaths({ ...WAIT, timezone })).toContain(path);
  });
});

describe("wait_for_event", () => {
  const WAIT = { type: "wait_for_event", event: "paid", timeout: "P3D" };

  it.each<[string, Record<string, unknown>]>([
    ["an event and a timeout", {}],
    ["a filter that reads the first event", { filter: { $state: "/event/id", eq: { $entry: "/event/id" } } }],
    ["onTimeout and next", { onTimeout: "done", next: "done" }],
  ])("takes %s", (_what, over) => {
    expect(checkedStep({ ...WAIT, ...over })).toEqual({ id: "first", ...WAIT, ...over });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ["no event", { event: undefined }, ["event"]],
    ["an empty event", { event: "" }, ["event"]],
    ["no timeout", { timeout: undefined }, ["timeout"]],
    ["a bad timeout", { timeout: "3d" }, ["timeout"]],
    ["an unknown operator", { filter: { $or: [{ $state: "/event/id", is: 1 }] } }, ["filter.$or.0.is"]],
    ["a dangling onTimeout", { onTimeout: "gone" }, ["onTimeout"]],
    ["an onTimeout of another type", { onTimeout: true }, ["onTimeout"]],
    ["a bad timeout and a dangling onTimeout", { timeout: "", onTimeout: "gone" }, ["timeout", "onTimeout"]],
  ])("refuses %s", (_what, over, paths) => {
    expect(stepIssuePaths({ ...WAIT, ...over })).toEqual(paths);
  });
});
