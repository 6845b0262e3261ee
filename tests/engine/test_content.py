"""Templates are strict, closed and bounded, and say what they need before anybody is sent anything."""

import json
import os
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import Instant

from gonogo import content
from gonogo.content import (
    Content,
    Rendered,
    RenderError,
    Step,
    Template,
    TemplateInvalid,
    problems,
    required_variables,
)

START = Instant.from_utc(2026, 3, 1, 9, 30)


def saying(body: str, subject: str = "Hello", html: str | None = None) -> Content:
    return Content((Step(0, Template(subject, body, html)),))


def render(body: str, /, subject: str = "Hello", html: str | None = None, **variables: object) -> Rendered:
    return content.compile(saying(body, subject, html), START).render(0, variables)


def test_a_document_is_read_back_as_the_same_content() -> None:
    said = Content((Step(0, Template("a", "b")), Step(3, Template("c", "d", "<p>e</p>"))))
    document = said.to_document()
    assert document["steps"][1] == {"delay_days": 3, "subject": "c", "body": "d", "html": "<p>e</p>"}
    assert Content.from_document(json.loads(json.dumps(document))) == said


def test_values_are_escaped_in_html_and_nowhere_else() -> None:
    mail = render("Dear {{ name }}", subject="For {{ name }}", html="<p>{{ name }}</p>", name="<b>A & B</b>")
    assert mail == Rendered("For <b>A & B</b>", "Dear <b>A & B</b>", "<p>&lt;b&gt;A &amp; B&lt;/b&gt;</p>")


def test_a_value_is_never_read_as_a_template() -> None:
    assert render("{{ name }}", name="{{ hidden }}", hidden="x").body == "{{ hidden }}"


def test_every_step_has_its_own_message() -> None:
    compiled = content.compile(Content((Step(0, Template("a", "first")), Step(2, Template("b", "second")))), START)
    assert [compiled.render(step, {}).body for step in (0, 1)] == ["first", "second"]


# Strict.


@pytest.mark.parametrize(
    "body",
    [
        "{{ name }}",
        "{{ name | upcase }}",
        "{{ name | plus: 1 }}",
        "{{ 1 | plus: name }}",
        "{{ name | date: '%Y' }}",
        "{{ name | split: ',' | join: ' ' }}",
        "{{ name | upcase | default: 'x' }}",
        "{{ name.first }}",
        "{% for each in name %}{{ each }}{% endfor %}",
        "{% if name != blank %}{{ name }}{% endif %}",
    ],
)
def test_a_missing_name_is_an_error_of_that_recipient(body: str) -> None:
    with pytest.raises(RenderError, match="'name' is undefined") as caught:
        render(body)
    assert caught.value.reason.startswith("body, line 1: ")
    assert required_variables(saying(body)) == {"name"}


def test_null_is_missing_and_an_empty_text_is_not() -> None:
    with pytest.raises(RenderError):
        render("{{ name }}", name=None)
    assert render("[{{ name }}]", name="").body == "[]"


