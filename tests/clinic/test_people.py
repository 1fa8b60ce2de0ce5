"""Who may act here: every rule on a person, a badge and a PIN, and what a change must keep to."""

from dataclasses import replace

import pytest

from controller.clinic.documents import DocumentError
from controller.clinic.people import (
    BADGE_DAYS_MAX,
    DAY_NS,
    Change,
    Register,
    Role,
    badge_digest,
    badge_rule,
    changed,
    expired,
    pin_rule,
)

KEY = "k" * 64
NOON = 1_763_640_000 * 10**9
YEAR = 365 * DAY_NS
PIN = "$argon2id$v=19$m=8,t=1,p=1$MDAwMDAwMDAwMDAwMDAwMA$abcdefgh"
OTHER_PIN = PIN.replace("abcdefgh", "hgfedcba")


def digest(number: str) -> str:
    return badge_digest(KEY, number)


def added(id_, name, *roles, by="adm", badge="", until=NOON + YEAR):
    return Change(
        did="added", id=id_, by=by, reason="joins", name=name,
        roles=roles or (Role.TECHNICIAN,), badge=digest(badge or f"badge-{id_}"),
        badge_expires_utc_ns=until, pin=PIN,
    )  # fmt: skip


FIRST = added("adm", "Ada Minn", Role.ADMINISTRATOR)


def register(*changes) -> Register:
    found = Register(KEY)
    for number, change in enumerate((FIRST, *changes)):
        found = changed(found, change, NOON + number, f"h{number}")
    return found


def problems(found: Register, change: Change, at=NOON + 100) -> list[tuple[str, str]]:
    with pytest.raises(DocumentError) as refused:
        changed(found, change, at)
    return [(problem.field, problem.rule) for problem in refused.value.problems]


def only(found, change, at=NOON + 100) -> tuple[str, str]:
    (one,) = problems(found, change, at)
    return one


def plain(did, id_, by="adm", **said) -> Change:
    return Change(did=did, id=id_, by=by, reason="asked for", **said)


def holder(found: Register, badge: str) -> str:
    person = found.holder(badge)
    return "" if person is None else person.id


def test_people_are_what_their_changes_made_of_them():
    both = (Role.AUTHORIZED_USER, Role.ADMINISTRATOR)
    found = register(
        added("ab", "Anna Berger"),
        added("au", "Ulrike Amsel", *both),
        plain("badge", "ab", by="au", badge=digest("new"), badge_expires_utc_ns=NOON + DAY_NS),
        plain("pin", "ab", pin=OTHER_PIN),
        plain("disabled", "au"),
    )
    anna, ulrike = found.person("ab"), found.person("au")
    assert (anna.name, anna.roles, anna.disabled) == ("Anna Berger", (Role.TECHNICIAN,), False)
    assert (anna.badge, anna.pin) == (digest("new"), OTHER_PIN)
    assert anna.badge_expires_utc_ns == NOON + DAY_NS
    assert (ulrike.roles, ulrike.disabled) == (both, True)
    assert found.find("xx") is None
    assert (found.at_utc_ns, found.head) == (NOON + 5, "h5")


def test_a_badge_finds_its_enabled_holder():
    found = register(added("ab", "Anna Berger", badge="0815"), plain("disabled", "ab"))
    assert holder(found, "0815") == ""
    assert holder(found, "badge-adm") == "adm"
    again = changed(found, plain("enabled", "ab"), NOON + 9)
    assert holder(again, "0815") == "ab"
    assert holder(again, "0816") == ""
    with pytest.raises(KeyError):
        again.person("xx")


def test_a_lost_badge_may_be_given_to_another_once_its_holder_is_disabled():
    found = register(added("ab", "Anna Berger", badge="0815"), plain("disabled", "ab"))
    found = changed(found, added("cd", "Chris Dahl", badge="0815"), NOON + 9)
    assert holder(found, "0815") == "cd"
    assert only(found, plain("enabled", "ab")) == (
        "badge",
        "must be one person's: it is that of cd",
    )


@pytest.mark.requirement("I2")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        (added("ab", "Someone Else", badge="other"), "id"),
        (added("AB", "Someone Else", badge="other"), "id"),
        (added("xy", "Anna Berger", badge="other"), "name"),
        (added("xy", "anna  BERGER", badge="other"), "name"),
        (added("xy", "Someone Else", badge="badge-ab"), "badge"),
        (plain("badge", "adm", badge=digest("badge-ab"), badge_expires_utc_ns=NOON + YEAR),
         "badge"),
    ],
)  # fmt: skip
def test_two_people_who_are_one_are_refused(change, field):
    found, rule = only(register(added("ab", "Anna Berger")), change)
    assert found == field
    assert "it is that of ab" in rule


@pytest.mark.requirement("I2")
def test_a_disabled_person_is_not_another_person_under_another_id():
    gone = register(added("ab", "Anna Berger"), plain("disabled", "ab"))
    assert only(gone, added("ab2", "Anna Berger"))[0] == "name"


def test_ones_own_badge_may_be_given_anew():
    found = register(added("ab", "Anna Berger", badge="0815"))
    longer = plain("badge", "ab", badge=digest("0815"), badge_expires_utc_ns=NOON + 2 * DAY_NS)
    assert changed(found, longer, NOON + 9).person("ab").badge_expires_utc_ns == NOON + 2 * DAY_NS


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (added("ab", "Anna Berger", by="ab"), "roles"),
        (added("adm", "Ada Minn", Role.ADMINISTRATOR, by="root"), "by"),
        (plain("disabled", "adm", by="adm"), "by"),
    ],
)
def test_the_first_is_an_administrator_who_makes_themself(change, field):
    assert problems(Register(KEY), change)[0][0] == field


