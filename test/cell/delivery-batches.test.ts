// Messages that are handed out together: an answer for each, from the first on, no more than a call can carry.
import { describe, expect, it } from "vitest";
import { claimAll, reportAll } from "../../src/cell/delivery-batches.ts";
import type { Claim, DeliveryJob } from "../../src/domain/delivery.ts";
import { NOW_MS } from "../support/clock.ts";
import { aReport } from "../support/deliveries.ts";

const asked = ["a", "b", "c", "d"].map((deliveryId) => ({ deliveryId, attempt: 1 }));
const MIB = 1024 * 1024;

function aWebhook(deliveryId: string, characters: number): DeliveryJob {
  const body = "x".repeat(characters);
  return {
    channel: "webhook",
    deliveryId,
    attempt: 1,
    url: "https://x.example/",
    method: "POST",
    headers: {},
    body,
    secrets: [],
  };
}

function anEmail(deliveryId: string, characters: number): DeliveryJob {
  const template = { subject: "Hello", body: { root: "html", elements: {} } };
  const state = { event: { text: "x".repeat(characters) }, profile: {}, journey: {} };
  return {
    channel: "email",
    deliveryId,
    attempt: 1,
    template,
    state,
    to: "a@example.com",
    redirected: false,
    defaultFrom: null,
    unsubscribeUrl: null,
  };
}

/** Hands out what is made of each id. */
function aDesk(jobOf: (id: string) => DeliveryJob | null) {
  const claimed: string[] = [];
  const claim = (id: string): Claim => {
    claimed.push(id);
    const job = jobOf(id);
    return job === null ? { kind: "dropped" } : { kind: "granted", job };
  };
  return { claim, claimed };
}

describe("an answer to who asks for messages", () => {
  it("has a word on each, in order", () => {
    const desk = aDesk((id) => (id === "b" ? null : aWebhook(id, 10)));
    const kinds = claimAll(desk, asked, NOW_MS).map(({ kind }) => kind);
    expect(kinds).toEqual(["granted", "dropped", "granted", "granted"]);
  });

  it.each([
    ["webhooks", aWebhook],
    ["e-mails", anEmail],
  ])("ends where %s are more than it can carry, and hands out none of the others", (_, jobOf) => {
    const desk = aDesk((id) => jobOf(id, 1.5 * MIB));
    expect(claimAll(desk, asked, NOW_MS)).toHaveLength(2);
    expect(desk.claimed).toEqual(["a", "b"]);
  });

  it("has the first one, however large", () => {
    const desk = aDesk((id) => aWebhook(id, 9 * MIB));
    expect(claimAll(desk, asked, NOW_MS)).toHaveLength(1);
  });
});

describe("reports that come together", () => {
  it("are taken down but for the one at fault, and who told them hears of it", () => {
    const ended = asked.map((attempt) => ({ ...attempt, report: aReport() }));
    const told: string[] = [];
    const report = (id: string): void => {
      if (id === "b") throw new Error("a fault of the cell's");
      told.push(id);
    };
    expect(() => reportAll({ report }, ended, NOW_MS)).toThrow("a fault of the cell's");
    expect(told).toEqual(["a", "c", "d"]);
  });
});
