"""The table that a terminal shows."""

from benchmarks.samples import compared
from benchmarks.table import rows


def test_columns_line_up_and_a_missed_target_is_loud():
    head, poll, commit = rows(
        [
            compared("poll", [17_000_000], [16_000_000], (1.05, 1.5)),
            compared("commit, awaited", [500_000], [250_000]),
        ]
    )

    assert head == (
        " " * 15
        + "  n  ours p50 ms     p99  floor p50 ms     p99  ratio p50    p99           target"
    )
    assert poll == (
        "poll             1       17.000  17.000        16.000  16.000      1.062  1.062  "
        "1.05 1.5 MISSED"
    )
    assert commit == (
        "commit, awaited  1        0.500   0.500         0.250   0.250      2.000  2.000"
    )
