import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { listProfiles, type ProfileCursor, type ProfileQuery } from "../../src/d1/profiles.ts";
import { PAGE_BYTES } from "../../src/domain/list-page.ts";
import { aProfileRow, aWorkspace, given } from "./builders.ts";

const PROFILES = 12;
/** Seven fit a page, with room for the rest of each row, and no eighth. */
const LARGE = JSON.stringify({ notes: "n".repeat(PAGE_BYTES / 7.5) });

/** Large profiles of a new workspace, newest first, and the page reader over their ids. */
async function largeProfiles() {
  const workspaceId = aWorkspace();
  const rows = await given(
    workspaceId,
    "profiles",
    Array.from({ length: PROFILES }, () => aProfileRow({ properties: LARGE })),
  );
  const page = async (cursor: ProfileCursor | null, query: ProfileQuery = {}) => {
    const found = await listProfiles(env.DB, workspaceId, query, { limit: 200, cursor });
    return { ...found, ids: found.rows.map((row) => row.profile_id) };
  };
  return { ids: rows.map((row) => row.profile_id).toReversed(), page };
}

describe("a page of large profiles", () => {
  it("ends by bytes, and its cursors walk over all of them forward and back", async () => {
    const { ids, page } = await largeProfiles();
    const first = await page(null);
    expect([first.ids, first.count, first.previous, first.next]).toEqual([ids.slice(0, 7), PROFILES, null, ids[6]]);
    const second = await page({ direction: "next", profileId: first.next ?? "" });
    expect([second.ids, second.previous, second.next]).toEqual([ids.slice(7), ids[7], null]);
    const back = await page({ direction: "previous", profileId: second.previous ?? "" });
    expect([back.ids, back.previous, back.next]).toEqual([ids.slice(0, 7), null, ids[6]]);
  });

  it("keeps the profiles next to the cursor when it leads back", async () => {
    const { ids, page } = await largeProfiles();
    const back = await page({ direction: "previous", profileId: ids[10] ?? "" });
    expect([back.ids, back.previous, back.next]).toEqual([ids.slice(3, 10), ids[3], ids[9]]);
  });

  it("ends by bytes for named profiles too", async () => {
    const { ids, page } = await largeProfiles();
    expect((await page(null, { profileIds: ids })).ids).toEqual(ids.slice(0, 7));
  });
});
