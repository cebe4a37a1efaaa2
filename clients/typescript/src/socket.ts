import { ApiError, ok } from "./api-error.js";
import type { MessagesClient } from "./client.js";

/** API Gateway closes a socket after ten minutes without a frame. */
const KEEP_ALIVE = 9 * 60_000;

/** A socket that was open for so long has not been closed at once: the next one can be opened soon. */
const SETTLED = 60_000;

const LONGEST_PAUSE = 60_000;

/** A socket that tells that the feed has more. It opens itself again when it is closed. */
export class FeedSocket {
  #newest = "";
  #hasNews = false;
  #isOpen = false;
  #isClosed = false;
  #failures = 0;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wake = (): void => {};
  #client: MessagesClient;
  #url: URL;

  constructor(client: MessagesClient, url: string) {
    if (typeof WebSocket === "undefined") throw new Error("there is no global WebSocket");
    this.#client = client;
    this.#url = new URL(url);
    void this.#open();
  }

  /** Whether hints come at once. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether the feed may have changed since the last call of `reading`. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Says that the feed is being read. */
  reading(): void {
    this.#hasNews = false;
  }

  /** Calls `wake` from now on, instead of what was called before, when there is news. */
  onNews(wake: () => void): void {
    this.#wake = wake;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  /** Opens the socket with a token that is valid for a minute: URLs can be in logs. */
  async #open(): Promise<void> {
    try {
      const { token } = await ok(this.#client.POST("/v1/tokens", { body: { expires_in: 60 } }));
      if (this.#isClosed) return;
      const url = new URL(this.#url);
      url.searchParams.set("access_token", token);
      this.#connect(new WebSocket(url));
    } catch (error) {
      // Reading the feed fails in the same way.
      const isRefused = error instanceof ApiError && (error.status === 401 || error.status === 403);
      if (!isRefused) this.#reopenLater();
    }
  }

  #connect(socket: WebSocket): void {
    this.#socket = socket;
    let openedAt = Infinity;
    const keepAlive = (): void => {
      socket.send("ping");
      this.#timer = setTimeout(keepAlive, KEEP_ALIVE);
    };
    socket.onopen = () => {
      openedAt = Date.now();
      this.#isOpen = true;
      this.#timer = setTimeout(keepAlive, KEEP_ALIVE);
      // The feed may have changed before the socket was open.
      this.#tell();
    };
    socket.onmessage = ({ data }) => {
      const { type, cursor } = JSON.parse(String(data)) as { type: string; cursor?: string };
      if (type !== "events" || cursor === undefined || cursor <= this.#newest) return;
      this.#newest = cursor;
      this.#tell();
    };
    socket.onclose = () => {
      clearTimeout(this.#timer);
      this.#isOpen = false;
      if (Date.now() - openedAt > SETTLED) this.#failures = 0;
      this.#tell();
      this.#reopenLater();
    };
  }

  #tell(): void {
    this.#hasNews = true;
    this.#wake();
  }

  #reopenLater(): void {
    if (this.#isClosed) return;
    const pause = Math.min(1000 * 2 ** this.#failures++, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => void this.#open(), pause);
  }
}
