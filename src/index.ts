// The Worker's entry. No logic.
import { pokeCells } from "./cell/watchdog.ts";
import { findSentEmails } from "./d1/sent-emails.ts";
import { consumeDeliveries, DELIVERIES_QUEUE } from "./delivery/consumer.ts";
import { EMAIL_EVENTS_QUEUE, takeEmailEvents } from "./delivery/email-events.ts";
import { appWith } from "./http/app.ts";
import { servicesOf } from "./services.ts";

export { DirectoryCell } from "./cell/directory-cell.ts";
export { WorkspaceCell } from "./cell/workspace-cell.ts";

export default {
  fetch: appWith(servicesOf).fetch,
  async queue(batch, env, ctx) {
    if (batch.queue === DELIVERIES_QUEUE) {
      await consumeDeliveries(batch, env, (work) => ctx.waitUntil(work));
    }
    if (batch.queue === EMAIL_EVENTS_QUEUE) {
      await takeEmailEvents(batch, env, async (ids) => await findSentEmails(env.DB, ids));
    }
  },
  async scheduled(_controller, env) {
    await pokeCells(env);
  },
} satisfies ExportedHandler<Env>;
