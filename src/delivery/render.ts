// An e-mail out of a template: the door to everything that renders. React and what comes with it are evaluated when
// the first e-mail is made, never when the Worker starts or accepts an event.
import type { RenderEmail } from "../domain/rendered-email.ts";

export type { RenderedEmail } from "../domain/rendered-email.ts";

/** @see RenderEmail */
export const renderEmail: RenderEmail = async (template, state) => {
  const { renderTemplate } = await import("./render-template.ts");
  return await renderTemplate(template, state);
};
