"""Every line of the five originals holds here, and docs/dialects.md shows it."""

import pytest

from conformance.page import PAGE, page, recorded, unproven
from conformance.recording import Tape

pytestmark = pytest.mark.timeout(300)  # the recording starts a dozen servers


@pytest.fixture(scope="module")
def tapes() -> dict[str, Tape]:
    return recorded()


def test_every_line_of_the_seeds_has_an_exchange_that_shows_it(tapes: dict[str, Tape]) -> None:
    assert unproven(tapes) == []


def test_the_page_is_what_live_servers_answer(tapes: dict[str, Tape]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(tapes), "make dialects writes it anew"
