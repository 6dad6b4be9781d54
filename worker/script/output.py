"""The three steps from a model's text to a storyboard, under the names that tools rely on."""

from worker.script.fallback import fallback
from worker.script.parse import parse
from worker.script.validate import validate

__all__ = ["fallback", "parse", "validate"]
