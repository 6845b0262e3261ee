"""A channel that another package brings, from its entry point to a message: the example of the page on sending."""

import json
import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from gonogo_api import moving
from gonogo_api.commands.common import one_off, settings_for
from support.house import House, refusal
from support.server import Server

PAGE = (Path(__file__).parents[2] / "docs" / "sending.md").read_text()
#: In this order: those there always are, and what is brought.
KINDS = ["email", "sms", "webhook", "pigeon"]
FAX = "expected one of email, sms, webhook, pigeon; found 'fax'"


def shown(language: str) -> str:
    """The one example of the page in that language that is about the channel."""
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    [found] = [block for block in blocks if "pigeon" in block]
    return found


def entry_points() -> str:
    """What an installer makes of the page's lines in pyproject.toml."""
    group, line = re.fullmatch(r'\[project\.entry-points\."(.+)"\]\n(.+)\n', shown("toml"), re.DOTALL).groups()  # type: ignore[union-attr]
    return f"[{group}]\n{line.replace(chr(34), '')}\n"


@pytest.fixture(scope="module")
def loft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where pigeons go, while their package is installed."""
    folder = tmp_path_factory.mktemp("pigeons")
    (folder / "pigeons.py").write_text(shown("python"))
    info = folder / "pigeons-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeons\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points())
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder / "loft.txt"
    sys.modules.pop("pigeons", None)


@pytest.fixture(scope="module")
def server(loft: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    made = Server(f"sqlite:///{folder}/gonogo.db", folder, {"PIGEON_LOFT": str(loft)})
    yield made.start()
    made.stop()


def test_a_campaign_goes_by_a_channel_that_a_package_brings(server: Server, loft: Path) -> None:
    """Under a policy that speaks of channels: a rule about another one is not about it."""
    stages = {"stages": [{"group": "approvers", "quorum": 1}]}
    rules = [
        {"name": "mail", "when": {"channel": "email"}, "approve": "auto"},
        {"name": "others", "approve": stages},
    ]
    house = House.of(server, policy={"rules": rules, "separation": "none"})
    campaign, task = house.asked(channel="pigeon")
    assert house.campaign(campaign)["channel"] == "pigeon"
    house.data("POST", f"/v1/lexi/tasks/{task}/approve")
    house.wait_for(campaign, "completed")
    flown = [line for line in loft.read_text().splitlines() if house.domain in line]
    assert sorted(flown) == [f"p{n}@{house.domain}: Hello N{n}" for n in range(2)]


def test_a_channel_that_is_not_set_up_is_refused_with_those_that_are(server: Server) -> None:
    house = House.of(server)
    before = house.rows()
    for kind, message in (("fax", FAX), ("Pigeon", FAX.replace("fax", "Pigeon")), ("", FAX.replace("fax", ""))):
        answer = house.client.post("/v1/campaigns", {"name": "Spring", "channel": kind})
        assert refusal(answer) == (400, "validation_error", [])
        assert answer.json()["error"]["mistakes"] == [{"path": "channel", "message": message}]
    for no_kind in ("x" * 101, 5, None):
        answer = house.client.post("/v1/campaigns", {"name": "Spring", "channel": no_kind})
        assert [each["path"] for each in answer.json()["error"]["mistakes"]] == ["channel"]
    assert house.rows() == before


def test_the_document_names_the_channels_of_this_server(server: Server) -> None:
    document = requests.get(f"{server.base}/leadlex/openapi.json", timeout=30).json()
    assert document["components"]["schemas"]["NewCampaign"]["properties"]["channel"]["enum"] == KINDS


def test_a_campaign_moves_in_with_a_channel_that_is_installed(server: Server, tmp_path: Path) -> None:
    house = House.of(server)
    ids = [str(uuid.uuid4()) for _ in range(2)]
    file = tmp_path / "campaigns.ndjson"

    def come_in(kind: str, at: int) -> None:
        file.write_text(json.dumps({"id": ids[at], "name": "Spring", "channel": kind}) + "\n")
        with moving.opened(file) as source, one_off(settings_for(server.url), house.tenant.id) as call:
            assert moving.import_campaigns(call, source) == 1

    come_in("pigeon", 0)
    assert house.campaign(ids[0])["channel"] == "pigeon"
    with pytest.raises(moving.NotTaken, match=re.escape(f"row 0: channel: {FAX}")):
        come_in("fax", 1)
