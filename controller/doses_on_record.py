"""The doses that a site's kept journals show, for who judges an order beside the daemon.

Reads journals and changes nothing. The daemon has its sessions in memory and does not need it.
"""

from collections.abc import Iterator
from pathlib import Path

from controller.clinic.earlier import EarlierDose, earlier_dose
from controller.core.limits import Limits
from controller.journal import read
from controller.records import NoRecord, record_of_journal
from controller.store import JOURNAL


def doses_on_record(directory: Path, limits: Limits) -> tuple[EarlierDose, ...]:
    """Every dose that began in a session kept in ``directory``, in the order of their names.

    Raises JournalBroken for a journal that does not hold, also one that the daemon set aside: a
    dose that cannot be read cannot be counted.
    """
    return tuple(_doses(sorted(directory.glob(f"*/{JOURNAL}")), limits))


def _doses(journals: list[Path], limits: Limits) -> Iterator[EarlierDose]:
    for path in journals:
        try:
            dose = earlier_dose(record_of_journal(list(read(path)), limits))
        except NoRecord:
            continue
        if dose is not None:
            yield dose
