"""What Lexi finds, what stops a launch, and what it only mentions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import process_time

import pytest
from whenever import Instant, TimeDelta

from gonogo.content import Content, Step, Template
from gonogo.review import CHECKS, Finding, Proposal, Recipient, review

NOW = Instant.from_utc(2026, 3, 1, 9, 30)
FOOTER = "To unsubscribe: {{ unsubscribe_url }}\nACME Inc., 1 Main Street, Springfield"


def saying(body: str = "Hello.", subject: str = "Hello", html: str | None = None) -> Content:
    return Content((Step(0, Template(subject, body, html)),))


def person(number: int, zone: str | None = None, /, **variables: object) -> Recipient:
    address = f"p{number}@example.com"
    return Recipient(f"contact-{number}", address, {"email": address, **variables}, zone)


SOUND = Proposal(saying(), {}, None, NOW, [person(1)], {})


def found(proposal: Proposal, severity: str = "blocker") -> list[str]:
    return [finding.code for finding in review(proposal) if finding.severity == severity]


def only(proposal: Proposal, code: str) -> Finding:
    """The one finding with that code."""
    (finding,) = [each for each in review(proposal) if each.code == code]
    return finding


def with_settings(**chosen: object) -> Proposal:
    return replace(SOUND, settings=chosen)


def test_the_smallest_campaign_has_nothing_against_it() -> None:
    assert review(SOUND) == ()


def test_a_campaign_with_everything_set_has_nothing_against_it() -> None:
    chosen = {
        "timezone": "Europe/Berlin",
        "send_window": {"start": "09:00", "end": "17:00"},
        "send_days": ["mon"],
        "daily_limit": 10,
        "min_interval_seconds": 60,
        "marketing": True,
    }
    said = saying("Dear {{ first_name }} ({{ email }})\n" + FOOTER)
    sound = Proposal(said, chosen, NOW + TimeDelta(hours=1), NOW, [person(1, "Asia/Tokyo", first_name="Ada")], {})
    assert review(sound) == ()


def test_a_template_that_does_not_parse_stops_the_launch() -> None:
    finding = only(replace(SOUND, content=saying("{{ name", subject="{{")), "template_invalid")
    assert finding.severity == "blocker"
    assert finding.count == 2
    assert finding.samples[1] == "step 1, body, line 1: expected '}}' behind '{{'"


def test_a_campaign_without_content_is_left_to_its_guard() -> None:
    assert review(replace(SOUND, content=None)) == ()


def test_each_missing_variable_is_one_finding_with_its_recipients() -> None:
    people = [person(at, plan="pro" if at % 2 else None, city="") for at in range(20)]
    said = saying("{{ plan }} {{ city }} {{ team }} {{ nick | default: 'you' }} {{ email }}")
    findings = review(replace(SOUND, content=said, audience=people))
    assert [(each.code, each.severity, each.count) for each in findings] == [
        ("variable_missing", "blocker", 10),
        ("variable_missing", "blocker", 20),
    ]
    plan, team = findings
    assert "'plan'" in plan.message
    assert plan.samples == ("contact-0", "contact-2", "contact-4", "contact-6", "contact-8")
    assert team.samples == ("contact-0", "contact-1", "contact-2", "contact-3", "contact-4")
    assert plan.fix == 'Add it to them, or write a default: {{ plan | default: "..." }}.'


def test_the_fix_can_be_pasted_even_for_a_column_with_a_blank() -> None:
    wanting = replace(SOUND, content=saying("{{ ['First Name'] }}"))
    fix = only(wanting, "variable_missing").fix
    assert review(replace(SOUND, content=saying(fix))) == ()


@dataclass
class Counted:
    """An audience that costs something to read."""

    people: list[Recipient]
    passes: int = field(default=0)

    def __iter__(self) -> Iterator[Recipient]:
        self.passes += 1
        return iter(self.people)


def test_the_audience_is_read_once() -> None:
    audience = Counted([person(1, "Mars/Base")])
    codes = found(replace(SOUND, content=saying("{{ a }}{{ b }}"), audience=audience))
    assert codes == ["variable_missing", "variable_missing"]
    assert audience.passes == 1


def test_ten_thousand_recipients_are_reviewed_in_a_moment() -> None:
    people = [person(at, "Europe/Berlin", first_name="Ada", plan="pro") for at in range(10_000)]
    large = replace(SOUND, content=saying("{{ first_name }} {{ plan }} {{ city }}"), audience=people)
    began = process_time()
    assert only(large, "variable_missing").count == 10_000
    assert process_time() - began < 0.3


def test_an_unknown_zone_stops_the_launch_and_one_of_a_recipient_is_a_warning() -> None:
    assert found(with_settings(timezone="Europe/Atlantis")) == ["unknown_zone"]
    assert found(with_settings(timezone="")) == ["unknown_zone"]
    people = [person(1, "Europe/Atlantis"), person(2, "Europe/Berlin"), person(3)]
    warning = only(replace(SOUND, audience=people), "unknown_zone")
    assert (warning.severity, warning.count, warning.samples) == ("warning", 1, ("contact-1",))


@pytest.mark.parametrize(
    ("start", "end", "opens"),
    [
        ("09:00", "17:00", True),
        ("00:00", "23:59", True),
        ("09:00", "09:00", False),
        ("17:00", "09:00", False),
        ("9 o'clock", "17:00", False),
    ],
)
def test_a_window_that_never_opens_stops_the_launch(start: str, end: str, opens: bool) -> None:
    assert found(with_settings(send_window={"start": start, "end": end})) == ([] if opens else ["empty_window"])


def test_a_week_without_send_days_stops_the_launch() -> None:
    assert found(with_settings(send_days=[])) == ["empty_window"]
    assert found(with_settings(send_days=["sun"])) == []
    assert found(with_settings(send_days=None, send_window=None, timezone=None)) == []


def test_an_empty_audience_and_a_start_in_the_past_are_shown() -> None:
    assert found(replace(SOUND, audience=[])) == ["audience_empty"]
    for start_at in (NOW, NOW - TimeDelta(seconds=1)):
        assert found(replace(SOUND, start_at=start_at)) == ["start_in_past"]


# Marketing.


def advertising(body: str, html: str | None = None, settings: Mapping[str, object] | None = None) -> Proposal:
    return replace(SOUND, content=saying(body, html=html), settings={"marketing": True, **(settings or {})})


def test_marketing_says_how_to_leave_and_where_its_sender_is() -> None:
    assert found(advertising("Buy!")) == ["unsubscribe_missing", "postal_address_missing"]
    assert found(advertising("Buy!\n" + FOOTER)) == []
    assert found(replace(advertising("Buy!"), settings={"marketing": False})) == []


@pytest.mark.parametrize("way", ["{{ unsubscribe_url }}", "Unsubscribe here", "opt-out", "Abmelden", "Reply STOP"])
def test_a_way_to_leave_is_known_by_how_it_is_written(way: str) -> None:
    assert found(advertising(way)) == ["postal_address_missing"]


@pytest.mark.parametrize(
    "place",
    [
        "ACME Inc., 221b Baker St., London",
        "500 MARKET STREET",
        "12, rue de Rivoli, Paris",
        "Hauptstraße 1, 10115 Berlin",
        "Via Roma 12",
        "Springfield, IL 62704",
        "P.O. Box 12",
    ],
)
def test_a_postal_address_is_known_by_how_it_is_written(place: str) -> None:
    assert found(advertising(place)) == ["unsubscribe_missing"]


@pytest.mark.parametrize("text", ["© 2026 ACME", "Only 3 days left on the way home", "Bring 2 friends", "1st place"])
def test_not_every_number_is_a_postal_address(text: str) -> None:
    assert "postal_address_missing" in found(advertising(text))


def test_the_part_that_most_people_see_is_the_one_that_counts() -> None:
    assert found(advertising(FOOTER, html="<p>Buy!</p>")) == ["unsubscribe_missing", "postal_address_missing"]
    assert found(advertising("Buy!", html=f"<p>{FOOTER}</p>")) == []


def test_a_postal_address_in_the_settings_is_given_to_every_message() -> None:
    said = "Buy! {{ unsubscribe_url }}, {{ postal_address }}"
    assert found(advertising(said, settings={"postal_address": "ACME, 1 Main Street"})) == []
    assert found(advertising(said)) == ["variable_missing"]


def test_a_text_message_needs_no_postal_address() -> None:
    assert found(replace(advertising("Reply STOP to leave"), channel="sms")) == []


def test_every_message_of_a_sequence_is_asked() -> None:
    steps = (Step(0, Template("a", FOOTER)), Step(2, Template("b", "Buy!")))
    finding = only(replace(advertising(""), content=Content(steps)), "unsubscribe_missing")
    assert finding.samples == ("step 2",)


# What is only mentioned.


def test_a_poor_subject_is_a_warning() -> None:
    assert found(replace(SOUND, content=saying(subject="  ")), "warning") == ["subject_empty"]
    assert found(replace(SOUND, content=saying(subject="x" * 151)), "warning") == ["subject_long"]
    values = saying(subject="x" * 150 + "{{ email }}")
    assert found(replace(SOUND, content=values), "warning") == []
    assert found(replace(SOUND, content=saying(subject=""), channel="sms"), "warning") == []


@pytest.mark.parametrize(
    "left", ["TODO: link", "Lorem ipsum dolor", "Dear [First Name]", "Dear {first_name}", "*|FNAME|*"]
)
def test_a_placeholder_left_in_the_text_is_a_warning(left: str) -> None:
    finding = only(replace(SOUND, content=saying(left)), "placeholder_text")
    assert finding.severity == "warning"
    assert finding.samples[0].startswith("step 1, body: ")


@pytest.mark.parametrize("fine", ["Todo incluido", "{{email}}", "<style>p{color:red}</style>", "[1] see below"])
def test_ordinary_text_is_no_placeholder(fine: str) -> None:
    assert found(replace(SOUND, content=saying(fine)), "warning") == []


@pytest.mark.parametrize("text", ["{{", "{% ", "1 A", "a", "{a", "Via a", "[first", "%%a", "*|a"])
def test_no_text_holds_the_review_up(text: str) -> None:
    """Every pattern takes time in proportion to the text, whatever it is."""
    long = text * (200_000 // len(text))
    began = process_time()
    review(advertising(long, html=long))
    assert process_time() - began < 2


def test_who_was_left_out_is_a_note_for_each_reason() -> None:
    notes = review(replace(SOUND, excluded={"suppressed": 1_200, "no_consent": 1, "bounced": 0}))
    assert [(note.code, note.severity, note.message, note.count) for note in notes] == [
        ("recipients_excluded", "note", "Left out of the audience (no_consent): 1 contact.", 1),
        ("recipients_excluded", "note", "Left out of the audience (suppressed): 1,200 contacts.", 1_200),
    ]


def test_blockers_come_first_and_the_order_is_always_the_same() -> None:
    bad = Proposal(
        saying("TODO {{ name }}", subject=""),
        {"timezone": "X/Y", "send_days": [], "marketing": True},
        NOW,
        NOW,
        [person(1, "X/Y")],
        {"suppressed": 1},
    )
    assert [finding.code for finding in review(bad)] == [
        "variable_missing",
        "unknown_zone",
        "empty_window",
        "start_in_past",
        "unsubscribe_missing",
        "postal_address_missing",
        "unknown_zone",
        "subject_empty",
        "placeholder_text",
        "recipients_excluded",
    ]


BLOCKERS = {
    "template_invalid",
    "variable_missing",
    "unknown_zone",
    "empty_window",
    "start_in_past",
    "audience_empty",
    "unsubscribe_missing",
    "postal_address_missing",
}


def test_nothing_else_may_stop_a_launch() -> None:
    """Every check, over the worst that can be proposed: the documented codes, and a sample list that stays short."""
    worst = Proposal(
        Content(tuple(Step(0, Template("TODO" * 50, "{{ x {{")) for _ in range(9))),
        {"timezone": "X/Y", "send_window": {}, "send_days": [], "marketing": True},
        NOW,
        NOW,
        [],
        {str(reason): 1 for reason in range(9)},
    )
    seen = {finding.code for check in CHECKS for finding in check(worst) if finding.severity == "blocker"}
    assert seen == BLOCKERS - {"variable_missing"}
    assert all(len(finding.samples) <= 5 for finding in review(worst))
