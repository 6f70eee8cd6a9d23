// Builders of templates' definitions: valid as they come, with what a test is about laid over.
import type { Json } from "../../src/domain/json.ts";
import type { TemplateDefinition } from "../../src/domain/template.ts";

/** A definition that renders; without elements its body is one line. */
export function aDefinition(
  over: Partial<TemplateDefinition> = {},
  elements: Record<string, Json> = { main: { type: "Text", props: { text: "Hello" } } },
): TemplateDefinition {
  return { subject: "Hello", body: { root: Object.keys(elements)[0] ?? "", elements }, ...over };
}

/** A definition whose body is one element. */
export function aDefinitionOf(
  type: string,
  props: Record<string, Json>,
  over: Record<string, Json> = {},
): TemplateDefinition {
  return aDefinition({}, { main: { type, props, ...over } });
}
