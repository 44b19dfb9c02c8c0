"""Memory and rate of a long run: the same at its end as at its start?

Paragraphs are drawn from the corpus in labels/corpus and put together from its sentences anew, so that their
lengths are those of real ones and hardly two are alike. They are annotated as `cuoshi annotate` does it; the
resident memory and the time are taken whenever a chunk lies on the disk.

    python benchmarks/annotate_memory.py --paragraphs 20000
    python benchmarks/annotate_memory.py --paragraphs 1000000 --without-model

Without the model (scores by a hash of the text) it shows what the run itself needs, in minutes.
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


class Watch:
    """Takes memory and time at every chunk."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.points: list[tuple[int, float, float]] = []

    def begun(self, state: State, total: int | None) -> None:
        self.start = time.perf_counter()

    def stored(self, state: State) -> None:
        self.points.append((state.tally.paragraphs, time.perf_counter() - self.start, resident_mb()))

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


def rate(points: Sequence[tuple[int, float, float]]) -> float:
    """Paragraphs a second between the first and the last of some points."""
    return (points[-1][0] - points[0][0]) / (points[-1][1] - points[0][1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paragraphs", type=int, default=20_000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", default="o.jsonl", help="name of the output, for its format")
    parser.add_argument("--without-model", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.jsonl"
        write_rows(source, options.paragraphs)
        before = resident_mb()
        classifier = Classifier.load(threads=options.threads)
        if options.without_model:
            by_hash(classifier)
        watch = Watch()
        target = choose_target(Path(folder) / options.out, None, None)
        annotate(classifier, Job(find_inputs([str(source)]), Plan(), target), watch)
    # the first chunks are small and warm things up
    points = [point for point in watch.points if point[0] >= 4_096]
    tenth = max(2, len(points) // 10)
    early, late = points[: tenth + 1], points[-tenth - 1 :]
    peak = max(point[2] for point in watch.points)
    print(f"paragraphs            {watch.points[-1][0]:,} in {watch.points[-1][1]:,.1f} s")
    print(f"first result after    {watch.points[0][1]:.2f} s (model loaded)")
    print(f"resident before       {before:,.0f} MB (Python, numpy and the making of the rows)")
    print(f"resident, first tenth {statistics.median(point[2] for point in early):,.0f} MB")
    print(f"resident, last tenth  {statistics.median(point[2] for point in late):,.0f} MB")
    print(f"resident, peak        {peak:,.0f} MB ({'below' if peak < LIMIT_MB else 'ABOVE'} {LIMIT_MB:,} MB)")
    print(f"rate, first tenth     {rate(early):,.1f} paragraphs/s")
    print(f"rate, last tenth      {rate(late):,.1f} paragraphs/s ({rate(late) / rate(early) - 1:+.1%})")


if __name__ == "__main__":
    main()
