"""Prerequisites of a campaign's moves: pure functions from facts to a blocker, or None where nothing stands in the way.

Codes are stable and part of the public interface; messages are for people and may change.
"""

from collections.abc import Sequence

from gonogo.definition import Blocker, Condition
from gonogo.facts import Facts

# Conditions: which of several moves an event takes.

BEGUN: Condition[Facts] = Condition("begun", lambda facts: facts.begun)
REVIEWED: Condition[Facts] = Condition("reviewed", lambda facts: facts.review != "pending")
SOUND: Condition[Facts] = Condition(
    "sound", lambda facts: facts.review == "clean" and facts.start != "late" and facts.frozen is None
)
PERMITTED: Condition[Facts] = Condition("permitted by policy", lambda facts: facts.permission in ("auto", "ungated"))
AHEAD: Condition[Facts] = Condition("start time ahead", lambda facts: facts.start == "ahead")
LATE: Condition[Facts] = Condition("start missed", lambda facts: facts.start == "late")
ENOUGH: Condition[Facts] = Condition("enough votes", lambda facts: facts.enough)
VALID: Condition[Facts] = Condition("permit valid", lambda facts: facts.permit == "valid")


# Is it ready to be proposed?


def audience_present(facts: Facts) -> Blocker | None:
    """A campaign with nobody to send to can't be launched (seed 000: "Campaign is empty")."""
    if facts.recipients > 0:
        return None
    return Blocker("audience_empty", "The campaign has no recipients left to send to.", recipients=0)


def content_present(facts: Facts) -> Blocker | None:
    if facts.content:
        return None
    return Blocker("content_missing", "The campaign has no template and no steps.")


def sender_present(facts: Facts) -> Blocker | None:
    if facts.sender:
        return None
    return Blocker("sender_missing", "The campaign has no sender.")


def imports_finished(facts: Facts) -> Blocker | None:
    if not facts.importing:
        return None
    return Blocker("import_open", "An import of recipients has not finished.")


def nothing_in_flight(facts: Facts) -> Blocker | None:
    """Messages that an earlier run has handed over must settle first, or somebody might get two."""
    if facts.in_flight == 0:
        return None
    message = "Messages of the run before are still in flight."
    return Blocker("messages_in_flight", message, in_flight=facts.in_flight)


def start_not_past(facts: Facts) -> Blocker | None:
    if facts.start in ("none", "ahead"):
        return None
    return Blocker("start_in_past", "The start time is in the past.")


def review_passed(facts: Facts) -> Blocker | Sequence[Blocker] | None:
    """Each blocker that Lexi found refuses under its own code."""
    if facts.review != "blocked":
        return None
    return facts.findings or Blocker("review_blocked", "The review found a blocker.")


def not_frozen(facts: Facts) -> Blocker | None:
    """The policy may name spans of time in which no launch begins."""
    return facts.frozen


READY = (
    audience_present,
    content_present,
    sender_present,
    imports_finished,
    nothing_in_flight,
    start_not_past,
    review_passed,
    not_frozen,
)


# May the glass be broken?


def review_ended(facts: Facts) -> Blocker | None:
    """Nothing goes out that Lexi has not read."""
    if facts.review != "pending":
        return None
    return Blocker("task_reviewing", "The review of this launch has not finished.")


def starts_now(facts: Facts) -> Blocker | None:
    if facts.start in ("none", "due"):
        return None
    return Blocker("start_not_now", "Breaking the glass launches now: take the start time off.")


def without_permit(facts: Facts) -> Blocker | None:
    if facts.permit == "none":
        return None
    return Blocker("permit_held", "The run has a permit already: resume it.")


# May this person decide, now, about this?


def task_addressed(facts: Facts) -> Blocker | None:
    """A ballot counts only for the task that is open now."""
    if facts.addressed in ("pending", "reviewing"):
        return None
    return task_decided(facts)


def task_pending(facts: Facts) -> Blocker | None:
    """Nobody votes before Lexi has finished: there is nothing sealed to vote about."""
    if facts.addressed == "reviewing":
        return Blocker("task_reviewing", "The review of this launch has not finished.")
    return task_addressed(facts)


