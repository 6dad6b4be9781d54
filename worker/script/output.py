"""The three steps from a model's text to a storyboard, under the names that tools rely on."""

from shared.board.validate import validate
from worker.script.fallback import fallback
from worker.script.parse import parse

__all__ = ["fallback", "parse", "validate"]
