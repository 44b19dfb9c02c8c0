"""Reading: bytes in, an ``Article`` with its paragraphs out."""

from __future__ import annotations

from cuoshi.classifier.reading.article import Article, Paragraph
from cuoshi.classifier.reading.read import SUFFIXES, find_files, read_bytes, read_file, read_text

__all__ = ["SUFFIXES", "Article", "Paragraph", "find_files", "read_bytes", "read_file", "read_text"]
