"""Models without the service: `python -m models list | pull | convert | verify | generate`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from models import obtain, verify
from models.catalogue import CATALOGUE
from models.web import one_line
from shared.errors import ScriptqueueError
from shared.settings import ModelSettings, from_environment

LINE_MAX = 2000  # letters of what went wrong: an embedded model has a reason for each of its sources
WIDE = 170  # columns, where there is no terminal that says how many it has


def main(argv: list[str] | None = None) -> int:
    """Exit 0 done, 1 failed with one line on stderr, 2 usage."""
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments, from_environment().model)
    except (ScriptqueueError, OSError) as error:
        print(f"models: {one_line(why(error), LINE_MAX)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("models: stopped; the same command goes on from here", file=sys.stderr, flush=True)
        os._exit(130)  # an orderly exit would wait for threads that wait for a server


def why(error: Exception) -> str:
    """In words; of a folder that is somebody else's, a host's volume mostly, also who may not write there."""
    of_whom = f"; this is user {os.geteuid()}" if isinstance(error, PermissionError) else ""
    return f"{error}{of_whom}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the catalogue, and what is in the cache")
    pull = commands.add_parser("pull", help="download a model; what was cut goes on where it stopped")
    pull.add_argument("name")
    pull.add_argument("--source", choices=obtain.SOURCES, help="where from (default: hf)")
    pull.add_argument("--endpoint", help="a mirror of the source; for git a repository, or what it lies below")
    pull.add_argument("--revision", help="a branch, tag or commit")
    pull.add_argument("--to", type=Path, help="a folder instead of the cache")
    convert = commands.add_parser("convert", help="a legacy checkpoint as a native safetensors folder")
    convert.add_argument("src", type=Path)
    convert.add_argument("dst", type=Path)
    convert.add_argument("--dtype", choices=("fp16", "bf16", "fp32"), default="fp16")
    check = commands.add_parser("verify", help="files, tensors, tokenizer and a few words of a model's folder")
    check.add_argument("dir", type=Path)
    generate = commands.add_parser("generate", help="one plain generation")
    generate.add_argument("model", help="a folder or a name")
    generate.add_argument("prompt")
    generate.add_argument("--tokens", type=int, default=256, help="at most so many (default: 256)")
    return parser


def _run(arguments: argparse.Namespace, settings: ModelSettings) -> int:
    match arguments.command:
        case "list":
            _list(settings.cache_dir)
        case "pull":
            print(_pull(arguments, settings))
        case "convert":
            from models.convert import convert

            convert(arguments.src, arguments.dst, arguments.dtype)
            print(arguments.dst)
        case "verify":
            return 0 if verify.verify(arguments.dir, print) else 1
        case _:
            from models.load import load

            endpoint = settings.hub_endpoint
            loaded = load(arguments.model, dtype="auto", cache_dir=settings.cache_dir, endpoint=endpoint)
            ids = loaded.chat([{"role": "user", "content": arguments.prompt}])
            print(verify.continuation(loaded, ids, arguments.tokens))
    return 0


def _pull(arguments: argparse.Namespace, settings: ModelSettings) -> Path:
    endpoint = arguments.endpoint
    if arguments.source in {None, "hf"}:  # the setting is a mirror of the Hugging Face hub, of nothing else
        endpoint = endpoint or settings.hub_endpoint
    return obtain.obtain(
        arguments.name,
        settings.cache_dir,
        endpoint,
        source=arguments.source,
        revision=arguments.revision,
        to=arguments.to,
    )


def _list(cache_dir: Path) -> None:
    table = Table()
    for title in ("name", "family", "download", "GB at 16/8/4 bits", "context", "languages", "licence", "cached"):
        table.add_column(title, no_wrap=title not in {"languages", "licence"}, overflow="fold")
    for model in CATALOGUE:
        table.add_row(
            model.name,
            model.family,
            f"{model.size_bytes / 1e9:.1f} GB",
            " / ".join(f"{model.parameters.memory_bytes(bits) / 1e9:.1f}" for bits in (16, 8, 4)),
            str(model.context_tokens),
            model.languages,
            model.licence,
            "yes" if obtain.cached(model.name, cache_dir) else "no",
        )
    console = Console()
    Console(width=None if console.is_terminal else WIDE).print(table)


if __name__ == "__main__":
    sys.exit(main())
