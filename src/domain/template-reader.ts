// Reads what a template's expressions say, out of the state of one message. Own properties only; what is missing is
// remembered by its path; how much one e-mail may read and hold is bounded.
import { ComparisonCost } from "./comparison-cost.ts";
import { resolvePointer, parsePointer } from "./json-pointer.ts";
import type { Json, JsonObject } from "./json.ts";
import { parseItemPath } from "./state-path.ts";
import { conditionHolds, type ConditionReader } from "./template-conditions.ts";
import { expressionName, isMeantAsExpression, parseTemplateText } from "./template-expressions.ts";

/** UTF-16 units of all that is put into one e-mail, its styles included. A large mail program cuts off what is over 102 KiB. */
const MAX_EMAIL_CHARACTERS = 512 * 1024;
/** Look-ups of one e-mail: values, conditions, elements that are looked at, shown or not. */
const MAX_READS = 20_000;
/** Missing paths that are told. */
const MAX_MISSING_PATHS = 200;

/** An e-mail would become larger than one may be; the message says in which way, without a value. */
export class TooMuch extends Error {
  override readonly name = "TooMuch";
}

/** What `$item` and `$index` read. */
export interface RepeatedItem {
  /** Where it stands in the state. */
  pointer: string;
  value: Json;
  index: number;
}

export class TemplateReader {
  readonly #state: JsonObject;
  readonly #missing = new Set<string>();
  readonly #paths = new Map<string, readonly string[]>();
  readonly #costs = new ComparisonCost();
  #reads = 0;
  #characters = 0;

  constructor(state: JsonObject) {
    this.#state = state;
  }

