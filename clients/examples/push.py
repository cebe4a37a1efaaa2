"""Sends push notifications for new messages, with Firebase Cloud Messaging (FCM): `push.py API_URL PORT DATABASE`.

It receives a webhook of the operator at `/webhook`. The app of a user registers its device with `POST /devices`: the
token of the user in `Authorization`, and the device token as the body. `DATABASE` is a file of SQLite. A proxy with TLS
must be in front of this server, which listens on 127.0.0.1, without TLS.

`WEBHOOK_SECRET` is the secret of the webhook, `FCM_URL` is `https://fcm.googleapis.com/v1/projects/PROJECT/messages:send`,
and `FCM_TOKEN` an OAuth token for it, which is valid for an hour: in production, let google-auth renew it.
"""

import json
import os
import random
import re
import sqlite3
import sys
import time
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import httpx
from citypay_messages import WebhookVerificationError, verify_webhook
from citypay_messages.models import Message

API_URL, PORT, DATABASE = sys.argv[1:]
WEBHOOK_SECRET, FCM_URL, FCM_TOKEN = (os.environ[name] for name in ("WEBHOOK_SECRET", "FCM_URL", "FCM_TOKEN"))
HOUR = 3600
http = httpx.Client(timeout=10)
lock = Lock()
database = sqlite3.connect(DATABASE, check_same_thread=False)
database.executescript("""
    CREATE TABLE IF NOT EXISTS devices (token TEXT PRIMARY KEY, contact_id TEXT, registered_at REAL);
    CREATE INDEX IF NOT EXISTS devices_by_contact ON devices (contact_id, registered_at);
    CREATE TABLE IF NOT EXISTS deliveries (id TEXT PRIMARY KEY, changed_at REAL);
    CREATE TABLE IF NOT EXISTS pushes (id INTEGER PRIMARY KEY AUTOINCREMENT, device_token TEXT, content TEXT,
        changed_at REAL, attempts INTEGER, due_at REAL);
    CREATE INDEX IF NOT EXISTS pushes_by_due_time ON pushes (due_at);
""")


def register_device(headers: Headers, body: bytes) -> int:
    """Stores whose device it is, which the API says. Returns the status of the response."""
    if not re.fullmatch(rb"[!-~]+", body):
        return 400
    device_token, authorization = body.decode(), headers.get("Authorization", "").encode("latin-1")
    try:
        # Not with the client, which would repeat the request while the app waits.
        response = http.get(f"{API_URL}/v1/me", headers={b"Authorization": authorization})
    except httpx.HTTPError:
        return 503
    if not response.is_success:
        return response.status_code
    contact_id = response.json()["id"]
    with lock, database:
        # Another user may have been signed in before, for whom pushes are queued.
        database.execute("DELETE FROM pushes WHERE device_token = ?", (device_token,))
        database.execute("REPLACE INTO devices VALUES (?, ?, ?)", (device_token, contact_id, time.time()))
        after_ten = "SELECT token FROM devices WHERE contact_id = ? ORDER BY registered_at DESC LIMIT -1 OFFSET 10"
        database.execute(f"DELETE FROM devices WHERE token IN ({after_ten})", (contact_id,))
    return 204


def receive_webhook(headers: Headers, body: bytes) -> int:
    """Queues a push for each device of those who are not online. Returns the status of the response."""
    try:
        delivery = verify_webhook(WEBHOOK_SECRET, headers, body)
    except WebhookVerificationError:
        return 400
    now, changed_at, message = time.time(), delivery.timestamp.timestamp(), delivery.data.message
    if delivery.type != "message.created" or not message or changed_at < now - HOUR:
        return 204
    content = json.dumps(notification_of(message))
    with lock, database:
        inserted = database.execute("INSERT OR IGNORE INTO deliveries VALUES (?, ?)", (delivery.id, changed_at))
        if inserted.rowcount == 0:
            return 204  # The delivery was received before.
        for recipient in delivery.recipients or []:
            if not recipient.is_online:
                pushes = "SELECT NULL, token, ?, ?, 0, ? FROM devices WHERE contact_id = ?"
                database.execute(f"INSERT INTO pushes {pushes}", (content, changed_at, now, recipient.contact_id))
    return 204


