"""A model for use without cuoshi: a folder for ``transformers``, or one ONNX graph in single precision."""

from __future__ import annotations

import warnings
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import BertModel, PreTrainedTokenizerFast

from cuoshi.classifier.engines.torch import Network, TorchEngine, load_network
from cuoshi.classifier.errors import ModelError
from cuoshi.classifier.modelfolder import TOKENIZER, WEIGHTS, ModelFolder, open_model, write_json
from cuoshi.classifier.tokens import open_tokenizer
from cuoshi.training.device import quiet_libraries
from cuoshi.training.model import load_encoder
from cuoshi.training.parts import check_replaceable, fresh_part, put_in_place

MARK = "cuoshi_export.json"
GRAPH = "model.onnx"
HEAD = "head.safetensors"
TOLERANCE = 1e-3
_SAMPLE = ("各村设卡，劝返外来车辆，小区实行封闭管理。", "今天天气晴。")

_READ_ME = Template("""\
# $model, exported for $use

Labels: `labels.json` (ids in the order of the scores), thresholds: `thresholds.json`. A label is given where
its score reaches its threshold. Text beyond $tokens tokens has to be cut into windows; the highest score of
the windows counts.

```python
$code
```
""")

_TRANSFORMERS = """\
import json
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
encoder = AutoModel.from_pretrained(".", add_pooling_layer=False).eval()
head = load_file("head.safetensors")
labels = [label["id"] for label in json.load(open("labels.json", encoding="utf-8"))["labels"]]

batch = tokenizer(["各村设卡，劝返外来车辆。"], padding=True, truncation=True, return_tensors="pt")
with torch.inference_mode():
    states = encoder(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None].to(states.dtype)
    pooled = (states * mask).sum(1) / mask.sum(1)
    pooled = torch.nn.functional.layer_norm(pooled, pooled.shape[-1:])
    scores = torch.sigmoid(pooled @ head["weight"].T + head["bias"])
print(dict(zip(labels, scores[0].tolist())))"""

_ONNX = """\
import json
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation($tokens)
tokenizer.enable_padding(pad_id=$pad, pad_token="$pad_token")
session = onnxruntime.InferenceSession("model.onnx")
labels = [label["id"] for label in json.load(open("labels.json", encoding="utf-8"))["labels"]]

ids = np.array([row.ids for row in tokenizer.encode_batch(["各村设卡，劝返外来车辆。"])], dtype=np.int64)
scores = session.run(["scores"], {"input_ids": ids})[0]
print(dict(zip(labels, scores[0].tolist())))"""


def export_model(model: str | Path | None, out: Path, form: str) -> float:
    """Export a model folder in single precision.

    Args:
        model: folder of a model, or the name of a shipped one.
        out: folder to write; an earlier export there is replaced.
        form: ``transformers`` or ``onnx``.

    Returns:
        The largest difference of a score, on two sentences, from the model's own network.

    Raises:
        ModelError: the model is damaged, or the export gives other scores.
        UsageError: ``out`` holds something else.
    """
    check_replaceable(out, "export of a model", lambda folder: (folder / MARK).is_file())
    quiet_libraries()
    folder = open_model(model)
    network = load_network(folder.file(WEIGHTS), folder.config, len(folder.labels.ids))
    part = fresh_part(out)
    for name in ("labels.json", "thresholds.json"):
        (part / name).write_bytes(folder.file(name).read_bytes())
    write_json(part / MARK, {"model": folder.model, "hash": folder.hash, "format": form})
    scores = (
        _write_transformers(folder, network, part)
        if form == "transformers"
        else _write_onnx(folder, network, part)
    )
    difference = float(np.abs(scores - _own_scores(folder, network)).max())
    if not difference < TOLERANCE:
        raise ModelError(f"{out}: the export gives other scores (by {difference:.3f}); it is not written")
    put_in_place(part, out)
    return difference


def _own_scores(folder: ModelFolder, network: Network) -> Any:
    tokenizer = open_tokenizer(folder.file(TOKENIZER))
    rows = [np.array(tokenizer.encode(text).ids, dtype=np.int64) for text in _SAMPLE]
    return TorchEngine(network).scores(rows)


