import { describe, expect, it } from "vitest";
import { readDateTime, readUnixSeconds, whyTimeIsRefused } from "../../../../src/http/compat/klaviyo/event-time.ts";

const at = (iso: string): number => Date.parse(iso) / 1_000;

describe("readDateTime", () => {
  it.each([
    ["2022-11-08T00:00:00", "2022-11-08T00:00:00Z"],
    ["2022-11-08T00:00:00Z", "2022-11-08T00:00:00Z"],
    ["2022-11-08t00:00:00z", "2022-11-08T00:00:00Z"],
    ["2022-11-08 00:00:00", "2022-11-08T00:00:00Z"],
    ["2022-11-08T10:20", "2022-11-08T10:20:00Z"],
    ["2022-11-08", "2022-11-08T00:00:00Z"],
    ["2022-11-08T00:00:00.999999Z", "2022-11-08T00:00:00Z"],
    ["2022-11-08T00:00:00+05:30", "2022-11-07T18:30:00Z"],
    ["2022-11-08T00:00:00-0530", "2022-11-08T05:30:00Z"],
    ["2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"],
    [" 2022-11-08T00:00:00Z ", "2022-11-08T00:00:00Z"],
  ])("reads %s", (text, iso) => {
    expect(readDateTime(text)).toBe(at(iso));
  });

  it.each([
    "",
    "2022",
    "2022-13-01",
    "2022-00-01",
    "2023-02-29T00:00:00Z",
    "2022-04-31",
    "2022-11-08T24:00:00Z",
    "2022-11-08T00:60:00Z",
    "2022-11-08T00:00:61Z",
    "2022-11-08T00:00:00+25:00",
    "2022-11-08T00:00:00Z and more",
    "20221108",
    "1667865600",
  ])("takes %s for no date-time", (text) => {
    expect(readDateTime(text)).toBeNull();
  });
});

describe("readUnixSeconds", () => {
  it("reads numbers and their texts, to the second", () => {
    expect([1_667_865_600, 1_667_865_600.9, "1667865600", "1667865600.25"].map(readUnixSeconds)).toEqual(
      Array.from({ length: 4 }, () => 1_667_865_600),
    );
  });

  it("takes nothing else", () => {
    expect([-1, 1e300, Number.NaN, "", "1e5", "soon"].map(readUnixSeconds)).toEqual(
      Array.from({ length: 6 }, () => null),
    );
  });
});

describe("whyTimeIsRefused", () => {
  const now = Date.parse("2026-06-01T12:00:00.500Z");

  it("takes the first second of the earliest year, and not the one before", () => {
    expect(whyTimeIsRefused(at("2000-01-01T00:00:00Z"), 2000, now)).toBeNull();
    expect(whyTimeIsRefused(at("1999-12-31T23:59:59Z"), 2000, now)).toContain("2000");
    expect(whyTimeIsRefused(at("1990-01-01T00:00:00Z"), 1990, now)).toBeNull();
    expect(whyTimeIsRefused(at("1989-12-31T23:59:59Z"), 1990, now)).toContain("1990");
  });

  it("takes the second one year ahead, and not the one after", () => {
    expect(whyTimeIsRefused(at("2027-06-01T12:00:00Z"), 2000, now)).toBeNull();
    expect(whyTimeIsRefused(at("2027-06-01T12:00:01Z"), 2000, now)).toContain("1 year");
  });
});
