"""Who must approve what: the policy document, the rule that matches, and whose vote counts. Pure.

A policy is a list of rules; the first whose conditions hold decides. The last must match everything and must ask
people, so that nothing opens by falling through. Or approval is off, which every permit then says aloud (`ungated`).

    document.py       the document as people write it, and every mistake in it
    conditions.py     what a rule may ask of a launch: `When`, asked of a `Question`
    ruling.py         the first rule that matches, and what it asks
    requirement.py    what people must do before a run may go out
    voting.py         whose vote counts, for whom, and what stands; whether anybody could ever meet a requirement
    working_hours.py  deadlines that count working hours only
    avoiding.py       the smallest change by which nobody would be asked
    summing.py        what launches add up to over a window
"""

from gonogo.policy.avoiding import Change, Leeway, smallest_change
from gonogo.policy.conditions import Question, When
from gonogo.policy.document import (
    DEFAULT,
    BreakGlass,
    Document,
    Freeze,
    Off,
    People,
    Policy,
    Rule,
    Splitting,
    Written,
    asked,
    named,
    parse,
)
from gonogo.policy.requirement import Escalation, Requirement, Stage
from gonogo.policy.ruling import Ruling, freeze_at, match, requirement_of, rule_on, stages_of
from gonogo.policy.summing import Reach, Window
from gonogo.policy.voting import (
    BUILT_IN,
    Cast,
    Seat,
    Tally,
    Voter,
    entitlement,
    may_fill,
    satisfiable,
    seat_of,
    standing,
    tally,
)
from gonogo.policy.working_hours import WorkingHours

__all__ = [
    "BUILT_IN",
    "DEFAULT",
    "BreakGlass",
    "Cast",
    "Change",
    "Document",
    "Escalation",
    "Freeze",
    "Leeway",
    "Off",
    "People",
    "Policy",
    "Question",
    "Reach",
    "Requirement",
    "Rule",
    "Ruling",
    "Seat",
    "Splitting",
    "Stage",
    "Tally",
    "Voter",
    "When",
    "Window",
    "WorkingHours",
    "Written",
    "asked",
    "entitlement",
    "freeze_at",
    "match",
    "may_fill",
    "named",
    "parse",
    "requirement_of",
    "rule_on",
    "satisfiable",
    "seat_of",
    "smallest_change",
    "stages_of",
    "standing",
    "tally",
]
