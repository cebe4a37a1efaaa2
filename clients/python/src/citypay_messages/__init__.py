"""Client of the CityPay Messages API.

`api` has a module per operation, by tag, and `models` the objects of requests and responses. Both are generated from
the contract of the API.
"""

from .client import MessagesClient
from .errors import ApiError
from .events import events, events_async
from .pagination import paginate, paginate_async
from .upload import upload_file, upload_file_async
from .webhooks import VerifiedDelivery, WebhookVerificationError, verify_webhook

__all__ = [
    "ApiError",
    "MessagesClient",
    "VerifiedDelivery",
    "WebhookVerificationError",
    "events",
    "events_async",
    "paginate",
    "paginate_async",
    "upload_file",
    "upload_file_async",
    "verify_webhook",
]
