"""Whether a text is a model's refusal instead of a scene. A table of how models begin one; knows no storyboard.

Only a text that begins so counts: a person in a scene may be sorry, and then the scene begins with the person.
"""

from __future__ import annotations

import re

_SORRY = (
    r"(?:i(?:'?m| am)(?: (?:so|very|really|deeply))? (?:sorry|afraid)|sorry|(?:my )?apolog\w+|unfortunately"
    r"|非常抱歉|很抱歉|抱歉|对不起|不好意思|很遗憾)"
)
_MODEL = r"(?:as an? (?:ai|language model)\b|作为(?:一个|一名|一款)?(?:人工智能|AI|语言模型|大模型))"
_ME = r"(?:i|we|我们?)"
_UNABLE = (
    r"(?:can(?:'?t|not| not)|won't|will not|(?:am|are|'m) (?:not able|unable)|not able|unable"
    r"|无法|不能|没办法|没法|不便|不可以)"
)
_SERVE = (
    r"(?: to)? (?:help(?! but)|assist|comply|provide|create|generate|fulfil|write|continue|produce|engage|do th)"
    r"|(?:为您|为你|给您|给你|协助您|帮您)?(?:提供|协助|帮助|生成|创作|完成|满足|回答|继续|撰写|编写|处理|执行)"
)
_BEGINNING = re.compile(
    rf"[\s*#>]*(?:{_SORRY}.{{0,80}}?{_UNABLE}|{_MODEL}.{{0,80}}?{_UNABLE}|{_ME} ?(?:{_UNABLE})(?:{_SERVE}))",
    re.IGNORECASE | re.DOTALL,
)


def is_refusal(text: str) -> bool:
    return bool(_BEGINNING.match(text[:400].replace("’", "'")))
