import type { components } from "./schema.js";

/** How far the timestamp of a delivery may be from the clock of the receiver, in seconds. */
const TOLERANCE = 300;

/** A request that is not a valid delivery: do not process it, and respond with 400. */
export class WebhookVerificationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WebhookVerificationError";
  }
}

export interface WebhookRequest {
  /** The secret of the webhook, which begins with `whsec_`. */
  secret: string;
  /** The headers of the request: `Headers`, or an object, for example of Node.js, with names in any case. */
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /**
   * The raw body of the request, exactly as it was received, and not parsed JSON: the signature is that of its bytes.
   */
  body: string | ArrayBuffer | ArrayBufferView;
}

/** A verified delivery. */
export interface VerifiedDelivery {
  /** The `webhook-id`: a delivery that is repeated has the same one. */
  id: string;
  /** The type of the event. */
  type: string;
  /** When the change was made, in ISO 8601 and UTC. */
  timestamp: string;
  /** The event, as `GET /v1/events` returns it. */
  data: components["schemas"]["Event"];
  /** Whom to notify of a new message, for a webhook of the operator; otherwise `null`. */
  recipients: components["schemas"]["Recipient"][] | null;
}

/**
 * Returns a delivery if its signature is valid and its timestamp at most 5 minutes from now. Throws a
 * `WebhookVerificationError` if the request is not a valid delivery, and a `TypeError` if `secret` is malformed.
 */
export async function verifyWebhook({ secret, headers, body }: WebhookRequest): Promise<VerifiedDelivery> {
  const key = parseSecret(secret);
  const bytes = toBytes(body);
  const values = withLowerCaseNames(headers);
  const id = required(values, "webhook-id");
  const timestamp = required(values, "webhook-timestamp");
  const signatures = required(values, "webhook-signature").split(" ");
  checkTimestamp(timestamp);
  const expected = `v1,${await sign(key, `${id}.${timestamp}.`, bytes)}`;
  if (!signatures.some((signature) => isEqual(signature, expected))) {
    throw new WebhookVerificationError("no signature of webhook-signature matches the secret and the body");
  }
  return { id, ...parse(bytes) };
}

function parseSecret(secret: string): Uint8Array<ArrayBuffer> {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) {
    // Without the secret: errors can be in logs.
    throw new TypeError("the webhook secret must be whsec_ followed by base64");
  }
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}

function toBytes(body: WebhookRequest["body"]): Uint8Array {
  if (typeof body === "string") return new TextEncoder().encode(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  throw new TypeError("body must be the raw body, as a string or bytes, and not parsed JSON");
}

function withLowerCaseNames(headers: WebhookRequest["headers"]): Map<string, string> {
  const entries = Symbol.iterator in headers ? (headers as Headers) : Object.entries(headers);
  const values = new Map<string, string>();
  for (const [name, value] of entries) {
    if (value !== undefined) values.set(name.toLowerCase(), typeof value === "string" ? value : value.join(" "));
  }
  return values;
}

function required(headers: Map<string, string>, name: string): string {
  const value = headers.get(name);
  if (!value) throw new WebhookVerificationError(`the header ${name} is missing`);
  return value;
}

function checkTimestamp(timestamp: string): void {
  if (!/^[0-9]{1,12}$/.test(timestamp)) {
    throw new WebhookVerificationError("webhook-timestamp is not in Unix seconds");
  }
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) {
    throw new WebhookVerificationError("webhook-timestamp is more than 5 minutes off: a replay, or a wrong clock");
  }
}

/** Returns the HMAC of the prefix and the body, in base64. */
async function sign(secret: Uint8Array<ArrayBuffer>, prefix: string, body: Uint8Array): Promise<string> {
  const start = new TextEncoder().encode(prefix);
  const signed = new Uint8Array(start.length + body.length);
  signed.set(start);
  signed.set(body, start.length);
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const hmac = await crypto.subtle.sign("HMAC", key, signed);
  return btoa(String.fromCharCode(...new Uint8Array(hmac)));
}

/** Takes the same time wherever the texts differ, so that a signature cannot be guessed character by character. */
function isEqual(given: string, expected: string): boolean {
  if (given.length !== expected.length) return false;
  let difference = 0;
  for (let index = 0; index < expected.length; index++) {
    difference |= given.charCodeAt(index) ^ expected.charCodeAt(index);
  }
  return difference === 0;
}

function parse(body: Uint8Array): Omit<VerifiedDelivery, "id"> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    const { type, timestamp, data, recipients = null } = JSON.parse(text) as VerifiedDelivery;
    const isEvent = typeof type === "string" && typeof timestamp === "string" && typeof data === "object" && data !== null;
    if (isEvent && (recipients === null || Array.isArray(recipients))) return { type, timestamp, data, recipients };
  } catch {
    // Not JSON.
  }
  throw new WebhookVerificationError("the body is not a delivery of an event");
}
