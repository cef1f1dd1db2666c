"""Quality signals against datatrove's four filters in a row; and what a changed threshold reads and takes.

    PREP_TEST_DATA=… python benchmarks/quality.py [--peer-megabytes 3] [--repeat 3]

Documents are the main text of real web pages and of the installation guide in many languages, and books. datatrove's
filters come one after the other, as in its FineWeb pipeline (it keeps the words of the last documents, so its second
filter profits), but none drops a document, so that each sees them all. `prep` measures all signals of all recipes
(stage `signals`), cleans lines and measures what is left (`clean_lines`), and applies FineWeb's rules. Both sides get
the same share of each source. datatrove splits words with spaCy: pip install -e '.[benchmarks]'
Times are CPU seconds; compilation, loading and reading are not counted.

For the second part all documents go through a run; then the stage `quality` judges its parts once more with another
threshold. The kernel's counter of bytes read (/proc/self/io) is set beside the sizes of the columns in the parts.
"""

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from quality_decisions import filters_of_datatrove
from texts import batches, books, megabytes, pages, share

from prep.pipeline import config
from prep.pipeline.reports.progress import Progress
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.run import plan_for, run, steps_folder
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.judge import judge
from prep.stages.quality.quality import JUDGE, Quality
from prep.stages.quality.recipe import RuleChange, load_recipe
from prep.stages.quality.signals.signals import Signals
from prep.stages.upstream import GlobalContext, Upstream

Seconds = dict[str, float]
FINEWEB = list(load_recipe("fineweb").rules.values())


def ours(texts: Sequence[str], repeat: int) -> Seconds:
    """Return the CPU seconds of the signals, the cleaning and the rules: the best of some runs."""
    signals, clean = Signals().open(), CleanLines().open()
    parts = batches(texts)
    judge(FINEWEB, clean(signals(parts[0].slice(0, 1)).batch).batch, None)
    runs = []
    for _ in range(repeat):
        seconds = dict.fromkeys(("signals", "clean_lines", "rules"), 0.0)
        for part in parts:
            times = [time.process_time()]
            measured = signals(part).batch
            times.append(time.process_time())
            cleaned = clean(measured).batch
            times.append(time.process_time())
            judge(FINEWEB, cleaned, None)
            times.append(time.process_time())
            for name, spent in zip(seconds, np.diff(times), strict=True):
                seconds[name] += float(spent)
        runs.append(seconds)
    return {name: min(seconds[name] for seconds in runs) for name in runs[0]}


def theirs(texts: Sequence[str]) -> Seconds:
    """Return the CPU seconds of each of datatrove's filters."""
    from datatrove.data import Document

    filters = filters_of_datatrove()
    filters["Gopher quality"].filter(Document(text="Loads the tokenizer.", id=""))
    seconds = dict.fromkeys(filters, 0.0)
    for text in texts:
        document = Document(text=text, id="")
        for name, peer in filters.items():
            start = time.process_time()
            peer.filter(document)
            seconds[name] += time.process_time() - start
    return seconds


def speed(sources: dict[str, list[str]], peer_megabytes: float, repeat: int) -> None:
    """Print the speeds of both sides, on the same share of each source, then of `prep` on all of them."""
    chosen = {name: share(texts, peer_megabytes / len(sources)) for name, texts in sources.items()}
    texts = [text for each in chosen.values() for text in each]
    slow, fast, size = theirs(texts), ours(texts, repeat), megabytes(texts)
    print(f"{len(texts)} documents, {size:.2f} MB")
    for name, seconds in [*slow.items(), ("datatrove, all four", sum(slow.values()))]:
        print(f"  {name:22} {seconds:10.3f} s {size / seconds:8.3f} MB/s")
    for name, seconds in [*fast.items(), ("prep, all", sum(fast.values()))]:
        print(f"  {name:22} {seconds:10.3f} s {size / seconds:8.1f} MB/s")
    print(f"  signals / datatrove    {sum(slow.values()) / fast['signals']:10.0f} ×")
    print(f"  all / datatrove        {sum(slow.values()) / sum(fast.values()):10.0f} ×")
    print("prep on all documents, MB/s")
    for name, texts in sources.items():
        size, fast = megabytes(texts), ours(texts, repeat)
        print(
            f"  {name:6} {size:6.2f} MB: " + ", ".join(f"{key} {size / seconds:.0f}" for key, seconds in fast.items())
        )


def rerun(texts: Sequence[str]) -> None:
    """Print what judging a stored run with a changed threshold takes and reads."""
    with tempfile.TemporaryDirectory() as folder:
        parts = stored_parts(texts, folder)
        sizes = column_sizes(parts)
        context = GlobalContext(Upstream(tuple(parts)), f"{folder}/output", f"{folder}/scratch")
        stage = Quality(recipe="fineweb", rules={"short_doc": RuleChange(min=80)})
        before, start = bytes_read(), time.perf_counter()
        for part in range(len(parts)):
            stage.run(JUDGE, part, context)
        seconds, read = time.perf_counter() - start, bytes_read() - before
    others = sum(sizes.values()) - sizes["text"]
    print(f"a changed threshold on {len(texts)} stored documents: {seconds:.2f} s")
    print(
        f"  read {read / 1e6:.3f} MB; in the parts text takes {sizes['text'] / 1e6:.3f} MB, all else {others / 1e6:.3f}"
    )


def stored_parts(texts: Sequence[str], folder: str) -> list[str]:
    """Run the texts through a pipeline and return the parts that carry their signals."""
    pq.write_table(pa.table({"text": pa.array(texts, pa.large_string())}), f"{folder}/in.parquet")
    read = {"read": {"paths": f"{folder}/in.parquet"}}
    stages = [read, "signals", "clean_lines", {"quality": {"recipe": "fineweb"}}]
    pipeline = Path(folder, "p.yaml")
    pipeline.write_text(yaml.safe_dump({"output": f"{folder}/out", "workers": 1, "stages": stages}))
    configuration, _ = config.load(str(pipeline))
    with Path(os.devnull).open("w") as nowhere:
        run(configuration, Progress(Terminal(file=nowhere)))
    first = plan_for(configuration).steps[0].folder
    return sorted(map(str, Path(steps_folder(configuration), first, "parts").glob("*.parquet")))


def column_sizes(parts: Sequence[str]) -> Counter[str]:
    """Return the bytes that each column takes in Parquet files."""
    sizes = Counter[str]()
    for path in parts:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            for index in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(index)
                sizes[chunk.path_in_schema] += chunk.total_compressed_size
    return sizes


def bytes_read() -> int:
    """Return the bytes that this process has read so far, from the page cache or not."""
    return int(Path("/proc/self/io").read_text().split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-megabytes", type=float, default=3, help="text that the peer gets, in all (default 3)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of this project's stages; the best counts")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    if importlib.util.find_spec("spacy") is None:
        sys.exit("datatrove's filters split words with spaCy, which is not installed; pip install -e '.[benchmarks]'")
    data = Path(os.environ["PREP_TEST_DATA"])
    sources = {"web": pages(data / "web"), "docs": pages(data / "docs"), "books": books(data / "books")}
    speed(sources, options.peer_megabytes, options.repeat)
    rerun([text for texts in sources.values() for text in texts])


if __name__ == "__main__":
    main()
