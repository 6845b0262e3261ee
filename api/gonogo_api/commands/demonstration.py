"""A whole launch, told step by step."""


def demo() -> None:
    """A whole launch on an embedded database, with real messages."""
