// Hands e-mails to whoever runs the Worker, as files: `npm run dev` keeps them beside its state and says so. Nothing
// leaves the machine.
import type { EmailWay } from "../outgoing-email.ts";
import { passing, taken } from "../send-report.ts";

const FILES_ORIGIN = "http://email-files";

/** A sender over the binding EMAIL_FILES: one PUT a message, under its id, so that a repeated one replaces it. */
export function fileSender(files: Pick<Fetcher, "fetch">): EmailWay {
  return async (email) => {
    const answer = await files.fetch(`${FILES_ORIGIN}/${email.deliveryId}`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(email),
    });
    await answer.body?.cancel();
    return answer.ok ? taken(email.deliveryId) : passing(String(answer.status), "The file could not be written.");
  };
}
