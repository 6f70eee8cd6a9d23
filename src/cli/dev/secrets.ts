// The local server's secrets and demo keys: made once, kept beside the state they belong to (mode 0600), never
// in the project folder's own files, never in a process's arguments.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { StartupFailure } from "../startup-failure.ts";
import { readJson, writePrivateJson } from "./files.ts";

const text = v.pipe(v.string(), v.minLength(1));

const demoSchema = v.object({
  workspaceId: v.optional(text),
  apiKey: v.optional(text),
  eventsKey: v.optional(text),
  writeKey: v.optional(text),
  /**
   * Set after the last step of seeding: from then on the demo is its owner's, and no start touches it, but for templates
   * that a version of before there were any could not make.
   */
  seeded: v.optional(v.boolean()),
});

const secretsSchema = v.object({
  keySecrets: v.pipe(v.array(text), v.minLength(1)),
  ledgerSecrets: v.pipe(v.array(text), v.minLength(1)),
  adminToken: text,
  demo: v.optional(demoSchema, {}),
});

export type Demo = v.InferOutput<typeof demoSchema>;
export type DevSecrets = v.InferOutput<typeof secretsSchema>;

/** Reads STATE_DIR/dev-secrets.json, making it on the first start. */
export function loadSecrets(stateDir: string): DevSecrets {
  const file = secretsFile(stateDir);
  const kept = readJson(file);
  if (kept === null) {
    const made: DevSecrets = {
      keySecrets: [newSecret()],
      ledgerSecrets: [newSecret()],
      adminToken: `wp_admin_${newSecret()}`,
      demo: {},
    };
    writePrivateJson(file, made);
    return made;
  }
  const read = v.safeParse(secretsSchema, kept);
  if (read.success) return read.output;
  throw new StartupFailure(`${file} is not as Waypost wrote it. Repair it, or move it away to start afresh.`);
}

export function saveSecrets(stateDir: string, secrets: DevSecrets): void {
  writePrivateJson(secretsFile(stateDir), secrets);
}

/** The Worker's secret bindings: lists as it takes them, newest first. */
export function secretBindings(secrets: DevSecrets): Record<string, string> {
  return {
    KEY_SECRETS: secrets.keySecrets.join(","),
    LEDGER_SECRETS: secrets.ledgerSecrets.join(","),
    ADMIN_TOKEN: secrets.adminToken,
  };
}

function secretsFile(stateDir: string): string {
  return join(stateDir, "dev-secrets.json");
}

function newSecret(): string {
  return randomBytes(32).toString("hex");
}
