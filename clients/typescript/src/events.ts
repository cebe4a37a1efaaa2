import { ok } from "./api-error.js";
import type { MessagesClient } from "./client.js";
import type { components } from "./schema.js";
import { FeedSocket } from "./socket.js";

type EventPage = components["schemas"]["EventPage"];

/** While a socket is open, in case a hint is lost. */
const INTERVAL_WHILE_OPEN = 60_000;

export interface FollowOptions {
  /** The cursor to continue from. Without it, the first page has a cursor and no events: load the lists then. */
  after?: string;
  /** The time between two requests if there was nothing more, in milliseconds. */
  interval?: number;
  /**
   * The URL of the WebSocket API. With it, events come at once, and `interval` is used only while no socket is open. It
   * needs a global `WebSocket`, which browsers and Node.js 22 have.
   */
  socket?: string;
  /** Ends the iteration. */
  signal?: AbortSignal;
}

/**
 * Follows the feed of changes: returns page after page that has events, and waits for the next one. Apply the events of a
 * page, and store its `cursor` with the result: after an error or a restart, continue from there.
 */
export async function* events(
  client: MessagesClient,
  { after, interval = 3000, socket: url, signal }: FollowOptions = {},
): AsyncGenerator<EventPage, void, undefined> {
  let cursor = after;
  const socket = url === undefined ? undefined : new FeedSocket(client, url);
  try {
    while (!signal?.aborted) {
      socket?.reading();
      const query = cursor === undefined ? {} : { after: cursor };
      const page: EventPage = await ok(client.GET("/v1/events", { params: { query } }));
      if (cursor === undefined || page.data.length > 0) yield page;
      cursor = page.cursor;
      if (!page.has_more && !socket?.hasNews) await pause(interval, socket, signal);
    }
  } finally {
    socket?.close();
  }
}

/** Waits for a hint or the signal, but not longer than the interval. */
async function pause(interval: number, socket: FeedSocket | undefined, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, socket?.isOpen ? Math.max(interval, INTERVAL_WHILE_OPEN) : interval);
    signal?.addEventListener("abort", end);
    socket?.onNews(end);
  });
}
