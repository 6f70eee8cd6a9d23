// The person of a run, as its steps read and change them. Read when first asked for: most steps ask nothing.
import type { JsonObject } from "../domain/json.ts";
import type { Profile } from "../domain/profile.ts";
import type { ReadableIdentities } from "../domain/profile-scope.ts";
import { patchProperties } from "../domain/properties.ts";
import type { ProfileStore } from "./profile-store.ts";

export class RunPerson {
  readonly id: string;
  readonly #profiles: ProfileStore;
  #profile: Profile | undefined;
  #properties: JsonObject | undefined;

  /** @param profile  if it has been read already */
  constructor(profiles: ProfileStore, id: string, profile?: Profile) {
    this.id = id;
    this.#profiles = profiles;
    this.#profile = profile;
  }

  /** As it is now; a run whose person is gone reads an empty one. */
  get profile(): Profile | null {
    this.#profile ??= this.#profiles.find(this.id) ?? undefined;
    return this.#profile ?? null;
  }

  get identities(): ReadableIdentities {
    const { emails = [], externalId = null } = this.profile?.identities ?? {};
    return { email: emails[0] ?? null, externalId };
  }

  properties(): JsonObject {
    return (this.#properties ??= JSON.parse(this.profile?.propertiesJson ?? "{}") as JsonObject);
  }

  /**
   * Writes what a step changes of the person; nothing when they are so already.
   *
   * @param now  Unix milliseconds
   */
  patch(patch: JsonObject, now: number): void {
    const { profile } = this;
    const properties = profile === null ? null : patchProperties(this.properties(), patch);
    if (profile === null || properties === null) return;
    this.#properties = properties;
    this.#profile = { ...profile, propertiesJson: JSON.stringify(properties), updatedAt: now, rev: profile.rev + 1 };
    this.#profiles.update(this.#profile);
  }
}
