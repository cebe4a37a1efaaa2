const ATTEMPTS = 5;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;
/** How long a request is repeated in all that only has to wait for the API. */
const LONGEST_WAIT = 5 * 60_000;
export const TEMPORARY_STATUSES: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);
const SAFE_METHODS = new Set(["GET", "PUT", "DELETE"]);

/** Gives a send an `Idempotency-Key`, unless it has one. */
export function ensureKey(request: Request): void {
  if (isSend(request) && !request.headers.has("Idempotency-Key")) {
    request.headers.set("Idempotency-Key", crypto.randomUUID());
  }
}

export interface RetryOptions {
  /** How long an attempt waits for a response, in milliseconds; without limit if it is not given. */
  timeout?: number;
  /** After which statuses the same request can succeed. */
  temporaryStatuses?: ReadonlySet<number>;
}

/** Sends a request, made anew for each attempt, until it succeeds or fails for good. */
export async function fetchWithRetries(
  newRequest: () => Request,
  { timeout, temporaryStatuses = TEMPORARY_STATUSES }: RetryOptions = {},
): Promise<Response> {
  const giveUpAt = performance.now() + LONGEST_WAIT;
  let failures = 0;
  for (let attempt = 1; ; attempt++) {
    const request = newRequest();
    let pause: number | undefined;
    try {
      const response = await send(request, timeout);
      const code = await errorCode(response);
      if (attempt > 1 && isDeletedAlready(request, code)) {
        return new Response(null, { status: 204, headers: response.headers });
      }
      if (isUnfinished(request, response, code)) {
        pause = pauseUntilFinished(response, giveUpAt);
      } else if (temporaryStatuses.has(response.status)) {
        pause = pauseAfterFailure(++failures, request, response);
      }
      if (pause === undefined) return response;
      await response.arrayBuffer(); // the next attempt can use the connection
    } catch (error) {
      pause = request.signal.aborted ? undefined : pauseAfterFailure(++failures, request);
      if (pause === undefined) throw error;
    }
    await sleep(pause, request.signal);
  }
}

/** Whether the request sends a message: the only one whose key the API reads. */
function isSend(request: Request): boolean {
  return request.method === "POST" && new URL(request.url).pathname.endsWith("/v1/messages");
}

/** Whether the request can be repeated without another effect. */
function isSafe(request: Request): boolean {
  return SAFE_METHODS.has(request.method) || isSend(request);
}

/** Whether the token or the webhook was deleted by an earlier attempt, whose response was lost. */
function isDeletedAlready(request: Request, code: string | undefined): boolean {
  return request.method === "DELETE" && (code === "token_not_found" || code === "webhook_not_found");
}

/** Whether the same request succeeds once a file has been scanned, or once all of a large removal is done. */
function isUnfinished(request: Request, response: Response, code: string | undefined): boolean {
  if (response.status === 202) return request.method === "DELETE";
  return code === "attachment_not_ready" && isSafe(request);
}

/** Returns the `code` of an error of the API. */
async function errorCode(response: Response): Promise<string | undefined> {
  if (response.ok) return undefined;
  const body = await response.clone().text();
  try {
    return (JSON.parse(body) as { code?: string }).code;
  } catch {
    return undefined; // of API Gateway or S3
  }
}

/** Limits how long the response takes to begin: reading a file can take longer. */
async function send(request: Request, timeout?: number): Promise<Response> {
  if (timeout === undefined) return fetch(request);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new DOMException("no response in time", "TimeoutError")), timeout);
  try {
    return await fetch(request, { signal: AbortSignal.any([request.signal, limit.signal]) });
  } finally {
    clearTimeout(timer);
  }
}

/** Returns how many milliseconds to wait before the next attempt, or `undefined` if there is none. */
function pauseUntilFinished(response: Response, giveUpAt: number): number | undefined {
  const pause = 1000 * (retryAfter(response) || 1);
  return performance.now() + pause <= giveUpAt ? pause : undefined;
}

/** Returns how many milliseconds to wait after a temporary failure, or `undefined` if there is no other attempt. */
function pauseAfterFailure(failures: number, request: Request, response?: Response): number | undefined {
  if (!isSafe(request) || failures === ATTEMPTS) return undefined;
  const backoff = FIRST_PAUSE * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
  const required = 1000 * ((response && retryAfter(response)) ?? 0);
  return required <= LONGEST_PAUSE ? Math.max(backoff, required) : undefined;
}

/** Returns the seconds of `Retry-After`; the API never gives a date. */
export function retryAfter(response: Response): number | undefined {
  const value = response.headers.get("Retry-After") ?? "";
  return /^[0-9]+$/.test(value) ? Number(value) : undefined;
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    const cancel = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    signal.addEventListener("abort", cancel, { once: true });
  });
}
