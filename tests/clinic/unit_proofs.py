"""A good unit proof and what it is made of, for tests and for fuzzing."""

from datetime import UTC, datetime, timedelta

from controller.clinic.commissioning import Person
from controller.clinic.unit_proof import (
    KnownSource,
    Measured,
    UnitProofFile,
    judged,
    passed,
    unit_proof_text,
)

AT = datetime(2026, 11, 22, 8, 15, tzinfo=UTC)
CESIUM = KnownSource(
    id="CS-4711",
    nuclide="Cs-137",
    certified_mbq=7.4,
    certified_at=AT - timedelta(days=365),
    certificate="NIST-traceable 1234",
)
WAVER = (-2e-3, -1e-3, -5e-4, 0.0, 0.0, 0.0, 0.0, 5e-4, 1e-3, 2e-3)


def shown(number, code=2, source=CESIUM, **changes):
    told = {
        "source": source,
        "at": AT,
        "nuclide_shown": source.nuclide,
        "code": code,
        "numbers": tuple(number * (1 + share) for share in WAVER),
        "frame_hex": "00",
    }
    return Measured.model_validate({**told, **changes})


def file_of(*rows):
    return UnitProofFile(
        schema_=1,
        kind="crc15",
        model="CRC-15R",
        serial="15R-0042",
        simulated=True,
        at=AT,
        by=Person(id="ab", name="Anna Berger", role="technician"),
        second=Person(id="cd", name="Chris Dahl", role="technician"),
        program="isodrip 0",
        rows=rows,
        passed=passed(rows),
    )


LEFT_MBQ = 7.4 * 0.5 ** (365 / (30.1671 * 365.2422))
MICROCURIES = LEFT_MBQ / 0.037
GOOD = file_of(judged(shown(MICROCURIES)))
TEXT = unit_proof_text(GOOD)
