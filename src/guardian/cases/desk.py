"""Where people work on cases and say what transactions were: through the API and the console alike."""

from collections.abc import Callable, Sequence
from typing import Final

from guardian.cases import lifecycle
from guardian.cases.collection import case_collection
from guardian.domain.anomaly import Finding
from guardian.domain.case import Case, CaseState, Disposition
from guardian.domain.clock import Clock
from guardian.domain.errors import Conflict, Invalid, NotFound
from guardian.domain.label import EventName, Origin, Statement
from guardian.observability.masking import mask_text
from guardian.storage.base import AuditLog, Records, TransactionStore
from guardian.storage.casebook import Casebook
from guardian.storage.labels import LabelStore

TRIES: Final = 5
LONGEST_NOTE: Final = 2_000
LABELLED_AT_ONCE: Final = 100_000
NO_CASE: Final = "There is no such case."


class CaseDesk:
    """Acts for a person: keeps the change and writes it into the audit log.

    What the machine changes at the same moment is not in the way; what another person does is.
    """

    def __init__(
        self, records: Records, casebook: Casebook, labels: LabelStore, audit: AuditLog, clock: Clock
    ) -> None:
        self._cases = case_collection(records)
        self._casebook = casebook
        self._labels = labels
        self._audit = audit
        self._clock = clock

    def claim(self, case_id: str, actor: str) -> Case:
        """Take it. Raises NotFound, Conflict or Unavailable."""
        return self._act(case_id, actor, "claim", lambda case, now: lifecycle.claimed(case, actor, now))

    def release(self, case_id: str, actor: str) -> Case:
        """Put it back. Raises NotFound, Conflict or Unavailable."""
        return self._act(case_id, actor, "release", lambda case, now: lifecycle.released(case, actor, now))

    def note(self, case_id: str, actor: str, text: str) -> Case:
        """Add a note, in which card numbers are masked. Raises Invalid, NotFound or Conflict."""
        words = mask_text("".join(sign for sign in text if sign == "\n" or sign.isprintable()).strip())
        if not 0 < len(words) <= LONGEST_NOTE:
            raise Invalid(f"text: expected 1 to {LONGEST_NOTE} characters.")
        return self._act(case_id, actor, "note", lambda case, now: lifecycle.noted(case, actor, words, now))

    def close(
        self,
        case_id: str,
        actor: str,
        disposition: Disposition,
        seen: int | None = None,
        chosen: Sequence[str] = (),
    ) -> Case:
        """Decide it, and label the first `seen` of its transactions, or those chosen.

        Raises NotFound, Conflict, Unavailable, or Invalid when one chosen is not in it.
        """
        self._refuse_strange(case_id, chosen)

        def decide(case: Case, now_ms: int) -> Case:
            return lifecycle.closed(lifecycle.limited(case, seen, chosen), actor, disposition, now_ms)

        return self.finish(self._act(case_id, actor, f"close {disposition}", decide))

    def lapse(self, case_id: str, before_ms: int) -> bool:
        """Close it as undecided unless anything happened since; whether it is closed. Raises Conflict."""

        def give_up(case: Case, now_ms: int) -> Case:
            if case.state not in lifecycle.OPEN_STATES or lifecycle.news_ms(case) >= before_ms:
                return case
            return lifecycle.closed(case, lifecycle.MACHINE, Disposition.UNDECIDED, now_ms)

        return self._act(case_id, lifecycle.MACHINE, "lapse", give_up).state is CaseState.CLOSED

    def finish(self, case: Case) -> Case:
        """Keep the labels of a case that is closing; done again it changes nothing. Raises Unavailable."""
        if case.state is not CaseState.CLOSING:
            return case
        limit = LABELLED_AT_ONCE if case.chosen else case.seen
        statements = lifecycle.labels(case, self._casebook.members(case.case_id, limit))
        self._labels.keep(statements)
        return self._change(case.case_id, lambda one, now: _finished(one, len(statements), now))[1]

    def _refuse_strange(self, case_id: str, chosen: Sequence[str]) -> None:
        if not chosen:
            return
        members = self._casebook.members(case_id, LABELLED_AT_ONCE)
        if not frozenset(chosen) <= {one.name.transaction_id for one in members}:
            raise Invalid("transactions: one of them is not in this case.")

    def _act(self, case_id: str, actor: str, action: str, change: Callable[[Case, int], Case]) -> Case:
        before, after = self._change(case_id, change)
        if after is not before:
            detail = {"from": str(before.state), "to": str(after.state)}
            self._audit.append(self._clock.now_ms(), actor, f"case {action}", case_id, detail)
        return after

    def _change(self, case_id: str, change: Callable[[Case, int], Case]) -> tuple[Case, Case]:
        """The case before and after, decided anew when the stage was faster."""
        for _ in range(TRIES):
            kept = self._cases.get(case_id)
            if kept is None:
                raise NotFound(NO_CASE)
            before, version = kept
            after = change(before, self._clock.now_ms())
            if after is before:
                return before, after
            try:
                self._cases.update(after, version)
            except Conflict:
                continue
            return before, after
        raise Conflict("The case keeps changing; try again.")


def _finished(case: Case, labelled: int, now_ms: int) -> Case:
    """The very same when another has finished it."""
    return lifecycle.finished(case, labelled, now_ms) if case.state is CaseState.CLOSING else case


class AnswerDesk:
    """Keeps what a person found a single transaction to be, as a label known from now on."""

    def __init__(
        self, transactions: TransactionStore, labels: LabelStore, audit: AuditLog, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._labels = labels
        self._audit = audit
        self._clock = clock

    def answer(
        self, transaction_id: str, finding: Finding, actor: str, place: tuple[str | None, str | None]
    ) -> Statement:
        """`place` is the source and the merchant, where they are named. Raises NotFound or Unavailable."""
        stored = self._transactions.get(transaction_id, *place)
        if stored is None:
            raise NotFound("No transaction with this id has been processed.")
        one, now_ms = stored.transaction, self._clock.now_ms()
        statement = Statement(
            transaction_id=one.transaction_id,
            is_fraud=finding is Finding.CONFIRMED,
            known_ms=now_ms,
            by=actor,
            at_ms=now_ms,
            origin=Origin.ANSWER,
            kind=str(finding),
            source=one.source,
            merchant_id=one.merchant_id,
            event_ms=one.event_ms,
        )
        if self._labels.keep([statement])[0]:
            detail = {"to": str(finding), "merchant": one.merchant_id, "source": one.source}
            self._audit.append(now_ms, actor, "transaction answer", one.transaction_id, detail)
        return statement

    def history(self, name: EventName) -> Sequence[Statement]:
        """What was said of it, oldest first. Raises Unavailable."""
        return self._labels.history([name]).get(name, ())
