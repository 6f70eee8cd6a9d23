// What a provider that takes tags is given with each e-mail, and gives back with each report of it.

/** Tag names have letters, digits, underscores and dashes. */
export const WORKSPACE_TAG = "waypost_workspace";
export const DELIVERY_TAG = "waypost_delivery";
