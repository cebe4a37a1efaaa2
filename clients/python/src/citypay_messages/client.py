"""The connection to the API."""

from functools import cached_property
from types import TracebackType
from typing import Self

import httpx

from .retry import AsyncRetryingClient, RetryingClient


class MessagesClient:
    """What every operation takes as `client`.

    Requests that are safe to repeat are repeated when they fail; every send has an `Idempotency-Key`. `token` is that
    of a contact, or a server key, which acts for a contact with `on_behalf_of`. `timeout` is in seconds, and for each
    attempt's wait for the server.
    """

    def __init__(self, url: str, token: str, *, on_behalf_of: str | None = None, timeout: float = 15) -> None:
        self.url = url
        self.token = token
        self.on_behalf_of = on_behalf_of
        self.timeout = timeout

    def _headers(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"}
        if self.on_behalf_of is not None:
            headers["On-Behalf-Of"] = self.on_behalf_of
        return headers

    @cached_property
    def http(self) -> httpx.Client:
        """Used by `sync`."""
        # httpx sends the token only to the API, not to where files are.
        return RetryingClient(base_url=self.url, headers=self._headers(), timeout=self.timeout, follow_redirects=True)

    @cached_property
    def async_http(self) -> httpx.AsyncClient:
        """Used by `asyncio`."""
        return AsyncRetryingClient(
            base_url=self.url, headers=self._headers(), timeout=self.timeout, follow_redirects=True
        )

    def close(self) -> None:
        """Closes the connections of `http`."""
        if "http" in self.__dict__:
            self.http.close()

    async def aclose(self) -> None:
        """Closes the connections of `async_http`."""
        if "async_http" in self.__dict__:
            await self.async_http.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.aclose()
