"""Follows the feed of changes."""

import time
from collections.abc import AsyncIterator, Iterator

import anyio

from .api.events import list_events
from .client import MessagesClient
from .models import EventPage
from .types import UNSET


def events(client: MessagesClient, after: str | None = None, interval: float = 3) -> Iterator[EventPage]:
    """Returns page after page that has events, and waits for the next one, without an end.

    Apply the events of a page, and store its `cursor` with the result: after an error or a restart, continue `after`
    it. Without `after`, the first page has a cursor and no events: load the lists then. `interval` is the
    time between two requests if there was nothing more, in seconds.
    """
    cursor = after
    while True:
        page = list_events.sync(client=client, after=cursor or UNSET)
        if cursor is None or page.data:
            yield page
        cursor = page.cursor
        if not page.has_more:
            time.sleep(interval)


async def events_async(
    client: MessagesClient, after: str | None = None, interval: float = 3
) -> AsyncIterator[EventPage]:
    """Like `events`, for `async` functions."""
    cursor = after
    while True:
        page = await list_events.asyncio(client=client, after=cursor or UNSET)
        if cursor is None or page.data:
            yield page
        cursor = page.cursor
        if not page.has_more:
            await anyio.sleep(interval)
