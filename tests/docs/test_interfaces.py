"""The interface pages say what the tables say: every register, and nothing that is not there."""

from pathlib import Path

from firmware_interfaces import activity_meter as nam
from firmware_interfaces.register import Register

PAGE = Path(__file__).parents[2] / "docs" / "interfaces" / "activity-meter.md"


def row(register: Register) -> str:
    last = register.end - 1
    at = str(register.address) if register.words == 1 else f"{register.address}-{last}"
    cells = (at, register.type.value, register.name, register.unit or "-", register.meaning)
    return f"| {' | '.join(cells)} |"


def test_the_page_has_every_register_of_the_meter():
    lines = PAGE.read_text("utf-8").splitlines()
    wanted = [row(register) for register in (*nam.READING, *nam.SETTINGS)]
    assert [line for line in lines if line.startswith("| ") and line[2].isdigit()] == wanted


def test_the_page_has_every_bit_of_the_status_word():
    text = PAGE.read_text("utf-8")
    assert all(f"{bit.value} `{bit.name}`" in text for bit in nam.STATUS.bits)
