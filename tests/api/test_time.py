"""What time does to a question, over the house API, by the server's own clock."""

from support.house import eventually
from support.server import Server
from support.team import Team, stage, through


def test_a_further_group_may_decide_once_it_is_escalated(server: Server) -> None:
    team = Team.of(server, "bob")
    team.group("legal", "bob")
    team.policy(through(stage("legal"), escalate={"after": "PT2S", "to": "owners"}, expires_after="PT1H"))
    campaign, task = team.ann.asked()
    assert team.vote("olga", task) == "not_entitled"
    assert team.olga.task(task)["escalates_at"] > team.olga.task(task)["created_at"]
    eventually(lambda: team.vote("olga", task), "approved")
    team.ann.wait_for(campaign, "completed")


def test_silence_is_a_no(server: Server) -> None:
    team = Team.of(server, "bob")
    team.policy(through(stage(), expires_after="PT1S"))
    campaign, task = team.ann.asked()
    eventually(lambda: team.olga.task(task)["outcome"], "expired")
    assert team.vote("bob", task) == "task_decided"
    assert team.ann.status(campaign) == "draft"


def test_a_deadline_in_working_hours_passes_over_the_rest_of_the_day(server: Server) -> None:
    """However late it is now, eight hours of work are more than eight hours away, or just eight."""
    team = Team.of(server, "bob")
    hours = {"zone": "UTC", "from": "09:00", "to": "17:00", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
    team.policy(through(stage(), expires_after="PT24H", working_hours=hours))
    _, task = team.ann.asked()
    shown = team.olga.task(task)
    day, due = shown["created_at"][:10], shown["expires_at"]
    assert due[:10] > day
    assert "09:00:00" <= due[11:19] <= "17:00:00"


def test_a_delegation_begins_and_ends_by_itself(server: Server) -> None:
    team = Team.of(server, "bob", "cid")
    team.group("legal", "bob")
    team.policy(through(stage("legal", 1)))
    _, task = team.ann.asked()
    ends = team.olga.task(task)["expires_at"]
    team.bob.data("POST", "/v1/delegations", {"to": "cid@acme.example", "starts_at": ends, "ends_at": f"9{ends[1:]}"})
    assert team.vote("cid", task) == "not_entitled"
    team.bob.data("POST", "/v1/delegations", {"to": "cid@acme.example", "ends_at": ends})
    assert team.vote("cid", task) == "approved"
