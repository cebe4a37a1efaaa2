"""Messages appear in another window at once, through a socket, on the page of `cargo dev`. Run by
`.ci/check-browser URL`.

Prints how long it takes. That they appear without polling is asserted: while a socket is open, the page polls once a
minute only.
"""

import random
import sys

from chat import CHROMIUM, Person, api
from playwright.sync_api import Page, WebSocketRoute, expect, sync_playwright

MESSAGES = 200
CONVERSATION = "xgQQXg3hrtjh7AvZ"

SEND = """async ([conversation_id, message]) => {
    const headers = {Authorization: 'Bearer citypay_demo_kate', 'Content-Type': 'application/json'};
    const body = JSON.stringify({conversation_id, message});
    const response = await fetch('/v1/messages', {method: 'POST', headers, body});
    if (response.status !== 201) throw new Error(`status ${response.status}`);
    return Date.now();
}"""

# Resolves to when the text is shown.
SHOWN = """(text) => new Promise((resolve) => {
    const look = () => [...document.querySelectorAll('#messages li')].some((each) => each.textContent.includes(text));
    const observer = new MutationObserver(() => {
        if (!look()) return;
        observer.disconnect();
        resolve(Date.now());
    });
    observer.observe(document.getElementById('messages'), {childList: true, subtree: true, characterData: true});
})"""


def measures(sender: Page, receiver: Page):
    """Sends messages one after the other, and prints how long each takes from its acknowledgement until it is shown."""
    delays = []
    for number in range(MESSAGES):
        text = f"measured {number}."
        receiver.evaluate(f"() => {{ window.shown = ({SHOWN})('{text}'); }}")
        sent_at = sender.evaluate(SEND, [CONVERSATION, text])
        delays.append(receiver.evaluate("window.shown") - sent_at)
    delays.sort()
    half, most = delays[MESSAGES // 2], delays[MESSAGES * 95 // 100]
    print(f"{MESSAGES} messages appeared {half} ms (p50), {most} ms (p95), {delays[-1]} ms (max) after the response")


IS_DISTURBED = True


def disturbs(socket: WebSocketRoute):
    """Drops, doubles and delays frames, as long as they are to be disturbed."""
    server = socket.connect_to_server()
    chance = random.Random(7)
    held: list[str] = []

    def passes(frame: str):
        if not IS_DISTURBED:
            socket.send(frame)
            return
        held.append(frame)
        chance.shuffle(held)
        if chance.random() < 0.3:
            held.pop()
        while len(held) > 2:
            frame = held.pop()
            socket.send(frame)
            if chance.random() < 0.3:
                socket.send(frame)

    server.on_message(passes)
    socket.on_message(server.send)


def main(url: str):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        kate = Person(browser, url, "KateMcCallister")
        kevin = Person(browser, url, "KevinMcCallister")
        kevin.opens("LinnieMcCallister")
        # Before, the page polls.
        kevin.page.wait_for_function("() => performance.getEntriesByType('resource').some((each) => each.name.endsWith('/v1/tokens'))")
        kevin.page.wait_for_timeout(2000)
        before = len(kevin.requests)
        kevin.page.wait_for_timeout(5000)
        assert len(kevin.requests) == before, kevin.requests[before:]
        measures(kate.page, kevin.page)

        # Frames that are dropped, doubled and shuffled change nothing.
        context = browser.new_context()
        context.route_web_socket("ws://**", disturbs)
        page = context.new_page()
        page.goto(f"{url}/chat#as=LinnieMcCallister")
        page.get_by_role("button", name="KateMcCallister").first.click()
        page.wait_for_timeout(2000)
        for number in range(40):
            kate.page.evaluate(SEND, [CONVERSATION, f"disturbed {number}."])
        # The frame of the last message could have been dropped: then the page would look for it a minute later.
        global IS_DISTURBED
        IS_DISTURBED = False
        kate.page.evaluate(SEND, [CONVERSATION, "the last one."])
        listed = api(page, f"/v1/messages?conversation_id={CONVERSATION}&limit=50", "citypay_demo_linnie")["data"]
        texts = [each["message"] for each in reversed(listed)]
        shown = page.locator("#messages li")
        expect(shown.last).to_contain_text("the last one.")
        newest = shown.all_inner_texts()[-len(texts) :]
        assert all(text in item for text, item in zip(texts, newest, strict=True)), (texts, newest)
        assert not kevin.errors and not kate.errors, (kevin.errors, kate.errors)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
