// A fetch that answers by a script, for tests of what a client does between the wire and its caller. It keeps what it
// was asked, and when.

export interface Asked {
  url: URL;
  method: string;
  headers: Headers;
  body: string | null;
  keepalive: boolean;
  redirect: RequestInit["redirect"];
  /** Milliseconds since the epoch. */
  at: number;
}

/** One answer; a function is asked for it, and may throw as a network does. */
export type Step = Response | ((asked: Asked, signal: AbortSignal | undefined) => Response | Promise<Response>);

/** A fetch that takes its steps in turn, the last one for ever. */
export function scriptedFetch(...steps: [Step, ...Step[]]) {
  const asked: Asked[] = [];
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const request: Asked = {
      url: new URL(url),
      method: init.method ?? "GET",
      headers: new Headers(init.headers),
      body: typeof init.body === "string" ? init.body : null,
      keepalive: (init as { keepalive?: boolean }).keepalive === true,
      redirect: init.redirect,
      at: Date.now(),
    };
    asked.push(request);
    const step = steps[Math.min(asked.length, steps.length) - 1] as Step;
    return typeof step === "function" ? await step(request, init.signal ?? undefined) : step.clone();
  };
  return { fetch, asked };
}

export const ACCEPTED = {
  eventId: "019bf964-302b-7a7f-add2-589343ef9f32",
  profileId: "019bf964-302b-7a7f-add2-589343ef9f31",
  matchedJourneys: 2,
  enrolledJourneys: 1,
  skippedJourneys: 1,
};

/** A server that takes the event. */
export function accepted(headers: Record<string, string> = {}): Response {
  return Response.json(ACCEPTED, { status: 202, headers: { "x-request-id": "request-1", ...headers } });
}

/** A server that answers an error in Waypost's envelope. */
export function refusal(
  status: number,
  code: string,
  headers: Record<string, string> = {},
  details?: object,
): Response {
  const body = { error: code, message: "What to do.", ...(details === undefined ? {} : { details }) };
  return Response.json(body, { status, headers: { "x-request-id": "request-1", ...headers } });
}

/** A server that takes every item of a batch, or does with one what `resultOf` says. */
export function batchAnswer(
  { body }: Pick<Asked, "body">,
  resultOf: (item: BatchItem, index: number) => object = () => ({ status: "accepted", ...ACCEPTED }),
): Response {
  const results = itemsOf({ body }).map((item, index) => ({ index, ...resultOf(item, index) }));
  const summary = { accepted: results.length, replayed: 0, conflict: 0, invalid: 0 };
  return Response.json({ results, summary }, { headers: { "x-request-id": "batch-1" } });
}

export interface BatchItem {
  idempotencyKey: string;
  event: string;
  data?: Record<string, unknown>;
}

/** The items of a batch that was sent. */
export function itemsOf({ body }: Pick<Asked, "body">): BatchItem[] {
  return (JSON.parse(body ?? "") as { events: BatchItem[] }).events;
}

/** An answer that never comes; it ends with the signal, as a real fetch would. */
export function silence(_asked: Asked, signal: AbortSignal | undefined): Promise<Response> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
  });
}

/** A connection that fails as Node's fetch tells it. */
export function connectionFailure(code: string): () => never {
  return () => {
    throw new TypeError("fetch failed", { cause: Object.assign(new Error(`connect ${code}`), { code }) });
  };
}
