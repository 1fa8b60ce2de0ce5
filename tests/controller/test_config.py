"""site.toml: what is accepted, and that every refusal names field, value and rule."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from controller.clinic.documents import Problem
from controller.config import ConfigError, listen_address, load_site, read_site
from controller.core.limits import LIMIT_ROWS, limits_from
from controller.device_sections import ActivityMeterSection, Crc55Section, Ne1000Section

EXAMPLE = Path(__file__).parents[2] / "examples" / "site.toml"

MINIMAL = """
site = {name = "Madison 03", room = "hot lab 2", timezone = "America/Chicago", simulated = true}
calibrator = {kind = "crc55", port = "/dev/ttyUSB0"}
pump = {kind = "ne1000", port = "socket://127.0.0.1:4001"}
operator = [{id = "ab", name = "A", role = "x"}, {id = "cd", name = "C", role = "y"}]
syringe = [{name = "BD 60 mL", diameter_mm = 26.59, source = "table"}]
journal = {directory = "/var/lib/isodrip"}
"""


FULL = """
[site]
name = "Madison 03"
room = "hot lab 2"
timezone = "Europe/Zurich"
simulated = true
[calibrator]
kind = "crc55"
port = "/dev/ttyUSB0"
baud = 9600
[pump]
kind = "ne1000"
port = "/dev/ttyUSB1"
address = 0
baud = 19200
watchdog_s = 5
trigger = "stop_only"
[[operator]]
id = "ab"
name = "A"
role = "technician"
[[operator]]
id = "cd"
name = "C"
role = "technician"
[[syringe]]
name = "BD 60 mL"
diameter_mm = 26.59
size_ml = 60
source = "table"
[flush]
method = "same_pump"
volume_dead_volumes = 3
[journal]
directory = "var/journal"
[regimen]
allowed = ["clr131"]
[limits]
poll_s = 0.5
lag_s = 1
"""


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load_site(text)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return caught.value.problems


def changed(old: str, new: str, text: str = FULL) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def test_the_example_is_accepted_and_hashed_byte_for_byte(tmp_path):
    site = read_site(EXAMPLE)
    assert site.site_hash == hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
    assert (site.site.room, site.site.simulated) == ("hot lab 2", True)
    assert [person.id for person in site.operator] == ["ab", "cd", "au"]
    assert [syringe.diameter_um for syringe in site.syringe] == [14_430, 19_050, 26_590]
    assert [syringe.size_nl for syringe in site.syringe] == [None, None, 60_000_000]
    assert site.mqtt is not None
    assert site.mqtt.address.port == 1883
    assert site.api.address == ("127.0.0.1", 8131)
    crlf = tmp_path / "site.toml"
    crlf.write_bytes(EXAMPLE.read_bytes().replace(b"\n", b"\r\n"))
    assert read_site(crlf).site_hash == hashlib.sha256(crlf.read_bytes()).hexdigest()


def test_the_example_shows_every_limit_with_its_default():
    shown = tomllib.loads(EXAMPLE.read_text())["limits"]
    assert read_site(EXAMPLE).limits == limits_from({})
    assert list(shown) == [row.key for row in LIMIT_ROWS]


def test_what_is_left_out_has_the_documented_default():
    site = load_site(MINIMAL)
    assert isinstance(site.calibrator, Crc55Section)
    assert isinstance(site.pump, Ne1000Section)
    assert (site.calibrator.chamber, site.calibrator.baud, site.calibrator.serial) == (1, 9600, "")
    assert site.mqtt is None
    assert (site.pump.address, site.pump.baud, site.pump.watchdog_s) == (0, 19_200, 5)
    assert (site.pump.trigger, site.flush.method) == ("stop_only", "same_pump")
    assert site.flush.volume_dead_volumes == 3.0
    assert site.limits == limits_from({})
    assert site.regimen.allowed == ("clr131",)
    assert site.syringe[0].size_nl is None
    assert site.socket_path == Path("/var/lib/isodrip/isodrip.sock")


@pytest.mark.requirement("T8.8")
def test_a_site_may_move_a_limit_inside_its_bounds():
    assert load_site(MINIMAL + "limits = {poll_s = 0.25, lag_s = 1}").limits == limits_from(
        {"poll_s": "0.25"}
    )


@pytest.mark.requirement("P12", "T2.9")
def test_the_flush_volume_is_rounded_up():
    site = load_site(MINIMAL + "flush = {volume_dead_volumes = 2.5}")
    assert site.flush.volume_nl(1_500_001) == 3_750_003


def test_a_socket_may_be_named():
    assert load_site(MINIMAL + 'api = {socket = "/run/x"}').socket_path == Path("/run/x")


def test_nothing_can_be_assigned_later():
    with pytest.raises(ValueError, match="frozen"):
        load_site(MINIMAL).pump.watchdog_s = 9


REFUSALS = [
    ("watchdog_s = 5", "watchdog_s = 3", "pump.watchdog_s", "3", "greater than or equal to 4"),
    ("watchdog_s = 5", "watchdog_s = 16", "pump.watchdog_s", "16", "less than or equal to 15"),
    ("watchdog_s = 5", 'watchdog_s = "5"', "pump.watchdog_s", "'5'", "valid integer"),
    ("watchdog_s = 5", "watchdog_s = true", "pump.watchdog_s", "True", "valid integer"),
    ("address = 0", "address = 100", "pump.address", "100", "less than or equal to 99"),
    ("baud = 19200", "baud = 4800", "pump.baud", "4800", "300, 1200, 2400, 9600 or 19200"),
    ('"stop_only"', '"start"', "pump.trigger", "'start'", "'off' or 'stop_only'"),
    ('"ne1000"', '"ne500"', "pump.kind", "'ne500'", "'ne1000'"),
    ('"crc55"', '"crc25"', "calibrator.kind", "'crc25'", "'crc55', 'crc15', 'activity-meter'"),
    ('kind = "crc55"', "", "calibrator.kind", "(absent)", "is required"),
    ('"same_pump"', '"by_gravity"', "flush.method", "'by_gravity'", "'second_pump' or 'manual'"),
    ('"same_pump"', '"second_pump"', "flush_pump", "(absent)", "by flush.method = second_pump"),
    (
        '"same_pump"',
        '"same_pump"\nkvo_ml_h = 2',
        "flush.kvo_ml_h",
        "2",
        "no drug keeps a vein open",
    ),
    (
        '"same_pump"',
        '"second_pump"\nkvo_ml_h = 6',
        "flush.kvo_ml_h",
        "6",
        "less than or equal to 5",
    ),
    ("volumes = 3", "volumes = 1.9", "flush.volume_dead_volumes", "1.9", "equal to 2"),
    ("volumes = 3", "volumes = nan", "flush.volume_dead_volumes", "nan", "finite number"),
    ("diameter_mm = 26.59", "diameter_mm = 0", "syringe[0].diameter_mm", "0", "equal to 0.1"),
    ("simulated = true", 'simulated = "yes"', "site.simulated", "'yes'", "valid boolean"),
    ("simulated = true", "simulatd = true", "site.simulated", "(absent)", "is required"),
    ('"hot lab 2"', '"???"', "site.room", "'???'", "no letter or digit"),
    ('"Europe/Zurich"', '"Mars/Base"', "site.timezone", "'Mars/Base'", "IANA"),
    ('"Europe/Zurich"', '"../zone"', "site.timezone", "'../zone'", "IANA"),
    ('id = "ab"', 'id = "a b"', "operator[0].id", "'a b'", "match pattern"),
    ('id = "ab"', 'id = "cd"', "operator.id", "'cd'", "must be unique"),
    ('allowed = ["clr131"]', "allowed = []", "regimen.allowed", "[]", "at least 1 item"),
    (
        'allowed = ["clr131"]',
        'sha256 = {clr131 = "1234"}',
        "regimen.sha256.clr131",
        "'1234'",
        "match pattern",
    ),
    (
        'allowed = ["clr131"]',
        f"sha256 = {{clr = '{64 * 'a'}'}}",
        "regimen",
        f"{{'sha256': {{'clr': '{64 * 'a'}'}}}}"[:77] + "...",
        "sha256 pins 'clr', which is not allowed here",
    ),
    ("simulated = true", "simulated = false", "regimen.sha256.clr131", "(absent)", "is required"),
    ("poll_s = 0.5", "poll_s = 5", "limits.poll_s", "5", "must lie in 0.2 .. 1"),
    ("poll_s = 0.5", 'poll_s = "0.5"', "limits.poll_s", "'0.5'", "must be a number"),
    ("poll_s = 0.5", "poll_ms = 500", "limits.poll_ms", "500", "is no limit of this program"),
    ("[journal]", "[journal]\nsize = 1", "journal.size", "1", "is no key of this program"),
    ("[journal]", "[colour]\nred = 1\n[journal]", "colour", "{'red': 1}", "is no key of this"),
]


@pytest.mark.requirement("T8.8", "T3.2", "P12")
@pytest.mark.parametrize(("old", "new", "field", "value", "rule"), REFUSALS)
def test_every_refusal_names_field_value_and_rule(old, new, field, value, rule):
    found = {problem.field: problem for problem in problems(changed(old, new))}
    assert found[field].value == value
    assert rule in found[field].rule


@pytest.mark.parametrize(
    "port",
    ["ttyUSB0", "COM3", "socket://127.0.0.1", "socket://:4001", "socket://a:1/x", "tcp://a:1"],
)
def test_a_port_is_a_device_or_a_socket(port):
    [problem] = problems(changed('"socket://127.0.0.1:4001"', f'"{port}"', MINIMAL))
    assert problem.field == "pump.port"
    assert "absolute device path or socket://host:port" in problem.rule


SECOND = (
    changed('method = "same_pump"', 'method = "second_pump"\nkvo_ml_h = 1.5')
    + """
