"""cuoshi labels paragraphs of Chinese articles with the epidemic-control measures they report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cuoshi.classifier.predict import Classifier, Selection

__version__ = "0.1.0"
__all__ = ["Classifier", "Selection", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the public classes when they are first used, so that `cuoshi --help` stays quick."""
    if name in {"Classifier", "Selection"}:
        from cuoshi.classifier import predict

        return getattr(predict, name)
    raise AttributeError(f"module 'cuoshi' has no attribute '{name}'")
