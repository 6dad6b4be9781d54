"""What makes two jobs ask for the same, so that one storyboard can answer both.

Knows requests; not who keeps the storyboard (lua/sharing.lua), nor which model writes it.
"""

from __future__ import annotations

import json
from hashlib import sha256

from scriptqueue.schemas import DECIDING_LATER, JobRequest

# What decides the text; a seed that is left open is the same in every request. Not here: who is told (webhook,
# metadata), when it runs (priority, deadline, timeouts), and how long it is kept.
_DECIDING = frozenset(
    {
        "prompt",
        "min_scenes",
        "max_scenes",
        "target_duration_s",
        "language",
        "quality_keywords",
        "sampling",
        "allow_fallback",
    }
)


def dedup_key(request: JobRequest) -> str:
    """Equal for requests of one client that one result may answer; empty: this one wants a result of its own.
    The request's `sampling` must be whole, with the service's defaults and before a seed is drawn."""
    wants_new = request.base is not None or request.candidates > 1  # another take, or the best of several
    if not request.use_cache or (wants_new and request.sampling.seed is None):
        return ""
    # The stub's text depends on what it is told there; a model never sees it.
    deciding = request.model_dump(mode="json", include=set(_DECIDING)) | {"stub": request.metadata.get("stub")}
    deciding |= request.model_dump(mode="json", include=set(DECIDING_LATER), exclude_defaults=True)
    if request.base:
        deciding["base"] = request.base.storyboard  # whosever it is
    return sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()
