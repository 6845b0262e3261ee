"""The table drawn: a picture, a Mermaid diagram and the whole table as Markdown, from nothing but the flow.

Where a state stands and along which line an arrow runs is decided here, by hand. Which arrows there are and what
they say comes from the table: a line with no move is not drawn, and a move with no line is told below the picture.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import product
from pathlib import Path
from textwrap import wrap
from typing import Any

from gonogo.campaign import CAMPAIGN
from gonogo.definition import Condition, Event, Flow, Move, State

Step = tuple[Event, State, State]
Point = tuple[int, int]

MADE = "Made from the table by `gonogo diagram`; do not edit."


class NoPlace(ValueError):
    """The picture has no place for a state of the flow: give it one in `PLACES`, and its group in `GROUPS`."""


def render(flow: Flow[Any]) -> dict[str, str]:
    """The files that show the flow: name -> text. The same flow gives the same bytes. Raises NoPlace."""
    return {
        f"{flow.name}.md": markdown(flow),
        f"{flow.name}.mmd": mermaid(flow),
        f"{flow.name}.svg": picture(flow),
    }


def write(folder: Path) -> list[Path]:
    """Draw the campaign's table into the folder; the files written. Other files there are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / name: text for name, text in render(CAMPAIGN).items()}
    for path, text in files.items():
        path.write_bytes(text.encode())
    return list(files)


def differences(folder: Path) -> list[str]:
    """How the folder differs from what `write` would leave there, a line for each file; empty if it does not."""
    wanted = {name: text.encode() for name, text in render(CAMPAIGN).items()}
    found = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    stale = [name for name in wanted if name in found and found[name].read_bytes() != wanted[name]]
    return sorted(
        [f"{name}: missing" for name in set(wanted) - set(found)]
        + [f"{name}: stale, the table says otherwise" for name in stale]
        + [f"{name}: stray, no diagram has this name" for name in set(found) - set(wanted)]
    )


# In words.


def markdown(flow: Flow[Any]) -> str:
    """Every state with its meaning and every move with its conditions and prerequisites, as two tables."""
    states = [(f"`{state}`", _role(flow, state), meaning) for state, meaning in flow.states.items()]
    moves = [
        (f"`{move.event}`", f"`{move.source}`", f"`{move.to}`", _when(move.when), ", ".join(_needs(move)))
        for move in flow.moves
    ]
    return "\n".join(
        [
            f"<!-- {MADE} -->",
            "",
            f"# The table of the flow `{flow.name}`",
            "",
            f"{len(flow.states)} states, {len(flow.events)} events, {len(flow.moves)} moves. `when` routes: of the"
            " moves of one event from one state, exactly one applies. `needs` refuses: each one that fails is a"
            " reason why the event does nothing.",
            "",
            *_rows(("state", "", "meaning"), states),
            "",
            *_rows(("event", "from", "to", "when", "needs"), moves),
            "",
        ]
    )


def mermaid(flow: Flow[Any]) -> str:
    """A `stateDiagram-v2` with one edge for each pair of states; a line of its label for each set of conditions."""
    order = list(flow.states).index
    edges = sorted({(move.source, move.to) for move in flow.moves}, key=lambda edge: tuple(map(order, edge)))
    lines = [f"%% {MADE}", "stateDiagram-v2", f"    [*] --> {flow.initial}"]
    lines += [f"    {source} --> {to}: {_edge(flow, source, to)}" for source, to in edges]
    lines += [f"    {state} --> [*]" for state in flow.states if state in flow.finals]
    return "\n".join(lines) + "\n"


def _edge(flow: Flow[Any], source: State, to: State) -> str:
    kinds: dict[str, list[Event]] = {}
    for move in flow.moves:
        if (move.source, move.to) == (source, to):
            kinds.setdefault(f" [{_when(move.when)}]" if move.when else "", []).append(move.event)
    return "<br/>".join(", ".join(events) + when for when, events in kinds.items())


def _role(flow: Flow[Any], state: State) -> str:
    return "initial" if state == flow.initial else "final" if state in flow.finals else ""


def _when(conditions: Iterable[Condition[Any]]) -> str:
    return ", ".join(str(condition) for condition in conditions)


def _needs(move: Move[Any]) -> Iterator[str]:
    return (f"`{getattr(guard, '__name__', repr(guard))}`" for guard in move.needs)


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"


