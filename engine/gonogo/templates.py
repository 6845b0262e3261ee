"""Liquid as it is set up here: strict, closed and bounded; and what a template asks of its reader.

Strict: a name that nobody gave raises, unless a `default` filter covers it or the template only asks for it in a
condition. Closed: no filter reads a clock, a random number, a file or the network, and no tag loads another template.
Bounded: loops, sizes and nesting have limits. For `content.py`, which alone knows campaigns.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from functools import wraps
from itertools import takewhile
from typing import Any

from liquid import BoundTemplate, Environment, Expression, FalsyStrictUndefined, Node, RenderContext, Token
from liquid.builtin.expressions import FilteredExpression, Nil, Path
from liquid.builtin.expressions.logical import (
    BooleanExpression,
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import FilterArgumentError, FilterValueError, LiquidError, LiquidSyntaxError
from liquid.filter import with_context
from liquid.undefined import is_undefined

__all__ = ["CLOCK", "BoundTemplate", "LiquidError", "located", "names_needed", "parse", "unknown_filters"]

MAX_SIZE = 1_000_000  #: of a rendered part in bytes, of all that a template assigns, of the answer of a filter
MAX_TURNS = 10_000  #: that nested loops may take together
MAX_BITS = 1_000  #: of a whole number
CLOCK = frozenset({"now", "today"})  #: names that are always given

Names = frozenset[str]
NONE: Names = frozenset()


def parse(source: str, *, markup: bool) -> BoundTemplate:
    """The template; with `markup`, values are HTML-escaped when it is rendered. Raises LiquidError."""
    _refuse_endless(source)
    return (_MARKUP if markup else _TEXT).from_string(source)


def located(error: LiquidError) -> str:
    """The message of an error, after its line where that is known."""
    place = error.context()
    return f"line {place[0]}: {error.message}" if place else str(error.message)


def unknown_filters(template: BoundTemplate, source: str) -> Iterator[str]:
    """The filters that do not exist: the library would find out only when it comes to use them."""
    for name, spans in template.analyze().filters.items():
        if name not in template.env.filters:
            yield f"line {source.count(chr(10), 0, spans[0].index) + 1}: unknown filter {name!r}"


def names_needed(template: BoundTemplate) -> frozenset[str]:
    """The top-level names without which the template can't be rendered, as far as reading it can tell."""
    return frozenset(_Reading(template).needed) - CLOCK


# How Liquid is set up.


def _refuse_endless(source: str) -> None:
    """Find every opening bracket's end, in one pass.

    The library's lexer takes time in the square of what stands between an open bracket, or a run of blanks behind
    one, and the end of the text: minutes, for a template that a request may bring.
    """
    at = 0
    while opened := _OPEN.search(source, at):
        end = source.find(_CLOSE[opened[0]], opened.end())
        inside = source[opened.end() : end]
        if end < 0 or _BLANKS.search(inside):
            raise _syntax_error(f"expected {_CLOSE[opened[0]]!r} behind {opened[0]!r}", source, opened.start())
        at = end + len(_CLOSE[opened[0]])
        name = inside.strip("- \t\r\n")
        if name in _VERBATIM:
            closed = _VERBATIM[name].search(source, at)
            if not closed:
                raise _syntax_error(f"expected tag end{name}", source, opened.start())
            at = closed.end()


def _syntax_error(message: str, source: str, start: int) -> LiquidSyntaxError:
    return LiquidSyntaxError(message, token=Token("illegal", source[start : start + 2], start, source))


_OPEN = re.compile(r"{{|{%")
_CLOSE = {"{{": "}}", "{%": "%}"}
_BLANKS = re.compile(r"\s{100}")
_VERBATIM = {name: re.compile(rf"{{%-?\s*end{name}\s*-?%}}") for name in ("raw", "doc")}


