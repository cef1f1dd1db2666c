"""An object store that stalls, answers with errors, or ends its answers early: with the input, and with all of a run.

The store is moto's server of S3. Before it stands a server that passes requests on and disturbs a share of the answers
that bring content, and of the requests that write. The run reads and writes through s3fs as in any store; its results
have the bytes of a run on a disk, no document is lost, and no file holds the secret of the store.
"""

import logging
import random
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep
from urllib.parse import quote, unquote

from .bench import Bench, Outcome

BUCKET = "material"
RUN = f"s3://{BUCKET}/runs/one"
SHARE = 0.4
"""The share of answers with content that are disturbed."""
WRITING_SHARE = 0.15
"""The share of requests that write, delete or list that are disturbed."""
STALL_SECONDS = 4.0
SETTINGS = "storage: {timeout_seconds: 1.5, retries: 12, wait_seconds: 0.05}\n"
_HOPS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"})
_ERROR = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>try again</Message></Error>"
_SECRET = "a-secret-that-no-file-may-hold"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "faults", "AWS_SECRET_ACCESS_KEY": _SECRET, "AWS_DEFAULT_REGION": "us-east-1"}
_SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=faults/20260101/us-east-1/s3/aws4_request"}
"""What the server takes for a signature."""
_KEY = re.compile(r"<Key>([^<]+)</Key>")
_NEXT = re.compile(r"<NextContinuationToken>([^<]+)</NextContinuationToken>")

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
        with store(bench, disturb, choose) as served:
            bench.configure(f"s3://{BUCKET}", SETTINGS)
            try:
                ended = bench.finish(bench.start(environment=served.environment()))
            finally:
                bench.configure()
        return bench.judge(ended, complaint="" if served.disturbed else "nothing was disturbed")

    return run


def disturbed_output(disturb: Disturb, kill: bool = False) -> Callable[[Bench, random.Random], Outcome]:
    """Return the fault of a store that holds input, steps and results; `kill` ends the run and its machine in between.

    The results in the store have the bytes of a run on a disk, but for the output's place in commands.
    """

    def run(bench: Bench, choose: random.Random) -> Outcome:
        bench.clear()
        scratch = bench.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        with store(bench, disturb, choose, writing=True) as served:
            bench.configure(f"s3://{BUCKET}", SETTINGS, output=RUN)
            environment = {**served.environment(), "PREP_SCRATCH": str(scratch)}
            try:
                if kill:
                    _kill_somewhere(bench, choose, environment)
                    shutil.rmtree(scratch, ignore_errors=True)
                    served.break_locks()
                ended = bench.finish(bench.start(environment=environment))
            finally:
                bench.configure()
            held = served.objects("runs/one/")
        for name, content in held.items():
            path = bench.output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.replace(RUN.encode(), str(bench.output).encode()))
        complaint = "" if served.disturbed else "nothing was disturbed"
        return bench.judge(ended, complaint=complaint or _spread(scratch, held, ended.printed))

    return run


def _kill_somewhere(bench: Bench, choose: random.Random, environment: Mapping[str, str]) -> None:
    """Kill a run after a part of the time that it takes, and what it has started."""
    process = bench.start(environment=environment)
    sleep(choose.uniform(0.3, 1.5) * bench.seconds)
    process.kill()  # its workers end with it
    process.communicate()


def _spread(scratch: Path, held: Mapping[str, bytes], printed: str) -> str:
    """Return where the store's secret stands; empty for nowhere."""
    files = {str(path): path.read_bytes() for path in scratch.rglob("*") if path.is_file()}
    texts = {**files, **held, "what the command printed": printed.encode()}
    found = [name for name, content in texts.items() if _SECRET.encode() in content]
    return f"the secret of the store stands in {found[0]}" if found else ""


def is_there() -> bool:
    """Say whether the server and the client are installed."""
    try:
        import moto.server
        import s3fs
    except ImportError:
        return False
    return bool(moto.server and s3fs)


