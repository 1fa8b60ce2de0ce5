"""The desk of a daemon: what goes on in its room, where it notes who came, and its people anew.

It decides nothing; it joins daemon, file of people and desk.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Final

from controller.clinic.people import Register
from controller.config import SiteConfig
from controller.core.state import Phase
from controller.daemon import Daemon
from controller.panel.desk import Desk, DeskPorts
from controller.panel.stations import Doing
from controller.people_file import People, PeopleBroken, read_people
from controller.periodic import every
from controller.pins import OWASP, PinCost
from firmware_interfaces.units import NS_PER_S

LOOK_NS: Final = NS_PER_S
NOBODY: Final = People(Register(""))
ANY_COST: Final = PinCost(1, 1)


def doing(daemon: Daemon) -> Doing:
    """What goes on in the room of a daemon."""
    if any(s.state.phase is Phase.INFUSING for s in daemon.sessions.values()):
        return Doing.INFUSING
    return Doing.NOTHING if daemon.active() is None else Doing.TREATING


def desk_of(
    daemon: Daemon, site: SiteConfig, people: People, executor: Executor | None = None
) -> Desk:
    """The desk of a daemon, which notes whose it is. ``executor`` tries PINs; None: the loop's."""
    least = ANY_COST if site.site.simulated else OWASP
    ports = DeskPorts(daemon.note_people, partial(doing, daemon), least, executor)
    desk = Desk(daemon.clock, ports)
    desk.take(people.register)
    return desk


def people_at_start(path: Path) -> tuple[People, str]:
    """The people of a file, and why there is nobody where it cannot be used. Blocking.

    A daemon without people still watches its pump and stops it: it starts all the same.
    """
    try:
        return read_people(path), ""
    except FileNotFoundError:
        return NOBODY, ""
    except (PeopleBroken, OSError) as error:
        return NOBODY, str(error)


class PeopleWatch:
    """Takes what an administrator changed into the desk, within a second or two.

    A file that cannot be used, or that does not go on where the last one ended, changes nothing: it
    is noted, once for each reason.
    """

    def __init__(self, path: Path, daemon: Daemon, desk: Desk, executor: Executor) -> None:
        self._path, self._daemon, self._desk, self._executor = path, daemon, desk, executor
        self._seen: tuple[int, ...] = ()
        self._noted = ""

    async def run(self) -> None:
        """Look once a second until cancelled."""
        async for _ in every(self._daemon.clock, LOOK_NS):
            await self.look()

    async def look(self) -> None:
        """Look once."""
        try:
            found = await self._off_loop(self._changed)
        except FileNotFoundError:
            return None
        except (PeopleBroken, OSError) as error:
            return self.note(str(error))
        if found is None or found.register.head == self._desk.register.head:
            return None
        if self._desk.register.head not in {"", *(record.hash for record in found.records)}:
            return self.note("the file of people does not go on where the last one ended")
        self._noted = ""
        return self._desk.take(found.register)

    def note(self, reason: str) -> None:
        """Keep in the site's journal why the file of people is not used."""
        if reason != self._noted:
            self._noted = reason
            self._daemon.note_people({"did": "unusable", "reason": reason})

    async def _off_loop(self, work: Callable[[], People | None]) -> People | None:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _changed(self) -> People | None:
        """What the file says, if it is not the one that was read last."""
        stat = self._path.stat()
        seen = stat.st_ino, stat.st_mtime_ns, stat.st_size, stat.st_mode
        if seen == self._seen:
            return None
        self._seen = seen
        return read_people(self._path)
