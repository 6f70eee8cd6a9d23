// `email`: sends one e-mail from a template to the person, or to the address a path leads to.
import * as v from "valibot";
import { orReference, text } from "../definition-fields.ts";
import { compileValue } from "../state-values.ts";
import { stepKind } from "./step-kind.ts";

/** RFC 5321: 64 for the local part, 255 for the domain, the @. */
const MAX_ADDRESS_CHARACTERS = 320;
const ADDRESS = /^[^\s@]+@[^\s@]+$/;

const writtenAddress = v.pipe(
  text(MAX_ADDRESS_CHARACTERS),
  v.regex(ADDRESS, "An e-mail address is needed here, such as name@example.com."),
);

export const emailStep = stepKind(
  "email",
  {
    template: text(),
    /** Without it: `{ "$state": "/profile/email" }`. */
    to: v.exactOptional(orReference(writtenAddress, 'An e-mail address or { "$state": path } is needed here.')),
    /** Without it: false. */
    transactional: v.exactOptional(v.boolean("true or false is needed here.")),
  },
  (step) => {
    const address = compileValue(step.to ?? { $state: "/profile/email" });
    return {
      perform: (scope) => {
        const to = address(scope);
        return {
          way: { kind: "next" },
          request: {
            channel: "email",
            template: step.template,
            to: typeof to === "string" && v.is(writtenAddress, to) ? to : null,
            transactional: step.transactional ?? false,
          },
        };
      },
    };
  },
);
