"""What /docs says before its operations: how to begin, and what each group of them is for. Texts only."""

from __future__ import annotations

INTRODUCTION = """\
Queue creative prompts, get validated video storyboards. Errors are problem+json (RFC 9457).

```sh
curl -s localhost:8000/jobs -H 'Content-Type: application/json' -d '{"prompt": "雨中的猫"}'  # a job with its id
curl -s localhost:8000/jobs/ID -H 'Prefer: wait=60'            # the job once it changes, or after 60 s; until `done`
curl -sN localhost:8000/jobs/ID/events                         # its scenes as they come
curl -s localhost:8000/jobs/ID/result                          # the storyboard
curl -sO -J 'localhost:8000/jobs/ID/result?format=csv'         # as a file for a spreadsheet
```
"""

TAGS = [
    {"name": "jobs", "description": "One prompt, one storyboard: queue it, follow it, take it further, hand it on."},
    {"name": "batches", "description": "Up to 1,000 jobs at once, all or none."},
    {"name": "storyboards", "description": "Boards without a job: no model and no worker is needed."},
    {"name": "dead", "description": "Jobs that ended their worker too often, to look at and to queue anew."},
    {"name": "service", "description": "How the service is and what it knows: queue, health, metrics, schemas."},
]


def summary_of(description: str) -> str:
    """What an operation is called in a list: what stands before the first full stop, colon or semicolon."""
    text = " ".join(description.split())
    ends = [at for mark in (". ", ": ", "; ") if (at := text.find(mark)) != -1]
    return text[: min(ends, default=len(text))].rstrip(".").replace("`", "")
