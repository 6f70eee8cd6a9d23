// GET /healthz. Answers whatever is broken: nothing here may fail because of what it reports on.
import { Hono } from "hono";
import * as v from "valibot";
import { version } from "../../../package.json";
import { callCell, callDirectory } from "../../cell/cell-client.ts";
import type { CellHealth } from "../../cell/cell-health.ts";
import { CELL_SCHEMA_VERSION } from "../../cell/schema.ts";
import { ping, readModelHealth, type ReadModelHealth } from "../../d1/health.ts";
import { emailSettingsIssue } from "../../domain/email-settings.ts";
import { UUID_PATTERN, uuidV7Ms } from "../../domain/ids.ts";
import type { Workspace } from "../../domain/workspace.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { operatorIfAny } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { cutPage, readCursor } from "../pagination.ts";
import { complaintsOf, healthAnswer, workspaceHealthView, type WorkspaceHealth } from "./health-view.ts";
import { RecentAnswer } from "./recent-answer.ts";

const WORKSPACES_PER_PAGE = 50;

const D1_AWAY = "D1 is away: events are accepted, lists and searches wait.";
const DIRECTORY_AWAY =
  "The directory of workspaces cannot be reached: events are accepted, workspaces and keys cannot be made or listed.";
const PLATFORM_AWAY = "Neither Durable Objects nor D1 can be reached: events cannot be accepted.";

/** Anyone may ask, as often as they like: the directory is one object, and must not pay for each question. */
const RECENT_MS = 1_000;
const recentFindings = new RecentAnswer<Findings>(RECENT_MS);

const NO_STORE = { "cache-control": "no-store" };

interface Findings {
  /** Events cannot be accepted. */
  unavailable: string[];
  /** Something is late or odd; events are accepted. */
  degraded: string[];
}

export const health = new Hono<HttpEnv>();

health.get(
  "/",
  operatorIfAny(),
  described(
    {
      id: "readHealth",
      summary: "Tell whether events can be accepted",
      description:
        "`degraded` still accepts events. With the adminToken it also says how each part is, 50 workspaces a page, " +
        "each read from its cell.",
      query: v.object({ cursor: v.exactOptional(v.string()) }),
      answers: {
        200: { description: "Events are accepted: `ok` or `degraded`.", body: healthAnswer },
        503: { description: "Events cannot be accepted: `unavailable`.", body: healthAnswer },
      },
    },
    async (c) => {
      const misconfiguration = c.get("misconfiguration");
      if (misconfiguration !== undefined) return answer(c, { unavailable: [misconfiguration], degraded: [] });
      return c.get("caller")?.kind === "operator" ? await operatorsView(c) : await publicView(c);
    },
  ),
);

async function publicView(c: HttpContext): Promise<Response> {
  const findings = await recentFindings.read(async () => {
    const [d1, directory] = await Promise.all([ping(c.env.DB), orNull(pingDirectory(c))]);
    return findingsOf({ d1, directory: directory !== null });
  });
  return answer(c, findings);
}

/** Accepting an event needs its own workspace's object only. That those are away shows when all else is away too. */
function findingsOf(reached: { d1: boolean; directory: boolean }): Findings {
  if (!reached.d1 && !reached.directory) return { unavailable: [PLATFORM_AWAY], degraded: [] };
  return {
    unavailable: [],
    degraded: [...(reached.d1 ? [] : [D1_AWAY]), ...(reached.directory ? [] : [DIRECTORY_AWAY])],
  };
}

async function operatorsView(c: HttpContext): Promise<Response> {
  const cursor = c.req.query("cursor");
  const before = cursor === undefined ? null : readCursor(cursor, (text) => UUID_PATTERN.test(text), "query.cursor");
  const found = await orNull(
    callDirectory(c.env, async (directory) => await directory.list(WORKSPACES_PER_PAGE + 1, before)),
  );
  const { rows, nextCursor } = cutPage<Workspace>(found ?? [], WORKSPACES_PER_PAGE, (last) => last.id);
  const ids = rows.map(({ id }) => id);
  const [d1, workspaces] = await Promise.all([
    orNull<ReadModelHealth>(readModelHealth(c.env.DB, ids)),
    Promise.all(ids.map(async (id) => await workspaceHealthOf(c, id))),
  ]);
  const oldest = d1?.oldestEventId ?? null;
  const { unavailable, degraded } = findingsOf({ d1: d1 !== null, directory: found !== null });
  return answer(
    c,
    { unavailable, degraded: [...degraded, ...workspaces.flatMap(complaintsOf)] },
    {
      version,
      schema: { cell: CELL_SCHEMA_VERSION, d1: d1?.schemaVersion ?? null },
      d1: {
        bytes: d1?.bytes ?? null,
        oldestEventAt: oldest === null ? null : new Date(uuidV7Ms(oldest)).toISOString(),
      },
      workspaces,
      nextCursor,
    },
  );
}

async function workspaceHealthOf(c: HttpContext, id: string): Promise<WorkspaceHealth> {
  return workspaceHealthView(id, await orNull<CellHealth>(callCell(c.env, id, async (cell) => await cell.health())));
}

async function pingDirectory(c: HttpContext): Promise<true> {
  return await callDirectory(c.env, async (directory) => await directory.ping());
}

function answer(c: HttpContext, { unavailable, degraded }: Findings, details: object = {}): Response {
  const email = emailSettingsIssue(c.env);
  const reasons = [...unavailable, ...degraded, ...(email === null ? [] : [email])];
  if (reasons.length === 0) return c.json({ status: "ok", ...details }, 200, NO_STORE);
  if (unavailable.length === 0) return c.json({ status: "degraded", reasons, ...details }, 200, NO_STORE);
  return c.json({ status: "unavailable", reasons, ...details }, 503, NO_STORE);
}

/** What cannot be read is what this page reports: it is no error here. */
async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch {
    return null;
  }
}
