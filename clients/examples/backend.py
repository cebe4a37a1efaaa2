"""A backend that signs users up, lets them chat, and acts when one is reported: `backend.py URL SERVER_KEY`."""

import sys

from citypay_messages import MessagesClient, paginate
from citypay_messages.api.contacts import create_contact, create_contact_token, erase_contact, update_contact
from citypay_messages.api.conversations import create_conversation
from citypay_messages.api.messages import create_message, delete_message, list_messages, report_message
from citypay_messages.api.reports import list_reports, resolve_report
from citypay_messages.models import (
    CreateContact,
    CreateConversation,
    CreateMessage,
    CreateToken,
    ReportMessage,
    ResolveReport,
    UpdateContact,
)

URL, SERVER_KEY = sys.argv[1:]
server = MessagesClient(URL, token=SERVER_KEY)


def sign_in(user_id: str, username: str) -> MessagesClient:
    """Creates the contact of a user, unless it exists, and returns a client for the user's app."""
    create_contact.sync(client=server, body=CreateContact(username, external_id=user_id))
    contact = f"external:{user_id}"
    token = create_contact_token.sync(contact, client=server, body=CreateToken(expires_in=86_400))
    return MessagesClient(URL, token=token.token)


harry, marv = sign_in("user-1", "HarryLyme"), sign_in("user-2", "MarvMerchants")
with_marv = CreateConversation(["MarvMerchants"])
conversation = create_conversation.sync(client=harry, body=with_marv).id
create_message.sync(client=marv, body=CreateMessage(conversation, "I know where you live."))
[insult] = paginate(list_messages.sync_detailed, client=harry, conversation_id=conversation)
report_message.sync(insult.id, client=harry, body=ReportMessage("Threats"))

for report in paginate(list_reports.sync_detailed, client=server):
    delete_message.sync(report.message_id, client=server)
    update_contact.sync(report.contact_id, client=server, body=UpdateContact(suspended=True))
    resolve_report.sync(report.id, client=server, body=ResolveReport("Message deleted, sender suspended"))
    print(f"{report.contact_id} suspended: {report.reason}")
    proof = erase_contact.sync(report.contact_id, client=server)  # repeated until it is finished
    print(f"{proof.id} erased, {proof.remaining} references left")