@pytest.mark.parametrize(
    ("body", "rendered"),
    [
        ("{{ name | default: 'friend' }}", "friend"),
        ("{{ name | default: 'friend' | upcase }}", "FRIEND"),
        ("{{ name | default: nick | default: 'friend' }}", "friend"),
        ("{% if name %}{{ name }}{% else %}friend{% endif %}", "friend"),
        ("{% if name and nick %}{{ name }}{{ nick }}{% endif %}.", "."),
        ("{% if name == 'Ada' %}{{ name }}{% endif %}.", "."),
        ("{% if name != nil %}{{ name }}{% endif %}.", "."),
        ("{% if name contains 'A' %}{{ name }}{% endif %}.", "."),
        ("{% if name > 3 %}{{ name }}{% endif %}.", "."),
        ("{% if name == nil %}friend{% else %}{{ name }}{% endif %}", "friend"),
        ("{% if name == nil or nick == nil %}friend{% else %}{{ name }}{{ nick }}{% endif %}", "friend"),
        ("{% unless name %}friend{% else %}{{ name }}{% endunless %}", "friend"),
        ("{% if false %}{% elsif name %}{{ name }}{% else %}friend{% endif %}", "friend"),
        ("{% if false %}{% elsif name == nil %}friend{% else %}{{ name }}{% endif %}", "friend"),
        ("{% case name %}{% when 'Ada' %}Ada{% else %}friend{% endcase %}", "friend"),
        ("{% assign name = 'friend' %}{{ name }}", "friend"),
        ("{% capture name %}friend{% endcapture %}{{ name }}", "friend"),
        ("{% for name in (1..3) %}{{ name }}{{ forloop.last }}{% endfor %}", "1false2false3true"),
        ("{{ now | date: '%Y' }}{{ today }}", "20262026-03-01"),
    ],
)
def test_what_is_covered_is_not_required(body: str, rendered: str) -> None:
    assert required_variables(saying(body)) == frozenset()
    assert render(body).body == rendered


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("{% if name or nick %}{{ name }}{% endif %}", {"name"}),
        ("{% if name == nick %}{{ name }}{% endif %}", {"name"}),
        ("{% if name %}x{% endif %}{{ name }}", {"name"}),
        ("{% if name == nil %}{{ name }}{% endif %}", {"name"}),
        ("{% unless name %}{{ name }}{% endunless %}", {"name"}),
        ("{% for each in list %}{{ each }}{{ name }}{% endfor %}{{ each }}", {"list", "name", "each"}),
        ("{{ name | append: nick }}", {"name", "nick"}),
        ("{{ name | default: nick }}", {"nick"}),
        ("{{ company.address['city'] }}{{ table[key] }}", {"company", "table", "key"}),
        ("{{ ['First Name'] }}", {"First Name"}),
        ("{% assign nick = name %}", {"name"}),
        ("{% liquid\necho name\nif nick\necho nick\nendif %}", {"name"}),
        ("{% cycle name, nick %}", {"name", "nick"}),
    ],
)
def test_what_is_not_covered_is_required(body: str, names: set[str]) -> None:
    assert required_variables(saying(body)) == names


def test_every_part_of_every_step_is_read() -> None:
    said = Content((Step(0, Template("{{ a }}", "{{ b }}", "{{ c }}")), Step(1, Template("{{ d", "{{ e }}"))))
    assert required_variables(said) == {"a", "b", "c", "e"}


PIECES = [
    "{{ a }}",
    "{{ b | upcase }}",
    "{{ a | default: 'x' }}",
    "{{ a | default: b }}",
    "{{ b.x | default: 'y' }}",
    "{% assign c = a | default: 'z' %}{{ c }}",
    "{% for c in list %}{{ c }}{% endfor %}",
]
IF = "{%% if %s %%}%s{%% elsif %s %%}%s{%% else %%}%s{%% endif %%}"
UNLESS = "{%% unless %s %%}%s{%% else %%}%s{%% endunless %%}"
CONDITIONS = [
    "a",
    "b",
    "a and b",
    "a or b",
    "a == 'x'",
    "a == b",
    "a != nil",
    "b == nil",
    "a contains 'x'",
    "b > 'm'",
]
conditions = st.sampled_from(CONDITIONS)
blocks = st.recursive(
    st.sampled_from(PIECES),
    lambda inner: (
        st.lists(inner, max_size=3).map("".join)
        | st.tuples(conditions, inner, conditions, inner, inner).map(lambda taken: IF % taken)
        | st.tuples(conditions, inner, inner).map(lambda taken: UNLESS % taken)
    ),
    max_leaves=8,
)


@given(blocks, st.dictionaries(st.sampled_from(["a", "b", "list"]), st.sampled_from(["x", "z"])))
@settings(max_examples=500, deadline=None)
def test_whoever_has_what_is_required_is_rendered(body: str, variables: dict[str, str]) -> None:
    """The law of `required_variables`. Its one exception, a name assigned on one branch only, is kept out."""
    said = saying(body)
    variables |= dict.fromkeys(required_variables(said), "x")
    assert content.compile(said, START).render(0, variables)


# Closed.


def test_now_is_the_given_instant_and_nobody_can_change_it() -> None:
    body = "{{ now }}|{{ today }}|{{ 'now' | date: '%d.%m.%Y %H:%M' }}|{{ today | date: '%T' }}|{{ now | date: '%s' }}"
    expected = f"2026-03-01 09:30:00+00:00|2026-03-01|01.03.2026 09:30|00:00:00|{START.timestamp()}"
    assert render(body, now="never", today="never").body == expected


