// GET of all there is of a person, as one JSON document: written page by page while it is read, so that its size does
// not matter. What cannot be read to its end breaks off, and is never a shorter document that looks whole.
import { Hono } from "hono";
import * as v from "valibot";
import { exportEvents, type ExportPage } from "../../d1/export-events.ts";
import { ping } from "../../d1/health.ts";
import type { UserEventRow } from "../../domain/event.ts";
import type { ListPage } from "../../domain/list-page.ts";
import type { KnownProfile } from "../../domain/suppression.ts";
import { instant } from "../answer-fields.ts";
import { askCell, askReadModel, workspaceOf } from "../cell-access.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { deliveryAnswer, deliveryView } from "./delivery-view.ts";
import { enrollmentAnswer, enrollmentView } from "./enrollment-view.ts";
import { eventAnswer, eventJson, receiptJsonOf } from "./event-view.ts";
import { mergeAnswer, mergeView } from "./merge-view.ts";
import { suppressionItem, suppressionView } from "./profile-consent.ts";
import { profileAnswer, profileJson } from "./profile-view.ts";

const AWAY_RETRY_SECONDS = 5;
const MERGES_PER_PAGE = 100;

const suppressionExport = v.object({
  ...suppressionItem.entries,
  /** What the receiving server said. */
  diagnosticCode: v.nullable(v.string()),
});

const exportAnswer = v.object({
  exportedAt: instant,
  profile: profileAnswer,
  merges: v.array(mergeAnswer),
  /** Newest first, but that those which are not in the read model yet come before all others. */
  events: v.array(eventAnswer),
  enrollments: v.array(enrollmentAnswer),
  deliveries: v.array(deliveryAnswer),
  /** What stands against writing to the person, oldest first. */
  suppressions: v.array(suppressionExport),
});

export const profileExport = new Hono<HttpEnv>();

profileExport.get(
  "/:id/export",
  apiKey("profiles:read"),
  described(
    {
      id: "exportProfile",
      summary: "Export all there is of a person",
      description:
        "Covers the profiles merged into it. Streamed: an answer whose connection breaks off is not whole, and is no " +
        "JSON either; ask again.",
      answers: {
        200: {
          description:
            "Profile, merges, events with receipts, enrollments with timelines, deliveries with attempts, suppressions.",
          body: exportAnswer,
        },
      },
    },
    async (c) => {
      const id = c.req.param("id");
      const profile = await askCell(c, async (cell, caller) => await cell.readProfile(caller, id));
      // Once the answer has begun, an outage can only break it off.
      if (!(await ping(c.get("services").db))) {
        throw new Failure({
          code: "unavailable",
          reason: "The read model cannot be reached.",
          retryAfterSeconds: AWAY_RETRY_SECONDS,
        });
      }
      return c.body(streamOf(c, textOf(c, profile)), 200, { "content-type": "application/json" });
    },
  ),
);

/** The document, in pieces of one page each. */
async function* textOf(c: HttpContext, profile: KnownProfile): AsyncGenerator<string> {
  yield `{"exportedAt":${JSON.stringify(new Date().toISOString())},"profile":${profileJson(profile)},"merges":[`;
  yield* joined(
    pagesOf(
      (before) => askCell(c, (cell, caller) => cell.listMerges(caller, profile.id, MERGES_PER_PAGE, before)),
      ({ id }) => id,
      (merge) => JSON.stringify(mergeView(merge)),
    ),
  );
  yield `],"events":[`;
  yield* joined(eventPages(c, profile));
  yield `],"enrollments":[`;
  yield* joined(
    pagesOf(
      (before) => askCell(c, (cell, caller) => cell.exportEnrollments(caller, profile.id, before)),
      ({ id }) => id,
      (enrollment) => JSON.stringify(enrollmentView(enrollment)),
    ),
  );
  yield `],"deliveries":[`;
  yield* joined(
    pagesOf(
      (before) => askCell(c, (cell, caller) => cell.exportDeliveries(caller, profile.id, before)),
      ({ row }) => row.delivery_id,
      (delivery) => JSON.stringify(deliveryView(delivery)),
    ),
  );
  yield `],"suppressions":`;
  const entries = await askCell(c, async (cell, caller) => await cell.exportSuppressions(caller, profile.id));
  yield JSON.stringify(entries.map((entry) => ({ ...suppressionView(entry), diagnosticCode: entry.diagnosticCode })));
  yield `}`;
}

/** Each event once: first those that the cell has still, then those of the read model that were not among them. */
async function* eventPages(c: HttpContext, profile: KnownProfile): AsyncGenerator<string[]> {
  const told = new Set<string>();
  const waiting = pagesOf(
    (before) => askCell(c, (cell, caller) => cell.exportWaitingEvents(caller, profile.id, before)),
    ({ event_id }) => event_id,
    (row) => {
      told.add(row.event_id);
      return eventText(row);
    },
  );
  yield* waiting;
  const profileIds = [profile.id, ...profile.mergedFrom];
  let before: string | null = null;
  do {
    const from: string | null = before;
    const page: ExportPage = await askReadModel(
      async () => await exportEvents(c.get("services").db, workspaceOf(c), profileIds, from),
    );
    yield page.rows.filter(({ event_id }) => !told.has(event_id)).map(eventText);
    before = page.next;
  } while (before !== null);
}

function eventText(row: UserEventRow): string {
  return eventJson(row, `,"receipt":${receiptJsonOf(row)}`);
}

/** Goes through a list's pages, and writes their items. */
async function* pagesOf<T>(
  read: (before: string | null) => Promise<ListPage<T>>,
  positionOf: (item: T) => string,
  textOfItem: (item: T) => string,
): AsyncGenerator<string[]> {
  let before: string | null = null;
  for (;;) {
    const { items, more }: ListPage<T> = await read(before);
    yield items.map(textOfItem);
    const last = items.at(-1);
    if (!more || last === undefined) return;
    before = positionOf(last);
  }
}

/** Pages as the inside of one JSON array. */
async function* joined(pages: AsyncIterable<string[]>): AsyncGenerator<string> {
  let separator = "";
  for await (const page of pages) {
    if (page.length === 0) continue;
    yield separator + page.join(",");
    separator = ",";
  }
}

/** Writes as fast as it is read: the next piece is made when the one before has been taken. */
function streamOf(c: HttpContext, text: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const utf8 = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await text.next();
        if (done === true) controller.close();
        else controller.enqueue(utf8.encode(value));
      } catch (error) {
        console.error(
          JSON.stringify({
            level: "error",
            at: "export",
            requestId: c.get("requestId"),
            error: error instanceof Error ? error.name : "",
          }),
        );
        controller.error(new Error("the export cannot be read to its end"));
      }
    },
    cancel: async () => {
      await text.return(undefined);
    },
  });
}
