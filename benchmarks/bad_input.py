"""Bad input of every kind in one run, each file with what became of it: the rule, how often, and the first detail.

    python benchmarks/bad_input.py [--workers 2]

Every file is bad in its own way and lies among sound ones; the run must end, keep what is sound, and balance its
ledger. Printed are a line per file, the ledger, and the peak memory of the run with all its workers.
"""

import argparse
import bz2
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from books import epub, pdf

SOUND = "A sound document of some words, which has to survive whatever lies beside it."
BOMB_BYTES = 256 << 20


def warc(*pages: bytes) -> bytes:
    """Return a gzipped archive with a response per page."""
    records = []
    for number, page in enumerate(pages):
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page
        head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{number}-{len(page)}>\r\n"
        head += f"WARC-Target-URI: https://a.example/{number}\r\nContent-Length: {len(block)}\r\n\r\n"
        records.append(gzip.compress(head.encode() + block + b"\r\n\r\n"))
    return b"".join(records)


def html(body: str) -> bytes:
    return f"<!DOCTYPE html><html><head><title>t</title></head><body>{body}</body></html>".encode()


def jsonl(*texts: str) -> bytes:
    return b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)


def parquet(columns: Mapping[str, list[object]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), sink)
    return bytes(sink.getvalue())


def torn_group() -> bytes:
    """Return a table of which one of two row groups is zeros."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": [f"{SOUND} {row}" for row in range(2000)]}), sink, row_group_size=1000)
    raw = bytearray(sink.getvalue())
    raw[200:4000] = bytes(3800)
    return bytes(raw)


def wiki(head: str, *texts: str) -> bytes:
    pages = "".join(
        f"<page><title>T{number}</title><ns>0</ns><id>{number}</id><revision><text>{text}</text></revision></page>\n"
        for number, text in enumerate(texts)
    )
    return f"{head}<mediawiki>\n{pages}</mediawiki>".encode()


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
NESTED = html("<table><tr><td>" * 1000 + SOUND + "</td></tr></table>" * 1000)
ATTRIBUTES = html("<p " + " ".join(f"a{number}=''" for number in range(1_000_000)) + f">{SOUND}</p>")

FILES: Mapping[str, Callable[[], bytes]] = {
    "encrypted.pdf": lambda: pdf([[SOUND]], encrypted=True),
    "pictures.pdf": lambda: pdf([[], [], []]),
    "cut.pdf": lambda: pdf([[SOUND]])[:200],
    "sound.pdf": lambda: pdf([[SOUND]]),
    "broken.epub": lambda: epub([f"<p>{SOUND}</p>"])[:-60],
    "encrypted.epub": lambda: epub(
        [f"<p>{SOUND}</p>"], files={"META-INF/encryption.xml": '<e><CipherReference URI="OEBPS/chapter 0.xhtml"/></e>'}
    ),
    "bomb.epub": lambda: epub(["<p>" + "x" * BOMB_BYTES + "</p>"]),
    "sound.epub": lambda: epub([f"<p>{SOUND}</p>"]),
    "ragged.csv": f'n,text\n1,"{SOUND}"\n2\n3,"{SOUND}",too,many\n4,"{SOUND}"\n'.encode,
    "no_text_column.parquet": lambda: parquet({"body": [SOUND]}),
    "zeros.parquet": torn_group,
    "cut.parquet": lambda: parquet({"text": [SOUND] * 1000})[:-40],
    "torn.jsonl": lambda: jsonl(SOUND, SOUND)[:-20],
    "odd.jsonl": lambda: jsonl(SOUND) + b'[1]\n{"text": 5}\n{"text": "\xff"}\n' + b"[" * 100_000 + b"\n",
    "bomb.jsonl.gz": lambda: gzip.compress(jsonl(SOUND) + bytes(BOMB_BYTES) + jsonl(SOUND)),
    "bomb.txt.gz": lambda: gzip.compress(bytes(BOMB_BYTES)),
    "cut.warc.gz": lambda: warc(html(f"<p>{SOUND}</p>"), html(f"<p>{SOUND} Again.</p>" * 50))[:-100],
    "bomb.warc.gz": lambda: warc(html("<p>" + "x" * BOMB_BYTES), html(f"<p>{SOUND}</p>")),
    "attributes.html": lambda: ATTRIBUTES,
    "nested.html": lambda: NESTED,
    "laughs.xml": lambda: wiki(f"<!DOCTYPE m [{LAUGHS}]>", "&l9;", SOUND),
    "cut.xml.bz2": lambda: bz2.compress(wiki("", SOUND, SOUND)[:-60]),
    "picture.txt": lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
    "latin1.txt": lambda: (
        (SOUND + " Café déjà vu, naïve façade, ça et là, élève à l'œil.").replace("œ", "oe").encode("latin-1")
    ),
}


def write(folder: Path) -> None:
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content())
    (folder / "nowhere.txt").symlink_to("not there")


def run(folder: Path, workers: int) -> tuple[float, float]:
    """Run the pipeline over the folder; returns seconds, and the megabytes of the largest process."""
    pipeline = folder / "pipeline.yaml"
    stages = f"  - read:\n      paths: {folder / 'in'}\n      source: bad\n  - extract\n"
    pipeline.write_text(f"output: {folder / 'out'}\nworkers: {workers}\nstages:\n{stages}")
    start = time.monotonic()
    prep = Path(sys.executable).with_name("prep")
    running = subprocess.Popen([str(prep), "run", str(pipeline)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(running.pid, 0)
    if status != 0:
        sys.exit(f"the run ended with status {status}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def report(output: Path) -> None:
    rejected = pa.concat_tables([pq.read_table(path) for path in sorted((output / "rejected").glob("*.parquet"))])
    kept = pa.concat_tables([pq.read_table(path, columns=["id"]) for path in sorted((output / "documents").glob("*"))])
    lost: dict[str, list[dict[str, object]]] = {}
    for row in rejected.to_pylist():
        lost.setdefault(file_of(str(row["id"])), []).append(row)
    sound = Counter(file_of(item) for item in kept.column("id").to_pylist())
    print(f"{'file':24}{'kept':>6}  lost")
    for name in sorted({*FILES, "nowhere.txt"}):
        rows = lost.pop(name, [])
        rules = Counter(f"{'!' if row['failed'] else ''}{row['rule']}" for row in rows)
        counts = ", ".join(f"{rule} {count}" for rule, count in rules.items()) or "-"
        details = next((str(row["detail"]) for row in rows if row["detail"]), "")
        print(f"{name:24}{sound.pop(name, 0):6}  {counts:30} {details[:90]}")
    for name in sorted({*lost, *sound}):  # records of archives bring ids of their own
        rules = Counter(str(row["rule"]) for row in lost.get(name, []))
        print(f"{'record ' + name:24}{sound[name]:6}  {dict(rules) or '-'}")


def file_of(row_id: str) -> str:
    """Return the file that an id names, without the folder."""
    return row_id.removeprefix("in/").partition("@")[0].partition("#")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default 2)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bad-input-") as name:
        folder = Path(name)
        write(folder / "in")
        seconds, peak = run(folder, options.workers)
        report(folder / "out")
        ledger = json.loads((folder / "out" / "ledger.json").read_text())
        print(f"\nledger: {json.dumps(ledger)}")
    print(f"{seconds:.0f} s; largest process {peak:.0f} MB")


if __name__ == "__main__":
    main()
