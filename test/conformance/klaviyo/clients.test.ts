// Klaviyo's own clients against a real server on a real port, as their users write them; only the base URL and the
// key are other ones. Then the same through faults: one event, however often it had to be sent.
import {
  ApiKeySession,
  EventBulkCreateEnum,
  EventBulkCreateJobEnum,
  EventEnum,
  EventsApi,
  MetricEnum,
  ProfileEnum,
  type EventCreateQueryV2,
} from "klaviyo-api";
import * as klaviyo1 from "klaviyo-api-1";
import * as klaviyo2 from "klaviyo-api-2";
import * as klaviyo5 from "klaviyo-api-5";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { startFaultyProxy, type Fault, type FaultyProxy } from "../../support/faulty-proxy.ts";
import { requirement } from "../requirement.ts";
import {
  anAddress,
  countOf,
  eventsOf,
  flatEvent,
  metricNamed,
  nestedEvent,
  personOf,
  profileOf,
  unique,
} from "./calls.ts";

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => {
  await server.stop();
});

const proxies: FaultyProxy[] = [];
afterEach(async () => {
  await Promise.all(proxies.splice(0).map(async (proxy) => await proxy.close()));
});

/** A server that fails by plan in front of the real one. */
async function faulty(...plan: Fault[]): Promise<FaultyProxy> {
  const proxy = await startFaultyProxy({ target: server.baseUrl, plan });
  proxies.push(proxy);
  return proxy;
}

/** The key that private requests need, and the address, as this suite's server has them. */
const settings = () => ({
  key: server.dev.eventsKey,
  companyId: server.dev.writeKey,
  url: `${server.baseUrl}/klaviyo`,
});

function events23(url: string): EventsApi {
  const events = new EventsApi(new ApiKeySession(server.dev.eventsKey));
  events.basePath = url;
  return events;
}

function query23(metric: string, over: Partial<EventCreateQueryV2["data"]["attributes"]> = {}): EventCreateQueryV2 {
  return {
    data: {
      type: EventEnum.Event,
      attributes: {
        properties: { Brand: "Kids Book", Categories: ["Fiction", "Children"], ProductID: 1111 },
        metric: { data: { type: MetricEnum.Metric, attributes: { name: metric } } },
        profile: {
          data: {
            type: ProfileEnum.Profile,
            attributes: { email: anAddress(), firstName: "Matt", properties: { plan: "trial" } },
          },
        },
        ...over,
      },
    },
  };
}

describe("klaviyo-api 23.0.0", () => {
  it(requirement("creates an event", "S", "klaviyo-api 23.0.0"), async () => {
    const { key, url } = settings();
    const metric = unique("metric");
    // region: node-23
    const events = new EventsApi(new ApiKeySession(key));
    events.basePath = url;
    // endregion
    const time = new Date("2022-11-08T00:00:00.789Z");
    const { response } = await events.createEvent(
      query23(metric, { time, value: 9.99, valueCurrency: "USD", uniqueId: "u-23", backfill: false }),
    );
    expect(response.status).toBe(202);
    const [event] = await eventsOf(server, metric);
    expect(event?.occurredAt).toBe("2022-11-08T00:00:00.000Z");
    expect(event?.data).toEqual({
      Brand: "Kids Book",
      Categories: ["Fiction", "Children"],
      ProductID: 1111,
      value: 9.99,
      value_currency: "USD",
    });
    expect((await personOf(server, event as { profileId: string })).properties).toEqual({
      first_name: "Matt",
      plan: "trial",
    });
  });

  it(requirement("creates events in bulk", "S", "klaviyo-api 23.0.0"), async () => {
    const metric = unique("metric");
    const { profile, ...attributes } = query23(metric).data.attributes;
    const eventNumbered = (uniqueId: string) => ({ type: EventEnum.Event, attributes: { ...attributes, uniqueId } });
    const { response } = await events23(settings().url).bulkCreateEvents({
      data: {
        type: EventBulkCreateJobEnum.EventBulkCreateJob,
        attributes: {
          eventsBulkCreate: {
            data: [
              {
                type: EventBulkCreateEnum.EventBulkCreate,
                attributes: { profile, events: { data: [eventNumbered("1"), eventNumbered("2")] } },
              },
            ],
          },
        },
      },
    });
    expect(response.status).toBe(202);
    expect(await eventsOf(server, metric, 2)).toHaveLength(2);
  });

  it(requirement("reads an error as it reads Klaviyo's", "S", "klaviyo-api 23.0.0"), async () => {
    const failed = events23(settings().url).createEvent(query23("x".repeat(128)));
    await expect(failed).rejects.toMatchObject({
      response: { status: 400, data: { errors: [{ code: "invalid", title: "Invalid input." }] } },
    });
  });

  it(requirement("stores one event through two 503s that it retries", "S", "klaviyo-api 23.0.0"), async () => {
    const proxy = await faulty("503", "503");
    const metric = unique("metric");
    await events23(`${proxy.baseUrl}/klaviyo`).createEvent(query23(metric, { uniqueId: "u" }));
    expect(proxy.requests.map(({ status }) => status)).toEqual([503, 503, 202]);
    expect(await countOf(server, metric)).toBe(1);
  });

  it(
    requirement(
      "stores one event when a request is taken and its answer is a 503 on the way",
      "S",
      "klaviyo-api 23.0.0",
    ),
    async () => {
      const metric = unique("metric");
      const query = query23(metric, { uniqueId: "u" });
      await events23(settings().url).createEvent(query);
      const proxy = await faulty("503", { status: 504 });
      await events23(`${proxy.baseUrl}/klaviyo`).createEvent(query);
      expect(proxy.requests).toHaveLength(3);
      expect(await countOf(server, metric)).toBe(1);
    },
  );

  it(
    requirement("stores one event through a connection cut after the request was taken", "S", "klaviyo-api 23.0.0"),
    async () => {
      const proxy = await faulty("cut-after-request");
      const metric = unique("metric");
      const events = events23(`${proxy.baseUrl}/klaviyo`);
      const query = query23(metric, { time: new Date("2022-11-08T00:00:00Z") });
      // The client gives up where there is no answer; who called it tries again.
      await expect(events.createEvent(query)).rejects.toThrow();
      await events.createEvent(query);
      expect(proxy.requests.map(({ status }) => status)).toEqual([202, 202]);
      expect(await countOf(server, metric)).toBe(1);
    },
  );

  it(requirement("waits out Retry-After when it is throttled", "S", "klaviyo-api 23.0.0"), async () => {
    const proxy = await faulty({ status: 429, headers: { "retry-after": "1" } });
    const metric = unique("metric");
    await events23(`${proxy.baseUrl}/klaviyo`).createEvent(query23(metric, { uniqueId: "u" }));
    expect(proxy.requests.map(({ status }) => status)).toEqual([429, 202]);
    expect(await countOf(server, metric)).toBe(1);
  });
});

