import { retryAfter } from "./retry.js";
import type { components } from "./schema.js";

type ErrorBody = Partial<components["schemas"]["Error"]>;

/**
 * A response that is not a success.
 *
 * `code` says what happened; it is `undefined` if the response is not from the API itself, but from what is in front
 * of it.
 */
export class ApiError extends Error {
  readonly response: Response;
  readonly status: number;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly requestId: string | undefined;

  constructor(response: Response, body?: unknown) {
    const error: ErrorBody = typeof body === "object" && body !== null ? body : {};
    const parts = [response.status, error.code, error.param, error.message ?? response.statusText];
    super(parts.filter(Boolean).join(" "));
    this.name = "ApiError";
    this.response = response;
    this.status = response.status;
    this.code = error.code;
    this.param = error.param ?? undefined;
    this.requestId = error.request_id;
  }

  /** Seconds to wait before trying again. */
  get retryAfter(): number | undefined {
    return retryAfter(this.response);
  }
}

interface Result {
  data?: unknown;
  error?: unknown;
  response: Response;
}

/** The `data` of a result without `error`. */
type Data<R extends Result> = R extends { error?: never } ? R["data"] : never;

/**
 * Returns the `data` of a response, or throws an `ApiError`, also if a removal has not been finished (202 without a
 * body).
 */
export async function ok<R extends Result>(result: Promise<R>): Promise<Data<R>> {
  const { data, error, response } = await result;
  const isUnfinished = response.status === 202 && data === undefined;
  if (!response.ok || isUnfinished) throw new ApiError(response, error);
  return data as Data<R>;
}
