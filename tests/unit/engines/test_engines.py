"""Batches, exact sums, devices, PyTorch beside ONNX."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuoshi.classifier.engines import batches, devices, onnx
from cuoshi.classifier.engines.devices import choose_device
from cuoshi.classifier.engines.onnx import OnnxEngine
from cuoshi.classifier.errors import MissingExtraError, ModelError, UsageError
from cuoshi.classifier.modelfolder import ONNX, WEIGHTS, open_model

lengths = st.lists(st.integers(2, 40), max_size=60)


def _rows(sizes: list[int], seed: int = 1) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [np.array([0, *random.integers(5, 60, size - 2), 2], dtype=np.int64) for size in sizes]


@given(lengths, st.integers(1, 200))
def test_equal_batches_hold_every_row_once_and_one_length(sizes: list[int], tokens: int) -> None:
    found = batches.equal_batches(_rows(sizes), tokens)
    assert sorted(i for batch in found for i in batch) == list(range(len(sizes)))
    for batch in found:
        (length,) = {sizes[i] for i in batch}
        assert len(batch) == 1 or len(batch) * length <= tokens


@given(lengths, st.integers(1, 200))
def test_padded_batches_keep_to_the_budget(sizes: list[int], tokens: int) -> None:
    found = batches.padded_batches(_rows(sizes), tokens)
    assert sorted(i for batch in found for i in batch) == list(range(len(sizes)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(sizes[i] for i in batch) <= tokens


def test_a_row_scores_the_same_to_the_last_bit_in_any_company(small_model: Path) -> None:
    engine = OnnxEngine(small_model / ONNX, threads=2)
    rows = _rows([9, 9, 4, 17, 9, 31, 4, 9, 17, 2, 9])
    together = engine.scores(rows)
    for row, scores in zip(rows, together, strict=True):
        np.testing.assert_array_equal(engine.scores([row])[0], scores)
    np.testing.assert_array_equal(engine.scores(rows[::-1]), together[::-1])


def test_the_slow_way_is_taken_where_sums_overflow(
    small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def opened(path: Path, exact: bool) -> object:
        asked.append(exact)
        return original(path, exact)

    original = onnx._open
    monkeypatch.setattr(onnx, "_open", opened)
    fast = OnnxEngine(small_model / ONNX, threads=1)
    monkeypatch.setattr(onnx, "PROBE_SUM", 1)  # as if this processor had cut the sum off
    slow = OnnxEngine(small_model / ONNX, threads=1)
    assert asked[-2:] == [False, True]
    rows = _rows([9, 30])
    np.testing.assert_allclose(slow.scores(rows), fast.scores(rows), atol=1e-4)


def test_a_graph_of_an_older_form_is_refused(small_model: Path, tmp_path: Path) -> None:
    import onnx as format_

    graph = format_.load(str(small_model / ONNX), load_external_data=False)
    del graph.graph.output[1]
    (tmp_path / ONNX).write_bytes(graph.SerializeToString())
    (tmp_path / WEIGHTS).write_bytes((small_model / WEIGHTS).read_bytes())
    with pytest.raises(ModelError, match=r"older form; run: python -m cuoshi\.training\.regraph"):
        OnnxEngine(tmp_path / ONNX)


def test_a_folder_gets_the_graph_of_this_version(small_model: Path, tmp_path: Path) -> None:
    import shutil

    from cuoshi.training.regraph import regraph

    folder = tmp_path / "model"
    shutil.copytree(small_model, folder)
    before = (folder / WEIGHTS).read_bytes()
    regraph(folder)
    assert open_model(folder).config == open_model(small_model).config
    assert (folder / WEIGHTS).read_bytes() == before
    assert (folder / ONNX).read_bytes() == (small_model / ONNX).read_bytes()


def test_pytorch_agrees_and_takes_no_rows(small_model: Path) -> None:
    from cuoshi.classifier.engines.torch import TorchEngine, load_network

    folder = open_model(small_model)
    engine = TorchEngine(load_network(small_model / WEIGHTS, folder.config, 3))
    rows = _rows([9, 4, 17, 9, 31, 4])
    together = engine.scores(rows)
    for row, scores in zip(rows, together, strict=True):
        np.testing.assert_allclose(engine.scores([row])[0], scores, atol=1e-5)
    np.testing.assert_allclose(OnnxEngine(small_model / ONNX).scores(rows), together, atol=0.02)
    assert engine.scores([]).shape == (0, 3)


@pytest.mark.parametrize("wanted", ["gpu", "cuda:", "cuda:-1", "cuda:x", "CPU", "", "cpu:0"])
def test_other_words_are_no_devices(wanted: str) -> None:
    with pytest.raises(UsageError, match="give auto, cpu, cuda or cuda:N"):
        choose_device(wanted)


def test_auto_without_a_driver_does_not_import_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "driver_devices", lambda: 0)
    monkeypatch.setattr(devices, "torch_devices", lambda: pytest.fail("imports torch"))
    chosen = choose_device()
    assert (chosen.name, chosen.why) == ("cpu", "no CUDA device found")


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert choose_device("auto").why == "PyTorch is not installed"
    with pytest.raises(MissingExtraError, match=r"pip install 'cuoshi\[gpu\]'"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("wanted", "found", "name"),
    [("auto", 0, "cpu"), ("auto", 2, "cuda:0"), ("cuda", 1, "cuda:0"), ("cuda:1", 2, "cuda:1")],
)
def test_devices(wanted: str, found: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "driver_devices", lambda: 2)
    monkeypatch.setattr(devices, "torch_devices", lambda: found)
    assert choose_device(wanted).name == name


@pytest.mark.parametrize(("wanted", "found"), [("cuda", 0), ("cuda:2", 2), ("cuda:999", 1)])
def test_no_such_device(wanted: str, found: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "torch_devices", lambda: found)
    with pytest.raises(UsageError, match=r"no CUDA device|numbered from 0"):
        choose_device(wanted)


def test_a_driver_that_is_not_there_has_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise OSError(name)

    monkeypatch.setattr(sys.modules["ctypes"], "CDLL", missing)
    assert devices.driver_devices() == 0


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu(small_model: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    from cuoshi.classifier.engines.torch import TorchEngine, load_network

    folder = open_model(small_model)
    rows = _rows([9, 4, 17, 9, 31, 4] * 50)
    exact = TorchEngine(load_network(small_model / WEIGHTS, folder.config, 3)).scores(rows)
    found = TorchEngine(load_network(small_model / WEIGHTS, folder.config, 3), "cuda:0").scores(rows)
    np.testing.assert_allclose(found, exact, atol=0.02)
