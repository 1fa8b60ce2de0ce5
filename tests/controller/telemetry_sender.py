"""A process that publishes for one room until it is killed; its argument is the broker's URL."""

import asyncio
import sys

from controller.mqtt_link import mqtt_connect
from controller.telemetry import Telemetry, broker_address

if __name__ == "__main__":
    asyncio.run(
        Telemetry(
            "isodrip/site/room",
            mqtt_connect(broker_address(sys.argv[1])),
            on_link=lambda up, reason: None,
        ).run()
    )