[flush_pump]
kind = "ne1000"
port = "/dev/ttyUSB2"
address = 0
"""
)


def test_a_second_pump_may_keep_a_vein_open():
    site = load_site(SECOND)
    assert site.flush_pump is not None
    assert (site.flush_pump.port, site.flush_pump.watchdog_s) == ("/dev/ttyUSB2", 5)
    assert (site.flush.kvo_ul_h, site.flush.kvo_nl) == (1_500, 2_000_000)


def test_two_pumps_share_a_port_at_addresses_of_their_own():
    shared = changed('ttyUSB2"\naddress = 0', 'ttyUSB1"\naddress = 3', SECOND)
    site = load_site(shared)
    assert site.flush_pump is not None
    assert (site.flush_pump.port, site.flush_pump.address) == (site.pump.port, 3)


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"),
    [
        ("ttyUSB2", "ttyUSB1", "flush_pump.address",
         "must be another address than the ne1000's on this port: both would answer"),
        ("ttyUSB2", "ttyUSB0", "flush_pump.port",
         "must not be the crc55's: a crc55 has its line to itself"),
        ('"second_pump"\nkvo_ml_h = 1.5', '"manual"', "flush_pump", "is used only where"),
        ('ttyUSB2"\naddress = 0', 'ttyUSB1"\naddress = 1\nbaud = 9600',
         "flush_pump.baud", "must be 19200 like the ne1000's on this port"),
        ('ttyUSB2"\naddress = 0', 'ttyUSB1"\naddress = 1\nwatchdog_s = 4',
         "flush_pump.watchdog_s", "must be at least 5 on a line with another device"),
    ],
)  # fmt: skip
def test_what_a_second_pump_may_not_be(old, new, field, rule):
    [problem] = problems(changed(old, new, SECOND))
    assert problem.field == field
    assert rule in problem.rule


METER = 'calibrator = {kind = "activity-meter", port = "tcp://10.0.0.7:502"}'
WITH_METER = MINIMAL.replace('calibrator = {kind = "crc55", port = "/dev/ttyUSB0"}', METER)


@pytest.mark.parametrize("port", ["tcp://10.0.0.7:502", "socket://10.0.0.7:4001", "/dev/ttyUSB3"])
def test_an_activity_meter_stands_on_a_line_behind_a_server_or_on_tcp(port):
    section = load_site(WITH_METER.replace("tcp://10.0.0.7:502", port)).calibrator
    assert isinstance(section, ActivityMeterSection)
    assert (section.port, section.unit, section.serial) == (port, 1, "")


@pytest.mark.parametrize(
    ("more", "field", "value", "rule"),
    [
        ("unit = 0", "calibrator.unit", "0", "greater than or equal to 1"),
        ("unit = 248", "calibrator.unit", "248", "less than or equal to 247"),
        ("chamber = 1", "calibrator.chamber", "1", "is no key of this program"),
        ("baud = 9600", "calibrator.baud", "9600", "is no key of this program"),
    ],
)
def test_an_activity_meter_has_keys_of_its_own(more, field, value, rule):
    [problem] = problems(WITH_METER.replace('502"', f'502", {more}'))
    assert (problem.field, problem.value) == (field, value)
    assert rule in problem.rule


def test_an_activity_meter_elsewhere_is_refused_with_both_ways():
    [problem] = problems(WITH_METER.replace("tcp://", "udp://"))
    assert problem.field == "calibrator.port"
    assert problem.rule.endswith("device path or socket://host:port or tcp://host:port")


def test_pump_and_calibrator_cannot_share_a_port():
    [problem] = problems(changed('"/dev/ttyUSB0"', '"socket://127.0.0.1:4001"', MINIMAL))
    assert str(problem) == (
        "calibrator.port = 'socket://127.0.0.1:4001': "
        "must not be the ne1000's: a crc55 has its line to itself"
    )


@pytest.mark.requirement("C7")
@pytest.mark.parametrize(
    "listen",
    [
        "0.0.0.0:8131",
        "192.168.1.5:8131",
        "localhost:8131",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:http",
        "::1:8131",
        "[127.0.0.1]:8131",
        "[::]:8131",
        ":8131",
    ],
)
def test_the_api_listens_to_this_machine_only(listen):
    [problem] = problems(MINIMAL + f'api = {{listen = "{listen}"}}')
    assert (problem.field, problem.value) == ("api.listen", repr(listen))
    assert "must be a loopback address in digits" in problem.rule


def test_loopback_has_two_families():
    assert listen_address("127.8.8.8:1") == ("127.8.8.8", 1)
    assert listen_address("[::1]:65535") == ("::1", 65_535)


def test_two_people_are_needed():
    one = changed('{id = "ab", name = "A", role = "x"}, ', "", MINIMAL)
    assert problems(one) == (
        Problem("operator", "1", "must be at least two people: two release a dose"),
    )


def test_everything_wrong_is_listed_at_once():
    text = changed("poll_s = 0.5", "poll_s = 5", changed("lag_s = 1", "lag_s = 9"))
    text = changed("watchdog_s = 5", "watchdog_s = 1", text)
    assert {problem.field for problem in problems(text)} == {
        "limits.poll_s",
        "limits.lag_s",
        "pump.watchdog_s",
    }
    shared = changed('id = "ab"', 'id = "cd"', MINIMAL)
    directory = "/" + "d" * 120
    fields = [p.field for p in problems(changed("/var/lib/isodrip", directory, shared))]
    assert fields == ["operator.id", "api.socket"]


@pytest.mark.parametrize(
    "mqtt",
    [
        '{url = "http://u:geheim@h"}',
        '{url = "mqtt://u:geheim@h:x"}',
        '{url = "mqtt://u:geheim@"}',
        '{url = "mqtt://h", password = "geheim"}',
        '["geheim"]',
        '{urls = "mqtt://u:geheim@h"}',
    ],
)
def test_the_brokers_password_is_never_shown(mqtt):
    found = problems(f"{MINIMAL}mqtt = {mqtt}")
    assert all(problem.field.startswith("mqtt") for problem in found)
    assert "geheim" not in "".join(map(str, found))


def test_an_accepted_password_is_not_shown_either():
    site = load_site(MINIMAL + 'mqtt = {url = "mqtts://u:geheim@h"}')
    assert site.mqtt is not None
    assert site.mqtt.address.password == "geheim"
    assert "geheim" not in repr(site)
    assert "geheim" not in repr(site.mqtt.address)


def test_limits_must_be_a_table():
    assert problems(MINIMAL + "limits = 7") == (Problem("limits", "7", "must be a table"),)


def test_the_hash_is_ours_to_say():
    assert problems(MINIMAL + 'site_hash = "0"') == (
        Problem("site_hash", "'0'", "is no key of this program"),
    )


@pytest.mark.parametrize("port", ["socket://[", "socket://h:x", "socket://h:99999", "http://h:1"])
def test_a_serial_address_that_is_none_names_one_rule(port):
    [problem] = problems(changed("socket://127.0.0.1:4001", port, MINIMAL))
    assert problem.rule == "must be an absolute device path or socket://host:port"


def test_a_number_beyond_64_bits_is_no_toml_for_us():
    [problem] = problems(MINIMAL + f"limits = {{poll_s = 0x{'f' * 5000}}}")
    assert (problem.field, problem.rule) == (
        "site.toml",
        "TOML: a whole number of more than 64 bits",
    )


def test_the_port_of_the_panel_is_written_in_ascii_digits():
    [problem] = problems(MINIMAL + 'api = {listen = "127.0.0.1:\u0661\u0662"}')
    assert problem.field == "api.listen"


def test_what_is_no_toml_is_said_with_its_place():
    [problem] = problems("[site\n")
    assert (problem.field, problem.value) == ("site.toml", "(not TOML)")
    assert "line 1" in problem.rule


def test_a_file_must_be_utf8(tmp_path):
    file = tmp_path / "site.toml"
    file.write_bytes(b'name = "Z\xfcrich"')
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_site(file)
    with pytest.raises(FileNotFoundError):
        read_site(tmp_path / "absent")