  /** Paths that gave nothing to show, each once, in the order in which they were read. */
  get missingPaths(): string[] {
    return [...this.#missing];
  }

  /** Gives the list at a path; what is none is missing. */
  list(pointer: string): Json[] {
    const value = this.#at(pointer);
    if (Array.isArray(value)) return value;
    this.#miss(pointer);
    return [];
  }

  holds(condition: Json | undefined, item: RepeatedItem | null): boolean {
    const reader: ConditionReader = {
      state: (pointer) => this.#at(pointer),
      item: (path) => this.#inItem(path, item)?.value,
      index: () => item?.index,
      condition: () => this.count(),
      comparison: (operator, left, right) => this.count(this.#costs.of(operator, left, right)),
    };
    return conditionHolds(condition, reader);
  }

  /** Gives the text of a value that is written out or read; nothing for what has no text. */
  text(value: Json | undefined, item: RepeatedItem | null): string {
    return shownText(this.written(value, item));
  }

  /** As {@link text}, with every character that there is: for what is refused because of some of them. */
  written(value: Json | undefined, item: RepeatedItem | null): string {
    return this.#expanded(value, item, (part) => part.text).join("");
  }

  /**
   * Gives the parts of a text: those the author wrote apart from those that were put into a `$template`. A value that
   * is read as a whole stands for what the author would have written.
   */
  parts(value: Json | undefined, item: RepeatedItem | null): TextPart[] {
    return this.#expanded(value, item, ({ isValue, text }) => ({ isValue, text: shownText(text) }));
  }

  /** Gives a value as it is written out or read; `undefined` where a path leads nowhere. */
  value(value: Json | undefined, item: RepeatedItem | null): Json | undefined {
    if (!isMeantAsExpression(value)) return value;
    switch (expressionName(value)) {
      case "$state":
        return this.#found(this.#at(value.$state as string), value.$state as string);
      case "$item": {
        const found = this.#inItem(value.$item as string, item);
        return found === null ? undefined : this.#found(found.value, found.pointer);
      }
      case "$index":
        return item?.index;
      case "$template":
        return this.text(value, item);
      case "$cond":
        return this.value(this.choose(value, item), item);
      case null:
        return undefined;
    }
  }

  /** Gives the branch that a `$cond` takes, as it is written. */
  choose(choice: JsonObject, item: RepeatedItem | null): Json | undefined {
    return this.holds(choice.$cond, item) ? choice.$then : choice.$else;
  }

  #expanded<T>(value: Json | undefined, item: RepeatedItem | null, give: (part: TextPart) => T): T[] {
    if (!isMeantAsExpression(value)) return [give({ isValue: false, text: this.#shown(value, null) })];
    const name = expressionName(value);
    if (name === "$cond") return this.#expanded(this.choose(value, item), item, give);
    if (name === "$template") {
      const parsed = parseTemplateText(value.$template);
      if (!parsed.ok) return [];
      return parsed.value.map((part) => {
        if (part.kind === "text") return give({ isValue: false, text: this.#shown(part.text, null) });
        return give({ isValue: true, text: this.#shown(this.#at(part.pointer), part.pointer) });
      });
    }
    const read = this.value(value, item);
    // What a path does not lead to has been told.
    const text = read === undefined ? "" : this.#shown(read, pointerOf(value, item));
    return [give({ isValue: false, text })];
  }

  /** @param pointer  where it was read; `null` = it is written out */
  #shown(value: Json | undefined, pointer: string | null): string {
    if (value === undefined || typeof value === "object") {
      if (pointer !== null && value !== null) this.#miss(pointer);
      return "";
    }
    const text = String(value);
    this.countCharacters(text.length);
    return text;
  }

  #found(value: Json | undefined, pointer: string): Json | undefined {
    if (value === undefined) this.#miss(pointer);
    return value;
  }

  #at(pointer: string): Json | undefined {
    this.count();
    return resolvePointer(this.#state, this.#tokens(pointer, parsePointer));
  }

  #inItem(path: string, item: RepeatedItem | null): { pointer: string; value: Json | undefined } | null {
    if (item === null) return null;
    this.count();
    const value = resolvePointer(item.value, this.#tokens(path, parseItemPath));
    return { pointer: pointerIn(item, path), value };
  }

  #tokens(path: string, parse: typeof parsePointer): readonly string[] {
    const known = this.#paths.get(path);
    if (known !== undefined) return known;
    const parsed = parse(path);
    // A checked template has no other.
    const tokens = parsed.ok ? parsed.value : ["", ""];
    this.#paths.set(path, tokens);
    return tokens;
  }

  #miss(pointer: string): void {
    if (this.#missing.size < MAX_MISSING_PATHS) this.#missing.add(pointer);
  }

  /** Counts what takes the time of so many look-ups. @throws TooMuch */
  count(reads = 1): void {
    this.#reads += reads;
    if (this.#reads > MAX_READS) throw new TooMuch(`The e-mail would read more than ${MAX_READS} values.`);
  }

  /** Counts what is put into the e-mail. @throws TooMuch */
  countCharacters(characters: number): void {
    this.#characters += characters;
    if (this.#characters > MAX_EMAIL_CHARACTERS) {
      throw new TooMuch(`The e-mail would hold more than ${MAX_EMAIL_CHARACTERS} characters.`);
    }
  }
}

export interface TextPart {
  /** Whether it was put into the author's text. */
  isValue: boolean;
  text: string;
}

/** Where an expression reads in the state; `null` = nowhere. */
function pointerOf({ $state, $item }: JsonObject, item: RepeatedItem | null): string | null {
  if (typeof $state === "string") return $state;
  return typeof $item === "string" && item !== null ? pointerIn(item, $item) : null;
}

function pointerIn({ pointer }: RepeatedItem, path: string): string {
  return path === "" ? pointer : `${pointer}/${path.replace(/^\//, "")}`;
}

/** Text as a page can hold it: well-formed, without control characters but tabs and line breaks. */
function shownText(text: string): string {
  return text.toWellFormed().replaceAll(/(?![\t\n\r])\p{Cc}/gu, "");
}
