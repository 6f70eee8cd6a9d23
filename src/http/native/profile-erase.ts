// DELETE of a profile: the person is gone from the workspace's cell when this answers, and from the read model when
// the cell's alarm has been there.
import { Hono } from "hono";
import { newestIdentityKey } from "../../crypto/identity-digest.ts";
import { askCell, workspaceOf } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";

export const profileErase = new Hono<HttpEnv>();

profileErase.delete(
  "/:id",
  apiKey("profiles:write"),
  described(
    {
      id: "eraseProfile",
      summary: "Erase a person",
      description:
        "The profile and everything merged into it; the id of a profile that was merged away erases the survivor too. " +
        "Its events, enrollments and deliveries lose what is personal, active enrollments end as `cancelled` with the " +
        "reason `profile_erased`. Later calls answer 404; lists follow within about a second. It cannot be undone.",
      answers: { 204: { description: "Erased." } },
    },
    async (c) => {
      const id = c.req.param("id");
      const key = newestIdentityKey(c.get("services").ledgerSecrets, workspaceOf(c));
      // Not repeated: if its answer was lost, a second call finds nobody, and would say that there never was anybody.
      await askCell(c, async (cell, caller) => await cell.eraseProfile(caller, id, key), false);
      return c.body(null, 204);
    },
  ),
);
