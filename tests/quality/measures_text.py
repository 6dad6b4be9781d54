"""What can be measured of a text: pure functions, for any language. Knows no board and no model.

Whether two texts are alike is shared/board/likeness.py's, by which the engine judges scenes as well; whether one says
the prompt back is shared/board/prompt_words.py's, by which candidates are chosen.
"""

from __future__ import annotations

import re
import unicodedata

from shared.board.likeness import DENSE_LETTER, gram_size
from shared.board.text import folded

_DEBRIS = re.compile(
    r"[{}\[\]]|\\[nrtu\"\\]|```|</?s>|<\||\|>|\[/?INST\]|\"\s*:|\",\s*\"|“[,，。]”|[\"']?\b(?:scene_number|video_prompt)\b"
    r"|\b(?:description|duration|camera|action|title|scenes)[\"'”]\s*[:：]|\bJSON\b",
    re.IGNORECASE,
)
_KANA, _LATIN = re.compile("[\u3040-\u30ff]"), re.compile(r"[A-Za-zÀ-ɏ]+")
_LABELS = ("画面描述", "描述为", "动作和", "场景编号", "what is seen", "what happens in it")
# Words of praise, of resolution and of cameras, which the guides of all video models tell to leave out, with what they
# are in the languages of the prompts.
_FORBIDDEN = re.compile(
    r"\b(?:beautiful(?:ly)?|stunning|breathtaking|gorgeous|masterpiece|cinematic|[48]k|uhd|(?:high|best)[ -]quality"
    r"|ultra[- ]detailed|award[- ]winning|imax|arri|panavision|blackmagic|leica|nikon|canon|kodak"
    r"|hermos[oa]s?|impresionantes?|cinematográfic[oa]s?|magnifiques?|époustouflante?s?|cinématographiques?"
    r"|wunderschöne?[nmrs]?|atemberaubend\w*|filmisch\w*)\b"
    r"|绝美|唯美|美丽|震撼|电影感|电影级|高清|超清|高质量|杰作|美しい|映画のような|高画質|傑作",
    re.IGNORECASE,
)


def repeated_share(text: str) -> tuple[int, int]:
    """How many of its grams stood in it before, and how many there are: of natural text hardly any."""
    plain = folded(text)
    size = 2 * gram_size(plain)
    runs = [plain[i : i + size] for i in range(len(plain) - size + 1)]
    return len(runs) - len(set(runs)), len(runs)


def has_debris(text: str) -> bool:
    """Marks of JSON, of chat formats or of code in a text to be filmed, or a label of the instructions."""
    return bool(_DEBRIS.search(text)) or any(label in text for label in _LABELS)


def has_forbidden(text: str, prompt: str) -> bool:
    """A word that guides tell to leave out, and that the prompt did not bring."""
    wanted = {word.casefold() for word in _FORBIDDEN.findall(prompt)}
    return any(word.casefold() not in wanted for word in _FORBIDDEN.findall(text))


def in_script(text: str, language: str) -> bool:
    """Whether a text is in the language's script; a Latin name may stand in any, and counts as one character."""
    plain = unicodedata.normalize("NFKC", text)
    dense, kana = len(DENSE_LETTER.findall(plain)), len(_KANA.findall(plain))
    words = len(_LATIN.findall(plain))
    match language:
        case "ja":
            return kana > 0 and dense >= words
        case "zh":
            return dense >= words and kana * 6 < max(1, dense)
    return dense <= words
