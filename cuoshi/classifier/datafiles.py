"""Where the package's data lie: `labels/` and `models/`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cuoshi


def data_folder(name: Literal["labels", "models"]) -> Path:
    """The folder `labels/` or `models/` that belongs to the running package.

    A wheel carries both under `cuoshi/_data/`; an editable checkout has them beside the package folder and
    reads them in place. The folder is not checked: who opens a file in it reports what is missing.
    """
    package = Path(cuoshi.__file__).parent
    checkout = package.parent
    if (checkout / "labels" / "taxonomy.yaml").is_file():
        return checkout / name
    return package / "_data" / name
