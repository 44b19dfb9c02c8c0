"""The shipped model: complete, small, sensible on the examples, quiet on what is no measure."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cuoshi.classifier.modelfolder import find_model, open_model
from cuoshi.classifier.predict import Classifier
from cuoshi.classifier.reading import read_file, read_text
from cuoshi.classifier.taxonomy import load_taxonomy

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 64_000_000


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def test_the_folder_is_complete_small_and_of_this_taxonomy() -> None:
    folder = open_model()
    assert sum(path.stat().st_size for path in folder.path.iterdir()) < MAX_BYTES
    assert {path.suffix for path in folder.path.iterdir()} == {".json", ".safetensors", ".onnx", ".md"}
    taxonomy = load_taxonomy()
    assert folder.labels.taxonomy_hash == taxonomy.hash
    assert folder.labels.ids == taxonomy.ids
    assert find_model("measures-zh") == folder.path


def test_the_card_gives_the_figures_of_metrics_json() -> None:
    folder = open_model()
    metrics = json.loads(folder.file("metrics.json").read_text(encoding="utf-8"))
    card = folder.file("README.md").read_text(encoding="utf-8")
    for name in ("validation", "test", "real"):
        assert f"{metrics[name]['micro_f1']:.3f}" in card
    assert metrics["int8"]["flips"] < 0.05


def test_the_simplified_example(classifier: Classifier) -> None:
    article = read_file(ROOT / "examples" / "fangkong.txt")
    found = [set(labels) for labels in classifier.label([p.text for p in article.paragraphs])]
    assert "travel_control" in found[1]
    assert {"screening", "testing"} <= found[2]
    assert "quarantine" in found[4]
    assert {"mobilization", "living_support", "market_regulation"} <= found[6]
    assert found[8] == found[9] == set()


def test_the_traditional_example(classifier: Classifier) -> None:
    article = read_file(ROOT / "examples" / "gangkou.html")
    found = [set(labels) for labels in classifier.label([p.text for p in article.paragraphs])]
    assert "disinfection" in found[1]
    assert found[3] == found[4] == set()


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_readmes_python(readme: str, classifier: Classifier) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    sentences = re.findall(r'"([^"]+)"', code)
    expected = eval(code.rstrip().splitlines()[-1].removeprefix("# "))  # the comment shows the result
    assert classifier.label(sentences) == expected


def test_the_readmes_commands_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    options = set(re.findall(r"cuoshi label[^\n#]*", text))
    usage = subprocess.run(
        [sys.executable, "-m", "cuoshi", "label", "--help"], capture_output=True, check=True, text=True
    ).stdout
    for option in {o for line in options for o in re.findall(r"--[a-z-]+", line)}:
        assert option in usage, option


def test_furniture_and_ordinary_text_carry_nothing(classifier: Classifier) -> None:
    lines = [
        "首页 > 新闻 > 正文",
        "上一篇：没有了",
        "责任编辑：罗敏",
        "今天多云转晴，最高气温二十四度。",
        "公司上半年营业收入增长百分之十二。",
        "他说，这是他一生里最长的一个冬天。",
    ]
    article = read_text("\n".join(lines))
    assert classifier.label([p.text for p in article.paragraphs]) == [()] * len(lines)


@pytest.mark.shared
def test_articles_off_the_web(classifier: Classifier, shared: Path) -> None:
    for path in sorted((shared / "data" / "articles").glob("*.txt")):
        article = read_file(path)
        found = classifier.label([p.text for p in article.paragraphs])
        long = [labels for p, labels in zip(article.paragraphs, found, strict=True) if len(p.text) > 150]
        assert all(long), path
        short = [labels for p, labels in zip(article.paragraphs, found, strict=True) if len(p.text) < 12]
        assert not any(short), path


@pytest.mark.shared
def test_figures_on_real_text(shared: Path) -> None:
    from cuoshi.training.evaluate import Request, evaluate_files

    folder = open_model()
    data = shared / "data" / "real_dev.jsonl"
    figures = evaluate_files(Request(str(folder.path), (data,))).figures
    stored = json.loads(folder.file("metrics.json").read_text(encoding="utf-8"))["real"]
    for name in ("micro_f1", "macro_f1", "exact_match", "no_measure_f1"):
        assert figures[name] == pytest.approx(stored[name], abs=0.01), name
