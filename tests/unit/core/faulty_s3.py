"""A proxy in front of the real S3 that breaks the answers it is told to break."""

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

#: Takes the handler; returns True when it has dealt with the request itself.
Fault = Callable[["_Handler"], bool]


class FaultyS3:
    """Serves on ``address``; each fault in ``faults`` is spent on one request, then all is well."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.faults: list[Fault] = []
        #: Method and headers (lower case) of every request that came.
        self.seen: list[tuple[str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.proxy = self  # type: ignore[attr-defined]
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        proxy: FaultyS3 = self.server.proxy  # type: ignore[attr-defined]
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy.seen.append((self.command, {k.lower(): v for k, v in self.headers.items()}))
        fault = proxy.faults.pop(0) if proxy.faults else None
        if fault is None or not fault(self):
            self.reply(*self.forward())

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def forward(self) -> tuple[int, dict[str, str], bytes]:
        """Ask the real server, with the headers as they came: the signature covers the host."""
        proxy: FaultyS3 = self.server.proxy  # type: ignore[attr-defined]
        upstream = http.client.HTTPConnection(proxy.upstream, timeout=30)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                upstream.putheader(name, value)
        upstream.endheaders(self.body)
        answer = upstream.getresponse()
        body = answer.read()
        upstream.close()
        return answer.status, dict(answer.getheaders()), body

    def reply(
        self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None
    ) -> None:
        """Answer; with ``cut`` break off after so many bytes of the body."""
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        if not any(name.lower() == "content-length" for name in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True


def fails(status: int, code: str) -> Fault:
    """An error answer instead of what was asked for; nothing reaches the real server."""

    def fault(handler: _Handler) -> bool:
        body = f"<Error><Code>{code}</Code><Message>made up</Message></Error>".encode()
        handler.reply(status, {"Content-Type": "application/xml"}, body)
        return True

    return fault


def answer_lost(handler: _Handler) -> bool:
    """The request is done, and the connection breaks before the answer comes."""
    handler.forward()
    handler.close_connection = True
    return True


def body_cut(handler: _Handler) -> bool:
    """The answer ends in the middle of its body."""
    status, headers, body = handler.forward()
    handler.reply(status, headers, body, cut=len(body) // 2)
    return True


def body_corrupted(handler: _Handler) -> bool:
    """One bit of what was sent flips on the way to the server."""
    handler.body = handler.body[:-1] + bytes([handler.body[-1] ^ 1])
    return False