def task_decided(facts: Facts) -> Blocker:
    """The decision that stood."""
    message = f"The task is not open any more: it is {facts.addressed.replace('_', ' ')}."
    return Blocker("task_decided", message, decision=facts.addressed)


def review_running(facts: Facts) -> Blocker | None:
    if facts.addressed == "reviewing":
        return None
    return Blocker("not_reviewing", "No review of this launch is running.")


def in_time(facts: Facts) -> Blocker | None:
    if not facts.overdue:
        return None
    return Blocker("task_expired", "The deadline of the task has passed.")


def deadline_passed(facts: Facts) -> Blocker | None:
    if facts.overdue:
        return None
    return Blocker("not_overdue", "The deadline of the task has not passed.")


def voter_entitled(facts: Facts) -> Blocker | None:
    return facts.entitled


def vote_is_new(facts: Facts) -> Blocker | None:
    """People count once, however often they vote."""
    if not facts.repeated:
        return None
    return Blocker("already_voted", "This person's approval is already recorded.")


def vote_stands(facts: Facts) -> Blocker | None:
    if facts.repeated:
        return None
    return Blocker("no_vote", "There is no vote of this person to take back.")


def seal_seen(facts: Facts) -> Blocker | None:
    """A vote holds only for what the reviewer was shown; `changed` names what is proposed otherwise since then."""
    if facts.seen:
        return None
    message = "The seal on the ballot is not the seal of this task."
    return Blocker("seal_changed", message, changed=facts.changed)


def warnings_acknowledged(facts: Facts) -> Blocker | None:
    if facts.acknowledged:
        return None
    return Blocker("acknowledgement_missing", "The policy asks for every warning to be acknowledged.")


def by_requester(facts: Facts) -> Blocker | None:
    if facts.requester:
        return None
    return Blocker("not_requester", "Only the person who asked for the launch may withdraw it.")


# May the run go on, or end?


def permit_held(facts: Facts) -> Blocker | None:
    if facts.permit == "valid":
        return None
    return Blocker("permit_missing", "The run has no valid permit.")


def permit_presented(facts: Facts) -> Blocker | None:
    """The executor shows the permit it was sent out with; one of another run opens nothing."""
    if facts.presented:
        return None
    return Blocker("permit_mismatch", "The permit presented is not the one this run holds.")


def permit_in_time(facts: Facts) -> Blocker | None:
    """A permit of broken glass opens the door for a short time only."""
    if not facts.lapsed:
        return None
    return Blocker("permit_lapsed", "The permit was given for a short time, which has passed.")


def permit_lapsed(facts: Facts) -> Blocker | None:
    if facts.lapsed:
        return None
    return Blocker("not_lapsed", "The permit has not lapsed.")


def start_reached(facts: Facts) -> Blocker | None:
    if facts.start != "ahead":
        return None
    return Blocker("start_ahead", "The start time has not been reached.")


def start_not_missed(facts: Facts) -> Blocker | None:
    """`late_start` forgives a little lateness; after that the cure is a new start time."""
    if facts.start != "late":
        return None
    return Blocker("start_missed", "The start time was missed; set a new one.")


def has_begun(facts: Facts) -> Blocker | None:
    if facts.begun:
        return None
    return Blocker("not_begun", "The run has not begun.")


def nothing_unsettled(facts: Facts) -> Blocker | None:
    if facts.unsettled == 0:
        return None
    message = "Some recipients of the run are not settled yet."
    return Blocker("recipients_unsettled", message, unsettled=facts.unsettled)


def nothing_claimed(facts: Facts) -> Blocker | None:
    if facts.claimed == 0:
        return None
    return Blocker("messages_in_flight", "Some messages are still in flight.", in_flight=facts.claimed)


def nothing_left_over(facts: Facts) -> Blocker | None:
    """A launch whose run was closed is complete only when nobody is left for another run."""
    if facts.run == "open" or facts.waiting == 0:
        return None
    message = "The run was closed and recipients are left for another."
    return Blocker("recipients_left", message, recipients=facts.waiting)


#: In need, freezes and people's approval are passed over; everything else is as for any launch.
GLASS = (
    voter_entitled,
    without_permit,
    audience_present,
    content_present,
    sender_present,
    imports_finished,
    nothing_in_flight,
    starts_now,
    review_ended,
    review_passed,
)
