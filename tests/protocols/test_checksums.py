"""Checksums against values printed in manuals or seen on wires, and the golden files' own form."""

import pytest

from protocols.checksums import capintec_checksum, crc_ccitt_xmodem
from tests.protocols.golden import frames, label


@pytest.mark.parametrize(
    ("data", "crc"),
    [(b"", 0x0000), (b"123456789", 0x31C3), (b"SAF0", 0x5543), (b"00S", 0xAAA6)],
)
def test_crc_of_the_manual(data, crc):
    assert crc_ccitt_xmodem(data) == crc


@pytest.mark.parametrize(
    ("length", "payload", "checksum"), [("C", b"R1", 0x48), ("D", b"I13", 0x73)]
)
def test_capintec_checksum_counts_the_start_as_stx(length, payload, checksum):
    assert capintec_checksum(ord(length), payload) == checksum


@pytest.mark.parametrize("device", ["new_era", "capintec"])
def test_every_golden_frame_names_its_meaning_mark_and_source(device):
    golden = frames(device)
    assert len({label(frame) for frame in golden}) == len(golden)
    for frame in golden:
        assert frame["mark"] in {"M", "C", "V"}
        assert frame["meaning"]
        assert frame["source"]
        assert bytes.fromhex(frame["hex"]).hex(" ").upper() == frame["hex"]
