/** What the client for TypeScript does, against the local stack; `test_client.py` is the same for Python. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import {
  ApiError,
  type components,
  createMessagesClient,
  events,
  ok,
  paginate,
  uploadFile,
  verifyWebhook,
  WebhookVerificationError,
} from "citypay-messages";
import { Webhook } from "standardwebhooks";

const url = process.env["API_URL"] ?? assert.fail("API_URL is not set: run this with stack.py");
const socket = process.env["SOCKET_URL"] ?? assert.fail("SOCKET_URL is not set: run this with stack.py");
const kevin = createMessagesClient({ url, token: "citypay_demo_kevin" });
const kate = createMessagesClient({ url, token: "citypay_demo_kate" });

/** Creates a conversation of Kevin and Kate. */
async function newConversation(name: string): Promise<string> {
  const body = { participants: ["KateMcCallister"], name };
  return (await ok(kevin.POST("/v1/conversations", { body }))).id;
}

async function texts(conversation_id: string): Promise<string[]> {
  const found: string[] = [];
  for await (const message of paginate(kate, "/v1/messages", { conversation_id })) found.push(message.message);
  return found;
}

interface Fault {
  method: string;
  path: string;
  times: number;
  lose_response?: boolean;
  kill?: boolean;
  status?: number;
  code?: string;
  headers?: Record<string, string>;
  body?: object;
}

/** Makes the next requests fail: see stack.py. */
async function injectFault(fault: Fault): Promise<void> {
  const response = await fetch(`${url}/proxy/faults`, { method: "POST", body: JSON.stringify(fault) });
  assert.equal(response.status, 204);
}

/** Returns the keys of the attempts since the fault, null for none. */
async function attempts(): Promise<(string | null)[]> {
  return (await (await fetch(`${url}/proxy/attempts`)).json()) as (string | null)[];
}

function hasStatus(status: number, code?: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ApiError, String(error));
    assert.deepEqual([error.status, error.code], [status, code]);
    return true;
  };
}

test("a send that is repeated under its key is stored once", async () => {
  const conversation_id = await newConversation("Keys");
  const send = () =>
    kevin.POST("/v1/messages", {
      params: { header: { "Idempotency-Key": "merry-christmas-ts" } },
      body: { conversation_id, message: "Merry Christmas" },
    });
  const first = await send();
  const second = await send();
  assert.equal(first.response.headers.get("Idempotent-Replayed"), null);
  assert.equal(second.response.headers.get("Idempotent-Replayed"), "true");
  assert.equal(second.data?.id, first.data?.id);
  assert.deepEqual(await texts(conversation_id), ["Merry Christmas"]);
});

test("each send without a key gets one of its own", async () => {
  const conversation_id = await newConversation("Same text");
  for (let count = 0; count < 2; count++) {
    await ok(kevin.POST("/v1/messages", { body: { conversation_id, message: "Hello" } }));
  }
  assert.deepEqual(await texts(conversation_id), ["Hello", "Hello"]);
});

test("paginate returns each of 250 messages once, newest first", async () => {
  const conversation_id = await newConversation("Long");
  for (let ten = 0; ten < 25; ten++) {
    const send = (one: string) => kevin.POST("/v1/messages", { body: { conversation_id, message: `${ten}${one}` } });
    await Promise.all(Array.from("0123456789", (one) => ok(send(one))));
  }
  const listed = (await texts(conversation_id)).map(Number);
  assert.deepEqual(listed.toSorted((a, b) => b - a), Array.from({ length: 250 }, (_, index) => 249 - index));
  // Those of ten were sent at the same time.
  assert.deepEqual(listed.map((number) => Math.floor(number / 10)), Array.from(listed, (_, at) => 24 - Math.floor(at / 10)));
});

test("paginate stops when its reader stops", async () => {
  const conversation_id = await newConversation("Short");
  for (const message of ["first", "second", "third"]) {
    await ok(kevin.POST("/v1/messages", { body: { conversation_id, message } }));
  }
  const found: components["schemas"]["Message"][] = [];
  for await (const message of paginate(kate, "/v1/messages", { conversation_id, limit: 1 })) {
    found.push(message);
    if (found.length === 2) break;
  }
  assert.deepEqual(found.map(({ message }) => message), ["third", "second"]);
});

