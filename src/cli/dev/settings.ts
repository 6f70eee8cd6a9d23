// What `npm run dev` can be told, all by environment variables, and the check that its port is free.
import { createServer } from "node:net";
import { resolve } from "node:path";
import { emailSettingsIssue } from "../../domain/email-settings.ts";
import { StartupFailure, codeOf } from "../startup-failure.ts";

/** Nothing but this machine reaches the server: it runs with demo keys. */
export const HOST = "127.0.0.1";

export interface DevSettings {
  port: number;
  stateDir: string;
  devJson: string;
  /** The Worker's own settings about e-mail, by name. */
  email: Record<string, string>;
}

/** Passed on to the Worker where they are set; docs/sending-email.md says what they mean. */
const EMAIL_SETTINGS = ["EMAIL_SENDER", "RESEND_API_KEY", "RESEND_BASE_URL", "RESEND_WEBHOOK_SECRET"];

/**
 * Reads PORT (default 8787; 0 takes any free one), STATE_DIR and DEV_JSON (relative to `root`), and what is said about
 * e-mail, which goes to files unless told otherwise.
 *
 * @param root  the project's folder
 */
export function readSettings(environment: NodeJS.ProcessEnv, root: string): DevSettings {
  return {
    port: readPort(environment["PORT"]),
    stateDir: resolve(root, environment["STATE_DIR"] || ".wrangler/state"),
    devJson: resolve(root, environment["DEV_JSON"] || ".waypost/dev.json"),
    email: readEmailSettings(environment),
  };
}

/** A deployment lets e-mails wait until its settings are right; here somebody is looking, and a typing slip is told. */
function readEmailSettings(environment: NodeJS.ProcessEnv): Record<string, string> {
  const settings = { EMAIL_SENDER: "file", ...pickSet(environment, EMAIL_SETTINGS) };
  const issue = emailSettingsIssue({ ...settings, EMAIL: {}, EMAIL_FILES: {} });
  if (issue !== null) throw new StartupFailure(`${issue}.`);
  return settings;
}

function pickSet(environment: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}

function readPort(text: string | undefined): number {
  if (text === undefined || text === "") return 8787;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65535)) throw new StartupFailure(`PORT is not a port number between 0 and 65535.`);
  return port;
}

/** The port to listen on, after a look that nobody else does; for 0, one that is free. */
export async function claimPort(port: number): Promise<number> {
  const probe = createServer();
  try {
    return await new Promise<number>((done, fail) => {
      probe.once("error", fail);
      probe.listen({ host: HOST, port, exclusive: true }, () => {
        const address = probe.address();
        done(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  } catch (error) {
    throw portFailure(port, error);
  } finally {
    await new Promise((closed) => probe.close(closed));
  }
}

/** What to say when the port cannot be had; other failures are passed on as they are. */
export function portFailure(port: number, error: unknown): unknown {
  const code = codeOf(error);
  if (code === "EADDRINUSE" || code === "ERR_ADDRESS_IN_USE") {
    return new StartupFailure(
      `Port ${port} is taken by another program (or another \`npm run dev\`). ` +
        `Stop that one, or choose another port: PORT=${port === 8787 ? 8788 : 8787} npm run dev`,
    );
  }
  if (code === "EACCES") {
    return new StartupFailure(`Port ${port} needs rights this user lacks. Choose another: PORT=8787 npm run dev`);
  }
  return error;
}
