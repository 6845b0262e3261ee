"""The kinds of channels that a campaign can name: those there always are, and those that hosts and packages bring."""

from collections.abc import Iterable
from importlib.metadata import entry_points

from gonogo.errors import Invalid
from gonogo.execution.channels import ENTRY_POINTS

ALWAYS = ("email", "sms", "webhook")


def kinds(brought: Iterable[str]) -> tuple[str, ...]:
    """All there are, where these are brought along."""
    return (*ALWAYS, *sorted(set(brought) - set(ALWAYS)))


def installed() -> tuple[str, ...]:
    """All there are for a command, which sends nothing: it makes no channel to find that out."""
    return kinds(entry.name for entry in entry_points(group=ENTRY_POINTS))


def check(kind: str, known: Iterable[str]) -> str:
    """The kind, if it is known. Raises Invalid with those that are."""
    if kind not in known:
        raise Invalid.at("channel", f"expected one of {', '.join(known)}; found {kind!r}")
    return kind
