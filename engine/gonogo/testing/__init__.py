"""For tests of what embeds the engine: a walk through any deployment, and proofs about any flow.

`flow_machine` and `FlowMachine` need Hypothesis (`gonogo[testing]`), which is loaded when they are first asked for.
"""

from typing import TYPE_CHECKING

from gonogo.testing.checker import Claim, Counterexample, Edge, Invariant, Laws, World, prove
from gonogo.testing.claims import check_campaign
from gonogo.testing.mutation import Mutant, Report, check, mutants

if TYPE_CHECKING:
    from gonogo.testing.harness import FlowMachine, Keeper, flow_machine

__all__ = [
    "Claim",
    "Counterexample",
    "Edge",
    "FlowMachine",
    "Invariant",
    "Keeper",
    "Laws",
    "Mutant",
    "Report",
    "World",
    "check",
    "check_campaign",
    "flow_machine",
    "mutants",
    "prove",
]


if not TYPE_CHECKING:  # else a type checker would take every name for a public one

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from gonogo.testing import harness  # noqa: PLC0415 - Hypothesis is loaded only when asked for

        return getattr(harness, name)
