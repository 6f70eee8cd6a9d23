// `/u/{token}`: where the link in an e-mail ends such e-mails. Looking changes nothing, however often a mail program or
// a scanner looks; posting does it, from the page's button or by a mail program itself (RFC 8058, whose body says
// nothing that the method does not say). The token is all that is needed, and tells nothing of the person.
import { Hono } from "hono";
import { callCell, callDirectory } from "../../cell/cell-client.ts";
import { readUnsubscribeToken, type UnsubscribeToken } from "../../crypto/unsubscribe-token.ts";
import type { WaypostError } from "../../domain/errors.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { renderError } from "../errors.ts";
import { respondPage } from "./page.ts";

export const unsubscribePage = new Hono<HttpEnv>();

unsubscribePage.use(async (c, next) => {
  c.set("renderError", respondError);
  await next();
});

unsubscribePage.get("/:token", async (c) => {
  const found = await find(c, c.req.param("token"));
  if (found === null || !(await callCell(c.env, found.workspaceId, (cell) => cell.admitsUnsubscribe(found.token)))) {
    return respondUnknown(c);
  }
  return respondPage(
    c,
    {
      heading: `Unsubscribe from ${found.workspaceName}?`,
      text:
        "You will get no more e-mails like the one you came from. Messages about something you do yourself, such as an " +
        "order, can still reach you.",
      button: "Unsubscribe",
    },
    200,
  );
});

unsubscribePage.post("/:token", async (c) => {
  const found = await find(c, c.req.param("token"));
  if (found === null || !(await callCell(c.env, found.workspaceId, (cell) => cell.unsubscribe(found.token)))) {
    return respondUnknown(c);
  }
  return respondPage(
    c,
    {
      heading: "You are unsubscribed",
      text: `${found.workspaceName} sends you no more e-mails like the one you came from. You can close this page.`,
    },
    200,
  );
});

/** The workspace a token names: the directory is asked, for calling a cell by a made-up id would make one. */
async function find(
  c: HttpContext,
  text: string,
): Promise<{ token: UnsubscribeToken; workspaceId: string; workspaceName: string } | null> {
  const token = readUnsubscribeToken(text);
  if (token === null) return null;
  const workspace = await callDirectory(c.env, async (directory) => await directory.find(token.workspaceId));
  return workspace === null ? null : { token, workspaceId: workspace.id, workspaceName: workspace.name };
}

/** The same for every token that is none of ours, whatever is wrong with it. */
function respondUnknown(c: HttpContext): Response {
  return respondPage(
    c,
    {
      heading: "This link does not work",
      text:
        "A part of it may be missing: some mail programs break long links in two. Copy the whole link from the e-mail, " +
        "or ask whoever sent it to take you off their list.",
    },
    404,
  );
}

function respondError(error: WaypostError, c: HttpContext): Response {
  const { status, headers } = renderError(error);
  return respondPage(
    c,
    { heading: "This did not work", text: "Nothing was changed. Please try again in a few minutes." },
    status,
    headers,
  );
}
