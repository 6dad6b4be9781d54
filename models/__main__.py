"""`python -m models list | pull NAME | generate NAME_OR_DIR PROMPT`: models without the service."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from models import embedded
from models.catalogue import EMBEDDED
from shared.errors import ScriptqueueError
from shared.settings import from_environment


def main(argv: list[str] | None = None) -> int:
    """Exit 0 done, 1 failed with one line on stderr, 2 usage."""
    parser = argparse.ArgumentParser(prog="python -m models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the catalogue, and what is in the cache")
    pull = commands.add_parser("pull", help="download a model into the cache")
    pull.add_argument("name")
    pull.add_argument("--endpoint", help="a mirror of the Hugging Face hub")
    generate = commands.add_parser("generate", help="one plain generation")
    generate.add_argument("model", help="a name or a folder")
    generate.add_argument("prompt")
    arguments = parser.parse_args(argv)
    try:
        settings = from_environment().model
        if arguments.command == "list":
            _list(settings.cache_dir)
        elif arguments.command == "pull":
            endpoint = arguments.endpoint or settings.endpoint or os.environ.get("HF_ENDPOINT")
            print(embedded.obtain(arguments.name, settings.cache_dir, endpoint))
        else:
            _generate(arguments.model, arguments.prompt)
    except ScriptqueueError as error:
        print(f"models: {error}", file=sys.stderr)
        return 1
    return 0


def _list(cache_dir: Path) -> None:
    table = Table("name", "size", "context", "languages", "licence", "cached")
    for model in EMBEDDED:
        here = "yes" if embedded.cached(model.name, cache_dir) else "no"
        size = f"{model.size_bytes >> 20} MB"
        table.add_row(model.name, size, str(model.context_tokens), model.languages, model.licence, here)
    Console().print(table)


def _generate(name: str, prompt: str) -> None:
    import torch

    from models.load import load

    loaded = load(name, dtype="auto")
    ids = torch.tensor([loaded.chat([{"role": "user", "content": prompt}])], device=loaded.model.device)
    with torch.no_grad():
        out = loaded.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=256, do_sample=False)
    print(loaded.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))


if __name__ == "__main__":
    sys.exit(main())
