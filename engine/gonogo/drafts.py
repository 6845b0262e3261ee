"""Policies before they are in force: read with everybody in them by id, and every mistake there is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gonogo import policy
from gonogo.ballots import Voters
from gonogo.call import Call
from gonogo.errors import Invalid, Mistake
from gonogo.groups import member_named
from gonogo.models import Document
from gonogo.policy import BUILT_IN, Policy, Requirement, Voter
from gonogo.store import people, workspaces


def check(call: Call, document: object) -> tuple[Document, Policy]:
    """The document with everybody in it named by id, and what it says. Raises Invalid with every mistake: also for
    groups and members that are unknown, for rules that nobody could satisfy, and where nobody could say no."""
    mistakes: list[Mistake] = []
    try:
        policy.parse(document)
    except Invalid as invalid:
        mistakes += invalid.mistakes
    wanted = _with_ids(document, _known(call, document, mistakes))
    mistakes += _lacking(call, wanted, [mistake.path for mistake in mistakes])
    if mistakes:
        raise Invalid(mistakes)
    return wanted, policy.parse(wanted)


def _known(call: Call, document: object, mistakes: list[Mistake]) -> dict[str, str]:
    """The ids of the people whom a document names; every name that is unknown is a mistake."""
    named = list(policy.named(document))
    groups = {*BUILT_IN, *people.group_names(call.connection, call.by.workspace)} if named else set()
    salt = workspaces.get(call.connection, call.by.workspace).salt
    ids: dict[str, str] = {}
    for path, kind, name in named:
        if kind == "group" and name not in groups:
            mistakes.append(Mistake(path, f"expected one of the groups {', '.join(sorted(groups))}; found {name!r}"))
        if kind == "person":
            member_id = member_named(call, salt, name)
            if member_id is None:
                mistakes.append(Mistake(path, f"expected a member, by address or id; {name!r} is none"))
            ids[name] = member_id or name
    return ids


def _with_ids(said: Any, ids: Mapping[str, str], *, named: bool = False) -> Any:
    """The document as it is stored: ids where people were named, for addresses must be erasable."""
    if isinstance(said, Mapping):
        return {key: _with_ids(value, ids, named=key == "people") for key, value in said.items()}
    if isinstance(said, list):
        return [_with_ids(each, ids, named=named) for each in said]
    return ids.get(said, said) if named and isinstance(said, str) else said


def _lacking(call: Call, document: object, wrong: Sequence[str]) -> Iterator[Mistake]:
    """Where people are missing, whoever asks; of stages that are wrong already no more is told. Of the people of an
    embedding host only the host knows."""
    if not isinstance(document, Mapping) or Voters(call).member.vouched:
        return
    voters = people.everybody(call.connection, call.by.workspace)
    separation = "none" if "separation" in wrong else document.get("separation", "requester")
    for path, asked in policy.asked(document):
        stages = policy.stages_of(asked)
        known = [
            at for at in range(len(stages)) if not any(place.startswith(f"{path}.stages[{at}]") for place in wrong)
        ]
        if not known:
            continue
        requirement = Requirement(tuple(stages[at] for at in known), separation=separation)
        if path == "changes":  # the writer of the next policy, who may be this one's, has no say in it
            requirement = Requirement(requirement.stages, barred=(call.by.person,))
        if not policy.satisfiable(requirement, voters):
            yield Mistake(path, _nobody(requirement, voters))
        elif "dismissals" not in wrong:
            yield from _too_few(document.get("dismissals", 1), requirement, voters, path)


def _nobody(requirement: Requirement, voters: Sequence[Voter]) -> str:
    could = [
        f"{stage.quorum} of {stage.whom} (of whom {sum(policy.may_fill(stage, each) for each in voters)} may approve)"
        for stage in requirement.stages
    ]
    return f"nobody could satisfy this: it asks {', then '.join(could)}, each person counting once"


def _too_few(dismissals: int, requirement: Requirement, voters: Sequence[Voter], path: str) -> Iterator[Mistake]:
    free = (each for each in voters if each.person not in requirement.barred)
    asked = max(1, sum(any(policy.may_fill(stage, each) for stage in requirement.stages) for each in free))
    if dismissals > asked:
        yield Mistake("dismissals", f"expected {asked} or less, so many people {path} asks; found {dismissals}")