test("paginate continues after an empty page where its link says", async () => {
  const conversation_id = await newConversation("Filtered");
  await ok(kevin.POST("/v1/messages", { body: { conversation_id, message: "older" } }));
  const newer = await ok(kevin.POST("/v1/messages", { body: { conversation_id, message: "newer" } }));
  const link = `</v1/messages?conversation_id=${conversation_id}&limit=100&starting_after=${newer.id}>; rel="next"`;
  const headers = { "Content-Type": "application/json", Link: link };
  const body = { has_more: true, data: [] };
  await injectFault({ method: "GET", path: "/v1/messages", times: 1, status: 200, headers, body });
  assert.deepEqual(await texts(conversation_id), ["older"]);
});

test("paginate returns a conversation once that moves to the top meanwhile", async () => {
  const third = await newConversation("Third");
  const second = await newConversation("Second");
  const first = await newConversation("First");
  const found: string[] = [];
  for await (const { id } of paginate(kevin, "/v1/conversations", { limit: 1 })) {
    found.push(id);
    if (found.length === 2) {
      await ok(kevin.POST("/v1/messages", { body: { conversation_id: id, message: "To the top" } }));
    }
  }
  assert.deepEqual(found.slice(0, 3), [first, second, third]);
  assert.equal(new Set(found).size, found.length);
});

test("a contact is found by username", async () => {
  const params = { query: { username: "katemccallister" } };
  const { data } = await ok(kevin.GET("/v1/contacts", { params }));
  assert.deepEqual(data.map(({ username }) => username), ["KateMcCallister"]);
});

test("paginate takes neither ending_before nor username", () => {
  // @ts-expect-error
  paginate(kevin, "/v1/messages", { ending_before: "3AZ9WjjTExgQQXg3hrtjh7AvZ" });
  // @ts-expect-error
  paginate(kevin, "/v1/contacts", { username: "KateMcCallister" });
});

test("an edit of an outdated version is 412 and changes nothing", async () => {
  const conversation_id = await newConversation("Edits");
  const body = { conversation_id, message: "frist" };
  const { data, response } = await kevin.POST("/v1/messages", { body });
  const path = { id: data?.id ?? assert.fail() };
  const header = { "If-Match": response.headers.get("ETag") ?? assert.fail() };
  const edit = (message: string) => ok(kevin.PUT("/v1/messages/{id}", { params: { path, header }, body: { message } }));
  assert.equal((await edit("first")).message, "first");
  await assert.rejects(edit("second"), hasStatus(412, "precondition_failed"));
  assert.deepEqual(await texts(conversation_id), ["first"]);
});

test("a reaction and the read mark are seen by the other", async () => {
  const conversation_id = await newConversation("Reactions");
  const { id } = await ok(kevin.POST("/v1/messages", { body: { conversation_id, message: "Hi" } }));
  const params = { path: { id } };
  await ok(kate.PUT("/v1/messages/{id}", { params, body: { reactions: { heart: ["KateMcCallister"] } } }));
  await ok(
    kate.PUT("/v1/conversations/{id}", { params: { path: { id: conversation_id } }, body: { read_up_to: id } }),
  );
  const message = await ok(kevin.GET("/v1/messages/{id}", { params }));
  assert.deepEqual(message.reactions, [{ heart: ["KateMcCallister"] }]);
  assert.notEqual(message.read_at, null);
});

test("an unknown token is 401, with everything that the API says about it", async () => {
  const stranger = createMessagesClient({ url, token: "citypay_demo_marv" });
  await assert.rejects(ok(stranger.GET("/v1/me")), (error: ApiError) => {
    assert.match(error.message, /^401 token_invalid /);
    assert.match(error.requestId ?? "", /^[0-9a-f-]{36}$/);
    return hasStatus(401, "token_invalid")(error);
  });
});

test("a parameter at fault is named", async () => {
  await assert.rejects(ok(kevin.GET("/v1/messages", { params: { query: { limit: 0 } } })), (error: ApiError) => {
    assert.equal(error.param, "limit");
    return hasStatus(400, "parameter_invalid")(error);
  });
});

