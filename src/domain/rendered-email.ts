// What rendering takes and gives: plain data, for who renders and for who asks for it.
import type { Json } from "./json.ts";
import type { Result } from "./result.ts";
import type { TemplateDefinition } from "./template.ts";

/** What a template reads. */
export interface RenderState {
  event: Json;
  profile: Json;
  journey: Json;
}

export interface RenderedEmail {
  /** One line. */
  subject: string;
  /** What an inbox shows behind the subject; `null` = the template has none. */
  preheader: string | null;
  /** One line, as the template gives it: whether it is an address is for who sends to say. `null` = it gives nothing. */
  from: string | null;
  replyTo: string | null;
  html: string;
  text: string;
  /** Paths that the template read and that had nothing to show, each once, in the order in which they were read. */
  missingPaths: string[];
}

/**
 * Makes an e-mail. What the state holds can make it shorter or longer, but not fail, up to the limits of an e-mail.
 *
 * @param template  as a snapshot holds it: it was checked when it was written
 * @returns the e-mail, or why there is none, in words without a value
 */
export type RenderEmail = (
  template: TemplateDefinition,
  state: RenderState,
) => Promise<Result<RenderedEmail, { message: string }>>;
