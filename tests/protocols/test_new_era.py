"""New Era framing: golden bytes both ways, every split, noise, bounds, both roles."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_interfaces import new_era as vocabulary
from protocols.new_era import (
    ALARMS,
    DATA_MAX,
    ERRORS,
    LINE_MAX,
    PROMPTS,
    BadPacket,
    Command,
    CommandFrame,
    HostDeframer,
    Mode,
    Noise,
    PacketFault,
    PumpDeframer,
    Reply,
    ReplyFrame,
    encode_command,
    encode_reply,
)
from tests.protocols.golden import frames, label

HOST = [frame for frame in frames("new_era") if frame["role"] == "host"]
PUMP = [frame for frame in frames("new_era") if frame["role"] == "pump"]
GOOD_REPLY = bytes.fromhex("02 07 30 30 53 AA A6 03")
GOOD_COMMAND = bytes.fromhex("02 08 30 53 54 50 B3 F9 03")
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
addresses = st.integers(0, 99)
noise = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([2, 3, 4, 7, 8, 13, 0x30, 0x31, 0x53, 0x41, 0x3F]), max_size=60).map(
        bytes
    ),
)
commands = st.builds(
    Command,
    st.from_regex(r"([A-Z][A-Z0-9.]{0,38})?", fullmatch=True),
    st.none() | addresses,
)
replies = st.one_of(
    st.builds(
        Reply,
        addresses,
        st.sampled_from(sorted(PROMPTS)),
        data=printable.filter(lambda text: not text.startswith("?")),
    ),
    st.builds(
        Reply, addresses, st.sampled_from(sorted(PROMPTS)), error=st.sampled_from(sorted(ERRORS))
    ),
    st.builds(Reply, addresses, st.none(), st.sampled_from(sorted(ALARMS))),
)
modes = st.sampled_from(Mode)


def one_by_one(deframer, data):
    return [found for byte in data for found in deframer.feed(bytes((byte,)))]


@pytest.mark.parametrize("frame", HOST, ids=label)
def test_golden_command_both_ways(frame):
    raw, mode = bytes.fromhex(frame["hex"]), Mode(frame["mode"])
    command = Command(**frame["command"])
    assert encode_command(command, mode) == raw
    assert PumpDeframer().feed(raw) == [CommandFrame(command, mode, raw)]
    assert one_by_one(PumpDeframer(), raw) == [CommandFrame(command, mode, raw)]


@pytest.mark.parametrize("frame", PUMP, ids=label)
def test_golden_reply_both_ways(frame):
    raw, mode, reply = bytes.fromhex(frame["hex"]), Mode(frame["mode"]), Reply(**frame["reply"])
    assert encode_reply(reply, mode) == raw
    assert HostDeframer().feed(raw) == [ReplyFrame(reply, mode, raw)]
    assert one_by_one(HostDeframer(), raw) == [ReplyFrame(reply, mode, raw)]


@pytest.mark.parametrize("name", vocabulary.COMMANDS)
def test_every_command_of_the_vocabulary_has_a_golden_frame(name):
    texts = [frame["command"]["text"] for frame in HOST if frame["source"]]
    assert any(text == name or (name and text.startswith(name)) for text in texts)


def test_grammar_and_vocabulary_know_the_same_letters():
    assert set(vocabulary.Prompt) == PROMPTS
    assert set(vocabulary.AlarmCode) == ALARMS
    assert set(vocabulary.CommandError) == ERRORS


@given(replies, modes)
def test_reply_round_trip(reply, mode):
    raw = encode_reply(reply, mode)
    assert HostDeframer().feed(raw) == [ReplyFrame(reply, mode, raw)]


@given(commands, modes)
def test_command_round_trip(command, mode):
    raw = encode_command(command, mode)
    assert PumpDeframer().feed(raw) == [CommandFrame(command, mode, raw)]


@given(st.lists(st.tuples(replies, modes), max_size=6), st.binary(max_size=3))
def test_merged_replies_come_out_in_order_whatever_line_ends_stand_between(said, ends):
    line_end = bytes(byte for byte in ends if byte in b"\r\n")
    wire = b"".join(encode_reply(reply, mode) + line_end for reply, mode in said)
    expected = [ReplyFrame(reply, mode, encode_reply(reply, mode)) for reply, mode in said]
    assert HostDeframer().feed(wire) == expected
    assert one_by_one(HostDeframer(), wire) == expected


@given(noise, replies, modes)
@example(b"\x02\x07\x30\x30", Reply(0, "S"), Mode.SAFE)
@example(b"\x02\x07\x30\x30\x53", Reply(0, "S"), Mode.SAFE)
@example(b"\x02\x07\x30\x30\x53\xaa", Reply(0, "S"), Mode.SAFE)
@example(b"\x02\x2f", Reply(99, "I", data="x" * 40), Mode.BASIC)
def test_host_hears_a_good_reply_with_its_last_byte_after_any_noise(before, reply, mode):
    raw = encode_reply(reply, mode)
    for feed in (HostDeframer.feed, one_by_one):
        deframer = HostDeframer()
        found = feed(deframer, before + raw)
        assert found[-1] == ReplyFrame(reply, mode, raw)
        assert deframer.discard_partial() == b""


@given(noise, commands)
@example(b"\x02\x040", Command(""))
@example(b"\x02\x0d0RUN\x0d", Command("STP", 0))
def test_pump_hears_a_good_safe_packet_with_its_last_byte_after_any_noise(before, command):
    raw = encode_command(command, Mode.SAFE)
    for feed in (PumpDeframer.feed, one_by_one):
        deframer = PumpDeframer()
        assert feed(deframer, before + raw)[-1] == CommandFrame(command, Mode.SAFE, raw)
        assert deframer.discard_partial() == b""


@given(noise)
def test_no_byte_is_lost_or_made_up_by_the_host_side(data):
    deframer = HostDeframer()
    out = b"".join(found.raw for found in deframer.feed(data)) + deframer.discard_partial()
    ends = b"\r\n"
    assert out.translate(None, ends) == data.translate(None, ends)


@given(noise)
def test_pump_finds_the_same_however_the_bytes_are_cut(data):
    def heard(found):
        return [frame for frame in found if isinstance(frame, CommandFrame)]

    assert heard(one_by_one(PumpDeframer(), data)) == heard(PumpDeframer().feed(data))


@pytest.mark.parametrize("filler", [b"\x00", b"0", b"\x02", b"\x02\x2f0", b"\x0200S", b"\x02\x08A"])
@pytest.mark.parametrize("make", [HostDeframer, PumpDeframer])
def test_a_deframer_never_holds_more_than_one_packet(make, filler):
    deframer = make()
    for _ in range(500):
        deframer.feed(filler)
    assert len(deframer.discard_partial()) <= LINE_MAX
    assert deframer.discard_partial() == b""


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("at", range(1, len(GOOD_REPLY)))
def test_a_flipped_bit_in_a_safe_reply_is_never_a_reply(at):
    for bit in range(8):
        bad = bytearray(GOOD_REPLY)
        bad[at] ^= 1 << bit
        found = HostDeframer().feed(bytes(bad))
        assert all(isinstance(frame, Noise) for frame in found)


def test_crc_bytes_may_be_stx_etx_and_cr():
    by_crc = {}
    for address in range(100):
        for seconds in range(256):
            raw = encode_reply(Reply(address, "S", data=str(seconds)), Mode.SAFE)
            by_crc.update(dict.fromkeys(set(raw[-3:-1]) & {0x02, 0x03, 0x0D}, raw))
    assert set(by_crc) == {0x02, 0x03, 0x0D}
    for raw in by_crc.values():
        (frame,) = one_by_one(HostDeframer(), raw)
        assert (frame.mode, frame.raw) == (Mode.SAFE, raw)


def test_no_length_of_a_safe_reply_is_an_ascii_digit():
    longest = encode_reply(Reply(99, "S", data="x" * (DATA_MAX - 3)), Mode.SAFE)
    assert longest[1] == ord("0") - 1
    reply = Reply(99, "S", data="x" * (DATA_MAX - 3))
    assert HostDeframer().feed(longest) == [ReplyFrame(reply, Mode.SAFE, longest)]
    with pytest.raises(ValueError, match="longer than 43 bytes"):
        Reply(99, "S", data="x" * (DATA_MAX - 2))


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("02 30 30 5A 03", "unknown prompt 'Z'"),
        ("02 30 30 03", "unknown prompt ''"),
        ("02 30 58 53 03", "does not begin with two digits"),
        ("02 30 03", "does not begin with two digits"),
        ("02 30 30 41 52 03", "alarm 'R' without '?'"),
        ("02 30 30 41 3F 5A 03", "unknown alarm 'Z'"),
        ("02 30 30 53 3F 58 03", "unknown error '?X'"),
        ("02 30 30 53 00 03", "control character inside a reply"),
        ("02 30" + " 30" * DATA_MAX, "no end within the longest reply"),
        ("02 07 30 30 53 AA A7 03", "checksum does not match"),
        ("02 07 30 30 53 AA A6 04", "does not end where its length says"),
        ("02 06 30 30 33 C6 03", "does not end where its length says"),
        ("41 42", "outside a packet"),
    ],
)
def test_host_says_why_bytes_are_no_reply(wire, reason):
    first = HostDeframer().feed(bytes.fromhex(wire))[0]
    assert isinstance(first, Noise)
    assert re.search(re.escape(reason), first.reason)


def test_partial_reply_is_forgotten_after_silence():
    deframer = HostDeframer()
    assert deframer.feed(GOOD_REPLY[:5]) == []
    assert deframer.discard_partial() == GOOD_REPLY[:5]
    assert deframer.feed(GOOD_REPLY) == [ReplyFrame(Reply(0, "S"), Mode.SAFE, GOOD_REPLY)]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"\r", Command("")),
        (b"RUN\r", Command("RUN")),
        (b"0RUN\r", Command("RUN", 0)),
        (b"00RUN\r", Command("RUN", 0)),
        (b"0 RUN\r", Command("RUN", 0)),
        (b"12run\r", Command("RUN", 12)),
        (b"\n0 DIR WDR\r", Command("DIRWDR", 0)),
        (b"rat 20 mh\r", Command("RAT20MH")),
        (b"0\x7fS\tTP\r", Command("STP", 0)),
        (b"* ADR 5\r", Command("ADR5", system=True)),
    ],
)
def test_pump_takes_every_form_hosts_use(line, command):
    assert PumpDeframer().feed(line) == [CommandFrame(command, Mode.BASIC, line.lstrip(b"\n"))]


@pytest.mark.parametrize(
    ("wire", "mode", "fault"),
    [
        (b"\x02\x080STP\xb3\xf8\x03", Mode.SAFE, PacketFault.CRC),
        (b"\x02\x080STP\xb3\xf9\x04", Mode.SAFE, PacketFault.FRAMING),
        (b"\x02\x080S\x00", Mode.SAFE, PacketFault.FRAMING),
        (b"\x02\x030", Mode.SAFE, PacketFault.FRAMING),
        (b"\x02\x30", Mode.SAFE, PacketFault.FRAMING),
        (b"0RU\x02", Mode.BASIC, PacketFault.FRAMING),
        (b"123RUN\r", Mode.BASIC, PacketFault.GRAMMAR),
        (b"0\xffRUN\r", Mode.BASIC, PacketFault.GRAMMAR),
        (b"0RAT100*1RAT250*\r", Mode.BASIC, PacketFault.GRAMMAR),
        (b"A" * (LINE_MAX + 1), Mode.BASIC, PacketFault.TOO_LONG),
    ],
)
def test_pump_says_why_bytes_are_no_command(wire, mode, fault):
    (bad,) = PumpDeframer().feed(wire)
    assert isinstance(bad, BadPacket)
    assert (bad.mode, bad.fault) == (mode, fault)


@pytest.mark.parametrize("broken", [b"\x02\x0e0RUN\r", b"\x02\x300RUN\r", b"A" * 70 + b"RUN\r"])
def test_remains_of_a_broken_packet_are_not_a_command_until_silence(broken):
    deframer = PumpDeframer()
    found = one_by_one(deframer, broken + b"RUN\r" * 5)
    assert [type(frame) for frame in found] == [BadPacket]
    deframer.discard_partial()
    expected = CommandFrame(Command("STP", 0), Mode.BASIC, b"0STP\r")
    assert deframer.feed(b"0STP\r") == [expected]


def test_line_end_before_a_safe_packet_is_no_fault():
    expected = CommandFrame(Command("STP", 0), Mode.SAFE, GOOD_COMMAND)
    assert PumpDeframer().feed(b"\n" + GOOD_COMMAND) == [expected]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"text": "STP", "address": 100}, "address 100 is not in 0..99"),
        ({"text": "STP", "address": -1}, "address -1 is not in 0..99"),
        ({"text": "ADR", "address": 0, "system": True}, "overrides the address"),
        ({"text": "stp"}, "not upper-case printable"),
        ({"text": "S P"}, "not upper-case printable"),
        ({"text": "S\u00e4"}, "not upper-case printable"),
        ({"text": "*ADR"}, "not upper-case printable"),
        ({"text": "1RUN"}, "does not begin with a letter"),
        ({"text": "A" * (DATA_MAX + 1)}, "longer than 43 bytes"),
    ],
)
def test_command_refuses_naming_the_rule(fields, rule):
    with pytest.raises(ValueError, match=rule):
        Command(**fields)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"address": 100, "prompt": "S"}, "address 100 is not in 0..99"),
        ({"address": 0, "prompt": None}, "either a prompt or an alarm"),
        ({"address": 0, "prompt": "S", "alarm": "R"}, "either a prompt or an alarm"),
        ({"address": 0, "prompt": None, "alarm": "R", "data": "1"}, "an alarm with data"),
        ({"address": 0, "prompt": "S", "error": "?NA", "data": "1"}, "an error with data"),
        ({"address": 0, "prompt": "S", "data": "?NA"}, "free of a leading"),
        ({"address": 0, "prompt": "S", "data": "\x03"}, "not printable"),
    ],
)
def test_reply_refuses_naming_the_rule(fields, rule):
    with pytest.raises(ValueError, match=rule):
        Reply(**fields)
