"""A run from its beginning, or from where it was broken off, to its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, BinaryIO

from cuoshi.classifier.annotate.columns import Columns, output_columns
from cuoshi.classifier.annotate.feed import Chunk, chunks
from cuoshi.classifier.annotate.inputs import is_open_ended
from cuoshi.classifier.annotate.job import Done, Elsewhere, Job, Listener
from cuoshi.classifier.annotate.journal import Journal, read_journal
from cuoshi.classifier.annotate.manifest import (
    OutputEntry,
    RunManifest,
    differences,
    new_manifest,
    now,
    read_manifest,
    write_manifest,
)
from cuoshi.classifier.annotate.peek import parquet_types, peek
from cuoshi.classifier.annotate.pipeline import Pipeline
from cuoshi.classifier.annotate.sinks import Sink, open_sink, write_all
from cuoshi.classifier.annotate.target import Target, locked, sync_folder
from cuoshi.classifier.annotate.values import as_json
from cuoshi.classifier.annotate.work import laid_out
from cuoshi.classifier.errors import CuoshiError, DataError, UsageError
from cuoshi.classifier.names import printable
from cuoshi.classifier.predict import Classifier
from cuoshi.classifier.tokens import Tokens

_PATIENCE = 900.0
"""Seconds to wait for a chunk that is labelled elsewhere; Ray may lose the end of a task that died."""


def annotate(
    classifier: Classifier, job: Job, listener: Listener, elsewhere: Elsewhere | None = None
) -> RunManifest:
    """Annotate the inputs of a job into its target; returns the manifest of the finished run.

    A run that was finished before is not done again when ``job.resume`` is set. With ``elsewhere`` the
    classifier labels nothing itself.

    Raises:
        UsageError: the output exists (without ``resume`` or ``force``), another run writes to it, or what is
            to be resumed was begun with other inputs, another model or other options.
        DataError: an input changed during the run, or the output cannot be written; the run can be resumed.
        KeyboardInterrupt, Terminated: the run was stopped; it can be resumed.
    """
    with _writing(job.target):
        if job.target.shard_rows is not None:
            job.target.out.mkdir(exist_ok=True)
        with locked(job.target):
            carried = peek(job.inputs, job.plan)
            fresh = new_manifest(classifier, job.inputs, job.plan, job.target, job.engine)
            manifest = _begin(job, fresh, listener)
            if manifest.state == "done":
                listener.notice(f"{printable(job.target.out)}: was done at {manifest.ended}")
                _clean(job.target)
                return manifest
            return _Run(classifier, job, listener, manifest, carried, elsewhere).finished()


def _begin(job: Job, fresh: RunManifest, listener: Listener) -> RunManifest:
    """The manifest to work with: that of the run to resume, or a fresh one after seeing to what is there."""
    target = job.target
    if job.resume and target.manifest.exists():
        old = read_manifest(target.manifest)
        changed = differences(old, fresh)
        if changed:
            raise UsageError(
                f"{printable(target.out)}: cannot be resumed, this is another run: {'; '.join(changed)}; "
                "make it as it was, or start again with --force"
            )
        if old.state != "done":
            old.state, old.error, old.ended = "running", None, None
            old.resumed.append(now())
            old.engine = fresh.engine
        return old
    if job.force:
        target.remove()
    elif job.resume and target.remains():
        raise UsageError(
            f"{printable(target.manifest)}: missing, so there is nothing to go on from; "
            "start again with --force"
        )
    elif target.remains():
        raise UsageError(
            f"{printable(target.remains()[0])}: exists; go on with --resume or replace it with --force"
        )
    elif target.strangers():
        raise UsageError(
            f"{printable(target.out)}: a folder with other files ({printable(target.strangers()[0].name)}); "
            "choose a new one for the shards, or write into it with --force"
        )
    elif job.resume:
        listener.notice(f"{printable(target.out)}: nothing to resume; starting")
    return fresh


@contextlib.contextmanager
def _writing(target: Target) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = printable(error.filename) if error.filename else printable(target.out)
        raise DataError(
            f"{where}: cannot be written ({error.strerror or error}); see to it, then go on with --resume"
        ) from None


class _Run:
    """One stretch of work on a run; files are touched by the writing thread alone."""

    def __init__(
        self,
        classifier: Classifier,
        job: Job,
        listener: Listener,
        manifest: RunManifest,
        carried: list[str],
        elsewhere: Elsewhere | None,
    ) -> None:
        self._classifier = classifier
        self._job = job
        self._target = job.target
        self._listener = listener
        self._manifest = manifest
        self._carried = carried
        self._elsewhere = elsewhere
        self._state, self._journaled = read_journal(job.target.journal)
        self._before = self._state.seconds
        self._sink: Sink | None = None
        self._journal: Journal | None = None
        self._rejects: BinaryIO | None = None
        self._clock = time.monotonic

    def finished(self) -> RunManifest:
        """Do what is left of the run."""
        begun = self._clock()
        write_manifest(self._target.manifest, self._manifest)
        sizes = [each.size for each in self._job.inputs]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        self._listener.begun(self._state, total)
        try:
            self._restore(begun)
            self._pipeline().run()
            assert self._sink is not None
            self._manifest.output = [
                OutputEntry(file=printable(path), bytes=path.stat().st_size) for path in self._sink.finish()
            ]
        except BaseException as error:
            self._end("failed" if isinstance(error, Exception) else "interrupted", error)
            raise
        self._end("done", None)
        _clean(self._target)
        return self._manifest

    def _pipeline(self) -> Pipeline[Any, Done]:
        if self._elsewhere is None:
            return Pipeline(self._tokenised(), self._work, self._store)
        return Pipeline(self._elsewhere(self._job, self._state.start()), _as_it_is, self._store, _PATIENCE)

    def _restore(self, begun: float) -> None:
        """Bring every file back to the end of the last chunk in the journal."""
        self._since: Callable[[], float] = lambda: self._clock() - begun
        self._journal = Journal(self._target.journal, self._journaled)
        if self._state.rejects:
            self._open_rejects()
        else:
            self._target.rejects.unlink(missing_ok=True)
        if self._manifest.columns is not None:
            self._open_sink()

    def _tokenised(self) -> Generator[tuple[Chunk, list[Tokens]], None, None]:
        """The chunks that are left, with the tokens of their paragraphs: made while others are scored."""
        for chunk in chunks(self._job.inputs, self._job.plan, self._state.start()):
            yield chunk, self._classifier.tokenise([unit.text for unit in chunk.units])

    def _work(self, item: tuple[Chunk, list[Tokens]]) -> Done:
        # by whole chunks: where the last bits depend on the batch, a resumed run has the same batches
        chunk, tokens = item
        scores = self._classifier.score_tokens(tokens)
        return chunk, laid_out(self._classifier, chunk.units, scores, self._job.plan)

    def _store(self, done: Done) -> None:
        """Write a chunk: its rows and rejects first, then the line in the journal that makes them count."""
        chunk, annotated = done
        if self._sink is None:
            self._fix_columns(chunk)
        assert self._sink is not None
        assert self._journal is not None
        state = self._state
        state.output = self._sink.write(annotated.rows)
        if chunk.rejects:
            self._write_rejects(chunk)
        state.tally.add(chunk.tally)
        state.tally.add(annotated.tally)
        state.chunks = chunk.number + 1
        state.position = chunk.position
        finished = {each.input: each.as_dict() for each in chunk.finished}
        state.finished |= finished
        state.seconds = self._before + self._since()
        self._journal.commit(state, finished)
        self._sink.clean()
        for notice in chunk.notices:
            self._manifest.notices.append(notice)
            self._listener.notice(notice)
        self._listener.stored(state)

    def _fix_columns(self, chunk: Chunk) -> None:
        names = dict.fromkeys(self._carried)
        for unit in chunk.units:
            names |= dict.fromkeys(unit.values)
        columns = output_columns(names, self._classifier.labels, self._job.plan, {}, self._is_open_ended())
        self._manifest.columns = list(columns.names)
        write_manifest(self._target.manifest, self._manifest)
        self._open_sink()

    def _is_open_ended(self) -> bool:
        return any(is_open_ended(each) for each in self._job.inputs)

    def _open_sink(self) -> None:
        job = self._job
        types = parquet_types(job.inputs, job.plan) if self._target.form == "parquet" else {}
        self._sink = open_sink(self._target, Columns(tuple(self._manifest.columns or ()), types))
        self._sink.restore(self._state.output)

    def _open_rejects(self) -> None:
        path = self._target.rejects
        self._rejects = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self._rejects.truncate(self._state.rejects)
        self._rejects.seek(self._state.rejects)
        sync_folder(self._target.folder)

    def _write_rejects(self, chunk: Chunk) -> None:
        if self._rejects is None:
            self._open_rejects()
        assert self._rejects is not None
        lines = "".join(f"{as_json(reject.as_dict())}\n" for reject in chunk.rejects)
        write_all(self._rejects, lines.encode("utf-8", "replace"))
        os.fsync(self._rejects.fileno())
        self._state.rejects = self._rejects.tell()

    def _end(self, how: str, error: BaseException | None) -> None:
        """Write into the manifest how the stretch ended; where the disk is full the old one stays."""
        for stream in (self._sink, self._journal, self._rejects):
            if stream is not None:
                stream.close()
        manifest, tally = self._manifest, self._state.tally
        manifest.state = how  # type: ignore[assignment]
        manifest.error = str(error) if isinstance(error, CuoshiError | OSError) else None
        manifest.ended = now()
        manifest.counts = tally.as_dict(self._classifier.labels)
        manifest.seconds = round(self._state.seconds, 3)
        if self._state.seconds > 0:
            manifest.paragraphs_per_second = round(tally.paragraphs / self._state.seconds, 1)
            manifest.characters_per_second = round(tally.characters / self._state.seconds, 1)
        for number, value in self._state.finished.items():
            entry = manifest.inputs[number]
            entry.sha256, entry.items = value["sha256"], value["items"]
            entry.bytes = value["count"]
        if how == "done":
            write_manifest(self._target.manifest, manifest)
        else:
            with contextlib.suppress(OSError):
                write_manifest(self._target.manifest, manifest)


def _as_it_is(done: Done) -> Done:
    return done


def _clean(target: Target) -> None:
    """Remove what only a resumed run would need."""
    if target.pieces.is_dir():
        shutil.rmtree(target.pieces)
    target.journal.unlink(missing_ok=True)
