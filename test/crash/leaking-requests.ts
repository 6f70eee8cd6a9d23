// Requests that carry secrets at places declared redacted, or that are refused with secrets in them. Each secret is
// a text that occurs nowhere else; `kept` marks what stands at places that nobody declared.
import { randomBytes } from "node:crypto";

/** What each secret begins with: short enough for a filter to know, too short to be a secret. */
export const SECRET_PREFIX = "sec";
const OVERSIZE_BYTES = 257 * 1024;

/** Texts made so far, by what they stand for. */
export class Markers {
  readonly secrets: string[] = [];
  readonly kept: string[] = [];

  secret(): string {
    return remember(this.secrets, SECRET_PREFIX);
  }

  keptText(): string {
    return remember(this.kept, "kept");
  }
}

export interface LeakingRequest {
  what: string;
  body: string;
  status: 202 | 400 | 409 | 413;
}

/** Accepted, with secrets at redacted places of every kind. */
export function acceptedRequests(markers: Markers): LeakingRequest[] {
  const secret = (): string => JSON.stringify(markers.secret());
  const kept = (): string => JSON.stringify(markers.keptText());
  const request = (what: string, data: string, paths: string[], event = "leak.other"): LeakingRequest => ({
    what,
    body: bodyOf(event, data, paths),
    status: 202,
  });
  return [
    request("nested", `{"payment":{"token":${secret()},"method":${kept()}}}`, ["/event/payment/token"]),
    request("in arrays", `{"cards":[{"pan":${secret()}},{"pan":${secret()}}],"codes":[${kept()},${secret()}]}`, [
      "/event/cards/0/pan",
      "/event/cards/1/pan",
      "/event/codes/1",
    ]),
    request("under escaped keys", `{"a/b":${secret()},"m~n":${secret()},"~1":${secret()},"c":${kept()}}`, [
      "/event/a~1b",
      "/event/m~0n",
      "/event/~01",
    ]),
    request("under __proto__", `{"__proto__":{"pan":${secret()}},"constructor":${secret()},"c":${kept()}}`, [
      "/event/__proto__/pan",
      "/event/constructor",
    ]),
    request("the whole __proto__", `{"__proto__":${secret()},"c":${kept()}}`, ["/event/__proto__"]),
    request("under the empty key", `{"":${secret()},"c":${kept()}}`, ["/event/"]),
    request("a subtree, keys and all", `{"card":{${secret()}:{"deep":[${secret()}]}},"c":${kept()}}`, ["/event/card"]),
    request("twice over", `{"card":{"pan":${secret()}},"c":${kept()}}`, ["/event/card/pan", "/event/card"]),
    request("long", `{"long":"${`${markers.secret()} `.repeat(1_000)}","c":${kept()}}`, ["/event/long"]),
    request("spelled with escapes", `{"pan":"${escaped(markers.secret())}","c":${kept()}}`, ["/event/pan"]),
    request("read by filters", `{"pan":${secret()},"c":${kept()}}`, ["/event/pan"], "leak.filtered"),
  ];
}

/** Refused, with secrets anywhere: nothing of a refused request is kept. */
export function refusedRequests(markers: Markers): LeakingRequest[] {
  const secret = (): string => JSON.stringify(markers.secret());
  const data = (): string => `{"pan":${secret()}}`;
  const path = ["/event/pan"];
  return [
    { what: "not JSON", body: `{"event":${secret()},`, status: 400 },
    { what: "a bad path", body: bodyOf("leak", data(), ["/event/~pan"]), status: 400 },
    { what: "nobody", body: `{"event":"leak","profile":{},"data":${data()}}`, status: 400 },
    { what: "a bad e-mail", body: `{"event":"leak","profile":{"email":${secret()}},"data":${data()}}`, status: 400 },
    { what: "a rounded number", body: bodyOf("leak", `{"pan":${secret()},"n":1e400}`, path), status: 400 },
    {
      what: "too deep",
      body: bodyOf("leak", `{"pan":${"[".repeat(40)}${secret()}${"]".repeat(40)}}`, path),
      status: 400,
    },
    { what: "a bad event", body: bodyOf("", data(), path), status: 400 },
    { what: "too large", body: bodyOf("leak", data(), path).padEnd(OVERSIZE_BYTES), status: 413 },
  ];
}

/** Another request for a key that is taken. */
export function conflictingRequest(markers: Markers): LeakingRequest {
  const body = bodyOf("leak.conflict", `{"pan":${JSON.stringify(markers.secret())}}`, ["/event/pan"]);
  return { what: "the key of another request", body, status: 409 };
}

function bodyOf(event: string, data: string, redactedDataPaths: string[]): string {
  const email = `p${randomBytes(6).toString("hex")}@example.com`;
  const paths = JSON.stringify(redactedDataPaths);
  return `{"event":"${event}","profile":{"email":"${email}"},"redactedDataPaths":${paths},"data":${data}}`;
}

function escaped(text: string): string {
  return Array.from(text, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}

function remember(list: string[], prefix: string): string {
  const text = prefix + randomBytes(12).toString("hex");
  list.push(text);
  return text;
}
