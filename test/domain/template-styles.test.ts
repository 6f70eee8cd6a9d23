import { describe, expect, it } from "vitest";
import { isButtonStyle, isStyleName, isStyleValue } from "../../src/domain/template-styles.ts";
import { HOSTILE_STYLES } from "../support/hostile-values.ts";

describe("the value of a style", () => {
  it.each([
    "#5F51E8",
    "0 auto",
    "12px 20px 0 -4px",
    "rgb(1, 2, 3)",
    "rgba(0 0 0 / 50%)",
    "hsl(120deg 100% 50%)",
    "calc(100% - (2 * 12px))",
    "linear-gradient(90deg, #fff 0%, rgba(0,0,0,.5) 100%)",
    `"Helvetica Neue", 'Segoe UI', Arial, sans-serif`,
    "url(https://example.com/a.png) no-repeat",
    'url("https://example.com/a.png?x=1&y=2")',
    "bold !important",
    0,
    1.5,
    -12,
  ])("can be %s", (value) => {
    expect(isStyleValue(value)).toBe(true);
  });

  it.each(HOSTILE_STYLES)("cannot be %j", (value) => {
    expect(isStyleValue(value)).toBe(false);
  });
});

describe("the name of a style", () => {
  it.each(["color", "backgroundColor", "WebkitTextSizeAdjust", "msoLineHeightRule", "font-size"])(
    "can be %s",
    (name) => {
      expect(isStyleName(name)).toBe(true);
    },
  );

  it.each([
    "",
    "--x",
    "__proto__",
    "color:red;x",
    "a b",
    "behavior",
    "MozBinding",
    "-moz-binding",
    "onclick=",
    "$state",
  ])("cannot be %s", (name) => {
    expect(isStyleName(name)).toBe(false);
  });
});

describe("the padding of a button", () => {
  it.each(["12px 20px", "12px", "0", "1.5em 2rem", "5% 100%", 12, "1px 2px 3px 4px"])("can be %s", (padding) => {
    expect(isButtonStyle("padding", padding)).toBe(true);
  });

  it.each(["99999999px", "1e9px", "1000px", 1e9, -1, "999em", "101%", "auto", "...px", ""])(
    "cannot be %s",
    (padding) => {
      expect([isButtonStyle("padding", padding), isButtonStyle("paddingLeft", padding)]).toEqual([false, false]);
    },
  );

  it("is all that is asked of a button's style", () => {
    expect(isButtonStyle("fontSize", "99999999px")).toBe(true);
  });
});