test("a file is sent with a message and downloaded by the other", async () => {
  const conversation_id = await newConversation("Files");
  const file = new File([crypto.getRandomValues(new Uint8Array(60_000))], "tree.jpg", { type: "image/jpeg" });
  const attachments = [await uploadFile(kevin, conversation_id, file)];
  await ok(kevin.POST("/v1/messages", { body: { conversation_id, attachments } }));
  for await (const message of paginate(kate, "/v1/messages", { conversation_id })) {
    const attachment = message.attachments[0] ?? assert.fail("no attachment");
    assert.deepEqual([attachment.filename, attachment.file_type], ["tree.jpg", "image/jpeg"]);
    const params = { path: { id: attachment.id } };
    const downloaded = await ok(kate.GET("/v1/attachments/{id}/file", { params, parseAs: "blob" }));
    assert.deepEqual(await downloaded.arrayBuffer(), await file.arrayBuffer());
    return;
  }
  assert.fail("no message");
});

test("an upload whose response is lost is repeated and sent", async () => {
  const conversation_id = await newConversation("Lost upload");
  await injectFault({ method: "PUT", path: "/files/", times: 1, lose_response: true });
  const attachments = [await uploadFile(kevin, conversation_id, new File(["a".repeat(300_000)], "a.txt"))];
  assert.equal((await attempts()).length, 2);
  const message = await ok(kevin.POST("/v1/messages", { body: { conversation_id, attachments } }));
  assert.deepEqual(message.attachments.map(({ file_size }) => file_size), [300_000]);
});

test("an upload that is refused is an error", async () => {
  const conversation_id = await newConversation("Refused upload");
  await injectFault({ method: "PUT", path: "/files/", times: 1, status: 403 });
  await assert.rejects(uploadFile(kevin, conversation_id, new File(["a"], "a.txt")), hasStatus(403));
  assert.equal((await attempts()).length, 1);
});

test("an upload is repeated while S3 processes another attempt of it", async () => {
  const conversation_id = await newConversation("Conflicting upload");
  await injectFault({ method: "PUT", path: "/files/", times: 1, status: 409 });
  const attachments = [await uploadFile(kevin, conversation_id, new File(["a"], "a.txt"))];
  assert.equal((await attempts()).length, 2);
  await ok(kevin.POST("/v1/messages", { body: { conversation_id, attachments } }));
});

const notReady = { status: 409, code: "attachment_not_ready" };

