"""What mutmut's files of verdicts say: its exit codes, and where they stand."""

from typing import Final

KILLED: Final = 1
SURVIVED: Final = 0
NO_TESTS: Final = 33
TIMEOUT: Final = 36
BY_MUTANT: Final = "exit_code_by_key"
"""The key of a file under which the code of each mutant stands; None while it is open."""


def function_of(mutant: str) -> str:
    """The function that a mutant changes, as mutmut names it."""
    return mutant.partition("__mutmut_")[0]
