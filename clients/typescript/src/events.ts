import { ok } from "./api-error.js";
import type { MessagesClient } from "./client.js";
import type { components } from "./schema.js";

type EventPage = components["schemas"]["EventPage"];

export interface FollowOptions {
  /** The cursor to continue from. Without it, the first page has a cursor and no events: load the lists then. */
  after?: string;
  /** The time between two requests if there was nothing more, in milliseconds. */
  interval?: number;
  /** Ends the iteration. */
  signal?: AbortSignal;
}

/**
 * Follows the feed of changes: returns page after page that has events, and waits for the next one. Apply the events of a
 * page, and store its `cursor` with the result: after an error or a restart, continue from there.
 */
export async function* events(
  client: MessagesClient,
  { after, interval = 3000, signal }: FollowOptions = {},
): AsyncGenerator<EventPage, void, undefined> {
  let cursor = after;
  while (!signal?.aborted) {
    const query = cursor === undefined ? {} : { after: cursor };
    const page: EventPage = await ok(client.GET("/v1/events", { params: { query } }));
    if (cursor === undefined || page.data.length > 0) yield page;
    cursor = page.cursor;
    if (!page.has_more) await pause(interval, signal);
  }
}

/** Waits, but not longer than until the signal. */
async function pause(duration: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, duration);
    signal?.addEventListener("abort", end);
  });
}
