// Ids that the HTTP layer gives: workspaces and API keys, which exist before their cell is asked.
import { MonotonicIds } from "../domain/ids.ts";

const ids = new MonotonicIds();

/** A fresh UUIDv7; those of one process sort in the order they were given. */
export function newId(): string {
  return ids.next(Date.now(), crypto.getRandomValues(new Uint8Array(8)));
}
