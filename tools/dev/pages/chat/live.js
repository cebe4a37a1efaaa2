// @ts-check
// Tells when something may have changed: at once with a socket, which gets hints; otherwise it polls.

import { ApiError } from './api.js';

const VISIBLE = 1500;
const HIDDEN = 20_000;
/** While a socket is open, in case a hint is lost. */
const OPEN = 60_000;
const LONGEST = 60_000;
/** API Gateway closes a socket after ten minutes without a frame. */
const KEEP_ALIVE = 9 * 60_000;
/** A socket that was open for so long has not been closed at once: the next one can be opened soon. */
const SETTLED = 60_000;

export class Live {
  /**
   * @param {import('./api.js').Api} api
   * @param {string} url of the WebSocket API
   */
  constructor(api, url) {
    this.api = api;
    this.url = url;
    this.isOpen = false;
    /** How often a socket could not be opened, or was closed soon, one after the other. */
    this.failures = 0;
  }

  /**
   * @param {() => Promise<void>} onChange fails if the server cannot be reached
   * @param {(error: Error | null) => void} onResult is called with the error after each failure, and with null otherwise
   */
  subscribe(onChange, onResult) {
    let failures = 0;
    let timer = 0;
    let isRunning = false;
    let isStale = false;
    const refresh = async () => {
      // One at a time: a hint during a refresh causes another one.
      isStale = true;
      if (isRunning) return;
      isRunning = true;
      clearTimeout(timer);
      while (isStale) {
        isStale = false;
        try {
          await onChange();
          failures = 0;
          onResult(null);
        } catch (error) {
          failures++;
          onResult(error);
        }
      }
      isRunning = false;
      const polling = document.hidden ? HIDDEN : VISIBLE;
      const pause = this.isOpen && failures === 0 ? OPEN : polling;
      timer = window.setTimeout(refresh, Math.min(pause * 2 ** failures, LONGEST));
    };
    document.addEventListener('visibilitychange', () => document.hidden || refresh());
    refresh();
    this.open(refresh);
  }

  /** Opens a socket, and again whenever it is closed. */
  async open(onHint) {
    let token;
    try {
      // Valid for a minute: URLs can be in logs.
      ({ token } = await this.api.call('POST', '/v1/tokens', { json: { expires_in: 60 } }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return;
      this.openLater(onHint);
      return;
    }
    let newest = '';
    let openedAt = Infinity;
    let keepAlive = 0;
    const socket = new WebSocket(`${this.url}?access_token=${token}`);
    socket.onopen = () => {
      openedAt = Date.now();
      this.isOpen = true;
      keepAlive = window.setInterval(() => socket.send('ping'), KEEP_ALIVE);
      onHint();
    };
    socket.onmessage = ({ data }) => {
      const { type, cursor } = JSON.parse(data);
      if (type !== 'events' || cursor <= newest) return;
      newest = cursor;
      onHint();
    };
    socket.onclose = () => {
      clearInterval(keepAlive);
      this.isOpen = false;
      if (Date.now() - openedAt > SETTLED) this.failures = 0;
      onHint();
      this.openLater(onHint);
    };
  }

  openLater(onHint) {
    const pause = Math.min(1000 * 2 ** this.failures++, LONGEST) * (0.5 + Math.random() / 2);
    setTimeout(() => this.open(onHint), pause);
  }
}
