// A validator for the keywords of JSON Schema (draft 2020-12) that this project writes. One it does not know is an
// error, so that no rule goes unchecked.
import { isJsonObject, type Json, type JsonObject } from "../../src/domain/json.ts";

type Rule = (operand: Json, value: Json, holder: JsonObject, within: Validate) => boolean;
type Validate = (schema: Json, value: Json) => boolean;

const has = (object: JsonObject, key: string): boolean => Object.prototype.hasOwnProperty.call(object, key);
const list = (operand: Json): Json[] => operand as Json[];
const always: Rule = () => true;
const characters = (text: string): number => Array.from(text).length;

const TYPES: Record<string, (value: Json) => boolean> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  array: (value) => Array.isArray(value),
  object: isJsonObject,
  null: (value) => value === null,
};

const RULES: Record<string, Rule> = {
  $schema: always,
  $id: always,
  $defs: always,
  title: always,
  description: always,
  type: (type, value) => (TYPES[type as string] as (value: Json) => boolean)(value),
  const: (wanted, value) => wanted === value,
  enum: (options, value) => list(options).includes(value),
  pattern: (pattern, value) => typeof value !== "string" || new RegExp(pattern as string, "u").test(value),
  minLength: (least, value) => typeof value !== "string" || characters(value) >= (least as number),
  maxLength: (most, value) => typeof value !== "string" || characters(value) <= (most as number),
  minimum: (least, value) => typeof value !== "number" || value >= (least as number),
  maximum: (most, value) => typeof value !== "number" || value <= (most as number),
  minItems: (least, value) => !Array.isArray(value) || value.length >= (least as number),
  maxItems: (most, value) => !Array.isArray(value) || value.length <= (most as number),
  uniqueItems: (_, value) =>
    !Array.isArray(value) || new Set(value.map((item) => JSON.stringify(item))).size === value.length,
  items: (items, value, _, within) => !Array.isArray(value) || value.every((item) => within(items, item)),
  required: (names, value) => !isJsonObject(value) || list(names).every((name) => has(value, name as string)),
  minProperties: (least, value) => !isJsonObject(value) || Object.keys(value).length >= (least as number),
  propertyNames: (names, value, _, within) =>
    !isJsonObject(value) || Object.keys(value).every((name) => within(names, name)),
  properties: (properties, value, _, within) =>
    !isJsonObject(value) ||
    Object.entries(properties as JsonObject).every(
      ([name, schema]) => !has(value, name) || within(schema, value[name] as Json),
    ),
  additionalProperties: (schema, value, holder, within) => {
    if (!isJsonObject(value)) return true;
    const known = (holder["properties"] ?? {}) as JsonObject;
    return Object.keys(value).every((name) => has(known, name) || within(schema, value[name] as Json));
  },
  allOf: (schemas, value, _, within) => list(schemas).every((schema) => within(schema, value)),
  anyOf: (schemas, value, _, within) => list(schemas).some((schema) => within(schema, value)),
  oneOf: (schemas, value, _, within) => list(schemas).filter((schema) => within(schema, value)).length === 1,
  not: (schema, value, _, within) => !within(schema, value),
  if: (condition, value, holder, within) => within(holder[within(condition, value) ? "then" : "else"] ?? true, value),
  then: always,
  else: always,
};

/** Tells whether a value is as a schema says. @throws Error for a keyword or reference that it does not know */
export function isValidFor(root: JsonObject, value: Json): boolean {
  const within: Validate = (schema, at) => {
    if (typeof schema === "boolean") return schema;
    return Object.entries(schema as JsonObject).every(([keyword, operand]) => {
      if (keyword === "$ref") return within(resolve(root, operand as string), at);
      const rule = RULES[keyword];
      if (rule === undefined) throw new Error(`the keyword ${keyword} is not known here`);
      return rule(operand, at, schema as JsonObject, within);
    });
  };
  return within(root, value);
}

/** Follows a reference inside the document. */
function resolve(root: JsonObject, reference: string): Json {
  const name = reference.replace(/^#\/\$defs\//, "");
  const found = (root["$defs"] as JsonObject)[name];
  if (found === undefined) throw new Error(`${reference} leads nowhere`);
  return found;
}
