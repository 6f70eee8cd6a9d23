// The vendor's older clients come without types: what the tests use of them.

interface OldApiClient {
  basePath: string;
  defaultHeaders: Record<string, string>;
}

declare module "klaviyo-api-1" {
  export const ApiClient: { instance: OldApiClient };
  export function ConfigWrapper(key: string, options?: Record<string, number>): OldApiClient;
  export const Events: { createEvent: (body: unknown) => Promise<unknown> };
  export const Client: { createClientEvent: (body: unknown, companyId: string) => Promise<unknown> };
}

declare module "klaviyo-api-2" {
  export const ApiClient: { instance: OldApiClient };
  export function ConfigWrapper(key: string, options?: Record<string, number>): OldApiClient;
  export const Events: { createEvent: (body: unknown) => Promise<unknown> };
  export const Client: { createClientEvent: (body: unknown, companyId: string) => Promise<unknown> };
}

declare module "klaviyo-api-5" {
  export const ApiClient: { instance: OldApiClient };
  export function ConfigWrapper(key: string, options?: Record<string, number>): OldApiClient;
  export const Events: { createEvent: (body: unknown) => Promise<unknown> };
}
