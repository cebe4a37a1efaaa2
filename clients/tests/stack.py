"""Runs a command against the local stack: `stack.py DEV FOLDER COMMAND…`, with the address of the API in `API_URL`, and
that of the WebSocket API in `SOCKET_URL`.

The address is that of a proxy, which stands for what is between a client and the API. It breaks requests on demand:

    POST /proxy/faults    {"method": "POST", "path": "/v1/messages", "times": 1, …}: the next requests of this method
                          and path, or of paths that begin like it if it ends with a slash,
                            with "status", "headers" and "code" or "body": get this response, and are not forwarded;
                            "code" is that of an error of the API, "body" the JSON of a success
                            with "lose_response": are forwarded, but the client gets no response
                            with "kill", too: and then the API is killed and started again
    GET  /proxy/attempts  the `Idempotency-Key`, or null, of each request like that since then

Uploads to the bucket go through the proxy, too.
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

UPLOAD_URL = re.compile(rb'"url":"http://([^/]+)/files/')
CONNECTION_HEADERS = {"connection", "content-length", "date", "keep-alive", "transfer-encoding"}


class Stack:
    """`cargo dev` with a file for its data."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self.restarting = Lock()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.sockets_port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        ports = ["--port", "0", "--files-port", "0", "--sockets-port", str(self.sockets_port)]
        command = [self.binary, *ports, "--data", str(self.folder / "chat.db")]
        log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout
        greeting = self.process.stdout.readline()
        if "http://" not in greeting:
            sys.exit(f"{self.binary} did not start: see {self.folder / 'log'}")
        self.address = urlsplit(greeting[greeting.index("http://") :].split()[0]).netloc

    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.sockets_port}/live"

    def connect(self) -> http.client.HTTPConnection:
        with self.restarting:
            return http.client.HTTPConnection(self.address)

    def restart(self) -> None:
        with self.restarting:
            self.kill()
            self.start()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stack: Stack
    bucket = ""
    lock = Lock()
    fault: dict[str, Any] = {}
    attempts: list[str | None] = []

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True  # the client has gone

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/proxy/faults":
            Proxy.fault, Proxy.attempts = json.loads(body), []
            self.respond(204, {}, b"")
        elif self.path == "/proxy/attempts":
            self.respond(200, {"Content-Type": "application/json"}, json.dumps(self.attempts).encode())
        else:
            self.forward(body, self.next_fault())

    def next_fault(self) -> dict[str, Any]:
        """Returns the fault of this request; empty if it is to be forwarded as usual."""
        with self.lock:
            if not self.matches_fault():
                return {}
            self.attempts.append(self.headers.get("Idempotency-Key"))
            return self.fault if len(self.attempts) <= self.fault["times"] else {}

    def matches_fault(self) -> bool:
        if self.command != self.fault.get("method"):
            return False
        path, of_fault = self.path.split("?")[0], self.fault["path"]
        return path == of_fault or of_fault.endswith("/") and path.startswith(of_fault)

    def forward(self, body: bytes, fault: dict[str, Any]) -> None:
        if "status" in fault:
            error = {"message": http.client.responses[fault["status"]]}
            if "code" in fault:
                error["code"] = fault["code"]
            content = json.dumps(error).encode() if fault["status"] >= 400 else b""
            if "body" in fault:
                content = json.dumps(fault["body"]).encode()
            self.respond(fault["status"], fault.get("headers", {}), content)
            return
        is_upload = self.path.startswith("/files/")
        connection = http.client.HTTPConnection(self.bucket) if is_upload else self.stack.connect()
        headers = {name.title(): value for name, value in self.headers.items()}
        if is_upload:
            headers["Host"] = self.bucket  # as the URL was signed
        try:
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # the API was killed meanwhile
            return
        finally:
            connection.close()
        if fault.get("lose_response"):
            if fault.get("kill"):
                self.stack.restart()
            self.close_connection = True
            return
        if self.path == "/v1/attachments" and (url := UPLOAD_URL.search(content)):
            Proxy.bucket = url[1].decode()
            content = content.replace(url[1], self.headers["Host"].encode())
        self.respond(response.status, dict(response.getheaders()), content)

    def respond(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in CONNECTION_HEADERS:
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any


def main(binary: str, folder: str, *command: str) -> int:
    Path(folder).mkdir(parents=True)
    Proxy.stack = Stack(binary, Path(folder))
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{proxy.server_port}"
        urls = {"API_URL": url, "SOCKET_URL": Proxy.stack.socket_url()}
        return subprocess.run(command, env=os.environ | urls, timeout=300).returncode
    finally:
        Proxy.stack.kill()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
