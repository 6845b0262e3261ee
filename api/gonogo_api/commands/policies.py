"""Policies: put into force, tried before they are, and what they said about a campaign."""

import json as printed
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from fastapi.exceptions import RequestValidationError
from rich.console import Console
from rich.markup import escape

from gonogo import drafts, explaining, simulating, workspaces
from gonogo.actor import Actor
from gonogo.call import Call
from gonogo.errors import Invalid
from gonogo.groups import member_named
from gonogo.store import workspaces as store
from gonogo_api.commands.common import (
    CampaignId,
    DatabaseUrl,
    Json,
    WorkspaceId,
    about,
    answer,
    engine_at,
    one_off,
    settings_for,
    within,
)
from gonogo_api.dialects.leadlex.explaining import (
    Backtested,
    Explained,
    Simulated,
    VerdictShown,
    VoiceShown,
    backtested,
    explained,
    simulated,
)
from gonogo_api.strict import read_json
from gonogo_api.yaml_body import read_yaml

policy = typer.Typer(help="Policies: put into force, and tried before.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="The policy, in YAML, or in JSON if it ends so.", show_default=False)]


@policy.callback()
def _policies() -> None:
    """Policies: put into force, and tried before."""


@policy.command("set")
def set_policy(
    file: File,
    workspace: WorkspaceId,
    by: Annotated[
        str | None, typer.Option(help="The member who proposes it, where people are asked.", show_default=False)
    ] = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Put a policy into force, or ask people first where the one in force says so: all but who proposes it."""
    document = _read(file)
    with one_off(settings_for(database_url), workspace) as call:
        salt = store.get(call.connection, workspace).salt
        proposer = call.by if by is None else _member(call, salt, by)
        written = workspaces.write_policy(replace(call, by=proposer), document)
    answer({"version": written.number, "in_force": written.task_id is None, "task_id": written.task_id}, json)


@policy.command("validate")
def validate_policy(file: File, workspace: WorkspaceId, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Tell whether a policy could be put into force, and if not, every mistake."""
    document = _read(file)
    with engine_at(database_url) as engine, within(engine, workspace) as call:
        drafts.check(call, document)
    answer({"valid": True}, json)


@policy.command("simulate")
def simulate_policy(
    file: File,
    workspace: WorkspaceId,
    campaign: Annotated[str, typer.Option(help="The campaign's id.", show_default=False)],
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Tell what a policy would say of a campaign."""
    document = _read(file)
    with engine_at(database_url) as engine, within(engine, workspace) as call:
        found = simulated(simulating.simulate(call, campaign, document))
    _tell(dict(found), _simulated(found), json)


@policy.command("backtest")
def backtest_policy(
    file: File,
    workspace: WorkspaceId,
    days: Annotated[int, typer.Option(help="How far back, in days.")] = 30,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Tell what a policy would have said of every launch of the last days, beside what was said."""
    document = _read(file)
    with engine_at(database_url) as engine, within(engine, workspace) as call:
        found = backtested(simulating.backtest(call, document, days))
    _tell(dict(found), _backtested(found), json)


def explain(campaign: CampaignId, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Tell why somebody is asked about a campaign, or would be, whose votes are missing, and what would avoid it."""
    with engine_at(database_url) as engine, about(engine, campaign) as call:
        found = explained(explaining.explain(call, campaign, hints=True))
    _tell(dict(found), _explained(found), json)


def _member(call: Call, salt: bytes, name: str) -> Actor:
    """A member of the workspace, by address or id. Raises Invalid."""
    member = member_named(call, salt, name)
    if member is None:
        raise Invalid.at("--by", f"expected a member, by address or id; {name!r} is none")
    return replace(call.by, person=member, is_member=True)


def _read(file: Path) -> Any:
    body = file.read_bytes()
    try:
        return read_json(body if file.suffix == ".json" else read_yaml(body))
    except RequestValidationError as error:
        raise ValueError(f"{file}: {error.errors()[0]['msg']}") from None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


# How it is told


def _tell(body: dict[str, Any], lines: Iterator[str], as_json: bool) -> None:
    if as_json:
        print(printed.dumps(body))
        return
    console = Console(soft_wrap=True)
    for line in lines:
        console.print(line, highlight=False)


def _simulated(found: Simulated) -> Iterator[str]:
    yield f"[bold]{found['permission']}[/bold], by the rule {escape(found['rule'])}"
    yield from (f"{escape(each['message'])}" for each in found["blockers"])
    for stage in found["requirement"]["stages"] if found["requirement"] else ():
        whom = stage.get("group") or ", ".join(stage.get("people", ()))
        yield f"asks {stage['quorum']} of {escape(whom)}"
    if found["unsatisfiable"]:
        yield "[red]unsatisfiable[/red]: nobody who is there could do what it asks"


def _backtested(found: Backtested) -> Iterator[str]:
    yield (
        f"{found['launches']} launches since {found['since']}: {found['changed']} would have gone otherwise, "
        f"{found['undetermined']} undetermined"
    )
    for count in found["counts"]:
        yield f"{count['launches']:>9} {_verdict(count['then'])} -> {_verdict(count['now'])}"
    for each in found["named"]:
        change = f"{_verdict(each['then'])} -> {_verdict(each['now'])}"
        yield f"{each['at']} {each['campaign_id']} run {each['run']}, {each['recipients']} recipients: {change}"


def _verdict(shown: VerdictShown) -> str:
    return shown["permission"] if shown["rule"] is None else f"{shown['permission']} ({escape(shown['rule'])})"


def _explained(found: Explained) -> Iterator[str]:
    yield f"[bold]{found['status']}[/bold]" + ("" if found["rule"] is None else f", {_by(found)}")
    yield from (f"[bold]{each['code']}[/bold]: {escape(each['message'])}" for each in found["blockers"])
    for window in found["counted"]:
        yield f"counted since {window['since']}, by {window['per']}: {window['recipients']} recipients"
        for launch in window["launches"]:
            yield f"  {launch['at']} {launch['campaign_id']}: {launch['recipients']}"
    for stage in found["stages"]:
        could = ", ".join(map(_voice, stage["could"])) + (f" and {stage['more']} more" if stage["more"] else "")
        missing = f"; {could} could" if could else ""
        yield f"{escape(stage['whom'])}: {stage['have']} of {stage['need']}{missing}"
    if found["unsatisfiable"]:
        yield "[red]unsatisfiable[/red]: nobody who is there could give what is missing"
    if found["expires_at"] is not None:
        yield f"expires at {found['expires_at']}"
    if found["change"] is not None:
        yield f"nobody would be asked with {escape(found['change']['message'])}"


def _by(found: Explained) -> str:
    rule = f"the rule {escape(str(found['rule']))} of policy {found['policy_version']}"
    if found["permit"] is None:
        return f"{found['permission']} by {rule}"
    return f"permitted ({found['permit']}) by {', '.join(map(_voice, found['by']))}, {rule}"


def _voice(shown: VoiceShown) -> str:
    name = escape(shown["name"] or shown["id"])
    instead = shown["instead_of"]
    return name if instead is None else f"{name} for {escape(instead['name'] or instead['id'])}"
