"""A site's regimens: where they are read, and that an altered file is refused by its name."""

import json
from pathlib import Path

import pytest

from controller.cli import main
from controller.clinic.regimen import RegimenError, regimen_hash
from controller.regimens import RegimenSection, regimen_of, regimen_text
from tests.clinic.regimens import ODDITY

PINNED = regimen_hash(regimen_text("clr131"))


def section(**given) -> RegimenSection:
    return RegimenSection.model_validate(given)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "oddity-7.toml").write_text(ODDITY)
    return tmp_path


def refused(name: str, of: RegimenSection) -> str:
    with pytest.raises(RegimenError) as refusal:
        regimen_of(name, of)
    (problem,) = refusal.value.problems
    return str(problem)


@pytest.mark.requirement("X5")
def test_the_pinned_file_is_taken() -> None:
    regimen, text = regimen_of("clr131", section(sha256={"clr131": PINNED}))
    assert (regimen.name, regimen_hash(text)) == ("clr131", PINNED)


@pytest.mark.requirement("X5")
@pytest.mark.parametrize("alteration", [" ", "\n", "#"])
def test_an_altered_file_is_refused_by_its_name(folder: Path, alteration: str) -> None:
    (folder / "clr131.toml").write_text(regimen_text("clr131") + alteration)
    pinned = section(directory=str(folder), sha256={"clr131": PINNED})
    found = regimen_hash(regimen_text("clr131", str(folder)))
    assert refused("clr131", pinned) == (
        f"regimen clr131 = sha256 {found}: must be the file that site.toml pins, {PINNED}: "
        "it was altered"
    )


def test_line_ends_count_as_they_stand_in_the_file(folder: Path) -> None:
    (folder / "clr131.toml").write_bytes(regimen_text("clr131").replace("\n", "\r\n").encode())
    pinned = section(directory=str(folder), sha256={"clr131": PINNED})
    assert "it was altered" in refused("clr131", pinned)


def test_a_sites_own_file_takes_the_place_of_the_programs(folder: Path) -> None:
    own = section(allowed=["oddity-7", "clr131"], directory=str(folder))
    assert regimen_of("oddity-7", own)[0].drug == "ODD 7"
    assert regimen_of("clr131", own)[0].drug == "CLR 131"
    (folder / "clr131.toml").write_text(ODDITY)
    assert (
        refused("clr131", own) == "regimen.name = 'oddity-7': must be called clr131 as its file is"
    )


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("clr131-bench", "must be one of this site's regimens: clr131, gone"),
        ("gone", "must be a regimen of this program"),
    ],
)
def test_another_name_is_refused(name: str, rule: str) -> None:
    assert refused(name, section(allowed=["clr131", "gone"])) == f"regimen = '{name}': {rule}"


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "clr131.toml").write_bytes(b"\xff\xfe")
    assert refused("clr131", section(directory=str(folder))).startswith("regimen = (not UTF-8)")


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    away = section(directory=str(tmp_path / "away"))
    assert regimen_of("clr131", away)[0].name == "clr131"


def test_the_command_shows_a_regimen_and_tells_the_hash_of_a_file(capsys, folder: Path) -> None:
    assert main(["regimen", "show", "clr131"]) == 0
    own = folder / "clr131.toml"
    own.write_text(capsys.readouterr().out)
    assert main(["regimen", "check", str(own), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sha256"] == regimen_hash(regimen_text("clr131")) == PINNED
    assert told["undecided"]["product"] == "study"
    assert main(["regimen", "check", str(own)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f'clr131: good; sha256 = "{PINNED}"'
    assert "undecided, real devices refuse it: consent (the site decides)" in lines


def test_the_hash_that_is_told_is_the_one_that_is_compared(capsys, folder: Path) -> None:
    own = folder / "clr131.toml"
    own.write_bytes(regimen_text("clr131").replace("\n", "\r\n").encode())
    assert main(["regimen", "check", str(own), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["sha256"]
    assert told != PINNED
    assert regimen_of("clr131", section(directory=str(folder), sha256={"clr131": told}))


def test_the_command_names_what_is_wrong(capsys, folder: Path) -> None:
    spoilt = folder / "spoilt.toml"
    spoilt.write_text(ODDITY.replace("mci_per_m2 = 11.5", "mci_per_m2 = -1.0"))
    assert main(["regimen", "check", str(spoilt)]) == 1
    assert "dose.mci_per_m2 = -1.0" in capsys.readouterr().err
    assert main(["regimen", "show", "oddity-8"]) == 1
    assert "oddity-8" in capsys.readouterr().err


def test_a_site_with_an_altered_regimen_is_not_good(capsys, folder: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "site.toml"
    site = folder / "site.toml"
    pins = f'[regimen]\nsha256 = {{ clr131 = "{PINNED}" }}\ndirectory = "{folder}"\n'
    site.write_text(example.read_text().replace("[regimen]\n", pins))
    assert main(["check", str(site)]) == 0
    (folder / "clr131.toml").write_text(regimen_text("clr131") + "#")
    assert main(["check", str(site)]) == 1
    assert "regimen clr131 = sha256" in capsys.readouterr().err
