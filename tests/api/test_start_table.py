"""A walk through every cell of the start table, over live HTTP, on both databases."""

import pytest

from gonogo_api import contract
from support.drivers import SITUATIONS
from support.driving import DRIVERS
from support.server import Server
from support.start_table import ROWS, TABLE, WORDS, Cell, cells


@pytest.mark.parametrize("cell", cells(), ids=str)
def test_a_start_answers_what_the_table_says(server: Server, cell: Cell) -> None:
    driver = DRIVERS[cell.dialect](server)
    wire_id = SITUATIONS[cell.situation](driver)
    before = driver.state(wire_id)

    answer = driver.start(wire_id)

    assert answer.status_code == cell.status, answer.text
    if cell.status == 200:
        assert driver.started(answer, wire_id) == cell.shown
    else:
        found = driver.refused(answer)
        assert (found.code, found.message) == (cell.code, WORDS.get((cell.situation, cell.dialect), found.message))
        assert found.message
        assert driver.state(wire_id) == before


def test_the_server_keeps_the_same_table() -> None:
    for cell in cells():
        kept = contract.START.get(ROWS.get(cell.situation, cell.situation), {}).get(cell.dialect)
        if cell.situation == "draft" or (cell.situation == "paused" and cell.dialect in contract.RESUMES):
            continue  # the event is offered: nothing stands in its way
        assert kept is not None, cell
        assert (kept.status, kept.code) == (cell.status, cell.code), cell


def test_the_table_has_every_row_of_the_server() -> None:
    assert {ROWS.get(situation, situation) for situation in TABLE} == {"draft", *contract.START}
    assert list(TABLE) == list(SITUATIONS)
