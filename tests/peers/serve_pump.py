"""Run by the peers' Python: their NE-1000 simulator on a TCP port, the port on stdout."""

import socket
import sys

from labmcp import SimulatedTransport  # type: ignore[import-not-found]
from labmcp_new_era.simulator import NewEraSimulator  # type: ignore[import-not-found]


def main() -> None:
    """Serve one client; framing is the peer's own."""
    peer = SimulatedTransport(NewEraSimulator(), read_termination="\x03", write_termination="\r")
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        client, _ = server.accept()
        with client:
            while data := client.recv(4096):
                peer.write_bytes(data)
                client.sendall(peer._read(4096, 0.01))


main()