@pytest.mark.parametrize("by", ["ab", "xx", "gone"])
def test_only_an_administrator_who_is_not_disabled_changes_anything(by):
    found = register(
        added("ab", "Anna Berger"),
        added("gone", "Gone Away", Role.ADMINISTRATOR),
        plain("disabled", "gone"),
    )
    rule = "must be an administrator who is not disabled"
    assert only(found, plain("pin", "ab", by=by, pin=OTHER_PIN)) == ("by", rule)


def test_the_last_administrator_stays():
    found = register(added("ab", "Anna Berger", Role.ADMINISTRATOR))
    found = changed(found, plain("disabled", "adm"), NOON + 9)
    assert only(found, plain("disabled", "ab", by="ab")) == (
        "id",
        "must not be the last administrator",
    )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (plain("pin", "xx", pin=PIN), "must be somebody of this site"),
        (plain("disabled", "ab"), "must not be disabled already"),
        (plain("enabled", "adm"), "must not be enabled already"),
    ],
)
def test_what_is_so_already_is_no_change(change, rule):
    found = register(added("ab", "Anna Berger"), plain("disabled", "ab"))
    assert only(found, change) == ("id", rule)


def test_a_disabled_person_stays_so_with_another_pin_or_badge():
    found = register(added("ab", "Anna Berger"), plain("disabled", "ab"))
    found = changed(found, plain("pin", "ab", pin=OTHER_PIN), NOON + 9)
    assert found.person("ab").disabled


@pytest.mark.parametrize(
    ("did", "said", "fields"),
    [
        ("pin", {}, {"pin"}),
        ("badge", {"badge": digest("x")}, {"badge_expires_utc_ns"}),
        ("disabled", {"pin": PIN}, {"pin"}),
        ("pin", {"pin": PIN, "name": "Other Name", "roles": (Role.PHYSICIST,)}, {"name", "roles"}),
    ],
)
def test_a_change_says_what_it_changes_and_nothing_else(did, said, fields):
    found = register(added("ab", "Anna Berger"))
    assert {field for field, _ in problems(found, plain(did, "ab", **said))} == fields


def test_a_role_is_named_once():
    twice = added("ab", "Anna Berger", Role.TECHNICIAN, Role.TECHNICIAN)
    assert only(register(), twice) == ("roles", "must name each role once")


def test_every_reason_is_told_at_once():
    one = added("ADM", "Ada  Minn", badge="badge-adm", until=NOON)
    found = [field for field, _ in problems(register(), one)]
    assert found == ["id", "name", "badge", "badge_expires"]


def test_a_clock_that_runs_back_is_refused():
    found = register(added("ab", "Anna Berger"))
    change = plain("pin", "ab", pin=OTHER_PIN)
    assert changed(found, change, NOON + 1).at_utc_ns == NOON + 1
    field, rule = only(found, change, NOON)
    assert field == "clock"
    assert rule == "must not run back: the newest change is of 2025-11-20T12:00:00.000Z"


@pytest.mark.parametrize(
    ("until", "good"),
    [
        (NOON + 100, False),
        (NOON + 101, True),
        (NOON + 100 + BADGE_DAYS_MAX * DAY_NS, True),
        (NOON + 101 + BADGE_DAYS_MAX * DAY_NS, False),
    ],
)
def test_a_badge_ends_in_the_future_and_within_400_days(until, good):
    change = added("ab", "Anna Berger", until=until)
    if good:
        assert changed(register(), change, NOON + 100).person("ab").badge_expires_utc_ns == until
    else:
        assert only(register(), change)[0] == "badge_expires"


def test_a_badge_counts_until_the_moment_it_ends():
    person = register().person("adm")
    assert expired(person, person.badge_expires_utc_ns - 1) == ""
    rule = expired(person, person.badge_expires_utc_ns)
    assert rule == "must not have expired: it did on 2026-11-20T12:00:00.000Z"


def test_a_person_acts_in_the_highest_role_that_may():
    person = replace(
        register().person("adm"), roles=(Role.ADMINISTRATOR, Role.TECHNICIAN, Role.PHYSICIST)
    )
    assert person.acts_as({Role.TECHNICIAN, Role.PHYSICIST}) is Role.PHYSICIST
    assert person.acts_as(tuple(Role)) is Role.PHYSICIST
    assert person.acts_as({Role.SECOND_PERSON}) is None


@pytest.mark.requirement("X1")
@pytest.mark.parametrize(
    ("pin", "good"),
    [
        ("135790", True),
        ("100200300400", True),
        ("13579", False),
        ("1357901357901", False),
        ("", False),
        ("13579a", False),
        ("１３５７９０", False),
        ("000000", False),
        ("121212", False),
        ("123456", False),
        ("890123", False),
        ("987654", False),
        ("210987", False),
        ("123457", True),
    ],
)
def test_a_pin_has_digits_enough_and_is_no_row(pin, good):
    assert (pin_rule(pin) == "") is good


@pytest.mark.parametrize(
    ("badge", "good"),
    [("0815", True), ("x" * 64, True), ("081", False), ("x" * 65, False), ("08 15", False),
     ("", False), ("08\x0015", False)],
)  # fmt: skip
def test_a_badge_is_printable(badge, good):
    assert (badge_rule(badge) == "") is good


def test_the_digest_of_a_badge_depends_on_the_sites_key():
    assert badge_digest("a", "0815") != badge_digest("b", "0815")
