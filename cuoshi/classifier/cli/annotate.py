"""`cuoshi annotate`: label a collection overnight, into a file or a folder of shards."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuoshi.classifier.cli.label import check_encoding, split_names
from cuoshi.classifier.cli.options import (
    DeviceOption,
    MeasuresOnlyOption,
    ModelOption,
    OnlyOption,
    ThreadsOption,
    ThresholdOption,
    TopKOption,
)
from cuoshi.classifier.cli.output import notice
from cuoshi.classifier.errors import UsageError

if TYPE_CHECKING:
    from cuoshi.classifier.annotate import Elsewhere, Input, Job, RunManifest, Target
    from cuoshi.classifier.annotate.progress import BarProgress, PlainProgress
    from cuoshi.classifier.predict import Classifier

INTERRUPTED, TERMINATED = 130, 143


class Format(str, Enum):
    """Formats of the output."""

    jsonl = "jsonl"
    jsonl_gz = "jsonl.gz"
    jsonl_zst = "jsonl.zst"
    csv = "csv"
    csv_gz = "csv.gz"
    csv_zst = "csv.zst"
    parquet = "parquet"


class Layout(str, Enum):
    """What an output row is."""

    list = "list"
    wide = "wide"
    long = "long"


class EngineName(str, Enum):
    """Where the work is done."""

    local = "local"
    ray = "ray"


def annotate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Tables (.jsonl .csv .tsv, also .gz or .zst; .parquet), articles, folders of articles, "
            "globs, or - for rows from standard input.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Output: .jsonl or .csv (also .gz, .zst), or .parquet.")
    ],
    model: ModelOption = None,
    text_column: Annotated[
        str, typer.Option("--text-column", help="Column of a table that holds the text.")
    ] = "text",
    id_column: Annotated[
        str | None,
        typer.Option("--id-column", help="Column with the ids; else `id`, else the place of the row."),
    ] = None,
    paragraphs: Annotated[
        bool, typer.Option("--paragraphs", help="Rows hold articles: split their text, a paragraph a line.")
    ] = False,
    output_format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Format of the output; else by the suffix of --out."),
    ] = None,
    layout: Annotated[
        Layout | None,
        typer.Option(
            "--layout",
            help="list: labels in one column (default for jsonl); wide: also a column a label (default for "
            "csv and parquet); long: a row a label.",
        ),
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Give scores as well.")] = False,
    shard_rows: Annotated[
        int | None,
        typer.Option("--shard-rows", min=1, help="Make --out a folder of files of this many rows."),
    ] = None,
    threshold: ThresholdOption = None,
    top_k: TopKOption = None,
    only: OnlyOption = None,
    measures_only: MeasuresOnlyOption = False,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Encoding of the inputs, when it is known.")
    ] = None,
    save_every: Annotated[
        int | None,
        typer.Option(
            "--save-every",
            min=1,
            help="Paragraphs from one point where --resume can go on to the next (2048, on CUDA 8192).",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a run that was broken off; start it if there is none."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the output of an earlier run.")] = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="Processes on the CPU, instead of threads. With Ray: actors, one a device.",
        ),
    ] = None,
    engine: Annotated[
        EngineName, typer.Option("--engine", help="local: this machine; ray: a Ray cluster.")
    ] = EngineName.local,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            help="With --engine ray: auto (the cluster of this machine) or HOST:PORT; without it, one is "
            "started here.",
        ),
    ] = None,
) -> None:
    """Label a collection in a run that can be broken off at any moment and goes on with --resume.

    OUT.run.json tells what was done (cuoshi runs show OUT); OUT.rejects.jsonl what was not and why.

    Exit codes: 0 done; 1 done, some rejected; 2 wrong usage; 3 bad data, full disk; 130 Ctrl-C; 143 SIGTERM.
    """
    from cuoshi.classifier.annotate import Job, Plan, choose_target, find_inputs
    from cuoshi.classifier.predict import Classifier, Selection

    if resume and force:
        raise UsageError("--resume goes on with a run, --force throws it away; give one of them")
    check_encoding(encoding)
    target = choose_target(out, output_format.value if output_format else None, shard_rows)
    chosen = layout or (Layout.list if target.form == "jsonl" else Layout.wide)
    selection = Selection(threshold, top_k, split_names(only))
    plan = Plan(
        text_column=text_column,
        id_column=id_column,
        paragraphs=paragraphs,
        layout=chosen.value,
        scores=scores,
        measures_only=measures_only,
        selection=selection,
        encoding=encoding,
    )
    if address is not None and engine is not EngineName.ray:
        raise UsageError("--address is that of a Ray cluster; give --engine ray as well")
    with _signals():
        found = find_inputs(inputs, target.remains())
        check_apart(target, found)
        job = Job(found, plan, target, resume, force)
        if engine is EngineName.ray:
            _run_on_ray(job, save_every, model, address, device, workers, threads)
            return
        with Classifier.load(model, device=device, threads=threads, workers=workers) as classifier:
            classifier.check(selection)
            notice(f"cuoshi: on {classifier.device}")
            about: dict[str, Any] = {
                "name": engine.value,
                "device": classifier.device.partition(" ")[0],
                "threads": threads,
                "workers": workers,
            }
            _run(classifier, _complete(job, save_every, classifier.window, about))


def _complete(job: Job, save_every: int | None, window: int, engine: dict[str, Any]) -> Job:
    """The job with what depends on the engine."""
    plan = replace(job.plan, save_every=save_every or max(job.plan.save_every, window))
    return replace(job, plan=plan, engine=engine)


def _run_on_ray(
    job: Job,
    save_every: int | None,
    model: str | None,
    address: str | None,
    device: str,
    workers: int | None,
    threads: int | None,
) -> None:
    from cuoshi.classifier.annotate.cluster import LOCAL, connected
    from cuoshi.classifier.annotate.ray import check_inputs, on_cluster
    from cuoshi.classifier.predict import Classifier

    check_inputs(job.inputs)
    with Classifier.load(model, device="cpu", threads=1) as classifier:
        classifier.check(job.plan.selection)
        with connected(address or LOCAL, device, workers, threads) as cluster:
            notice(f"cuoshi: on {cluster}")
            job = _complete(job, save_every, cluster.window, cluster.as_dict())
            _run(classifier, job, partial(on_cluster, classifier, model, cluster))


def check_apart(target: Target, inputs: Sequence[Input]) -> None:
    """Raise UsageError when a file of the output is one of the inputs."""
    for path in target.remains():
        for each in inputs:
            if each.size is not None and path.samefile(each.path):
                raise UsageError(
                    f"{each.name}: is a file of the output; leave it out, or choose another --out"
                )


def _run(classifier: Classifier, job: Job, elsewhere: Elsewhere | None = None) -> None:
    from cuoshi.classifier.annotate import Terminated
    from cuoshi.classifier.annotate import annotate as annotate_all

    try:
        with _listener() as listener:
            manifest = annotate_all(classifier, job, listener, elsewhere)
    except (KeyboardInterrupt, Terminated) as stopped:
        notice(f"cuoshi: stopped; go on with: {_again()}")
        raise typer.Exit(TERMINATED if isinstance(stopped, Terminated) else INTERRUPTED) from None
    _tell(job, manifest)
    if manifest.counts and manifest.counts["rejects"]:
        raise typer.Exit(1)


def _tell(job: Job, manifest: RunManifest) -> None:
    from cuoshi.classifier.annotate.summary import count_lines, label_lines
    from cuoshi.classifier.names import printable

    counts = manifest.counts
    if counts is None:
        return
    for text in [*count_lines(counts, manifest.seconds), *label_lines(counts)]:
        notice(text)
    if counts["duplicates"]:
        first = counts["duplicate_places"][0]
        notice(f"cuoshi: warning: {counts['duplicates']:,} duplicate ids, all are kept; the first: {first}")
    if counts["rejects"]:
        where = printable(job.target.rejects)
        notice(f"cuoshi: {counts['rejects']:,} rejected, see {where}; mend and annotate that file")


def _again() -> str:
    """The command that goes on with this run."""
    words = [word for word in sys.argv[1:] if word not in ("--resume", "--force")]
    return shlex.join(["cuoshi", *words, "--resume"])


def _listener() -> BarProgress | PlainProgress:
    if sys.stderr is not None and sys.stderr.isatty():
        from rich.console import Console

        from cuoshi.classifier.annotate.progress import BarProgress

        return BarProgress(Console(stderr=True))
    from cuoshi.classifier.annotate.progress import PlainProgress

    return PlainProgress(notice)


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does, with its own code; it comes as an exception into the main thread."""
    from cuoshi.classifier.annotate import Terminated

    def end(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except (KeyboardInterrupt, Terminated) as stopped:  # a run that had begun has said so itself
        notice("cuoshi: stopped before the run began; nothing was written")
        raise typer.Exit(TERMINATED if isinstance(stopped, Terminated) else INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)
