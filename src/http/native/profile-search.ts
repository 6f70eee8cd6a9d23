// The body of `POST /api/v1/profiles`: a list or a search, in Segmentflow's shape. Every field is optional.
import * as v from "valibot";
import type { ProfileCursor, ProfileQuery } from "../../d1/profiles.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import type { Json } from "../../domain/json.ts";
import { listOf, objectOf } from "../../domain/shapes.ts";
import { MAX_LIMIT, readCursor, writeCursor } from "../pagination.ts";

/** A filter is looked at for each profile that a search walks over: these bound what one search can cost. */
const MAX_PROFILE_IDS = 1_000;
const MAX_PROPERTY_CLAUSES = 20;
/** Over all clauses: each profile is compared with each value. */
const MAX_FILTER_VALUES = 100;
const MAX_SEARCH_CHARACTERS = 320;
const DEFAULT_LIMIT = 50;

const LIMIT_MESSAGE = `Must be a whole number from 1 to ${MAX_LIMIT}.`;
const POSITION_PATTERN = /^(next|previous) (\S+)$/;

function listed<const S extends v.GenericSchema>(item: S, most: number) {
  return listOf(item, most, `Must be an array of at most ${most} items.`);
}

const propertyClause = objectOf(
  {
    /** Name of a top-level property. */
    id: v.string("Must be a string."),
    /** The property equals one of these. */
    values: listed(v.unknown(), MAX_FILTER_VALUES),
  },
  "Must be an object.",
);

export const profileSearch = v.object({
  search: v.exactOptional(
    v.pipe(
      v.string("Must be a string."),
      v.maxLength(MAX_SEARCH_CHARACTERS, `Must be at most ${MAX_SEARCH_CHARACTERS} characters.`),
    ),
  ),
  profileIds: v.exactOptional(listed(v.string("Must be a string."), MAX_PROFILE_IDS)),
  profilePropertyFilter: v.exactOptional(
    v.pipe(
      listed(propertyClause, MAX_PROPERTY_CLAUSES),
      v.check(
        (clauses) => clauses.reduce((sum, { values }) => sum + values.length, 0) <= MAX_FILTER_VALUES,
        `Must have at most ${MAX_FILTER_VALUES} values in all filters together.`,
      ),
    ),
  ),
  cursor: v.exactOptional(v.nullable(v.string("Must be a string."))),
  limit: v.exactOptional(
    v.pipe(
      v.number(LIMIT_MESSAGE),
      v.integer(LIMIT_MESSAGE),
      v.minValue(1, LIMIT_MESSAGE),
      v.maxValue(MAX_LIMIT, LIMIT_MESSAGE),
    ),
  ),
});

export type ProfileSearch = v.InferOutput<typeof profileSearch>;

/** The filters of a search; an empty text searches for nothing in particular. */
export function profileQueryOf({ search, profileIds, profilePropertyFilter }: ProfileSearch): ProfileQuery {
  const query: ProfileQuery = {};
  if (search !== undefined && search !== "") query.search = search;
  if (profileIds !== undefined) query.profileIds = profileIds;
  if (profilePropertyFilter !== undefined) {
    query.propertyFilter = profilePropertyFilter.map(({ id, values }) => ({ id, values: values as Json[] }));
  }
  return query;
}

/**
 * Where a search goes on, and for how many.
 *
 * @throws Failure `invalid_request` for a cursor that no search gave
 */
export function profilePageOf({ cursor, limit }: ProfileSearch): { limit: number; cursor: ProfileCursor | null } {
  return { limit: limit ?? DEFAULT_LIMIT, cursor: cursor == null ? null : readProfileCursor(cursor) };
}

/** Makes an opaque cursor; `null` stays `null`. */
export function profileCursor(direction: ProfileCursor["direction"], profileId: string | null): string | null {
  return writeCursor(profileId === null ? null : `${direction} ${profileId}`);
}

function readProfileCursor(cursor: string): ProfileCursor {
  const position = readCursor(cursor, (text) => UUID_PATTERN.test(POSITION_PATTERN.exec(text)?.[2] ?? ""), "cursor");
  const [, direction, profileId] = POSITION_PATTERN.exec(position) as unknown as [
    string,
    ProfileCursor["direction"],
    string,
  ];
  return { direction, profileId };
}
