// Bodies of `POST /api/v1/events` as an attacker or a broken client writes them: those that must be refused, and
// those at the very edge of what is taken, with how they are to be read back.
import { ECHO } from "./hostile-server.ts";

const MAX_BODY_BYTES = 256 * 1024;
const MAX_STRING_BYTES = 32 * 1024;
const MAX_DEPTH = 32;
const MAX_KEYS = 1_000;
/** Keys of {@link bodyWith} itself: event, profile, externalId, data. */
const OWN_KEYS = 4;
/** Levels of {@link bodyWith} above a value of `data.v`: the body and data. */
const OWN_DEPTH = 2;

export interface RefusedBody {
  what: string;
  body: string | Uint8Array<ArrayBuffer>;
}

export interface KeptData {
  what: string;
  /** JSON text of `data` as sent. */
  sent: string;
  /** As it is read back, where that differs. */
  kept?: string;
}

/** A body whose `data` is this JSON text. */
export function bodyWith(data: string, person: string = ECHO): string {
  return `{"event":"hostile","profile":{"externalId":"${person}"},"data":${data}}`;
}

const valid = { event: ECHO, profile: { externalId: ECHO }, data: { v: ECHO } };

const bytes = (...parts: (string | number[])[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...Buffer.from(part)] : part)));

/** A valid body with some bytes inside a string of its data. */
const withBytes = (...inside: number[]): Uint8Array<ArrayBuffer> => {
  const [before = "", after = ""] = bodyWith(`{"v":"${ECHO}|"}`).split("|");
  return bytes(before, inside, after);
};

const arrays = (depth: number): string => `{"v":${"[".repeat(depth)}"${ECHO}"${"]".repeat(depth)}}`;
const objects = (depth: number): string => `{"v":${'{"a":'.repeat(depth)}"${ECHO}"${"}".repeat(depth)}}`;
const manyKeys = (count: number): string =>
  `{${Array.from({ length: count }, (_, index) => `"k${index}":0`).join(",")}}`;
const twoByteText = (length: number): string => "é".repeat(length / 2);

const notJson: RefusedBody[] = [
  ["nothing", ""],
  ["spaces", "  \n\t "],
  ["an open object", `{"event":"${ECHO}"`],
  ["an open string", `{"event":"${ECHO}`],
  ["single quotes", `{'event':'${ECHO}'}`],
  ["a trailing comma", `{"event":"${ECHO}",}`],
  ["a comment", `{"event":"${ECHO}" /* x */}`],
  ["two documents", `${JSON.stringify(valid)}${JSON.stringify(valid)}`],
  ["NaN", bodyWith(`{"v":NaN,"e":"${ECHO}"}`)],
  ["undefined", bodyWith(`{"v":undefined,"e":"${ECHO}"}`)],
  ["a raw NUL in a string", bodyWith(`{"v":"${ECHO}\0"}`)],
  ["a raw line break in a string", bodyWith(`{"v":"${ECHO}\n"}`)],
  ["a leading zero", bodyWith(`{"v":007,"e":"${ECHO}"}`)],
  ["a form", `event=${ECHO}&profile=x`],
].map(([what = "", body = ""]) => ({ what, body }));

const notAnObject: RefusedBody[] = [
  "null",
  "true",
  "0",
  `"${ECHO}"`,
  "[]",
  `["${ECHO}"]`,
  `[${JSON.stringify(valid)}]`,
].map((body) => ({ what: `a body that is ${body.slice(0, 20)}`, body }));

const notUtf8: RefusedBody[] = [
  { what: "a byte that no UTF-8 has", body: withBytes(0xff) },
  { what: "a character cut short", body: withBytes(0xc3) },
  { what: "an overlong slash", body: withBytes(0xc0, 0xaf) },
  { what: "a surrogate as UTF-8", body: withBytes(0xed, 0xa0, 0x80) },
  { what: "a character beyond Unicode", body: withBytes(0xf4, 0x90, 0x80, 0x80) },
  { what: "UTF-16", body: bytes([...Buffer.from(`\uFEFF${JSON.stringify(valid)}`, "utf16le")]) },
];

const tooMuch: RefusedBody[] = [
  { what: "33 levels", body: bodyWith(arrays(MAX_DEPTH - OWN_DEPTH + 1)) },
  { what: "33 levels of an unknown field", body: `{"x":${"[".repeat(MAX_DEPTH)}${"]".repeat(MAX_DEPTH)}}` },
  { what: "100,000 arrays in each other", body: bodyWith(arrays(100_000)) },
  { what: "40,000 objects in each other", body: bodyWith(objects(40_000)) },
  { what: "1,001 keys", body: bodyWith(manyKeys(MAX_KEYS - OWN_KEYS + 1)) },
  { what: "a string of 32 KiB and a byte", body: bodyWith(`{"v":"${twoByteText(MAX_STRING_BYTES)}x"}`) },
  { what: "a key of 32 KiB and a byte", body: bodyWith(`{"${twoByteText(MAX_STRING_BYTES)}x":0}`) },
  { what: "101 redacted paths", body: withField("redactedDataPaths", Array(101).fill("/event/x")) },
];

const roundedNumbers: RefusedBody[] = [
  "9007199254740993",
  "-9007199254740993",
  "123456789012345678901234567890",
  "1e400",
  "-1e400",
  "1e-400",
].map((literal) => ({ what: `the number ${literal}`, body: bodyWith(`{"e":"${ECHO}","v":[${literal}]}`) }));

