import createClient, { type Client } from "openapi-fetch";

import { ensureKey, fetchWithRetries } from "./retry.js";
import type { paths } from "./schema.js";

/** Has a method per method of HTTP: `messages.GET("/v1/me")`. */
export type MessagesClient = Client<paths>;

export interface Options {
  /** The address of the API. */
  url: string;
  /** The token of a contact, or a server key. */
  token: string;
  /** The contact that a server key acts for: its id, or `external:` and its external id. */
  onBehalfOf?: string;
  /** How long an attempt waits for a response, in milliseconds. */
  timeout?: number;
}

/**
 * Returns a client that repeats requests that are safe to repeat when they fail, and gives every send an
 * `Idempotency-Key`.
 */
export function createMessagesClient({ url, token, onBehalfOf, timeout = 15_000 }: Options): MessagesClient {
  const headers: Record<string, string> = { Authorization: `Bearer ${token}` };
  if (onBehalfOf !== undefined) headers["On-Behalf-Of"] = onBehalfOf;
  const send = (request: Request) => {
    ensureKey(request);
    return fetchWithRetries(() => request.clone(), { timeout });
  };
  return createClient<paths>({ baseUrl: url, headers, fetch: send });
}