test("a send waits until its file has been scanned, under the same key", async () => {
  const conversation_id = await newConversation("Scan");
  const attachments = [await uploadFile(kevin, conversation_id, new File(["a"], "a.txt"))];
  const headers = { "Retry-After": "1" };
  await injectFault({ method: "POST", path: "/v1/messages", times: 5, ...notReady, headers });
  const message = await ok(kevin.POST("/v1/messages", { body: { conversation_id, attachments } }));
  assert.equal(message.attachments.length, 1);
  const keys = await attempts();
  assert.equal(keys.length, 6);
  assert.match(keys[0] ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(new Set(keys).size, 1);
});

test("an edit waits until its file has been scanned", async () => {
  const conversation_id = await newConversation("Scan for an edit");
  const { id } = await ok(kevin.POST("/v1/messages", { body: { conversation_id, message: "A file follows" } }));
  const attachments = [await uploadFile(kevin, conversation_id, new File(["a"], "a.txt"))];
  const fault = { method: "PUT", path: `/v1/messages/${id}`, times: 1, ...notReady };
  await injectFault({ ...fault, headers: { "Retry-After": "1" } });
  const message = await ok(kevin.PUT("/v1/messages/{id}", { params: { path: { id } }, body: { attachments } }));
  assert.equal(message.attachments.length, 1);
  assert.equal((await attempts()).length, 2);
});

test("a file that would not be scanned within five minutes is an error", async () => {
  const body = { conversation_id: await newConversation("Malware"), message: "Hello" };
  await injectFault({ method: "POST", path: "/v1/messages", times: 1, ...notReady, headers: { "Retry-After": "301" } });
  await assert.rejects(ok(kevin.POST("/v1/messages", { body })), hasStatus(409, "attachment_not_ready"));
  assert.equal((await attempts()).length, 1);
});

test("a send whose response is lost with the server is repeated once and stored once", async () => {
  const conversation_id = await newConversation("Lost");
  await injectFault({ method: "POST", path: "/v1/messages", times: 1, lose_response: true, kill: true });
  const sent = await kevin.POST("/v1/messages", { body: { conversation_id, message: "Only once" } });
  assert.equal(sent.response.headers.get("Idempotent-Replayed"), "true");
  assert.deepEqual(await texts(conversation_id), ["Only once"]);
  const keys = await attempts();
  assert.equal(keys.length, 2);
  assert.match(keys[0] ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(keys[1], keys[0]);
});

test("a request that is not safe to repeat is not repeated", async () => {
  await injectFault({ method: "POST", path: "/v1/tokens", times: 1, lose_response: true });
  await assert.rejects(ok(kevin.POST("/v1/tokens", { body: { label: "laptop" } })), TypeError);
  assert.deepEqual(await attempts(), [null]);
});

test("a GET, a PUT and a DELETE are repeated", async () => {
  const path = "/v1/blocks/Buzz0McCallister";
  const params = { path: { id: "Buzz0McCallister" } };
  await injectFault({ method: "GET", path: "/v1/me", times: 1, status: 504 });
  assert.equal((await ok(kevin.GET("/v1/me"))).username, "KevinMcCallister");
  assert.equal((await attempts()).length, 2);
  await injectFault({ method: "PUT", path, times: 1, lose_response: true });
  await ok(kevin.PUT("/v1/blocks/{id}", { params }));
  assert.equal((await attempts()).length, 2);
  await injectFault({ method: "DELETE", path, times: 1, status: 429 });
  await ok(kevin.DELETE("/v1/blocks/{id}", { params }));
  assert.equal((await attempts()).length, 2);
});

test("a removal is repeated until it is finished", async () => {
  const path = { id: await newConversation("Large") };
  const fault = { method: "DELETE", path: `/v1/conversations/${path.id}`, times: 1, status: 202 };
  await injectFault({ ...fault, headers: { "Retry-After": "1" } });
  const { response } = await kevin.DELETE("/v1/conversations/{id}", { params: { path } });
  assert.equal(response.status, 204);
  assert.equal((await attempts()).length, 2);
  await injectFault({ ...fault, headers: { "Retry-After": "301" } });
  await assert.rejects(ok(kevin.DELETE("/v1/conversations/{id}", { params: { path } })), hasStatus(202));
});

test("a token whose revocation had no response is revoked", async () => {
  const { id } = await ok(kevin.POST("/v1/tokens", { body: { label: "laptop" } }));
  const revoke = () => ok(kevin.DELETE("/v1/tokens/{id}", { params: { path: { id } } }));
  await injectFault({ method: "DELETE", path: `/v1/tokens/${id}`, times: 1, lose_response: true });
  await revoke();
  assert.equal((await attempts()).length, 2);
  await assert.rejects(revoke(), hasStatus(404, "token_not_found"));
});

test("a webhook whose deletion had no response is deleted", async () => {
  const { id } = await ok(kevin.POST("/v1/webhooks", { body: { url: "https://hooks.example.com" } }));
  const remove = () => ok(kevin.DELETE("/v1/webhooks/{id}", { params: { path: { id } } }));
  await injectFault({ method: "DELETE", path: `/v1/webhooks/${id}`, times: 1, lose_response: true });
  await remove();
  assert.equal((await attempts()).length, 2);
  await assert.rejects(remove(), hasStatus(404, "webhook_not_found"));
});

test("a failure that stays is an error after five attempts", async () => {
  await injectFault({ method: "GET", path: "/v1/me", times: 5, status: 503 });
  await assert.rejects(ok(kevin.GET("/v1/me")), hasStatus(503));
  assert.equal((await attempts()).length, 5);
});

test("the next attempt waits as long as Retry-After says, unless that is long", async () => {
  const fault = { method: "GET", path: "/v1/me", times: 1, status: 503 };
  await injectFault({ ...fault, headers: { "Retry-After": "1" } });
  const start = performance.now();
  await ok(kevin.GET("/v1/me"));
  assert.ok(performance.now() - start >= 1000);
  await injectFault({ ...fault, status: 429, headers: { "Retry-After": "3600" } });
  await assert.rejects(ok(kevin.GET("/v1/me")), (error: ApiError) => {
    assert.equal(error.retryAfter, 3600);
    return hasStatus(429)(error);
  });
  assert.equal((await attempts()).length, 1);
});

test("a request that is cancelled is not repeated", { timeout: 10_000 }, async () => {
  await injectFault({ method: "GET", path: "/v1/me", times: 1, status: 503, headers: { "Retry-After": "20" } });
  const signal = AbortSignal.timeout(100);
  await assert.rejects(ok(kevin.GET("/v1/me", { signal })), { name: "TimeoutError" });
  assert.equal((await attempts()).length, 1);
});

test("with a socket, events come at once", { timeout: 120_000 }, async () => {
  const conversation_id = await newConversation("Socket");
  const following = new AbortController();
  const delays: number[] = [];
  let sentAt = 0;
  const send = async (): Promise<void> => {
    sentAt = Date.now();
    await ok(kevin.POST("/v1/messages", { body: { conversation_id, message: "hello" } }));
  };
  for await (const page of events(kate, { interval: 60_000, socket, signal: following.signal })) {
    if (page.data.some(({ type }) => type === "message.created")) delays.push(Date.now() - sentAt);
    if (delays.length === 5) following.abort();
    // The first page has no events; the socket is opened meanwhile.
    else if (page.data.length === 0) setTimeout(() => void send(), 500);
    else if (delays.length > 0) void send();
  }
  // Without a socket, each would take a minute.
  assert.ok(delays.length === 5 && delays.every((delay) => delay < 10_000), String(delays));
});

test("who follows the feed gets every change, also of the time in which it did not", async () => {
  const conversation_id = await newConversation("Feed");
  const send = async (message: string) => (await ok(kevin.POST("/v1/messages", { body: { conversation_id, message } }))).id;
  let cursor = "";
  for await (const page of events(kate)) {
    assert.deepEqual(page.data, []);
    cursor = page.cursor;
    break;
  }
  const kept = await send("kept");
  const deleted = await send("deleted");
  await kevin.DELETE("/v1/messages/{id}", { params: { path: { id: deleted } } });
  const known = new Map<string, string>();
  const following = new AbortController();
  for await (const page of events(kate, { after: cursor, interval: 50, signal: following.signal })) {
    for (const { type, message_id, message } of page.data) {
      if (message) known.set(message.id, message.message);
      else known.set(message_id ?? "", type);
    }
    cursor = page.cursor;
    if (known.has(kept) && known.get(deleted) === "message.deleted") following.abort();
  }
  assert.equal(known.get(kept), "kept");
  await assert.rejects(async () => {
    for await (const page of events(kevin, { after: cursor })) assert.fail(JSON.stringify(page));
  }, hasStatus(400, "parameter_invalid"));
});

const secret = "whsec_bWVycnkgY2hyaXN0bWFzLCB5YSBmaWx0aHk=";
const otherSecret = "whsec_YW5kIGEgaGFwcHkgbmV3IHllYXIhISEhISE=";
const event = {
  type: "message.deleted",
  message_id: "3AZ9anUDAxgQQXg3hrtjh7AvZ",
  conversation_id: "xgQQXg3hrtjh7AvZ",
  message: null,
  conversation: null,
  later: "Käse",
};
// Indented, and with an umlaut: what is signed are the bytes, not the value.
const deliveredValue = { type: event.type, timestamp: "2026-11-24T12:25:06Z", data: event, recipients: null };
const delivered = JSON.stringify(deliveredValue, null, 2);

interface Signing {
  body?: string;
  secrets?: string[];
  timestamp?: number | string;
  id?: string;
}

/** Returns the headers of a delivery. */
function signed({
  body = delivered,
  secrets = [secret],
  timestamp = Math.floor(Date.now() / 1000),
  id = "0AbCdEfGhIjKlMnOp",
}: Signing = {}): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice("whsec_".length), "base64");
    return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
  });
  return { "webhook-id": id, "webhook-timestamp": `${timestamp}`, "webhook-signature": signatures.join(" ") };
}

