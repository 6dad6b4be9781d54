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
    answers, drafts, at, inside = [], [], 0, False
    for start, end, opens in marks:
        if start < at:
            continue
        if opens and not inside:
            answers.append(text[at:start])
        elif not opens:
            drafts.extend([*answers, text[at:start]] if not inside else [text[at:start]])
            answers = answers if inside else []
        inside, at = (True, at if inside and opens else end) if opens else (False, end)
    (drafts if inside else answers).append(text[at:])
    headed, rest = _headed("\n".join(answers), bare if not marks else None)
    return Reasoned(rest, [*drafts, *headed[:1]], bool(headed[1:]))


def _headed(answer: str, bare: str | None) -> tuple[list[str], str]:
    """The draft under a heading of prose, and the answer after it; with a second element when no heading ends it."""
    searched = answer if bare is None else bare
    begins = _HEADED.search(searched)
    if not begins:
        return [], answer
    ends = _ANSWERED.search(searched, begins.end())
    return ([answer[: ends.start()]], answer[ends.end() :]) if ends else (["", ""], answer)


def _without(text: str, held: list[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in held:
        parts += [text[at:start], " " * (end - start)]
        at = end
    return "".join([*parts, text[at:]])
