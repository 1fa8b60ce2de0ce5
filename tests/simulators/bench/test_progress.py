"""The progress bar, on a terminal, in a file and nowhere."""

import io

from simulators.bench.progress import Progress, bar, delivered_ml


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_is_as_full_as_its_share():
    assert bar(0.5, 4) == "██··"
    assert bar(-1.0, 4) == "····"
    assert bar(2.0, 4) == "████"


def test_a_file_gets_one_line_a_tenth():
    out = io.StringIO()
    progress = Progress(out)
    progress.plan(10.0, 60.0)
    for pumped in (0.0, 0.5, 1.0, 1.5, 2.0):
        progress.show(6.0, pumped, 0.25)
    lines = out.getvalue().splitlines()
    assert [line.split("pumped")[1].split()[0] for line in lines] == ["0.000", "1.000", "2.000"]
    assert lines[0].endswith("planned  1.000  pumped  0.000  delivered  0.250 of 10.000 mL")


def test_a_terminal_gets_one_line_redrawn():
    out = Terminal()
    progress = Progress(out)
    progress.plan(10.0, 60.0)
    progress.show(6.0, 1.0, 0.0)
    progress.show(60.0, 10.0, 8.5)
    assert out.getvalue().count("\r") == 2
    assert out.getvalue().count("\n") == 1


def test_nothing_is_shown_where_there_is_no_output():
    progress = Progress(None)
    progress.say("hello")
    progress.show(1.0, 1.0, 1.0)


def test_delivered_is_told_as_volume_of_drug():
    truth = {"activities_bq": {"patient": 80e6 * 0.5}, "decay": 0.5}
    assert delivered_ml(truth, 80e6) == 1.0
