"""One fuzzing process: ``python -m tests.fuzz.inside TARGET [libFuzzer's options]``.

It needs atheris, which lives in an environment of its own, and never returns: libFuzzer ends it.
"""

import sys

import atheris

with atheris.instrument_imports(
    include=["controller", "drivers", "protocols", "simulators", "firmware_interfaces"]
):
    from tests.fuzz.targets import BY_NAME

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], BY_NAME[sys.argv[1]].run)
    atheris.Fuzz()
