"""What the example push.py does, against the local stack and a stub of FCM: `test_push.py PUSH_PY`."""

import base64
import hmac
import http.client
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
from citypay_messages import MessagesClient
from citypay_messages.api.contacts import create_contact, create_contact_token
from citypay_messages.api.conversations import create_conversation, update_conversation
from citypay_messages.api.messages import create_message
from citypay_messages.api.webhooks import create_webhook, delete_webhook
from citypay_messages.models import (
    CreateContact,
    CreateConversation,
    CreateMessage,
    CreateToken,
    CreateWebhook,
    EventType,
    UpdateConversation,
)

PUSH_PY = sys.argv.pop(1)
URL, SOCKET_URL = os.environ["API_URL"], urlsplit(os.environ["SOCKET_URL"])
server = MessagesClient(URL, token="citypay_sk_demo")
DAY = 24 * 3600
Response = tuple[int, bytes]


def sign_in(username: str) -> MessagesClient:
    contact = create_contact.sync(client=server, body=CreateContact(username, external_id=username))
    token = create_contact_token.sync(contact.id, client=server, body=CreateToken()).token
    return MessagesClient(URL, token=token)


def send(client: MessagesClient, conversation_id: str, text: str) -> str:
    """Returns the id of the message."""
    return create_message.sync(client=client, body=CreateMessage(conversation_id, text)).id


