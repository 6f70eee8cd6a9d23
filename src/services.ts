// The composition root: what a deployment was given, checked once, before anything runs.
import { parseSecretList } from "./crypto/secret-list.ts";
import { renderEmail } from "./delivery/render.ts";
import { parsePublicUrl } from "./domain/public-url.ts";
import { opensLoopback } from "./domain/webhook-address.ts";
import type { Services } from "./http/context.ts";

const MIN_ADMIN_TOKEN_CHARACTERS = 32;

const known = new WeakMap<Env, Services>();

/**
 * Reads a deployment's settings.
 *
 * @throws Error naming the setting that is missing or too short, never its value
 */
export function servicesOf(env: Env): Services {
  const before = known.get(env);
  if (before !== undefined) return before;
  if ((env.ADMIN_TOKEN ?? "").length < MIN_ADMIN_TOKEN_CHARACTERS) {
    throw new Error(
      `ADMIN_TOKEN is not set, or has under ${MIN_ADMIN_TOKEN_CHARACTERS} characters: see docs/operations.md`,
    );
  }
  // Each cell reads it for itself; checked here, so that a wrong one is told before anything is sent.
  parsePublicUrl(env.PUBLIC_URL);
  const services: Services = {
    db: env.DB,
    keySecrets: parseSecretList("KEY_SECRETS", env.KEY_SECRETS),
    ledgerSecrets: parseSecretList("LEDGER_SECRETS", env.LEDGER_SECRETS),
    adminToken: env.ADMIN_TOKEN,
    allowLoopbackWebhooks: opensLoopback(env.ALLOW_LOOPBACK_WEBHOOKS),
    renderEmail,
  };
  known.set(env, services);
  return services;
}
