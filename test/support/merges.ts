// A merge and its undoing, as tests make them: a lead and a customer who were taken for one person.
import type { Profile, SentIdentities } from "../../src/domain/profile.ts";
import { accepted, OPERATOR } from "./commands.ts";
import { aWorkspace, type TestWorkspace } from "./workspace.ts";

export const LEAD = { email: "a@example.com" };
export const CUSTOMER = { externalId: "cus_1" };
export const BOTH = { ...LEAD, ...CUSTOMER };

export interface Merged {
  workspace: TestWorkspace;
  leadId: string;
  customerId: string;
}

interface Saying {
  identities?: SentIdentities;
  propertiesJson?: string;
}

/** A lead and a customer, each met once, who then were taken for one person. */
export async function aMerge(lead: Saying = {}, customer: Saying = {}, merging: Saying = {}): Promise<Merged> {
  const workspace = await aWorkspace();
  return await merge(workspace, lead, customer, merging);
}

export async function merge(
  workspace: TestWorkspace,
  lead: Saying = {},
  customer: Saying = {},
  merging: Saying = {},
): Promise<Merged> {
  const first = await accepted(workspace, { identities: LEAD, ...lead });
  const second = await accepted(workspace, { identities: CUSTOMER, ...customer });
  await accepted(workspace, { event: "signed.in", identities: BOTH, ...merging });
  return { workspace, leadId: first.profileId ?? "", customerId: second.profileId ?? "" };
}

/** Undoes a merge. @returns `undone`, the reason against it, or another error's code */
export async function undo({ workspace, leadId, customerId }: Merged): Promise<string> {
  const result = await workspace.cell.unmergeProfile(OPERATOR, customerId, leadId);
  if (result.ok) return "undone";
  return result.error.code === "not_eligible" ? result.error.reason : result.error.code;
}

export async function profile(workspace: TestWorkspace, id: string): Promise<Profile> {
  const found = await workspace.cell.readProfile(OPERATOR, id);
  if (!found.ok) throw new Error("expected a profile");
  return found.value;
}
