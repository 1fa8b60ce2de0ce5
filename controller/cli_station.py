"""``isodrip station``: a key by which a machine is known where its address may change."""

import argparse
import hashlib
import secrets

from controller.console import DONE, Out


def station_key(_: argparse.Namespace, out: Out) -> int:
    """A new key and what site.toml keeps of it; the key itself is told once and kept nowhere."""
    key = secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    out.say(f"key, typed once at the station: {key}")
    out.say(f'for its section in site.toml: key_sha256 = "{digest}"')
    out.end(ok=True, key=key, key_sha256=digest)
    return DONE
