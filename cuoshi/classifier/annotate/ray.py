"""The work of a run on a Ray cluster, through Ray Data; reading and writing stay on this machine.

One task, on the machine of the run, reads the inputs into chunks; actors, one a device, label them; the
results come back in order and are written here as those of a local run are. So a worker that is lost, or
one that only seemed lost, can neither leave a gap in the output nor write twice into it.
"""

from __future__ import annotations

import importlib.metadata
import os
import pickle
import platform
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuoshi import __version__
from cuoshi.classifier.annotate.cluster import CUDA, Cluster
from cuoshi.classifier.annotate.feed import Chunk, Start, chunks
from cuoshi.classifier.annotate.inputs import Input
from cuoshi.classifier.annotate.job import Done, Job
from cuoshi.classifier.annotate.manifest import PACKAGES
from cuoshi.classifier.annotate.plan import Plan
from cuoshi.classifier.annotate.work import annotate_units
from cuoshi.classifier.engines.devices import CPU
from cuoshi.classifier.errors import CuoshiError, DataError, UsageError, WorkerError
from cuoshi.classifier.predict import Classifier
from cuoshi.classifier.rows.source import STDIN

if TYPE_CHECKING:
    import pyarrow

_AHEAD = 2
"""Chunks at an actor: one that is labelled, one that waits."""


@dataclass(frozen=True)
class Failure:
    """An error a user can meet, on its way back here: Ray would wrap the exception in its own."""

    exit_code: int
    text: str


def on_cluster(
    classifier: Classifier, model: str | None, cluster: Cluster, job: Job, start: Start | None
) -> Generator[Done, None, None]:
    """The chunks that are left of a job, labelled by the actors of a cluster, in order.

    Args:
        classifier: the model as it is here; that of an actor has to be the same.
        model: the name of the model, or its folder, which has to be on every machine.
        cluster: what :func:`~cuoshi.classifier.annotate.cluster.connected` gives.
        job: what is to be done.
        start: where to go on; None at the beginning.

    Raises:
        DataError: an input changed, or a machine has another model or other versions.
        WorkerError: Ray gave the work up.
    """
    from ray.data import ActorPoolStrategy, DataContext, from_items
    from ray.exceptions import RayError, RayTaskError
    from ray.util import get_node_ip_address

    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.target_max_block_size = 1  # a chunk a block: each goes to an actor by itself
    folder = str(Path(model).resolve()) if model is not None and Path(model).is_dir() else model
    gpus = 1 if cluster.device == CUDA else 0
    work = (
        from_items([{"": 0}])
        .map_batches(
            read_chunks,
            batch_size=1,
            batch_format="pyarrow",
            fn_args=(job.inputs, job.plan, start, str(Path.cwd())),
            num_cpus=0,  # it waits most of the time; all CPUs are for the actors
            resources={f"node:{get_node_ip_address()}": 0.001},  # the inputs need to be here alone
        )
        .map_batches(
            Annotator,
            batch_size=1,
            batch_format="pyarrow",
            fn_constructor_args=(folder, cluster.device, cluster.threads, job.plan, identity(classifier)),
            compute=ActorPoolStrategy(size=cluster.actors, max_tasks_in_flight_per_actor=_AHEAD),
            num_cpus=0 if gpus else cluster.threads,
            num_gpus=gpus,
        )
    )
    try:
        for row in work.iter_rows():
            yield received(row["data"])
    except RayTaskError:
        raise  # a fault of the program
    except RayError as error:
        reason = str(error).partition("\n")[0]
        raise WorkerError(f"Ray: {reason}; see to the cluster, then go on with --resume") from None


def read_chunks(
    _: Any, inputs: Sequence[Input], plan: Plan, start: Start | None, folder: str
) -> Iterator[pyarrow.Table]:
    """The task that reads: a table of one row a chunk. ``folder`` is the one the inputs' names begin in."""
    os.chdir(folder)
    try:
        for chunk in chunks(inputs, plan, start):
            yield _table(chunk)
    except CuoshiError as error:
        yield _table(Failure(error.exit_code, str(error)))


class Annotator:
    """The actor: loads the model once, then labels chunk by chunk."""

    def __init__(
        self, model: str | None, device: str, threads: int, plan: Plan, expected: dict[str, str]
    ) -> None:
        self._plan = plan
        self._failure: Failure | None = None
        try:
            self._classifier = Classifier.load(
                model, device=device, threads=threads if device == CPU else None
            )
            check_same(expected, identity(self._classifier))
        except CuoshiError as error:  # Ray would start the actor again and again
            self._failure = Failure(error.exit_code, f"on {platform.node()}: {error}")

    def __call__(self, table: pyarrow.Table) -> pyarrow.Table:
        """Label the chunk in a table of one row."""
        if self._failure is not None:
            return _table(self._failure)
        item = pickle.loads(table["data"][0].as_py())
        if isinstance(item, Failure):
            return table
        annotated = annotate_units(self._classifier, item.units, self._plan)
        # the columns of the output are found from the paragraphs of the first chunk
        chunk: Chunk = replace(item, units=[]) if item.number else item
        return _table((chunk, annotated))


def identity(classifier: Classifier) -> dict[str, str]:
    """What has to be the same on all machines."""
    folder = classifier.folder
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "model": folder.hash[:12],
        "taxonomy": folder.labels.taxonomy_hash[:12],
        "cuoshi": __version__,
        **versions,
    }


def check_same(expected: dict[str, str], found: dict[str, str]) -> None:
    """Raise DataError when a machine differs from the one that runs the command."""
    other = [
        f"{name} is {found[name]}, here {value}" for name, value in expected.items() if found[name] != value
    ]
    if other:
        raise DataError(f"{'; '.join(other)}; install the same on all machines")


def _table(item: Any) -> pyarrow.Table:
    """A message between the processes of a run, which Ray would pickle in any case."""
    import pyarrow as pa

    return pa.table({"data": pa.array([pickle.dumps(item, protocol=5)], pa.large_binary())})


def received(data: bytes) -> Done:
    """A chunk that came back; raises the error that came instead (DataError, UsageError)."""
    done = pickle.loads(data)
    if isinstance(done, Failure):
        raise UsageError(done.text) if done.exit_code == UsageError.exit_code else DataError(done.text)
    received: Done = done
    return received


def check_inputs(inputs: Sequence[Input]) -> None:
    """Raise UsageError for standard input and pipes: the task that reads may have to begin again."""
    for each in inputs:
        if each.size is None or each.path == STDIN:
            raise UsageError(
                f"{each.name}: a pipe cannot be read by a cluster; name a file, or use --engine local"
            )