const badNames: RefusedBody[] = ["event", "externalId", "referenceId"].flatMap((field) =>
  [
    { what: "a lone high surrogate", text: `${ECHO}\\ud800` },
    { what: "a lone low surrogate", text: `\\udc00${ECHO}` },
    { what: "NUL", text: `${ECHO}\\u0000` },
    { what: "256 characters", text: ECHO.padEnd(256, "x") },
    { what: "nothing", text: "" },
  ].map(({ what, text }) => {
    const body: Record<string, unknown> = { ...valid, [field]: "?" };
    if (field === "externalId") body["profile"] = { externalId: "?" };
    return { what: `${field} with ${what}`, body: JSON.stringify(body).replace('"?"', `"${text}"`) };
  }),
);

const WRONG_VALUES: Record<string, unknown[]> = {
  event: [null, 1, true, [ECHO], { v: ECHO }],
  profile: [null, 1, ECHO, [ECHO], {}, { externalId: "null" }, { externalId: "[object Object]" }],
  "profile.email": [null, 1, [ECHO], ECHO, `${ECHO}@example`, ` ${ECHO}@example.com`, `${ECHO}@${"x".repeat(330)}.com`],
  "profile.externalId": [null, 1, [ECHO], { v: ECHO }],
  "profile.properties": [null, 1, ECHO, [ECHO]],
  data: [null, 1, ECHO, [ECHO]],
  referenceId: [null, 1, [ECHO], { v: ECHO }],
  redactedDataPaths: [
    null,
    ECHO,
    { v: ECHO },
    [1],
    [null],
    [ECHO],
    [`/data/${ECHO}`],
    [`/event/${ECHO}~2`],
    ["/event"],
  ],
  occurredAt: [null, 1, ECHO, "2026-02-29T00:00:00Z", "2026-05-31T12:00:00", "2026-05-31", "0000-01-01T00:00:00+23:59"],
};

const wrongTypes: RefusedBody[] = [
  { what: "no event", body: JSON.stringify({ profile: valid.profile, data: valid.data }) },
  { what: "no profile", body: JSON.stringify({ event: ECHO, data: valid.data }) },
  ...Object.entries(WRONG_VALUES).flatMap(([path, values]) =>
    values.map((value) => ({ what: `${path} = ${JSON.stringify(value).slice(0, 40)}`, body: withField(path, value) })),
  ),
];

/** All that is a 400. */
export const REFUSED_BODIES: RefusedBody[] = [
  ...notJson,
  ...notAnObject,
  ...notUtf8,
  ...tooMuch,
  ...roundedNumbers,
  ...badNames,
  ...wrongTypes,
];

/** All that is taken, and read back as it was sent. */
export const KEPT_DATA: KeptData[] = [
  { what: "32 levels", sent: arrays(MAX_DEPTH - OWN_DEPTH) },
  { what: "1,000 keys", sent: manyKeys(MAX_KEYS - OWN_KEYS) },
  { what: "a string of 32 KiB", sent: `{"v":"${twoByteText(MAX_STRING_BYTES)}"}` },
  { what: "a key of 32 KiB", sent: `{"${twoByteText(MAX_STRING_BYTES)}":0}` },
  { what: "lone surrogates", sent: '{"v":"\\ud800","w":["\\udc00\\ud800"],"\\udfff":1}' },
  { what: "NUL", sent: '{"v":"a\\u0000b","\\u0000":1}' },
  { what: "__proto__", sent: '{"__proto__":{"polluted":true},"a":{"__proto__":[1]}}' },
  { what: "constructor", sent: '{"constructor":{"prototype":{"polluted":true}}}' },
  { what: "prototype", sent: '{"prototype":{"polluted":true}}' },
  { what: "names of methods", sent: '{"toString":1,"hasOwnProperty":null,"toJSON":"x","valueOf":[]}' },
  { what: "the empty key", sent: '{"":{"":1}}' },
  { what: "no key", sent: "{}" },
  { what: "a key that is there twice", sent: '{"v":"first","v":"last"}', kept: '{"v":"last"}' },
  { what: "the greatest exact integers", sent: '{"v":[9007199254740992,-9007199254740992]}' },
  { what: "a great power of ten", sent: '{"v":1e22}', kept: '{"v":1e+22}' },
  { what: "fractions", sent: '{"v":[0.1,-0.5,1.7976931348623157e+308,5e-324]}' },
  { what: "text of every kind", sent: '{"v":"\u2028\u2029\u{1F4A9}\u202E\uFEFF\uFFFF"}' },
  { what: "text that looks like SQL and markup", sent: `{"v":"'; DROP TABLE x; --<script>\${v}%00%s"}` },
];

/** A body of this many bytes. */
export function bodyOfSize(size: number = MAX_BODY_BYTES, person: string = ECHO): string {
  return bodyWith(`{"v":"${ECHO}"}`, person).padEnd(size, " ");
}

export const OVERSIZE_BYTES = MAX_BODY_BYTES + 1;

function withField(path: string, value: unknown): string {
  const [field = "", inner] = path.split(".");
  if (inner === undefined) return JSON.stringify({ ...valid, [field]: value });
  return JSON.stringify({ ...valid, [field]: { ...valid.profile, [inner]: value } });
}
