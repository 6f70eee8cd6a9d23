// The heavy part of rendering, evaluated with the first e-mail: draws resolved elements with the standard components
// of @json-render/react-email. It is handed a spec in which nothing is left to look up, so that neither its own reading
// of the state nor its Markdown, which lets HTML through, ever sees a value.
import type { Spec } from "@json-render/core";
import { renderToHtml, type RenderComponentRegistry } from "@json-render/react-email/render";
import type { ReactElement } from "react";
import type { RenderEmail } from "../domain/rendered-email.ts";
import { err, ok } from "../domain/result.ts";
import { resolveTemplate, type ResolvedElement } from "../domain/template-resolve.ts";
import { MarkdownPen, TooMuchMarkdown, type MarkdownProps } from "./render-markdown.ts";
import { plainTextOf } from "./render-text.ts";

/** Of UTF-8. A large mail program cuts off what is over 102 KiB. */
const MAX_HTML_BYTES = 512 * 1024;
const TOO_LARGE = { message: `The e-mail would have more than ${MAX_HTML_BYTES} bytes of HTML.` };
/** UTF-16 units: the library shows no more, and would cut a pair of them in two. */
const MAX_PREVIEW_CHARACTERS = 150;

/** @see RenderEmail */
export const renderTemplate: RenderEmail = async (template, state) => {
  const resolved = resolveTemplate(template, { ...state });
  if (!resolved.ok) return err({ message: resolved.error });
  const { document, ...lines } = resolved.value;
  try {
    const { spec, registry } = drawingOf(document);
    const html = await renderToHtml(spec, { registry });
    if (new TextEncoder().encode(html).byteLength > MAX_HTML_BYTES) return err(TOO_LARGE);
    return ok({ ...lines, html, text: plainTextOf(document) });
  } catch (error) {
    if (error instanceof TooMuchMarkdown) return err(TOO_LARGE);
    // Its text may quote what was rendered: its name is what is safe to log.
    const name = error instanceof Error ? error.name : "";
    console.error(JSON.stringify({ level: "error", at: "render-template", error: name }));
    return err({ message: "The e-mail could not be drawn." });
  }
};

/** What the library is handed. Its Markdown is drawn already: the library finds it by its number. */
function drawingOf(document: ResolvedElement): { spec: Spec; registry: RenderComponentRegistry } {
  const pen = new MarkdownPen(MAX_HTML_BYTES);
  const drawn: ReactElement[] = [];
  const propsOf = (type: ResolvedElement["type"], props: ResolvedElement["props"]): Record<string, unknown> => {
    if (type === "Preview") return previewProps(props);
    return type === "Markdown" ? { at: drawn.push(pen.draw(props as unknown as MarkdownProps)) - 1 } : props;
  };
  const elements: Spec["elements"] = {};
  let count = 0;
  const put = ({ type, props, children }: ResolvedElement): string => {
    const key = `e${count++}`;
    elements[key] = { type, props: propsOf(type, props), children: children.map(put) };
    return key;
  };
  const spec = { root: put(document), elements };
  return { spec, registry: { Markdown: ({ element }) => drawn[Number(element.props["at"])] } };
}

function previewProps({ text }: ResolvedElement["props"]): Record<string, unknown> {
  return {
    text: String(text)
      .slice(0, MAX_PREVIEW_CHARACTERS)
      .replace(/[\uD800-\uDBFF]$/, ""),
  };
}
