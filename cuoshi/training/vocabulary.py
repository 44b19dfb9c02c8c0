"""The vocabulary: which pieces Chinese text needs, and the tokenizer over them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from cuoshi.classifier.errors import UsageError

SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
PREFIXES = ("▁query", "▁passage")  # the words multilingual-e5 was taught to begin a text with
_HAN = re.compile("[〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_OTHER_SCRIPT = re.compile("[\u3040-\u30ff\u31f0-\u31ff\uac00-\ud7af\u1100-\u11ff]")
_SHORT_LATIN = re.compile(r"[A-Za-z]{1,3}")


def is_chinese_piece(piece: str) -> bool:
    """Whether a piece is made of Han, digits, punctuation, symbols or at most three Latin letters."""
    if piece in PREFIXES:
        return True
    body = piece.lstrip("▁")
    if not body:
        return piece == "▁"
    if _OTHER_SCRIPT.search(body):
        return False
    rest = _HAN.sub("", body)
    if all(unicodedata.category(c)[0] in "NPS" and (ord(c) < 0x250 or ord(c) > 0x2000) for c in rest):
        return True
    return not _HAN.search(body) and _SHORT_LATIN.fullmatch(rest) is not None


def choose_pieces(
    pieces: Sequence[str], scores: Sequence[float], texts: Iterable[str], size: int
) -> list[int]:
    """Choose which pieces to keep: every single character, then what ``texts`` use, then the most probable.

    Args:
        pieces: the whole vocabulary.
        scores: its unigram log-probabilities.
        texts: text of the domain; pieces that occur in it are kept before others.
        size: how many pieces to keep, special tokens not counted.

    Returns:
        Indices into ``pieces`` in ascending order, special tokens left out.

    Raises:
        UsageError: ``size`` has no room for every single character.
    """
    candidates = [i for i, p in enumerate(pieces) if p not in SPECIALS and is_chinese_piece(p)]
    whole = build_tokenizer([pieces[i] for i in candidates], [scores[i] for i in candidates])
    used = {token for text in texts for token in whole.encode(text).tokens}

    first = {i for i in candidates if len(pieces[i].lstrip("▁")) <= 1 or pieces[i] in PREFIXES}
    if size < len(first):
        raise UsageError(
            f"a vocabulary of {size} pieces has no room for the {len(first)} single characters; "
            f"give a size of {len(first)} or more"
        )

    def rank(index: int) -> tuple[bool, bool, float]:
        return (index not in first, pieces[index] not in used, -scores[index])

    return sorted(sorted(candidates, key=rank)[:size])


def build_tokenizer(pieces: Sequence[str], scores: Sequence[float]) -> Tokenizer:
    """A unigram tokenizer over ``pieces`` with XLM-R's special tokens.

    The text is put in NFKC (full-width forms become half-width, ``…`` three dots), control characters
    go, and every run of blanks is one. Missing special tokens are added in their places.
    """
    table = [(p, s) for p, s in zip(pieces, scores, strict=True) if p not in SPECIALS and p != "<mask>"]
    vocabulary = [(p, 0.0) for p in SPECIALS] + table + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIALS.index("<unk>"), byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex("[\u200b-\u200f\u2028\u2029\ufeff\ufffd\u2581\\s]+"), " "),
            normalizers.Replace(Regex("[\u0000-\u001f\u007f-\u009f]"), ""),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in (*SPECIALS, "<mask>")])
    return tokenizer
