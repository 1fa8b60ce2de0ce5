"""The ward's daemon whose judgement can be made to hang: SIGUSR1 blocks its consumer for ever.

Everything else lives on: the poller polls, the pump's driver talks, the API listens.
"""

import asyncio
import signal
import sys

from controller.cli import main
from controller.inbox import Inbox, Posted

_taken = Inbox.take
_blocked = False


def _block(*_: object) -> None:
    global _blocked  # noqa: PLW0603 - a signal handler has nowhere else to leave a word
    _blocked = True


async def _take(self: Inbox) -> Posted:
    posted = await _taken(self)
    if _blocked:
        await asyncio.Event().wait()
    return posted


if __name__ == "__main__":
    Inbox.take = _take  # type: ignore[method-assign]
    signal.signal(signal.SIGUSR1, _block)
    sys.exit(main())