@pytest.mark.parametrize(
    ("value", "formatted"),
    [
        ("2026-12-24", "2026-12-24 00:00"),
        ("2026-12-24T18:05:00Z", "2026-12-24 18:05"),
        ("86400", "1970-01-02 00:00"),
        (90_000, "1970-01-02 01:00"),
        ("18:05", "18:05"),
        ("Thursday", "Thursday"),
        ("24 Dec", "24 Dec"),
    ],
)
def test_a_date_depends_on_the_value_alone(value: object, formatted: str) -> None:
    assert render("{{ day | date: '%Y-%m-%d %H:%M' }}", day=value).body == formatted


def test_no_date_depends_on_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "{{ '86400' | date: '%H' }} {{ '2026-03-01' | date: '%s' }} {{ '2026-03-01' | date: '%%s' }}"
    here = render(body).body
    monkeypatch.setitem(os.environ, "TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert render(body).body == here == "00 1772323200 %s"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("tag", ["include", "render"])
def test_no_tag_loads_another_template(tag: str) -> None:
    assert problems(Template("s", f"{{% {tag} 'x' %}}")) == (f"body, line 1: unexpected tag '{tag}'",)


# Bounded.


@pytest.mark.parametrize(
    "body",
    [
        "{% for i in (1..200) %}{% for j in (1..200) %}.{% endfor %}{% endfor %}",
        "{% for i in (1..9999) %}{{ text }}{% endfor %}",
        "{% assign a = text %}{% for i in (1..40) %}{% assign a = a | append: a %}{% endfor %}",
        "{% assign a = 9 %}{% for i in (1..12) %}{% assign a = a | times: a %}{% endfor %}",
        "{{ (1..2000000000) | join: ',' }}",
        "{{ (1..3000000) | reverse | first }}",
        "{{ text | replace: 'x', text }}",
        "{{ text | split: '' | join: text }}",
    ],
)
def test_no_template_can_take_all_time_or_memory(body: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(RenderError, match=r"limit reached|too large"):
            render(body, text="x" * 10_000)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "source", ["{{" * 50_000, "{{ " * 50_000, "{{" + " " * 50_000 + "}}", "{% if " + " " * 50_000, "{% raw %}" * 10_000]
)
def test_no_text_holds_the_parser_up(source: str) -> None:
    began = time.process_time()
    assert problems(Template("s", source))
    assert time.process_time() - began < 1


def test_text_between_raw_and_endraw_may_be_anything() -> None:
    body = render("{% raw %}{{ {% " + " " * 200 + "{%- endraw -%} {{ name }}", name="Ada").body
    assert body.split() == ["{{", "{%", "Ada"]


# Errors.


def test_a_subject_is_one_line() -> None:
    assert problems(Template("a\nb", "")) == ("subject, it must be one line",)
    for value in ("x\nBcc: eve@example.com", "x\r"):
        with pytest.raises(RenderError, match="subject, a value put a line break into it"):
            render("", subject="{{ name }}", name=value)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x\n{{ name", "line 2: expected '}}' behind '{{'"),
        ("{% if name", "line 1: expected '%}' behind '{%'"),
        ("{% raw %}{{ name }}", "line 1: expected tag endraw"),
        ("x\n{{ }}", "line 2: expected a primitive expression, found end of expression"),
        ("x\n\n{{ name | shout }}", "line 3: unknown filter 'shout'"),
        ("{% if x %}", "expected tag endif, found end of expression"),
        ("{% jump %}", "line 1: unexpected tag 'jump'"),
        ("{% if " + "a and " * 5_000 + "a %}{% endif %}", "unexpected liquid parsing error"),
    ],
)
def test_what_does_not_parse_is_told_with_its_part_and_line(source: str, problem: str) -> None:
    assert problems(Template("s", "b", source)) == (f"html, {problem}",)
    with pytest.raises(TemplateInvalid, match="html"):
        content.compile(saying("b", html=source), START)


@pytest.mark.parametrize(
    ("value", "reason"), [({"a": 1}, "body, line 1: slice expected"), ("\ud800", "body, UnicodeEncodeError")]
)
def test_whatever_fails_over_a_value_is_an_error_of_that_recipient(value: object, reason: str) -> None:
    with pytest.raises(RenderError) as caught:
        render("{{ name }}{{ 'x' | slice: name }}", name=value)
    assert caught.value.reason.startswith(reason)
