"""Takes the readings that were asked for, one by one; it does not know what they are for."""

import asyncio

from controller.core.commands import ReadAssay
from controller.core.events import AssayFailed, AssayRead
from controller.core.hot_lab import SYRINGE
from controller.inbox import Inbox
from controller.ports import Calibrator


class CalibratorWorker:
    """The only one who talks to the calibrator. Readings may be asked for by any session."""

    def __init__(self, calibrator: Calibrator, inbox: Inbox) -> None:
        self._calibrator, self._inbox = calibrator, inbox
        self._wanted: asyncio.Queue[tuple[str, ReadAssay]] = asyncio.Queue()

    def submit(self, session: str, command: ReadAssay) -> None:
        """Queue a reading."""
        self._wanted.put_nowait((session, command))

    async def run(self) -> None:
        """Serve the queue until cancelled."""
        while True:
            session, command = await self._wanted.get()
            try:
                strict = command.item == SYRINGE and not command.weak
                reading = await self._calibrator.assay(command.nuclide, release=strict)
            except Exception as error:  # noqa: BLE001 - whatever went wrong, there is no reading
                reason = str(error) or type(error).__name__
                self._inbox.tell(session, AssayFailed, command.item, reason)
            else:
                self._inbox.tell(session, AssayRead, command.item, reading)
