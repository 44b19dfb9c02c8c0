"""A run seen from outside, under way or over."""

from __future__ import annotations

from pathlib import Path

from cuoshi.classifier.annotate.journal import read_journal
from cuoshi.classifier.annotate.manifest import RunManifest, read_manifest
from cuoshi.classifier.annotate.target import Target, is_locked


def report_run(out: Path) -> tuple[RunManifest, str]:
    """The manifest of the run with this output, up to date, and its state.

    ``out`` may name the manifest itself. The state is that of the manifest, but ``broken off`` where it says
    ``running`` and no process works on the run.

    Raises:
        UsageError: there was no run with this output.
        DataError: the manifest or the journal is damaged.
    """
    target = _target(out)
    manifest = read_manifest(target.manifest)
    if manifest.state != "running":
        return manifest, manifest.state
    state, _ = read_journal(target.journal)
    if state.chunks:
        manifest.counts = state.tally.as_dict(manifest.thresholds)
        manifest.seconds = state.seconds
    return manifest, "running" if is_locked(target) else "broken off"


def _target(out: Path) -> Target:
    if out.name == "run.json":
        out = out.parent
    elif out.name.endswith(".run.json"):
        out = out.with_name(out.name.removesuffix(".run.json"))
    return Target(out, "jsonl", "", 1 if out.is_dir() else None)
