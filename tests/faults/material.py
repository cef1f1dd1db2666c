"""A small input: JSON Lines of notes and text extracts of web pages, all made here, with copies and broken records.

The same seed makes the same bytes. Some documents occur twice; some records are no documents (what describes an
archive, a picture) or are broken, so that every kind of intermediate file has something to hold. It is small because
a run over it is repeated hundreds of times: what it costs is starting processes and loading kernels.
"""

import gzip
import json
import random
import uuid
from pathlib import Path

FILES = 3
"""Files of each kind."""
DOCUMENTS = 12
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
    for number in range(FILES):
        start = 2 * number * DOCUMENTS
        notes = texts[start : start + DOCUMENTS]
        pages = texts[start + DOCUMENTS : start + 2 * DOCUMENTS]
        (folder / f"notes-{number}.jsonl").write_bytes(notes_file(notes, number))
        (folder / f"pages-{number}.warc.wet.gz").write_bytes(archive(pages, number))


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
    """Return a gzipped file of text extracts (WET) with a member for each record, one of which is no text."""
    members = [record("warcinfo", f"pages-{number}", "application/warc-fields", b"software: make faults\r\n")]
    for place, text in enumerate(texts):
        members.append(record("conversion", f"{SITE}/{number}/{place}.html", "text/plain", text.encode()))
    members.append(record("conversion", f"{SITE}/{number}/picture.png", "image/png", b"\x89PNG"))
    return b"".join(members)


def record(kind: str, address: str, content_type: str, block: bytes) -> bytes:
    """Return a WARC record as a gzip member."""
    lines = [
        "WARC/1.1",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {address}')}>",
        f"WARC-Date: {DATE}",
        f"WARC-Target-URI: {address}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block)}",
    ]
    return gzip.compress("\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n", mtime=0)