type Delivered = Partial<Parameters<typeof verifyWebhook>[0]>;

const verify = (given: Delivered = {}) => verifyWebhook({ secret, headers: signed(), body: delivered, ...given });

async function assertRefused(reason: RegExp, given: Delivered): Promise<void> {
  await assert.rejects(verify(given), (error) => {
    assert.ok(error instanceof WebhookVerificationError, String(error));
    assert.equal(error.name, "WebhookVerificationError");
    assert.match(error.message, reason);
    return true;
  });
}

interface Receiver {
  url: string;
  /** Returns the next delivery. */
  next: () => Promise<{ headers: IncomingHttpHeaders; body: Buffer }>;
  close: () => void;
}

async function startReceiver(): Promise<Receiver> {
  const posted: { headers: IncomingHttpHeaders; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    posted.push({ headers: request.headers, body: Buffer.concat(chunks) });
    response.writeHead(204).end();
    server.emit("posted");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    next: async () => {
      if (posted.length === 0) await once(server, "posted");
      return posted.shift() ?? assert.fail();
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

test("both libraries accept what the API posts", { timeout: 60_000 }, async () => {
  const receiver = await startReceiver();
  const webhook = await ok(kate.POST("/v1/webhooks", { body: { url: receiver.url } }));
  const conversation_id = await newConversation("posted");
  const sent = await ok(kevin.POST("/v1/messages", { body: { conversation_id, message: "posted" } }));
  for (let found = false; !found; ) {
    const { headers, body } = await receiver.next();
    const delivery = await verifyWebhook({ secret: webhook.secret, headers, body });
    new Webhook(webhook.secret).verify(body, headers as Record<string, string>);
    found = delivery.data.message_id === sent.id;
  }
  await ok(kate.DELETE("/v1/webhooks/{id}", { params: { path: { id: webhook.id } } }));
  receiver.close();
});

test("after a rotation, a receiver can have either secret", { timeout: 60_000 }, async () => {
  const receiver = await startReceiver();
  const webhook = await ok(kate.POST("/v1/webhooks", { body: { url: receiver.url, events: ["conversation.deleted"] } }));
  const params = { path: { id: webhook.id } };
  const rotated = await ok(kate.POST("/v1/webhooks/{id}/secret", { params }));
  assert.notEqual(webhook.secret, rotated.secret);
  const tested = await ok(kate.POST("/v1/webhooks/{id}/test", { params }));
  const { headers, body } = await receiver.next();
  for (const secret of [webhook.secret, rotated.secret]) {
    const { id, type, recipients } = await verifyWebhook({ secret, headers, body });
    assert.deepEqual({ id, type, recipients }, { id: tested.id, type: "webhook.test", recipients: null });
    new Webhook(secret).verify(body, headers as Record<string, string>);
  }
  await assertRefused(/no signature/, { secret: otherSecret, headers, body });
  const listed: [string, string | null][] = [];
  for await (const { id, message_id } of paginate(kate, "/v1/webhooks/{id}/deliveries", {}, params.path)) {
    listed.push([id, message_id]);
  }
  assert.deepEqual(listed, [[tested.id, null]]);
  const replay = await ok(kate.POST("/v1/webhooks/{id}/replay", { params, body: { ids: [tested.id] } }));
  assert.equal(replay.queued, 1);
  await ok(kate.DELETE("/v1/webhooks/{id}", { params }));
  receiver.close();
});

test("the recipients of a delivery are those of its body", async () => {
  const recipient = { contact_id: "hSIhXBhNe8X1d8Et", external_id: null, is_online: false };
  for (const recipients of [undefined, null, [], [recipient, { ...recipient, external_id: "user-7" }]]) {
    const body = JSON.stringify({ ...deliveredValue, recipients });
    assert.deepEqual((await verify({ headers: signed({ body }), body })).recipients, recipients ?? null);
  }
});

test("an event can be of a type that the client does not know", async () => {
  const body = delivered.replaceAll("message.deleted", "message.forgotten");
  const { type, data } = await verify({ headers: signed({ body }), body });
  assert.deepEqual([type, data.type], ["message.forgotten", "message.forgotten"]);
});

test("what the reference library for webhooks signs is accepted", async () => {
  const now = new Date();
  const headers = {
    "webhook-id": "msg_1",
    "webhook-timestamp": `${Math.floor(now.getTime() / 1000)}`,
    "webhook-signature": new Webhook(secret).sign("msg_1", now, delivered),
  };
  const delivery = await verify({ headers });
  assert.deepEqual(delivery, { id: "msg_1", ...deliveredValue });
});

test("the reference library for webhooks accepts what these tests sign", async () => {
  const headers = signed({ secrets: [otherSecret, secret] });
  assert.deepEqual(new Webhook(secret).verify(delivered, headers), JSON.parse(delivered));
  await verify({ headers });
});

test("the body of a delivery is text or bytes", async () => {
  const bytes = new TextEncoder().encode(delivered);
  const part = Buffer.concat([Buffer.from("before"), bytes, Buffer.from("after")]).subarray(6, 6 + bytes.length);
  for (const body of [bytes, bytes.buffer, Buffer.from(delivered), part, new DataView(bytes.buffer)]) {
    assert.deepEqual(await verify({ body }), await verify());
  }
  await assert.rejects(verify({ body: JSON.parse(delivered) }), { name: "TypeError", message: /raw body/ });
});

test("names of headers of a delivery are in any case", async () => {
  const headers = Object.entries(signed());
  await verify({ headers: Object.fromEntries(headers.map(([name, value]) => [name.toUpperCase(), value])) });
  await verify({ headers: new Headers(signed()) });
  await verify({ headers: new Request("http://localhost", { headers: signed() }).headers });
  const received: IncomingHttpHeaders = { ...signed(), "set-cookie": ["a", "b"], host: undefined };
  await verify({ headers: received });
  await verify({ headers: Object.fromEntries(headers.map(([name, value]) => [name, [value]])) });
});

test("another body, another id and another secret of a delivery are refused", async () => {
  await assertRefused(/no signature/, { body: `${delivered}\n` });
  await assertRefused(/no signature/, { body: JSON.stringify(JSON.parse(delivered)) });
  await assertRefused(/no signature/, { body: new Uint8Array([255]) });
  await assertRefused(/no signature/, { headers: { ...signed(), "webhook-id": "1AbCdEfGhIjKlMnOp" } });
  await assertRefused(/no signature/, { secret: otherSecret });
});

test("a missing header of a delivery is named", async () => {
  for (const name of Object.keys(signed())) {
    for (const missing of [undefined, "", []]) {
      await assertRefused(new RegExp(`${name} is missing`), { headers: { ...signed(), [name]: missing } });
    }
    const headers = new Headers(signed());
    headers.delete(name);
    await assertRefused(new RegExp(`${name} is missing`), { headers });
  }
});

test("the timestamp of a delivery is at most five minutes off", async (context) => {
  const now = 1_795_523_106;
  context.mock.timers.enable({ apis: ["Date"], now: now * 1000 });
  for (const offset of [-300, 0, 300]) await verify({ headers: signed({ timestamp: now + offset }) });
  for (const offset of [-301, 301]) {
    await assertRefused(/5 minutes/, { headers: signed({ timestamp: now + offset }) });
  }
  await assertRefused(/no signature/, { headers: { ...signed(), "webhook-timestamp": `${now + 1}` } });
  for (const timestamp of [`${now}.0`, ` ${now}`, `+${now}`, `${now}\n`, "1e9", "NaN", "9".repeat(5000), "١"]) {
    await assertRefused(/Unix seconds/, { headers: signed({ timestamp }) });
  }
});

test("one valid signature of a delivery of several suffices", async () => {
  const headers = signed({ secrets: [otherSecret, secret] });
  await verify({ headers });
  await verify({ headers, secret: otherSecret });
  const valid = signed()["webhook-signature"];
  for (const others of ["v1,AAAA", "v1a,AAAA", "v1", "", ",", "\xff\ud800"]) {
    await verify({ headers: { ...signed(), "webhook-signature": `${others} ${valid} ${others}` } });
  }
});

test("garbage and other versions are no signatures of a delivery", async () => {
  const signature = signed()["webhook-signature"]?.slice("v1,".length) ?? assert.fail();
  const garbage = ["v1", "v1,", "v1,!!!!", `v2,${signature}`, `v1a,${signature}`, signature, `v1,${signature}A`, "\ud800"];
  const truncated = [`v1,${signature.slice(0, -1)}`, `v1,${signature.slice(1)}`];
  for (const given of [...garbage, ...truncated, `v1,${"A".repeat(43)}=`]) {
    await assertRefused(/no signature/, { headers: { ...signed(), "webhook-signature": given } });
  }
});

test("a signed body that is no delivery is refused", async () => {
  const withoutData = JSON.stringify({ ...deliveredValue, data: null });
  for (const body of ["", "[]", "null", "{}", withoutData, delivered.slice(0, -1)]) {
    await assertRefused(/not a delivery/, { headers: signed({ body }), body });
  }
});

test("a malformed secret of a webhook is an error that does not contain it", async () => {
  const withoutPrefix = secret.slice("whsec_".length);
  for (const malformed of ["", "whsec_", withoutPrefix, `${secret}\n`, "whsec_a-b_", "whsec_abc", "whsec_ä"]) {
    await assert.rejects(verify({ secret: malformed }), {
      name: "TypeError",
      message: "the webhook secret must be whsec_ followed by base64",
    });
  }
});
