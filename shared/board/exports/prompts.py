"""A board's prompts for one video model, a text a shot: what is pasted into its page, or read line by line by tools.

A line is a shot. The two models whose prompts have lines of their own have a line of dashes between shots. What not to
show, where the model takes that, stands once at the end.
"""

from __future__ import annotations

from scriptqueue.schemas import Storyboard, TargetName
from shared.board.exports.shots import on_one_line
from shared.board.targets.prompts import target_prompts
from shared.board.targets.table import TARGETS

BETWEEN = "\n---\n"
NEGATIVE = "Negative prompt: "


def prompts_text(board: Storyboard, target: TargetName) -> str:
    """The prompts that the board has for the target; one that was written without it has them made now."""
    texts = [(scene.prompts or {}).get(target, "") for scene in board.scenes]
    if not all(texts):
        texts = target_prompts(board, target)
    listed = BETWEEN.join(texts) if TARGETS[target].has_lines else "\n".join(map(on_one_line, texts))
    negative = TARGETS[target].negative_prompt
    return f"{listed}\n" + (f"\n{NEGATIVE}{negative}\n" if negative else "")
