"""Files of a complete run that are deleted, cut off or changed before the next run."""

import os
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import time

from .bench import Bench, Outcome

FILES = {
    "part": "steps/*/parts/*.parquet",
    "bitmap": "steps/*/output/drops/*.arrow",
    "columns": "steps/*/output/columns/*.arrow",
    "signatures": "steps/tap-*/*.arrow",
    "rejected": "steps/*/rejected/*.parquet",
    "task record": "steps/*/tasks/*.json",
    "manifest": "steps/*/manifest.json",
    "identity": "steps/*/identity.json",
    "input digests": "steps/inputs.json",
    "tokenizer": "steps/*/output/tokenizer.json",
    "shard": "steps/*/output/train/*.arrow",
    "published documents": "documents/*.parquet",
    "published shard": "shards/train/*.arrow",
    "published tokenizer": "tokenizer/tokenizer.json",
    "ledger": "ledger.json",
}
"""Kinds of files, by where they lie in the output folder."""


def delete(path: Path, _: random.Random) -> None:
    """Delete a file."""
    path.unlink()


def truncate(path: Path, choose: random.Random) -> None:
    """Cut a file off."""
    data = path.read_bytes()
    path.write_bytes(data[: choose.randrange(len(data))])


def flip(path: Path, choose: random.Random) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[choose.randrange(len(data))] ^= choose.randint(1, 255)
    path.write_bytes(data)


DAMAGES = {"deleted": delete, "cut off": truncate, "one byte changed": flip}


def damage_file(
    pattern: str, damage: Callable[[Path, random.Random], None]
) -> Callable[[Bench, random.Random], Outcome]:
    """Return the fault of one kind of file; the next run makes it again, with the bytes of an undisturbed one.

    Records, which are JSON and may hold times, and signatures, which are made again when a step needs them, are not
    compared themselves, only what follows from them.
    """

    def disturb(bench: Bench, choose: random.Random) -> Outcome:
        bench.restore()
        victim = choose.choice(sorted(bench.output.glob(pattern)))
        expected = victim.read_bytes()
        damage(victim, choose)
        ended = bench.run()
        derived = victim.suffix == ".json" or victim.parent.name.startswith("tap-")
        repaired = derived or (victim.exists() and victim.read_bytes() == expected)
        return bench.judge(ended, complaint="" if repaired else f"{victim} was not made again")

    return disturb


def rot(bench: Bench, choose: random.Random) -> Outcome:
    """Change one byte of a file of a step, with size and time as they were: `prep verify` names the file."""
    bench.restore()
    kinds = ("part", "bitmap", "columns", "signatures", "rejected", "tokenizer", "shard")
    victim = choose.choice(sorted(bench.output.glob(FILES[choose.choice(kinds)])))
    times = victim.stat()
    flip(victim, choose)
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    ended = bench.run("verify")
    named = ended.status == 1 and victim.name in ended.printed
    bench.restore()
    return bench.judge(bench.run(), complaint="" if named else f"prep verify does not name {victim}")


def set_clock_back(bench: Bench, choose: random.Random) -> Outcome:
    """Date some files of a run and its input into the future, as if the clock had been set back, and damage one."""
    bench.restore()
    future = time() + timedelta(days=choose.randint(1, 400)).total_seconds()
    paths = sorted(path for folder in (bench.output, bench.material) for path in folder.rglob("*") if path.is_file())
    for path in choose.sample(paths, len(paths) // 2):
        os.utime(path, (future, future))
    if choose.random() < 0.5:
        flip(choose.choice(sorted(bench.output.glob(FILES["part"]))), choose)
    return bench.judge(bench.run())
