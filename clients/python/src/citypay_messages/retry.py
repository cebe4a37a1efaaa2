"""Repeats requests that failed and are safe to repeat."""

import asyncio
import random
import time
import uuid
from collections.abc import Set
from typing import Any

import httpx

ATTEMPTS = 5
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30
LONGEST_WAIT = 5 * 60  # how long a request is repeated in all that only has to wait for the API
TEMPORARY_STATUSES = frozenset({429, 500, 502, 503, 504})
TEMPORARY_ERRORS = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.TimeoutException)


class RetryingClient(httpx.Client):
    """Sends a request again, under the same `Idempotency-Key`, until it succeeds or fails for good."""

    temporary_statuses = TEMPORARY_STATUSES

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        attempts = Attempts(request, self.temporary_statuses)
        while True:
            try:
                response = super().send(request, **options)
            except TEMPORARY_ERRORS:
                pause = attempts.pause_after_failure()
                if pause is None:
                    raise
            else:
                pause = attempts.pause_after(response)
                if pause is None:
                    return attempts.result(response)
                response.close()
            time.sleep(pause)


class AsyncRetryingClient(httpx.AsyncClient):
    """`RetryingClient`, for `async` functions."""

    temporary_statuses = TEMPORARY_STATUSES

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        attempts = Attempts(request, self.temporary_statuses)
        while True:
            try:
                response = await super().send(request, **options)
            except TEMPORARY_ERRORS:
                pause = attempts.pause_after_failure()
                if pause is None:
                    raise
            else:
                pause = attempts.pause_after(response)
                if pause is None:
                    return attempts.result(response)
                await response.aclose()
            await asyncio.sleep(pause)


class Attempts:
    """The attempts of a request. The methods say how many seconds to wait before the next, `None` if there is none."""

    def __init__(self, request: httpx.Request, temporary_statuses: Set[int]) -> None:
        self.request = request
        self.temporary_statuses = temporary_statuses
        self.give_up_at = time.monotonic() + LONGEST_WAIT
        self.failures = 0
        self.is_repeated = False
        is_send = request.method == "POST" and request.url.path.endswith("/v1/messages")
        if is_send:
            # The API reads the key of no other request.
            request.headers.setdefault("Idempotency-Key", str(uuid.uuid4()))
        self.is_safe = is_send or request.method in {"GET", "PUT", "DELETE"}

    def pause_after(self, response: httpx.Response) -> float | None:
        if self._is_deleted_already(response):
            return None
        if self._is_unfinished(response):
            self.is_repeated = True
            pause = retry_after(response) or 1
            return pause if time.monotonic() + pause <= self.give_up_at else None
        if response.status_code in self.temporary_statuses:
            return self.pause_after_failure(retry_after(response) or 0)
        return None

    def pause_after_failure(self, required: int = 0) -> float | None:
        self.is_repeated = True
        self.failures += 1
        if not self.is_safe or self.failures == ATTEMPTS or required > LONGEST_PAUSE:
            return None
        backoff = FIRST_PAUSE * 2.0 ** (self.failures - 1) * random.uniform(0.5, 1)
        return max(backoff, required)

    def result(self, response: httpx.Response) -> httpx.Response:
        """Returns what the response of the last attempt means."""
        if not self._is_deleted_already(response):
            return response
        return httpx.Response(204, headers=response.headers, request=self.request)

    def _is_deleted_already(self, response: httpx.Response) -> bool:
        """Whether the token or the webhook was deleted by an earlier attempt, whose response was lost."""
        is_delete = self.is_repeated and self.request.method == "DELETE"
        return is_delete and error_code(response) in ("token_not_found", "webhook_not_found")

    def _is_unfinished(self, response: httpx.Response) -> bool:
        """Whether the same request succeeds once a file has been scanned, or once all of a large removal is done."""
        if response.status_code == 202:
            return self.request.method == "DELETE"
        return self.is_safe and error_code(response) == "attachment_not_ready"


def retry_after(response: httpx.Response) -> int | None:
    """Returns the seconds of `Retry-After`; the API never gives a date."""
    value = response.headers.get("Retry-After", "")
    return int(value) if value.isdecimal() else None


def error_code(response: httpx.Response) -> str | None:
    """Returns the `code` of an error of the API."""
    return None if response.is_success else json_object(response).get("code")


def json_object(response: httpx.Response) -> dict[str, Any]:
    """Returns the body of a response; empty if it is none of the API, or has not been read."""
    try:
        body = response.json()
    except (ValueError, httpx.ResponseNotRead):
        return {}
    return body if isinstance(body, dict) else {}
