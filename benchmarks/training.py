"""Fine-tuning beside a bare PyTorch loop over the same batches, on this machine.

    THREADS=2 python benchmarks/training.py [--steps 14] [--memory]

Every measurement is a process of its own, in turns, so that none has the memory or the caches of another.
Paragraphs a second count from the end of the first step to the end of the last; evaluation is told apart.
Seconds of the processor are what a machine that does other things as well can be compared by.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

BATCH = 16
THREADS = int(os.environ.get("THREADS", "2"))
CORPUS = Path(__file__).resolve().parents[1] / "labels" / "corpus"


def _setting(paragraphs: int, bf16: bool, epochs: float = 1.0):
    from cuoshi.classifier.taxonomy import load_taxonomy
    from cuoshi.training.base import find_base
    from cuoshi.training.config import TrainConfig
    from cuoshi.training.splits import Splits, read_splits

    files = {"train": (CORPUS / "train.jsonl",), "validation": (CORPUS / "validation.jsonl",)}
    config = TrainConfig(name="benchmark", epochs=epochs, bf16=bf16, threads=THREADS, **files)
    taxonomy = load_taxonomy()
    whole = read_splits(config, taxonomy)
    part = Splits(whole.train[:paragraphs], whole.validation[: paragraphs // 5], [], "files")
    return config, taxonomy, find_base(config.base), part


def bare(steps: int, held: bool, bf16: bool) -> dict[str, float]:
    """The loop as one would write it by hand: no Trainer, no evaluation, no log."""
    import torch

    from cuoshi.training.base import base_tokenizer
    from cuoshi.training.batches import LengthGrouped, Paragraphs, collate
    from cuoshi.training.device import hold_memory
    from cuoshi.training.fitting import parameter_groups
    from cuoshi.training.model import TrainableClassifier, load_encoder

    config, taxonomy, base, splits = _setting(steps * BATCH, bf16)
    if held:
        hold_memory()
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    tokenizer = base_tokenizer(base)
    tokenizer.enable_truncation(config.max_tokens)
    data = Paragraphs(splits.train, tokenizer, taxonomy.ids)
    rows = [data.table[i] for i in LengthGrouped(data.lengths, BATCH, config.seed)]
    network = TrainableClassifier(load_encoder(base), len(taxonomy.ids)).train()
    optimizer = torch.optim.AdamW(parameter_groups(network, config), betas=(0.9, 0.98), fused=True)
    times = []
    for at in range(0, len(rows), BATCH):
        batch = collate(rows[at : at + BATCH])
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = network(**batch)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        times.append(_now())
    return _rates(times)


def trainer(bf16: bool, paragraphs: int, epochs: float) -> dict[str, float]:
    """What `cuoshi train` does."""
    from cuoshi.training.fitting import fit
    from cuoshi.training.flow import Flow
    from cuoshi.training.progress import Progress
    from cuoshi.training.work import Work

    times: list[tuple[float, float]] = []
    evaluation: list[float] = []
    step, evaluated = Progress.step, Flow.on_evaluate

    def timed(self, number, epoch):
        times.append(_now())
        step(self, number, epoch)

    def noted(self, args, state, control, metrics=None, **rest):
        evaluation.append(metrics["eval_runtime"])
        evaluated(self, args, state, control, metrics=metrics, **rest)

    Progress.step, Flow.on_evaluate = timed, noted
    config, taxonomy, base, splits = _setting(paragraphs, bf16, epochs)
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder) / "model")
        work.begin({}, resume=False)
        fit(config, taxonomy, base, splits, work)
    seconds = (times[-1][0] - times[0][0]) * len(times) / (len(times) - 1)
    return {**_rates(times), "evaluation_share": sum(evaluation) / (sum(evaluation) + seconds)}


def _now() -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    return time.perf_counter(), time.process_time()


def _rates(times: list[tuple[float, float]]) -> dict[str, float]:
    count = (len(times) - 1) * BATCH
    clock, processor = (times[-1][i] - times[0][i] for i in (0, 1))
    return {"rate": count / clock, "processor_seconds": processor / count}


KINDS = {
    "bare loop": lambda steps: bare(steps, held=False, bf16=False),
    "bare loop, memory held": lambda steps: bare(steps, held=True, bf16=False),
    "bare loop, memory held, bf16": lambda steps: bare(steps, held=True, bf16=True),
    "cuoshi train": lambda steps: trainer(False, steps * BATCH, 1.0),
    "cuoshi train, 5,000 paragraphs": lambda steps: trainer(False, 5000, steps * BATCH / 5000),
}


def measure(kind: str, steps: int) -> dict[str, float]:
    """A measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", kind, "--steps", str(steps)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="also the peak memory on 5,000 paragraphs")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        found = KINDS[given.child](given.steps)
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
        return
    kinds = [kind for kind in KINDS if given.memory or "5,000" not in kind]
    results: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(given.rounds):
        for kind in kinds:
            results[kind].append(measure(kind, given.steps))
            print(kind, results[kind][-1], file=sys.stderr)
    against = median(row["rate"] for row in results["bare loop"])
    print(f"{platform.processor() or platform.machine()}, {THREADS} threads, batches of {BATCH}\n")
    print("| | paragraphs/s | of the bare loop | processor s a paragraph | peak memory | evaluation |")
    print("|---|--:|--:|--:|--:|--:|")
    for kind, rows in results.items():
        rate = median(row["rate"] for row in rows)
        share = rows[0].get("evaluation_share")
        shown = f"{share:.1%}" if share is not None else ""
        peak = max(row["peak_mb"] for row in rows)
        work = median(row["processor_seconds"] for row in rows)
        print(f"| {kind} | {rate:.1f} | {rate / against:.2f} | {work:.3f} | {peak:,.0f} MB | {shown} |")


if __name__ == "__main__":
    main()
