// What a workspace signs its webhooks with, for who sets up a receiver: read by those who may make API keys, for whoever
// knows a secret can send in the workspace's name.
import { Hono } from "hono";
import * as v from "valibot";
import type { WebhookSecretsView } from "../../cell/webhook-secrets.ts";
import { instant } from "../answer-fields.ts";
import { askCellOf } from "../cell-access.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { operatorOrKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { check } from "../validation.ts";
import { workspaceFor, workspaceQuery } from "./named-workspace.ts";

const webhookSecretsAnswer = v.object({
  /** Signs every webhook, with the one before while that stands. */
  current: v.string(),
  previous: v.nullable(v.string()),
  /** When `previous` signs no more. */
  previousUntil: v.nullable(instant),
});

/** Who knows a secret can sign: no cache on the way is to. */
const NO_STORE = { "cache-control": "no-store" };

const NAMING = "With the adminToken `workspaceId` is required.";

export const webhookSecrets = new Hono<HttpEnv>();

webhookSecrets.get(
  "/",
  operatorOrKey("keys:write"),
  described(
    {
      id: "readWebhookSecrets",
      summary: "Read what webhooks are signed with",
      description: `The first one is made when it is first asked for. ${NAMING}`,
      query: workspaceQuery,
      answers: { 200: { description: "The secrets.", body: webhookSecretsAnswer } },
      errors: ["not_found"],
    },
    async (c) => {
      const workspaceId = await workspaceAsked(c);
      const secrets = await askCellOf(c, workspaceId, async (cell, caller) => await cell.readWebhookSecrets(caller));
      return c.json(secretsView(secrets), 200, NO_STORE);
    },
  ),
);

webhookSecrets.post(
  "/rotate",
  operatorOrKey("keys:write"),
  described(
    {
      id: "rotateWebhookSecret",
      summary: "Replace the secret that webhooks are signed with",
      description:
        "For 24 hours webhooks carry a signature by each of the two, and a receiver that knows either takes them. " +
        `Replacing it again within that time ends the older one at once. ${NAMING}`,
      query: workspaceQuery,
      answers: { 200: { description: "The secrets as they are now.", body: webhookSecretsAnswer } },
      errors: ["not_found"],
    },
    async (c) => {
      const workspaceId = await workspaceAsked(c);
      // Done twice, it would end the secret that receivers know.
      const secrets = await askCellOf(
        c,
        workspaceId,
        async (cell, caller) => await cell.rotateWebhookSecret(caller),
        false,
      );
      return c.json(secretsView(secrets), 200, NO_STORE);
    },
  ),
);

async function workspaceAsked(c: HttpContext): Promise<string> {
  const { workspaceId } = check(workspaceQuery, c.req.query(), "query");
  return await workspaceFor(c, workspaceId, "query.workspaceId");
}

function secretsView({ current, previous, previousUntil }: WebhookSecretsView) {
  return { current, previous, previousUntil: previousUntil === null ? null : new Date(previousUntil).toISOString() };
}
