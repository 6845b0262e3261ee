"""Channels that other packages bring along, found by their entry point."""

import sys
from pathlib import Path

import pytest

from gonogo.execution.channels import ChannelUnavailable, plugged_in

MODULE = """
from gonogo.execution.channels import SENT, Delivery

class Pigeon:
    kind = "pigeon"

    def deliver(self, messages, in_time):
        return Delivery([SENT for _ in messages])

    def close(self):
        pass

def broken():
    raise ValueError("no pigeons left")
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A package that offers a channel."""
    (folder / "pigeons.py").write_text(MODULE)
    info = folder / "pigeons-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeons\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gonogo.channels]\npigeon = {value}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "pigeons", raising=False)


def test_a_package_brings_a_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plugged_in() == {}
    install(tmp_path, monkeypatch, "pigeons:Pigeon")
    found = plugged_in()
    assert [(kind, channel.kind) for kind, channel in found.items()] == [("pigeon", "pigeon")]


def test_a_channel_that_can_not_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "pigeons:broken")
    with pytest.raises(ChannelUnavailable, match="'pigeon' of pigeons:broken can't be made: no pigeons left"):
        plugged_in()
