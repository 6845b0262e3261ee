"""Is what the campaign says fit to be sent?"""

import re
from collections.abc import Iterator

from gonogo.content import Template, problems
from gonogo.review.findings import SAMPLES, Finding, Proposal

MAX_SUBJECT = 150  #: characters; what is longer no mail program shows

_LIQUID = re.compile(r"{{[^{}]*}}|{%[^{}]*%}")
#: What people write where something is still to come, and marks of other systems that Liquid sends as they are.
_PLACEHOLDER = re.compile(
    r"\b(?:TODO|FIXME|TBD)\b|(?i:lorem ipsum)|\[(?i:(?:first|last|your|company)? ?name)\]|{\w+}|%%\w+%%|\*\|\w+\|\*"
)


def parsed(proposal: Proposal) -> Iterator[Finding]:
    """A template that does not parse can't be rendered for anybody."""
    found = [f"step {at}, {problem}" for at, template in templates(proposal) for problem in problems(template)]
    if found:
        yield Finding(
            "template_invalid",
            "blocker",
            f"The template can't be used: {found[0]}.",
            len(found),
            tuple(found[:SAMPLES]),
            "Correct the template.",
        )


def subject(proposal: Proposal) -> Iterator[Finding]:
    """A subject is what most people see of a mail. Its length is that of the fixed text: values are not counted."""
    if proposal.channel != "email":
        return
    subjects = [(at, template.subject) for at, template in templates(proposal)]
    empty = [f"step {at}" for at, text in subjects if not text.strip()]
    long = [f"step {at}" for at, text in subjects if len(_LIQUID.sub("", text)) > MAX_SUBJECT]
    if empty:
        yield Finding("subject_empty", "warning", "The subject is empty.", len(empty), tuple(empty[:SAMPLES]))
    if long:
        message = f"The subject has more than {MAX_SUBJECT} characters."
        yield Finding("subject_long", "warning", message, len(long), tuple(long[:SAMPLES]), "Shorten the subject.")


def placeholders(proposal: Proposal) -> Iterator[Finding]:
    """Text that was meant to be replaced before anybody reads it."""
    found = [
        f"step {at}, {part}: {match[0]}"
        for at, template in templates(proposal)
        for part, source in template.parts()
        for match in _PLACEHOLDER.finditer(_LIQUID.sub(" ", source))
    ]
    if found:
        message = "A placeholder was left in the text."
        fix = "Replace it, or write it as a variable: {{ name }}."
        yield Finding("placeholder_text", "warning", message, len(found), tuple(found[:SAMPLES]), fix)


def templates(proposal: Proposal) -> Iterator[tuple[int, Template]]:
    """Every text of every step, with the step's number as people count."""
    if proposal.content:
        for at, step in enumerate(proposal.content.steps, 1):
            for variant in step.variants:
                yield at, variant.template
