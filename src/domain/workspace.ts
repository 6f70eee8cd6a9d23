// A workspace: one tenant, with its own people, journeys, keys and clocks.

export interface WorkspaceSettings {
  /** ISO 8601 duration: how long an idempotency key is kept, at least P1D. */
  ledgerRetention: string;
  /** ISO 8601 duration: how long events are kept in the read model. */
  eventRetention: string;
}

export const DEFAULT_SETTINGS: WorkspaceSettings = { ledgerRetention: "P30D", eventRetention: "P90D" };

export interface Workspace {
  id: string;
  name: string;
  /** IANA name. */
  timezone: string;
  settings: WorkspaceSettings;
  /** Unix milliseconds. */
  createdAt: number;
}
