"""Paragraphs a second of the classifier beside its peer, a transformers pipeline on the same weights in fp32.

python benchmarks/speed.py DATA.jsonl                # CPU: interleaved rounds and their medians
python benchmarks/speed.py DATA.jsonl --clock cpu    # paragraphs a second of processor time, one thread each
python benchmarks/speed.py DATA.jsonl --device cuda  # rate with tokenising, share of the bf16 matrix rate

DATA.jsonl has a paragraph a line under "text". Only ratios within one run count. The wall clock wants a quiet
machine; --clock cpu is for one that others use too.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cuoshi import Classifier
from cuoshi.classifier.modelfolder import WEIGHTS, ModelConfig, open_model


def pipeline_peer(model: str | None) -> Callable[[list[str], int], np.ndarray]:
    """What a user of transformers would write: texts and a batch size in, scores [texts, labels] out."""
    import torch
    from transformers import BertConfig, BertModel, BertPreTrainedModel, PreTrainedTokenizerFast, pipeline
    from transformers.modeling_outputs import SequenceClassifierOutput
    from transformers.utils import logging as transformers_logging

    from cuoshi.classifier.engines.torch import load_network, network_name

    transformers_logging.set_verbosity(logging.CRITICAL)  # it warns of classes that are not its own

    class MeanPooled(BertPreTrainedModel):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.encoder = BertModel(config, add_pooling_layer=False)
            self.pooled_norm = torch.nn.LayerNorm(config.hidden_size, elementwise_affine=False)
            self.head = torch.nn.Linear(config.hidden_size, config.num_labels)
            self.post_init()

        def forward(self, input_ids: Any, attention_mask: Any, **_: Any) -> Any:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            weight = attention_mask[:, :, None].to(states.dtype)
            pooled = (states * weight).sum(dim=1) / weight.sum(dim=1)
            return SequenceClassifierOutput(logits=self.head(self.pooled_norm(pooled)))

    folder = open_model(model)
    config, labels = folder.config, folder.labels.ids
    shape = config.model_dump(exclude={"format", "name", "version", "max_tokens", "window_overlap", "pad_id"})
    network = MeanPooled(
        BertConfig(
            **shape, num_labels=len(labels), id2label=dict(enumerate(labels)), pad_token_id=config.pad_id
        )
    )
    state = load_network(folder.file(WEIGHTS), config, len(labels)).state_dict()
    network.load_state_dict({name: state[network_name(name)] for name in network.state_dict()})
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder.file("tokenizer.json")),
        model_max_length=config.max_tokens,
        pad_token="<pad>",
        unk_token="<unk>",
    )
    run = pipeline(
        "text-classification",
        model=network.eval(),
        tokenizer=tokenizer,
        device="cpu",
        function_to_apply="sigmoid",
        top_k=None,
    )
    column = {label: number for number, label in enumerate(labels)}

    def score(texts: list[str], batch: int) -> np.ndarray:
        scores = np.empty((len(texts), len(labels)), dtype=np.float32)
        for row, found in enumerate(run(texts, batch_size=batch, truncation=True)):
            for entry in found:
                scores[row, column[entry["label"]]] = entry["score"]
        return scores

    return score


def work_of(config: ModelConfig, lengths: list[int]) -> float:
    """Multiplications and additions of the matrix products (attention's too) of rows of these lengths."""
    size, inner = config.hidden_size, config.intermediate_size
    token = 2 * (4 * size * size + 2 * size * inner)
    return float(config.num_hidden_layers * sum(n * token + 4 * n * n * size for n in lengths))


def rate(call: Callable[[], object], number: float, clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    call()
    return number / (clock() - start)


def cpu_peaks(threads: int, clock: Callable[[], float]) -> tuple[float, float]:
    """Best measured operations a second of a large fp32 and a large int8 matrix product."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    def best(node: str, kind: int, other: int, out: int, left: np.ndarray, right: np.ndarray) -> float:
        graph = helper.make_graph(
            [helper.make_node(node, ["a", "b"], ["c"])],
            "peak",
            [helper.make_tensor_value_info("a", kind, list(left.shape))],
            [helper.make_tensor_value_info("c", out, [left.shape[0], right.shape[1]])],
            [onnx.numpy_helper.from_array(right, "b")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
        model.ir_version = 9
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        work = 2.0 * left.shape[0] * left.shape[1] * right.shape[1]
        return max(rate(lambda: session.run(None, {"a": left}), work, clock) for _ in range(40))

    size = 1024
    floats = np.ones((size, size), dtype=np.float32)
    whole = best("MatMul", TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.FLOAT, floats, floats)
    bytes_, signed = np.ones((size, size), dtype=np.uint8), np.ones((size, size), dtype=np.int8)
    small = best("MatMulInteger", TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32, bytes_, signed)
    return whole, small


def memory() -> float:
    """Resident MB of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def spread(texts: list[str], number: int) -> list[str]:
    """A sample in which every length has its share, in an order that has nothing to do with length."""
    by_length = sorted(texts, key=len)
    step = max(1.0, len(texts) / number)
    sample = [by_length[int(i * step)] for i in range(min(number, len(texts)))]
    return [sample[i] for i in np.random.default_rng(1).permutation(len(sample))]


def on_cpu(texts: list[str], arguments: argparse.Namespace) -> None:
    import torch

    busy = arguments.clock == "cpu"
    cores = 1 if busy else arguments.threads or len(os.sched_getaffinity(0))
    clock = time.process_time if busy else time.perf_counter
    torch.set_num_threads(cores)
    chosen, part = spread(texts, arguments.paragraphs), spread(texts, max(40, arguments.paragraphs // 8))
    engines = {}
    for name in ("threads",) if busy else ("threads", "workers"):
        before = memory()
        engines[name] = Classifier.load(arguments.model, device="cpu", **{name: cores})
        list(engines[name].stream(chosen))
        print(f"{name}: {memory() - before:.0f} MB more in this process")
    before = memory()
    peer = pipeline_peer(arguments.model)
    peer(part[:8], 1)
    print(f"peer: {memory() - before:.0f} MB more, PyTorch and transformers included")
    calls: dict[str, tuple[Callable[[], object], int]] = {}
    for batch in (1, 8, 32):
        calls[f"peer, batch {batch}"] = (lambda batch=batch: peer(part, batch), len(part))
    for name, classifier in engines.items():
        calls[f"{name}, {cores}"] = (lambda c=classifier: list(c.stream(chosen)), len(chosen))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(arguments.rounds):
        for name, (call, number) in calls.items():
            found[name].append(rate(call, number, clock))
        print({name: round(values[-1], 1) for name, values in found.items()}, flush=True)
    medians = {name: statistics.median(values) for name, values in found.items()}
    best = max(value for name, value in medians.items() if name.startswith("peer"))
    for name, value in medians.items():
        print(f"{name:16s} {value:7.1f} paragraphs/s  {value / best:5.2f} x the peer's best")
    threads = engines["threads"]
    lengths = [window for text in tokens_of(threads, chosen) for window in text]
    work = work_of(threads.folder.config, lengths) / len(chosen)
    reached = max(value for name, value in medians.items() if not name.startswith("peer")) * work
    whole, small = cpu_peaks(cores, clock)
    print(
        f"fp32 {whole / 1e9:.0f}, int8 {small / 1e9:.0f} GFLOP/s measured; {work / 1e9:.2f} GFLOP a paragraph"
    )
    print(f"engine: {reached / 1e9:.0f} GFLOP/s, {reached / small:.0%} of int8, {reached / whole:.1f} x fp32")
    if arguments.decisions:
        decisions(threads, peer, texts)
    for classifier in engines.values():
        classifier.close()


def tokens_of(classifier: Classifier, texts: list[str]) -> list[list[int]]:
    """Lengths in tokens of the windows of every text."""
    from cuoshi.classifier.tokens import tokenised

    return [[len(window) for window in one.windows] for one in tokenised(classifier._tokenizer, texts)]


def decisions(classifier: Classifier, peer: Callable[[list[str], int], np.ndarray], texts: list[str]) -> None:
    """Count equal label sets on all texts that fit the window, the peer's own reading of a text."""
    scored = classifier.score(texts)
    fits = [i for i, one in enumerate(scored) if one.windows == 1]
    exact = peer([texts[i] for i in fits], 1)
    ours = np.stack([scored[i].scores for i in fits])
    limits = classifier.thresholds
    same = ((exact >= limits) == (ours >= limits)).all(axis=1)
    print(
        f"identical label sets on {same.sum()} of {len(fits)} paragraphs ({same.mean():.2%}); "
        f"differences up to {np.abs(exact - ours).max():.3f}, {np.abs(exact - ours).mean():.5f} on average"
    )


def on_cuda(texts: list[str], arguments: argparse.Namespace) -> None:
    """Rate on CUDA with and without tokenising, share of the bf16 matrix rate, labels beside the CPU's."""
    import torch

    from cuoshi.classifier.engines.torch import TorchEngine, load_network
    from cuoshi.classifier.tokens import tokenised

    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device; run it without --device cuda")
    device = "cuda:0" if arguments.device == "cuda" else arguments.device
    left = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16)

    def product() -> None:
        for _ in range(20):
            torch.mm(left, left)
        torch.cuda.synchronize()

    product()
    peak = max(rate(product, 20 * 2 * 8192.0**3) for _ in range(5))
    classifier = Classifier.load(arguments.model, device=device)
    print(torch.cuda.get_device_name(device), "|", classifier.device, "|", f"bf16 {peak / 1e12:.0f} TFLOP/s")
    many = (texts * (1 + arguments.paragraphs // len(texts)))[: arguments.paragraphs]
    tokens = tokenised(classifier._tokenizer, many)
    rows = [window for one in tokens for window in one.windows]
    work = work_of(classifier.folder.config, [len(row) for row in rows])
    engines = {"eager": classifier._engine}
    if arguments.compile:
        folder = classifier.folder
        network = load_network(folder.file(WEIGHTS), folder.config, len(classifier.labels))
        engines["compiled"] = TorchEngine(network, device, compiled=True)
    for engine in engines.values():
        engine.scores(rows)  # kernels are chosen, or compiled
    calls: dict[str, Callable[[], object]] = {
        "tokenising alone": lambda: tokenised(classifier._tokenizer, many),
        "stream, tokenising included": lambda: list(classifier.stream(many)),
    }
    for name, engine in engines.items():
        calls[f"{name} network alone"] = lambda engine=engine: engine.scores(rows)
    found: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        for name, call in calls.items():
            found.setdefault(name, []).append(rate(call, len(many)))
    for name, values in found.items():
        median = statistics.median(values)
        share = (
            ""
            if "alone" in name and "network" not in name
            else f"  {median * work / len(many) / peak:.1%} of bf16"
        )
        print(f"{name:28s} {median:9.0f} paragraphs/s{share}")
    print(
        f"{sum(map(len, many)) / len(many):.0f} characters, {sum(map(len, rows)) / len(many):.0f} tokens each"
    )
    print(f"{torch.cuda.max_memory_allocated(device) / 1e6:.0f} MB of device memory at most")
    exact = np.stack([one.scores for one in Classifier.load(arguments.model, device="cpu").score(texts)])
    ours = np.stack([one.scores for one in classifier.score(texts)])
    changed = (exact >= classifier.thresholds) != (ours >= classifier.thresholds)
    far = changed & (np.abs(exact - classifier.thresholds) > 0.01)
    print(f"labels other than the CPU's: {changed.sum()}, {far.sum()} of them over 0.01 from a threshold")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--paragraphs", type=int, help="400 on the CPU, 100,000 on CUDA by default")
    parser.add_argument("--decisions", action="store_true", help="compare label sets on all texts (slow)")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: see above")
    parser.add_argument("--compile", action="store_true", help="torch.compile beside the plain network")
    arguments = parser.parse_args()
    lines = arguments.data.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines if line.strip()]
    cuda = arguments.device != "cpu"
    arguments.paragraphs = arguments.paragraphs or (100_000 if cuda else 400)
    (on_cuda if cuda else on_cpu)(texts, arguments)


if __name__ == "__main__":
    main()
