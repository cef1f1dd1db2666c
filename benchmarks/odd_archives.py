"""What becomes of every record of many small odd web archives: cut off, chunked, brotli, revisits, evil headers, ARC.

    PREP_TEST_DATA=… python benchmarks/odd_archives.py [FOLDER]

Each file goes through the stage `read` by itself. Beside the records that it finds stand those of FastWARC's
iterator; `refused` is where that raises.
"""

import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from fastwarc import ArchiveIterator

from prep.stages.read.read import Read

BATCH_BYTES = 4 << 20


def read(path: Path) -> tuple[int, Counter[str], Counter[str]]:
    """Return a file's documents, and its other records by rule and by error."""
    stage = Read(paths=str(path), format="arc" if ".arc" in path.name else "warc")
    files = stage.list_files()
    documents, rejected, failed = 0, Counter[str](), Counter[str]()
    for part in stage.partitions(files):
        for batch, verdicts in stage.read(part, stage.output_schema(files), BATCH_BYTES):
            if verdicts is None or verdicts.failed is None:
                documents += batch.num_rows
                continue
            for rule, failure in zip(verdicts.rule.to_pylist(), verdicts.failed.to_pylist(), strict=True):
                if rule is None:
                    documents += 1
                else:
                    (failed if failure else rejected)[rule] += 1
    return documents, rejected, failed


def fastwarc_records(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return str(sum(1 for _ in ArchiveIterator(stream, parse_http=False)))
    except OSError:
        return "refused"


def listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{rule} {count}" for rule, count in sorted(counts.items())) or "-"


def main() -> None:
    default = os.environ.get("PREP_TEST_DATA")
    if len(sys.argv) < 2 and not default:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real data, or give a folder of archives")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(str(default), "warc-odd")
    print(f"{'file':70} {'FastWARC':>8} {'records':>8} {'documents':>9}  {'rejected':60} failed")
    sums, all_rejected, all_failed = Counter[str](), Counter[str](), Counter[str]()
    for path in sorted(folder.iterdir()):
        documents, rejected, failed = read(path)
        records = documents + rejected.total() + failed.total()
        counts = f"{fastwarc_records(path):>8} {records:8} {documents:9}"
        print(f"{path.name[:70]:70} {counts}  {listed(rejected):60} {listed(failed)}")
        sums.update(records=records, documents=documents, files=1)
        all_rejected += rejected
        all_failed += failed
    print(f"\n{sums['files']} files: {sums['records']} records, {sums['documents']} documents")
    print(f"rejected: {listed(all_rejected)}\nfailed: {listed(all_failed)}")


if __name__ == "__main__":
    main()
