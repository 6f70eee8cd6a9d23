// Says what is wrong with a template before anybody is written to with it: a misspelt path, a link that no mail
// program should follow, an element that leads to itself. Reports everything at once, by path, never by value.
import { checkCondition } from "./condition-check.ts";
import { MAX_ISSUES } from "./issue-list.ts";
import { hasOwn, isJsonObject, type Json, type JsonObject } from "./json.ts";
import { dotPath, quote } from "./quote.ts";
import { parseItemPath } from "./state-path.ts";
import { COMPONENTS, componentRule, type PropKind } from "./template-components.ts";
import {
  expressionName,
  EXPRESSIONS,
  isMeantAsExpression,
  MAX_PATH_CHARACTERS,
  parseTemplatePath,
  parseTemplateText,
  TEMPLATE_ROOTS,
} from "./template-expressions.ts";
import { bodyGraph, type BodyGraph } from "./template-graph.ts";
import { literalIssue } from "./template-literals.ts";
import { isButtonStyle, isStyleName } from "./template-styles.ts";

/** Elements of one body as it is written; what it repeats is counted when it is rendered. */
const MAX_BODY_ELEMENTS = 1_000;
/** `$cond` inside `$cond`. */
const MAX_CHOICES = 16;

export interface TemplateIssue {
  /** Keys and indices from the checked value downwards, joined by dots; empty = the value itself. */
  path: string;
  message: string;
}

type Path = readonly (string | number)[];

/** Checks a subject and the like: text, `{ "$state": path }` or `{ "$template": text }`. */
export function checkText(value: unknown, literal: (text: string) => string | null): TemplateIssue[] {
  const check = new TemplateCheck();
  if (typeof value === "string") {
    const issue = literal(value);
    return issue === null ? [] : [{ path: "", message: issue }];
  }
  const name = isMeantAsExpression(value) ? expressionName(value) : null;
  if (name !== "$state" && name !== "$template") {
    const message = 'Text, { "$state": path } or { "$template": text with ${path} } is needed here.';
    return [{ path: "", message }];
  }
  check.value("text", value as Json, [], { inItem: false, choices: 0 });
  return check.issues;
}

/** Checks a body: a json-render spec. @returns every issue found; none = it can be rendered */
export function checkBody(value: unknown): TemplateIssue[] {
  const check = new TemplateCheck();
  check.body(value);
  return check.issues;
}

/** What may be read where a value stands. */
interface Place {
  /** Whether it is below an element that repeats. */
  inItem: boolean;
  choices: number;
}

class TemplateCheck {
  readonly issues: TemplateIssue[] = [];

  body(body: unknown): void {
    if (!isJsonObject(body)) return this.#report([], 'A body is needed here: { "root": key, "elements": { … } }.');
    const { root, elements } = body;
    if (!isJsonObject(elements)) return this.#report(["elements"], "The elements are needed here, each by its key.");
    if (typeof root !== "string" || !hasOwn(elements, root)) {
      this.#report(["root"], "The key of the first element is needed here.");
    }
    const entries = Object.entries(elements);
    if (entries.length > MAX_BODY_ELEMENTS) {
      return this.#report(["elements"], `A body has at most ${MAX_BODY_ELEMENTS} elements.`);
    }
    const graph = bodyGraph(typeof root === "string" ? root : "", elements);
    for (const { key, message } of graph.issues) this.#report(["elements", key], message);
    for (const [key, element] of entries) {
      // What comes after would cost time and change nothing of what is told.
      if (this.issues.length > MAX_ISSUES) return;
      this.#element(key, element, elements, graph);
    }
  }

