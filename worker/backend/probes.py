"""What a model is asked before any job: that it writes at all, and what tells it from another. Knows no model."""

from __future__ import annotations

from scriptqueue.schemas import JobRequest

# What these become tells one version of prompts, languages, grammar and model from another.
PROBES = [
    JobRequest(prompt=text)
    for text in ("probe", "试写一页", "ためし書き", "пробный текст", "시험 글", "une histoire de la mer", "نص تجريبي")
]
PROOF = [{"role": "system", "content": "You output JSON only."}, {"role": "user", "content": "The title of a story:"}]
PROOF_SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string", "pattern": r'^[^\s\x00-\x20"\\]{1,4}$'}},
    "required": ["title"],
    "additionalProperties": False,
}
