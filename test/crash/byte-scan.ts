// Looks for texts in every byte of a folder's files, in each form in which a text could have been kept.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Characters that the bytes before have a part in, by how many of them stand in the same group of three. */
const BASE64_LEADING_CHARACTERS = [0, 2, 3];

/**
 * Finds which of the texts occur in a folder's files, whatever the files are: databases with their free pages,
 * write-ahead logs, shared memory.
 *
 * @param exclude  tells, by its path, which file is not looked into
 * @returns `<text> as <form> in <file>`, one for each find
 */
export function findInFiles(folder: string, texts: readonly string[], exclude = (_path: string) => false): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !exclude(path))
    .flatMap((path) => findIn(readFileSync(path), texts).map((find) => `${find} in ${path.slice(folder.length + 1)}`));
}

/** Finds which of the texts occur in some bytes. @returns `<text> as <form>` */
export function findIn(bytes: Uint8Array, texts: readonly string[]): string[] {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return texts.flatMap((text) =>
    formsOf(text)
      .filter(({ needle }) => haystack.includes(needle))
      .map(({ form }) => `${text} as ${form}`),
  );
}

function formsOf(text: string): { form: string; needle: Buffer }[] {
  const utf8 = Buffer.from(text, "utf8");
  return [
    { form: "UTF-8", needle: utf8 },
    { form: "UTF-16LE", needle: Buffer.from(text, "utf16le") },
    { form: "hex", needle: Buffer.from(utf8.toString("hex")) },
    ...BASE64_LEADING_CHARACTERS.map((_, offset) => ({ form: "base64", needle: base64Needle(utf8, offset) })),
  ];
}

/** What every base64 text has in common that holds these bytes after so many others of a group of three. */
function base64Needle(bytes: Buffer, offset: number): Buffer {
  const whole = Buffer.concat([Buffer.alloc(offset), bytes]);
  const characters = whole.toString("base64").replaceAll("=", "").slice(BASE64_LEADING_CHARACTERS[offset]);
  const lastDependsOnNext = whole.length % BASE64_LEADING_CHARACTERS.length !== 0;
  return Buffer.from(lastDependsOnNext ? characters.slice(0, -1) : characters);
}
