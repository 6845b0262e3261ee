"""The examples of README and docs, run as they stand."""

import doctest
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import gonogo
from gonogo_api.settings import Settings
from support.server import free_port

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
)


def blocks(path: Path, language: str) -> str:
    """The fenced code of a document in one language, in order."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL))


def in_bash(script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a page's commands in an empty folder, with the package's own on the path. Whatever they started is ended."""
    running = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = running.communicate(timeout=100)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(running.args, running.returncode, out, err)


def test_the_package_tells_what_is_true(tmp_path: Path) -> None:
    found = doctest.testmod(gonogo, extraglobs={"folder": tmp_path})
    assert found.attempted > 0
    assert found.failed == 0


def test_the_readme_launches_a_campaign(tmp_path: Path) -> None:
    script = blocks(ROOT / "README.md", "python") + "\nprint(asked.case.state, launched.case.state)\ngate.close()\n"
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout.split(), ran.stderr) == (["pending_approval", "active"], "")


def test_the_page_on_embedding_is_true(tmp_path: Path) -> None:
    flags = doctest.IGNORE_EXCEPTION_DETAIL
    page = str(ROOT / "docs" / "embedding.md")
    found = doctest.testfile(page, module_relative=False, globs={"folder": tmp_path}, optionflags=flags)
    assert found.attempted > 0
    assert found.failed == 0


def _serving(page: Path) -> str:
    """The commands of a page that starts a server: on a free port, waited for, and ended."""
    port = str(free_port())
    script = blocks(page, "sh").replace("8000", port)
    wait = f"until curl --silent --fail http://127.0.0.1:{port}/healthz; do sleep 0.1; done"
    return script.replace("&\n", f"&\nSERVER=$!\ntrap 'kill $SERVER' EXIT\n{wait}\n", 1)


def test_getting_started_goes_from_an_empty_folder_to_120_mails(tmp_path: Path) -> None:
    ran = in_bash(_serving(ROOT / "docs" / "getting-started.md"), tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert '"status":"pending_approval"' in ran.stdout
    assert '"execution_started":true' in ran.stdout
    assert "}}120\n" in ran.stdout  # what `ls | wc` says, behind the statistics
    assert '"version":1' in ran.stdout


def test_the_page_on_approval_goes_from_the_policy_to_the_audit_entry(tmp_path: Path) -> None:
    page = ROOT / "docs" / "approval.md"
    ran = in_bash(_serving(page), tmp_path)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    told = ran.stdout
    assert "{'group': 'legal', 'people': [], 'have': 0, 'need': 2}" in told
    assert "bob@acme.example" in told
    assert "separation_of_duties\nstage_closed\n" in told
    assert blocks(page, "text").strip() in told  # the steps, as the page shows them
    assert "broken launched\napprove approved\n" in told
    assert told.rstrip().endswith("2")


def test_the_page_on_moving_in_is_true(tmp_path: Path) -> None:
    page = ROOT / "docs" / "moving-in.md"
    ran = in_bash(blocks(page, "sh"), tmp_path)
    assert ran.returncode == 0, ran.stderr
    answers = ran.stdout.splitlines()
    assert answers == ['{"campaigns": 2}', '{"contacts": 3, "updated": 0}']
    assert all(f"`{answer}`" in page.read_text() for answer in answers)


def test_every_setting_is_told_with_its_default() -> None:
    page = (ROOT / "docs" / "serving.md").read_text()
    told = dict(re.findall(r"^\| `GONOGO_(\w+)` \| ([^|]*) \|", page, re.MULTILINE))
    assert {name.lower() for name in told} == Settings.model_fields.keys()
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if default is not None:
            said = told[name.upper()].strip("`")
            assert said == (f"{default:g}" if isinstance(default, float) else str(default)), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []
