"""Input in an object store that stalls, answers with errors, or ends its answers early.

The store is moto's server of S3. Before it stands a server that passes requests on and disturbs a share of the answers
that bring content. The run reads through s3fs as it reads any store; its results have the bytes of a run that read the
same files from a disk, and no document is lost.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep

from .bench import Bench, Outcome

BUCKET = "material"
SHARE = 0.4
"""The share of answers with content that are disturbed."""
STALL_SECONDS = 4.0
SETTINGS = "storage: {timeout_seconds: 1.5, retries: 12, wait_seconds: 0.05}\n"
_HOPS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"})
_ERROR = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>try again</Message></Error>"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "faults", "AWS_SECRET_ACCESS_KEY": "faults", "AWS_DEFAULT_REGION": "us-east-1"}

Disturb = Callable[["_Handler", int, bytes], None]
"""Answers a request with less than the store's status and content."""


def stall(handler: "_Handler", status: int, body: bytes) -> None:
    """Send half of the content, and the rest later than anybody waits."""
    handler.start(status, len(body))
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    sleep(STALL_SECONDS)
    handler.wfile.write(body[len(body) // 2 :])


def refuse(handler: "_Handler", status: int, body: bytes) -> None:
    """Answer with an error of the server."""
    handler.start(500, len(_ERROR))
    handler.wfile.write(_ERROR)


def cut(handler: "_Handler", status: int, body: bytes) -> None:
    """End the connection within the content."""
    handler.start(status, len(body))
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def shorten(handler: "_Handler", status: int, body: bytes) -> None:
    """Send less of the content than was asked for, as if that were all of it."""
    handler.start(status, len(body) // 2)
    handler.wfile.write(body[: len(body) // 2])


DISTURBANCES: Mapping[str, Disturb] = {
    "stalls": stall,
    "answers 500": refuse,
    "cuts bodies": cut,
    "sends short bodies": shorten,
}


def disturbed_store(disturb: Disturb) -> Callable[[Bench, random.Random], Outcome]:
    """Return the fault of a store: the run has the bytes of one that reads the same files from a disk."""

    def run(bench: Bench, choose: random.Random) -> Outcome:
        bench.clear()
        with store(bench, disturb, choose) as (address, disturbed):
            bench.configure(f"s3://{BUCKET}", SETTINGS)
            try:
                ended = bench.finish(bench.start(environment={**_CREDENTIALS, "AWS_ENDPOINT_URL": address}))
            finally:
                bench.configure()
        complaint = "" if disturbed else "nothing was disturbed"
        return bench.judge(ended, complaint=complaint)

    return run


def is_there() -> bool:
    """Say whether the server and the client are installed."""
    try:
        import moto.server
        import s3fs
    except ImportError:
        return False
    return bool(moto.server and s3fs)


@contextmanager
def store(bench: Bench, disturb: Disturb, choose: random.Random) -> Iterator[tuple[str, list[str]]]:
    """Serve the input from a bucket; gives the address, and the list that disturbed requests are added to."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would print every request
    behind = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    behind.start()
    host, port = behind.get_host_and_port()
    disturbed: list[str] = []
    front = _Front(("127.0.0.1", 0), _Handler)
    front.setup(f"{host}:{port}", disturb, choose, disturbed)
    thread = threading.Thread(target=front.serve_forever, daemon=True)
    thread.start()
    try:
        _send(front.behind, "PUT", f"/{BUCKET}", b"")
        for path in sorted(bench.material.iterdir()):
            _send(front.behind, "PUT", f"/{BUCKET}/{path.name}", path.read_bytes())
        yield f"http://127.0.0.1:{front.server_address[1]}", disturbed
    finally:
        front.shutdown()
        front.server_close()
        behind.stop()


def _send(
    address: str, method: str, target: str, body: bytes, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(address, timeout=60)
    try:
        connection.request(method, target, body or None, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


class _Front(ThreadingHTTPServer):
    """The server before the store."""

    daemon_threads = True

    def setup(self, behind: str, disturb: Disturb, choose: random.Random, disturbed: list[str]) -> None:
        self.behind = behind
        self.disturb = disturb
        self.choose = choose
        self.disturbed = disturbed

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    """Passes a request on, and the answer back, disturbed or not."""

    protocol_version = "HTTP/1.1"
    server: _Front

    def _pass_on(self) -> None:
        length = int(self.headers.get("content-length", 0))
        given = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        status, self._headers, body = _send(self.server.behind, self.command, self.path, self.rfile.read(length), given)
        brings_content = self.command == "GET" and self.path.partition("?")[0].strip("/") != BUCKET
        if brings_content and status < 300 and self.server.choose.random() < SHARE:
            self.server.disturbed.append(self.path)
            self.server.disturb(self, status, body)
            return
        announced = int(self._headers.get("Content-Length", len(body)))
        self.start(status, announced if self.command == "HEAD" else len(body))
        self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 (the names that the server looks for)

    def start(self, status: int, length: int) -> None:
        """Send status and headers, as the store sent them but for the length."""
        self.send_response(status)
        for name, value in self._headers.items():
            if name.lower() not in _HOPS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Keep quiet."""
