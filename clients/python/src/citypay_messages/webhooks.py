"""Verifies webhook deliveries."""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .models import Event, Recipient

SECRET_PREFIX = "whsec_"
# How far the timestamp of a delivery may be from the clock of the receiver, in seconds.
TOLERANCE = 300


class WebhookVerificationError(Exception):
    """A request that is not a valid delivery: do not process it, and respond with 400."""


class WebhookHeaders(Protocol):
    """The headers of a request: a dictionary, or the headers of any framework."""

    def items(self) -> Iterable[tuple[str, str]]: ...


@dataclass(frozen=True)
class VerifiedDelivery:
    """A verified delivery.

    `id` is the `webhook-id`: a delivery that is repeated has the same one. `type` is that of the event. `timestamp` is
    when the change was made, in UTC. `data` is the event, as `list_events` returns it. `recipients` are those to notify
    of a new message, for a webhook of the operator; otherwise `None`.
    """

    id: str
    type: str
    timestamp: datetime
    data: Event
    recipients: list[Recipient] | None


def verify_webhook(secret: str, headers: WebhookHeaders, body: bytes | str) -> VerifiedDelivery:
    """Returns a delivery if its signature is valid and its timestamp at most 5 minutes from now.

    `secret` is that of the webhook, which begins with `whsec_`. The names of `headers` may be in any case. `body` is
    the raw body of the request, exactly as it was received, and not parsed JSON: the signature is that of its bytes.

    Raises `WebhookVerificationError` if the request is not a valid delivery, and `ValueError` if `secret` is malformed.
    """
    key = _key(secret)
    if not isinstance(body, (bytes, str)):
        raise TypeError("body must be the raw body, as bytes or str, and not parsed JSON")
    values = {name.lower(): value for name, value in headers.items()}
    id_, timestamp, signatures = (
        _required(values, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    _check_timestamp(timestamp)
    signed = _encode(f"{id_}.{timestamp}.") + (body if isinstance(body, bytes) else _encode(body))
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    if not any(hmac.compare_digest(expected, _encode(signature)) for signature in signatures.split(" ")):
        raise WebhookVerificationError("no signature of webhook-signature matches the secret and the body")
    try:
        delivery = json.loads(body)
        timestamp_of_change = datetime.fromisoformat(delivery["timestamp"])
        event, recipients = Event.from_dict(delivery["data"]), delivery.get("recipients")
        if recipients is not None:
            recipients = [Recipient.from_dict(recipient) for recipient in recipients]
        return VerifiedDelivery(id_, delivery["type"], timestamp_of_change, event, recipients)
    except (KeyError, TypeError, ValueError) as error:
        raise WebhookVerificationError("the body is not a delivery of an event") from error


def _key(secret: str) -> bytes:
    key = b""
    if secret.startswith(SECRET_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except ValueError:
            pass
    if not key:
        # Without the secret: errors can be in logs.
        raise ValueError(f"the webhook secret must be {SECRET_PREFIX} followed by base64")
    return key


def _required(headers: dict[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise WebhookVerificationError(f"the header {name} is missing")
    return value


def _check_timestamp(timestamp: str) -> None:
    if not re.fullmatch("[0-9]{1,12}", timestamp):
        raise WebhookVerificationError("webhook-timestamp is not in Unix seconds")
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        raise WebhookVerificationError("webhook-timestamp is more than 5 minutes off: a replay, or a wrong clock")


def _encode(text: str) -> bytes:
    # Text that is not valid Unicode has no valid signature; it must not raise another error.
    return text.encode(errors="surrogatepass")
