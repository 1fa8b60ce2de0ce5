"""Reads the commissioning that site.toml names, for record 0 of every session.

Whatever is wrong with the file, the daemon comes up: what is wrong is what arming will say.
"""

from pathlib import Path

from controller.clinic.commissioning import parse_commissioning, proof_of
from controller.clinic.documents import DocumentError, sha256_hex
from controller.clinic.text import utc_text
from controller.config import SiteConfig
from controller.core.commissioning import Commissioned


def commissioned_of(site: SiteConfig) -> Commissioned:
    """What the file that ``site`` names says, or why nothing is known. Blocking; never raises."""
    named = site.pump.commissioning
    if named is None:
        return _unknown(site, "site.toml names no pump.commissioning: isodrip commission pump")
    try:
        text = Path(named).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return _unknown(site, f"{named} cannot be read: {error}")
    return known_by(site, text)


def known_by(site: SiteConfig, text: str) -> Commissioned:
    """What the text of a commissioning file says."""
    try:
        proof = proof_of(parse_commissioning(text))
    except (DocumentError, ValueError) as error:
        return _unknown(site, f"the file does not hold: {str(error)[:300]}")
    return Commissioned(
        site_simulated=site.site.simulated,
        seen=f"SHA-256 {sha256_hex(text)}",
        proof=proof,
    )


def commissioned_text(known: Commissioned) -> str:
    """One line for people: what is known of the pump's commissioning."""
    proof = known.proof
    if proof is None:
        return f"pump not commissioned: {known.seen}"
    note = "SIMULATED, " if proof.simulated else ""
    names = ", ".join(row.name for row in proof.syringes if row.passed) or "no syringe type"
    watchdog = "passed" if proof.watchdog_passed else "FAILED"
    return f"pump commissioned {utc_text(proof.at_utc_ns)}: {note}watchdog {watchdog}, {names}"


def _unknown(site: SiteConfig, seen: str) -> Commissioned:
    return Commissioned(site_simulated=site.site.simulated, seen=seen)
