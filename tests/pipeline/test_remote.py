"""Runs whose output is in an object store: a local server of S3."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from time import sleep, time

import pytest
import yaml

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files import objects
from prep.pipeline import config, contract
from prep.pipeline.commands.shards import export, verify
from prep.pipeline.monitor.observing import observe
from prep.pipeline.monitor.opening import opened, output_of
from prep.pipeline.remote.lease import LOCKS, Holder, Lease
from prep.pipeline.remote.lease import _encoded as encoded
from prep.pipeline.remote.places import store_problems, work_folder
from prep.pipeline.remote.reading import results_at
from prep.pipeline.remote.storing import prepare, storing
from prep.pipeline.reports.progress import Progress
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.results.ledger import PUBLISHED
from prep.pipeline.run import run
from prep.stages.read.read import Read

from ..stages.read.crawls import CRAWL, Page, write_archive, write_cdx, write_table
from ..stages.read.reading import documents, problems
from .conftest import WritePipeline
from .test_run import FILES, WHOLE

pytest.importorskip("moto.server")
pytest.importorskip("s3fs")

SECRET = "a-secret-that-nothing-may-hold"
BUCKET = "s3://bucket"


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """Serve a bucket, as s3fs finds it by the environment."""
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    connection = HTTPConnection(host, port)
    connection.request("PUT", "/bucket")
    connection.getresponse().read()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "prep-test"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ):
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        yield
        s3fs.S3FileSystem.clear_instance_cache()
    moto.stop()


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    monkeypatch.setenv("PREP_SCRATCH", str(folder))
    return folder


def run_it(path: Path, *overrides: str) -> tuple[str, ...]:
    configuration, located = config.load(str(path), overrides)
    contract.check(configuration, located)
    return run(configuration, Progress(Terminal(quiet=True))).ran


def stored(url: str, without: str = "steps/") -> dict[str, bytes | None]:
    """Return what the objects of an output hold."""
    found = {name: item for name, item in objects.list_objects(url).items() if not name.startswith(without)}
    return {name: objects.read_object(item.path) for name, item in found.items()}


def published(folder: Path) -> dict[str, bytes]:
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(("steps/", ".sent/"))}


def alike(url: str, folder: Path) -> None:
    """Assert that an output in the store is one in a folder, but for its own place."""
    there, here = stored(url), published(folder)
    assert there.keys() == here.keys()
    for name, content in here.items():
        held = there[name] or b""
        assert held.replace(url.encode(), str(folder).encode()) == content, name


def test_a_run_in_a_store(write_pipeline: WritePipeline, tmp_path: Path, scratch: Path) -> None:
    path, url = write_pipeline(WHOLE, *FILES), f"{BUCKET}/runs/one"
    objects.send_bytes(f"{url}/mine/notes.txt", b"somebody's own")
    for known in PUBLISHED:
        objects.send_bytes(f"{url}/{known}/99999.parquet", b"of an earlier run")
    local, ran = tmp_path / "local", run_it(path, f"output={tmp_path}/local")
    with Lease(url), pytest.raises(RunError, match="another run is at work here: process"):
        run_it(path, f"output={url}")
    assert run_it(path, f"output={url}") == ran
    assert stored(url)["mine/notes.txt"] == b"somebody's own"
    objects.remove_objects([f"{url}/mine/notes.txt"])
    alike(url, local)

    # nothing but the store is needed to go on
    shutil.rmtree(scratch)
    assert run_it(path, f"output={url}") == ()
    alike(url, local)

    # a kill on another machine: a step without its manifest, a task without its record
    names = objects.list_objects(url)
    first = [name for name in names if name.startswith("steps/00-")]
    records = [name for name in first if "/tasks/" in name]
    objects.remove_objects([names[name].path for name in first if name.endswith("manifest.json")])
    objects.remove_objects([names[records[0]].path])
    shutil.rmtree(scratch)
    assert run_it(path, f"output={url}") == (ran[0],)
    alike(url, local)

    # an object that holds something else
    part = next(name for name in first if "/parts/" in name)
    objects.send_bytes(names[part].path, b"nothing that anybody wrote")
    assert run_it(path, f"output={url}") == (ran[0],)
    alike(url, local)

    # commands that read results
    shutil.rmtree(scratch)
    folder = Path(output_of(url))
    assert folder.is_relative_to(scratch)
    assert published(folder).keys() == published(local).keys()
    with opened(url) as (configuration, _):
        assert configuration.remote == url

    # one that works on another machine
    name = "steps/run.json"
    state = json.loads(objects.read_object(f"{url}/{name}") or b"")
    running = json.dumps({**state, "standing": "running", "host": "another-machine"}).encode()
    for standing in ("interrupted", "running"):
        objects.send_bytes(f"{url}/{name}", running)
        answer = observe(output_of(url))
        assert answer is not None
        assert answer.standing == standing
        holder = Holder("another-machine", 1, "x", time(), time())
        objects.send_bytes(f"{url}/{LOCKS}/000001.json", encoded(holder))

    for place in (*scratch.rglob("*"), *tmp_path.glob("*.yaml")):
        assert not place.is_file() or SECRET.encode() not in place.read_bytes()
    assert not [name for name, content in stored(url, "-").items() if SECRET.encode() in (content or b"")]


def test_results_and_exports(tmp_path: Path) -> None:
    url = f"{BUCKET}/runs/six"
    texts = "".join(json.dumps({"text": f"A text about harbour {number}. " * 20}) + "\n" for number in range(40))
    objects.send_bytes(f"{BUCKET}/input/texts.jsonl", texts.encode())
    stages: list[object] = [{"read": {"paths": f"{BUCKET}/input/*.jsonl"}}]
    stages += [{"tokenizer": {"kind": "bpe", "vocabulary": 300}}, {"pack": {"length": 32, "validation": 0}}]
    pipeline = tmp_path / "pipeline.yaml"
    for output in (url, str(tmp_path / "local")):
        pipeline.write_text(yaml.safe_dump({"output": output, "workers": 1, "stages": stages}))
        run_it(pipeline)
    alike(url, tmp_path / "local")
    verify(f"{url}/shards")
    for shards, output in (
        (f"{url}/shards/train", f"{BUCKET}/exported"),
        (f"{tmp_path}/local/shards/train", f"{tmp_path}/exported"),
    ):
        export(shards, "nanogpt", output, None, None, None, 1)
    there, here = stored(f"{BUCKET}/exported"), published(tmp_path / "exported")
    assert {name for name in here if not name.startswith(".")} == there.keys()
    assert all(there[name] == content for name, content in here.items() if name.endswith(".bin"))
    with pytest.raises(RunError, match=f"{BUCKET}/nothing/here: no run has published results here"):
        results_at(f"{BUCKET}/nothing/here")


def test_what_a_long_task_writes_is_sent_while_it_runs(write_pipeline: WritePipeline) -> None:
    configuration, _ = config.load(str(write_pipeline(WHOLE, *FILES)), [f"output={BUCKET}/runs/seven"])
    prepare(configuration)
    checkpoint = Path(configuration.settings.output, "steps/04-train-0123/output/checkpoint")
    with storing(configuration, send_seconds=0.05):
        checkpoint.parent.mkdir(parents=True)
        for content in (b"first", b"second"):
            checkpoint.write_bytes(content)
            name = f"{BUCKET}/runs/seven/steps/04-train-0123/output/checkpoint"
            until = time() + 20
            while objects.read_object(name) != content and time() < until:
                sleep(0.05)
            assert objects.read_object(name) == content
        checkpoint.unlink()
    assert objects.list_objects(f"{BUCKET}/runs/seven") == {}


def test_a_crawl_in_a_store(tmp_path: Path) -> None:
    pages = [Page(f"https://example.org/{number}") for number in range(5)]
    captures = write_archive(tmp_path, f"crawl-data/{CRAWL}/segments/1/warc/a.warc.gz", pages)
    write_table(tmp_path, captures)
    write_cdx(tmp_path, captures)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            objects.send_file(str(path), f"{BUCKET}/crawl/{path.relative_to(tmp_path)}")

    def stage(address: object, **options: object) -> Read:
        return Read.model_validate({"common_crawl": {"crawl": CRAWL, "address": str(address), **options}})

    for options in ({}, {"index": "cdx", "sample": 0.6}, {"limit": 2}):
        there = stage(f"{BUCKET}/crawl", **options)
        assert problems(there) == []
        assert documents(there) == documents(stage(tmp_path, **options))
    (problem,) = problems(
        Read.model_validate({"common_crawl": {"crawl": "CC-MAIN-2020-05", "address": f"{BUCKET}/no"}})
    )
    assert "no index of the crawl 'CC-MAIN-2020-05' at s3://bucket/no" in problem


def test_a_lock_whose_holder_is_gone() -> None:
    url = f"{BUCKET}/runs/four"
    now = time()
    elsewhere = Holder("another-machine", 1, "x", now, now)

    def held(holder: Holder, number: int) -> None:
        objects.send_bytes(f"{url}/{LOCKS}/{number:06d}.json", encoded(holder))

    held(elsewhere, 1)
    with pytest.raises(RunError, match="process 1 on another-machine, whose last sign of life is"), Lease(url):
        pass
    held(replace(elsewhere, beat=now - 1000), 2)
    with Lease(url, beat_seconds=0.05, silent_seconds=1):
        assert list(objects.list_objects(f"{url}/{LOCKS}")) == ["000003.json"]
    assert objects.list_objects(url) == {}  # let go of
    with Lease(url):
        pass
    # a process of this machine that has ended
    held(replace(elsewhere, host=os.uname().nodename, pid=2**22 + 1), 9)
    with Lease(url, beat_seconds=0.02) as lease:
        lease.require()
        held(elsewhere, 11)
        sleep(0.5)
        with pytest.raises(RunError, match="another run has taken the lock"):
            lease.require()


def test_create_is_conditional() -> None:
    place = f"{BUCKET}/conditional"
    assert objects.create(place, b"first")
    assert objects.create(place, b"first")  # a try whose answer was lost
    assert not objects.create(place, b"second")
    assert objects.read_object(place) == b"first"
    assert objects.read_object(f"{BUCKET}/none") is None
    assert list(store_problems(f"{BUCKET}/x")) == []
    (problem,) = store_problems("s3://no-such-bucket-here/x")
    assert str(problem).startswith("output: s3://no-such-bucket-here/x takes no files")


def test_big_files_go_in_parts(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1 << 20) * 20)
    tag = objects.send_file(str(big), f"{BUCKET}/big")
    listed = objects.list_objects(BUCKET)["big"]
    assert "-" in tag  # the tag of an object of several parts
    assert listed.size == 20 << 20
    objects.fetch_file(listed, str(tmp_path / "back" / "big"))
    assert (tmp_path / "back" / "big").read_bytes() == big.read_bytes()


def test_outputs_that_cannot_be_written(write_pipeline: WritePipeline) -> None:
    path = write_pipeline(WHOLE, *FILES)
    for url, expected in (("https://example.org/run", "seen https://"), ("hf://datasets/a/b", "seen hf://")):
        configuration, located = config.load(str(path), [f"output={url}"])
        with pytest.raises(ConfigurationError, match=expected):
            contract.check(configuration, located)


def test_a_cluster_takes_a_scratch_that_all_nodes_share(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, remote = write_pipeline(WHOLE, *FILES), [f"output={BUCKET}/runs/x", "executor=ray"]
    for scratch in ([], ["scratch=/shared"]):
        configuration, located = config.load(str(path), [*remote, *scratch])
        contract.check(configuration, located)
        monkeypatch.delenv("PREP_SCRATCH", raising=False)
    configuration, located = config.load(str(path), remote)
    with pytest.raises(ConfigurationError, match="'scratch' is missing; expected a folder that all nodes share"):
        contract.check(configuration, located)


@pytest.mark.parametrize("where", ["output", "stages.1.paths"])
def test_urls_with_credentials(write_pipeline: WritePipeline, where: str) -> None:
    path = write_pipeline(WHOLE, *FILES)
    with pytest.raises(ConfigurationError, match="a URL without credentials") as raised:
        config.load(str(path), [f"{where}=s3://AKIA123:hidden@bucket/a"])
    assert "hidden" not in str(raised.value)


def test_work_folders_are_apart() -> None:
    assert len({work_folder(url) for url in (f"{BUCKET}/a", f"{BUCKET}/b", "gs://bucket/a")}) == 3
    assert work_folder(f"{BUCKET}/a/") == work_folder(f"{BUCKET}/a")
