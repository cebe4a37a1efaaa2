"""Sends push notifications for new messages, with Firebase Cloud Messaging (FCM): `push.py API_URL PORT DATABASE`.

It receives a webhook of the operator at `/webhook`. The app of a user registers its device with `POST /devices`: the
token of the user in `Authorization`, and the device token as the body. `DATABASE` is a file of SQLite.

`WEBHOOK_SECRET` is the secret of the webhook, `FCM_URL` is `https://fcm.googleapis.com/v1/projects/PROJECT/messages:send`,
and `FCM_TOKEN` an OAuth token for it, which is valid for an hour: in production, let google-auth renew it.
"""

import os
import sqlite3
import sys
import time
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import httpx
from citypay_messages import ApiError, MessagesClient, VerifiedDelivery, WebhookVerificationError, verify_webhook
from citypay_messages.api.me import get_me

API_URL, PORT, DATABASE = sys.argv[1:]
WEBHOOK_SECRET, FCM_URL, FCM_TOKEN = (os.environ[name] for name in ("WEBHOOK_SECRET", "FCM_URL", "FCM_TOKEN"))
HOUR = 3600
fcm = httpx.Client(headers={"Authorization": f"Bearer {FCM_TOKEN}"}, timeout=10)
lock = Lock()
database = sqlite3.connect(DATABASE, check_same_thread=False)
database.executescript("""
    CREATE TABLE IF NOT EXISTS devices (token TEXT PRIMARY KEY, contact_id TEXT);
    CREATE TABLE IF NOT EXISTS deliveries (id TEXT PRIMARY KEY, received_at REAL);
    CREATE INDEX IF NOT EXISTS deliveries_by_time ON deliveries (received_at);
    CREATE TABLE IF NOT EXISTS pushes (device_token TEXT, title TEXT, body TEXT, queued_at REAL);
""")


def register_device(headers: Headers, device_token: bytes) -> int:
    """Stores whose device it is, which the API says. Returns the status of the response."""
    try:
        with MessagesClient(API_URL, token=headers.get("Authorization", "").removeprefix("Bearer ")) as app:
            contact = get_me.sync(client=app)
    except ApiError as error:
        return error.status
    with lock, database:
        database.execute("REPLACE INTO devices VALUES (?, ?)", (device_token.decode(), contact.id))
    return 204


def receive_webhook(headers: Headers, body: bytes) -> int:
    """Returns the status of the response."""
    try:
        queue_pushes(verify_webhook(WEBHOOK_SECRET, headers, body))
    except WebhookVerificationError:
        return 400
    return 204


def queue_pushes(delivery: VerifiedDelivery) -> None:
    """Queues a push for each device of those who are not online, unless this delivery was received before."""
    now, message = time.time(), delivery.data.message
    with lock, database:
        inserted = database.execute("INSERT OR IGNORE INTO deliveries VALUES (?, ?)", (delivery.id, now))
        if inserted.rowcount == 0 or delivery.type != "message.created" or not message:
            return
        push = (message.contact.username, message.message[:200] or "sent a file", now)
        for recipient in delivery.recipients or []:
            if not recipient.is_online:
                devices = "SELECT token, ?, ?, ? FROM devices WHERE contact_id = ?"
                database.execute(f"INSERT INTO pushes {devices}", (*push, recipient.contact_id))


def send_push(device_token: str, title: str, body: str) -> bool:
    """Returns whether the device is still registered. Raises `httpx.HTTPError` if the push has to be sent again."""
    message = {"token": device_token, "notification": {"title": title, "body": body}}
    response = fcm.post(FCM_URL, json={"message": message})
    if response.status_code == 404 and "UNREGISTERED" in response.text:
        return False
    response.raise_for_status()
    return True


def send_queued() -> bool:
    """Tries to send the queued pushes. Returns whether all were sent."""
    now, failures = time.time(), 0
    with lock, database:
        # What is an hour old is no news. Deliveries can be replayed for 30 days.
        database.execute("DELETE FROM pushes WHERE queued_at < ?", (now - HOUR,))
        database.execute("DELETE FROM deliveries WHERE received_at < ?", (now - 30 * 24 * HOUR,))
        queued = database.execute("SELECT rowid, device_token, title, body FROM pushes").fetchall()
    for id_, device_token, title, body in queued:
        try:
            is_registered = send_push(device_token, title, body)
        except httpx.HTTPError as error:
            print("push failed:", error, file=sys.stderr)  # without the text, which is private
            failures += 1
            continue
        with lock, database:
            database.execute("DELETE FROM pushes WHERE rowid = ?", (id_,))
            if not is_registered:
                database.execute("DELETE FROM devices WHERE token = ?", (device_token,))
    return failures == 0


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        respond = {"/webhook": receive_webhook, "/devices": register_device}.get(self.path)
        self.send_response(respond(self.headers, body) if respond else 404)
        self.end_headers()


server = ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler)
Thread(target=server.serve_forever, daemon=True).start()
while True:
    time.sleep(1 if send_queued() else 10)
