"""What people must do before a run may go out, resolved when the run was proposed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whenever import Instant, TimeDelta

from gonogo.policy.words import seconds
from gonogo.policy.working_hours import WorkingHours

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """So many different people of a group, or out of those who are named by member id."""

    quorum: int = 1
    group: str | None = "approvers"
    people: tuple[str, ...] = ()

    def to_document(self) -> Document:
        whom: Document = {"people": list(self.people)} if self.group is None else {"group": self.group}
        return {**whom, "quorum": self.quorum}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Stage":
        return cls(document["quorum"], document.get("group"), tuple(document.get("people", ())))

    @property
    def whom(self) -> str:
        """In words."""
        return self.group if self.group is not None else "those who are named"


@dataclass(frozen=True, slots=True)
class Escalation:
    """After so long, the members of a further group may vote in every stage."""

    after: TimeDelta
    to: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """What people must do about one run. `barred` are those whom separation of duties keeps from deciding."""

    stages: tuple[Stage, ...] = (Stage(),)
    separation: str = "requester"
    barred: tuple[str, ...] = ()
    acknowledge: str = "implicit"
    dismissals: int = 1
    expires_after: TimeDelta = TimeDelta(hours=72)
    working_hours: WorkingHours | None = None
    remind_after: TimeDelta | None = None
    escalate: Escalation | None = None
    invite: bool = False
    link_decides: bool = False

    @property
    def need(self) -> int:
        """Approvals, of all stages."""
        return sum(stage.quorum for stage in self.stages)

    def later(self, start: Instant, span: TimeDelta) -> Instant:
        """The moment so much later, by the working hours where there are any."""
        return start + span if self.working_hours is None else self.working_hours.after(start, span)

    def to_document(self) -> Document:
        """What is stored, and covered by the seal. What is not asked for is left out."""
        asked: Document = {
            "barred": list(self.barred),
            "working_hours": self.working_hours and self.working_hours.model_dump(by_alias=True),
            "remind_after": self.remind_after and self.remind_after.format_iso(),
            "escalate": self.escalate and {"after": self.escalate.after.format_iso(), "to": self.escalate.to},
            "invite": self.invite,
            "link_decides": self.link_decides,
        }
        return {
            "stages": [stage.to_document() for stage in self.stages],
            "separation": self.separation,
            "acknowledge": self.acknowledge,
            "dismissals": self.dismissals,
            "expires_after": self.expires_after.format_iso(),
            **{name: said for name, said in asked.items() if said},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Requirement":
        hours, reminded, escalate = (document.get(name) for name in ("working_hours", "remind_after", "escalate"))
        return cls(
            stages=tuple(map(Stage.from_document, document["stages"])),
            separation=document["separation"],
            barred=tuple(document.get("barred", ())),
            acknowledge=document["acknowledge"],
            dismissals=document["dismissals"],
            expires_after=seconds(document["expires_after"]),
            working_hours=WorkingHours.model_validate(hours) if hours else None,
            remind_after=seconds(reminded) if reminded else None,
            escalate=Escalation(seconds(escalate["after"]), escalate["to"]) if escalate else None,
            invite=document.get("invite", False),
            link_decides=document.get("link_decides", False),
        )
