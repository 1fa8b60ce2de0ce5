"""The file of people: whole or refused, for its owner's eyes alone, and nothing ever forgotten."""

import threading

import pytest

from controller.chain import checked, line_of, linked
from controller.clinic.documents import DocumentError
from controller.people_file import (
    PeopleBroken,
    begun,
    change_people,
    people_of,
    read_people,
    with_change,
    write_people,
)
from controller.pins import OWASP, PinCost, cost_of, hashed, holds
from tests.clinic.test_people import FIRST, NOON, OTHER_PIN, added, plain

CHEAP = PinCost(8, 1)


def people(*changes):
    found = begun(NOON, "k" * 64)
    for number, change in enumerate((FIRST, *changes)):
        found = with_change(found, change, NOON + number)
    return found


def test_what_was_written_is_read_back(tmp_path):
    path = tmp_path / "people.jsonl"
    whole = people(added("ab", "Anna Berger"), plain("pin", "ab", pin=OTHER_PIN))
    write_people(path, whole)
    found = read_people(path)
    assert found == whole
    assert [change.did for _, change in found.changes] == ["added", "added", "pin"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["people.jsonl"]


def test_a_change_keeps_every_older_value(tmp_path):
    path = tmp_path / "people.jsonl"
    begin = begun(NOON, "k" * 64)
    change_people(path, FIRST, NOON, begin)
    change_people(path, added("ab", "Anna Berger"), NOON + 1, begin)
    before = path.read_text()
    after = change_people(path, plain("pin", "ab", pin=OTHER_PIN), NOON + 2, begin)
    assert path.read_text() == after.text
    assert after.text.startswith(before)
    at, change = after.changes[-1]
    assert (at, change.by, change.reason, change.pin) == (NOON + 2, "adm", "asked for", OTHER_PIN)


def test_a_refused_change_leaves_the_file_alone(tmp_path):
    path = tmp_path / "people.jsonl"
    write_people(path, people())
    before = path.read_bytes()
    with pytest.raises(DocumentError, match="must be an administrator"):
        change_people(path, added("ab", "Anna Berger", by="xx"), NOON + 9, people())
    assert path.read_bytes() == before


def test_two_who_change_people_at_once_lose_nothing(tmp_path):
    path = tmp_path / "people.jsonl"
    write_people(path, people())
    ready = threading.Barrier(8)

    def add(number):
        ready.wait()
        one = added(f"p{number}", f"Person {number}")
        change_people(path, one, NOON + 9, people())

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {person.id for person in read_people(path).register.people}
    assert found == {"adm", *(f"p{number}" for number in range(8))}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700])
def test_a_file_that_others_may_touch_is_refused(tmp_path, mode):
    path = tmp_path / "people.jsonl"
    write_people(path, people())
    path.chmod(mode)
    with pytest.raises(PeopleBroken, match=f"has mode {mode:04o}: must be its owner's alone"):
        read_people(path)


def test_a_link_is_no_file_of_people(tmp_path):
    write_people(tmp_path / "real", people())
    (tmp_path / "people.jsonl").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match="symbolic"):
        read_people(tmp_path / "people.jsonl")


@pytest.mark.requirement("R1")
def test_any_byte_that_was_altered_is_found():
    text = people(added("ab", "Anna Berger")).text
    assert people_of(text).text == text
    for place in range(0, len(text), 7):
        other = "0" if text[place] != "0" else "1"
        with pytest.raises(PeopleBroken):
            people_of(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize("cut", [lambda t: "", lambda t: t[:-1], lambda t: t + "\n",
                                 lambda t: t.split("\n", 1)[1], lambda t: "7\n", lambda t: "{}\n",
                                 lambda t: "[" * 100_000])  # fmt: skip
def test_a_file_is_whole_lines_from_the_first(cut):
    with pytest.raises(PeopleBroken):
        people_of(cut(people(added("ab", "Anna Berger")).text))


def test_what_is_no_text_or_endless_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "people.jsonl"
    write_people(path, people())
    path.write_bytes(b"\xff")
    with pytest.raises(PeopleBroken, match="holds no text"):
        read_people(path)
    monkeypatch.setattr("controller.people_file.BYTES_MAX", 10)
    path.write_bytes(b"x" * 11)
    with pytest.raises(PeopleBroken, match="holds more than 10 bytes"):
        read_people(path)


def test_a_change_that_its_rules_forbid_is_not_read_back_either():
    """Who writes a line by hand, hashes and all, is told the same as at the terminal."""
    whole = people()
    last = whole.records[-1]
    body = added("ab", "Anna Berger", by="xx").model_dump(mode="json", exclude_none=True)
    row = linked((last.seq, last.hash), "person", body, 0, NOON + 1)
    forged = line_of(checked(row, last.seq + 1, last.hash))
    with pytest.raises(PeopleBroken, match="must be an administrator who is not disabled"):
        people_of(f"{whole.text}{forged}\n")


def test_a_pin_is_kept_as_its_cost_says():
    kept = hashed("135790", CHEAP, b"0123456789abcdef")
    assert kept.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert "135790" not in kept
    assert holds(kept, "135790")
    assert not holds(kept, "135791")
    assert not holds("$argon2id$rubbish", "135790")
    assert cost_of(kept) == CHEAP
    assert cost_of("rubbish") == PinCost(0, 0)


@pytest.mark.parametrize(
    ("cost", "covers"),
    [(PinCost(19_456, 2), True), (PinCost(19_455, 2), False), (PinCost(19_456, 1), False),
     (PinCost(65_536, 3), True)],
)  # fmt: skip
def test_what_covers_the_least_cost(cost, covers):
    assert cost.covers(OWASP) is covers