const OLD_PROFILE = { $first_name: "Matt", $consent: ["email"], plan: "trial" };

describe("klaviyo-api 2.1.1", () => {
  const retrying = { numOfAttempts: 3, timeMultiple: 1, startingDelay: 50 };

  function useClient2(url: string): void {
    const { key } = settings();
    // region: node-2
    klaviyo2.ConfigWrapper(key);
    klaviyo2.ApiClient.instance.basePath = url;
    // endregion
    klaviyo2.ConfigWrapper(key, retrying);
    klaviyo2.ApiClient.instance.defaultHeaders["revision"] = "2023-01-24";
  }

  it(requirement("creates an event at revision 2023-01-24", "S", "klaviyo-api 2.1.1"), async () => {
    useClient2(settings().url);
    const metric = { name: unique("metric") };
    const email = anAddress();
    const event = flatEvent({
      profile: { $email: email, ...OLD_PROFILE },
      metric,
      properties: { $extra: { URL: "http://www.example.com/p" } },
      time: "2022-11-08T00:00:00",
      value: 9.99,
      unique_id: "uid-1",
    });
    await klaviyo2.Events.createEvent(event);
    const [stored] = await eventsOf(server, metric.name);
    expect(stored?.data).toEqual({ $extra: { URL: "http://www.example.com/p" }, value: 9.99 });
    const person = await personOf(server, stored as { profileId: string });
    expect(person).toMatchObject({ email, properties: { first_name: "Matt", consent: ["email"], plan: "trial" } });
  });

  it(requirement("creates an event as a browser does", "S", "klaviyo-api 2.1.1"), async () => {
    useClient2(settings().url);
    const metric = { name: unique("metric") };
    await klaviyo2.Client.createClientEvent(flatEvent({ metric }), settings().companyId);
    expect(await eventsOf(server, metric.name)).toHaveLength(1);
  });

  it(requirement("stores one event through two 503s that it retries", "S", "klaviyo-api 2.1.1"), async () => {
    const proxy = await faulty("503", "503");
    useClient2(`${proxy.baseUrl}/klaviyo`);
    const metric = { name: unique("metric") };
    await klaviyo2.Events.createEvent(flatEvent({ metric, unique_id: "u" }));
    expect(proxy.requests.map(({ status }) => status)).toEqual([503, 503, 202]);
    expect(await countOf(server, metric.name)).toBe(1);
  });

  it(
    requirement("stores one event through a connection cut after the request was taken", "S", "klaviyo-api 2.1.1"),
    async () => {
      const proxy = await faulty("cut-after-request");
      useClient2(`${proxy.baseUrl}/klaviyo`);
      const metric = { name: unique("metric") };
      const event = flatEvent({ metric, unique_id: "u" });
      // The client gives up where there is no answer; who called it tries again.
      await expect(klaviyo2.Events.createEvent(event)).rejects.toThrow();
      await klaviyo2.Events.createEvent(event);
      expect(proxy.requests.map(({ status }) => status)).toEqual([202, 202]);
      expect(await countOf(server, metric.name)).toBe(1);
    },
  );
});

describe("klaviyo-api 1.0.2", () => {
  it(requirement("creates events as a server and as a browser", "S", "klaviyo-api 1.0.2"), async () => {
    const { key, url, companyId } = settings();
    // region: node-1
    klaviyo1.ConfigWrapper(key);
    klaviyo1.ApiClient.instance.basePath = url;
    // endregion
    const metric = { name: unique("metric") };
    await klaviyo1.Events.createEvent(flatEvent({ metric, profile: { $email: anAddress(), ...OLD_PROFILE } }));
    await klaviyo1.Client.createClientEvent(flatEvent({ metric }), companyId);
    expect(await eventsOf(server, metric.name, 2)).toHaveLength(2);
  });
});

describe("klaviyo-api 5.1.0", () => {
  it(requirement("creates an event", "S", "klaviyo-api 5.1.0"), async () => {
    const { key, url } = settings();
    // region: node-5
    klaviyo5.ConfigWrapper(key);
    klaviyo5.ApiClient.instance.basePath = url;
    // endregion
    const metric = unique("metric");
    const profile = profileOf({ email: anAddress(), first_name: "Matt" });
    await klaviyo5.Events.createEvent(nestedEvent({ metric: metricNamed(metric), profile, unique_id: "u" }));
    const [event] = await eventsOf(server, metric);
    expect((await personOf(server, event as { profileId: string })).properties).toEqual({ first_name: "Matt" });
  });
});
