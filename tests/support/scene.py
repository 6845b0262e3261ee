"""One database in which every attack finds what it needs."""

import pytest
import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import proposal, service
from support.engine import Bench, asking


class Scene:
    """Campaigns in every situation that an attack starts from, each with the ids of its run, task and permit.

    `bare` has no step; `draft` has one; `asked` awaits people; `long` awaits its review; `active`, `live` (running, one
    message each sent, unknown and claimed), `paused`; `revoked`; `second` runs again after a revocation.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.names = engine, dict[str, object]()
        bench = self.bench = Bench(engine)
        bench.policy(asking())
        self._add("bare", bench.draft(0))
        self._add("draft", bench.draft(2))
        self._add("asked", bench.asked(3).id)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(proposal, "REVIEWED_AT_ONCE", 0)
            self._add("long", bench.asked(3).id)
        self._add("active", bench.launched(3).id)
        self._written_about("active")
        live = bench.running(5)
        bench.claim(live, 1, sent=1)
        bench.claim(live, 1, "dead")
        bench.clock.move(TimeDelta(seconds=9))
        bench.do(service.take_over, live.id, "dead")
        bench.claim(live, 1, "alive")
        self._add("live", live.id)
        self._told_about(live.id)
        self._stopped()
        second = bench.running(4)
        bench.claim(second, 2, sent=2)
        self._add("first", second.id)
        bench.did(service.revoke, second.id, by=bench.bob)
        again = bench.did(service.resume, second.id)
        permitted = bench.did(service.approve, again.task_id, by=bench.bob)
        bench.did(service.begin, second.id, permitted.permit_id)
        self._add("second", second.id)
        self.names["workspace"] = bench.workspace
        self.names["other_workspace"] = Bench(engine).workspace

    def _stopped(self) -> None:
        """A launch that was paused, and one whose approval was taken back."""
        bench = self.bench
        self._add("paused", bench.did(service.pause, bench.launched(3).id).id)
        self._add("revoked", bench.did(service.revoke, bench.launched(3).id, by=bench.bob).id)

    def _add(self, label: str, campaign: str) -> None:
        case = self.bench.case(campaign)
        permit = self.bench.scalar(
            "SELECT id FROM gonogo_permit WHERE campaign_id = :id AND run = :run", id=campaign, run=case.run
        )
        ids = {"": campaign, "_run": case.run_id, "_task": case.task_id, "_permit": permit}
        self.names |= {f"{label}{suffix}": value for suffix, value in ids.items()}

    def _written_about(self, label: str) -> None:
        """A comment on the task, and the glass that stands behind a permit."""
        said = "(SELECT max(digest) FROM gonogo_payload)"
        for statement, about in (
            (f"INSERT INTO gonogo_comment SELECT 'comment', id, 'bob', {said}, created_at FROM gonogo_task", "task"),
            (f"INSERT INTO gonogo_glass SELECT id, {said}, granted_at FROM gonogo_permit", "permit"),
        ):
            self.bench.write(f"{statement} WHERE id = :id", id=self.names[f"{label}_{about}"])

    def _told_about(self, campaign: str) -> None:
        """A message that an operator gave back, another that bounced, and a notice."""
        named = "run_id, step, position"
        of_live = "FROM gonogo_ledger WHERE campaign_id = :id AND state = "
        at = "settled_at"
        for statement in (
            f"INSERT INTO gonogo_resolution SELECT {named}, 'released', 'key', 'person', {at} {of_live} 'unknown'",
            f"INSERT INTO gonogo_response SELECT {named}, 'bounce', {at} {of_live} 'sent'",
            "INSERT INTO gonogo_notice SELECT 'notice', workspace_id, id, 'campaign.started', '{}', updated_at"
            " FROM gonogo_campaign WHERE id = :id",
        ):
            self.bench.write(statement, id=campaign)
