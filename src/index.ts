// The Worker's entry. No logic.
import { pokeCells } from "./cell/watchdog.ts";
import { appWith } from "./http/app.ts";
import { servicesOf } from "./services.ts";

export { DirectoryCell } from "./cell/directory-cell.ts";
export { WorkspaceCell } from "./cell/workspace-cell.ts";

export default {
  fetch: appWith(servicesOf).fetch,
  async scheduled(_controller, env) {
    await pokeCells(env);
  },
} satisfies ExportedHandler<Env>;
