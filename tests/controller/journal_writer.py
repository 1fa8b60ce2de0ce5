"""A process that journals without end and prints the number of each record that is durable."""

import asyncio
import sys
from pathlib import Path

from controller.journal import Journal


async def main(path: Path, again: bool) -> None:
    if again:
        journal, records = await Journal.reopen(path)
        seq = records[-1].seq
    else:
        journal, seq = await Journal.create(path, {"schema": 1}, mono_ns=0, utc_ns=0), 0
    while True:
        for _ in range(1 + seq % 5):
            seq = journal.append("tick", {"padding": "x" * (seq % 700)}, seq, seq)
        await journal.committed(seq)
        sys.stdout.write(f"{seq}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    file = Path(sys.argv[1])
    asyncio.run(main(file, file.exists()))
