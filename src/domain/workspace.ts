// A workspace: one tenant, with its own people, journeys, keys and clocks.

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
}

export const DEFAULT_SETTINGS: WorkspaceSettings = { ledgerRetention: "P30D", eventRetention: "P90D", runaway: null };

export interface Workspace {
  id: string;
  name: string;
  /** IANA name. */
  timezone: string;
  settings: WorkspaceSettings;
  /** Unix milliseconds. */
  createdAt: number;
}
