"""Where the independent peers live: a Python of their own, so that nothing of it gets into ours."""

import os
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def peers_python() -> str:
    """Path of the peers' interpreter. Without it the test is skipped loudly; under CI it fails."""
    default = REPO / ".venv-peers" / "bin" / "python"
    python = os.environ.get("ISODRIP_PEERS_PYTHON", str(default))
    probe = [python, "-c", "import labmcp_new_era, minimalmodbus, pymodbus"]
    found = Path(python).exists() and subprocess.run(probe, check=False).returncode == 0
    if found:
        return python
    reason = (
        f"INDEPENDENT PEERS MISSING: {python} cannot import labmcp_new_era, minimalmodbus "
        "and pymodbus; make .venv-peers from requirements/peers.txt or set ISODRIP_PEERS_PYTHON"
    )
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
