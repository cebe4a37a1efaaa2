"""Uploads files."""

import mimetypes
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx

from .api.attachments import create_attachment
from .client import MessagesClient
from .errors import ApiError
from .models import CreateAttachment, NewAttachment
from .retry import TEMPORARY_STATUSES, AsyncRetryingClient, RetryingClient

CHUNK = 64 * 1024
# 409: S3 is still processing an earlier attempt, whose response was lost.
TEMPORARY_UPLOAD_STATUSES = TEMPORARY_STATUSES | {409}


def upload_file(client: MessagesClient, conversation_id: str, path: str | os.PathLike[str]) -> str:
    """Uploads a file to a conversation. Returns the id to send it with, in `CreateMessage.attachments`."""
    path = Path(path)
    attachment = create_attachment.sync(client=client, body=_announcement(conversation_id, path))
    # Without the token of the API: S3 refuses a request that has both.
    with RetryingClient(timeout=client.timeout) as storage:
        storage.temporary_statuses = TEMPORARY_UPLOAD_STATUSES
        _check(storage.request(**_request(attachment), content=_Chunks(path)))
    return attachment.id


async def upload_file_async(client: MessagesClient, conversation_id: str, path: str | os.PathLike[str]) -> str:
    """Like `upload_file`, for `async` functions."""
    path = Path(path)
    attachment = await create_attachment.asyncio(client=client, body=_announcement(conversation_id, path))
    async with AsyncRetryingClient(timeout=client.timeout) as storage:
        storage.temporary_statuses = TEMPORARY_UPLOAD_STATUSES
        _check(await storage.request(**_request(attachment), content=_AsyncChunks(path)))
    return attachment.id


def _announcement(conversation_id: str, path: Path) -> CreateAttachment:
    file_type = mimetypes.guess_type(path.name)[0]
    return CreateAttachment(conversation_id, path.name, path.stat().st_size, file_type)


class _Chunks:
    """The bytes of a file, as often as they are sent."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


class _AsyncChunks:
    """`_Chunks`, for `async` functions."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with await anyio.open_file(self.path, "rb") as file:
            while chunk := await file.read(CHUNK):
                yield chunk


def _request(attachment: NewAttachment) -> dict[str, Any]:
    upload = attachment.upload
    headers = {**upload.headers.additional_properties, "Content-Length": str(attachment.file_size)}
    return {"method": upload.method, "url": upload.url, "headers": headers}


def _check(response: httpx.Response) -> None:
    # 412: an earlier attempt has uploaded the file, and its response was lost.
    if not response.is_success and response.status_code != 412:
        raise ApiError(response)
