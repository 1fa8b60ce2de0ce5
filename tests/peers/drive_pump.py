"""Run by the peers' Python: their driver works a pump at ``argv[1]`` and prints what it saw."""

import json
import sys
import time

from labmcp import open_transport  # type: ignore[import-not-found]
from labmcp_new_era.driver import NewEraPump  # type: ignore[import-not-found]


def main(address: str) -> None:
    """Infuse 1 mL to its end, then stop a second one half way."""
    transport = open_transport(
        address, baudrate=19200, read_termination="\x03", write_termination="\r", timeout=2.0
    )
    pump = NewEraPump(transport)
    seen = {"identity": pump.identify(), "reset_seen": pump.reset_alarm_seen}
    seen["diameter"] = pump.set_diameter(26.59)
    seen["plan"] = vars(pump.start_pumping("INF", 1.0, 20.0))
    states = [pump.status().state]
    while states[-1] == "infusing":
        time.sleep(0.1)
        states.append(pump.status().state)
    seen["states"] = sorted(set(states))
    seen["after_one"] = pump.dispensed()
    pump.start_pumping("INF", 1.0, 20.0)
    time.sleep(1.0)
    seen["stopped"] = pump.stop().state
    seen["after_stop"] = pump.dispensed()
    pump.close()
    sys.stdout.write(json.dumps(seen))


main(sys.argv[1])
