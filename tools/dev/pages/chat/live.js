// @ts-check
// Tells when something may have changed. Polls: the API has no push yet.

const VISIBLE = 1500;
const HIDDEN = 20_000;
const LONGEST = 60_000;

export class Polling {
  /**
   * @param {() => Promise<void>} onChange fails if the server cannot be reached
   * @param {(error: Error | null) => void} onResult is called with the error after each failure, and with null otherwise
   */
  subscribe(onChange, onResult) {
    let failures = 0;
    let timer = 0;
    const poll = async () => {
      clearTimeout(timer);
      try {
        await onChange();
        failures = 0;
        onResult(null);
      } catch (error) {
        failures++;
        onResult(error);
      }
      const pause = document.hidden ? HIDDEN : VISIBLE;
      timer = window.setTimeout(poll, Math.min(pause * 2 ** failures, LONGEST));
    };
    document.addEventListener('visibilitychange', () => document.hidden || poll());
    poll();
  }
}
