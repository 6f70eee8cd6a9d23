// API keys as they are asked for and shown. The key itself is shown once, when it is made.
import * as v from "valibot";
import type { ApiKey } from "../../cell/api-keys.ts";
import { SCOPES, type KeyKind, type Scope } from "../../domain/scopes.ts";
import { listOf } from "../../domain/shapes.ts";
import { id, instant } from "../answer-fields.ts";
import { shortText } from "../validation.ts";

const KINDS = ["secret", "write"] as const satisfies KeyKind[];
const SCOPES_MESSAGE = `Must be an array of scopes, each at most once: ${SCOPES.join(", ")}.`;

/** What opens ingest and the vendor doors; a key that browsers show to everyone is to do nothing else. */
const WRITE_KEY_SCOPES: readonly Scope[] = ["events:write"];

export const newApiKey = v.pipe(
  v.object({
    workspaceId: v.exactOptional(shortText),
    kind: v.exactOptional(v.picklist(KINDS, "Must be secret or write.")),
    label: shortText,
    scopes: v.pipe(
      listOf(v.picklist(SCOPES, SCOPES_MESSAGE), SCOPES.length, SCOPES_MESSAGE),
      v.minLength(1, SCOPES_MESSAGE),
      v.check((scopes) => new Set(scopes).size === scopes.length, SCOPES_MESSAGE),
    ),
  }),
  v.forward(
    v.partialCheck(
      [["kind"], ["scopes"]],
      ({ kind, scopes }) => kind !== "write" || scopes.every((scope) => WRITE_KEY_SCOPES.includes(scope)),
      `A write key can only have the scope ${WRITE_KEY_SCOPES.join()}.`,
    ),
    ["scopes"],
  ),
);

const shown = { id, workspaceId: id, kind: v.picklist(KINDS), label: v.string(), scopes: v.array(v.picklist(SCOPES)) };

/** The only answer that holds a key. */
export const mintedKeyAnswer = v.object({ ...shown, key: v.string(), createdAt: instant });

export const apiKeyAnswer = v.object({
  ...shown,
  prefix: v.string(),
  createdAt: instant,
  lastUsedAt: v.nullable(instant),
  revokedAt: v.nullable(instant),
});

/** A key as a list shows it. */
export function apiKeyView(workspaceId: string, key: ApiKey): v.InferOutput<typeof apiKeyAnswer> {
  return {
    id: key.id,
    workspaceId,
    kind: key.kind,
    label: key.label,
    scopes: key.scopes,
    prefix: key.prefix,
    createdAt: isoOf(key.createdAt),
    lastUsedAt: key.lastUsedAt === null ? null : isoOf(key.lastUsedAt),
    revokedAt: key.revokedAt === null ? null : isoOf(key.revokedAt),
  };
}

function isoOf(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
