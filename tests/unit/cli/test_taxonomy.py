"""What `cuoshi taxonomy` prints, into a pipe and on terminals of several widths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from cuoshi.classifier import taxonomy_show as show
from cuoshi.classifier.cli.taxonomy import app
from cuoshi.classifier.crosswalk import load_crosswalk
from cuoshi.classifier.datafiles import data_folder
from cuoshi.classifier.errors import TaxonomyError
from cuoshi.classifier.taxonomy import Lang, load_taxonomy

OWN = """\
name: own
version: 2.0.0
groups:
  - {id: field, name: {zh: "[red]田间[/red]"}}
labels:
  - {id: culling, group: field, name: {zh: 扑杀}, definition: {zh: 对染疫猪群进行扑杀。}}
"""


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=True)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run_json(*arguments: str) -> Any:
    output = run(*arguments, "--json").stdout
    assert "\\u" not in output
    return json.loads(output)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


class TestList:
    def test_pipe_gets_a_line_of_cells_for_each_label(self) -> None:
        lines = run("list").stdout.splitlines()
        assert len(lines) == 29
        assert lines[0].split("\t") == ["command", "组织指挥", "组织领导"]
        assert run("list", "--lang", "en").stdout.splitlines()[14].split("\t")[1] == "Testing"

    def test_json(self) -> None:
        data = run_json("list")
        assert data["hash"] == load_taxonomy().hash
        assert [label["id"] for label in data["labels"]] == list(load_taxonomy().ids)
        assert data["groups"][0] == {"id": "governance", "name": {"zh": "组织领导", "en": "Governance"}}

    def test_own_taxonomy(self, own: Path) -> None:
        assert run("list", "--taxonomy", str(own)).stdout == "culling\t扑杀\t[red]田间[/red]\n"

    @pytest.mark.parametrize("width", [60, 80, 120])
    @pytest.mark.parametrize("lang", ["zh", "en"])
    def test_terminal_lines_keep_to_the_width(self, lang: Lang, width: int) -> None:
        taxonomy = load_taxonomy()
        lines = show.layout(show.list_lines(taxonomy, lang, width), width)
        texts = [start + text for (start, _), (text, _) in lines]
        assert max(map(cell_len, texts)) <= width
        assert all(any(text.startswith(f"  {label} ") for text in texts) for label in taxonomy.ids)

    def test_definitions_where_there_is_room(self) -> None:
        taxonomy = load_taxonomy()
        definition = taxonomy.label("testing").definition
        assert definition is not None
        assert definition.get("zh") in [line.text for line in show.list_lines(taxonomy, "zh", 120)]
        assert definition.get("zh") not in [line.text for line in show.list_lines(taxonomy, "zh", 60)]


class TestShow:
    def test_pipe_gets_whole_lines_without_colours(self) -> None:
        label = load_taxonomy().label("disinfection")
        output = run("show", "disinfection").stdout
        assert output.startswith("disinfection · 消毒与环境卫生 · Disinfection and sanitation\n")
        assert f"  - {label.positive[0].text}\n    → disinfection\n" in output
        assert "    → 无标签\n" in output
        assert "\x1b" not in output

    def test_english(self) -> None:
        output = run("show", "disinfection", "--lang", "en").stdout
        assert "Group: Community control" in output
        assert "→ publicity" in output
        assert "  WHO PHSM   2.1 Cleaning and disinfecting surfaces and objects\n             ≈2.2" in output

    def test_json_holds_everything(self) -> None:
        data = run_json("show", "schools")
        assert data["index"] == 26
        assert data["crosswalk"][2] == {
            "scheme": "oxcgrt",
            "code": "C1",
            "relation": "exact",
            "name": "School closing",
        }
        assert {"definition", "includes", "excludes", "terms", "positive", "boundary"} <= set(data)

    def test_unknown_label(self) -> None:
        with pytest.raises(TaxonomyError, match="did you mean quarantine"):
            run("show", "quarantin")

    def test_own_taxonomy_has_no_crosswalk(self, own: Path) -> None:
        output = run("show", "culling", "--taxonomy", str(own)).stdout
        assert output == "culling · 扑杀\n组：[red]田间[/red]\n\n对染疫猪群进行扑杀。\n"

    @pytest.mark.parametrize("width", [40, 60, 80, 120])
    @pytest.mark.parametrize("lang", ["zh", "en"])
    def test_terminal_lines_keep_to_the_width(self, lang: Lang, width: int) -> None:
        taxonomy, rows = load_taxonomy(), load_crosswalk()
        for label in taxonomy.ids:
            for (start, _), (text, _) in show.layout(show.describe(taxonomy, label, lang, rows), width):
                assert cell_len(start + text) <= width
                assert not text.startswith(tuple("，。；：、）”"))


class TestCheck:
    def test_counts_version_and_hash(self, own: Path) -> None:
        output = run("check", str(own)).stdout
        assert output.startswith("own 2.0.0: labels 1, groups 1, rules 0, boundaries 0, examples 0; hash ")
        assert output.strip().endswith(load_taxonomy(own).hash)

    def test_shipped_file_passes(self) -> None:
        assert (
            "labels 29, groups 7, rules 9"
            in run("check", str(data_folder("labels") / "taxonomy.yaml")).stdout
        )

    def test_failure_ends_in_exit_code_3(self, own: Path) -> None:
        own.write_text(OWN.replace("group: field", "group: barn"), encoding="utf-8")
        with pytest.raises(
            TaxonomyError, match="1 problem\n  line 6, label culling, group: unknown group 'barn'"
        ) as e:
            run("check", str(own))
        assert e.value.exit_code == 3


class TestCrosswalk:
    def test_all_rows(self) -> None:
        lines = run("crosswalk").stdout.splitlines()
        assert len(lines) == len(load_crosswalk())
        assert "vaccination\toxcgrt\tH7\texact\tVaccination policy" in lines

    def test_one_label_and_one_scheme(self) -> None:
        assert run_json("crosswalk", "supervision", "--scheme", "oxcgrt") == [
            {"label": "supervision", "scheme": "oxcgrt", "code": "", "relation": "none", "name": ""}
        ]

    def test_unknown_label_and_scheme(self) -> None:
        with pytest.raises(TaxonomyError, match="did you mean training"):
            run("crosswalk", "trainin")
        assert run("crosswalk", "--scheme", "oxford").exit_code == 2

    def test_terminal_names_a_scheme_once(self) -> None:
        lines = show.crosswalk_lines([row for row in load_crosswalk() if row.label == "schools"])
        assert [line.start.strip() for line in lines] == ["", "WHO PHSM", "", "OxCGRT", "CoronaNet", "CCCSL"]


def test_page_is_the_committed_one() -> None:
    committed = (data_folder("labels") / "codebook.zh.md").read_text(encoding="utf-8")
    assert run("page", "--lang", "zh").stdout == committed


def test_page_of_an_own_taxonomy_escapes_what_markdown_would_take_for_tags(own: Path) -> None:
    own.write_text(OWN.replace("扑杀}", "扑杀<b>|}"), encoding="utf-8")
    page = run("page", "--taxonomy", str(own)).stdout
    assert "### `culling` · 扑杀&lt;b>|" in page
    assert "[扑杀&lt;b>\\|](#culling)" in page
