"""The files in `diagrams/` say what the table says, all of it, and the picture can be read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gonogo.campaign import CAMPAIGN
from gonogo.definition import Flow, Move
from gonogo.diagram import (
    GATE,
    GROUPS,
    LEGS,
    PLACES,
    ROUTES,
    STYLE,
    Box,
    NoPlace,
    carried,
    differences,
    picture,
    render,
    told,
    write,
)

DIAGRAMS = Path(__file__).parents[2] / "diagrams"
FILES = ["campaign.md", "campaign.mmd", "campaign.svg"]
SVG = "{http://www.w3.org/2000/svg}"
SIZES = {css: float(size) for css, size in re.findall(r"\.(\w+) \{ font-size: ([\d.]+)px", STYLE)}
WIDE = {"caption": 0.83}  # in capitals, bold and spaced; other letters take at most 0.6 of their size on average

Row = tuple[str, str, str, str]


@dataclass(frozen=True)
class Area:
    """A rectangle by its edges."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Area") -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: "Area") -> bool:
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom

    def grown(self, by: float) -> "Area":
        return Area(self.left - by, self.top - by, self.right + by, self.bottom + by)


def area(box: Box) -> Area:
    return Area(box.x, box.y, box.x + box.width, box.y + box.height)


def drawing() -> ElementTree.Element:
    return ElementTree.fromstring(picture(CAMPAIGN))  # noqa: S314  our own file


def boxes(root: ElementTree.Element) -> dict[str, Area]:
    """The state boxes, as the file has them."""
    found = {}
    for rect in root.iter(f"{SVG}rect"):
        if state := rect.get("data-state"):
            x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
            found[state] = Area(x, y, x + width, y + height)
    return found


def extent(text: ElementTree.Element) -> Area:
    """About as much room as the words need, rather too much than too little."""
    css = text.attrib["class"].split()[0]
    size, words = SIZES[css], text.text or ""
    width = size * WIDE.get(css, 0.6) * len(words)
    x, y = float(text.attrib["x"]), float(text.attrib["y"])
    left = x - width * {"start": 0, "middle": 0.5, "end": 1}[text.attrib["text-anchor"]]
    return Area(left, y - 0.8 * size, left + width, y + 0.22 * size)


def texts(root: ElementTree.Element) -> dict[str, Area]:
    """All words outside the state boxes."""
    inside = {text for group in root if is_state(group) for text in group}
    found = [text for text in root.iter(f"{SVG}text") if text not in inside]
    return {f"{text.text} at {text.get('x')},{text.get('y')}": extent(text) for text in found}


def is_state(group: ElementTree.Element) -> bool:
    return any(part.get("data-state") for part in group)


def lines(root: ElementTree.Element) -> Iterator[Area]:
    """Every straight part of every arrow, and the square around every bend."""
    drawn = [path.attrib["d"] for path in root.findall(f"{SVG}g/{SVG}path")]
    for line in "".join(drawn).split("M")[1:]:
        numbers = [float(number) for number in re.findall(r"[\d.]+", line)]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        for (ax, ay), (bx, by) in pairwise(points):
            yield Area(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))


def row(move: Move[Any]) -> Row:
    return move.event, move.source, move.to, ", ".join(map(str, move.when))


def without(move: Move[Any]) -> Flow[Any]:
    return replace(CAMPAIGN, moves=tuple(other for other in CAMPAIGN.moves if other is not move))


def test_the_committed_diagrams_are_what_the_table_draws() -> None:
    assert differences(DIAGRAMS) == []


