"""One process of blind fuzzing: ``python -m tests.fuzz.blind TARGET RUNS FOLDER``.

It changes what guided fuzzing has kept in FOLDER, without looking at what is reached: some ten
times as fast. The last line on stdout says inputs and memory; an input that shows a mistake is
written beside the folder and ends it with 1.
"""

import hashlib
import random
import resource
import signal
import sys
from pathlib import Path
from typing import Final

from firmware_interfaces.new_era import COMMANDS
from tests.fuzz.targets import BY_NAME

INPUT_MAX: Final = 512
HANG_S: Final = 20
WARM: Final = 2000
"""After so many inputs every table is made and every pattern compiled: growth counts from here."""
WORDS: Final = tuple(
    word.encode()
    for word in (
        *(*filter(None, COMMANDS), "ML", "MH", "UL", "I131", "DR1", "R1", '":', '"}', "[[", "]]"),
        *(" = ", "null", "host", "localhost", "127.0.0.1", "[::1]", "mqtt://", "socket://"),
        *("boot-1", "header", "\x02", "\x03", "\r", "$", "#", "@", "1.5", "0x", "e9", "-"),
    )
)


def changed(chance: random.Random, inputs: list[bytes]) -> bytes:
    """One of the inputs, changed in a few places."""
    data = bytearray(chance.choice(inputs))
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(data))
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = chance.randbytes(1)
            case 1:
                del data[at : at + chance.randint(1, 8)]
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case 3:
                data[at:at] = chance.choice(WORDS)
            case 4:
                data[at:at] = data[at : at + chance.randint(1, 32)]
            case _:
                other = chance.choice(inputs)
                data[at:] = other[chance.randint(0, len(other)) :]
    return bytes(data[:INPUT_MAX])


def main(name: str, runs: int, folder: Path) -> int:
    """Give the target ``runs`` inputs."""
    chance = random.Random(f"{name} {runs}")
    inputs = [path.read_bytes() for path in sorted(folder.iterdir())] or [b""]
    begin_kb = 0
    for number in range(runs):
        if number == min(WARM, runs - 1):
            begin_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        data = changed(chance, inputs)
        signal.setitimer(signal.ITIMER_PROF, HANG_S)
        try:
            BY_NAME[name].run(data)
        except BaseException:
            digest = hashlib.sha256(data).hexdigest()[:12]
            folder.with_name(f"{name}-blind-{digest}").write_bytes(data)
            raise
    signal.setitimer(signal.ITIMER_PROF, 0)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin_kb
    sys.stdout.write(f"{runs} {grown_kb}\n")
    return 0


def _hung(_signal: int, _frame: object) -> None:
    raise TimeoutError(f"one input took {HANG_S} s of CPU time")


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, _hung)
    sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
