"""``isodrip people`` as an administrator meets it: a real terminal for secrets, or a pipe."""

import io
import json
import os
import pty
import select
import signal
import sys
import time

import pytest

from controller.cli import main
from controller.clinic.people import DAY_NS, Change, Role, badge_digest
from controller.clock import SystemClock
from controller.config import read_site
from controller.people_file import begun, change_people, read_people
from controller.pins import PinCost, hashed, holds
from tests.controller.room import site_text

PATIENCE_S = 20
COST = "[people]\npin_memory_kib = 8\npin_passes = 1\n"
ADM, ADM_PIN, ADM_BADGE = "adm", "246813", "4711-A"


class Terminal:
    """The command on a pty of its own. ``heard`` is all that stood on the screen."""

    def __init__(self, *words):
        self.heard = ""
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            # Where the tests themselves run in the background, Ctrl-C is ignored from the start.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execv(sys.executable, [sys.executable, "-m", "controller.cli", "people", *words])

    def answer(self, question, said, end="\n"):
        """Type ``said`` once the screen asks for it."""
        before = len(self.heard)
        deadline = time.monotonic() + PATIENCE_S
        while question not in self.heard[before:]:
            assert self._hear(deadline), f"never asked for {question!r}: {self.heard!r}"
        os.write(self.file, f"{said}{end}".encode())

    def end(self):
        """Everything said until it ended; returns the exit code."""
        while self._hear(time.monotonic() + PATIENCE_S):
            pass
        os.close(self.file)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _hear(self, deadline):
        ready, _, _ = select.select([self.file], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more was said: {self.heard!r}"
        try:
            some = os.read(self.file, 4096)
        except OSError:
            return False
        self.heard += some.decode()
        return bool(some)


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(site_text(tmp_path / "j") + COST)
    return path


@pytest.fixture
def file(tmp_path):
    return tmp_path / "j" / "people.jsonl"


def first(site, *, pins=(ADM_PIN, ADM_PIN), badge=ADM_BADGE, role="administrator"):
    """The first administrator is made at the console; returns (exit code, screen)."""
    words = ("--config", str(site), "--name", "Ada Minn", "--role", role)
    at = Terminal("add", ADM, *words)
    at.answer("badge of the person", badge)
    at.answer("new PIN", pins[0])
    at.answer("same PIN again", pins[1])
    return at.end(), at.heard


def made(site):
    """The first administrator, as the console would have made them, without waiting for it."""
    path, new = read_site(site).people_path, begun(SystemClock().utc_ns())
    told = Change(
        did="added", id=ADM, by=ADM, reason="joins the site", name="Ada Minn",
        roles=(Role.ADMINISTRATOR,), pin=hashed(ADM_PIN, PinCost(8, 1), b"0123456789abcdef"),
        badge=badge_digest(new.register.badge_key, ADM_BADGE),
        badge_expires_utc_ns=new.register.at_utc_ns + 300 * DAY_NS,
    )  # fmt: skip
    change_people(path, told, SystemClock().utc_ns(), new)


@pytest.fixture
def piped(site, capsys, monkeypatch):
    """One command with its secrets on a pipe: exit code, object, stderr."""

    def command(*words, lines=()):
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        code = main(["people", *words, "--config", str(site), "--json"])
        found = capsys.readouterr()
        return code, json.loads(found.out.splitlines()[-1]), found.err

    return command


def anna(piped, *, by=ADM, lines=(ADM_PIN, "0815", "135790"), more=()):
    words = ("add", "ab", "--name", "Anna Berger", "--role", "technician", "--by", by, *more)
    return piped(*words, lines=lines)


def problem(found):
    (one,) = found["problems"]
    return one["field"], one["rule"]


@pytest.mark.requirement("X1")
def test_the_first_administrator_types_a_pin_twice_and_nobody_sees_it(site, file):
    code, screen = first(site)
    assert code == 0, screen
    assert "added: adm: Ada Minn (administrator), badge until " in screen
    assert ADM_PIN not in screen
    assert ADM_BADGE not in screen
    person = read_people(file).register.holder(ADM_BADGE)
    assert person is not None
    assert (person.id, person.name) == (ADM, "Ada Minn")
    assert holds(person.pin, ADM_PIN)
    assert file.stat().st_mode & 0o777 == 0o600
    assert ADM_PIN not in file.read_text()
    assert ADM_BADGE not in file.read_text()


@pytest.mark.requirement("X1")
@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"pins": (ADM_PIN, "246814")}, 2, "must be the same twice"),
        ({"role": "technician"}, 1, "must name administrator"),
    ],
)
def test_nothing_is_made_of_a_first_who_breaks_a_rule(site, file, more, code, said):
    found, screen = first(site, **more)
    assert (found, said in screen) == (code, True), screen
    assert not file.exists()


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_whoever_gives_up_at_the_terminal_changes_nothing(site, file, key):
    words = ("--config", str(site), "--name", "Ada Minn", "--role", "administrator")
    at = Terminal("add", ADM, *words)
    at.answer("badge of the person", key, end="")
    code = at.end()
    assert (code, "must be typed; nothing was changed" in at.heard) == (1, True), at.heard
    assert "Traceback" not in at.heard
    assert not file.exists()


