import { describe, expect, it } from "vitest";
import { parsePublicUrl } from "../../src/domain/public-url.ts";

describe("PUBLIC_URL", () => {
  it.each([
    ["https://events.example.com", "https://events.example.com"],
    ["https://events.example.com/", "https://events.example.com"],
    ["https://events.example.com:8443/some/path?x=1", "https://events.example.com:8443"],
    ["http://127.0.0.1:8787", "http://127.0.0.1:8787"],
    [undefined, null],
    ["", null],
  ])("of %j is the origin %j", (text, expected) => {
    expect(parsePublicUrl(text)).toBe(expected);
  });

  it.each([
    "events.example.com",
    "ftp://events.example.com",
    "javascript:alert(1)",
    "//events.example.com",
    "https://",
  ])("refuses %j, without repeating it", (text) => {
    expect(() => parsePublicUrl(text)).toThrow(/^PUBLIC_URL is not an http or https URL: see docs\/operations\.md$/);
  });
});
