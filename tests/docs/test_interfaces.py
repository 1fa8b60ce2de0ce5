"""Interface control documents: they are the tables, and another compiler reads the header so."""

import json
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.cli import main
from firmware_interfaces.interface_document import as_header, as_object
from firmware_interfaces.interfaces import INTERFACES

ROOT = Path(__file__).parents[2]
CC = shutil.which("cc")
KINDS = sorted(INTERFACES)
STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror")
PROGRAM = """\
#include "device.h"
#include "device.h"
#include <stdio.h>

#define COMMAND(name, text, writes, energises) \\
    printf("%s|%s|%d|%d\\n", #name, text, writes, energises);
#define REGISTER(name, function, address, words, type, written) \\
    printf("%s|%d|%lu|%d|%s|%d\\n", #name, function, address, words, #type, written);

int main(void)
{
#ifdef ISODRIP_KIND_COMMANDS
    ISODRIP_KIND_COMMANDS(COMMAND)
#endif
#ifdef ISODRIP_KIND_REGISTERS
    ISODRIP_KIND_REGISTERS(REGISTER)
#endif
    return 0;
}
"""


def _symbol(kind):
    return kind.upper().replace("-", "_")


@pytest.mark.skipif(CC is None, reason="needs a C compiler (Debian package gcc)")
@pytest.mark.parametrize("kind", KINDS)
def test_a_compiler_reads_commands_and_registers_as_the_tables_have_them(kind, tmp_path):
    assert CC is not None
    (tmp_path / "device.h").write_text(as_header(INTERFACES[kind]), "utf-8")
    program = tmp_path / "program.c"
    program.write_text(PROGRAM.replace("_KIND_", f"_{_symbol(kind)}_"), "utf-8")
    built = [CC, *STRICT, "-o", str(tmp_path / "program"), str(program)]
    subprocess.run(built, check=True, timeout=60)

    said = subprocess.run([tmp_path / "program"], check=True, capture_output=True, timeout=10)

    found = [line.split("|") for line in said.stdout.decode().splitlines()]
    commands = [row for row in found if len(row) == 4]
    registers = [row for row in found if len(row) == 6]
    table = INTERFACES[kind]
    assert [row[1:] for row in commands] == [
        [one.text, str(int(one.writes)), str(int(one.energises))] for one in table.commands
    ]
    assert [row[1:] for row in registers] == [
        [
            str(one.bank.value),
            str(one.address),
            str(one.words),
            one.type.name,
            str(int("w" in one.access.value)),
        ]
        for one in table.registers
    ]
    assert found


@pytest.mark.parametrize("kind", KINDS)
def test_every_symbol_of_a_header_is_defined_once(kind):
    lines = as_header(INTERFACES[kind]).splitlines()
    names = [line.split()[1].partition("(")[0] for line in lines if line.startswith("#define")]

    assert sorted(names) == sorted(set(names))


def test_the_documents_in_the_repository_are_what_the_tables_say():
    tool = runpy.run_path(str(ROOT / "tools" / "interfaces.py"))

    assert tool["differing"]() == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_prints_each_form(kind, capsys):
    assert main(["interface", kind]) == 0
    assert capsys.readouterr().out.startswith("# Interface control document: ")

    assert main(["interface", kind, "--format", "h"]) == 0
    assert capsys.readouterr().out == as_header(INTERFACES[kind])

    assert main(["interface", kind, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == as_object(INTERFACES[kind])

    assert main(["interface", kind, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == as_object(INTERFACES[kind])


def test_an_unknown_kind_is_refused_by_name(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["interface", "ne9000"])

    assert ended.value.code == 2
    assert "'ne9000'" in capsys.readouterr().err
