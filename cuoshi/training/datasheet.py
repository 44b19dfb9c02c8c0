"""The tables in a corpus's data sheet, ``README.md`` beside its splits."""

from __future__ import annotations

from pathlib import Path

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.agreement import agreement, agreement_tables
from cuoshi.training.composition import composition, composition_tables, few_positives_line
from cuoshi.training.corpus import Corpus

SHEET = "README.md"


def refresh(corpus: Corpus, taxonomy: Taxonomy) -> bool:
    """Refresh the tables of the data sheet of a corpus that has no problems; whether anything changed.

    Raises:
        DataError: the data sheet cannot be read or written or lacks a marker.
    """
    path = corpus.folder / SHEET
    try:
        old = path.read_text(encoding="utf-8")
        new = fill(old, blocks(corpus, taxonomy), path)
        if new != old:
            path.write_text(new, encoding="utf-8", newline="\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read or written ({error}); give it as UTF-8 text") from None
    return new != old


def blocks(corpus: Corpus, taxonomy: Taxonomy) -> dict[str, str]:
    """What stands between the markers of each name, in Markdown."""
    made_of = composition(corpus, taxonomy)
    parts = {
        "composition": [
            *(table.markdown() for table in composition_tables(made_of, taxonomy)),
            few_positives_line(made_of),
        ],
        "agreement": [table.markdown() for table in agreement_tables(agreement(corpus, taxonomy), taxonomy)],
    }
    return {name: "\n\n".join(texts) for name, texts in parts.items()}


def fill(text: str, contents: dict[str, str], path: Path) -> str:
    """The text with every block between ``<!-- name -->`` and ``<!-- /name -->`` replaced.

    Raises:
        DataError: a pair of markers is missing from the file.
    """
    for name, content in contents.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise DataError(f"{path}: needs the lines '{start}' and '{end}', in this order; add them")
        text = f"{before}{start}\n\n{content}\n\n{end}{after}"
    return text
