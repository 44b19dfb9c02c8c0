"""`cuoshi corpus`: check a corpus and tell what it is made of; measure the agreement of its two passes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuoshi.classifier.cli.options import JsonOption, TaxonomyOption
from cuoshi.classifier.cli.output import emit, emit_json, notice
from cuoshi.classifier.cli.tables import print_tables
from cuoshi.classifier.errors import DataError

app = typer.Typer(
    help="Check a labelled corpus and tell what it is made of; measure the agreement of its passes.",
    no_args_is_help=True,
)

FolderArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FOLDER]",
        help="train.jsonl, validation.jsonl and test.jsonl; the shipped corpus by default.",
    ),
]


@app.command("check")
def check(
    folder: FolderArgument = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            metavar="FILE",
            help="JSONL with outside texts that no paragraph may be near to; repeatable.",
        ),
    ] = None,
    taxonomy: TaxonomyOption = None,
    as_json: JsonOption = False,
    write_readme: Annotated[
        bool, typer.Option("--write-readme", help="Refresh the tables in the corpus's README.md.")
    ] = False,
) -> None:
    """Check the rows and the splits of a corpus and print what it is made of.

    Exit codes: 0 no problem; 2 wrong usage; 3 problems, which are listed.
    """
    from cuoshi.classifier.taxonomy import load_taxonomy
    from cuoshi.training.composition import composition, composition_tables, few_positives_line
    from cuoshi.training.corpus import near_duplicates, read_corpus, shipped_corpus
    from cuoshi.training.data import problem_list
    from cuoshi.training.datasheet import refresh

    labels = load_taxonomy(taxonomy)
    corpus = read_corpus(folder or shipped_corpus(), labels)
    near = near_duplicates(corpus, against or [])
    problems = [*corpus.problems, *near.problems]
    figures = composition(corpus, labels)
    counts = {"within": near.within, "short_across": near.short_across}
    if as_json:
        emit_json({**figures, "near_duplicates": counts, "problems": problems})
    else:
        print_tables(composition_tables(figures, labels))
        inside = ", ".join(f"{count} in {split}" for split, count in near.within.items())
        emit(few_positives_line(figures).replace("`", "") + "\n")
        emit(f"Near-duplicate pairs: {inside}; {near.short_across} of short texts across splits.\n")
    if problems:
        raise DataError(problem_list(problems))
    if write_readme:
        changed = refresh(corpus, labels)
        notice(f"README.md {'written' if changed else 'is up to date'}")


@app.command("agreement")
def agreement(
    folder: FolderArgument = None, taxonomy: TaxonomyOption = None, as_json: JsonOption = False
) -> None:
    """Measure how far the two labelling passes of a corpus agree.

    Per label: counts, F1, Cohen's kappa, Krippendorff's alpha. Over all: micro-F1, equal label sets,
    Krippendorff's alpha over the label decisions and, with MASI distance, over the label sets.
    """
    from cuoshi.classifier.taxonomy import load_taxonomy
    from cuoshi.training import agreement as figures
    from cuoshi.training.corpus import read_corpus, shipped_corpus
    from cuoshi.training.data import problem_list

    labels = load_taxonomy(taxonomy)
    corpus = read_corpus(folder or shipped_corpus(), labels)
    if corpus.problems:
        raise DataError(problem_list(corpus.problems))
    found = figures.agreement(corpus, labels)
    if as_json:
        emit_json(found)
    else:
        print_tables(figures.agreement_tables(found, labels))
