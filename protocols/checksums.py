"""Checksums of the wire protocols, each pinned by a value printed in a manual or seen on a wire."""

import binascii


def crc_ccitt_xmodem(data: bytes) -> int:
    """CRC-16/XMODEM: poly 0x1021, initial 0, not reflected; 0..0xFFFF.

    New Era Safe mode, NE-1000 User Manual 1200-01, 10.2.3: the manual's packet holds
    ``SAF0`` and 0x5543. It covers the data only, not STX, LEN or ETX.
    """
    return binascii.crc_hqx(data, 0)


def capintec_checksum(length_char: int, payload: bytes) -> int:
    """Seven-bit sum of a CRC-55 frame, 0..0x7F; the start mark counts as STX (0x02), not as ``$``.

    Source: both frames in lulzzz/iRadiate CentricityLink.cs satisfy it.
    """
    return (0x02 + length_char + sum(payload)) & 0x7F
