"""The command `gonogo`. Imports nothing but the standard library until it knows that the server's extra is there."""

import sys
from importlib.util import find_spec

NEEDED = ("fastapi", "pydantic_settings", "rich", "typer", "uvicorn")


def main() -> None:
    """Run the command line; exit with 2 where the packages of the extra `server` are missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(f"gonogo: needs {', '.join(missing)}: pip install 'gonogo[server]'", file=sys.stderr)
        sys.exit(2)
    from gonogo_api.commands import run

    run()
