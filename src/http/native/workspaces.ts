// Workspaces: the operator's alone. The cell is written first, then the directory: what ends in between leaves a
// cell that nobody knows of, never a name without a cell.
import { Hono } from "hono";
import { callCell, callDirectory } from "../../cell/cell-client.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { DEFAULT_SETTINGS, type Workspace } from "../../domain/workspace.ts";
import { askCellOf } from "../cell-access.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { operator } from "../middleware/credentials.ts";
import { newId } from "../new-id.ts";
import { described } from "../operation.ts";
import { cutPage, listOf, readPage } from "../pagination.ts";
import { check } from "../validation.ts";
import { newWorkspace, workspaceAnswer, workspaceChange, workspaceView } from "./workspace-view.ts";

export const workspaces = new Hono<HttpEnv>();

workspaces.post(
  "/",
  operator(),
  described(
    {
      id: "createWorkspace",
      summary: "Create a workspace",
      body: { schema: newWorkspace, example: { name: "Acme", timezone: "Europe/Berlin" } },
      answers: { 201: { description: "The workspace.", body: workspaceAnswer } },
    },
    async (c) => {
      const request = check(newWorkspace, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const workspace: Workspace = {
        id: newId(),
        name: request.name,
        timezone: request.timezone ?? "UTC",
        settings: DEFAULT_SETTINGS,
        createdAt: Date.now(),
      };
      await callCell(c.env, workspace.id, async (cell) => await cell.putWorkspace(workspace));
      await callDirectory(c.env, async (directory) => await directory.put(workspace));
      return c.json(workspaceView(workspace), 201);
    },
  ),
);

workspaces.get(
  "/",
  operator(),
  described(
    {
      id: "listWorkspaces",
      summary: "List workspaces, newest first",
      paged: true,
      answers: { 200: { description: "A page of workspaces.", body: listOf(workspaceAnswer) } },
    },
    async (c) => {
      const { limit, before } = readPage(c, (text) => UUID_PATTERN.test(text));
      const found = await callDirectory(c.env, async (directory) => await directory.list(limit + 1, before));
      const { rows, nextCursor } = cutPage(found, limit, (last) => last.id);
      return c.json({ items: rows.map(workspaceView), nextCursor }, 200);
    },
  ),
);

workspaces.get(
  "/:id",
  operator(),
  described(
    {
      id: "readWorkspace",
      summary: "Read a workspace",
      answers: { 200: { description: "The workspace.", body: workspaceAnswer } },
    },
    async (c) => c.json(workspaceView(await knownWorkspace(c, c.req.param("id"))), 200),
  ),
);

workspaces.patch(
  "/:id",
  operator(),
  described(
    {
      id: "changeWorkspace",
      summary: "Change a workspace's name, time zone or settings",
      description: "What is left out stays as it is.",
      body: { schema: workspaceChange, example: { settings: { ledgerRetention: "P14D" } } },
      answers: { 200: { description: "The changed workspace.", body: workspaceAnswer } },
    },
    async (c) => {
      const { name, timezone, settings = {} } = check(workspaceChange, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const known = await knownWorkspace(c, c.req.param("id"));
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(timezone === undefined ? {} : { timezone }),
        settings,
      };
      const changed = await askCellOf(c, known.id, async (cell) => await cell.changeWorkspace(change));
      await callDirectory(c.env, async (directory) => await directory.put(changed));
      return c.json(workspaceView(changed), 200);
    },
  ),
);

/**
 * A workspace that exists: the directory is asked, for calling a cell by a made-up id would make one.
 *
 * @throws Failure `not_found`
 */
export async function knownWorkspace(c: HttpContext, id: string): Promise<Workspace> {
  const workspace = await callDirectory(c.env, async (directory) => await directory.find(id));
  if (workspace === null) throw new Failure({ code: "not_found" });
  return workspace;
}
