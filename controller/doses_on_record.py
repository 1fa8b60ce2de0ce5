"""The doses that a site has given: from its kept journals, or from a daemon's own sessions.

Reads and changes nothing.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from controller.clinic.earlier import EarlierDose, earlier_dose
from controller.core.limits import Limits
from controller.journal import read
from controller.records import NoRecord, record_of, record_of_journal
from controller.sessions import Session
from controller.store import JOURNAL


def doses_on_record(directory: Path, limits: Limits) -> tuple[EarlierDose, ...]:
    """Every dose that began in a session kept in ``directory``, in the order of their names.

    Raises JournalBroken for a journal that does not hold, also one that the daemon set aside: a
    dose that cannot be read cannot be counted.
    """
    return tuple(_doses(sorted(directory.glob(f"*/{JOURNAL}")), limits))


def doses_of(sessions: Iterable[Session]) -> tuple[EarlierDose, ...]:
    """Every dose that began in one of these sessions, in their order."""
    return tuple(_of_sessions(sessions))


def _of_sessions(sessions: Iterable[Session]) -> Iterator[EarlierDose]:
    for session in sessions:
        try:
            dose = earlier_dose(record_of(session.header, session.state, ""))
        except NoRecord:
            continue
        if dose is not None:
            yield dose


def _doses(journals: list[Path], limits: Limits) -> Iterator[EarlierDose]:
    for path in journals:
        try:
            dose = earlier_dose(record_of_journal(list(read(path)), limits))
        except NoRecord:
            continue
        if dose is not None:
            yield dose