@dataclass
class Served:
    """A store that is served."""

    address: str
    behind: str
    """The address of the store itself, which is not disturbed."""
    disturbed: list[str] = field(default_factory=list)
    """The requests that were disturbed."""

    def environment(self) -> dict[str, str]:
        """Return what a client finds the store by."""
        return {**_CREDENTIALS, "AWS_ENDPOINT_URL": self.address}

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Return what the objects hold whose names begin so, by the rest of their names."""
        names: list[str] = []
        token = ""
        while True:
            more = f"&continuation-token={quote(token, safe='')}" if token else ""
            _, _, listed = _send(self.behind, "GET", f"/{BUCKET}?list-type=2&prefix={quote(prefix)}{more}", b"")
            names += [unquote(name) for name in _KEY.findall(listed.decode())]
            following = _NEXT.search(listed.decode())
            if following is None:
                break
            token = following[1]
        return {
            name.removeprefix(prefix): _send(self.behind, "GET", f"/{BUCKET}/{quote(name)}", b"", _SIGNED)[2]
            for name in names
        }

    def break_locks(self) -> None:
        """Let the lock of a run that was killed be old, rather than wait until it is."""
        for name in self.objects("runs/one/steps/lock/"):
            _send(self.behind, "DELETE", f"/{BUCKET}/runs/one/steps/lock/{name}", b"", _SIGNED)


@contextmanager
def store(bench: Bench, disturb: Disturb, choose: random.Random, *, writing: bool = False) -> Iterator[Served]:
    """Serve the input from a bucket; `writing` says that requests that write are disturbed too."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would print every request
    behind = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    behind.start()
    host, port = behind.get_host_and_port()
    front = _Front(("127.0.0.1", 0), _Handler)
    served = Served(f"http://127.0.0.1:{front.server_address[1]}", f"{host}:{port}")
    front.setup(served, disturb, choose, writing=writing)
    thread = threading.Thread(target=front.serve_forever, daemon=True)
    thread.start()
    try:
        _send(front.behind, "PUT", f"/{BUCKET}", b"")
        for path in sorted(bench.material.iterdir()):
            _send(front.behind, "PUT", f"/{BUCKET}/{path.name}", path.read_bytes())
        yield served
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

    def setup(self, served: Served, disturb: Disturb, choose: random.Random, *, writing: bool) -> None:
        self.behind = served.behind
        self.disturbed = served.disturbed
        self.disturb = disturb
        self.choose = choose
        self.writing = writing

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    """Passes a request on, and the answer back, disturbed or not."""

    protocol_version = "HTTP/1.1"
    server: _Front
    _headers: Mapping[str, str]

    def _pass_on(self) -> None:
        length = int(self.headers.get("content-length", 0))
        given = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        content = self.rfile.read(length)
        writes = self.command not in {"GET", "HEAD"}
        if self.server.writing and writes and self.server.choose.random() < WRITING_SHARE:
            self.server.disturbed.append(self.path)
            self._disturb_writing(content, given)
            return
        status, self._headers, body = _send(self.server.behind, self.command, self.path, content, given)
        brings_content = self.command == "GET" and self.path.partition("?")[0].strip("/") != BUCKET
        if brings_content and status < 300 and self.server.choose.random() < SHARE:
            self.server.disturbed.append(self.path)
            self.server.disturb(self, status, body)
            return
        announced = int(self._headers.get("Content-Length", len(body)))
        self.start(status, announced if self.command == "HEAD" else len(body))
        self.wfile.write(body)

    def _disturb_writing(self, content: bytes, given: Mapping[str, str]) -> None:
        """Refuse a request, or carry it out and lose or delay its answer."""
        self._headers = {}
        if self.server.disturb is refuse:
            refuse(self, 500, b"")
            return
        status, self._headers, body = _send(self.server.behind, self.command, self.path, content, given)
        if self.server.disturb is stall:
            sleep(STALL_SECONDS)
            self.start(status, len(body))
            self.wfile.write(body)
        else:
            self.close_connection = True  # without a word

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 (the names that the server looks for)

    def start(self, status: int, length: int) -> None:
        """Send status and headers, as the store sent them but for the length; with an error, no others."""
        self.send_response(status)
        for name, value in self._headers.items():
            if status < 500 and name.lower() not in _HOPS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Keep quiet."""
