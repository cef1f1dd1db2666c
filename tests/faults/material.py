"""A small input: JSON Lines of notes and web archives of pages, all text made here, with duplicates and broken records.

The same seed makes the same bytes. Some documents occur twice, some nearly so; some records are no documents (an
address that is not found, a redirect) or are broken, so that every kind of intermediate file has something to hold.
"""

import gzip
import json
import random
import uuid
from pathlib import Path

FILES = 4
"""Files of each kind."""
DOCUMENTS = 24
"""Documents of each file."""
SITE = "http://garden.example"
DATE = "2026-01-01T00:00:00Z"

SUBJECTS = (
    "the gardener|an old neighbour|the youngest child|a visitor from the coast|the baker|our teacher|a tired postman"
)
VERBS = "plants|waters|carries|describes|measures|paints|forgets|exchanges|collects|photographs|repairs|counts"
OBJECTS = (
    "three pear trees|the wooden fence|a basket of plums|seven copper kettles|the narrow path|a letter about bees|"
    "the greenhouse windows|an atlas of rivers|some dried beans|the harbour lamps|a map of the orchard|wool for winter"
)
TIMES = (
    "before breakfast|in the early spring|while the kettle boils|after a long storm|on the second Tuesday of the month|"
    "without any hurry|as the market closes|when nobody is looking|during the quiet hours|far from the main road"
)


def write_material(folder: Path, seed: int) -> None:
    """Write the files of the input."""
    folder.mkdir(parents=True)
    choose = random.Random(seed)
    texts = [text(choose) for _ in range(2 * FILES * DOCUMENTS)]
    for place in range(0, len(texts), 11):
        texts[place] = texts[place // 2]
    for place in range(5, len(texts), 13):
        texts[place] = texts[place // 2].replace("quiet", "silent") + "\n\nIt rains again."
    for number in range(FILES):
        start = 2 * number * DOCUMENTS
        notes = texts[start : start + DOCUMENTS]
        pages = texts[start + DOCUMENTS : start + 2 * DOCUMENTS]
        (folder / f"notes-{number}.jsonl").write_bytes(notes_file(notes, number))
        (folder / f"pages-{number}.warc.gz").write_bytes(archive(pages, number))


def text(choose: random.Random) -> str:
    """Return some paragraphs of made-up sentences."""
    lists = [words.split("|") for words in (SUBJECTS, VERBS, OBJECTS, TIMES)]

    def sentence() -> str:
        words = " ".join(choose.choice(items) for items in lists)
        return f"{words[0].upper()}{words[1:]}, {choose.randrange(2, 900)} times."

    return "\n\n".join(
        " ".join(sentence() for _ in range(choose.randrange(3, 7))) for _ in range(choose.randrange(2, 6))
    )


def notes_file(texts: list[str], number: int) -> bytes:
    """Return a JSON Lines file, one line of which is broken and one without text."""
    records = [json.dumps({"id": f"note-{number}-{place}", "text": text}) for place, text in enumerate(texts)]
    records[3:3] = ['{"id": "broken", "text": "no end', json.dumps({"id": f"empty-{number}", "text": ""})]
    return ("\n".join(records) + "\n").encode()


def archive(texts: list[str], number: int) -> bytes:
    """Return a gzipped WARC file with a member for each record; one address is not found and one leads elsewhere."""
    members = [record("warcinfo", f"pages-{number}", b"software: make faults\r\n")]
    for place, text in enumerate(texts):
        blocks = "".join(f"<p>{paragraph}</p>\n" for paragraph in text.split("\n\n"))
        html = f"<!doctype html><html><head><title>Page {number} {place}</title></head><body>\n{blocks}</body></html>"
        members.append(response(f"{SITE}/{number}/{place}.html", "200 OK", html.encode()))
    members.append(response(f"{SITE}/{number}/gone.html", "404 Not Found", b"<h1>Not found</h1>"))
    members.append(response(f"{SITE}/{number}/moved.html", f"301 Moved\r\nLocation: {SITE}/", b""))
    return b"".join(members)


def response(address: str, status: str, body: bytes) -> bytes:
    """Return the record of an HTTP response."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return record("response", address, head.encode() + body, address)


def record(kind: str, name: str, block: bytes, address: str = "") -> bytes:
    """Return a WARC record as a gzip member."""
    content_type = "application/http; msgtype=response" if address else "application/warc-fields"
    lines = [
        "WARC/1.1",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {name}')}>",
        f"WARC-Date: {DATE}",
        *([f"WARC-Target-URI: {address}"] if address else []),
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block)}",
    ]
    return gzip.compress("\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n", mtime=0)
