"""What the client for Python does, against the local stack; `client.test.ts` is the same for TypeScript."""

import asyncio
import base64
import hmac
import json
import os
import queue
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import standardwebhooks
from citypay_messages import (
    ApiError,
    MessagesClient,
    VerifiedDelivery,
    WebhookVerificationError,
    events,
    events_async,
    paginate,
    paginate_async,
    upload_file,
    upload_file_async,
    verify_webhook,
)
from citypay_messages.api.attachments import download_attachment
from citypay_messages.api.blocks import block_contact, unblock_contact
from citypay_messages.api.contacts import list_contacts
from citypay_messages.api.conversations import (
    create_conversation,
    leave_conversation,
    list_conversations,
    update_conversation,
)
from citypay_messages.api.me import get_me
from citypay_messages.api.messages import create_message, delete_message, get_message, list_messages, update_message
from citypay_messages.api.tokens import create_token, revoke_token
from citypay_messages.api.webhooks import (
    create_webhook,
    delete_webhook,
    list_deliveries,
    list_webhooks,
    replay_deliveries,
    rotate_webhook_secret,
    test_webhook,
)
from citypay_messages.models import (
    CreateConversation,
    CreateMessage,
    CreateToken,
    CreateWebhook,
    DeliveryStatus,
    EventPage,
    EventType,
    ReactionsUpdate,
    Recipient,
    ReplayDeliveries,
    UpdateConversation,
    UpdateMessage,
)

URL = os.environ["API_URL"]
kevin = MessagesClient(URL, token="citypay_demo_kevin")
kate = MessagesClient(URL, token="citypay_demo_kate")
NOT_READY: dict[str, Any] = {"status": 409, "code": "attachment_not_ready"}


def new_conversation(name: str) -> str:
    """Creates a conversation of Kevin and Kate."""
    return create_conversation.sync(client=kevin, body=CreateConversation(["KateMcCallister"], name)).id


def texts(conversation_id: str) -> list[str]:
    messages = paginate(list_messages.sync_detailed, client=kate, conversation_id=conversation_id)
    return [message.message for message in messages]


def inject_fault(method: str, path: str, times: int = 1, **fault: Any) -> None:
    """Makes the next requests fail: see stack.py."""
    httpx.post(f"{URL}/proxy/faults", json={"method": method, "path": path, "times": times, **fault}).raise_for_status()


def attempts() -> list[str | None]:
    """Returns the keys of the attempts since the fault, `None` for none."""
    keys: list[str | None] = httpx.get(f"{URL}/proxy/attempts").json()
    return keys


async def uploads(conversation_id: str, file: Path) -> str:
    async with MessagesClient(URL, token="citypay_demo_kevin") as client:
        return await upload_file_async(client, conversation_id, file)


SECRET = "whsec_bWVycnkgY2hyaXN0bWFzLCB5YSBmaWx0aHk="
OTHER_SECRET = "whsec_YW5kIGEgaGFwcHkgbmV3IHllYXIhISEhISE="
EVENT = {
    "type": "message.deleted",
    "message_id": "3AZ9anUDAxgQQXg3hrtjh7AvZ",
    "conversation_id": "xgQQXg3hrtjh7AvZ",
    "message": None,
    "conversation": None,
}
# Spaces and an umlaut: what is signed are the bytes, not the value.
BODY = json.dumps(
    {
        "type": "message.deleted",
        "timestamp": "2026-11-24T12:25:06Z",
        "data": EVENT | {"later": "Käse"},
        "recipients": None,
    },
    ensure_ascii=False,
)


