"""The certificate and key of the API, proven before anybody is served.

Whoever can read the key can be this machine to every browser of the ward.
"""

import ssl
import stat
from pathlib import Path
from typing import Final

NAME: Final = "isodrip"
TURNS: Final = 10
"""A handshake in memory takes three or four exchanges."""


class TlsRefused(Exception):
    """What may not serve: the key of site.toml, its value, and the rule."""

    def __init__(self, field: str, value: Path, rule: str) -> None:
        super().__init__(f"{field} = {value}: {rule}")
        self.field, self.value, self.rule = field, value, rule


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What serves TLS 1.2 and later with this certificate. Raises TlsRefused.

    A handshake in memory proves that the two belong together and that the certificate is valid now.
    """
    _mode("api.certificate", certificate)
    mode = _mode("api.key", key)
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        rule = f"must not be for everybody: its mode is {stat.S_IMODE(mode):04o}"
        raise TlsRefused("api.key", key, rule)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise TlsRefused("api.key", key, f"must be the certificate's key: {error}") from error
    try:
        _shake_hands(context, certificate)
    except ssl.SSLError as error:
        rule = f"must be valid now: {getattr(error, 'verify_message', '') or error}"
        raise TlsRefused("api.certificate", certificate, rule) from error
    return context


def _mode(field: str, path: Path) -> int:
    """The mode of a file that can be read. Raises TlsRefused."""
    try:
        with path.open("rb"):
            return path.stat().st_mode
    except OSError as error:
        raise TlsRefused(field, path, f"must be readable: {error.strerror}") from error


def _no_password() -> str:
    raise ValueError("it has a password, and nobody is here to type it")


def _shake_hands(server_side: ssl.SSLContext, certificate: Path) -> None:
    """Once, in memory, with a client that trusts this certificate and nothing else."""
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname = False
    client_side.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client_side.load_verify_locations(certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client_side.wrap_bio(to_client, to_server, server_hostname=NAME),
        server_side.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(TURNS):
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue
        if not ends:
            return
    raise ssl.SSLError("the handshake did not end")
