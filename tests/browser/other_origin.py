"""A page of another origin sends a file with the code of docs/guide.md, and another person downloads it. Run by
`.ci/check-browser` with the URL.
"""

import hashlib
import random
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
GUIDE = Path(__file__).parents[2] / "docs/guide.md"
CONVERSATION = "xgQQXg3hrtjh7AvZ"
SIZE = 5_000_000


class Page(BaseHTTPRequestHandler):
    """An empty page, and the file to send."""

    content = b"\xff\xd8\xff" + random.Random(1).randbytes(SIZE - 3)

    def do_GET(self):
        is_page = self.path == "/"
        body = b"<!doctype html><title>another origin</title>" if is_page else self.content
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if is_page else "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def main(url: str):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    [send] = re.findall(r"```js\n(const send = .*?)\n```", GUIDE.read_text(), re.DOTALL)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        sent = page.evaluate(
            """async ([API, code, conversation]) => {
                const send = new Function("API", `${code}; return send;`)(API);
                const bytes = await (await fetch("/file")).blob();
                const file = new File([bytes], "house.jpg", {type: "image/jpeg"});
                return send("citypay_demo_kevin", conversation, file, "Look");
            }""",
            [url, send, CONVERSATION],
        )
        [attachment] = sent["attachments"]
        assert (attachment["filename"], attachment["file_size"]) == ("house.jpg", SIZE), attachment
        download = """async ([url, token]) => {
            const response = await fetch(url, {headers: {Authorization: `Bearer ${token}`}});
            const bytes = await response.arrayBuffer();
            const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
            const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
            return [response.status, hex, response.headers.get("Content-Type")];
        }"""
        found = page.evaluate(download, [attachment["file_url"], "citypay_demo_kate"])
        assert found == [200, hashlib.sha256(Page.content).hexdigest(), "image/jpeg"], found
        remove = """([url, token]) => fetch(url, {
            method: "DELETE", headers: {Authorization: `Bearer ${token}`},
        }).then((response) => response.status)"""
        message = f"{url}/v1/messages/{sent['id']}"
        assert page.evaluate(remove, [message, "citypay_demo_kevin"]) == 204
        [status, *_] = page.evaluate(download, [attachment["file_url"], "citypay_demo_kate"])
        assert status == 404, status
        browser.close()
    print(f"{SIZE} bytes from another origin, and back with the same SHA-256")


if __name__ == "__main__":
    main(sys.argv[1])
