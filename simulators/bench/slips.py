"""What two people do at the wrong place before they do it right: it must be refused.

What the daemon says to it is kept for whoever judges.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from controller.core.place import Place
from simulators.bench.api import ApiRefused

Act = Callable[..., Awaitable[None]]
SECOND_RELEASE: Final = "second_release_in_hot_lab"
TAKEN_BACK: Final = "patency_after_taking_back"
SLIPS: Final = (SECOND_RELEASE, TAKEN_BACK)


class Slips:
    """The slips of one treatment. ``refused`` is what the daemon said to each that was made."""

    def __init__(self, planned: tuple[str, ...], act: Act) -> None:
        self.planned, self._act = planned, act
        self.refused: list[str] = []

    async def make(
        self, slip: str, action: str, who: str, at: Place | None = None, **body: Any
    ) -> None:
        """Where the slip is planned, ask for what must be refused; that it is not is kept too."""
        if slip not in self.planned:
            return
        try:
            await self._act(action, who, at=at, **body)
        except ApiRefused as refused:
            error = json.loads(refused.reason)["error"]
            self.refused.append(f"{action}: {refused.status} {error['rule']}")
        else:
            self.refused.append(f"{action}: taken")
