import { standardComponentDefinitions } from "@json-render/react-email/server";
import { describe, expect, it } from "vitest";
import { COMPONENTS, type PropKind } from "../../src/domain/template-components.ts";
import { literalIssue } from "../../src/domain/template-literals.ts";

interface LibraryComponent {
  slots: string[];
  props: { shape: Record<string, { isNullable(): boolean; safeParse(value: unknown): { success: boolean } }> };
}

const LIBRARY = standardComponentDefinitions as unknown as Record<string, LibraryComponent>;

/** A value of each kind that has one. */
const SAMPLES: Record<PropKind, unknown> = {
  text: "Hello",
  markdown: "**Hello**",
  link: "https://example.com/a",
  image: "https://example.com/a.png",
  heading_level: "h2",
  direction: "rtl",
  language: "pt-BR",
  pixels: 40,
  style: { color: "#fff" },
  style_value: "#fff",
  button_style: { padding: "12px" },
  markdown_styles: { h1: { color: "#fff" } },
};

describe("the components of a template", () => {
  it("are the library's, each with the same props, and the same ones that hold others", () => {
    const ours = Object.entries(COMPONENTS).map(([name, { props, hasChildren }]) => [
      name,
      Object.keys(props),
      hasChildren,
    ]);
    const theirs = Object.entries(LIBRARY).map(([name, { props, slots }]) => [
      name,
      Object.keys(props.shape),
      slots.length > 0,
    ]);
    expect(ours).toEqual(theirs);
  });

  it("need the props that the library needs", () => {
    for (const [name, { props }] of Object.entries(COMPONENTS)) {
      for (const [prop, { required }] of Object.entries(props)) {
        expect([name, prop, LIBRARY[name]?.props.shape[prop]?.isNullable()]).toEqual([name, prop, !required]);
      }
    }
  });

  it("take in each prop only what the library's own schema takes too", () => {
    for (const [name, { props }] of Object.entries(COMPONENTS)) {
      for (const [prop, { kind }] of Object.entries(props)) {
        const schema = LIBRARY[name]?.props.shape[prop];
        expect([name, prop, schema?.safeParse(SAMPLES[kind]).success]).toEqual([name, prop, true]);
        if (kind === "style" || kind === "button_style" || kind === "markdown_styles") continue;
        for (const value of [...Object.values(SAMPLES), 7, true, null, []]) {
          const taken = literalIssue(kind, value as string) === null;
          expect([name, prop, value, taken && schema?.safeParse(value).success === false]).toEqual([
            name,
            prop,
            value,
            false,
          ]);
        }
      }
    }
  });
});
