// What a cell needs of the settings of its deployment: nothing of them reaches a table. Read when it is needed, since a
// setting that is wrong must not keep a cell from waking.
import { identityKeys } from "../crypto/identity-digest.ts";
import { parseSecretList } from "../crypto/secret-list.ts";
import { parsePublicUrl } from "../domain/public-url.ts";

export interface Deployment {
  /** Keys of a workspace's erased addresses, newest first; @see src/crypto/identity-digest.ts */
  digestKeys: (workspaceId: string) => readonly Uint8Array[];
  /** Origin under which people reach this deployment; `null` = what requests are sent to tells it. */
  publicUrl: () => string | null;
}

export function deploymentOf(env: Pick<Env, "LEDGER_SECRETS" | "PUBLIC_URL">): Deployment {
  let known: { workspaceId: string; keys: readonly Uint8Array[] } | null = null;
  return {
    digestKeys: (workspaceId) => {
      if (known?.workspaceId !== workspaceId) {
        const secrets = parseSecretList("LEDGER_SECRETS", env.LEDGER_SECRETS);
        known = { workspaceId, keys: identityKeys(secrets, workspaceId) };
      }
      return known.keys;
    },
    publicUrl: () => parsePublicUrl(env.PUBLIC_URL),
  };
}
