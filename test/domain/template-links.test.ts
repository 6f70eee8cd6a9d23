import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { safeImageSource, safeLink } from "../../src/domain/template-links.ts";
import { HOSTILE_URLS } from "../support/hostile-values.ts";

describe("a link of an e-mail", () => {
  it.each([
    "https://example.com",
    "http://example.com/a?b=c&d=%20#e",
    "HTTPS://Example.com/A",
    "https://example.com/a b",
    "https://müller.example/ä",
    "mailto:alex@example.com?subject=Hi",
    "MailTo:alex@example.com",
  ])("may lead to %s, as it is written", (url) => {
    expect(safeLink(url)).toBe(url);
  });

  it("loses the spaces around it", () => {
    expect(safeLink("  https://example.com/ ")).toBe("https://example.com/");
  });

  // Trimming that begins anew at each space needs minutes for it, and fails by the suite's own limit.
  it("may be mostly spaces", () => {
    expect(safeLink(`x${" ".repeat(120_000)}x`)).toBeNull();
  });

  it.each(HOSTILE_URLS)("may not lead to %j", (url) => {
    expect([safeLink(url), safeImageSource(url)]).toEqual([null, null]);
  });

  it("is http, https or mailto to whoever parses it, whatever was tried", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "https:",
        "http:",
        "mailto:",
        "javascript:",
        "data:",
        "//",
        "/",
        "\\",
        "\n",
        "\t",
        " ",
        "&#58;",
        ":",
        "@",
      ),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const link = safeLink(pieces.join(""));
        if (link === null) return;
        const onAPage = new URL(link, "file:///home/alex/mail.html");
        expect(["https:", "http:", "mailto:"]).toContain(onAPage.protocol);
        expect(onAPage.href).toBe(new URL(link).href);
        expect(link).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("the source of an image", () => {
  it("is https and nothing else", () => {
    expect(safeImageSource("https://example.com/a.png")).toBe("https://example.com/a.png");
    for (const url of ["http://example.com/a.png", "mailto:alex@example.com", "data:image/png;base64,AA=="]) {
      expect(safeImageSource(url)).toBeNull();
    }
  });
});
