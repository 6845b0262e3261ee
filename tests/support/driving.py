"""The five dialects, each with its driver."""

from support.driver_bavlio import Bavlio
from support.driver_burki import Burki
from support.driver_leadlex import LeadLex
from support.driver_leadterra import Leadterra
from support.driver_sonarly import Sonarly
from support.drivers import Driver

DRIVERS: dict[str, type[Driver]] = {each.dialect: each for each in (LeadLex, Sonarly, Leadterra, Burki, Bavlio)}
#: Where each answers one campaign; Sonarly's path names the account group, too.
PATHS = {
    "leadlex": "/v1/campaigns/{id}",
    "sonarly": "/v1/accounts/{account}/campaigns/{id}",
    "leadterra": "/v1/campaigns/{id}",
    "burki": "/api/v1/campaigns/{id}",
    "bavlio": "/api/v1/campaigns/{id}",
}
