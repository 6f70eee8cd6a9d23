// A template: what an e-mail says, as a json-render spec over the event, the person and the journey.
import type { Json } from "./json.ts";

/** A text, or an expression that gives one: `{ "$state": pointer }`, `{ "$template": "Order ${/event/orderId}" }`. */
export type TemplateText = string | { $state: string } | { $template: string };

export interface TemplateDefinition {
  subject: TemplateText;
  preheader?: TemplateText;
  from?: TemplateText;
  replyTo?: TemplateText;
  /** A json-render spec. */
  body: { root: string; elements: Record<string, Json> };
  /** JSON Pointers to values that are used for rendering and are not kept with a message. */
  sensitiveTransactionalVariablePaths?: string[];
}
