"""What reaches out: signals and sockets."""

from __future__ import annotations

import os
import socket

from .native import call
from .registry import NATIVE, PYTHON, attack


@attack(NATIVE)
def native_signal() -> None:
    call("kill", int(os.environ["BYSTANDER"]), 0)


@attack(PYTHON)
def socket_of_a_service() -> None:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(os.environ["SERVICE_SOCKET"])


@attack(PYTHON)
def abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect("\0" + os.environ["ABSTRACT_SOCKET"])


@attack(PYTHON)
def beyond_loopback() -> None:
    with socket.socket() as channel:
        channel.settimeout(5)
        channel.connect(("192.0.2.1", 80))


@attack(PYTHON)
def beyond_loopback_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as channel:
        channel.sendto(b"x", ("192.0.2.1", 53))


@attack(PYTHON)
def loopback() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        connection, _ = server.accept()
        with connection:
            client.sendall(b"hello")
            assert connection.recv(5) == b"hello"
