"""A line on which New Era pumps hang, each at its address: one exchange, opened and closed once.

Knows whom a frame that nobody asked for is from. Does not know what is said or in which order.
"""

from collections import Counter
from collections.abc import Callable

from drivers.exchange import Exchange
from drivers.new_era_words import Heard, line_timing
from drivers.stream import Opener
from firmware_interfaces.units import Nanoseconds
from protocols.new_era import HostDeframer, Noise

Unasked = Callable[[Heard, Nanoseconds], bool]


class NewEraBus:
    """One line. A pump joins before it asks anything and leaves when it is done.

    ``strays`` counts, by address, answers that nobody had asked for while none could still be due.
    """

    def __init__(self, opener: Opener, now_ns: Callable[[], int], baud: int) -> None:
        self.baud = baud
        self.exchange: Exchange[Heard] = Exchange(
            opener, HostDeframer(), line_timing(baud), now_ns, self._unasked
        )
        self._pumps: dict[int, Unasked] = {}
        self.strays: Counter[int] = Counter()

    def join(self, address: int, unasked: Unasked) -> None:
        """A pump at ``address``. ValueError if there is one already."""
        if address in self._pumps:
            raise ValueError(f"two pumps at address {address:02d} of one line")
        self._pumps[address] = unasked

    async def leave(self, address: int) -> None:
        """Close the line behind the last one."""
        self._pumps.pop(address, None)
        if not self._pumps:
            await self.exchange.close()

    def _unasked(self, frame: Heard, at_ns: Nanoseconds) -> bool:
        if isinstance(frame, Noise):
            return True
        unasked = self._pumps.get(frame.reply.address)
        if unasked is not None and unasked(frame, at_ns):
            return True
        self.strays[frame.reply.address] += self.exchange.clean
        return False
