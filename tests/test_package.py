"""What is installed from a wheel, and what works without the server's packages."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=100)
    [made] = folder.glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def python(script: str, *, path: Path | None = None, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, in which some packages can't be imported."""
    hidden = "".join(f"sys.modules[{name!r}] = None\n" for name in without)
    command = [sys.executable, "-W", "error", "-c", f"import sys\n{hidden}{script}"]
    environment = {"PYTHONPATH": str(path)} if path else {}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


SERVER = ("fastapi", "starlette", "uvicorn", "typer", "rich", "pydantic_settings")


def test_a_wheel_makes_a_database_without_the_server(wheel: Path, tmp_path: Path) -> None:
    script = f"import gonogo; gonogo.Gate.open('sqlite:///{tmp_path}/a.db').close(); print(gonogo.__file__)"
    ran = python(script, path=wheel, without=SERVER)
    assert (ran.stdout.strip(), ran.stderr) == (str(wheel / "gonogo" / "__init__.py"), "")


def test_a_wheel_tells_type_checkers_that_it_is_typed(wheel: Path) -> None:
    assert (wheel / "gonogo" / "py.typed").exists()
    assert (wheel / "gonogo_api" / "py.typed").exists()


def test_importing_the_library_loads_no_database() -> None:
    names = "('sqlalchemy', 'sqlmodel', 'dbos', 'alembic', 'transitions')"
    ran = python(f"import gonogo; print([name for name in {names} if name in sys.modules])")
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")


def test_the_table_decides_without_a_database() -> None:
    script = "import gonogo; print(gonogo.decide(gonogo.CAMPAIGN, 'draft', 'start', gonogo.Facts()).to)"
    ran = python(script, without=("sqlalchemy", "sqlmodel", "dbos", "alembic", *SERVER))
    assert (ran.stdout.strip(), ran.stderr) == ("pending_approval", "")


def test_every_public_name_is_there() -> None:
    ran = python("import gonogo; print(all(getattr(gonogo, name) for name in gonogo.__all__))")
    assert (ran.stdout.strip(), ran.stderr) == ("True", "")


def test_the_command_says_what_it_needs() -> None:
    ran = python("from gonogo_api.cli import main; main()", without=("typer", "fastapi"))
    assert ran.returncode == 2
    assert ran.stderr == "gonogo: needs fastapi, typer: pip install 'gonogo[server]'\n"
