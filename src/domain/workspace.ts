// A workspace: one tenant, with its own people, journeys, keys and clocks.
import type { FrequencyCap } from "./consent.ts";
import type { QuietHours } from "./quiet-hours.ts";

export interface WorkspaceSettings {
  /** ISO 8601 duration: how long an idempotency key is kept, at least P1D. */
  ledgerRetention: string;
  /** ISO 8601 duration: how long events are kept in the read model. */
  eventRetention: string;
  /**
   * Entries within an ISO 8601 duration past which a journey stops that names no limit of its own. Off by default:
   * an honest campaign must not stop by itself.
   */
  runaway: { enrollments: number; per: string } | null;
  /** Most e-mails to one person, over all journeys, transactional ones aside; `null` = no cap. */
  frequencyCap: FrequencyCap | null;
  /** When e-mails wait, transactional ones aside, by the person's own clock. */
  quietHours: QuietHours | null;
  /** Whom an e-mail is from whose template names nobody: an address, or `Name <address>`. */
  defaultFrom: string | null;
  /** Where every message goes instead, so that a trial reaches nobody: an e-mail address, or `nowhere`. */
  redirectTo: string | null;
}

export const DEFAULT_SETTINGS: WorkspaceSettings = {
  ledgerRetention: "P30D",
  eventRetention: "P90D",
  runaway: null,
  frequencyCap: null,
  quietHours: null,
  defaultFrom: null,
  redirectTo: null,
};

export interface Workspace {
  id: string;
  name: string;
  /** IANA name. */
  timezone: string;
  settings: WorkspaceSettings;
  /** Unix milliseconds. */
  createdAt: number;
}
