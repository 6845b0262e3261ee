"""What is done beside the life of campaigns, written down: each act chained to the one before on its subject."""

from gonogo.call import Call
from gonogo.models import Document
from gonogo.store import acts


def act(call: Call, kind: str, subject: str, what: str, figures: Document | None = None) -> None:
    """Write down what the caller did. Whoever calls holds the subject, so that acts on it follow one another."""
    row: Document = {
        "workspace_id": call.by.workspace,
        "kind": kind,
        "subject": subject,
        "act": what,
        "actor": call.by.id,
        "person": call.by.person,
        "figures": figures or {},
        "at": call.now,
    }
    acts.add(call.connection, row)
