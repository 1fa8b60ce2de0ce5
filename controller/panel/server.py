"""Runs the HTTP application inside the daemon's loop, and works round uvicorn's habits.

A busy port must not end the daemon, so the socket is bound by us; signals are the daemon's own;
open news streams are ended before the server waits for its connections.
"""

import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from controller.news import NewsRing

FAREWELL_S: Final = 2


def bind(host: str, port: int) -> socket.socket:
    """A listening socket: whoever connects before we serve waits.

    Raises OSError, naming the address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen()
    except OSError as error:
        sock.close()
        number = error.errno or errno.EADDRINUSE
        raise OSError(number, f"{host}:{port}: {error.strerror or error}") from error
    sock.setblocking(False)
    return sock


class _Quiet(uvicorn.Server):
    """A server that leaves the process' signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class PanelServer:
    """The HTTP server on a bound socket. ``run`` serves until ``stop``."""

    def __init__(
        self,
        app: ASGIApp,
        sock: socket.socket,
        ring: NewsRing,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._app, self._sock, self._ring, self._tls = app, sock, ring, tls
        self._server: uvicorn.Server | None = None
        self._stopped = False

    async def run(self) -> None:
        """Serve; may be called again after it failed."""
        if self._stopped:
            return
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Mistakes count against an address: nobody tells us another than their own.
            proxy_headers=False,
            ssl_context_factory=None if self._tls is None else self._context,
            timeout_graceful_shutdown=FAREWELL_S,
        )
        self._server = _Quiet(config)
        await self._server.serve(sockets=[self._sock.dup()])

    def _context(self, _config: object, _default: object) -> ssl.SSLContext:
        assert self._tls is not None
        return self._tls

    def stop(self) -> None:
        """End the news streams, then the server."""
        self._stopped = True
        self._ring.close()
        if self._server is not None:
            self._server.should_exit = True
