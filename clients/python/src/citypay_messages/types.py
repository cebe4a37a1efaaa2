"""Types of the generated modules."""

from dataclasses import dataclass
from typing import BinaryIO, Generic, Literal, TypeVar

import httpx

Result = TypeVar("Result")


class Unset:
    """The type of `UNSET`, a parameter that is not given."""

    def __bool__(self) -> Literal[False]:
        return False


UNSET = Unset()


@dataclass(frozen=True)
class File:
    """A downloaded file."""

    payload: BinaryIO


@dataclass(frozen=True)
class Response(Generic[Result]):
    """A successful response."""

    status: int
    headers: httpx.Headers
    parsed: Result
