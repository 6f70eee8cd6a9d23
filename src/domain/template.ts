// A template: what an e-mail says, as a json-render spec over the event, the person and the journey. Checked when it
// is written; what is stored holds known fields only, and the body as it was sent.
import * as v from "valibot";
import { fields, freeForm, text } from "./definition-fields.ts";
import type { Json } from "./json.ts";
import { readMailbox } from "./mailbox.ts";
import { parseRedactionPath } from "./redaction.ts";
import { listOf } from "./shapes.ts";
import { checkBody, checkText } from "./template-check.ts";

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

/** As the published event contract has them for `redactedDataPaths`. */
const MAX_SENSITIVE_PATHS = 100;
/** RFC 5322, 2.1.1. */
const MAX_LINE_CHARACTERS = 998;

const KEY_MESSAGE =
  "A key is needed here: 1 to 120 lower-case letters, digits, - or _, beginning with a letter or digit.";
const PATHS_MESSAGE = `A list of at most ${MAX_SENSITIVE_PATHS} paths into /event is needed here.`;
const LINE_MESSAGE = `Text of 1 to ${MAX_LINE_CHARACTERS} characters in one line is needed here.`;
const MAILBOX_MESSAGE = "An e-mail address is needed here, such as name@example.com or Name <name@example.com>.";

function textField(meaning: string, literal: (value: string) => string | null): v.GenericSchema<unknown, TemplateText> {
  const description = `${meaning}: text, { $state: path } or { $template: text with \${path} }.`;
  return freeForm<TemplateText>(description, (value) => checkText(value, literal));
}

const lineIssue = (value: string): string | null =>
  value !== "" && value.length <= MAX_LINE_CHARACTERS && value.isWellFormed() && !/\p{Cc}/u.test(value)
    ? null
    : LINE_MESSAGE;
const mailboxIssue = (value: string): string | null => (readMailbox(value) === null ? MAILBOX_MESSAGE : null);

const sensitivePath = v.pipe(
  v.string(PATHS_MESSAGE),
  v.rawCheck(({ dataset, addIssue }) => {
    const parsed = dataset.typed ? parseRedactionPath(dataset.value) : null;
    if (parsed !== null && !parsed.ok) addIssue({ message: parsed.error });
  }),
);

/** What a template is filed under. */
export const templateKey = v.pipe(v.string(KEY_MESSAGE), v.regex(/^[a-z0-9][a-z0-9_-]{0,119}$/, KEY_MESSAGE));

export const templateName = text();

/** The whole definition; what passes is a {@link TemplateDefinition}. */
export const templateDefinitionSchema = fields({
  subject: textField("The subject", lineIssue),
  preheader: v.exactOptional(textField("What an inbox shows behind the subject", lineIssue)),
  from: v.exactOptional(textField("The sender", mailboxIssue)),
  replyTo: v.exactOptional(textField("Who is answered", mailboxIssue)),
  body: freeForm<TemplateDefinition["body"]>(
    "A json-render spec: { root: key, elements: { key: { type, props, children?, visible?, repeat? } } }.",
    checkBody,
  ),
  sensitiveTransactionalVariablePaths: v.exactOptional(listOf(sensitivePath, MAX_SENSITIVE_PATHS, PATHS_MESSAGE)),
});
