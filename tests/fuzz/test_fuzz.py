"""Every parser against any bytes: what Hypothesis thinks of, the kept corpus, endless noise."""

import random
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.capintec import Deframer
from protocols.new_era import HostDeframer, PumpDeframer
from tests.fuzz import corpus
from tests.fuzz.readers import readers
from tests.fuzz.targets import BY_NAME, OWN_WORDS, TARGETS
from tests.fuzz.wires import FRAME_MAX, PACKET_MAX

NOISE = (
    b"\x02",
    b"\x02\x2f",
    b"00I",
    b"\xff",
    b"$",
    b"$Z",
    b"A" * 61,
    b"\x02\x04\x00",
    b"@",
    b"\r",
)
DEFRAMERS: dict[str, tuple[Callable[[], Any], int]] = {
    "host": (HostDeframer, PACKET_MAX - 1),
    "pump": (PumpDeframer, 64),
    "calibrator": (lambda: Deframer(hears_poll=True), FRAME_MAX - 1),
    "calibrator's host": (Deframer, FRAME_MAX - 1),
}


@pytest.mark.requirement("C15")
@pytest.mark.parametrize("name", BY_NAME)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_by_name(name, data):
    BY_NAME[name].run(data)


@pytest.mark.requirement("C15")
@pytest.mark.parametrize("name", BY_NAME)
def test_the_kept_corpus_is_read_or_refused_by_name(name):
    inputs = corpus.kept(name)
    assert inputs
    assert sum(map(len, inputs)) <= corpus.BYTES_MAX
    for data in inputs:
        BY_NAME[name].run(data)


@pytest.mark.requirement("C15")
def test_every_reader_in_the_source_has_a_target():
    """What takes bytes or text apart is fuzzed, or reads what this program has just written."""
    found = set(readers())
    fuzzed = Counter(parser for target in TARGETS for parser in target.parsers)
    assert {name for name, times in fuzzed.items() if times > 1} == set()
    assert found - set(fuzzed) - set(OWN_WORDS) == set()
    assert set(OWN_WORDS) - found == set()


@pytest.mark.requirement("C15")
@pytest.mark.parametrize("name", DEFRAMERS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_endless_noise_never_fills_a_deframer(name, seed):
    """A megabyte of pieces of packets, never a whole one: at most one unfinished packet is held."""
    make, part_max = DEFRAMERS[name]
    deframer = make()
    chance = random.Random(seed)
    pieces = [b"".join(chance.choices(NOISE, k=200)) for _ in range(20)]
    tracemalloc.start()
    begun = tracemalloc.get_traced_memory()[0]
    for _ in range(10):
        for piece in pieces:
            deframer.feed(piece)
    grown = tracemalloc.get_traced_memory()[0] - begun
    tracemalloc.stop()
    assert grown < 4096
    assert len(deframer.discard_partial()) <= part_max
