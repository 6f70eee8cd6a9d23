// A person who has left something everywhere, and their erasure.
import { env } from "cloudflare:workers";
import { newestIdentityKey } from "../../src/crypto/identity-digest.ts";
import { servicesOf } from "../../src/services.ts";
import { accepted, claimsOf, OPERATOR } from "./commands.ts";
import { attempted, messagesOf } from "./deliveries.ts";
import { anActiveJourney } from "./journeys.ts";
import { queryCell } from "./tables.ts";
import { aTemplate } from "./templates.ts";
import { anId, type TestWorkspace } from "./workspace.ts";

export const PERSON = { email: "erika.mustermann@example.com", externalId: "cus_erika", phone: "+4915112345678" };

const ALIAS = "e.mustermann@example.org";
const PROPERTY = "Haifischweg-17";
const DATA = "purple-unicorn-mug";
const LARGE_DATA = "a-very-long-diary";
const REFERENCE = "ord_erika_1";
const SAID = "Frau Mustermann is not at home";
const PROVIDER_ID = "prov_erika_1";

/** What must be nowhere once the person is erased. */
export function personalTexts(): string[] {
  return [...Object.values(PERSON), ALIAS, PROPERTY, DATA, LARGE_DATA, REFERENCE];
}

/** What else must be nowhere, of messages. The words of a receiver are in the cell alone. */
export const MESSAGE_TEXTS = { inCellOnly: SAID, everywhere: PROVIDER_ID };

/** Has the person leave something in every table that knows people: merges, runs, large events, quarantine. */
export async function sendEverything(workspace: TestWorkspace): Promise<{ profileIds: string[]; eventIds: string[] }> {
  await anActiveJourney(workspace.cell, {
    key: "erased-journey",
    entry: { event: "order.created" },
    eligibility: { reentry: "always", maxActive: 1_000, key: "/event/mug" },
  });
  const data = JSON.stringify({ mug: DATA });
  const large = JSON.stringify({ mug: "m", text: `${LARGE_DATA} `.repeat(60_000) });
  const before = await accepted(workspace, {
    identities: { email: PERSON.email, phone: PERSON.phone },
    dataJson: data,
  });
  const others = await accepted(workspace, {
    identities: { externalId: PERSON.externalId },
    propertiesJson: JSON.stringify({ street: PROPERTY }),
    claims: claimsOf(workspace.id, "erased-key"),
  });
  const merging = await accepted(workspace, { identities: PERSON, dataJson: large, referenceId: REFERENCE });
  const last = await accepted(workspace, { identities: { ...PERSON, email: ALIAS }, dataJson: data });
  await workspace.cell.keepRejected(OPERATOR, [
    { source: "segment", reason: "r", message: "m", payloadJson: JSON.stringify({ userId: PERSON.externalId }) },
  ]);
  await queryCell(
    workspace,
    `INSERT INTO quarantine SELECT ?, 1, 'profiles', id, 'E', identities || properties FROM profiles LIMIT 1`,
    anId(),
  );
  await workspace.cell.suppressProfile(OPERATOR, others.profileId ?? "", {
    reason: "unsubscribe",
    diagnosticCode: `550 ${PERSON.email}`,
  });
  await queryCell(workspace, `INSERT INTO soft_bounces VALUES (?, 1, '452')`, PERSON.email);
  return {
    profileIds: [...new Set([before, others].map(({ profileId }) => profileId ?? ""))],
    eventIds: [before, others, merging, last].map(({ eventId }) => eventId),
  };
}

/** A webhook and an e-mail as each can stand: sent, failed, tried, not tried yet. @returns their events' ids */
export async function sendMessages(workspace: TestWorkspace): Promise<string[]> {
  await aTemplate(workspace.cell, "erased-thanks");
  const eventIds: string[] = [];
  await anActiveJourney(workspace.cell, {
    key: "erased-messages",
    entry: { event: "told" },
    eligibility: { reentry: "always", maxActive: 1_000 },
    steps: [
      { id: "hook", type: "webhook", url: "https://receiver.example/hook" },
      { id: "mail", type: "email", template: "erased-thanks", transactional: true },
      { id: "rest", type: "delay", for: "P1D" },
    ],
  });
  for (const how of [
    { outcome: "sent", providerId: PROVIDER_ID },
    { outcome: "failed", reason: "rejected", message: SAID },
    { outcome: "retry", message: SAID },
    null,
  ] as const) {
    const known = new Set((await messagesOf(workspace)).map(({ id }) => id));
    const told = { event: "told", identities: PERSON, dataJson: JSON.stringify({ mug: DATA }) };
    eventIds.push((await accepted(workspace, told)).eventId);
    const fresh = (await messagesOf(workspace)).filter(({ id }) => !known.has(id));
    for (const { id } of fresh) if (how !== null) await attempted(workspace, id, 1, how);
  }
  return eventIds;
}

/** Erases whom an address leads to. @returns whether it led to anybody */
export async function erase(
  workspace: TestWorkspace,
  email: string,
  secrets = servicesOf(env).ledgerSecrets,
): Promise<boolean> {
  const [owner] = await queryCell<{ profile_id: string }>(
    workspace,
    `SELECT profile_id FROM identities WHERE kind = 'email' AND value = ?`,
    email,
  );
  const key = newestIdentityKey(secrets, workspace.id);
  const result = await workspace.cell.eraseProfile(OPERATOR, owner?.profile_id ?? "", key);
  return result.ok;
}
