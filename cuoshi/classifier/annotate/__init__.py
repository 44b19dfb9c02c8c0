"""Long runs: many inputs into one output, resumable at any moment, exact to the byte.

``annotate`` does a run; ``annotate_rows`` is its work alone, for those who bring rows and write them
themselves.
"""

from __future__ import annotations

from cuoshi.classifier.annotate.inputs import Input, find_inputs
from cuoshi.classifier.annotate.job import Elsewhere, Job, Listener, Terminated
from cuoshi.classifier.annotate.manifest import RunManifest, read_manifest
from cuoshi.classifier.annotate.plan import Plan, Reject, Unit
from cuoshi.classifier.annotate.run import annotate
from cuoshi.classifier.annotate.target import Target, choose_target
from cuoshi.classifier.annotate.work import Annotated, annotate_rows, annotate_units

__all__ = [
    "Annotated",
    "Elsewhere",
    "Input",
    "Job",
    "Listener",
    "Plan",
    "Reject",
    "RunManifest",
    "Target",
    "Terminated",
    "Unit",
    "annotate",
    "annotate_rows",
    "annotate_units",
    "choose_target",
    "find_inputs",
    "read_manifest",
]
