// What a caller of the native doors is told when the cell did not accept an event.
import type { AcceptOutcome } from "../../cell/command.ts";
import type { WaypostError } from "../../domain/errors.ts";
import { outboxFull } from "../errors.ts";

/** The error that stands for an outcome other than `accepted`. */
export function errorOf(outcome: Exclude<AcceptOutcome, { kind: "accepted" }>): WaypostError {
  switch (outcome.kind) {
    case "conflict":
      return { code: "idempotency_key_reuse" };
    case "profile_too_large":
      return {
        code: "invalid_request",
        issues: [{ path: "profile.properties", message: "The profile would hold more than 512 KiB of properties." }],
      };
    case "outbox_full":
      return outboxFull();
    case "profile_not_found":
    case "identity_conflict":
      // Only doors that ask for it are answered so; the native ones always resolve.
      throw new Error(`a native door was answered ${outcome.kind}`);
  }
}
