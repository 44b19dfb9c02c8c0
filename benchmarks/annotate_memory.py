"""Memory and rate of a long run: the same at its end as at its start?

Paragraphs are drawn from the corpus in labels/corpus and put together from its sentences anew, so that their
lengths are those of real ones and hardly two are alike. They are annotated as `cuoshi annotate` does it; the
resident memory and the time are taken whenever a chunk lies on the disk. CPU time is what tells on a machine
that has other work to do.

    python benchmarks/annotate_memory.py --paragraphs 20000
    python benchmarks/annotate_memory.py --paragraphs 1000000 --without-model

    python benchmarks/annotate_memory.py --without-model --source r.parquet --out o.parquet

Without the model (scores by a hash of the text) it shows what the run itself needs, in minutes, and sets it
against the CPU time of the model.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cuoshi.classifier.annotate import Job, Plan, annotate, choose_target, find_inputs
from cuoshi.classifier.annotate.journal import State
from cuoshi.classifier.predict import Classifier, Scored, sentences

CORPUS = Path(__file__).resolve().parents[1] / "labels" / "corpus"
LIMIT_MB = 1_200


def resident_mb() -> float:
    """Resident memory of this process, in MB (10^6 bytes); Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Point:
    """The run when a chunk lies on the disk: ``cpu`` seconds are those of all threads."""

    paragraphs: int
    cpu: float
    seconds: float
    resident: float


class Watch:
    """Takes memory and time at every chunk."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._cpu = self._clock = 0.0

    def begun(self, state: State, total: int | None) -> None:
        self._cpu, self._clock = time.process_time(), time.perf_counter()

    def stored(self, state: State) -> None:
        cpu, seconds = time.process_time() - self._cpu, time.perf_counter() - self._clock
        self.points.append(Point(state.tally.paragraphs, cpu, seconds, resident_mb()))

    def notice(self, text: str) -> None:
        print(text)


def write_rows(path: Path, count: int) -> None:
    """Rows whose texts have the lengths of the corpus' paragraphs and its sentences in another order."""
    random_ = random.Random(11)
    rows = [json.loads(line) for line in (CORPUS / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    parts = [[row["text"][start:end] for start, end in sentences(row["text"])] for row in rows]
    pool = [sentence for found in parts for sentence in found]
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            text = "".join(random_.choice(pool) for _ in parts[random_.randrange(len(parts))]) or pool[0]
            row = {"id": f"r{number:07}", "text": text, "source": f"来源{number % 97}"}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def as_parquet(rows: Path, source: Path) -> None:
    """The same rows in Parquet, in row groups of 20,000."""
    import pyarrow.json
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.json.read_json(rows), source, row_group_size=20_000)


def by_hash(classifier: Classifier) -> None:
    """Let scores come from a hash of the text, in no time."""

    def score(texts: Sequence[str]) -> list[Scored]:
        found = []
        for text in texts:
            digest = hashlib.blake2b(text.encode(), digest_size=len(classifier.labels)).digest()
            values = np.frombuffer(digest, dtype=np.uint8).astype(np.float32) / 255
            found.append(Scored(values**8, 1, len(text), 0))
        return found

    classifier.tokenise = list  # type: ignore[method-assign,assignment]
    classifier.score_tokens = score  # type: ignore[method-assign,assignment]


def cost(points: Sequence[Point]) -> float:
    """Microseconds of CPU time a paragraph between the first and the last of some points."""
    return 1e6 * (points[-1].cpu - points[0].cpu) / (points[-1].paragraphs - points[0].paragraphs)


def rate(points: Sequence[Point]) -> float:
    """Paragraphs a second, by the clock on the wall, between the first and the last of some points."""
    return (points[-1].paragraphs - points[0].paragraphs) / (points[-1].seconds - points[0].seconds)


def parts(points: Sequence[Point], number: int) -> list[list[Point]]:
    """The points that lie in each of ``number`` equal parts of a run."""
    first, last = points[0].paragraphs, points[-1].paragraphs
    found: list[list[Point]] = [[] for _ in range(number)]
    for point in points:
        found[min(number - 1, number * (point.paragraphs - first) // (last - first))].append(point)
    return found


def model_cost(threads: int | None) -> float:
    """Microseconds of CPU time that the model takes for one of these paragraphs, of 512."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.jsonl"
        write_rows(source, 512)
        texts = [json.loads(line)["text"] for line in source.read_text(encoding="utf-8").splitlines()]
    classifier = Classifier.load(threads=threads)
    classifier.score(texts[:64])
    begun = time.process_time()
    classifier.score(texts)
    return 1e6 * (time.process_time() - begun) / len(texts)


def chunk_size(paragraphs: int) -> int:
    """That of a run; in a short one smaller, so that a tenth has several chunks."""
    return max(64, min(Plan.save_every, paragraphs // 50))


def watched(options: argparse.Namespace) -> Watch:
    """The run, seen from beside it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / options.source
        rows = Path(folder) / "rows.jsonl"
        write_rows(rows, options.paragraphs)
        if source.suffix == ".parquet":
            as_parquet(rows, source)
        print(f"resident before       {resident_mb():,.0f} MB (Python, numpy and the making of the rows)")
        classifier = Classifier.load(threads=options.threads)
        if options.without_model:
            by_hash(classifier)
        watch = Watch()
        target = choose_target(Path(folder) / options.out, None, None)
        layout = "list" if target.form == "jsonl" else "wide"
        plan = Plan(layout=layout, save_every=chunk_size(options.paragraphs))
        annotate(classifier, Job(find_inputs([str(source)]), plan, target), watch)
    return watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paragraphs", type=int, default=20_000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--source", default="rows.jsonl", help="name of the input, for its format")
    parser.add_argument("--out", default="o.jsonl", help="name of the output, for its format")
    parser.add_argument("--without-model", action="store_true")
    options = parser.parse_args()
    points = watched(options).points
    # the first chunks are small and warm things up
    tenths = parts([point for point in points if point.paragraphs >= chunk_size(options.paragraphs)], 10)
    costs = [cost(part) for part in tenths]
    peak = max(point.resident for point in points)
    print(f"paragraphs            {points[-1].paragraphs:,} in {points[-1].seconds:,.1f} s")
    print(f"first result after    {points[0].seconds:.2f} s, {points[0].cpu:.2f} s of CPU (model loaded)")
    resident = [statistics.median(point.resident for point in part) for part in tenths]
    print(f"resident, by tenths   {' '.join(f'{value:,.0f}' for value in resident)} MB")
    print(f"resident, peak        {peak:,.0f} MB ({'below' if peak < LIMIT_MB else 'ABOVE'} {LIMIT_MB:,} MB)")
    print(f"CPU, by tenths        {' '.join(f'{value:,.0f}' for value in costs)} µs a paragraph")
    print(f"CPU, last to first    {costs[-1] / costs[0] - 1:+.1%}")
    print(f"rate, last to first   {rate(tenths[-1]) / rate(tenths[0]) - 1:+.1%} by the clock on the wall")
    if options.without_model:
        model = model_cost(options.threads)
        print(f"model                 {model:,.0f} µs of CPU a paragraph; the run itself adds to it in the")
        print(
            f"                      first tenth {costs[0] / model:.2%}, in the last {costs[-1] / model:.2%}"
        )


if __name__ == "__main__":
    main()
