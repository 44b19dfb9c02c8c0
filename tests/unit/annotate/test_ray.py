"""What a run takes of a cluster, and the parts that do its work, without Ray."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from cuoshi.classifier.annotate import Plan, find_inputs
from cuoshi.classifier.annotate.cluster import connected, share_of
from cuoshi.classifier.annotate.feed import chunks
from cuoshi.classifier.annotate.ray import (
    Annotator,
    check_inputs,
    check_same,
    identity,
    read_chunks,
    received,
)
from cuoshi.classifier.annotate.work import annotate_units
from cuoshi.classifier.errors import DataError, MissingExtraError, UsageError
from cuoshi.classifier.predict import Classifier


def node(alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"memory": 1.0, **resources}}


def test_the_share_of_a_cluster() -> None:
    nodes = [node(CPU=8.0), node(CPU=3.0), node(alive=False, CPU=64.0, GPU=8.0)]
    share = share_of(nodes, "auto", None, 2)
    assert (share.actors, share.device, share.room) == (5, "cpu", 5)  # 4 and 1: none on two machines
    assert (share.machines, share.cpus, share.gpus) == (2, 11, 0)
    more = share_of(nodes, "cpu", 7, 2)
    assert str(more) == "Ray, 7 on cpu, 2 CPU each, room for 5 now; machines 2, CPUs 11, GPUs 0"
    with pytest.raises(UsageError, match="has 9 CPUs"):
        share_of(nodes, "cpu", None, 9)
    with pytest.raises(UsageError, match="has a GPU"):
        share_of(nodes, "cuda", None, 1)


def test_one_actor_a_gpu() -> None:
    pytest.importorskip("torch")
    nodes = [node(CPU=8.0, GPU=4.0), node(CPU=8.0), node(GPU=2.0)]
    share = share_of(nodes, "auto", None, 1)
    assert (share.actors, share.device, share.gpus) == (6, "cuda", 6)
    assert str(share) == "Ray, 6 on cuda, a GPU each; machines 3, CPUs 16, GPUs 6"
    assert share.window > share_of(nodes, "cpu", None, 1).window
    assert share_of(nodes, "cpu", None, 1).actors == 16


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'cuoshi\[ray\]'"),
        connected("local", "cpu", 1, 1),
    ):
        pass


def test_pipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a pipe cannot be read"):
        check_inputs(find_inputs(["-"]))


def test_reading_and_labelling(small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text('{"text": "今天天气晴。"}\n{"text": 7}\n' * 100, encoding="utf-8")
    inputs, plan = find_inputs(["rows.jsonl"]), Plan(scores=True, save_every=40)
    classifier = Classifier.load(small_model, device="cpu", threads=1)
    actor = Annotator(str(small_model), "cpu", 1, plan, identity(classifier))
    monkeypatch.chdir("/")
    done = [
        received(actor(table)["data"][0].as_py())
        for table in read_chunks(None, inputs, plan, None, str(tmp_path))
    ]
    expected = list(chunks(inputs, plan))
    assert len(done) == len(expected) > 1
    for (chunk, annotated), other in zip(done, expected, strict=True):
        assert (chunk.number, chunk.position, chunk.rejects) == (other.number, other.position, other.rejects)
        assert annotated == annotate_units(classifier, other.units, plan)
    Path("rows.jsonl").write_text("{}\n", encoding="utf-8")
    (failed,) = read_chunks(None, inputs, plan, None, str(tmp_path))
    with pytest.raises(DataError, match="shrank"):
        received(actor(failed)["data"][0].as_py())


def test_another_model_or_none(small_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    expected = {"model": "0" * 12, "cuoshi": "0.0.1"}
    for model, said in ((str(small_model), "model is .*, here 0{12}; cuoshi is "), ("nowhere", "nowhere")):
        with pytest.raises(DataError, match=f"^on .*{said}"):
            received(Annotator(model, "cpu", 1, Plan(), expected)(None)["data"][0].as_py())
    check_same({"model": "a"}, {"model": "a", "numpy": "2"})
