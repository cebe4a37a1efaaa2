"""A proxy that plants faults in the API, to see whether they are noticed: `faults.py API_URL`. Prints its own URL."""

import http.server
import json
import sys
import urllib.error
import urllib.request

API = sys.argv[1]
KEVIN, LINNIE = "Bearer citypay_demo_kevin", "Bearer citypay_demo_linnie"


class Faults(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def relay(self):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        if self.path.startswith("/v1/conversations/") and headers.get("Authorization") == LINNIE:
            headers["Authorization"] = KEVIN  # she sees what is his
        if self.path.startswith("/v1/blocks"):
            headers.pop("Authorization", None)
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length else None
        request = urllib.request.Request(API + self.path, body, headers, method=self.command)
        try:
            response = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            response = error
        status, content = response.status, response.read()
        if self.command == "GET" and self.path.startswith("/v1/contacts/") and status in (200, 404):
            error = {"type": "invalid_request", "code": "parameter_invalid", "message": "No.", "param": "id"}
            status, content = 400, json.dumps({**error, "request_id": response.headers["X-Request-Id"]}).encode()
        elif self.command == "GET" and self.path.startswith("/v1/contacts") and status == 200:
            content = json.dumps({"data": json.loads(content)["data"]}).encode()  # without `has_more`
        if self.command == "GET" and self.path == "/v1/me" and status == 200:
            status, content = 500, b'{"message": "Internal Server Error"}'
        self.send_response(status)
        for name, value in response.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_PATCH = do_TRACE = do_HEAD = do_QUERY = relay

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faults)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
