"""The two stations of a bench, and at which of them its people stand for what they want.

The bedside is known by its address, this machine's own; the hot lab by a key, as its browser keeps
it. Made up and printed, like badges and PINs.
"""

import hashlib
from types import SimpleNamespace
from typing import Any, Final

from controller.core.place import Place
from controller.core.state import State
from controller.panel.actions import BY_NAME, LOAD
from controller.panel.door import KEY_COOKIE

HOT_LAB_KEY: Final = "bench-hot-lab".ljust(43, "-")
COOKIES: Final = {Place.HOT_LAB: {KEY_COOKIE: HOT_LAB_KEY}, Place.BEDSIDE: dict[str, str]()}
"""What each station's browser keeps from the beginning."""
SECTIONS: Final = f"""\
[[station]]
name = "hot lab"
places = ["hot_lab"]
key_sha256 = "{hashlib.sha256(HOT_LAB_KEY.encode()).hexdigest()}"

[[station]]
name = "bedside"
places = ["bedside"]
address = ["127.0.0.1"]
"""


def station_for(action: str, body: dict[str, Any]) -> Place:
    """Where people go with an action; the first release signature is the hot lab's."""
    places = BY_NAME.get(action, LOAD).place.of(SimpleNamespace(**body), State(""))
    return Place.BEDSIDE if Place.BEDSIDE in places else Place.HOT_LAB