def test_every_move_is_a_row_of_the_markdown_table_with_all_it_needs() -> None:
    head = "| event | from | to | when | needs |\n| --- | --- | --- | --- | --- |\n"
    table = render(CAMPAIGN)["campaign.md"].split(head)[1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    needs = [", ".join(f"`{guard.__name__}`" for guard in move.needs) for move in CAMPAIGN.moves]
    said = [(event.strip("`"), source.strip("`"), to.strip("`"), when) for event, source, to, when, _ in rows]
    assert said == [row(move) for move in CAMPAIGN.moves]
    assert [cells[4] for cells in rows] == needs


def test_the_markdown_says_what_every_state_means_and_that_it_is_generated() -> None:
    text = render(CAMPAIGN)["campaign.md"]
    assert "gonogo diagram" in text.splitlines()[0]
    for state, meaning in CAMPAIGN.states.items():
        assert re.search(rf"^\| `{state}` \| \w* \| {re.escape(meaning)} \|$", text, re.MULTILINE)


def test_every_move_is_in_the_mermaid_diagram_with_its_conditions() -> None:
    said = []
    for source, to, label in re.findall(r"^ +(\w+) --> (\w+): (.+)$", render(CAMPAIGN)["campaign.mmd"], re.MULTILINE):
        for part in label.split("<br/>"):
            events, _, when = part.partition(" [")
            said += [(event, source, to, when.rstrip("]")) for event in events.split(", ")]
    assert sorted(said) == sorted(row(move) for move in CAMPAIGN.moves)


def test_mermaid_labels_hold_no_sign_that_would_end_them() -> None:
    for line in render(CAMPAIGN)["campaign.mmd"].splitlines()[2:]:
        assert not set(line.partition(": ")[2]) & set(':;#"{}')


def test_every_move_is_in_the_picture_and_nothing_else() -> None:
    said = [step for part in drawing().iter() for step in part.get("data-moves", "").split()]
    assert sorted(said) == sorted({f"{move.event}:{move.source}>{move.to}" for move in CAMPAIGN.moves})


def test_whatever_an_arrow_or_a_note_carries_can_be_read_beside_it() -> None:
    root = drawing()
    parents = {child: parent for parent in root.iter() for child in parent}
    marked = [part for part in root.iter() if part.get("data-moves")]
    assert marked
    for part in marked:
        group = parents[part] if part.tag == f"{SVG}path" else part
        words = re.findall(r"\w+", " ".join(text.text or "" for text in group.iter(f"{SVG}text")))
        for step in part.attrib["data-moves"].split():
            event, source, to = re.split("[:>]", step)
            assert event in words
            if part.tag != f"{SVG}path":
                assert {source, to} <= set(words)


def test_a_move_without_a_line_is_told_in_words() -> None:
    odd: Move[Any] = Move("rewind", "running", "active")
    flow = replace(CAMPAIGN, moves=(*CAMPAIGN.moves, odd))
    assert odd in told(flow)
    assert ">rewind: running → active</text>" in picture(flow)


def test_an_arrow_that_stands_for_several_states_falls_apart_when_one_of_them_no_longer_has_the_move() -> None:
    (cancel,) = CAMPAIGN.at("active", "cancel")
    text = picture(without(cancel))
    assert "cancel: draft, pending_approval, scheduled, running, paused → cancelled" in text
    assert "cancel:active" not in text
    assert "from any state" not in text


def test_a_state_without_a_place_is_refused_by_name() -> None:
    flow = replace(CAMPAIGN, states={**CAMPAIGN.states, "archived": "Put away."})
    with pytest.raises(NoPlace, match="archived"):
        render(flow)


def test_the_layout_has_nothing_that_the_table_does_not_have() -> None:
    assert set(PLACES) == set(CAMPAIGN.states)
    assert set(carried(CAMPAIGN)) == set(ROUTES)
    assert {(leg.targets, leg.target) for leg in LEGS} == {
        (route.targets, target) for route in ROUTES if len(route.targets) > 1 for target in route.targets
    }


def test_only_a_valid_permit_leads_into_the_frame_that_says_so() -> None:
    inside = GROUPS["permitted"].states
    entering = [move for move in CAMPAIGN.moves if move.source not in inside and move.to in inside]
    assert entering
    for move in entering:
        assert move.sets.get("permit") == "valid" or "permit valid" in map(str, move.when)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{'+'.join(route.sources)}-{'+'.join(route.targets)}")
def test_an_arrow_begins_and_ends_at_what_it_names(route: Any) -> None:
    frames = [group.frame for group in GROUPS.values() if group.frame and group.states == route.sources]
    sources = [area(box).grown(1) for box in [*frames, *(PLACES[state] for state in route.sources)]]
    legs = [leg.line for leg in LEGS if leg.targets == route.targets]
    targets = [area(GATE)] if legs else [area(PLACES[state]) for state in route.targets]
    targets += [Area(*map(float, (*line[1], *line[1]))) for line in legs]
    starts, (x, y) = [line[0] for line in route.lines], route.lines[-1][-1]
    if set(route.sources) != set(CAMPAIGN.states) - CAMPAIGN.finals:
        assert all(any(source.holds(Area(x, y, x, y)) for source in sources) for x, y in starts)
    assert any(target.grown(12).holds(Area(x, y, x, y)) for target in targets)


def test_no_two_state_boxes_overlap() -> None:
    found = boxes(drawing())
    assert set(found) == set(CAMPAIGN.states)
    assert [pair for pair in combinations(found, 2) if found[pair[0]].grown(8).meets(found[pair[1]])] == []


def test_the_words_of_a_state_stay_inside_its_box() -> None:
    root = drawing()
    for group in filter(is_state, root):
        (box,) = boxes(group).values()
        outside = [text.text for text in group.iter(f"{SVG}text") if not box.holds(extent(text))]
        assert outside == []


def test_no_label_touches_a_state_box_an_arrow_or_another_label() -> None:
    root = drawing()
    labels = texts(root)
    assert len(labels) > len(ROUTES)
    for name, label in labels.items():
        assert [state for state, box in boxes(root).items() if box.meets(label)] == [], name
        assert [line for line in lines(root) if line.grown(1).meets(label)] == [], name
    assert [pair for pair in combinations(labels, 2) if labels[pair[0]].meets(labels[pair[1]])] == []


def test_no_arrow_runs_through_a_state_box() -> None:
    root = drawing()
    assert len(list(lines(root))) > len(ROUTES)
    for state, box in boxes(root).items():
        assert [line for line in lines(root) if box.grown(-1).meets(line)] == [], state


def test_everything_stays_on_the_paper() -> None:
    root = drawing()
    paper = Area(0, 0, float(root.attrib["width"]), float(root.attrib["height"])).grown(-6)
    for part in (*texts(root).values(), *boxes(root).values(), *lines(root)):
        assert paper.holds(part)


def test_every_colour_of_the_picture_has_its_twin_in_the_dark() -> None:
    light, dark = STYLE.split("@media (prefers-color-scheme: dark)")
    names = set(re.findall(r"(--\w+):", light))
    assert names == set(re.findall(r"(--\w+):", dark))
    assert names == set(re.findall(r"var\((--\w+)\)", dark))


def test_what_was_written_differs_in_nothing(tmp_path: Path) -> None:
    assert [path.name for path in write(tmp_path / "new")] == FILES
    assert differences(tmp_path / "new") == []


@pytest.mark.parametrize("move", CAMPAIGN.moves, ids=lambda move: "-".join(row(move)).replace(" ", "_"))
def test_a_table_with_one_move_fewer_makes_every_file_stale(move: Move[Any], tmp_path: Path) -> None:
    for name, text in render(without(move)).items():
        (tmp_path / name).write_bytes(text.encode())
    assert differences(tmp_path) == [f"{name}: stale, the table says otherwise" for name in FILES]


def test_a_table_with_one_move_more_makes_every_file_stale(tmp_path: Path) -> None:
    more = replace(CAMPAIGN, moves=(*CAMPAIGN.moves, Move("rewind", "running", "active")))
    for name, text in render(more).items():
        (tmp_path / name).write_bytes(text.encode())
    assert differences(tmp_path) == [f"{name}: stale, the table says otherwise" for name in FILES]


def test_missing_and_stray_files_are_reported_and_strays_are_left_alone(tmp_path: Path) -> None:
    assert differences(tmp_path / "nowhere") == [f"{name}: missing" for name in FILES]
    write(tmp_path)
    (tmp_path / "campaign.mmd").unlink()
    (tmp_path / "old.svg").write_text("<svg/>")
    assert differences(tmp_path) == ["campaign.mmd: missing", "old.svg: stray, no diagram has this name"]
    write(tmp_path)
    assert differences(tmp_path) == ["old.svg: stray, no diagram has this name"]
