"""At which station of the site somebody stands, and whether what they ask for belongs there.

A station is known by its address, or by a key that its browser keeps. Who stands there is the
desk's business.
"""

import hashlib
import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from controller.access_sections import StationSection, plain_address
from controller.clinic.access import Proof
from controller.core.place import Place
from controller.core.state import State
from controller.panel.actions import Action, Body
from controller.panel.desk import Denied, Knock

STRANGER: Final = "must be a station of site.toml: here one may look, and press STOP"


@dataclass(frozen=True, slots=True)
class Standing:
    """One station: what the site calls it, and the places that it stands for."""

    name: str
    places: frozenset[Place]

    def view(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"name": self.name, "places": [p.value for p in Place if p in self.places]}


ONLY: Final = Standing("the only station", frozenset(Place))
"""Where a simulated site names none, whoever reaches it stands in both places."""


class Whereabouts:
    """The stations of one site."""

    def __init__(self, stations: Sequence[StationSection]) -> None:
        self._none = not stations
        self._by_address: dict[str, Standing] = {}
        self._by_key: dict[str, Standing] = {}
        for section in stations:
            places = frozenset(Place(place) for place in section.places)
            standing = Standing(section.name, places)
            self._by_address |= dict.fromkeys(section.addresses, standing)
            if section.key_sha256 is not None:
                self._by_key[section.key_sha256] = standing

    def of(self, knock: Knock) -> Standing | None:
        """The station of a request, None for a stranger's. A key goes before an address."""
        if self._none:
            return ONLY
        return self.keeper_of(knock.key) or self._by_address.get(_plain(knock.place))

    def keeper_of(self, key: str) -> Standing | None:
        """The station to which a key belongs."""
        return self._by_key.get(hashlib.sha256(key.encode()).hexdigest()) if key else None

    def check(self, action: Action, body: Body, state: State | None, knock: Knock) -> None:
        """Return where the action belongs to the station. Raises Denied.

        ``state`` is its session's, None where there is none. What asks nothing of a person asks
        nothing of a place either.
        """
        if action.proof is Proof.NOTHING:
            return
        standing = self.of(knock)
        if standing is None:
            raise Denied(403, "station", knock.place, STRANGER)
        wanted = action.place.of(body, state or State(""))
        if not wanted & standing.places:
            rule = f"must be the {_words(wanted)} for {action.name}"
            raise Denied(403, "station", f"{standing.name} ({_words(standing.places)})", rule)


def _words(places: Collection[Place]) -> str:
    return " and ".join(place.words for place in Place if place in places)


def _plain(address: str) -> str:
    try:
        return plain_address(ipaddress.ip_address(address))
    except ValueError:
        return ""
