"""Children of the bench: their last words, their end, and that they do not outlive it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from simulators.bench import processes
from simulators.bench.processes import ChildFailed

PYTHON = [sys.executable, "-c"]
SLEEPER = "import sys, time; print('ready', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


async def start(path, program, **options):
    return await processes.start("child", [*PYTHON, program], path / "child.log", **options)


async def test_a_childs_early_death_is_told_with_its_last_words(tmp_path):
    program = "import sys; sys.stderr.write('no such port\\n'); sys.exit(3)"
    child = await start(tmp_path, program)
    death = await processes.first_death((child,))
    assert str(death) == "child ended with exit code 3\nno such port"
    assert death.child.returncode == 3


async def test_a_child_that_ends_without_its_first_line_has_failed(tmp_path):
    child = await start(tmp_path, "raise SystemExit('sorry')", read_stdout=True)
    with pytest.raises(ChildFailed, match="child ended with exit code 1\nsorry"):
        await child.first_line(10.0)


async def test_a_child_that_keeps_silent_has_failed(tmp_path):
    child = await start(tmp_path, "import time; time.sleep(60)", read_stdout=True)
    with pytest.raises(ChildFailed, match=r"said nothing for 0\.1 s"):
        await child.first_line(0.1)
    await child.end()


async def test_a_child_is_asked_to_end_and_then_made_to(tmp_path):
    gentle = await start(tmp_path, SLEEPER, read_stdout=True)
    stubborn = await start(tmp_path, STUBBORN, read_stdout=True)
    for child in (gentle, stubborn):
        assert await child.first_line(10.0) == "ready\n"
    assert await gentle.end() == -signal.SIGTERM
    assert await stubborn.end(patience_s=0.1) == -signal.SIGKILL
    assert await stubborn.end() == -signal.SIGKILL


@pytest.mark.realtime
async def test_a_child_dies_with_its_parent(tmp_path):
    parent = (
        "import asyncio, sys, time\n"
        "from pathlib import Path\n"
        "from simulators.bench import processes\n"
        "async def main():\n"
        f"    child = await processes.start('c', {[*PYTHON, SLEEPER]!r}, Path(sys.argv[1]),"
        " read_stdout=True)\n"
        "    await child.first_line(10.0)\n"
        "    print(child.process.pid, flush=True)\n"
        "    time.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        *PYTHON, parent, str(tmp_path / "c.log"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    os.kill(pid, 0)
    process.kill()
    await process.wait()
    async with asyncio.timeout(10.0):
        while True:
            if not _alive(pid):
                return
            await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rsplit(") ", 1)[1][0] != "Z"