  #element(key: string, element: Json, elements: JsonObject, graph: BodyGraph): void {
    const path: Path = ["elements", key];
    if (!isJsonObject(element)) return this.#report(path, "An element is an object with a type and props.");
    const rule = typeof element.type === "string" ? componentRule(element.type) : null;
    if (rule === null) {
      return this.#report([...path, "type"], `One of these is needed here: ${Object.keys(COMPONENTS).join(", ")}.`);
    }
    const place: Place = { inItem: graph.inItem.has(key), choices: 0 };
    const props = element.props ?? {};
    if (!isJsonObject(props)) this.#report([...path, "props"], "An object is needed here.");
    else {
      for (const [name, { kind, required }] of Object.entries(rule.props)) {
        const value = hasOwn(props, name) ? props[name] : undefined;
        const isLeftOut = value === undefined || value === null;
        if (isLeftOut && required) this.#report([...path, "props", name], `"${name}" is missing.`);
        if (!isLeftOut) this.value(kind, value, [...path, "props", name], place);
      }
    }
    this.#children(element.children, rule.hasChildren, [...path, "children"], elements);
    if (element.visible != null) this.#condition(element.visible, [...path, "visible"], place);
    if (element.repeat != null) this.#repeat(element.repeat, [...path, "repeat"]);
  }

  #children(children: Json | undefined, may: boolean, path: Path, elements: JsonObject): void {
    if (children === undefined || children === null) return;
    if (!Array.isArray(children)) return this.#report(path, "A list of the keys of elements is needed here.");
    if (children.length > 0 && !may) return this.#report(path, "This element holds no others.");
    for (const [i, child] of children.entries()) {
      if (typeof child !== "string" || !hasOwn(elements, child)) {
        this.#report([...path, i], "There is no element with this key.");
      }
    }
  }

  #repeat(repeat: Json, path: Path): void {
    if (!isJsonObject(repeat))
      return this.#report(path, 'A list to repeat over is needed here: { "statePath": path }.');
    const parsed = parseTemplatePath(repeat.statePath);
    if (!parsed.ok) this.#report([...path, "statePath"], parsed.error);
  }

  #condition(condition: Json | undefined, path: Path, { inItem }: Place): void {
    const reads = { allowEntry: false, roots: TEMPLATE_ROOTS, allowItem: inItem };
    for (const issue of checkCondition(condition, reads)) {
      this.#report(issue.path === "" ? path : [...path, issue.path], issue.message);
    }
  }

  /** A prop's value, or one inside it. */
  value(kind: PropKind, value: Json | undefined, path: Path, place: Place): void {
    if (isMeantAsExpression(value)) this.#expression(kind, value, path, place);
    else if (kind === "style" || kind === "button_style") this.#style(kind, value, path, place);
    else if (kind === "markdown_styles") {
      if (!isJsonObject(value)) return this.#report(path, "A style each by the name of an element is needed here.");
      for (const [name, style] of Object.entries(value)) {
        if (style !== null) this.value("style", style, [...path, name], place);
      }
    } else {
      const issue = literalIssue(kind, value);
      if (issue !== null) this.#report(path, issue);
    }
  }

  #style(kind: PropKind, style: Json | undefined, path: Path, place: Place): void {
    if (!isJsonObject(style)) return this.#report(path, "Styles by their names, in camelCase, are needed here.");
    for (const [name, value] of Object.entries(style)) {
      const at = [...path, name];
      if (!isStyleName(name)) this.#report(at, "This is not the name of a style in camelCase that can be set.");
      else if (value !== null) {
        this.value("style_value", value, at, place);
        const isPadding = typeof value === "string" || typeof value === "number";
        if (kind === "button_style" && isPadding && !isButtonStyle(name, value)) {
          this.#report(at, "A button's padding is given in px, em, rem or %, below 1,000 px.");
        }
      }
    }
  }

  #expression(kind: PropKind, value: JsonObject, path: Path, place: Place): void {
    const name = expressionName(value);
    if (name === null) {
      return this.#report(path, `An expression is one of ${EXPRESSIONS.join(", ")}; this one is not read here.`);
    }
    const beside = name === "$cond" ? [name, "$then", "$else"] : [name];
    for (const key of Object.keys(value)) {
      if (!beside.includes(key)) this.#report([...path, key], `${quote(key)} cannot stand beside "${name}".`);
    }
    switch (name) {
      case "$state":
        return this.#told(parseTemplatePath(value.$state), [...path, name]);
      case "$template":
        return this.#told(parseTemplateText(value.$template), [...path, name]);
      case "$item":
        return this.#item(value.$item, [...path, name], place);
      case "$index":
        if (value.$index !== true) this.#report([...path, name], '"$index" can only be true.');
        if (!place.inItem) this.#report([...path, name], OUTSIDE);
        return;
      case "$cond":
        return this.#choice(kind, value, path, place);
    }
  }

  #item(item: Json | undefined, path: Path, { inItem }: Place): void {
    if (!inItem) return this.#report(path, OUTSIDE);
    if (typeof item !== "string" || item.length > MAX_PATH_CHARACTERS) {
      return this.#report(path, '"$item" takes the path of a value in the item; "" is the item itself.');
    }
    this.#told(parseItemPath(item), path);
  }

  #choice(kind: PropKind, value: JsonObject, path: Path, place: Place): void {
    if (place.choices === MAX_CHOICES) {
      return this.#report(path, `Choices can be nested at most ${MAX_CHOICES} levels deep.`);
    }
    this.#condition(value.$cond, [...path, "$cond"], place);
    for (const branch of ["$then", "$else"] as const) {
      if (!hasOwn(value, branch)) this.#report(path, `"${branch}" is missing: a choice has both "$then" and "$else".`);
      else if (value[branch] !== null) {
        this.value(kind, value[branch], [...path, branch], { ...place, choices: place.choices + 1 });
      }
    }
  }

  #told(parsed: { ok: true } | { ok: false; error: string }, path: Path): void {
    if (!parsed.ok) this.#report(path, parsed.error);
  }

  #report(path: Path, message: string): void {
    this.issues.push({ path: dotPath(path), message });
  }
}

const OUTSIDE = '"$item" and "$index" can be read in what an element with "repeat" holds, and nowhere else.';
