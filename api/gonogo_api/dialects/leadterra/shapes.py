"""What Leadterra takes."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from gonogo_api.shapes import Contacts, Long, LooseShape, Name, Text

DIALECT = "leadterra"


class Body(LooseShape):
    model_config = ConfigDict(alias_generator=to_camel)


class NewCampaign(Body):
    name: Name
    sender_pool_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class NewStep(Body):
    type: Literal["email"] = "email"
    subject: Text = ""
    body: Long
    delay_days: Annotated[int, Field(ge=0, le=365)] = 0


class NewLeads(Body):
    leads: Contacts


class BulkLeads(NewLeads):
    campaign_id: str
