"""What the example push.py does, against the local stack and a stub of FCM: `test_push.py PUSH_PY`."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
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
Response = tuple[int, bytes]


def sign_in(username: str) -> MessagesClient:
    contact = create_contact.sync(client=server, body=CreateContact(username, external_id=username))
    token = create_contact_token.sync(contact.id, client=server, body=CreateToken()).token
    return MessagesClient(URL, token=token)


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


class Fcm:
    """The stub of FCM, which knows all devices but `gone`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self.is_available = True

    def respond(self, headers: Headers, body: bytes) -> Response:
        assert headers["Authorization"] == "Bearer oauth-token"
        message = json.loads(body)["message"]
        notification = message["notification"]
        response = 200, b'{"name": "projects/test/messages/1"}'
        if message["token"] == "gone":
            response = 404, b'{"error": {"status": "NOT_FOUND", "details": [{"errorCode": "UNREGISTERED"}]}}'
        if not self.is_available:
            response = 503, b"{}"
        self.requests.append((message["token"], notification["title"], notification["body"]))
        return response

    def wait_for(self, request: tuple[str, str, str]) -> None:
        give_up_at = time.monotonic() + 40
        while request not in self.requests:
            assert time.monotonic() < give_up_at, f"{request} is not among {self.requests}"
            time.sleep(0.05)


def tearDownModule() -> None:
    server.close()


class PushTest(unittest.TestCase):
    def setUp(self) -> None:
        self.fcm = Fcm()
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        self.log = tempfile.TemporaryFile("w+")
        folder = tempfile.TemporaryDirectory()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.push_url = f"http://127.0.0.1:{port}"
        hook = CreateWebhook(serve(self.forward), [EventType.MESSAGE_CREATED])
        self.webhook = create_webhook.sync(client=server, body=hook)
        environment = {
            "WEBHOOK_SECRET": self.webhook.secret,
            "FCM_URL": serve(self.fcm.respond),
            "FCM_TOKEN": "oauth-token",
        }
        self.process = subprocess.Popen(
            [sys.executable, PUSH_PY, URL, str(port), str(Path(folder.name) / "push.db")],
            env=os.environ | environment,
            stdout=self.log,
            stderr=self.log,
        )
        self.addCleanup(self.log.close)
        self.addCleanup(folder.cleanup)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.addCleanup(delete_webhook.sync, self.webhook.id, client=server)
        while self.process.poll() is None:
            try:
                httpx.post(self.push_url)
                break
            except httpx.ConnectError:
                time.sleep(0.05)

    def forward(self, headers: Headers, body: bytes) -> Response:
        """Forwards a delivery to the example, and remembers it."""
        self.deliveries.append((dict(headers), body))
        return self.deliver(*self.deliveries[-1]), b""

    def deliver(self, headers: dict[str, str], body: bytes) -> int:
        signed = {name: value for name, value in headers.items() if name.lower().startswith("webhook-")}
        return httpx.post(f"{self.push_url}/webhook", headers=signed, content=body).status_code

    def register(self, client: MessagesClient, device: str) -> int:
        headers = {"Authorization": f"Bearer {client.token}"}
        return httpx.post(f"{self.push_url}/devices", headers=headers, content=device).status_code

    def test_who_is_offline_and_has_not_muted_the_conversation_gets_each_message_once(self) -> None:
        names = ["PushSender", "PushOffline", "PushOnline", "PushMuted", "PushGone"]
        sender, offline, online, muted, gone = clients = [sign_in(name) for name in names]
        unknown = MessagesClient(URL, token="unknown")
        acting = MessagesClient(URL, token="citypay_sk_demo", on_behalf_of="external:PushSender")
        for client in (*clients, acting):
            self.addCleanup(client.close)
        for client, device in zip(clients, ["sender", "offline", "online", "muted", "gone"], strict=True):
            self.assertEqual(self.register(client, device), 204)
        self.assertEqual(self.register(unknown, "stolen"), 401)
        created = create_conversation.sync(client=acting, body=CreateConversation(names[1:], "Push"))
        update_conversation.sync(created.id, client=muted, body=UpdateConversation(is_muted=True))

        def send(text: str) -> None:
            create_message.sync(client=sender, body=CreateMessage(created.id, text))

        with open_socket(online):
            send("first text")
            self.fcm.wait_for(("offline", "PushSender", "first text"))
            self.fcm.wait_for(("gone", "PushSender", "first text"))
            [(headers, body)] = self.deliveries
            self.assertEqual(self.deliver(headers, body), 204)  # repeated
            self.assertEqual(self.deliver(headers, body + b" "), 400)
            self.fcm.is_available = False
            send("second text")
            self.fcm.wait_for(("offline", "PushSender", "second text"))
            self.fcm.is_available = True
            send("third text")
            self.fcm.wait_for(("offline", "PushSender", "third text"))
        # While FCM was unavailable, it got the second one, too.
        sent = [("offline", text) for text in ("first text", "second text", "second text", "third text")]
        requests = [(device, text) for device, _, text in self.fcm.requests]
        self.assertEqual(sorted(requests), sorted([*sent, ("gone", "first text")]))
        self.log.seek(0)
        log = self.log.read()
        self.assertIn("push failed", log)
        self.assertNotIn(" text", log)


if __name__ == "__main__":
    unittest.main(verbosity=2)
