// A page for people: plain HTML with a style of its own and nothing from anywhere else, neither script nor image nor
// font. It says nothing of itself to others: no referrer, no index, no frame, no cache.
import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { HttpContext } from "../context.ts";

const STYLE = `
:root { color-scheme: light dark; --text: #1c1c1f; --quiet: #55555e; --ground: #f4f4f6; --card: #ffffff;
  --line: #d9d9df; --button: #1f4fd8; --on-button: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececf0; --quiet: #a9a9b4; --ground: #141417; --card: #1e1e23; --line: #36363f;
    --button: #8fb0ff; --on-button: #10131c; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 1rem;
  background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 30rem; padding: 2rem 1.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 0.75rem; }
h1 { margin: 0 0 0.75rem; font-size: 1.375rem; line-height: 1.3; overflow-wrap: anywhere; text-wrap: balance; }
p { margin: 0; color: var(--quiet); overflow-wrap: anywhere; }
form { margin: 1.5rem 0 0; }
button { width: 100%; min-height: 3rem; padding: 0.5rem 1rem; border: 0; border-radius: 0.5rem; font: inherit;
  font-weight: 600; background: var(--button); color: var(--on-button); cursor: pointer; }
button:focus-visible { outline: 3px solid var(--text); outline-offset: 2px; }
`;

/** What a page may load: its own style, known by its digest. What it may send: a form, to where it came from. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "referrer-policy": "no-referrer",
  "x-robots-tag": "noindex, nofollow",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/** What a page says. Texts are escaped here. */
export interface Page {
  heading: string;
  text: string;
  /** Posts to the page's own address. */
  button?: string;
}

/** Answers a page. */
export function respondPage(
  c: HttpContext,
  { heading, text, button }: Page,
  status: ContentfulStatusCode,
  headers: Record<string, string> = {},
): Response {
  const form = button === undefined ? "" : html`<form method="post"><button type="submit">${button}</button></form>`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex, nofollow" />
        <title>${heading}</title>
        ${raw(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <main>
          <h1>${heading}</h1>
          <p>${text}</p>
          ${form}
        </main>
      </body>
    </html>`;
  // A promise only where something in it is one.
  return c.html(page as string, status, { ...HEADERS, ...headers });
}
