"""The server as a process."""

from support.server import Server


def test_a_campaign_goes_from_draft_to_sent_through_the_gate(server: Server) -> None:
    tenant = server.workspace()
    assert tenant.client().post("/v1/campaigns", {"name": "Spring"}).status_code == 201
