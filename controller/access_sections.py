"""The sections of site.toml on who reaches the panel, and on the people who act at it."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from controller.clinic.documents import Problem
from controller.pins import OWASP, PinCost
from controller.section import Section, Text, refuse, ruled

HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:]([A-Za-z0-9.:-]{0,252})$")]


def listen_address(listen: str) -> tuple[str, int]:
    """Split ``127.0.0.1:8131`` or ``[::1]:8131``; raises ``ValueError``.

    Names are refused, because what they resolve to is decided elsewhere.
    """
    host, separator, port = listen.rpartition(":")
    rule = "must be an address in digits and a port: 127.0.0.1:8131 or [::1]:8131"
    if not separator or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ValueError(rule)
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError(rule) from None
    if (address.version == 6) != (bare != host) or address.is_multicast:
        raise ValueError(rule)
    return bare, int(port)


class ApiSection(Section):
    """Where the panel listens, and the path of the Unix socket.

    Beyond loopback only over TLS, and by the ``names`` that other machines call this one.
    """

    listen: Annotated[str, ruled(listen_address)] = "127.0.0.1:8131"
    socket: Text | None = None
    certificate: Text | None = None
    key: Text | None = None
    names: Annotated[tuple[HostName, ...], Field(strict=False)] = ()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return listen_address(self.listen)

    @property
    def called(self) -> tuple[str, ...]:
        """What a request may call this machine, beside loopback names."""
        host = ipaddress.ip_address(self.address[0])
        return self.names if host.is_unspecified else (str(host), *self.names)

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """Certificate and key, where there are any."""
        if self.certificate is None or self.key is None:
            return None
        return Path(self.certificate), Path(self.key)

    @model_validator(mode="after")
    def _beyond(self) -> "ApiSection":
        if (self.certificate is None) != (self.key is None):
            missing = "api.key" if self.key is None else "api.certificate"
            refuse([Problem(missing, "(absent)", "is required by the other of the two")])
        if not ipaddress.ip_address(self.address[0]).is_loopback:
            if self.tls is None:
                rule = "must be a loopback address: beyond it only with certificate and key"
                refuse([Problem("api.listen", repr(self.listen), rule)])
            if not self.names:
                rule = "must be what other machines call this one"
                refuse([Problem("api.names", "(absent)", rule)])
        return self


def plain_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An address in one spelling; an IPv4 address inside IPv6 is that IPv4 address."""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _digits(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise ValueError("must be an address in digits: 192.0.2.10 or 2001:db8::10") from None


class StationSection(Section):
    """A machine at which people act, and where it stands: in the hot lab, at the bedside, or both.

    It is known by its ``address``, or by a key of ``isodrip station key`` that its browser keeps
    and of which the site keeps only the SHA-256.
    """

    name: Text
    places: Annotated[tuple[Literal["hot_lab", "bedside"], ...], Field(strict=False, min_length=1)]
    address: Annotated[tuple[Annotated[str, ruled(_digits)], ...], Field(strict=False)] = ()
    key_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses, each in one spelling."""
        return tuple(plain_address(ipaddress.ip_address(one)) for one in self.address)

    @model_validator(mode="after")
    def _known_one_way(self) -> "StationSection":
        if bool(self.address) == (self.key_sha256 is not None):
            rule = "must have either address or key_sha256: by one of them it is known"
            refuse([Problem("station", repr(self.name), rule)])
        return self


class PeopleSection(Section):
    """The file of the people who may act here, and what one look at a PIN costs (argon2id)."""

    file: Text | None = None
    pin_memory_kib: Annotated[int, Field(ge=8, le=262_144)] = OWASP.memory_kib
    pin_passes: Annotated[int, Field(ge=1, le=10)] = OWASP.passes

    @property
    def cost(self) -> PinCost:
        """The cost of a look at a PIN."""
        return PinCost(self.pin_memory_kib, self.pin_passes)
