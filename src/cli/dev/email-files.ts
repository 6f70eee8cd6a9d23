// Where the local server's e-mails go: files beside its state, for a person to look at, and a line on the terminal for
// each. A message that is sent twice is one file.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Response, type Request } from "miniflare";

const MESSAGE_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An e-mail as the Worker's file sender writes it; see src/delivery/outgoing-email.ts. */
interface EmailFile {
  to: string;
  subject: string;
  html: string;
  text: string;
}

/**
 * Takes the Worker's e-mails: `PUT /<delivery id>`. Of each it writes <id>.html and <id>.txt as a mail program would
 * show them, then <id>.json with everything around them: where that is, the others are whole.
 *
 * @param folder    made when the first one comes
 * @param announce  is told of each in one line
 */
export function emailFiles(folder: string, announce: (line: string) => void): (request: Request) => Promise<Response> {
  return async (request) => {
    const id = new URL(request.url).pathname.slice(1);
    if (request.method !== "PUT" || !MESSAGE_ID.test(id)) return new Response(null, { status: 404 });
    const { html, text, ...around } = (await request.json()) as EmailFile;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const shown = join(folder, `${id}.html`);
    write(shown, html);
    write(join(folder, `${id}.txt`), text);
    write(join(folder, `${id}.json`), `${JSON.stringify(around, null, 2)}\n`);
    announce(`E-mail to ${quoted(around.to)} ${quoted(around.subject)} → ${relative(process.cwd(), shown)}`);
    return new Response(null, { status: 204 });
  };
}

/** Beside the file, then renamed: nobody reads half of it. */
function write(file: string, content: string): void {
  const beside = `${file}.tmp`;
  writeFileSync(beside, content, { mode: 0o600 });
  renameSync(beside, file);
}

/** Quoted, so that nothing in a subject is taken by the terminal for a command. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u007f-\u009f]/g, "");
}
