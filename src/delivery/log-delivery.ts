// What those who send write into the log. Ids only: what a message says and whom it goes to is no log's business.

/** Logs what went wrong with a message on its way. */
export function logDelivery(what: string, ids: Record<string, string>): void {
  console.error(JSON.stringify({ level: "error", at: "deliveries", what, ...ids }));
}
