"""CRC-55 framing: golden bytes both ways, every split, noise, bounds, slips of public hosts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_interfaces import capintec as vocabulary
from protocols.capintec import (
    PAYLOAD_MAX,
    ActivityReply,
    Deframer,
    Frame,
    Noise,
    Poll,
    ReadChamber,
    SelectIsotope,
    decode_reply,
    decode_request,
    encode,
    encode_reply,
    encode_request,
)
from tests.protocols.golden import frames, label

FRAMES = [frame for frame in frames("capintec") if frame["payload"] is not None]
payloads = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="$"),
    min_size=1,
    max_size=PAYLOAD_MAX,
).map(str.encode)
noise = st.one_of(st.binary(max_size=60), st.text("$#@BCDSZR1 ", max_size=60).map(str.encode))


def one_by_one(deframer, data):
    return [found for byte in data for found in deframer.feed(bytes((byte,)))]


@pytest.mark.parametrize("frame", FRAMES, ids=label)
def test_golden_frame_both_ways(frame):
    raw, payload = bytes.fromhex(frame["hex"]), frame["payload"].encode()
    assert encode(payload) == raw
    assert Deframer().feed(raw) == [Frame(payload, raw)]
    assert one_by_one(Deframer(), raw) == [Frame(payload, raw)]


def test_golden_requests_and_reply_by_meaning():
    raw = {frame["payload"]: bytes.fromhex(frame["hex"]) for frame in FRAMES}
    reply = ActivityReply(1, "I131    ", "  1572", "5")
    assert encode_request(ReadChamber(1)) == raw[vocabulary.read_payload()]
    assert encode_request(SelectIsotope(3)) == raw[vocabulary.select_payload(3)]
    assert encode_reply(ActivityReply(1, "I131", "  1572", "5")) == raw["DR1I131      15725"]
    assert decode_reply(b"DR1I131      15725") == reply
    assert decode_request(b"R1") == ReadChamber(1)
    assert decode_request(b"I13") == SelectIsotope(3, 1)


def test_fields_lie_where_the_vocabulary_says():
    payload = "DR1I131      15725"
    cut = [payload[field.start : field.start + field.width] for field in vocabulary.REPLY_FIELDS]
    reply = decode_reply(payload.encode())
    assert cut == ["DR1", reply.nuclide_text, reply.activity_text, reply.unit_digit]


def test_poll_is_heard_by_the_calibrator_and_noise_to_a_host():
    assert Deframer(hears_poll=True).feed(b"x@$CR1H#@") == [
        Noise(b"x", "outside a frame"),
        Poll(),
        Frame(b"R1", b"$CR1H#"),
        Poll(),
    ]
    assert Deframer().feed(b"@") == [Noise(b"@", "outside a frame")]


@given(payloads)
def test_round_trip(payload):
    raw = encode(payload)
    assert Deframer().feed(raw) == [Frame(payload, raw)]


@given(st.lists(payloads, max_size=5))
def test_merged_frames_come_out_in_order(said):
    wire = b"".join(map(encode, said))
    expected = [Frame(payload, encode(payload)) for payload in said]
    assert Deframer().feed(wire) == expected
    assert one_by_one(Deframer(), wire) == expected


@given(noise, payloads, st.booleans())
@example(b"$CR1", b"R1", False)
@example(b"$Z12", b"R1", True)
def test_a_good_frame_is_heard_with_its_last_byte_after_any_noise(before, payload, hears_poll):
    for feed in (Deframer.feed, one_by_one):
        deframer = Deframer(hears_poll=hears_poll)
        assert feed(deframer, before + encode(payload))[-1] == Frame(payload, encode(payload))
        assert deframer.discard_partial() == b""


@given(noise, st.booleans())
def test_no_byte_is_lost_or_made_up(data, hears_poll):
    deframer = Deframer(hears_poll=hears_poll)
    out = b"".join(found.raw for found in deframer.feed(data)) + deframer.discard_partial()
    assert out == data


@pytest.mark.parametrize("checksum", [0x23, 0x24, 0x00, 0x0D, 0x7F])
def test_checksum_may_look_like_a_mark_or_a_control_character(checksum):
    payload = next(
        text
        for text in (
            bytes((left, right)) for left in range(0x30, 0x7F) for right in range(0x30, 0x7F)
        )
        if encode(text)[-2] == checksum
    )
    assert one_by_one(Deframer(), encode(payload)) == [Frame(payload, encode(payload))]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"$@", "length out of range"),
        (b"$A", "length out of range"),
        (b"$[", "length out of range"),
        (b"$CR\x01", "character that no payload holds"),
        (b"$CR1I#", "checksum does not match"),
        (b"$CR1H\r", "frame does not end where its length says"),
        (b"I-131 1572 MBq\r\n", "outside a frame"),
    ],
)
def test_host_says_why_bytes_are_no_frame(wire, reason):
    first = Deframer().feed(wire)[0]
    assert isinstance(first, Noise)
    assert first.reason == reason


@pytest.mark.parametrize("filler", [b"$", b"$Z", b"x", b"$CR", b"$Z123456789"])
def test_a_deframer_never_holds_more_than_one_frame(filler):
    deframer = Deframer()
    for _ in range(500):
        deframer.feed(filler)
    assert len(deframer.discard_partial()) < PAYLOAD_MAX + 4
    assert deframer.discard_partial() == b""


@pytest.mark.parametrize("payload", [b"", b"x" * (PAYLOAD_MAX + 1), b"R$", b"R\r", b"R\xff"])
def test_encode_refuses(payload):
    with pytest.raises(ValueError, match=r"is not 1\.\.25 printable"):
        encode(payload)


@pytest.mark.parametrize("request_", [ReadChamber(0), ReadChamber(9), ReadChamber(12)])
def test_encode_request_refuses_a_chamber_that_does_not_exist(request_):
    with pytest.raises(ValueError, match="neither R<chamber> nor I"):
        encode_request(request_)


@pytest.mark.parametrize("request_", [SelectIsotope(10), SelectIsotope(3, 0), SelectIsotope(-1)])
def test_encode_request_refuses_a_key_that_does_not_exist(request_):
    with pytest.raises(ValueError, match="neither R<chamber> nor I"):
        encode_request(request_)


@pytest.mark.parametrize("payload", [b"", b"R", b"R0", b"R9", b"X1", b"I1", b"I1x", b"I03", b"X13"])
def test_decode_request_refuses(payload):
    with pytest.raises(ValueError, match="neither R<chamber> nor I"):
        decode_request(payload)


@pytest.mark.parametrize(
    "payload", [b"DR1I131      1572", b"DX1I131      15725", b"DR0I131      15725"]
)
def test_decode_reply_refuses(payload):
    with pytest.raises(ValueError, match="is not DR<chamber> and 15 characters"):
        decode_reply(payload)


def test_encode_reply_refuses_fields_that_do_not_fit():
    with pytest.raises(ValueError, match="does not fit the fields"):
        encode_reply(ActivityReply(1, "I131", " 1572", "55"))
    with pytest.raises(ValueError, match="15 characters"):
        encode_reply(ActivityReply(1, "I131 TOO LONG", "  1572", "5"))
