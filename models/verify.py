"""Whether a folder is a whole, working model: its files, tensors, tokenizer, and a few words from it.

Asks the same code that serves: what passes here loads. Knows no network; checksums are those of `download.json`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from models import cache, fetch
from models.fetch import Checksum
from models.files import TOKENIZER_BYTES, read_json, refusals_in_one_line, require_plain
from shared.errors import ModelUnavailable, ScriptqueueError

if TYPE_CHECKING:
    from models.load import LoadedModel

TEXTS = (
    "一只猫在雨中走过老街。",
    "A cat walks down the old street, in the rain.",
    "line one\n  line two\t\u20ac 3.50, naïve, 😀 <|im_end|> [INST]",
)
PROMPT = "Describe a sunrise in one sentence."
NEW_TOKENS = 12

Say = Callable[[str], None]


def verify(folder: Path, say: Say) -> bool:
    """Say of each check that it holds or what is wrong, in one line each; whether all hold."""
    if not folder.is_dir():
        say(f"WRONG  {folder} is no folder")
        return False
    sound = True
    for title, check in (("files", _files), ("tensors", _tensors), ("tokenizer", _tokenizer), ("generation", _words)):
        try:
            say(f"ok     {title}: {check(folder)}")
        except (ScriptqueueError, ValueError) as error:
            say(f"WRONG  {title}: {error}")
            sound = False
            if check is _tensors:
                say("       generation: not tried")
                break
    return sound


def _files(folder: Path) -> str:
    """Sizes and checksums against what was downloaded; without a record, what the folder itself promises."""
    require_plain(folder)
    for path in folder.glob("*.json"):
        read_json(path, TOKENIZER_BYTES)
    code = sorted(path.name for path in folder.glob("**/*.py"))
    unread = f"; {', '.join(code[:3])}{' ...' if code[3:] else ''}: code, never read" if code else ""
    record = cache.read_record(folder)
    if record is None:
        files = [path for path in folder.iterdir() if path.is_file()]
        size = cache.in_words(sum(path.stat().st_size for path in files))
        return f"{len(files)}, {size}, checksums not known (no {cache.RECORD}){unread}"
    faults, known = [], 0
    for name, facts in record.files.items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif path.stat().st_size != facts["size_bytes"]:
            faults.append(f"{name} has {path.stat().st_size} bytes instead of {facts['size_bytes']}")
        else:
            for kind in {"sha256", "git"} & facts.keys():
                known += 1
                try:
                    fetch.check_checksum(path, Checksum(kind, facts[kind]))
                except ScriptqueueError as error:
                    faults.append(str(error))
    if faults:
        raise ModelUnavailable("; ".join(faults))
    size = cache.in_words(sum(facts["size_bytes"] for facts in record.files.values()))
    return f"{len(record.files)}, {size}, {known} checksums of {record.source} hold{unread}"


def _tensors(folder: Path) -> str:
    from models import checkpoint, native
    from models.folder import open_folder, plan, weights

    with refusals_in_one_line(folder):
        opened = open_folder(folder)
        tensors = weights(opened)
        if not opened.legacy:
            native.require_tensors_of(opened.native_class(), opened.config, tensors, folder)
            bits = f", quantised to {opened.held_bits} bits" if opened.held_bits != 16 else ""
            return f"{len(tensors)} in {len(checkpoint.shards(folder))} files, {opened.model_type}{bits}"
        pieces = plan(opened, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    assert opened.family is not None
    return f"{len(tensors)} of the checkpoint are the {len(pieces)} of {opened.family.native}"


def _tokenizer(folder: Path) -> str:
    from models.load import load_tokenizer

    text = load_tokenizer(folder)
    for sample in TEXTS:
        back = text.tokenizer.decode(text.encode(sample), clean_up_tokenization_spaces=False)
        if back != sample:
            raise ModelUnavailable(f"{sample!r} comes back as {back!r}")
    return f"{len(text.tokenizer)} tokens, {len(TEXTS)} texts come back as they were"


def _words(folder: Path) -> str:
    from models.load import load

    loaded = load(folder, dtype="auto")
    ids = loaded.chat([{"role": "user", "content": PROMPT}])
    rows = loaded.model.config.vocab_size
    if max(ids) >= rows:  # load leaves no such token: this would be our own fault
        raise ModelUnavailable(f"the tokenizer gives the id {max(ids)}, the model knows {rows}")
    if len(ids) + NEW_TOKENS > loaded.context_tokens:
        raise ModelUnavailable(f"a context of {loaded.context_tokens} tokens is too short for a prompt of {len(ids)}")
    return f"{loaded.family} in {loaded.dtype} on {loaded.device} says {continuation(loaded, ids, NEW_TOKENS)!r}"


def continuation(loaded: LoadedModel, ids: list[int], new_tokens: int) -> str:
    """What a model writes after a prompt, greedily; raises `ModelUnavailable` if its logits are no numbers."""
    import torch

    prompt = torch.tensor([ids], device=loaded.model.device)
    with torch.no_grad():
        logits = loaded.model(prompt).logits
        if not bool(torch.isfinite(logits).all()):
            raise ModelUnavailable("its logits are not finite: the weights are damaged, or need another dtype")
        out = loaded.model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=new_tokens, do_sample=False
        )
    text: str = loaded.tokenizer.decode(out[0, prompt.shape[1] :], skip_special_tokens=True)
    return text
