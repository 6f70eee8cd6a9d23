// A server of webhooks, as somebody who integrates with Waypost would write one: takes what comes, and remembers it.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { SOON_MS } from "./patience.ts";

export interface ReceivedWebhook {
  id: string;
  headers: IncomingHttpHeaders;
  /** As it came: what is signed are its bytes. */
  body: string;
}

export interface WebhookReceiver {
  url: string;
  received: ReceivedWebhook[];
  /** How often each id came. */
  times: () => Map<string, number>;
  close: () => Promise<void>;
}

/** Starts a receiver on a free port. @param answer  what it answers each webhook; at once with 204 when left out */
export async function startWebhookReceiver(
  answer: (response: ServerResponse, webhook: ReceivedWebhook) => Promise<void> | void = (response) => {
    response.writeHead(204).end();
  },
): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { headers } = request;
    const webhook = { id: String(headers["webhook-id"]), headers, body: await text(request) };
    received.push(webhook);
    await answer(response, webhook);
  };
  const server = createServer((request, response) => {
    // Whoever sends was killed in the middle: there is nothing to take, and nobody to answer.
    take(request, response).catch(() => response.destroy());
  });
  // Not closed before whoever sends lets go of it: a webhook that met the closing would be one that failed.
  server.keepAliveTimeout = SOON_MS;
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    times: () => {
      const times = new Map<string, number>();
      for (const { id } of received) times.set(id, (times.get(id) ?? 0) + 1);
      return times;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
