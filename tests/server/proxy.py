"""A proxy in front of a service; its connections can be cut and restored."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Proxy:
    """Forward connections to a service until ``cut()``, and again after ``restore()``."""

    def __init__(self, host, port):
        self.target = host, port
        self.address = ("127.0.0.1", 0)
        self.restore()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.cut()

    @property
    def port(self):
        return self.address[1]

    def restore(self):
        """Listen again, at the same address."""
        self.sockets = []
        self.listener = socket.create_server(self.address)
        self.address = self.listener.getsockname()
        self.accepting = _start(self._accept)

    def cut(self):
        """Break all connections and refuse new ones."""
        _hang_up(self.listener)
        self.accepting.join()
        for each in self.sockets:
            _hang_up(each)

    def _accept(self):
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
                self.sockets += [client, server]
                _start(_forward, client, server)
                _start(_forward, server, client)


def _start(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def _forward(source, sink):
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _hang_up(source)
    _hang_up(sink)


def _hang_up(connection):
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