def signed(
    body: str = BODY, *secrets: str, timestamp: float | str | None = None, id: str = "0AbCdEfGhIjKlMnOp"
) -> dict[str, str]:
    """Returns the headers of a delivery."""
    timestamp = int(time.time()) if timestamp is None else timestamp
    signatures = []
    for secret in secrets or (SECRET,):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signature = hmac.digest(key, f"{id}.{timestamp}.{body}".encode(), "sha256")
        signatures.append(f"v1,{base64.b64encode(signature).decode()}")
    return {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": " ".join(signatures)}


Posted = queue.Queue[tuple[dict[str, str], bytes]]


@contextmanager
def receiver() -> Iterator[tuple[str, Posted]]:
    """Starts a server; returns its URL, and what is posted to it."""
    posted: Posted = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.put((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", posted
        server.shutdown()


def tearDownModule() -> None:
    kevin.close()
    kate.close()


class ClientTest(unittest.TestCase):
    def assert_status(self, error: ApiError, status: int, code: str | None = None) -> None:
        self.assertEqual((error.status, error.code), (status, code))

    def test_a_send_that_is_repeated_under_its_key_is_stored_once(self) -> None:
        message = CreateMessage(new_conversation("Keys"), "Merry Christmas")
        first = create_message.sync_detailed(client=kevin, body=message, idempotency_key="merry-christmas-py")
        second = create_message.sync_detailed(client=kevin, body=message, idempotency_key="merry-christmas-py")
        self.assertNotIn("Idempotent-Replayed", first.headers)
        self.assertEqual(second.headers["Idempotent-Replayed"], "true")
        self.assertEqual(second.parsed.id, first.parsed.id)
        self.assertEqual(texts(message.conversation_id), ["Merry Christmas"])

    def test_each_send_without_a_key_gets_one_of_its_own(self) -> None:
        message = CreateMessage(new_conversation("Same text"), "Hello")
        for _ in range(2):
            create_message.sync(client=kevin, body=message)
        self.assertEqual(texts(message.conversation_id), ["Hello", "Hello"])

    def test_paginate_returns_each_of_250_messages_once_newest_first(self) -> None:
        conversation = new_conversation("Long")

        def send(number: int) -> None:
            create_message.sync(client=kevin, body=CreateMessage(conversation, str(number)))

        with ThreadPoolExecutor(10) as threads:
            for first in range(0, 250, 10):
                list(threads.map(send, range(first, first + 10)))
        listed = [int(text) for text in texts(conversation)]
        self.assertEqual(sorted(listed), list(range(250)))
        # Those of ten were sent at the same time.
        self.assertEqual([number // 10 for number in listed], [24 - at // 10 for at in range(250)])

    def test_paginate_requests_no_page_before_it_is_needed(self) -> None:
        conversation = new_conversation("Short")
        for text in ("first", "second", "third"):
            create_message.sync(client=kevin, body=CreateMessage(conversation, text))
        messages = paginate(list_messages.sync_detailed, client=kate, conversation_id=conversation, limit=1)
        self.assertEqual([next(messages).message for _ in range(2)], ["third", "second"])

    def test_paginate_continues_after_an_empty_page_where_its_link_says(self) -> None:
        conversation = new_conversation("Filtered")
        create_message.sync(client=kevin, body=CreateMessage(conversation, "older"))
        newer = create_message.sync(client=kevin, body=CreateMessage(conversation, "newer"))
        link = f'</v1/messages?conversation_id={conversation}&limit=100&starting_after={newer.id}>; rel="next"'
        headers = {"Content-Type": "application/json", "Link": link}
        page: dict[str, Any] = {"has_more": True, "data": []}
        inject_fault("GET", "/v1/messages", status=200, headers=headers, body=page)
        self.assertEqual(texts(conversation), ["older"])

    def test_paginate_returns_a_conversation_once_that_moves_to_the_top_meanwhile(self) -> None:
        created = [new_conversation(name) for name in ("Third", "Second", "First")]
        conversations = paginate(list_conversations.sync_detailed, client=kevin, limit=1)
        found = [next(conversations).id for _ in range(2)]
        create_message.sync(client=kevin, body=CreateMessage(found[1], "To the top"))
        found += [conversation.id for conversation in conversations]
        self.assertEqual(found[:3], created[::-1])
        self.assertEqual(len(set(found)), len(found))

    def test_a_contact_is_found_by_username(self) -> None:
        [found] = list_contacts.sync(client=kevin, username="katemccallister").data
        self.assertEqual(list(paginate(list_contacts.sync_detailed, client=kevin, username="katemccallister")), [found])
        self.assertEqual(found.username, "KateMcCallister")

    def test_paginate_does_not_take_ending_before(self) -> None:
        with self.assertRaisesRegex(TypeError, "ending_before"):
            paginate(list_contacts.sync_detailed, client=kevin, ending_before="KateMcCallister0")
        with self.assertRaisesRegex(TypeError, "ending_before"):
            paginate_async(list_contacts.asyncio_detailed, client=kevin, ending_before="KateMcCallister0")

    def test_an_edit_of_an_outdated_version_is_412_and_changes_nothing(self) -> None:
        message = CreateMessage(new_conversation("Edits"), "frist")
        sent = create_message.sync_detailed(client=kevin, body=message)
        etag = sent.headers["ETag"]
        edited = update_message.sync(sent.parsed.id, client=kevin, body=UpdateMessage("first"), if_match=etag)
        self.assertEqual(edited.message, "first")
        with self.assertRaises(ApiError) as raised:
            update_message.sync(sent.parsed.id, client=kevin, body=UpdateMessage("second"), if_match=etag)
        self.assert_status(raised.exception, 412, "precondition_failed")
        self.assertEqual(texts(message.conversation_id), ["first"])

    def test_a_reaction_and_the_read_mark_are_seen_by_the_other(self) -> None:
        conversation = new_conversation("Reactions")
        sent = create_message.sync(client=kevin, body=CreateMessage(conversation, "Hi"))
        heart = UpdateMessage(reactions=ReactionsUpdate.from_dict({"heart": ["KateMcCallister"]}))
        update_message.sync(sent.id, client=kate, body=heart)
        update_conversation.sync(conversation, client=kate, body=UpdateConversation(read_up_to=sent.id))
        message = get_message.sync(sent.id, client=kevin)
        self.assertEqual([reaction.to_dict() for reaction in message.reactions], [{"heart": ["KateMcCallister"]}])
        self.assertIsNotNone(message.read_at)

    def test_a_message_that_has_not_changed_is_304(self) -> None:
        sent = create_message.sync_detailed(client=kevin, body=CreateMessage(new_conversation("Unchanged"), "Hi"))
        with self.assertRaises(ApiError) as raised:
            get_message.sync(sent.parsed.id, client=kevin, if_none_match=sent.headers["ETag"])
        self.assert_status(raised.exception, 304)

    def test_an_unknown_token_is_401_with_everything_that_the_api_says_about_it(self) -> None:
        with MessagesClient(URL, token="citypay_demo_marv") as stranger, self.assertRaises(ApiError) as raised:
            get_me.sync(client=stranger)
        self.assert_status(raised.exception, 401, "token_invalid")
        self.assertRegex(str(raised.exception), "^401 token_invalid ")
        self.assertRegex(raised.exception.request_id or "", "^[0-9a-f-]{36}$")

    def test_a_parameter_at_fault_is_named(self) -> None:
        with self.assertRaises(ApiError) as raised:
            list_messages.sync(client=kevin, limit=0)
        self.assert_status(raised.exception, 400, "parameter_invalid")
        self.assertEqual(raised.exception.param, "limit")

    def test_a_file_is_sent_with_a_message_and_downloaded_by_the_other(self) -> None:
        conversation = new_conversation("Files")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "tree.jpg"
            file.write_bytes(os.urandom(200_000))
            attachments = [upload_file(kevin, conversation, file), asyncio.run(uploads(conversation, file))]
            create_message.sync(client=kevin, body=CreateMessage(conversation, attachments=attachments))
            [message] = list_messages.sync(client=kate, conversation_id=conversation).data
            self.assertEqual([attachment.id for attachment in message.attachments], attachments)
            for attachment in message.attachments:
                self.assertEqual((attachment.filename, attachment.file_type), ("tree.jpg", "image/jpeg"))
                downloaded = download_attachment.sync(attachment.id, client=kate)
                self.assertEqual(downloaded.payload.read(), file.read_bytes())

    def test_an_upload_whose_response_is_lost_is_repeated_and_sent(self) -> None:
        conversation = new_conversation("Lost upload")
        for upload in (upload_file, lambda *arguments: asyncio.run(uploads(*arguments[1:]))):
            with self.subTest(upload), tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "a.txt"
                file.write_text("a" * 300_000)
                inject_fault("PUT", "/files/", lose_response=True)
                attachment_id = upload(kevin, conversation, file)
                self.assertEqual(len(attempts()), 2)
                body = CreateMessage(conversation, attachments=[attachment_id])
                [attachment] = create_message.sync(client=kevin, body=body).attachments
                self.assertEqual(attachment.file_size, 300_000)

    def test_an_upload_that_is_refused_is_an_error(self) -> None:
        conversation = new_conversation("Refused upload")
        inject_fault("PUT", "/files/", times=1, status=403)
        with self.assertRaises(ApiError) as raised:
            upload_file(kevin, conversation, __file__)
        self.assert_status(raised.exception, 403)
        self.assertEqual(len(attempts()), 1)

    def test_an_upload_is_repeated_while_s3_processes_another_attempt_of_it(self) -> None:
        conversation = new_conversation("Conflicting upload")
        for upload in (upload_file, lambda *arguments: asyncio.run(uploads(*arguments[1:]))):
            with self.subTest(upload):
                inject_fault("PUT", "/files/", status=409)
                attachment_id = upload(kevin, conversation, Path(__file__))
                self.assertEqual(len(attempts()), 2)
                create_message.sync(client=kevin, body=CreateMessage(conversation, attachments=[attachment_id]))

    def test_a_send_waits_until_its_file_has_been_scanned_under_the_same_key(self) -> None:
        conversation = new_conversation("Scan")
        body = CreateMessage(conversation, attachments=[upload_file(kevin, conversation, __file__)])
        inject_fault("POST", "/v1/messages", times=5, **NOT_READY, headers={"Retry-After": "1"})
        self.assertEqual(len(create_message.sync(client=kevin, body=body).attachments), 1)
        keys = attempts()
        self.assertEqual(len(keys), 6)
        self.assertRegex(keys[0] or "", "^[0-9a-f-]{36}$")
        self.assertEqual(len(set(keys)), 1)

    def test_an_edit_waits_until_its_file_has_been_scanned(self) -> None:
        conversation = new_conversation("Scan for an edit")
        sent = create_message.sync(client=kevin, body=CreateMessage(conversation, "A file follows"))
        body = UpdateMessage(attachments=[upload_file(kevin, conversation, __file__)])
        inject_fault("PUT", f"/v1/messages/{sent.id}", **NOT_READY, headers={"Retry-After": "1"})
        self.assertEqual(len(update_message.sync(sent.id, client=kevin, body=body).attachments), 1)
        self.assertEqual(len(attempts()), 2)

    def test_a_file_that_would_not_be_scanned_within_five_minutes_is_an_error(self) -> None:
        message = CreateMessage(new_conversation("Malware"), "Hello")
        inject_fault("POST", "/v1/messages", **NOT_READY, headers={"Retry-After": "301"})
        with self.assertRaises(ApiError) as raised:
            create_message.sync(client=kevin, body=message)
        self.assert_status(raised.exception, 409, "attachment_not_ready")
        self.assertEqual(len(attempts()), 1)

    def test_a_send_whose_response_is_lost_with_the_server_is_repeated_once_and_stored_once(self) -> None:
        message = CreateMessage(new_conversation("Lost"), "Only once")
        inject_fault("POST", "/v1/messages", lose_response=True, kill=True)
        sent = create_message.sync_detailed(client=kevin, body=message)
        self.assertEqual(sent.headers["Idempotent-Replayed"], "true")
        self.assertEqual(texts(message.conversation_id), ["Only once"])
        first, second = attempts()
        self.assertRegex(first or "", "^[0-9a-f-]{36}$")
        self.assertEqual(second, first)

    def test_a_request_that_is_not_safe_to_repeat_is_not_repeated(self) -> None:
        inject_fault("POST", "/v1/tokens", lose_response=True)
        with self.assertRaises(httpx.RemoteProtocolError):
            create_token.sync(client=kevin, body=CreateToken("laptop"))
        self.assertEqual(attempts(), [None])

    def test_a_get_a_put_and_a_delete_are_repeated(self) -> None:
        inject_fault("GET", "/v1/me", status=504)
        self.assertEqual(get_me.sync(client=kevin).username, "KevinMcCallister")
        self.assertEqual(len(attempts()), 2)
        inject_fault("PUT", "/v1/blocks/Buzz0McCallister", lose_response=True)
        block_contact.sync("Buzz0McCallister", client=kevin)
        self.assertEqual(len(attempts()), 2)
        inject_fault("DELETE", "/v1/blocks/Buzz0McCallister", status=429)
        unblock_contact.sync("Buzz0McCallister", client=kevin)
        self.assertEqual(len(attempts()), 2)

    def test_a_removal_is_repeated_until_it_is_finished(self) -> None:
        conversation = new_conversation("Large")
        inject_fault("DELETE", f"/v1/conversations/{conversation}", status=202, headers={"Retry-After": "1"})
        self.assertEqual(leave_conversation.sync_detailed(conversation, client=kevin).status, 204)
        self.assertEqual(len(attempts()), 2)
        inject_fault("DELETE", f"/v1/conversations/{conversation}", status=202, headers={"Retry-After": "301"})
        with self.assertRaises(ApiError) as raised:
            leave_conversation.sync(conversation, client=kevin)
        self.assert_status(raised.exception, 202)

    def test_a_token_whose_revocation_had_no_response_is_revoked(self) -> None:
        token = create_token.sync(client=kevin, body=CreateToken("laptop"))
        inject_fault("DELETE", f"/v1/tokens/{token.id}", lose_response=True)
        revoke_token.sync(token.id, client=kevin)
        self.assertEqual(len(attempts()), 2)
        with self.assertRaises(ApiError) as raised:
            revoke_token.sync(token.id, client=kevin)
        self.assert_status(raised.exception, 404, "token_not_found")

    def test_a_webhook_whose_deletion_had_no_response_is_deleted(self) -> None:
        webhook = create_webhook.sync(client=kevin, body=CreateWebhook(url="https://hooks.example.com"))
        inject_fault("DELETE", f"/v1/webhooks/{webhook.id}", lose_response=True)
        delete_webhook.sync(webhook.id, client=kevin)
        self.assertEqual(len(attempts()), 2)
        with self.assertRaises(ApiError) as raised:
            delete_webhook.sync(webhook.id, client=kevin)
        self.assert_status(raised.exception, 404, "webhook_not_found")

    def test_webhooks_are_a_list_with_pages(self) -> None:
        ids = [
            create_webhook.sync(client=kevin, body=CreateWebhook(url="https://hooks.example.com")).id for _ in range(3)
        ]
        listed = [webhook.id for webhook in paginate(list_webhooks.sync_detailed, client=kevin, limit=2)]
        self.assertEqual(listed, ids[::-1])
        for each in ids:
            delete_webhook.sync(each, client=kevin)

    def test_a_failure_that_stays_is_an_error_after_five_attempts(self) -> None:
        inject_fault("GET", "/v1/me", times=5, status=503)
        with self.assertRaises(ApiError) as raised:
            get_me.sync(client=kevin)
        self.assert_status(raised.exception, 503)
        self.assertEqual(len(attempts()), 5)

    def test_the_next_attempt_waits_as_long_as_retry_after_says_unless_that_is_long(self) -> None:
        inject_fault("GET", "/v1/me", status=503, headers={"Retry-After": "1"})
        start = time.monotonic()
        get_me.sync(client=kevin)
        self.assertGreaterEqual(time.monotonic() - start, 1)
        inject_fault("GET", "/v1/me", status=429, headers={"Retry-After": "3600"})
        with self.assertRaises(ApiError) as raised:
            get_me.sync(client=kevin)
        self.assert_status(raised.exception, 429)
        self.assertEqual(raised.exception.retry_after, 3600)
        self.assertEqual(len(attempts()), 1)

    def test_who_follows_the_feed_gets_every_change_also_of_the_time_in_which_it_did_not(self) -> None:
        conversation = new_conversation("Feed")
        begun = next(events(kate))
        self.assertEqual(begun.data, [])
        kept, deleted = (
            create_message.sync(client=kevin, body=CreateMessage(conversation, text)).id for text in ("kept", "deleted")
        )
        delete_message.sync(deleted, client=kevin)
        known: dict[str | None, str] = {}
        for page in events(kate, begun.cursor, interval=0.05):
            known |= {event.message_id: event.message.message if event.message else event.type_ for event in page.data}
            if kept in known and known.get(deleted) == "message.deleted":
                break
        self.assertEqual(known[kept], "kept")

        async def first() -> EventPage:
            async with MessagesClient(URL, token="citypay_demo_kate") as client:
                async for page in events_async(client, begun.cursor):
                    return page
            raise AssertionError("it has no end")

        self.assertIn(kept, {event.message_id for event in asyncio.run(first()).data})
        with self.assertRaises(ApiError) as raised:
            next(events(kevin, begun.cursor))
        self.assert_status(raised.exception, 400, "parameter_invalid")


class WebhookTest(unittest.TestCase):
    def verify(self, headers: Mapping[str, str], body: bytes | str = BODY, secret: str = SECRET) -> VerifiedDelivery:
        return verify_webhook(secret, headers, body)

    def assert_refused(
        self, reason: str, headers: Mapping[str, str], body: bytes | str = BODY, secret: str = SECRET
    ) -> None:
        with self.assertRaisesRegex(WebhookVerificationError, reason):
            verify_webhook(secret, headers, body)

    def test_both_libraries_accept_what_the_api_posts(self) -> None:
        with receiver() as (url, posted):
            webhook = create_webhook.sync(client=kate, body=CreateWebhook(url=url))
            body = CreateMessage(message="posted", conversation_id=new_conversation("posted"))
            sent = create_message.sync(client=kevin, body=body)
            while True:
                headers, content = posted.get(timeout=30)
                delivery = verify_webhook(webhook.secret, headers, content)
                standardwebhooks.Webhook(webhook.secret).verify(content, headers)
                if delivery.data.message_id == sent.id:
                    break
        delete_webhook.sync(webhook.id, client=kate)

    def test_after_a_rotation_a_receiver_can_have_either_secret(self) -> None:
        with receiver() as (url, posted):
            new_webhook = CreateWebhook(url, [EventType.CONVERSATION_DELETED])
            webhook = create_webhook.sync(client=kate, body=new_webhook)
            rotated = rotate_webhook_secret.sync(webhook.id, client=kate)
            self.assertNotEqual(webhook.secret, rotated.secret)
            tested = test_webhook.sync(webhook.id, client=kate)
            headers, content = posted.get(timeout=30)
            for secret in (webhook.secret, rotated.secret):
                delivery = verify_webhook(secret, headers, content)
                self.assertEqual((delivery.id, delivery.type, delivery.recipients), (tested.id, "webhook.test", None))
                standardwebhooks.Webhook(secret).verify(content, headers)
            self.assert_refused("no signature", headers, content, OTHER_SECRET)
        [listed] = paginate(list_deliveries.sync_detailed, webhook.id, client=kate)
        self.assertEqual((listed.id, listed.message_id), (tested.id, None))
        failed = paginate(list_deliveries.sync_detailed, webhook.id, client=kate, status=DeliveryStatus.FAILED)
        self.assertEqual(list(failed), [])
        replay = replay_deliveries.sync(webhook.id, client=kate, body=ReplayDeliveries([tested.id]))
        self.assertEqual(replay.queued, 1)
        delete_webhook.sync(webhook.id, client=kate)

    def test_recipients_are_those_of_the_body(self) -> None:
        recipient: dict[str, Any] = {"contact_id": "hSIhXBhNe8X1d8Et", "external_id": None, "is_online": False}
        lists: list[list[dict[str, Any]]] = [[], [recipient, recipient | {"external_id": "user-7", "later": 1}]]
        for recipients in lists:
            body = json.dumps(json.loads(BODY) | {"recipients": recipients})
            verified = self.verify(signed(body), body).recipients
            self.assertEqual(verified, [Recipient.from_dict(each) for each in recipients])
        for body in (BODY, BODY.replace("recipients", "others")):
            self.assertIsNone(self.verify(signed(body), body).recipients)

    def test_an_event_can_be_of_a_type_that_the_client_does_not_know(self) -> None:
        body = BODY.replace("message.deleted", "message.forgotten")
        delivery = self.verify(signed(body), body)
        self.assertEqual((delivery.type, delivery.data.type_), ("message.forgotten", "message.forgotten"))

    def test_what_the_reference_library_signs_is_accepted(self) -> None:
        now = datetime.now(tz=UTC).replace(microsecond=0)
        signature = standardwebhooks.Webhook(SECRET).sign("msg_1", now, BODY)
        timestamp = str(int(now.timestamp()))
        headers = {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": signature}
        delivery = self.verify(headers)
        self.assertEqual((delivery.id, delivery.type), ("msg_1", EVENT["type"]))
        self.assertEqual(delivery.timestamp, datetime(2026, 11, 24, 12, 25, 6, tzinfo=UTC))
        self.assertEqual(delivery.data.to_dict(), EVENT | {"later": "Käse"})

    def test_the_reference_library_accepts_what_these_tests_sign(self) -> None:
        headers = signed(BODY, OTHER_SECRET, SECRET)
        self.assertEqual(standardwebhooks.Webhook(SECRET).verify(BODY, headers), json.loads(BODY))
        self.verify(headers)

    def test_the_body_is_bytes_or_text(self) -> None:
        self.assertEqual(self.verify(signed(), BODY.encode()), self.verify(signed(), BODY))
        parsed: Any = json.loads(BODY)
        with self.assertRaisesRegex(TypeError, "raw body"):
            self.verify(signed(), parsed)

    def test_names_of_headers_are_in_any_case(self) -> None:
        self.verify({name.upper(): value for name, value in signed().items()})
        self.verify(httpx.Headers(signed()))
        received = Message()
        for name, value in signed().items():
            received[name.title()] = value
        verify_webhook(SECRET, received, BODY)

    def test_another_body_another_id_and_another_secret_are_refused(self) -> None:
        self.assert_refused("no signature", signed(), BODY + "\n")
        self.assert_refused("no signature", signed(), json.dumps(json.loads(BODY)))
        self.assert_refused("no signature", signed(), b"\xff")
        self.assert_refused("no signature", signed(), "\ud800")
        self.assert_refused("no signature", signed() | {"webhook-id": "1AbCdEfGhIjKlMnOp"})
        self.assert_refused("no signature", signed(), secret=OTHER_SECRET)

    def test_a_missing_header_is_named(self) -> None:
        for name in signed():
            headers = signed()
            headers[name] = ""
            self.assert_refused(f"{name} is missing", headers)
            del headers[name]
            self.assert_refused(f"{name} is missing", headers)

    def test_the_timestamp_is_at_most_five_minutes_off(self) -> None:
        now = 1_795_523_106
        with mock.patch("time.time", return_value=float(now)):
            for offset in (-300, 0, 300):
                self.verify(signed(timestamp=now + offset))
            for offset in (-301, 301):
                self.assert_refused("5 minutes", signed(timestamp=now + offset))
            self.assert_refused("no signature", signed(timestamp=now) | {"webhook-timestamp": str(now + 1)})
            for timestamp in (f"{now}.0", f" {now}", f"+{now}", f"{now}\n", "1e9", "nan", "9" * 5000, "١"):
                self.assert_refused("Unix seconds", signed(timestamp=timestamp))

    def test_one_valid_signature_of_several_suffices(self) -> None:
        valid = signed()["webhook-signature"]
        with_both = signed(BODY, OTHER_SECRET, SECRET)
        self.verify(with_both)
        self.verify(with_both, secret=OTHER_SECRET)
        for others in ("v1,AAAA", "v1a,AAAA", "v1", "", ",", "\xff\ud800"):
            self.verify(signed() | {"webhook-signature": f"{others} {valid} {others}"})

    def test_garbage_and_other_versions_are_no_signatures(self) -> None:
        signature = signed()["webhook-signature"].removeprefix("v1,")
        garbage = (
            "v1",
            "v1,",
            "v1,!!!!",
            f"v2,{signature}",
            f"v1a,{signature}",
            signature,
            f"v1,{signature}A",
            "\ud800",
        )
        for given in (*garbage, f"v1,{signature[:-1]}", f"v1,{signature[1:]}", f"v1,{signature.swapcase()}"):
            with self.subTest(given):
                self.assert_refused("no signature", signed() | {"webhook-signature": given})

    def test_a_signed_body_that_is_no_delivery_is_refused(self) -> None:
        without_data = BODY.replace(json.dumps(EVENT)[1:-1], "")
        for body in ("", "[]", "null", "{}", without_data, BODY.replace("Z", "?"), BODY[:-1]):
            with self.subTest(body):
                self.assert_refused("not a delivery", signed(body), body)

    def test_a_malformed_secret_is_an_error_that_does_not_contain_it(self) -> None:
        for secret in (
            "",
            "whsec_",
            SECRET.removeprefix("whsec_"),
            f"{SECRET}\n",
            "whsec_a-b_",
            "whsec_abc",
            "whsec_ä",
        ):
            with (
                self.subTest(secret),
                self.assertRaisesRegex(ValueError, "^the webhook secret must be whsec_ followed"),
            ):
                self.verify(signed(), secret=secret)


class AsyncClientTest(unittest.IsolatedAsyncioTestCase):
    async def test_concurrent_sends_are_each_stored_once_although_a_response_is_lost(self) -> None:
        async with MessagesClient(URL, token="citypay_demo_kevin") as client:
            body = CreateConversation(["KateMcCallister"], "Concurrent")
            conversation = (await create_conversation.asyncio(client=client, body=body)).id
            inject_fault("POST", "/v1/messages", lose_response=True, kill=True)
            sends = (CreateMessage(conversation, str(number)) for number in range(20))
            sent = await asyncio.gather(*(create_message.asyncio(client=client, body=body) for body in sends))
            list_all = list_messages.asyncio_detailed
            listed = paginate_async(list_all, client=client, conversation_id=conversation, limit=7)
            self.assertEqual({message.id async for message in listed}, {message.id for message in sent})
            self.assertEqual(len({message.id for message in sent}), 20)

    async def test_a_send_waits_until_its_file_has_been_scanned(self) -> None:
        async with MessagesClient(URL, token="citypay_demo_kevin") as client:
            conversation = new_conversation("Asynchronous scan")
            attachment_id = await upload_file_async(client, conversation, __file__)
            inject_fault("POST", "/v1/messages", **NOT_READY, headers={"Retry-After": "1"})
            body = CreateMessage(conversation, attachments=[attachment_id])
            self.assertEqual(len((await create_message.asyncio(client=client, body=body)).attachments), 1)
        self.assertEqual(len(attempts()), 2)

    async def test_a_failure_that_stays_is_an_error(self) -> None:
        inject_fault("GET", "/v1/me", times=5, status=503)
        async with MessagesClient(URL, token="citypay_demo_kevin") as client:
            with self.assertRaises(ApiError):
                await get_me.asyncio(client=client)
        self.assertEqual(len(attempts()), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