class _Liquid(Environment):
    loop_iteration_limit = MAX_TURNS
    output_stream_limit = MAX_SIZE
    local_namespace_limit = MAX_SIZE

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for loading in ("include", "render"):
            del self.tags[loading]
        own = {"date": _date, "replace": _sparing_replace(self), "join": _sparing_join(self)}
        for name, function in {**self.filters, **own}.items():
            self.add_filter(name, function if name == "default" else _strict(function))

    def error(self, exc: type[LiquidError] | LiquidError, msg: str | None = None, token: Token | None = None) -> None:
        """Raise, with the place in the source also where an expression ended too early."""
        if isinstance(exc, LiquidError) and token and (exc.token is None or exc.token.start_index < 0):
            exc.token = token
        super().error(exc, msg, token)


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, refusing missing values (many would take them for "" or 0) and answers beyond all measure."""

    @wraps(function)
    def strict(value: object, *arguments: Any, **options: Any) -> Any:
        for operand in (value, *arguments):
            if is_undefined(operand):
                str(operand)  # raises UndefinedError, in the library's words
        if isinstance(value, range):
            _allow(value.stop - value.start, MAX_TURNS)
        answer = function(value, *arguments, **options)
        if isinstance(answer, str):
            _allow(len(answer))
        elif isinstance(answer, int):
            _allow(answer.bit_length(), MAX_BITS)
        return answer

    return strict


def _sparing_replace(env: Environment) -> Callable[..., Any]:
    library = env.filters["replace"]

    @wraps(library)
    def replace(value: object, old: object, new: object = "") -> Any:
        _allow(str(value).count(str(old)) * len(str(new)))
        return library(value, old, new)

    return replace


def _sparing_join(env: Environment) -> Callable[..., Any]:
    library = env.filters["join"]

    @wraps(library)
    def join(value: object, separator: object = " ", **options: Any) -> Any:
        _allow(len(value) * len(str(separator)) if isinstance(value, list | tuple | range) else 0)
        return library(value, separator, **options)

    return join


def _allow(size: int, limit: int = MAX_SIZE) -> None:
    if size > limit:
        raise FilterValueError("the result is too large", token=None)


@with_context
def _date(value: object, pattern: object, *, context: RenderContext) -> str:
    """Format a moment: `now`, `today`, an ISO 8601 date or time, or seconds since 1970; other text stays as it is.

    In place of the library's, which reads the clock, fills what a text leaves out from it, and counts in the zone of
    the machine.
    """
    moment = _moment(value, context)
    if moment is None:
        return str(value)
    return moment.strftime(re.sub("%[%s]", lambda found: _seconds(found[0], moment), str(pattern)))


def _moment(value: object, context: RenderContext) -> datetime | None:
    if isinstance(value, str):
        value = _read(context.globals["now"] if value in CLOCK else value)
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.min)
    if value is None or isinstance(value, datetime):
        return value
    raise FilterArgumentError("date expects a date, a text or a number", token=None)


def _read(text: object) -> object:
    if not isinstance(text, str):
        return text
    if text.isdecimal():
        return int(text)
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    return None


def _seconds(directive: str, moment: datetime) -> str:
    """`%s` itself: the C library would reckon it in the zone of the machine."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return str(int(aware.timestamp())) if directive == "%s" else directive


_TEXT = _Liquid(undefined=FalsyStrictUndefined)
_MARKUP = _Liquid(undefined=FalsyStrictUndefined, autoescape=True)


# What a template asks for.


class _Reading:
    """One walk over a template, in the order in which it is rendered, gathering the names that must be there."""

    def __init__(self, template: BoundTemplate) -> None:
        self.needed: set[str] = set()
        self._assigned: set[str] = set()
        self._context = RenderContext(template)
        self._visit(template.nodes, NONE)

    def _visit(self, nodes: Iterable[Node], known: Names) -> None:
        for node in nodes:
            if isinstance(node, IfNode | UnlessNode):
                self._branch(node, known)
                continue
            if not isinstance(node, CaseNode | MultiExpressionBlockNode):  # these only compare
                for expression in node.expressions():
                    self._use(expression, known)
            self._visit(node.children(self._context), known.union(node.block_scope()))
            self._assigned.update(node.template_scope())

    def _branch(self, node: IfNode | UnlessNode, known: Names) -> None:
        wanted = isinstance(node, IfNode)
        self._visit([node.consequence], known | _proven(node.condition, wanted))
        known |= _proven(node.condition, not wanted)
        for alternative in node.alternatives:
            self._visit([alternative.block], known | _proven(alternative.expression, True))
            known |= _proven(alternative.expression, False)
        if node.default:
            self._visit([node.default], known)

    def _use(self, expression: Expression, known: Names) -> None:
        inner = _uncovered(expression) if isinstance(expression, FilteredExpression) else expression.children()
        for each in inner:
            self._use(each, known)
        self.needed |= _root(expression) - known - self._assigned


def _uncovered(expression: FilteredExpression) -> Iterator[Expression]:
    """What must be there for a value with filters: all of it, save what a constant `default` covers."""
    filters = expression.filters or []
    defaults = [each.children() for each in takewhile(lambda each: each.name == "default", filters)]
    if not defaults:
        yield expression.left
    elif not any(_constant(fallback) for fallback in defaults):
        yield from defaults[-1]
    for each in filters[len(defaults) :]:
        yield from each.children()


def _constant(fallback: list[Expression]) -> bool:
    return not any(isinstance(value, Path) for value in fallback)


def _proven(condition: Expression, outcome: bool) -> Names:
    """The names that are certainly there where the condition came out as `outcome`."""
    if isinstance(condition, BooleanExpression):
        return _proven(condition.expression, outcome)
    if isinstance(condition, LogicalAndExpression | LogicalOrExpression):
        left, right = _proven(condition.left, outcome), _proven(condition.right, outcome)
        return left | right if isinstance(condition, LogicalAndExpression) is outcome else left & right
    if isinstance(condition, EqExpression | NeExpression):
        return _compared(condition.left, condition.right, isinstance(condition, EqExpression) is outcome)
    if not outcome:
        return NONE
    if isinstance(condition, LtExpression | LeExpression | GtExpression | GeExpression | ContainsExpression):
        return _root(condition.left) | _root(condition.right)
    return _root(condition)


def _compared(left: Expression, right: Expression, equal: bool) -> Names:
    """A name is there when it equals a constant, or differs from nil."""
    if not isinstance(left, Path):
        left, right = right, left
    if isinstance(right, Path | RangeLiteral) or equal is isinstance(right, Nil):
        return NONE
    return _root(left)


def _root(expression: Expression) -> Names:
    head = expression.head() if isinstance(expression, Path) else None
    return frozenset({head}) if isinstance(head, str) else NONE