def notification_of(message: Message) -> dict[str, object]:
    """Returns a message of FCM without its device token."""
    return {
        "notification": {"title": message.contact.username, "body": message.message[:200] or "sent a file"},
        # What the app opens.
        "data": {"conversation_id": message.conversation_id, "message_id": message.id},
        # A push that is sent twice replaces itself.
        "android": {"notification": {"tag": message.id}},
        "apns": {"headers": {"apns-collapse-id": message.id}},
    }


def send_push(device_token: str, content: str) -> httpx.Response:
    message = {"token": device_token, **json.loads(content)}
    try:
        return http.post(FCM_URL, json={"message": message}, headers={"Authorization": f"Bearer {FCM_TOKEN}"})
    except httpx.HTTPError:
        return httpx.Response(503)


def send_next() -> bool:
    """Sends a push that is due. Returns whether there was one."""
    now = time.time()
    with lock, database:
        due = "SELECT id, attempts, device_token, content FROM pushes WHERE due_at <= ? ORDER BY due_at LIMIT 1"
        push = database.execute(due, (now,)).fetchone()
        if not push:
            return False
        id_, attempts, device_token, content = push
        # When it is sent again, unless it is deleted below.
        due_at = now + 30 * 2**attempts * random.uniform(1, 1.5)
        database.execute("UPDATE pushes SET attempts = ?, due_at = ? WHERE id = ?", (attempts + 1, due_at, id_))
    response = send_push(device_token, content)
    status, codes = response.status_code, re.findall(r'"errorCode": *"(\w+)"', response.text)
    if not response.is_success:
        print("push failed:", status, *codes, file=sys.stderr)  # without the text, which is private
    is_temporary = status >= 500 or (status in (401, 403, 429) and "SENDER_ID_MISMATCH" not in codes)
    with lock, database:
        if not is_temporary:
            database.execute("DELETE FROM pushes WHERE id = ?", (id_,))
        if "UNREGISTERED" in codes or "not a valid FCM registration token" in response.text:
            database.execute("DELETE FROM devices WHERE token = ?", (device_token,))
    return True


def send_pushes() -> None:
    while True:
        try:
            while send_next():
                pass
        except sqlite3.Error as error:  # for example, a full disk
            print("database error:", error, file=sys.stderr)
        time.sleep(1)


def delete_old() -> None:
    now = time.time()
    with lock, database:
        database.execute("DELETE FROM pushes WHERE changed_at < ?", (now - HOUR,))
        # A delivery that comes later queues nothing, as it is old.
        database.execute("DELETE FROM deliveries WHERE changed_at < ?", (now - 2 * HOUR,))
        # As FCM does on Android. The app registers its device again at each start.
        database.execute("DELETE FROM devices WHERE registered_at < ?", (now - 270 * 24 * HOUR,))


class Handler(BaseHTTPRequestHandler):
    timeout = 15
    endpoints = {"/webhook": (receive_webhook, 2_000_000), "/devices": (register_device, 4096)}

    def do_POST(self) -> None:
        self.send_response(self.respond())
        self.end_headers()

    def respond(self) -> int:
        """Returns the status of the response."""
        if self.path not in self.endpoints:
            return 404
        respond, longest_body = self.endpoints[self.path]
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,9}", length):
            return 411
        return respond(self.headers, self.rfile.read(int(length))) if int(length) <= longest_body else 413


Thread(target=ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler).serve_forever, daemon=True).start()
for _ in range(10):
    Thread(target=send_pushes, daemon=True).start()
while True:
    delete_old()
    time.sleep(60)
