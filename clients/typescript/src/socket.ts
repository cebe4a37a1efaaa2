import { ok } from "./api-error.js";
import type { MessagesClient } from "./client.js";

/** API Gateway closes a socket after ten minutes without a text. */
const KEEP_ALIVE = 9 * 60_000;

const LONGEST_PAUSE = 60_000;

/** A socket that tells that the feed has more. It opens itself again when it is closed. */
export class FeedSocket {
  #newest = "";
  #isOpen = false;
  #wasOpened = false;
  #isClosed = false;
  #failures = 0;
  #socket: WebSocket | undefined;
  #reopening: ReturnType<typeof setTimeout> | undefined;
  #wake = (): void => {};

  constructor(
    private readonly client: MessagesClient,
    private readonly url: string,
  ) {
    void this.#open();
  }

  /** Whether hints come at once. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Says that the feed is being read: that tells what has changed before the socket was open. */
  reading(): void {
    this.#wasOpened = false;
  }

  /** Whether the feed may have more than this cursor. */
  mayHaveMoreThan(cursor: string): boolean {
    return this.#wasOpened || this.#newest > cursor;
  }

  /** Calls `wake` from now on, instead of what was called before, when there is a hint, or the socket was opened. */
  onHint(wake: () => void): void {
    this.#wake = wake;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#reopening);
    this.#socket?.close();
  }

  /** Opens the socket with a token that is valid for a minute: URLs can be in logs. */
  async #open(): Promise<void> {
    try {
      const { token } = await ok(this.client.POST("/v1/tokens", { body: { expires_in: 60 } }));
      if (this.#isClosed) return;
      this.#connect(new WebSocket(`${this.url}?access_token=${encodeURIComponent(token)}`));
    } catch {
      this.#reopenLater();
    }
  }

  #connect(socket: WebSocket): void {
    this.#socket = socket;
    let keepAlive: ReturnType<typeof setInterval> | undefined;
    socket.onopen = () => {
      this.#isOpen = true;
      this.#failures = 0;
      keepAlive = setInterval(() => socket.send("ping"), KEEP_ALIVE);
      this.#wasOpened = true;
      this.#wake();
    };
    socket.onmessage = ({ data }) => {
      const { type, cursor } = JSON.parse(String(data)) as { type: string; cursor?: string };
      if (type !== "events" || cursor === undefined || cursor <= this.#newest) return;
      this.#newest = cursor;
      this.#wake();
    };
    socket.onclose = () => {
      clearInterval(keepAlive);
      this.#isOpen = false;
      this.#wake();
      if (!this.#isClosed) this.#reopenLater();
    };
  }

  #reopenLater(): void {
    const pause = Math.min(1000 * 2 ** this.#failures++, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
    this.#reopening = setTimeout(() => void this.#open(), pause);
  }
}