# The picture: where things stand.


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Group:
    """States of one colour; a group of several has a frame around it, and its caption stands on the frame."""

    caption: str
    states: tuple[State, ...]
    frame: Box | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """Where the words of an arrow stand: one event a line or, `across`, all in one line."""

    x: int
    y: int
    anchor: str = "middle"
    across: bool = False
    why: int = 0  #: beside each event stands why it goes this way, in lines of so many letters; anchor `start`


@dataclass(frozen=True, slots=True)
class Route:
    """An arrow for every event that leads from each of the sources to each of the targets.

    Several lines run together into the last one, which has the head. With several targets, the arrow ends where its
    `LEGS` begin.
    """

    sources: tuple[State, ...]
    targets: tuple[State, ...]
    label: Label
    lines: tuple[tuple[Point, ...], ...]
    main: bool = False
    head: bool = True


@dataclass(frozen=True, slots=True)
class Leg:
    """The last part of the way to one of several targets; it says what decides that it is this one."""

    targets: tuple[State, ...]
    target: State
    label: Label
    line: tuple[Point, ...]
    main: bool = False


WIDTH, HEIGHT, ROUND = 830, 576, 8
NOTES = (24, 528)
LEGEND = "Bold: the road to a launch. \u21bb: what stays in its state."
GATE = Box(278, 294, 80, 24)
PLACES = {
    "draft": Box(24, 112, 156, 120),
    "pending_approval": Box(240, 112, 156, 120),
    "paused": Box(456, 112, 156, 120),
    "scheduled": Box(24, 366, 156, 78),
    "active": Box(240, 366, 156, 78),
    "running": Box(456, 366, 156, 78),
    "cancelled": Box(700, 276, 108, 64),
    "completed": Box(700, 364, 108, 82),
    "failed": Box(700, 464, 108, 90),
}
GROUPS = {
    "editing": Group("editing", ("draft",)),
    "people": Group("waiting for people", ("pending_approval",)),
    "stopped": Group("stopped", ("paused",)),
    "permitted": Group("only with a permit", ("scheduled", "active", "running"), Box(12, 318, 612, 138)),
    "over": Group("over", ("completed", "cancelled", "failed"), Box(690, 250, 128, 314)),
}
COLOURS = {state: name for name, group in GROUPS.items() for state in group.states}
DRAFT, PENDING, PAUSED = ("draft",), ("pending_approval",), ("paused",)
SENDING, OVER = GROUPS["permitted"].states, GROUPS["over"].states
LAUNCHED, BACK = SENDING[:2], (*DRAFT, *PAUSED)
ROUTES = (
    Route(DRAFT, PENDING, Label(210, 166), (((180, 174), (240, 174)),), main=True),
    Route(PENDING, LAUNCHED, Label(328, 256, "start", why=30), (((318, 232), (318, 294)),), main=True),
    Route(("scheduled",), ("active",), Label(210, 397), (((180, 405), (240, 405)),), main=True),
    Route(("active",), ("running",), Label(426, 397), (((396, 405), (456, 405)),), main=True),
    Route(("running",), ("completed",), Label(657, 422), (((612, 405), (700, 405)),), main=True),
    Route(DRAFT, LAUNCHED, Label(147, 283, "start", why=20), (((140, 232), (140, 306), (278, 306)),)),
    Route(PAUSED, LAUNCHED, Label(460, 299), (((572, 232), (572, 306), (358, 306)),)),
    Route(PAUSED, PENDING, Label(426, 166), (((456, 174), (396, 174)),)),
    Route(PENDING, BACK, Label(318, 80, across=True), (((318, 112), (318, 98)),), head=False),
    Route(("scheduled",), DRAFT, Label(56, 254, "start"), (((50, 366), (50, 232)),)),
    Route(PAUSED, DRAFT, Label(318, 52, across=True), (((578, 112), (578, 58), (86, 58), (86, 112)),)),
    Route(SENDING, PAUSED, Label(606, 270, "start"), (((600, 318), (600, 232)),)),
    Route(PAUSED, ("completed",), Label(664, 232, "start"), (((612, 174), (657, 174), (657, 405), (700, 405)),)),
    Route(
        ("active", "running"),
        ("failed",),
        Label(657, 484),
        (((318, 444), (318, 492), (540, 492)), ((534, 444), (534, 492), (700, 492))),
    ),
    Route((*DRAFT, *PENDING, *SENDING, *PAUSED), ("cancelled",), Label(748, 234, "start"), (((740, 206), (740, 276)),)),
    Route(OVER, DRAFT, Label(318, 24), (((804, 250), (804, 30), (52, 30), (52, 112)),)),
)
LEGS = (
    Leg(LAUNCHED, "scheduled", Label(210, 352), ((318, 318), (318, 338), (102, 338), (102, 366)), main=True),
    Leg(LAUNCHED, "active", Label(326, 352, "start"), ((318, 318), (318, 366)), main=True),
    Leg(BACK, "draft", Label(210, 102), ((318, 112), (318, 88), (120, 88), (120, 112))),
    Leg(BACK, "paused", Label(426, 102), ((318, 112), (318, 88), (516, 88), (516, 112))),
)