def open_socket(client: MessagesClient) -> socket.socket:
    """Opens a WebSocket, and does not read it."""
    assert SOCKET_URL.hostname
    opened = socket.create_connection((SOCKET_URL.hostname, SOCKET_URL.port or 80))
    headers = {
        "Host": SOCKET_URL.netloc,
        "Authorization": f"Bearer {client.token}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    lines = [f"GET {SOCKET_URL.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    opened.sendall("\r\n".join(lines).encode())
    assert b" 101 " in opened.recv(4096)
    return opened


def serve(respond: Callable[[Headers, bytes], Response]) -> str:
    """Starts a server; returns its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, content = respond(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    started = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=started.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{started.server_port}"


def fcm_error(status: int, code: str, message: str = "") -> Response:
    error = {"code": status, "message": message, "details": [{"errorCode": code}]}
    return status, json.dumps({"error": error}, indent=2).encode()


class Fcm:
    """The stub of FCM. It responds with the error of a device, if there is one."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.errors: dict[str, Response] = {}

    def respond(self, headers: Headers, body: bytes) -> Response:
        assert headers["Authorization"] == "Bearer oauth-token"
        message = json.loads(body)["message"]
        self.messages.append(message)
        return self.errors.get(message["token"], (200, b'{"name": "projects/test/messages/1"}'))


def tearDownModule() -> None:
    server.close()


class PushTest(unittest.TestCase):
    def setUp(self) -> None:
        self.fcm = Fcm()
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        self.log = tempfile.TemporaryFile("w+")
        folder = tempfile.TemporaryDirectory()
        self.database = Path(folder.name) / "push.db"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.push_url = f"http://127.0.0.1:{self.port}"
        hook = CreateWebhook(serve(self.forward), [EventType.MESSAGE_CREATED])
        self.webhook = create_webhook.sync(client=server, body=hook)
        self.fcm_url = serve(self.fcm.respond)
        self.start()
        self.addCleanup(self.log.close)
        self.addCleanup(folder.cleanup)
        self.addCleanup(self.kill)
        self.addCleanup(delete_webhook.sync, self.webhook.id, client=server)

    def tearDown(self) -> None:
        self.assertNotIn("Traceback", self.read_log())

    def start(self) -> None:
        environment = {"WEBHOOK_SECRET": self.webhook.secret, "FCM_URL": self.fcm_url, "FCM_TOKEN": "oauth-token"}
        self.process = subprocess.Popen(
            [sys.executable, PUSH_PY, URL, str(self.port), str(self.database)],
            env=os.environ | environment,
            stdout=self.log,
            stderr=self.log,
        )
        while self.process.poll() is None:
            try:
                httpx.post(self.push_url)
                break
            except httpx.ConnectError:
                time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def read_log(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Executes a statement in the database of the example."""
        with closing(sqlite3.connect(self.database)) as database, database:
            return database.execute(statement).fetchall()

    def send_again_now(self) -> None:
        self.execute("UPDATE pushes SET due_at = 0")

    def forward(self, headers: Headers, body: bytes) -> Response:
        """Forwards a delivery to the example, and remembers it."""
        self.deliveries.append((dict(headers), body))
        return self.deliver(*self.deliveries[-1]), b""

    def deliver(self, headers: dict[str, str], body: bytes) -> int:
        signed = {name: value for name, value in headers.items() if name.lower().startswith("webhook-")}
        return httpx.post(f"{self.push_url}/webhook", headers=signed, content=body).status_code

    def sign(self, body: bytes, id: str) -> dict[str, str]:
        """Returns the headers of a delivery."""
        timestamp = int(time.time())
        key = base64.b64decode(self.webhook.secret.removeprefix("whsec_"))
        signature = base64.b64encode(hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")).decode()
        return {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}

    def sign_in(self, username: str) -> MessagesClient:
        client = sign_in(username)
        self.addCleanup(client.close)
        return client

    def register(self, client: MessagesClient, device: str | bytes) -> int:
        headers = {b"Authorization": f"Bearer {client.token}".encode()}
        return httpx.post(f"{self.push_url}/devices", headers=headers, content=device).status_code

    def new_conversation(self, sender: str, *usernames: str) -> str:
        acting = MessagesClient(URL, token="citypay_sk_demo", on_behalf_of=f"external:{sender}")
        with acting:
            return create_conversation.sync(client=acting, body=CreateConversation(list(usernames))).id

    def sent(self) -> list[tuple[str, str]]:
        """Returns the device and the text of each message that FCM got, sorted."""
        return sorted((message["token"], message["notification"]["body"]) for message in self.fcm.messages)

    def wait_for(self, device: str, text: str, times: int = 1) -> None:
        self.wait_until(lambda: self.sent().count((device, text)) >= times)

    def wait_for_queue(self, length: int) -> None:
        """Waits until this many pushes are queued."""
        self.wait_until(lambda: self.execute("SELECT count(*) FROM pushes") == [(length,)])

    def wait_until(self, condition: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + 40
        while not condition():
            self.assertLess(time.monotonic(), give_up_at, f"FCM has received {self.sent()}")
            time.sleep(0.05)

    def test_who_is_offline_and_has_not_muted_the_conversation_gets_each_message_once(self) -> None:
        names = ["PushSender", "PushOffline", "PushOnline", "PushMuted"]
        sender, offline, online, muted = clients = [self.sign_in(name) for name in names]
        for client, device in zip(clients, ["sender", "offline", "online", "muted"], strict=True):
            self.assertEqual(self.register(client, device), 204)
        conversation = self.new_conversation(*names)
        update_conversation.sync(conversation, client=muted, body=UpdateConversation(is_muted=True))

        with open_socket(online):
            send(sender, conversation, "first text")
            self.wait_for("offline", "first text")
            [(headers, body)] = self.deliveries
            self.assertEqual(self.deliver(headers, body), 204)  # repeated
            self.assertEqual(self.deliver(headers, body + b" "), 400)
            send(sender, conversation, "second text")
            self.wait_for("offline", "second text")
        notifications = [(message["token"], message["notification"]) for message in self.fcm.messages]
        texts = ("first text", "second text")
        self.assertEqual(notifications, [("offline", {"title": "PushSender", "body": text}) for text in texts])

    def test_a_push_names_the_message(self) -> None:
        names = ["PushNamer", "PushNamed"]
        sender, recipient = (self.sign_in(name) for name in names)
        self.assertEqual(self.register(recipient, "phone"), 204)
        conversation = self.new_conversation(*names)
        message = send(sender, conversation, "a text")
        self.wait_for("phone", "a text")
        expected = {
            "token": "phone",
            "notification": {"title": "PushNamer", "body": "a text"},
            "data": {"conversation_id": conversation, "message_id": message},
            "android": {"notification": {"tag": message}},
            "apns": {"headers": {"apns-collapse-id": message}},
        }
        self.assertEqual(self.fcm.messages, [expected])

    def test_only_temporary_failures_are_sent_again_and_delay_no_other_push(self) -> None:
        names = ["PushFailing", "PushFailed"]
        sender, recipient = (self.sign_in(name) for name in names)
        conversation = self.new_conversation(*names)
        temporary = {"unavailable": fcm_error(503, "UNAVAILABLE"), "unauthorized": (401, b"{}")}
        invalid = "The registration token is not a valid FCM registration token"
        forgotten = {
            "gone": fcm_error(404, "UNREGISTERED"),
            "invalid": fcm_error(400, "INVALID_ARGUMENT", invalid),
        }
        dropped = {
            "too-big": fcm_error(400, "INVALID_ARGUMENT", "Android message is too big"),
            "of-others": fcm_error(403, "SENDER_ID_MISMATCH"),
            "lost": (404, b"<html>"),
        }
        devices = [*temporary, *forgotten, *dropped, "fine"]
        for device in devices:
            self.assertEqual(self.register(recipient, device), 204)
        self.fcm.errors = temporary | forgotten | dropped

        send(sender, conversation, "first text")
        for device in devices:
            self.wait_for(device, "first text")
        send(sender, conversation, "second text")
        for device in [*temporary, *dropped, "fine"]:
            self.wait_for(device, "second text")
        self.wait_for_queue(4)
        self.fcm.errors = {}
        self.send_again_now()
        self.wait_for_queue(0)
        texts = ["first text", "second text"]
        once = [(device, text) for device in [*dropped, "fine"] for text in texts]
        twice = [(device, text) for device in temporary for text in texts]
        once += [(device, "first text") for device in forgotten]
        self.assertEqual(self.sent(), sorted(once + twice + twice))
        log = self.read_log()
        self.assertIn("push failed: 404 UNREGISTERED", log)
        self.assertNotIn(" text", log)

    def test_a_restart_neither_loses_nor_repeats_pushes(self) -> None:
        names = ["PushBefore", "PushAfter"]
        sender, recipient = (self.sign_in(name) for name in names)
        conversation = self.new_conversation(*names)
        for device in ("phone", "old"):
            self.assertEqual(self.register(recipient, device), 204)
        self.fcm.errors = {"phone": fcm_error(503, "UNAVAILABLE")}
        send(sender, conversation, "first text")
        self.wait_for("phone", "first text")
        self.wait_for_queue(1)
        self.kill()

        self.execute(f"UPDATE devices SET registered_at = {time.time() - 271 * DAY} WHERE token = 'old'")
        self.send_again_now()
        self.fcm.errors = {}
        self.start()
        self.assertEqual(self.deliver(*self.deliveries[0]), 204)
        self.wait_for("phone", "first text", times=2)
        send(sender, conversation, "second text")
        self.wait_for("phone", "second text")
        self.wait_for_queue(0)
        first = ("phone", "first text")
        self.assertEqual(self.sent(), [("old", "first text"), first, first, ("phone", "second text")])

    def test_a_delivery_of_an_old_message_queues_nothing(self) -> None:
        names = ["PushThen", "PushNow"]
        sender, recipient = (self.sign_in(name) for name in names)
        self.assertEqual(self.register(recipient, "phone"), 204)
        send(sender, self.new_conversation(*names), "a text")
        self.wait_for("phone", "a text")
        delivery = json.loads(self.deliveries[0][1])
        for age, times in ((3 * DAY, 1), (3700, 1), (3500, 2)):
            timestamp = datetime.fromtimestamp(int(time.time()) - age, UTC).isoformat()
            body = json.dumps(delivery | {"timestamp": timestamp}).encode()
            self.assertEqual(self.deliver(self.sign(body, f"old-{age}"), body), 204)
            self.wait_for("phone", "a text", times)
            self.wait_for_queue(0)
            self.assertEqual(len(self.fcm.messages), times)

    def test_a_device_is_that_of_who_has_registered_it_last(self) -> None:
        names = ["PushLender", "PushFirst", "PushSecond"]
        sender, first, second = (self.sign_in(name) for name in names)
        with_first, with_second = (self.new_conversation(names[0], name) for name in names[1:])
        self.fcm.errors = {"shared": fcm_error(503, "UNAVAILABLE")}
        self.assertEqual(self.register(first, "shared"), 204)
        self.assertEqual(self.register(first, "other"), 204)
        send(sender, with_first, "to the first")
        self.wait_for("shared", "to the first")
        self.fcm.errors = {}
        self.assertEqual(self.register(second, "shared"), 204)
        self.send_again_now()
        send(sender, with_first, "to the first, too")
        send(sender, with_second, "to the second")
        self.wait_for("shared", "to the second")
        self.wait_for("other", "to the first, too")
        self.wait_for_queue(0)
        to_first = [("other", "to the first"), ("other", "to the first, too"), ("shared", "to the first")]
        self.assertEqual(self.sent(), [*to_first, ("shared", "to the second")])

    def test_a_contact_has_at_most_ten_devices(self) -> None:
        names = ["PushGiver", "PushCollector"]
        sender, collector = (self.sign_in(name) for name in names)
        devices = [f"device-{number:02}" for number in range(11)]
        for device in devices:
            self.assertEqual(self.register(collector, device), 204)
        send(sender, self.new_conversation(*names), "a text")
        self.wait_for("device-10", "a text")
        self.wait_for_queue(0)
        self.assertEqual(self.sent(), [(device, "a text") for device in devices[1:]])

    def test_what_is_not_valid_is_refused(self) -> None:
        client = self.sign_in("PushRefused")
        for device, status in ((b"", 400), (b"\xff", 400), (b"a b", 400), (b"x" * 4096, 204), (b"x" * 4097, 413)):
            self.assertEqual(self.register(client, device), status)
        self.assertEqual(self.register(MessagesClient(URL, token="unknown"), b"phone"), 401)
        self.assertEqual(self.register(MessagesClient(URL, token="k\xe4se"), b"phone"), 401)
        for body, status in ((b"\xff", 400), (b"{}", 400), (b" " * 2_000_000, 400), (b" " * 2_000_001, 413)):
            self.assertEqual(self.deliver(self.sign(body, "invalid"), body), status)
        self.assertEqual(httpx.post(f"{self.push_url}/others").status_code, 404)
        for length, status in ((None, 411), ("", 411), ("x", 411), ("-1", 411), ("9" * 5000, 411), ("999999999", 413)):
            with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
                connection.putrequest("POST", "/webhook")
                if length is not None:
                    connection.putheader("Content-Length", length)
                connection.endheaders()
                self.assertEqual(connection.getresponse().status, status)

    def test_a_device_is_not_registered_while_the_api_is_unavailable(self) -> None:
        client = self.sign_in("PushUnknown")
        for fault in ({"status": 503}, {"lose_response": True}):
            faults = {"method": "GET", "path": "/v1/me", "times": 2, **fault}
            httpx.post(f"{URL}/proxy/faults", json=faults).raise_for_status()
            self.assertEqual(self.register(client, "phone"), 503)
            self.assertEqual(httpx.get(f"{URL}/proxy/attempts").json(), [None])
            self.assertEqual(self.register(client, "phone"), 503)
            self.assertEqual(self.register(client, "phone"), 204)


if __name__ == "__main__":
    unittest.main(verbosity=2)
