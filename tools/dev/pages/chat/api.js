// @ts-check
// The API over fetch: keys, retries and a record of every exchange.

const ATTEMPTS = 5;
/** For how long a file may be scanned for malware, in milliseconds. */
const LONGEST_SCAN = 5 * 60_000;

export class ApiError extends Error {
  /** @param {{status: number, code: string, message: string}} problem */
  constructor({ status, code, message }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class Api {
  /**
   * @param {string} token
   * @param {(exchange: Exchange) => void} onExchange
   *
   * @typedef {{curl: string, status: number | null, attempts: number, note: string}} Exchange
   */
  constructor(token, onExchange) {
    this.token = token;
    this.onExchange = onExchange;
    /** How many responses are thrown away, as if the connection had broken. */
    this.responsesToDrop = 0;
  }

  me = () => this.call('GET', '/v1/me');
  conversations = (query = {}) => this.call('GET', '/v1/conversations', { query: { limit: 20, ...query } });
  messages = (conversation, query = {}) =>
    this.call('GET', '/v1/messages', { query: { conversation_id: conversation, limit: 50, ...query } });
  createConversation = (json) => this.call('POST', '/v1/conversations', { json });
  updateConversation = (id, json) => this.call('PUT', `/v1/conversations/${id}`, { json });
  leaveConversation = (id) => this.call('DELETE', `/v1/conversations/${id}`);
  send = (conversation, { message, attachments }, key) =>
    this.call('POST', '/v1/messages', { json: { conversation_id: conversation, message: message || null, attachments }, key });
  attachment = (id) => this.call('GET', `/v1/attachments/${id}`);
  deleteAttachment = (id) => this.call('DELETE', `/v1/attachments/${id}`);
  updateMessage = (id, json) => this.call('PUT', `/v1/messages/${id}`, { json });
  deleteMessage = (id) => this.call('DELETE', `/v1/messages/${id}`);

  /**
   * Uploads a file. Returns the id of its attachment.
   *
   * @param {string} conversation
   * @param {File} file
   */
  async upload(conversation, file) {
    const file_type = file.type.split(';')[0] || 'application/octet-stream';
    const json = { conversation_id: conversation, filename: file.name, file_size: file.size, file_type };
    const { id, upload } = await this.call('POST', '/v1/attachments', { json });
    for (let attempts = 1; ; attempts++) {
      try {
        const response = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: file });
        // 412: an earlier attempt has uploaded it, and its response was lost.
        if (response.ok || response.status === 412) return id;
        const message = `S3 did not take ${file.name}`;
        // 409: an earlier attempt is still being processed.
        const isTemporary = response.status >= 500 || response.status === 409;
        if (!isTemporary) throw new ApiError({ status: response.status, code: '', message });
        if (attempts === ATTEMPTS) throw new TypeError(message);
      } catch (error) {
        if (error instanceof ApiError || attempts === ATTEMPTS) throw error;
      }
      await pause(attempts, 0);
    }
  }

  /** Downloads the file of an attachment. */
  async download(id) {
    const { download_url } = await this.attachment(id);
    const response = await fetch(download_url);
    if (!response.ok) throw new TypeError('the file could not be downloaded');
    return response.blob();
  }

  /**
   * Sends a request. Repeats it after a broken connection, 429 or 5xx if that cannot do harm: all but a POST without an
   * idempotency key. Also repeats it while a conversation is being left, or a file is being scanned.
   *
   * @param {string} method
   * @param {string} path
   * @param {{query?: Record<string, any>, json?: object, key?: string}} options
   */
  async call(method, path, { query = {}, json, key } = {}) {
    const parameters = new URLSearchParams(query).toString();
    const url = location.origin + path + (parameters && `?${parameters}`);
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${this.token}` };
    if (json) headers['Content-Type'] = 'application/json';
    if (key) headers['Idempotency-Key'] = key;
    const body = json && JSON.stringify(json);
    const isRepeatable = method !== 'POST' || key !== undefined;
    const giveUpAt = Date.now() + LONGEST_SCAN;
    let failures = 0;
    for (let attempts = 1; ; attempts++) {
      const exchange = { curl: curl(method, url, headers, body), status: null, attempts, note: '' };
      const mayRepeat = isRepeatable && failures < ATTEMPTS - 1;
      try {
        const response = await fetch(url, { method, headers, body, cache: 'no-store' });
        if (method !== 'GET' && this.responsesToDrop > 0) {
          this.responsesToDrop--;
          exchange.note = 'response dropped';
          throw new TypeError('the response was dropped');
        }
        exchange.status = response.status;
        if (response.headers.get('Idempotent-Replayed') === 'true') exchange.note = replayed(attempts);
        const wait = Number(response.headers.get('Retry-After') ?? 0);
        // The caller has left the conversation, and the cleanup takes more than one request.
        const isUnfinished = response.status === 202;
        if (isUnfinished) exchange.note = 'not finished';
        const error = response.ok ? null : await problem(response);
        const isScanning = error?.code === 'attachment_not_ready' && Date.now() < giveUpAt;
        if (isScanning) exchange.note = 'the file is not ready';
        this.onExchange(exchange);
        if (isUnfinished || isScanning) {
          await pause(1, wait);
          continue;
        }
        if (!error) return response.status === 204 ? null : await response.json();
        const isTemporary = response.status >= 500 || (response.status === 429 && wait <= 5);
        if (!isTemporary || !mayRepeat) throw error;
        await pause(++failures, wait);
      } catch (error) {
        if (error instanceof ApiError) throw error;
        if (exchange.status === null) this.onExchange(exchange);
        if (!mayRepeat) throw error;
        await pause(++failures, 0);
      }
    }
  }
}

/** @param {Response} response */
async function problem(response) {
  const body = await response.json().catch(() => ({}));
  const message = body.message ?? response.statusText;
  return new ApiError({ status: response.status, code: body.code ?? '', message });
}

/** How a message became stored, given the number of requests that were sent. */
function replayed(attempts) {
  return attempts > 1 ? `sent ${attempts} times, stored once` : 'sent again, stored once';
}

/** Exponential backoff with jitter, at least as long as the server says. */
function pause(failures, seconds) {
  const backoff = 200 * 2 ** failures * (0.5 + Math.random() / 2);
  return new Promise((resolve) => setTimeout(resolve, Math.max(backoff, seconds * 1000)));
}

function curl(method, url, headers, body) {
  const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const parts = ['curl', '-X', method, quote(url)];
  for (const [name, value] of Object.entries(headers)) parts.push('-H', quote(`${name}: ${value}`));
  if (body) parts.push('--data-raw', quote(body));
  return parts.join(' ');
}