# The picture: how it is drawn.

LINE, NOTE, MONO, SANS = 14, 17, 6.7, 6.4  # heights of lines and widths of letters, in pixels
HIGH = {"caption": 14, "state": 17, "meaning": 15, "event": 15}


def carried(flow: Flow[Any]) -> dict[Route, list[Move[Any]]]:
    """The moves that each route shows: all moves of an event from its sources to its targets, or none."""
    table = {_step(move) for move in flow.moves}
    shares = {}
    for route in ROUTES:
        ways = {event: set(product([event], route.sources, route.targets)) for event in flow.events}
        steps = {step for way in ways.values() if way <= table for step in way}
        shares[route] = [move for move in flow.moves if _step(move) in steps]
    return {route: moves for route, moves in shares.items() if moves}


def told(flow: Flow[Any]) -> list[Move[Any]]:
    """The moves that no arrow shows. Those that stay in their state are not among them: its box names them."""
    shown = {_step(move) for moves in carried(flow).values() for move in moves}
    return [move for move in flow.moves if move.source != move.to and _step(move) not in shown]


def picture(flow: Flow[Any]) -> str:
    """The flow as SVG, in light and dark. Raises NoPlace."""
    homeless = [state for state in flow.states if state not in PLACES or state not in COLOURS]
    if homeless:
        raise NoPlace(f"the picture has no place for {', '.join(homeless)}: see PLACES and GROUPS in diagram.py")
    arrows, notes = carried(flow), _notes(flow)
    height = max(HEIGHT, NOTES[1] + NOTE * len(notes))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" role="img" aria-label="The life of a {escape(flow.name)}">',
        f"<!-- {MADE} -->",
        STYLE,
        _rect("paper", Box(0, 0, WIDTH, height)),
        *(_frame(name, group.frame) for name, group in GROUPS.items() if group.frame),
        *(_arrow(flow, route, moves) for route, moves in sorted(arrows.items(), key=_above)),
        *(_leg(leg, arrows) for leg in LEGS),
        _rect("gate", GATE) + _text(GATE.x + GATE.width // 2, GATE.y + 16, "permit", "state"),
        *(_state(flow, state) for state in flow.states),
        *notes,
        "</svg>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


def _above(arrow: tuple[Route, object]) -> bool:
    """The main road is drawn last, above all that crosses it."""
    return arrow[0].main


def _step(move: Move[Any]) -> Step:
    return move.event, move.source, move.to


def _frame(name: str, frame: Box) -> str:
    caption = _text(frame.x + frame.width - 12, frame.y + 19, GROUPS[name].caption, "caption", "end")
    return f'<g class="{name}">{_rect("frame", frame)}{caption}</g>'


def _state(flow: Flow[Any], state: State) -> str:
    """A box with the state's name, its meaning, and the events that do not leave it."""
    place, group = PLACES[state], GROUPS[COLOURS[state]]
    stays = [move for move in flow.moves if move.source == move.to == state]
    rows = [] if group.frame else [(group.caption, "caption")]
    rows += [(state, "state")]
    rows += [(line, "meaning") for line in _balanced(flow.states[state], int((place.width - 12) / SANS))]
    rows += [(line, "event") for line in _balanced(_staying(stays), int((place.width - 8) / MONO))]
    x, y = place.x + place.width // 2, place.y + (place.height - sum(HIGH[css] for _, css in rows)) // 2 - 3
    words = []
    for line, css in rows:
        y += HIGH[css]
        words.append(_text(x, y, line, css))
    box = _rect("state", place, f' data-state="{escape(state)}"')
    return f'<g class="{COLOURS[state]}"{_data(stays)}>{box}{"".join(words)}</g>'


def _staying(moves: list[Move[Any]]) -> str:
    return f"\u21bb {', '.join(_events(moves))}" if moves else ""


def _balanced(words: str, width: int) -> list[str]:
    """As few lines as the width allows, and no line much shorter than the others."""
    tries = (wrap(words, narrow, break_long_words=False) for narrow in range(1, width + 1))
    return next(lines for lines in tries if len(lines) <= len(wrap(words, width)))


def _arrow(flow: Flow[Any], route: Route, moves: list[Move[Any]]) -> str:
    head = f' marker-end="url(#{_weight(route)})"' if route.head else ""
    lines = " ".join(_path(line) for line in route.lines)
    title = "\n".join(_sentence(move) for move in moves)
    path = f'<path class="{_weight(route)}" d="{lines}"{head}{_data(moves)}/>'
    words = "".join([*_label(route, moves), *_origin(flow, route)])
    return f"<g><title>{escape(title)}</title>{path}{words}</g>"


def _label(route: Route, moves: list[Move[Any]]) -> Iterator[str]:
    at, css = route.label, f"event {_weight(route)}"
    for row, (words, why) in enumerate(_lines(at, moves)):
        yield _text(at.x, at.y + LINE * row, words, css, at.anchor)
        yield _text(at.x + (MONO * len(words) + 6) * bool(words), at.y + LINE * row, why, "why", at.anchor)


def _lines(label: Label, moves: list[Move[Any]]) -> Iterator[tuple[str, str]]:
    """The events of an arrow, line by line, and why they go this way: beside them, and below where it is long."""
    events = _events(moves)
    if label.across:
        yield ", ".join(events), ""
    elif not label.why:
        yield from ((event, "") for event in events)
    else:
        for event in events:
            why = wrap(_common([move for move in moves if move.event == event]), label.why)
            yield event, "".join(why[:1])
            yield from (("", line) for line in why[1:])


def _origin(flow: Flow[Any], route: Route) -> Iterator[str]:
    """Above an arrow that stands for all states that are not over, the words that say so."""
    if set(route.sources) == set(flow.states) - flow.finals:
        x, y = route.lines[0][0]
        for row, words in enumerate(("that is not over", "from any state")):
            yield _text(x, y - 6 - LINE * row, words, "why")


def _leg(leg: Leg, arrows: Mapping[Route, list[Move[Any]]]) -> str:
    """The end of a fork, with what all moves that take it have in common; nothing where no move does."""
    moves = [
        move
        for route, moves in arrows.items()
        for move in moves
        if route.targets == leg.targets and move.to == leg.target
    ]
    if not moves:
        return ""
    path = f'<path class="{_weight(leg)}" d="{_path(leg.line)}" marker-end="url(#{_weight(leg)})"/>'
    return f"<g>{path}{_text(leg.label.x, leg.label.y, _common(moves), 'why', leg.label.anchor)}</g>"


def _notes(flow: Flow[Any]) -> list[str]:
    """In words: what the signs mean, and the moves that no arrow shows."""
    x, y = NOTES
    moves = told(flow)
    lines = [_text(x, y, LEGEND + (" And what no arrow shows:" if moves else ""), "meaning", "start")]
    kinds = dict.fromkeys((move.event, move.to, _when(move.when)) for move in moves)
    for row, (event, to, when) in enumerate(kinds, start=1):
        same = [move for move in moves if (move.event, move.to, _when(move.when)) == (event, to, when)]
        words = f"{event}: {', '.join(move.source for move in same)} \u2192 {to}"
        why = _text(x + MONO * len(words) + 6, y + NOTE * row, f"if {when}" if when else "", "why", "start")
        lines.append(f"<g{_data(same)}>{_text(x, y + NOTE * row, words, 'event', 'start')}{why}</g>")
    return lines


def _events(moves: list[Move[Any]]) -> list[Event]:
    return list(dict.fromkeys(move.event for move in moves))


def _common(moves: list[Move[Any]]) -> str:
    """The conditions that all of the moves ask for."""
    return _when(asked for asked in moves[0].when if all(asked in move.when for move in moves))


def _sentence(move: Move[Any]) -> str:
    return f"{move.event}: {move.source} \u2192 {move.to}" + (f", if {_when(move.when)}" if move.when else "")


def _data(moves: list[Move[Any]]) -> str:
    steps = dict.fromkeys(f"{move.event}:{move.source}>{move.to}" for move in moves)
    return f' data-moves="{escape(" ".join(steps))}"' if steps else ""


def _weight(line: Route | Leg) -> str:
    return "main" if line.main else "side"


def _rect(css: str, box: Box, more: str = "") -> str:
    return f'<rect class="{css}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="{ROUND}"{more}/>'


def _text(x: float, y: float, words: str, css: str, anchor: str = "middle") -> str:
    if not words:
        return ""
    return f'<text class="{css}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def _path(points: tuple[Point, ...]) -> str:
    """A line along the points, its corners rounded."""
    parts = [f"M {points[0][0]} {points[0][1]}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (ax, ay), (bx, by) = _towards(corner, before), _towards(corner, after)
        parts.append(f"L {ax} {ay} Q {corner[0]} {corner[1]} {bx} {by}")
    return " ".join([*parts, f"L {points[-1][0]} {points[-1][1]}"])


def _towards(corner: Point, other: Point) -> Point:
    """The point on the way from the corner, straight across or down, to the other where the curve begins."""
    (x, y), (to_x, to_y) = corner, other
    return x + max(-ROUND, min(ROUND, to_x - x)), y + max(-ROUND, min(ROUND, to_y - y))


STYLE = """<style>
svg { --paper: #ffffff; --ink: #1f2630; --soft: #5b6675; --line: #8a95a5;
  font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
.editing { --fill: #e9f1fc; --edge: #6d9bd8; --deep: #2f67b1; }
.people { --fill: #fdf3d9; --edge: #d9ac3f; --deep: #8a6206; }
.permitted { --fill: #e0f4e6; --edge: #4fa86c; --deep: #1f7a3f; --field: #f3fbf5; }
.stopped { --fill: #fcebe7; --edge: #de8a76; --deep: #b04a31; }
.over { --fill: #eef0f4; --edge: #a3adbb; --deep: #5b6675; --field: #fafbfc; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0f141b; --ink: #e7ecf2; --soft: #a0acba; --line: #6e7b8b; }
  .editing { --fill: #16263d; --edge: #4a7abb; --deep: #93bdf3; }
  .people { --fill: #33290f; --edge: #a5802a; --deep: #efc766; }
  .permitted { --fill: #143322; --edge: #3f9560; --deep: #7fd6a0; --field: #101d18; }
  .stopped { --fill: #3a1f19; --edge: #b3604c; --deep: #f2a692; }
  .over { --fill: #202833; --edge: #5c6877; --deep: #a0acba; --field: #141a22; }
}
.paper { fill: var(--paper); }
.frame { fill: var(--field); stroke: var(--edge); }
.permitted .frame { stroke-width: 2; }
.over .frame { stroke-dasharray: 4 4; }
rect.state { fill: var(--fill); stroke: var(--edge); stroke-width: 1.25; }
.gate { fill: #2c9150; }
text.state, .event { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
text.state { font-size: 13px; font-weight: 700; fill: var(--ink); }
.gate + text.state { fill: #ffffff; }
.event { font-size: 11px; fill: var(--ink); }
.event.main { font-weight: 700; }
.meaning { font-size: 11px; fill: var(--soft); }
.why { font-size: 11px; font-style: italic; fill: var(--soft); }
.caption { font-size: 9.5px; font-weight: 700; letter-spacing: 0.06em; text-transform: uppercase;
  fill: var(--deep); }
path { fill: none; }
path.side { stroke: var(--line); stroke-width: 1.25; }
path.main { stroke: var(--ink); stroke-width: 2.5; }
marker path.side { fill: var(--line); stroke: none; }
marker path.main { fill: var(--ink); stroke: none; }
</style>
<defs>
<marker id="side" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"
  markerUnits="userSpaceOnUse" orient="auto"><path class="side" d="M 0 0.5 L 8 4 L 0 7.5 z"/></marker>
<marker id="main" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="12" markerHeight="12"
  markerUnits="userSpaceOnUse" orient="auto"><path class="main" d="M 0 0.5 L 8 4 L 0 7.5 z"/></marker>
</defs>"""
