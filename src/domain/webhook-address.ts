// Which web addresses a webhook may call: names of the public internet over https, and nothing that could lead into a
// private network. Asked when a journey is written, and again before each call. What a name resolves to cannot be seen
// here; docs/webhooks.md says what stands in for that. What is not known to be right is refused.

export const MAX_URL_CHARACTERS = 2048;

export interface AddressRules {
  /** Whether this very machine may be called, over http too: in development only. */
  loopback: boolean;
}

/**
 * The address as it is written: scheme, host, port and what follows. A host is taken only in the one spelling in which
 * it is called, so that no reader and no parser can take it for another: no user name, no backslash, no percent sign, no
 * letter outside ASCII.
 */
const WRITTEN = /^(https?):\/\/([a-z0-9.-]+|\[::1\])(?::(\d{1,5}))?(?:[/?#]|$)/i;

const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/** RFC 1035 section 2.3.4. */
const MAX_HOST_CHARACTERS = 253;
/** RFC 1123 section 2.1. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Names that are not the public internet's: RFC 6761, 6762 (appendix G too), 7686, 8375 and 9476, ICANN's `internal`,
 * and what private networks commonly use. The clouds' own names for their metadata end in `internal` too.
 */
const PRIVATE_TOP_LEVELS = (
  "alt arpa consul corp domain home internal intra intranet invalid lan local localdomain localhost mail onion private " +
  "test"
).split(" ");

/** Public names that are made to lead to a loopback or private address, by themselves or by what is put before them. */
const LEAD_INSIDE = (
  "1u.ms 42foo.com backname.io bugbounty.dod.network ddev.site fuf.me ip6.name lacolhost.com lndo.site local-ip.co " +
  "local-ip.medicmobile.org local-ip.sh local.gd localdev.me localho.st localhost.direct localhost.domaincontrol.com " +
  "localtest.me lvh.me nip.io plex.direct rbndr.us smackaho.st spoofed.burpcollaborator.net sslip.io traefik.me ulh.us " +
  "vcap.me xip.io"
).split(" ");

const WRITE_PLAINLY =
  "A web address is needed here that begins with https:// and a host name in plain ASCII (xn--… for other letters), " +
  `without a user name or password; at most ${MAX_URL_CHARACTERS} characters.`;
const USE_HTTPS = "The address must begin with https://.";
const USE_A_NAME = "The host must be a name, not an IP address, in any spelling.";
const USE_A_PUBLIC_NAME =
  "The host must be a name of the public internet: local, internal and reserved names, and names that stand for private " +
  "addresses, are not called.";
const USE_A_HOST_NAME =
  "The host must be a domain name of at least two parts, each of 1 to 63 letters, digits and inner hyphens, at most " +
  `${MAX_HOST_CHARACTERS} characters in all, without a dot at its end.`;
const USE_A_PORT = "The port must be a number from 1 to 65535, or be left out.";

/**
 * Says what is wrong with a webhook's address.
 *
 * @returns what to change, never what was sent; `null` = it may be called
 */
export function webhookAddressIssue(address: string, { loopback }: AddressRules): string | null {
  const written = WRITTEN.exec(address);
  const url = URL.parse(address);
  // The parser drops line breaks and tabs that a person would not see were sent.
  if (written === null || address.length > MAX_URL_CHARACTERS || /\s/.test(address)) return unreadable(url);
  const [, scheme = "", spelled = "", port] = written;
  const host = spelled.toLowerCase();
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return USE_A_PORT;
  if (loopback && LOOPBACK_HOSTS.includes(host)) return null;
  if (scheme.toLowerCase() !== "https") return USE_HTTPS;
  if (url !== null && isLiteral(url.hostname)) return USE_A_NAME;
  return hostIssue(host) ?? (url?.hostname === host ? null : WRITE_PLAINLY);
}

/** Whether a setting of the deployment opens loopback addresses; everything but its one word leaves them closed. */
export function opensLoopback(setting: string | undefined): boolean {
  return setting === "true";
}

function hostIssue(host: string): string | null {
  const labels = host.split(".");
  if (host.length > MAX_HOST_CHARACTERS || labels.some((label) => !LABEL.test(label))) return USE_A_HOST_NAME;
  if (PRIVATE_TOP_LEVELS.includes(labels.at(-1) ?? "")) return USE_A_PUBLIC_NAME;
  if (labels.length < 2) return USE_A_HOST_NAME;
  return LEAD_INSIDE.some((name) => host === name || host.endsWith(`.${name}`)) ? USE_A_PUBLIC_NAME : null;
}

/** Says of an address in an odd spelling that it is an IP address, where it is one: that is what its writer can change. */
function unreadable(url: URL | null): string {
  return url !== null && isLiteral(url.hostname) ? USE_A_NAME : WRITE_PLAINLY;
}

/** Whether a host as the parser gives it is an IP address; whatever its spelling was, the parser writes it in one. */
function isLiteral(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}
