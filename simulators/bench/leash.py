"""Turns this process into another program that the kernel ends with SIGTERM when its parent dies.

``python -m simulators.bench.leash PARENT_PID PROGRAM [ARGUMENT ...]``: it knows nothing of either.
"""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal survives execve, so the program itself needs to know nothing."""


def tie(parent_pid: int) -> bool:
    """Ask for SIGTERM at the parent's death; False if that parent is gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    return os.getppid() == parent_pid


def main() -> None:
    """Tie this process to its parent and become the program named on the command line."""
    if not tie(int(sys.argv[1])):
        sys.exit(1)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606


if __name__ == "__main__":
    main()
