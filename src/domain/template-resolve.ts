// A template and the state of one message, made into an e-mail in which nothing is left to read: elements with the
// props they are drawn with. Whatever the state holds, only text, safe links and plain styles come out of here.
import { hasOwn, isJsonObject, type Json, type JsonObject } from "./json.ts";
import { oneLine } from "./one-line.ts";
import { err, ok, type Result } from "./result.ts";
import { componentRule, type ComponentName } from "./template-components.ts";
import { resolveProp } from "./template-props.ts";
import { TemplateReader, TooMuch, type RepeatedItem } from "./template-reader.ts";
import type { TemplateDefinition } from "./template.ts";

/** Elements of one e-mail, repeated ones as often as they are repeated. */
const MAX_RENDERED_ELEMENTS = 1_000;
/** RFC 5322, 2.1.1. */
const MAX_LINE_CHARACTERS = 998;

export interface ResolvedElement {
  type: ComponentName;
  /** Those of its component, each of its kind; what has no value is left out. */
  props: Record<string, unknown>;
  children: ResolvedElement[];
}

export interface ResolvedEmail {
  subject: string;
  preheader: string | null;
  from: string | null;
  replyTo: string | null;
  /** An `Html` element with a `Head`. */
  document: ResolvedElement;
  missingPaths: string[];
}

/**
 * Resolves a template.
 *
 * @param definition  a checked one
 * @param state       `event`, `profile`, `journey`
 * @returns the e-mail, or in which way it would be too large
 */
export function resolveTemplate(definition: TemplateDefinition, state: JsonObject): Result<ResolvedEmail, string> {
  const resolver = new Resolver(definition, state);
  try {
    return ok(resolver.email());
  } catch (error) {
    if (error instanceof TooMuch) return err(error.message);
    throw error;
  }
}

class Resolver {
  readonly #definition: TemplateDefinition;
  readonly #reader: TemplateReader;
  #elements = 0;

  constructor(definition: TemplateDefinition, state: JsonObject) {
    this.#definition = definition;
    this.#reader = new TemplateReader(state);
  }

  email(): ResolvedEmail {
    const { subject, preheader, from, replyTo, body } = this.#definition;
    const lines = {
      subject: this.#line(subject) ?? "",
      preheader: this.#line(preheader),
      from: this.#mailbox(from),
      replyTo: this.#mailbox(replyTo),
    };
    const document = documentOf(this.#element(body.root, null), lines.preheader);
    return { ...lines, document, missingPaths: this.#reader.missingPaths };
  }

  #line(value: Json | undefined): string | null {
    const line = value === undefined ? "" : oneLine(this.#reader.text(value, null), MAX_LINE_CHARACTERS);
    return line === "" ? null : line;
  }

  /** A name that is missing leaves the address behind it. */
  #mailbox(value: Json | undefined): string | null {
    return this.#line(value)?.replace(/^<([^<>]*)>$/, "$1") ?? null;
  }

  /** An element as often as it is shown. */
  #element(key: string, item: RepeatedItem | null): ResolvedElement[] {
    // Looked at is not shown yet: what is hidden takes its time too.
    this.#reader.count();
    const { elements } = this.#definition.body;
    const element = hasOwn(elements, key) ? elements[key] : undefined;
    if (!isJsonObject(element)) return [];
    const rule = typeof element.type === "string" ? componentRule(element.type) : null;
    if (rule === null || !this.#isVisible(element, item)) return [];
    const sent = isJsonObject(element.props) ? element.props : {};
    const props: [string, unknown][] = [];
    for (const [name, { kind }] of Object.entries(rule.props)) {
      const value = resolveProp(kind, hasOwn(sent, name) ? sent[name] : undefined, this.#reader, item);
      if (value !== undefined) props.push([name, value]);
    }
    // A picture that cannot be shown would be a broken one.
    if (element.type === "Image" && props.every(([name]) => name !== "src")) return [];
    return this.#items(element, item).map((below) => {
      this.#elements += 1;
      if (this.#elements > MAX_RENDERED_ELEMENTS) {
        throw new TooMuch(
          `The e-mail would have more than ${MAX_RENDERED_ELEMENTS} elements: what it repeats is too long.`,
        );
      }
      const children = rule.hasChildren ? childKeys(element).flatMap((child) => this.#element(child, below)) : [];
      return { type: element.type as ComponentName, props: Object.fromEntries(props), children };
    });
  }

  #isVisible({ visible }: JsonObject, item: RepeatedItem | null): boolean {
    return visible == null || this.#reader.holds(visible, item);
  }

  /** What is read below an element, once for each time that it is shown. */
  #items({ repeat }: JsonObject, item: RepeatedItem | null): (RepeatedItem | null)[] {
    if (!isJsonObject(repeat) || typeof repeat.statePath !== "string") return [item];
    const pointer = repeat.statePath;
    return this.#reader.list(pointer).map((value, index) => ({ pointer: `${pointer}/${index}`, value, index }));
  }
}

function childKeys({ children }: JsonObject): string[] {
  return Array.isArray(children) ? children.filter((child): child is string => typeof child === "string") : [];
}

/** Puts what a template says into a whole document, as far as it is none itself, and its preheader first. */
function documentOf(shown: ResolvedElement[], preheader: string | null): ResolvedElement {
  const [root] = shown;
  const preview = preheader === null ? [] : [made("Preview", { text: preheader })];
  if (root?.type !== "Html") {
    const body = root?.type === "Body" && shown.length === 1 ? root : made("Body", {}, shown);
    return made("Html", {}, [made("Head"), withFirst(body, preview)]);
  }
  // Whatever stands beside Head and Body would stand outside of the page.
  const others = root.children.filter(({ type }) => type !== "Head" && type !== "Body");
  const [head = made("Head")] = root.children.filter(({ type }) => type === "Head");
  const [body = made("Body"), ...more] = root.children.filter(({ type }) => type === "Body");
  const shownBody = { ...body, children: [...body.children, ...more.flatMap(({ children }) => children)] };
  return { ...root, children: [head, withFirst(shownBody, [...preview, ...others])] };
}

function withFirst(parent: ResolvedElement, first: ResolvedElement[]): ResolvedElement {
  return { ...parent, children: [...first, ...parent.children] };
}

function made(
  type: ComponentName,
  props: Record<string, unknown> = {},
  children: ResolvedElement[] = [],
): ResolvedElement {
  return { type, props, children };
}
