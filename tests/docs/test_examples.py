"""The examples of README and docs, run as they stand."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gonogo
from support.server import free_port

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
)


def blocks(path: Path, language: str) -> str:
    """The fenced code of a document in one language, in order."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL))


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


def test_getting_started_goes_from_an_empty_folder_to_120_mails(tmp_path: Path) -> None:
    port = str(free_port())
    script = blocks(ROOT / "docs" / "getting-started.md", "sh").replace("8000", port)
    wait = f"until curl --silent --fail http://127.0.0.1:{port}/healthz; do sleep 0.1; done"
    script = script.replace("&\n", f"&\nSERVER=$!\ntrap 'kill $SERVER' EXIT\n{wait}\n", 1)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert '"status":"pending_approval"' in ran.stdout
    assert '"execution_started":true' in ran.stdout
    assert "}}120\n" in ran.stdout  # what `ls | wc` says, behind the statistics
    assert '"version":1' in ran.stdout


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []
