// Which workspace a call is about that the operator may make for any workspace, and a key for its own.
import * as v from "valibot";
import type { HttpContext } from "../context.ts";
import { Failure } from "../errors.ts";
import { shortText } from "../validation.ts";
import { knownWorkspace } from "./workspaces.ts";

export const workspaceQuery = v.object({ workspaceId: v.exactOptional(shortText) });

/**
 * The workspace that a call is about.
 *
 * @param named  the workspace the request names, if it does
 * @param path   where it would have named it
 * @throws Failure `not_found` for one that does not exist and, just so, for one that is not the key's own
 */
export async function workspaceFor(c: HttpContext, named: string | undefined, path: string): Promise<string> {
  const key = c.get("key");
  if (key === undefined) {
    if (named !== undefined) return (await knownWorkspace(c, named)).id;
    throw new Failure({ code: "invalid_request", issues: [{ path, message: "Is required with the adminToken." }] });
  }
  if (named !== undefined && named !== key.workspaceId) throw new Failure({ code: "not_found" });
  return key.workspaceId;
}
