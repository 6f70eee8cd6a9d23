import { describe, expect, it } from "vitest";
import { errorCode, isOutage } from "../../src/d1/d1-errors.ts";

describe("isOutage", () => {
  it.each([
    "D1_ERROR: Network connection lost.",
    "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
    "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
    "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
    "D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.",
    "D1_ERROR: internal error; reference = 0000",
    "D1_ERROR: D1 DB reset because its code was updated.",
    "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
    "D1_ERROR: Your account has exceeded D1's maximum account storage limit",
    "D1_ERROR: Exceeded maximum DB size",
    "D1_ERROR: The request timed out",
    "Too many API requests by single Worker invocation.",
    "D1_ERROR: database or disk is full: SQLITE_FULL",
    "D1_ERROR: database is locked: SQLITE_BUSY",
  ])("takes %j for D1's own trouble", (message) => {
    expect(isOutage(new Error(message))).toBe(true);
  });

  it.each([
    "D1_ERROR: malformed JSON: SQLITE_ERROR",
    "D1_ERROR: NOT NULL constraint failed: user_events.event: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)",
    "D1_ERROR: string or blob too big: SQLITE_TOOBIG",
    "D1_TYPE_ERROR: Type 'object' not supported for value",
  ])("leaves %j to be settled by asking D1 again", (message) => {
    expect(isOutage(new Error(message))).toBe(false);
  });

  it("does not believe a value that a refusal quotes", () => {
    expect(isOutage(new Error("D1_ERROR: bad JSON path: 'network connection lost': SQLITE_ERROR"))).toBe(false);
  });

  it("takes nothing from what is not an error", () => {
    expect(isOutage("network connection lost")).toBe(false);
    expect(isOutage(undefined)).toBe(false);
  });
});

describe("errorCode", () => {
  it("names the extended code where there is one", () => {
    const message =
      "D1_ERROR: NOT NULL constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)";
    expect(errorCode(new Error(message))).toBe("SQLITE_CONSTRAINT_NOTNULL");
  });

  it("keeps nothing of a message that quotes a value", () => {
    expect(errorCode(new Error("D1_ERROR: bad JSON path: 'SQLITE_SECRET 4111': SQLITE_ERROR"))).toBe("SQLITE_ERROR");
    expect(errorCode(new Error("cannot store 4111 SQLITE_SECRET"))).toBe("D1_ERROR");
  });
});
