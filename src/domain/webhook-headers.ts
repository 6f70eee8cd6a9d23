// Headers of a webhook that a journey cannot set: the signature's, for who could set them could sign; those by which one
// message ends and the next begins, for who could set them could smuggle another one in; and the platform's own.

const RESERVED = new Set(
  (
    "connection content-encoding content-length expect host http2-settings keep-alive te trailer transfer-encoding " +
    "upgrade via"
  ).split(" "),
);
/** Standard Webhooks keeps `webhook-` for itself, the platform `cf-`; `proxy-` is between neighbours on the way. */
const RESERVED_BEGINNINGS = ["webhook-", "proxy-", "cf-"];

/** Whether a header is not the journey's to set; the case of its letters does not matter. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return RESERVED.has(lower) || RESERVED_BEGINNINGS.some((beginning) => lower.startsWith(beginning));
}
