"""docs/dialects.md: made of what live servers answered."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from conformance import bavlio, burki, leadlex, leadterra, sonarly
from conformance.proofs import Proof, lines_of
from conformance.recording import Exchange, Tape, stage
from gonogo_api import contract

PAGE = Path(__file__).parents[2] / "docs" / "dialects.md"
SEEDS: dict[str, ModuleType] = {
    "LeadLex": leadlex,
    "Sonarly": sonarly,
    "Leadterra": leadterra,
    "Burki": burki,
    "Bavlio": bavlio,
}
ABOUT = """# The five dialects

One engine, five ways in. This page is made by `make dialects` from exchanges with live servers: every line of the five
originals stands here with the exchange that shows that it holds, and `make check` fails for a line that has none. Ids,
keys and times are replaced by steady ones; `KEY_1` is the first key that was used.
"""


def recorded() -> dict[str, Tape]:
    """Every exchange, by dialect, from servers that live as long as that takes."""
    tapes: dict[str, Tape] = {}
    with stage() as made:
        for name, seed in SEEDS.items():
            tapes[name] = Tape()
            seed.record(made, tapes[name])
    return tapes


def unproven(tapes: dict[str, Tape]) -> list[str]:
    """The lines of seeds that no exchange shows, and the proofs that do not hold."""
    found = []
    for name, seed in SEEDS.items():
        proofs: list[Proof] = seed.proofs()
        shown = {line for proof in proofs for line in range(proof.first, proof.last + 1)}
        lines = enumerate(lines_of(seed.SEED), 1)
        found += [f"{name}, line {line}: {text}" for line, text in lines if text.strip() and line not in shown]
        found += [
            f"{name}, lines {proof.first} to {proof.last}: not so: {proof.seen}"
            for proof in proofs
            if not _holds(proof, tapes[name])
        ]
    return found


def _holds(proof: Proof, tape: Tape) -> bool:
    try:
        return bool(proof.holds(*(tape.exchanges[name] for name in proof.by)))
    except (LookupError, TypeError):
        return False


def page(tapes: dict[str, Tape]) -> str:
    parts = [ABOUT, *_tables()]
    for name, seed in SEEDS.items():
        parts += [f"## {name} (seed {seed.SEED})\n", "\n".join(_proven(name, seed)), "", "### Exchanges\n"]
        parts += [_told(name, number, each) for number, each in enumerate(tapes[name].exchanges.values(), 1)]
    return "\n".join(parts)


def _proven(name: str, seed: ModuleType) -> Iterator[str]:
    yield "| line | the seed says | seen | exchange |"
    yield "|---|---|---|---|"
    lines = lines_of(seed.SEED)
    for proof in seed.proofs():
        where = str(proof.first) if proof.first == proof.last else f"{proof.first} to {proof.last}"
        said = " ".join(line.strip() for line in lines[proof.first - 1 : proof.last] if line.strip())
        links = ", ".join(f"[{by}](#{_slug(name, by)})" for by in proof.by)
        yield f"| {where} | {_cell(said)} | {proof.seen.replace('|', chr(92) + '|')} | {links} |"


def _cell(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def _told(name: str, number: int, exchange: Exchange) -> str:
    anchor = f'<a id="{_slug(name, exchange.name)}"></a>'
    return f"{anchor}{number}. {exchange.name}\n\n```http\n{exchange}\n```\n"


def _slug(*words: str) -> str:
    return re.sub("[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")


def _tables() -> Iterator[str]:
    yield "## The same moment in five languages\n"
    names = list(next(iter(contract.STATUS.values())))
    yield _table(["engine state", *names], [[state, *words.values()] for state, words in contract.STATUS.items()])
    yield "What start (launch) answers when the campaign is, or has:\n"
    rows = [[row, *(_cell_of(row, name) for name in names)] for row in contract.START]
    yield _table(["", *names], rows)


def _cell_of(row: str, name: str) -> str:
    if row == "paused" and name in contract.RESUMES:
        return "200, resumes"
    answer = contract.START[row][name]
    said = " ".join(filter(None, (answer.code, answer.message)))
    return f"{answer.status} {said}".strip() if answer.status != 200 else "200, as if it had just happened"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