def _write_transformers(folder: ModelFolder, network: Network, part: Path) -> Any:
    """Encoder, tokenizer and head; the scores of the sample as the read-me computes them."""
    encoder: BertModel = load_encoder(folder.path)
    names = list(folder.labels.ids)
    encoder.config.id2label = dict(enumerate(names))
    encoder.config.label2id = {name: number for number, name in enumerate(names)}
    encoder.config.problem_type = "multi_label_classification"
    encoder.save_pretrained(str(part))
    head = {"weight": network.head.weight.detach().contiguous(), "bias": network.head.bias.detach()}
    save_file(head, str(part / HEAD))
    _tokenizer(folder).save_pretrained(str(part))
    _write_read_me(folder, part, "transformers", _TRANSFORMERS)
    return _transformers_scores(part)


def _transformers_scores(part: Path) -> Any:
    """Scores of the sample by what was written."""
    from safetensors.torch import load_file

    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(part))
    loaded: Any = BertModel.from_pretrained(str(part), add_pooling_layer=False, local_files_only=True)
    encoder: nn.Module = loaded.eval()
    head = load_file(str(part / HEAD))
    batch = tokenizer(list(_SAMPLE), padding=True, return_tensors="pt")
    with torch.inference_mode():
        ids, mask = batch["input_ids"], batch["attention_mask"]
        states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask[:, :, None].to(states.dtype)
        pooled = (states * weight).sum(1) / weight.sum(1)
        pooled = nn.functional.layer_norm(pooled, pooled.shape[-1:])
        return torch.sigmoid(pooled @ head["weight"].T + head["bias"]).numpy()


def _tokenizer(folder: ModelFolder) -> PreTrainedTokenizerFast:
    own = open_tokenizer(folder.file(TOKENIZER))
    wordpiece = own.token_to_id("[UNK]") is not None
    names = ("[UNK]", "[PAD]", "[CLS]", "[SEP]") if wordpiece else ("<unk>", "<pad>", "<s>", "</s>")
    unknown, pad, first, last = names
    make: Any = PreTrainedTokenizerFast  # not typed
    made: PreTrainedTokenizerFast = make(
        tokenizer_object=own,
        unk_token=unknown,
        pad_token=pad,
        cls_token=first,
        sep_token=last,
        model_max_length=folder.config.max_tokens,
        model_input_names=["input_ids", "attention_mask"],
    )
    return made


class _Scores(nn.Module):
    """Token ids, padded, to scores."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor) -> Tensor:
        return torch.sigmoid(self.network(ids))


def _write_onnx(folder: ModelFolder, network: Network, part: Path) -> Any:
    """The graph and the tokenizer; the scores of the sample by the graph."""
    import onnxruntime

    pad = folder.config.pad_id
    own = open_tokenizer(folder.file(TOKENIZER))
    own.save(str(part / TOKENIZER))
    rows = [encoding.ids for encoding in own.encode_batch(list(_SAMPLE))]
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        torch.onnx.export(
            _Scores(network).eval(),
            (ids,),
            str(part / GRAPH),
            input_names=["input_ids"],
            output_names=["scores"],
            dynamic_axes={"input_ids": {0: "batch", 1: "tokens"}, "scores": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    code = Template(_ONNX).substitute(
        tokens=folder.config.max_tokens, pad=pad, pad_token=own.id_to_token(pad)
    )
    _write_read_me(folder, part, "ONNX Runtime", code)
    session = onnxruntime.InferenceSession(str(part / GRAPH), providers=["CPUExecutionProvider"])
    return session.run(["scores"], {"input_ids": ids.numpy()})[0]


def _write_read_me(folder: ModelFolder, part: Path, use: str, code: str) -> None:
    text = _READ_ME.substitute(model=folder.model, use=use, tokens=folder.config.max_tokens, code=code)
    (part / "README.md").write_text(text, encoding="utf-8")
