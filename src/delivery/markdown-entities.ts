// Characters that Markdown knows by name or number. Whoever draws them escapes them again.

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
  copy: "©",
  reg: "®",
  trade: "™",
  euro: "€",
  pound: "£",
  hellip: "…",
  ndash: "–",
  mdash: "—",
};

const ENTITY = /&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-z]{2,6}));/g;

/** Turns entities into their characters; a name that is not known stays as it is. */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(ENTITY, (whole: string, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return NAMED[name] ?? whole;
    return characterOf(decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal));
  });
}

/** What no page can hold is what CommonMark makes of it. */
function characterOf(codePoint: number): string {
  if (codePoint === 0 || codePoint > 0x10ffff) return "\ufffd";
  return String.fromCodePoint(codePoint)
    .toWellFormed()
    .replaceAll(/(?![\t\n\r])\p{Cc}/gu, "\ufffd");
}
