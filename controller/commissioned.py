"""Reads the commissioning that site.toml names, for record 0 of every session.

Whatever is wrong with the file, the daemon comes up: what is wrong is what arming will say.
"""

from pathlib import Path

from controller.clinic.commissioning import parse_commissioning, proof_of
from controller.clinic.documents import DocumentError, sha256_hex
from controller.clinic.text import utc_text
from controller.config import SiteConfig
from controller.core.commissioning import Commissioned
from firmware_interfaces.readings import Channel


def commissioned_of(site: SiteConfig, channel: Channel = Channel.DRUG) -> Commissioned:
    """What the file that ``site`` names for a pump says, or why nothing is known.

    Blocking; never raises.
    """
    pump, name, how = site.pump, "pump", ""
    if channel is Channel.FLUSH and site.flush_pump is not None:
        pump, name, how = site.flush_pump, "flush_pump", " --flush-pump"
    named = pump.commissioning
    if named is None:
        seen = f"site.toml names no {name}.commissioning: isodrip commission pump{how}"
        return _unknown(site, seen)
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
    names = ", ".join(row.name for row in proof.syringes if row.passed) or "nothing weighed passed"
    watchdog = "passed" if proof.watchdog_passed else "FAILED"
    return f"pump commissioned {utc_text(proof.at_utc_ns)}: {note}watchdog {watchdog}, {names}"


def _unknown(site: SiteConfig, seen: str) -> Commissioned:
    return Commissioned(site_simulated=site.site.simulated, seen=seen)
