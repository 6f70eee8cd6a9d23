// Stands in the bundle for what the renderer's packages bring along and no e-mail needs: themes of code blocks, Tailwind,
// a pretty-printer, a Markdown that lets HTML through, and the way from HTML back to text. wrangler.toml puts it in their place: the renderer is
// one lazily evaluated whole, which the bundler cannot thin out by itself.

/** @throws always: in this build nobody asks for it */
export function convert(): never {
  throw new Error("html-to-text is left out of the Worker: render-text.ts writes the plain text");
}

/** @throws always: in this build nobody asks for it */
export function Markdown(): never {
  throw new Error("the library's Markdown is left out of the Worker: render-markdown.ts draws it");
}

/** @throws always: in this build nobody asks for it */
export function format(): never {
  throw new Error("prettier is left out of the Worker");
}
