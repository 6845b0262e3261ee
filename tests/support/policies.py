"""Hypothesis strategies for the policy: documents that use every key, questions about launches, people and votes."""

from typing import Any

from hypothesis import strategies as st
from whenever import Instant, TimeDelta

from gonogo.models import Document
from gonogo.policy import Cast, Question, Voter
from gonogo.zones import DAYS

PEOPLE = ("ann", "bob", "cid", "dora", "eve", "fay")
GROUPS = ("approvers", "owners", "legal", "leads")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Tokyo")
CHANNELS = ("email", "sms", "webhook")
ADDRESSES = ("news@acme.example", "News@Acme.example", "info@other.example")
LISTS = ("list_1", "list_2")
SUMMED = ("requester", "list", "sender")

_zones = st.sampled_from(ZONES)
_days = st.lists(st.sampled_from(DAYS), min_size=1, unique=True)
_times = st.integers(0, 24 * 4 - 1).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
_dates = st.dates().filter(lambda day: 1 < day.year < 9999).map(lambda day: day.isoformat())
_counts = st.integers(0, 12) | st.integers(0, 10**9)


def durations(most: int = 8784) -> st.SearchStrategy[str]:
    """Durations up to so many hours."""
    seconds = st.integers(1, most * 3_600).map(lambda count: TimeDelta(seconds=count).format_iso())
    return st.integers(1, most).map(lambda count: f"PT{count}H") | seconds


@st.composite
def _hours(draw: st.DrawFn) -> Document:
    begins, ends = draw(st.lists(_times, min_size=2, max_size=2, unique=True))
    return {"from": begins, "to": ends, "zone": draw(_zones)}


@st.composite
def _freezes(draw: st.DrawFn) -> Document:
    begins, ends = sorted(draw(st.lists(_dates, min_size=2, max_size=2, unique=True)))
    return {"from": begins, "to": f"{ends}T12:00", "zone": draw(_zones), "reason": "holidays"}


@st.composite
def _working(draw: st.DrawFn) -> Document:
    opens = draw(st.integers(0, 22))
    closes = draw(st.integers(opens + 1, 23))
    more = st.fixed_dictionaries({}, optional={"days": _days, "holidays": st.lists(_dates, max_size=3)})
    return {"zone": draw(_zones), "from": f"{opens:02}:00", "to": f"{closes:02}:00", **draw(more)}


whens = st.fixed_dictionaries(
    {},
    optional={
        "recipients_at_most": _counts,
        "recipients_over": _counts,
        "channel": st.sampled_from(CHANNELS),
        "sender": st.sampled_from([*ADDRESSES, "*@acme.example"]),
        "list": st.sampled_from(LISTS),
        "hours": _hours(),
        "weekdays": st.fixed_dictionaries({"days": _days, "zone": _zones}),
        "template": st.sampled_from(["changed", "unchanged"]),
        "review": st.just("clean"),
        "warnings": st.sampled_from(["none", "some"]),
    },
)


@st.composite
def stages(draw: st.DrawFn, most: int = 3) -> Document:
    if draw(st.booleans()):
        people = draw(st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True))
        return {"people": people, "quorum": draw(st.integers(1, min(most, len(people))))}
    quorum, group = st.integers(1, most), st.sampled_from(GROUPS)
    return draw(st.fixed_dictionaries({"group": group}, optional={"quorum": quorum}))


asked = st.fixed_dictionaries({"stages": st.lists(stages(), min_size=1, max_size=3)})


@st.composite
def documents(draw: st.DrawFn, *, off: bool = True) -> Document:
    """Policies that are taken. Together they use every key there is."""
    if off and draw(st.integers(0, 9)) == 0:
        changes = draw(st.fixed_dictionaries({}, optional={"changes": asked}))
        return {"approval": "off", "reason": "a test", **changes}
    before = draw(st.lists(st.tuples(whens, st.just("auto") | asked), max_size=4))
    rules = [{"name": f"rule {at}", "when": when, "approve": approve} for at, (when, approve) in enumerate(before)]
    switches = draw(st.sampled_from([{}, {"invite": True}, {"invite": True, "link_decides": True}]))
    return {"rules": [*rules, {"name": "last", "approve": draw(asked)}], **draw(_switches), **switches}


_per = st.sampled_from(SUMMED) | st.lists(st.sampled_from(SUMMED), min_size=1, max_size=3)
_switches = st.fixed_dictionaries(
    {},
    optional={
        "separation": st.sampled_from(["none", "requester", "contributors"]),
        "acknowledge": st.sampled_from(["implicit", "explicit"]),
        "dismissals": st.integers(1, 100),
        "expires_after": durations().map(lambda text: text if text.endswith("H") else "PT8784H"),
        "working_hours": _working(),
        "remind_after": st.just("PT30M"),
        "escalate": st.fixed_dictionaries({"after": st.just("PT45M"), "to": st.sampled_from(GROUPS)}),
        "splitting": st.fixed_dictionaries({"window": durations()}, optional={"per": _per}),
        "freeze": st.lists(_freezes(), max_size=3),
        "break_glass": st.fixed_dictionaries(
            {},
            optional={"group": st.sampled_from(GROUPS), "reason": st.just("required"), "begin_within": durations()},
        ),
        "changes": asked,
        "on_policy_change": st.sampled_from(["keep", "hold"]),
    },
)


def questions(*, known: bool = False) -> st.SearchStrategy[Question]:
    """Launches that a policy may be asked about; unless `known`, with facts missing."""

    def fact(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return values if known else st.none() | values

    return st.builds(
        Question,
        recipients=_counts,
        channel=fact(st.sampled_from(CHANNELS)),
        clean=fact(st.booleans()),
        warned=fact(st.booleans()),
        sender=fact(st.sampled_from(ADDRESSES)),
        list=fact(st.sampled_from(LISTS)),
        template_changed=fact(st.booleans()),
        at=fact(moments),
        summed=st.dictionaries(st.sampled_from(SUMMED), fact(_counts)),
    )


moments = st.integers(0, 4_000_000_000).map(Instant.from_timestamp)

# People and their votes


@st.composite
def electorates(draw: st.DrawFn) -> dict[str, Voter]:
    """Members, each in some groups; not everybody is one."""
    few = draw(st.booleans())
    members = draw(st.lists(st.sampled_from(PEOPLE), min_size=0 if few else len(PEOPLE), unique=True))
    groups = st.sets(st.sampled_from(GROUPS), min_size=0 if few else 2)
    return {name: Voter(name, frozenset(draw(groups))) for name in members}


CHOICES = ("approve", "retract", "dismiss", "request_changes")
#: Any votes at all, also such as nobody could have cast.
casts = st.lists(
    st.builds(
        Cast,
        st.sampled_from(PEOPLE),
        st.sampled_from(CHOICES),
        st.sampled_from(PEOPLE),
        st.integers(0, 3),
    ),
    max_size=12,
)


@st.composite
def distinct_casts(draw: st.DrawFn, stages: int = 4) -> list[Cast]:
    """Votes of people who each take one seat, their own or another's, which nobody else takes; most of them approve."""
    said = draw(st.sampled_from((("approve",), ("approve", *CHOICES))))
    free = draw(st.permutations(PEOPLE))
    found: list[Cast] = []
    while free:
        person, *free = free
        seat = free.pop() if free and draw(st.integers(0, 3)) == 0 else person
        voted = draw(st.lists(st.integers(0, stages - 1), min_size=len(said) == 1, max_size=2))
        found += [Cast(person, draw(st.sampled_from(said)), seat, stage) for stage in voted]
    return found
