// A page's script as a shop would write it around the vendor's browser client, bundled and run in Chromium.
import { AnalyticsBrowser } from "@segment/analytics-next";

export type DeliveryStrategy = { strategy: "batching"; config: { size: number; timeout: number } };

declare global {
  var loadAnalytics: (host: string, writeKey: string, deliveryStrategy: DeliveryStrategy | null) => Promise<void>;
  var analytics: AnalyticsBrowser;
}

globalThis.loadAnalytics = async (host, writeKey, deliveryStrategy) => {
  const protocol = "http";
  const options = deliveryStrategy === null ? {} : { deliveryStrategy };
  // region: analytics-next
  const waypost = { apiKey: writeKey, apiHost: `${host}/segment/v1`, protocol, ...options } as const;
  const analytics = AnalyticsBrowser.load(
    { writeKey, cdnSettings: { integrations: { "Segment.io": waypost } } },
    { integrations: { "Segment.io": waypost } },
  );
  // endregion
  await analytics.ready();
  globalThis.analytics = analytics;
};
