"""The daemon as people at a browser reach it: its HTTP API and nothing else.

It knows requests and refusals; what to ask for, and when, is decided elsewhere.
"""

import asyncio
import itertools
from typing import Any, Final, Self

import httpx

from controller.core.place import Place
from simulators.bench.badges import typed, wanted
from simulators.bench.stations import COOKIES, station_for

PREFIX: Final = "/api/v1"
HEADERS: Final = {"X-Isodrip": "1"}
PATIENCE_S: Final = 20.0
"""A programmed pump is read back item by item at 19200 baud: some actions take seconds."""


class ApiRefused(Exception):
    """The daemon said no: which action, the HTTP status, and its reason."""

    def __init__(self, action: str, status: int, reason: str) -> None:
        super().__init__(f"{action}: refused ({status}): {reason}")
        self.action, self.status, self.reason = action, status, reason


class ApiDown(Exception):
    """Nobody serves the API: the program died, or does not answer."""


class Api:
    """One client of one daemon. Action ids are counted, so that a run repeats to the byte."""

    def __init__(self, base: str, client_id: str = "bench") -> None:
        self._stations = {
            place: httpx.AsyncClient(
                base_url=base, headers=HEADERS, timeout=PATIENCE_S, trust_env=False, cookies=kept
            )
            for place, kept in COOKIES.items()
        }
        self._http = self._stations[Place.BEDSIDE]
        self._ids = (f"{client_id}-{number}" for number in itertools.count(1))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for station in self._stations.values():
            await station.aclose()

    async def answers(self) -> bool:
        """True once the daemon serves its state."""
        try:
            return (await self._http.get(f"{PREFIX}/state")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    async def wait_ready(self, every_s: float = 0.1) -> None:
        """Return when the daemon answers; the caller sets the limit and watches the process."""
        while True:
            if await self.answers():
                return
            await asyncio.sleep(every_s)

    async def state(self) -> dict[str, Any]:
        """The daemon's whole state."""
        return await self._get("state")

    async def news(self) -> None:
        """Return at once: over HTTP whoever wants to know more looks again."""

    async def record(self, session: str) -> dict[str, Any]:
        """The record of a session."""
        return await self._get(f"record/{session}")

    async def gates(self, session: str) -> dict[str, Any]:
        """Every gate of a session, what is asked there, and the clock on the wall."""
        return await self._get(f"gates/{session}")

    async def act(self, action: str, at: Place | None = None, **body: Any) -> dict[str, Any]:
        """Ask for an action, with badges and PINs, at the station where it belongs, or at ``at``.

        Raises ApiRefused with the daemon's reason.
        """
        station = self._stations[at or station_for(action, body)]
        request, pins = {"action_id": next(self._ids), **body}, typed(action, body)
        path = f"{PREFIX}/actions/{action}"
        response = await station.post(path, json=request, headers=pins)
        while bearer := wanted(response.status_code, response.text):
            shown = {"badge": bearer.badge}
            _taken("come", await station.post(f"{PREFIX}/come", json=shown))
            response = await station.post(path, json=request, headers=pins)
        return _taken(action, response)

    async def stop(self) -> None:
        """STOP: no body, no login, no header."""
        _taken("stop", await self._http.post(f"{PREFIX}/actions/stop"))

    async def _get(self, what: str) -> dict[str, Any]:
        return _taken(what, await self._http.get(f"{PREFIX}/{what}"))


def _taken(what: str, response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        raise ApiRefused(what, response.status_code, response.text)
    body: dict[str, Any] = response.json()
    return body
