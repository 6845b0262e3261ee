"""What Sonarly takes."""

import re
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from gonogo_api.problems import Problem
from gonogo_api.shapes import Contacts, Long, LooseShape, Name, Text

DIALECT = "sonarly"
_ID = re.compile(r"[0-9a-f]{24}")


class Body(LooseShape):
    model_config = ConfigDict(alias_generator=to_camel)


class Message(Body):
    subject: Text = ""
    body: Long


class NewCampaign(Body):
    name: Name
    description: Text | None = None
    message: Message | None = None
    outreach_language: Annotated[str, Field(min_length=2, max_length=35)] | None = None
    include_conversation_history: bool = False
    auto_cancel_on_message_received: bool = False


class NewLeads(Body):
    leads: Contacts


#: Fields that only Sonarly has: kept, and shown as they were given.
OWN = ("description", "includeConversationHistory", "autoCancelOnMessageReceived", "outreachLanguage")


def well_formed(name: str, wanted: str) -> str:
    """An id of 24 hexadecimal digits. Raises Problem."""
    if not _ID.fullmatch(wanted.lower()):
        raise Problem("malformed", f"{name}: expected 24 hexadecimal digits")
    return wanted.lower()
