// What a person sees when the server is ready: its address, and one command that shows what it does.

/**
 * The ready line and a command to paste. The command's idempotency key is fixed, so that pasting it again, also
 * after a restart, shows the same answer.
 *
 * @param baseUrl  without a slash at its end
 */
export function greeting(baseUrl: string, eventsKey: string): string {
  const event = {
    event: "order.created",
    profile: { email: "ada@example.com", properties: { plan: "Pro" } },
    data: { orderId: "1001", total: 250 },
  };
  return [
    `Ready on ${baseUrl}`,
    "",
    "Send an event, and read what it started in the answer:",
    "",
    `curl -sS -X POST ${baseUrl}/api/v1/events \\`,
    `  -H 'x-api-key: ${eventsKey}' \\`,
    `  -H 'idempotency-key: demo-order-1001' \\`,
    `  -H 'content-type: application/json' \\`,
    `  -d '${JSON.stringify(event)}'`,
    "",
    "",
  ].join("\n");
}
