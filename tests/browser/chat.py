"""Two people chat in a browser, on the page of `cargo dev`. Run by `.ci/check-browser URL FOLDER`.

Screenshots are written to FOLDER.
"""

import base64
import json
import re
import sys
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
# A red square of 8 by 8 pixels.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC"
)
WCAG_AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


class Person:
    """A browser window of its own."""

    def __init__(self, browser, url: str, name: str, **options):
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self.note_error)
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{url}/chat#as={name}")
        expect(self.page.locator("#me")).to_have_text(name)

    def note_error(self, message):
        # Chromium reports responses with an error status and broken connections by itself.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def looks_again(self):
        """As when the person returns to the window."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def opens(self, title: str):
        self.page.get_by_role("button", name=re.compile(re.escape(title))).first.click()
        expect(self.page.locator("#title")).to_contain_text(title)

    def sends(self, text: str):
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.keyboard.press("Enter")

    def confirms(self, click):
        self.page.once("dialog", lambda dialog: dialog.accept())
        click()

    def focuses(self) -> str | None:
        return self.page.evaluate("(({ activeElement: it }) => it.getAttribute('aria-label') ?? it.textContent)(document)")

    def tabs_to(self, label: str, key: str = "Tab"):
        for _ in range(100):
            if self.focuses() == label:
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{key} does not reach {label}")

    def message(self, text: str):
        return self.page.locator("#messages li").filter(has=self.page.get_by_text(text, exact=True))

    def sees(self, text: str, count: int = 1):
        expect(self.message(text)).to_have_count(count)


def api(page: Page, path: str, token: str):
    return page.evaluate(
        "([path, token]) => fetch(path, {headers: {Authorization: `Bearer ${token}`}}).then((response) => response.json())",
        [path, token],
    )


class Responses:
    """Answers the first requests of a method to a URL with the given functions, and lets the others pass."""

    def __init__(self, page: Page, method: str, url, *answers):
        self.page, self.url, self.method, self.answers = page, url, method, list(answers)
        self.count = 0

    def answer(self, route):
        if route.request.method != self.method:
            return route.fallback()
        self.count += 1
        return self.answers.pop(0)(route) if self.answers else route.fallback()

    def __enter__(self):
        self.page.route(self.url, self.answer)
        return self

    def __exit__(self, *_):
        self.page.unroute(self.url, self.answer)


def answers(status: int, code: str | None = None, **headers: str):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"type": "invalid_request", "code": code, "message": code}) if code else ""
    return lambda route: route.fulfill(status=status, headers={"Access-Control-Allow-Origin": "*", **headers}, body=body)


def loses_response(route):
    route.fetch()
    route.abort()


def accessible(page: Page, where: str):
    violations = Axe().run(page, options={**WCAG_AA}).response["violations"]
    found = [f"{each['id']}: {node['html']}" for each in violations for node in each["nodes"]]
    assert not found, f"{where}: {found}"


def loads_icon(page: Page):
    page.evaluate("() => { const image = new Image(); image.src = '/favicon.ico'; return image.decode(); }")


def files_url_of(url: str) -> str:
    """The origin of uploads and downloads."""
    form = urlencode({"conversation_id": "xgQQXg3hrtjh7AvZ", "filename": "a", "file_size": 1}).encode()
    request = Request(f"{url}/v1/attachments", form, {"Authorization": "Bearer citypay_demo_kevin"})
    with urlopen(request) as response:
        upload = json.load(response)["upload"]["url"]
    return "{0.scheme}://{0.netloc}/".format(urlsplit(upload))


def main(url: str, folder: Path):
    files_url = files_url_of(url)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)

        front = browser.new_page()
        front.goto(url)
        accessible(front, "front page")
        loads_icon(front)
        front.set_viewport_size({"width": 320, "height": 640})
        for what in ("document.documentElement", "document.querySelector('pre')"):
            assert front.evaluate(f"{what}.scrollWidth <= {what}.clientWidth"), f"{what} is cut off"
        front.get_by_role("link", name="Chat").click()
        expect(front.get_by_role("heading", name="Who are you?")).to_be_visible()
        expect(front.get_by_role("button", name="Drop the next two responses")).to_be_disabled()
        front.get_by_label("or a token of your own").fill("not_a_token")
        front.keyboard.press("Enter")
        expect(front.get_by_role("alert")).to_contain_text("token")
        expect(front.get_by_role("heading", name="Who are you?")).to_be_visible()
        accessible(front, "choice of a person")
        loads_icon(front)
        front.get_by_label("or a token of your own").fill("citypay_demo_linnie")
        front.keyboard.press("Enter")
        expect(front.locator("#me")).to_have_text("LinnieMcCallister")
        expect(front.get_by_role("alert")).to_be_empty()

        kevin = Person(browser, url, "KevinMcCallister", viewport={"width": 900, "height": 740})
        kate = Person(browser, url, "KateMcCallister", color_scheme="dark")
        kevin.opens("LinnieMcCallister")
        kate.opens("LinnieMcCallister")

        # Both ways.
        started = time.monotonic()
        kevin.sends("Merry Christmas, Kate!")
        kate.sees("Merry Christmas, Kate!")
        kate.sends("Merry Christmas, Kevin.")
        kevin.sees("Merry Christmas, Kevin.")
        print(f"two messages, both ways: {time.monotonic() - started:.1f} s")

        # A reaction, by keyboard, an edit and a deletion arrive. Focus stays.
        expect(kevin.page.get_by_role("button", name="😡 KateMcCallister")).to_be_visible()
        kevin.page.mouse.move(0, 0)
        kevin.page.get_by_label("Message", exact=True).focus()
        kevin.tabs_to("React with 🎉", "Shift+Tab")
        message = kevin.message("Merry Christmas, Kevin.")
        expect(message.get_by_role("button", name="React with 🎉")).to_be_in_viewport(ratio=1)
        kevin.page.keyboard.press("Shift+Tab")
        kevin.tabs_to("React with 🎉")
        kevin.page.keyboard.press("Enter")
        expect(kate.page.get_by_role("button", name="🎉 KevinMcCallister")).to_be_visible()
        expect(kevin.page.get_by_role("button", name="🎉 KevinMcCallister")).to_be_focused()
        assert kevin.focuses() == "🎉 KevinMcCallister", kevin.focuses()
        kate.page.once("dialog", lambda dialog: dialog.accept("Merry Christmas, Kevin!"))
        kate.message("Merry Christmas, Kevin.").get_by_role("button", name="Edit").click()
        kevin.sees("Merry Christmas, Kevin!")
        delete = kevin.message("Merry Christmas, Kate!").get_by_role("button", name="Delete")
        kevin.page.once("dialog", lambda dialog: dialog.dismiss())
        delete.click()
        kevin.sees("Merry Christmas, Kate!")
        kevin.confirms(delete.click)
        kate.sees("Merry Christmas, Kate!", count=0)
        kevin.page.mouse.move(0, 0)
        kevin.page.evaluate("document.getElementById('log').scrollTop = 1e6")
        kevin.page.screenshot(path=folder / "chat.png")

        # Focus stays in the list of conversations when a message arrives.
        entry = kevin.page.get_by_role("navigation").get_by_role("button", name=re.compile("LinnieMcCallister"))
        entry.focus()
        kate.sends("for the list")
        expect(entry).to_contain_text("for the list")
        expect(entry).to_be_focused()
        assert "for the list" in kevin.focuses(), kevin.focuses()

        # Messages are not drawn again when nothing that is shown has changed.
        def is_active(route):
            response = route.fetch()
            page = response.json()
            for message in page["data"]:
                message["contact"]["last_active_at"] = int(time.time())
            route.fulfill(response=response, json=page)

        kevin.page.evaluate("for (const each of document.querySelectorAll('#messages li')) each.isOld = true")
        with Responses(kevin.page, "GET", "**/v1/messages?*", is_active, is_active) as reads:
            while reads.count < 3:
                kevin.looks_again()
                kevin.page.wait_for_timeout(100)
        assert kevin.page.evaluate("[...document.querySelectorAll('#messages li')].every((each) => each.isOld)")

        # Text is text.
        kate.sends("<b>bold</b> <img src=x onerror=alert(1)> javascript:alert(1)")
        kevin.sees("<b>bold</b> <img src=x onerror=alert(1)> javascript:alert(1)")

        # Two lost responses: repeated under the same key, visibly, and stored once.
        kevin.page.get_by_role("button", name="Drop the next two responses").click()
        kevin.sends("only once")
        kate.sees("only once")
        expect(kevin.page.locator("#result")).to_contain_text("201")
        expect(kevin.page.locator("#result")).to_contain_text("sent 3 times, stored once")
        expect(kevin.page.locator("#unsent li")).to_have_count(0)
        kevin.sees("only once")
        kevin.page.wait_for_timeout(2000)
        expect(kevin.page.locator("#result")).to_contain_text("sent 3 times, stored once")
        stored = api(kevin.page, "/v1/messages?conversation_id=xgQQXg3hrtjh7AvZ&limit=100", "citypay_demo_kevin")
        assert [each["message"] for each in stored["data"]].count("only once") == 1, stored

        # Offline: waits, and is sent when the connection is back.
        kevin.context.set_offline(True)
        kevin.sends("from the tunnel")
        expect(kevin.page.locator("#unsent li")).to_have_count(1)
        kevin.context.set_offline(False)
        kate.sees("from the tunnel")
        expect(kevin.page.locator("#unsent li")).to_have_count(0)

        # What is wrong is shown until the lists can be loaded again.
        kate.page.route("**/v1/conversations?*", lambda route: route.abort())
        kate.looks_again()
        expect(kate.page.get_by_role("alert")).to_contain_text("New messages cannot be loaded", timeout=20_000)
        kate.page.unroute("**/v1/conversations?*")
        expect(kate.page.get_by_role("alert")).to_be_empty(timeout=20_000)

        # Files: an image is shown, others are saved as they are, what is taken off is gone.
        picture = folder / "square.png"
        picture.write_bytes(PICTURE)
        notes = folder / "notes <1>.txt"
        notes.write_bytes(b"bytes \x00 of notes")
        kevin.page.get_by_label("Files to send").set_input_files([picture, notes])
        # The first upload is lost and still being processed, then there; the send waits for the scan.
        with (
            Responses(kevin.page, "PUT", f"{files_url}**", loses_response, answers(409), answers(409)) as uploads,
            Responses(
                kevin.page, "POST", "**/v1/messages", answers(409, "attachment_not_ready", Retry_After="1")
            ) as sends,
        ):
            kevin.sends("with files")
            expect(kate.message("with files")).to_be_visible(timeout=20_000)
        # One or two of the answers are to the second file.
        assert uploads.count >= 5, uploads.count
        assert sends.count == 2, sends.count
        expect(kevin.page.get_by_role("alert")).to_be_empty()
        received = kate.message("with files")
        image = received.get_by_role("img", name="square.png")
        expect(image).to_be_visible()
        kate.page.wait_for_function("(image) => image.naturalWidth === 8", arg=image.element_handle())
        with kate.page.expect_download() as saved:
            received.get_by_role("button", name=f"notes <1>.txt ({len(notes.read_bytes())} bytes)").click()
        assert saved.value.suggested_filename.startswith("notes"), saved.value.suggested_filename
        assert Path(saved.value.path()).read_bytes() == notes.read_bytes()
        accessible(kate.page, "files, dark")
        accessible(kevin.page, "files, light")
        kevin.confirms(kevin.message("with files").get_by_role("button", name="Remove notes <1>.txt").click)
        expect(received.get_by_role("button", name="notes <1>.txt")).to_have_count(0)
        expect(image).to_be_visible()

        # A stranger asks, and is declined.
        buzz = Person(browser, url, "BuzzMcCallister")
        buzz.page.get_by_label("Usernames").fill("KateMcCallister")
        buzz.page.get_by_role("button", name="Begin").click()
        expect(buzz.page.locator("#title")).to_have_text("KateMcCallister")
        buzz.sends("Woof!")
        expect(kate.page.get_by_role("heading", name="Requests")).to_be_visible()
        kate.opens("BuzzMcCallister")
        kate.sees("Woof!")
        accessible(kate.page, "a request, dark")
        # Leaving takes more requests than are repeated after an error.
        unfinished = [answers(202, Retry_After="1")] + 5 * [answers(202, Retry_After="0")]
        with Responses(kate.page, "DELETE", "**/v1/conversations/*", *unfinished) as leaves:
            kate.confirms(kate.page.get_by_role("button", name="Decline").click)
            expect(kate.page.locator("#result")).to_have_text("204, attempt 7", timeout=20_000)
            expect(kate.page.get_by_role("heading", name="Requests")).to_be_hidden()
        assert leaves.count == 7, leaves.count
        expect(kate.page.locator("#welcome")).to_be_focused()
        buzz.page.get_by_label("Usernames").fill("KateMcCallister")
        buzz.page.get_by_role("button", name="Begin").click()
        expect(buzz.page.get_by_role("alert")).to_contain_text("does not accept messages")

        # By keyboard alone.
        kate.opens("LinnieMcCallister")
        kate.page.get_by_label("Message", exact=True).focus()
        kate.page.keyboard.type("typed")
        kate.page.keyboard.press("Tab")
        kate.page.keyboard.press("Enter")
        kevin.sees("typed")

        # What is there after a reload; unread elsewhere.
        kevin.page.reload()
        expect(kevin.page.locator("#me")).to_have_text("KevinMcCallister")
        kevin.opens("LinnieMcCallister")
        kevin.sees("typed")
        accessible(kevin.page, "chat, light")
        accessible(kate.page, "chat, dark")

        front.goto(f"{url}/requests")
        expect(front.get_by_role("row", name=re.compile("create-message KevinMcCallister")).first).to_be_visible()
        expect(front.get_by_role("row", name="unknown-route")).to_have_count(0)
        accessible(front, "requests")
        front.set_viewport_size({"width": 1280, "height": 720})
        front.screenshot(path=folder / "requests.png")
        front.get_by_role("link", name="Front page").click()
        expect(front.get_by_role("heading", name="CityPay Messages")).to_be_visible()
        kevin.page.set_viewport_size({"width": 320, "height": 640})
        width = kevin.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, f"{width} pixels wide on a screen of 320"

        for person in (kevin, kate, buzz):
            assert not person.errors, person.errors
            if person is not buzz:
                expect(person.page.get_by_role("alert")).to_be_empty()
            known = (url, files_url, f"blob:{url}/")
            outside = [request for request in person.requests if not request.startswith(known)]
            assert not outside, outside
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