def test_without_a_terminal_there_is_no_first(site, file, piped):
    code, found, _ = piped(
        "add", ADM, "--name", "Ada Minn", "--role", "administrator",
        lines=(ADM_BADGE, ADM_PIN),
    )  # fmt: skip
    rule = "must be a terminal: the first administrator is made at the console"
    assert (code, problem(found)) == (2, ("standard input", rule))
    assert not file.exists()


def test_a_pin_is_no_argument(piped, capsys):
    with pytest.raises(SystemExit) as ended:
        piped("add", "ab", "--name", "A", "--role", "technician", "--pin", "1")
    assert ended.value.code == 2
    assert "unrecognized arguments: --pin" in capsys.readouterr().err


def test_an_administrator_adds_changes_disables_and_the_history_tells_all(site, file, piped):
    made(site)
    code, found, stderr = anna(piped)
    assert (code, found["person"]["id"]) == (0, "ab"), stderr
    lost = ("--reason", "badge lost", "--by", ADM)
    words = ("badge", "ab", *lost, "--badge-expires", found["person"]["badge_expires"][:10])
    assert piped(*words, lines=(ADM_PIN, "0816"))[0] == 0
    why = ("--reason", "forgot it", "--by", ADM)
    assert piped("pin", "ab", *why, lines=(ADM_PIN, "864209"))[0] == 0
    why = ("--reason", "left", "--by", ADM)
    assert piped("disable", "ab", *why, lines=(ADM_PIN,))[0] == 0
    person = read_people(file).register.person("ab")
    assert person.disabled
    assert holds(person.pin, "864209")
    code, found, _ = piped("list", "--history")
    assert code == 0
    assert [(one["id"], one["disabled"]) for one in found["people"]] == [(ADM, False), ("ab", True)]
    told = [(one["did"], one["id"], one["by"], one["reason"]) for one in found["changes"]]
    assert told == [
        ("added", ADM, ADM, "joins the site"),
        ("added", "ab", ADM, "joins the site"),
        ("badge", "ab", ADM, "badge lost"),
        ("pin", "ab", ADM, "forgot it"),
        ("disabled", "ab", ADM, "left"),
    ]
    field, old, new = found["changes"][2]["values"][0]
    assert (field, old < new) == ("badge_expires_utc_ns", True)
    why = ("--reason", "back again", "--by", ADM)
    assert piped("enable", "ab", *why, lines=(ADM_PIN,))[0] == 0
    assert not read_people(file).register.person("ab").disabled


def test_who_is_no_administrator_or_has_no_right_pin_changes_nothing(site, file, piped):
    made(site)
    before = file.read_bytes()
    rule = "must be an administrator of this site"
    for by in ("xx", "ab"):
        code, found, _ = anna(piped, by=by)
        assert (code, problem(found)) == (2, ("--by", rule))
    code, found, _ = anna(piped, lines=("135790", "0815", "135790"))
    assert (code, problem(found)) == (1, ("PIN of adm", "must be the administrator's PIN"))
    code, found, _ = anna(piped, lines=(ADM_PIN,))
    assert (code, problem(found)[1]) == (2, "must stand on a line of standard input")
    assert file.read_bytes() == before


@pytest.mark.requirement("I2")
@pytest.mark.parametrize(
    ("words", "lines", "field"),
    [
        (("--name", "ADA minn"), (ADM_PIN, "0815", "135790"), "name"),
        (("--name", "Anna Berger"), (ADM_PIN, ADM_BADGE, "135790"), "badge"),
        (("--name", "Anna Berger", "--badge-expires", "2020-01-01"),
         (ADM_PIN, "0815", "135790"), "badge_expires"),
    ],
)  # fmt: skip
def test_one_person_is_not_added_twice_nor_with_an_ended_badge(
    site, file, words, lines, field, piped
):
    made(site)
    before = file.read_bytes()
    words = ("add", "ab", "--role", "technician", "--by", ADM, *words)
    code, found, _ = piped(*words, lines=lines)
    assert (code, problem(found)[0]) == (1, field)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "lines", "field"),
    [
        (("--name", " padded "), (ADM_PIN, "0815", "135790"), "name"),
        (("--name", "Anna Berger"), (ADM_PIN, "08 15", "135790"), "badge"),
        (("--name", "Anna Berger"), (ADM_PIN, "0815", "123456"), "PIN"),
        (("--name", "Anna Berger", "--badge-expires", "tomorrow"), (ADM_PIN,), "--badge-expires"),
    ],
)
def test_what_is_malformed_is_wrong_use(site, words, lines, field, piped):
    made(site)
    words = ("add", "ab", "--role", "technician", "--by", ADM, *words)
    code, found, _ = piped(*words, lines=lines)
    assert (code, problem(found)[0]) == (2, field)


def test_a_file_that_others_may_read_is_not_used(site, file, piped):
    made(site)
    file.chmod(0o644)
    code, found, _ = piped("list")
    assert (code, problem(found)[0]) == (1, "people")
    assert "must be its owner's alone (0600)" in problem(found)[1]


def test_a_site_without_people_says_so(site, piped):
    code, found, _ = piped("list")
    assert (code, found["people"]) == (0, [])
    code, found, _ = piped("disable", "ab", "--reason", "left", "--by", ADM)
    assert (code, problem(found)[0]) == (1, "id")
