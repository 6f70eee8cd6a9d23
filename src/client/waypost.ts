// The client as most use it.
import { EventBuffer, type BufferOptions } from "./buffer.ts";
import { WaypostCore } from "./core.ts";

export class Waypost extends WaypostCore {
  /** Makes a buffer that gathers events and sends them in batches. */
  buffer(options: BufferOptions = {}): EventBuffer {
    return new EventBuffer(this.send, options);
  }
}
