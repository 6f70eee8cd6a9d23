// What messages cost those who send events: a campaign's messages go out to receivers on this machine, with and without
// events being accepted meanwhile. Only messages that are made at once are left to do: their runs are over by then.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import type { Target } from "./drain.ts";
import { applyLoad, type LoadResult } from "./load.ts";

export const MESSAGES = Number(process.env["MESSAGES"] ?? 3_000);
/** Each lets four messages in at a time. */
export const RECEIVERS = 8;
const BATCH_ITEMS = 500;
const CONNECTIONS = 16;
const CALM_REQUESTS = 4_000;
const POLL_MS = 20;
const PLENTY_OF_CONNECTIONS = 1_000;

/** Where events are sent, and what is known of messages there. */
export interface MessagesTarget extends Target {
  /** How many messages are not settled. */
  pending: () => Promise<number>;
}

export interface Campaigns {
  /** Lets a campaign's messages go out while nothing else is asked for. @returns how many were sent a second */
  alone: () => Promise<number>;
  /** Accepts events while no message is to be sent, and again while a campaign's messages go out. */
  besideEvents: () => Promise<MessagesBesideEvents>;
  close: () => void;
}

export interface MessagesBesideEvents {
  perSecond: number;
  calm: LoadResult;
  busy: LoadResult;
}

/** Where messages go, and how many have arrived. */
interface Receivers {
  urls: string[];
  arrived: () => number;
  close: () => void;
}

/** Opens receivers, and journeys whose runs send to them. */
export async function openCampaigns(target: MessagesTarget): Promise<Campaigns> {
  const receivers = await openReceivers();
  for (const [i, url] of receivers.urls.entries()) {
    await call(target, "/api/v1/journeys", journey(i, url));
    await call(target, `/api/v1/journeys/${journey(i, url).key}/activate`, {});
  }

  let campaigns = 0;
  const load = (requests: number, stop?: AbortSignal): Promise<LoadResult> => {
    const { port, request, answer } = target;
    return applyLoad({ port, connections: CONNECTIONS, requests, request, answer, ...(stop && { stop }) });
  };
  /** @param begun  called when all messages have been asked for: from then on they are counted */
  const sendOut = async (begun: () => void, sent: () => void): Promise<number> => {
    const end = receivers.arrived() + MESSAGES;
    await startCampaign(target, (campaigns += 1));
    begun();
    const [began, left] = [performance.now(), end - receivers.arrived()];
    while (receivers.arrived() < end) await setTimeout(POLL_MS);
    const perSecond = left / ((performance.now() - began) / 1_000);
    sent();
    while ((await target.pending()) > 0) await setTimeout(POLL_MS);
    await target.settled();
    return perSecond;
  };
  const besideEvents = async (): Promise<MessagesBesideEvents> => {
    const calm = await load(CALM_REQUESTS);
    await target.settled();
    const sent = new AbortController();
    let loading: Promise<LoadResult> | undefined;
    const perSecond = await sendOut(
      () => {
        loading = load(Number.POSITIVE_INFINITY, sent.signal);
      },
      () => sent.abort(),
    );
    return { perSecond, calm, busy: (await loading) as LoadResult };
  };
  const nothing = (): void => undefined;
  return { alone: async () => await sendOut(nothing, nothing), besideEvents, close: receivers.close };
}

/** Begins a run for each message, which asks for it and is over. */
async function startCampaign(target: Target, number: number): Promise<void> {
  for (let first = 0; first < MESSAGES; first += BATCH_ITEMS) {
    const events = Array.from({ length: Math.min(BATCH_ITEMS, MESSAGES - first) }, (_, i) => ({
      idempotencyKey: `campaign:${number}:${first + i}`,
      event: `campaign.${(first + i) % RECEIVERS}`,
      profile: { email: `campaign-${first + i}@example.com` },
      data: { orderId: `ord_${first + i}`, total: i % 100 },
    }));
    await call(target, "/api/v1/events/batch", { events });
  }
}

function journey(i: number, url: string) {
  return {
    key: `campaign-${i}`,
    name: `Campaign ${i}`,
    entry: { event: `campaign.${i}` },
    eligibility: { reentry: "always" },
    steps: [
      { id: "call", type: "webhook", url, body: { order: { $state: "/event/orderId" } } },
      { id: "done", type: "exit" },
    ],
  };
}

async function openReceivers(): Promise<Receivers> {
  let arrived = 0;
  const servers = await Promise.all(
    Array.from({ length: RECEIVERS }, async () => {
      const server = createServer((request, response) => {
        request.resume();
        response.writeHead(204).end();
        arrived += 1;
      });
      server.keepAliveTimeout = 60_000;
      server.maxConnections = PLENTY_OF_CONNECTIONS;
      return await new Promise<Server>((done) => server.listen(0, "127.0.0.1", () => done(server)));
    }),
  );
  return {
    urls: servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    arrived: () => arrived,
    close: () => {
      for (const server of servers) server.close().closeAllConnections();
    },
  };
}

async function call({ origin, apiKey }: Target, path: string, body: object): Promise<void> {
  const response = await fetch(`${origin}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": apiKey },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  await response.body?.cancel();
}
