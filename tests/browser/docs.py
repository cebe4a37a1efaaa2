"""Tries calls on the API reference of `cargo dev`. Run by `.ci/check-browser URL FOLDER`.

FOLDER/reference is the exported reference, for the API at URL.
"""

import functools
import http.server
import json
import sys
import threading
from collections import Counter
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from chat import CHROMIUM, WCAG_AA


def accessible(page: Page, url: str):
    """Checks that axe finds no more than it is known to find in Scalar's page: colors, a few and one for each operation."""
    paths = page.request.get(f"{url}/openapi.json").json()["paths"].values()
    operations = sum("operationId" in operation for path in paths for operation in path.values())
    known = Counter({"color-contrast": operations + 4})
    violations = Axe().run(page, options=WCAG_AA).response["violations"]
    found = Counter({each["id"]: len(each["nodes"]) for each in violations})
    print(f"axe finds in the reference: {dict(found)}; known: {dict(known)}")
    assert not found - known, found - known


def tries(page: Page, summary: str, operation: str) -> dict:
    """Opens an operation, sends its example, and returns the response."""
    page.get_by_role("link", name=summary).first.click()
    page.get_by_role("button", name=f"Test Request ({operation})").click()
    with page.expect_response(lambda response: "/v1/" in response.url and response.request.method != "OPTIONS") as response:
        page.get_by_role("dialog").get_by_role("button", name="Send Request").click()
    # Read to the end first: closing the dialog aborts the request, and its body is lost.
    body = response.value.text()
    assert response.value.status in (200, 201), body
    page.keyboard.press("Escape")
    return json.loads(body)


def serve(folder: Path) -> str:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def main(url: str, folder: Path):
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = browser.new_context(viewport={"width": 1300, "height": 900})
        requests, errors = [], []
        context.on("request", lambda request: requests.append(request.url))
        context.on("weberror", lambda error: errors.append(str(error.error)))

        # Every call can be sent as it is: the token of the demo data is filled in.
        page = context.new_page()
        page.goto(url)
        page.get_by_role("link", name="API reference").click()
        expect(page.get_by_role("button", name="Test Request (get /v1/messages)")).to_be_visible()
        accessible(page, url)
        me = tries(page, "Get your contact", "get /v1/me")
        assert me["username"] == "KevinMcCallister", me
        sent = tries(page, "Send a message", "post /v1/messages")
        assert sent["message"] == "Merry Christmas, Kevin.", sent
        page.screenshot(path=folder / "docs.png")
        # The chat, which is tested next, begins with the demo data.
        headers = {"Authorization": "Bearer citypay_demo_kevin"}
        assert page.request.delete(f"{url}/v1/messages/{sent['id']}", headers=headers).status == 204

        # Exported, on another host: the token is typed.
        exported = serve(folder / "reference")
        page = context.new_page()
        page.goto(exported)
        page.get_by_placeholder("Token").first.fill("citypay_demo_kate")
        me = tries(page, "Get your contact", "get /v1/me")
        assert me["username"] == "KateMcCallister", me

        assert not errors, errors
        outside = [request for request in requests if not request.startswith((url, exported, "data:", "blob:"))]
        assert not outside, outside
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
