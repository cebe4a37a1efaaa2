"""What operations raise."""

import httpx

from .retry import json_object, retry_after


class ApiError(Exception):
    """A response that is not a success.

    `code` says what happened; it is `None` if the response is not from the API itself, but from what is in front of it.
    """

    def __init__(self, response: httpx.Response) -> None:
        body = json_object(response)
        self.response = response
        self.status = response.status_code
        self.code: str | None = body.get("code")
        self.param: str | None = body.get("param")
        self.request_id: str | None = body.get("request_id")
        message = body.get("message") or response.reason_phrase
        super().__init__(" ".join(str(part) for part in (self.status, self.code, self.param, message) if part))

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait before trying again."""
        return retry_after(self.response)
