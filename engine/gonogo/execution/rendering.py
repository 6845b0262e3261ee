"""One message for one recipient, made the same way whether it goes out or is only looked at beforehand."""

from gonogo.content import Compiled, Rendered
from gonogo.models import Document


def supplied(sender: Document, settings: Document) -> Document:
    """What `gonogo.review.supplied` promises: a way to unsubscribe, and the postal address where one is set."""
    given = {"unsubscribe_url": f"mailto:{sender['email']}?subject=unsubscribe"}
    return given | {"postal_address": settings["postal_address"]} if settings.get("postal_address") else given


def rendered_for(said: Document, compiled: Compiled, step: int, given: Document, variant: int = 0) -> Rendered:
    """The message of a step for a contact that says this; what is `given` counts over its own. Raises RenderError."""
    return compiled.render(step, {**said["variables"], **given}, variant)
