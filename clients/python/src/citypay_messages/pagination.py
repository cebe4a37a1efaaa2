"""Iterates over lists."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

import httpx

P = ParamSpec("P")


class Item(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Item)
T_co = TypeVar("T_co", bound=Item, covariant=True)


class Page(Protocol[T_co]):
    @property
    def has_more(self) -> bool: ...
    @property
    def data(self) -> Sequence[T_co]: ...


class PageResponse(Protocol[T_co]):
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def parsed(self) -> Page[T_co]: ...


def paginate(operation: Callable[P, PageResponse[T]], *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
    """Returns the items of all pages of a list, each once: `paginate(list_messages.sync_detailed, client=…, …)`."""
    pages = _Pages(kwargs)

    def items() -> Iterator[T]:
        while pages.has_more:
            yield from pages.new_items(operation(*args, **kwargs))

    return items()


def paginate_async(
    operation: Callable[P, Awaitable[PageResponse[T]]], *args: P.args, **kwargs: P.kwargs
) -> AsyncIterator[T]:
    """Like `paginate`: `paginate_async(list_messages.asyncio_detailed, client=client, …)`."""
    pages = _Pages(kwargs)

    async def items() -> AsyncIterator[T]:
        while pages.has_more:
            for item in pages.new_items(await operation(*args, **kwargs)):
                yield item

    return items()


class _Pages:
    """Moves the cursor in the arguments of a list from page to page."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        if arguments.get("ending_before"):
            raise TypeError("paginate only goes forward: it takes no ending_before")
        self.arguments = arguments
        # `username` finds one contact, and cannot be combined with a limit.
        if not arguments.get("username"):
            arguments.setdefault("limit", 100)
        self.has_more = True
        self.seen: set[str] = set()

    def new_items(self, response: PageResponse[T]) -> list[T]:
        page = response.parsed
        # A conversation that moves to the top of the list while it is the cursor makes the list start again.
        items = [item for item in page.data if item.id not in self.seen]
        self.seen.update(item.id for item in items)
        self.has_more = page.has_more
        # A list with a filter may continue after more than the last item of the page, which can be empty.
        if link := _next_link(response.headers):
            cursor = link.params.get("starting_after")
        else:
            cursor = page.data[-1].id if page.data else None
        if cursor:
            self.arguments["starting_after"] = cursor
        return items


def _next_link(headers: Mapping[str, str]) -> httpx.URL | None:
    """The URL of the next page, of which only path and query are known."""
    for link in headers.get("link", "").split(", "):
        target, _, relation = link.partition("; ")
        if relation == 'rel="next"':
            return httpx.URL(target.strip("<>"))
    return None
