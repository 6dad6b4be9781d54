"""What of a text is the answer, and what is a draft of it: the reasoning, in whatever marks. Knows no JSON."""

from __future__ import annotations

import re
from typing import NamedTuple

_WORDS = r"think(?:ing)?|thoughts?|reason(?:ing)?|analysis|reflection|scratchpad|(?:inner_?)?monologue|draft|cot"
_OPENS = re.compile(
    rf"<\|?(?:\w{{1,12}}:)?(?:ant|ctx)?(?:{_WORDS})(?:\s[^<>]{{0,80}})?\|?>|◁(?:{_WORDS})▷|\[(?:{_WORDS})\]"
    rf"|<\|(?:begin_of|start)_?(?:{_WORDS})\|>|<\|channel\|?>\s?(?:analysis|commentary|thought)"
    r"|(?<![^\s>])analysis(?=[A-Z])",  # a channel whose marks were cut as special tokens
    re.IGNORECASE,
)
_CLOSES = re.compile(
    rf"</\|?(?:\w{{1,12}}:)?(?:ant|ctx)?(?:{_WORDS})\|?>|<\|/(?:{_WORDS})\|>|◁/(?:{_WORDS})▷|\[/(?:{_WORDS})\]"
    rf"|<\|end_?(?:of_?)?(?:{_WORDS})\|>|<\|channel\|>\s?final(?:<\|message\|>)?|<channel\|>|assistantfinal"
    r"|<\|begin_of_solution\|>|<\|start_response\|>|<(?:final_?)?(?:answer|response|output|solution)>",
    re.IGNORECASE,
)
_HEADED = re.compile(
    r"^[\s#>*【\[]{0,8}(?:以下是)?(?:我的)?(?:思考过程|思考|推理过程|推理|分析过程|分析|构思|草稿|初稿|草案"
    r"|(?:here is )?(?:my )?(?:thinking|thoughts?|reasoning|analysis|(?:first )?draft)(?: process)?)"
    r"[\s*】\]]{0,4}[:：]",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWERED = re.compile(
    r"^[\s#>*【\[]{0,8}(?:以下是)?(?:(?:最终|正式|最后)的?(?:答案|输出|结果|版本?|回答|分镜(?:脚本)?|脚本)|答案|回答"
    r"|输出|定稿|正式版|final"
    r"|(?:here is )?(?:my |the )?(?:final )?(?:answer|output|response|result|version|storyboard))"
    r"[\s*】\]]{0,4}[:：]",
    re.IGNORECASE | re.MULTILINE,
)


class Reasoned(NamedTuple):
    answer: str
    drafts: list[str]  # in the order of the text
    is_headed: bool  # the answer begins with a draft under a heading of prose, whose end nothing marks


def split_reasoning(text: str, held: list[tuple[int, int]]) -> Reasoned:
    """Marks within what is `held`, the values of a text that are JSON, are no marks.

    A mark that closes what none has opened ends a draft that the prompt opened.
    """
    bare = _without(text, held)
    marks = sorted(
        [(mark.start(), mark.end(), True) for mark in _OPENS.finditer(bare)]
        + [(mark.start(), mark.end(), False) for mark in _CLOSES.finditer(bare)]
    )
    answers: list[str] = []
    drafts: list[str] = []
    at, inside = 0, False
    for start, end, opens in marks:
        if start < at or (opens and inside):
            continue
        if opens:
            answers.append(text[at:start])
        elif inside:
            drafts.append(text[at:start])
        else:
            drafts += [*answers, text[at:start]]
            answers.clear()
        inside, at = opens, end
    (drafts if inside else answers).append(text[at:])
    answer = "\n".join(answers)
    return _without_headed(answer, drafts, answer if marks else bare)


def _without_headed(answer: str, drafts: list[str], searched: str) -> Reasoned:
    """A draft under a heading of prose ends where another heading says that the answer begins."""
    begins = _HEADED.search(searched)
    ends = begins and _ANSWERED.search(searched, begins.end())
    if ends:
        return Reasoned(answer[ends.end() :], [*drafts, answer[: ends.start()]], is_headed=False)
    return Reasoned(answer, drafts, is_headed=begins is not None)


def _without(text: str, held: list[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in held:
        parts += [text[at:start], " " * (end - start)]
        at = end
    return "".join([*parts, text[at:]])
