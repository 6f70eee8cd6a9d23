// Journeys: start a run of one for a person.
import { ApiPromise } from "./api-promise.ts";
import { UsageError } from "./errors.ts";
import { checkOptions, type RequestOptions } from "./options.ts";
import { toJson, type Answer, type Send } from "./transport.ts";
import type { TriggeredRun, TriggerParams } from "./wire.ts";

export class Journeys {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /**
   * Starts a run of a journey, once, however often the call is made under its idempotency key.
   *
   * @throws ApiError, e.g. UnprocessableEntityError with the code `not_eligible` when the journey's rules keep the
   *         person out; `details.reason` says which
   */
  trigger(journeyKey: string, body: TriggerParams, options: RequestOptions = {}): ApiPromise<TriggeredRun> {
    return new ApiPromise(this.#trigger(journeyKey, body, options));
  }

  async #trigger(journeyKey: string, body: TriggerParams, options: RequestOptions): Promise<Answer<TriggeredRun>> {
    checkOptions(options);
    // Anything else would be another path.
    if (!/^[\w-]+$/.test(journeyKey)) throw new UsageError("invalid_journey_key", "A journey's key is needed.");
    const path = `/api/v1/journeys/${journeyKey}/trigger`;
    return await this.#send<TriggeredRun>({ method: "POST", path, body: toJson(body), isKeyed: true }, options);
  }
}
