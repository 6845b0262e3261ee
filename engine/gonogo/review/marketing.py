"""Does advertising carry what the law wants in it? Asked only of campaigns that say `marketing: true`.

Looked at is the part that most people see: the HTML where there is one, else the text. Both things are recognised by
how they are usually written, so as not to stop an honest mail; whether they are right is for people to judge.
"""

import re
from collections.abc import Callable, Iterator

from gonogo.review.findings import SAMPLES, Finding, Proposal
from gonogo.review.template import templates

#: `{{ unsubscribe_url }}`, or the word in one of the larger languages of Europe, or STOP as in text messages.
_UNSUBSCRIBE = re.compile(
    r"(?i:unsubscri|opt[ -]?out|abmeld|abbestell|d[ée]sabonn|d[ée]sinscri|darse de baja|dar de baja|disiscri"
    r"|uitschrij|afmeld|cancelar (?:a )?(?:subscri|inscri)|wypisz|avregistrera)|\bSTOP\b"
)

#: `{{ postal_address }}`, a post office box, a state with its ZIP code, or a street with a house number.
_POSTAL_ADDRESS = re.compile(
    r"postal_address"
    r"|(?i:\bp\.? ?o\.? ?box\b|\bpostfach\b|\bpostbus\b|\bapartado (?:de correos|postal)\b)"
    r"|\b[A-Z]{2} \d{5}\b"
    # 1 Main Street; 221b Baker St.
    r"|\b\d+[A-Za-z]?,? (?:[A-Z0-9][\w.'-]* ){0,4}(?=[A-Z])(?i:street|st|avenue|ave|road|rd|lane|ln|drive|dr"
    r"|boulevard|blvd|way|square|sq|court|ct|place|pl|terrace|parkway|highway|hwy|suite)\b"
    # 12, rue de Rivoli
    r"|\b\d+(?: bis)?,? (?i:rue|quai|boulevard|avenue|place|all[ée]e|chemin|route) (?:de|du|des|d'|[A-Z])"
    # Via Roma 12; Calle Mayor, 3; ul. Piękna 7
    r"|\b(?:Via|Viale|Piazza|Corso|Calle|Avenida|Plaza|Paseo|Rua|Ulica|ul\.) (?:[\w.'-]+ ){0,4}[\w.'-]+,? \d"
    # Hauptstraße 1; Am Alten Weg 5; Kerkstraat 9; Storgatan 2
    r"|(?i:stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|straat|laan|plein|gatan|vägen) \d"
)


def unsubscribe(proposal: Proposal) -> Iterator[Finding]:
    """Every message of an advertising campaign says how to get no more of them."""
    yield from _missing(
        proposal,
        lambda text: bool(_UNSUBSCRIBE.search(text)),
        Finding(
            "unsubscribe_missing",
            "blocker",
            "This is marketing, and it does not say how to unsubscribe.",
            fix="Add a link: {{ unsubscribe_url }}.",
        ),
    )


def postal_address(proposal: Proposal) -> Iterator[Finding]:
    """Every advertising mail says where its sender is to be found; so do the settings, for a footer elsewhere."""
    if proposal.settings.get("postal_address") or proposal.channel != "email":
        return
    yield from _missing(
        proposal,
        lambda text: bool(_POSTAL_ADDRESS.search(text)),
        Finding(
            "postal_address_missing",
            "blocker",
            "This is marketing, and it does not give the sender's postal address.",
            fix="Write street and number, or a post office box, into the text.",
        ),
    )


def _missing(proposal: Proposal, present: Callable[[str], bool], finding: Finding) -> Iterator[Finding]:
    if proposal.settings.get("marketing") is not True:
        return
    without = [f"step {at}" for at, template in templates(proposal) if not present(template.html or template.body)]
    if without:
        samples = tuple(without[:SAMPLES])
        yield Finding(finding.code, finding.severity, finding.message, len(without), samples, finding.fix)
