// The client without its buffer: the part that is left when a bundler drops what is not used.
import { Events } from "./events.ts";
import { Journeys } from "./journeys.ts";
import type { ClientOptions } from "./options.ts";
import { send, type Send } from "./transport.ts";

export class WaypostCore {
  /** The first version of the API. */
  readonly v1: { readonly events: Events; readonly journeys: Journeys };
  readonly #send: Send;

  /** Makes a client; nothing is sent, and no environment is read, before its first call. */
  constructor(options: ClientOptions = {}) {
    // A copy that nobody else can change, and that no log of the client shows: the API key is in it.
    const own = { ...options };
    this.#send = async (call, callOptions) => await send(own, call, callOptions);
    this.v1 = { events: new Events(this.#send), journeys: new Journeys(this.#send) };
  }

  /** For what is built on a client. */
  protected get send(): Send {
    return this.#send;
  }
}
