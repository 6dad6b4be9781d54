"""A model that cannot be served ends its worker with one line and the right code, whatever is wrong with it.

The public reports are those of test_failing_starts.py; the folders are one that works, broken in one place.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.integration.engine import tiny
from tests.integration.worker import harms
from tests.integration.worker.conftest import Words
from tests.integration.worker.heavy_zygote import End, Harm, heavy_zygote
from tests.integration.worker.processes import environment_of

pytestmark = pytest.mark.slow

Break = Callable[[Path], None]


def config(**changes: object) -> Break:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def text(name: str, content: str) -> Break:
    def write(folder: Path) -> None:
        (folder / name).write_text(content)

    return write


def gone(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def cut(name: str) -> Break:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def no_numbers(name: str) -> Break:
    """A tensor that holds none: as a checkpoint does whose training went astray, or that fp16 could not hold."""

    def change(folder: Path) -> None:
        path = folder / "model.safetensors"
        tensors = load_file(path)
        save_file({**tensors, name: torch.full_like(tensors[name], torch.nan)}, path, {"format": "pt"})

    return change


def template(source: str) -> Break:
    return text("chat_template.jinja", source)


FOLDERS: dict[str, tuple[Break, str]] = {
    "no heads": (config(num_attention_heads=0), "ZeroDivisionError"),
    "a size in words": (config(hidden_size="sixty-four"), "expected int"),
    "an activation that nobody knows": (config(hidden_act="nonsense"), "nonsense"),
    "a family that nobody knows": (config(model_type="nonsense"), "no class for 'nonsense'"),
    "rotary values of the wrong kind": (config(rope_scaling="nonsense"), "rope_parameters"),
    "other sizes than the weights": (config(hidden_size=128), "the config asks for"),
    "a config in a thousand brackets": (
        text("config.json", '{"model_type":' + "[" * 100_000 + "]" * 100_000 + "}"), "cannot be read"
    ),
    "a config that is none": (text("config.json", "[]"), "no JSON object"),
    "a tokenizer that is cut off": (cut("tokenizer.json"), "tokenizer cannot be loaded"),
    "weights that are cut off": (cut("model.safetensors"), "cut short or damaged"),
    "no weights": (gone("model.safetensors"), "holds no weights"),
    "NaN weights": (no_numbers("model.norm.weight"), "not finite.*MODEL__DTYPE"),
    "NaN weights in the last layer": (no_numbers("model.layers.1.mlp.down_proj.weight"), "not finite.*MODEL__DTYPE"),
    "a chat template that raises": (template("{{ raise_exception('no system, please') }}"), "no system, please"),
    "a chat template that is none": (template("{% for message in messages %}"), "TemplateSyntaxError: Unexpected"),
    "a chat template that asks for more": (template("{{ messages[7].content.nothing }}"), "template does not serve"),
    "a chat template that cuts the text": (
        template("{% for m in messages %}{{ m.content[:2] }}{% endfor %}"), "text does not come out of it whole"
    ),
    "a chat template that leaves the text out": (
        template("{% for m in messages %}{{ m.role }}{% endfor %}"), "text does not come out of it whole"
    ),
}  # fmt: skip
HARMS: dict[str, tuple[Harm, int, str]] = {
    "no memory": (partial(harms.raising, "models.load", "_native", MemoryError()), 70, "MemoryError"),
    "a library that ends the process": (
        partial(harms.raising, "models.load", "_native", SystemExit(1)), 78, "ended the process: 1"
    ),
    "a disk that fails": (
        partial(harms.raising, "models.checkpoint", "tensors", OSError(5, "Input/output error")), 70, "Input/output"
    ),
    "a driver, after the weights": (
        partial(harms.raising, "worker.backend.model", "BatchEngine.start", RuntimeError("CUDA error: x\ny")), 70, "x y"
    ),
    "a bug, after the weights": (
        partial(harms.raising, "worker.backend.model", "BatchEngine.start", KeyError("x")), 78, "KeyError"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def end() -> Iterator[End]:
    with heavy_zygote() as end:
        yield end


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("sound") / "model"
    tiny.save(folder)
    return folder


@pytest.fixture
def settings(redis_url: str, sound: Path, tmp_path: Path) -> dict[str, str]:
    """Of a worker with a model of its own to break."""
    shutil.copytree(sound, tmp_path / "model")
    return environment_of(redis_url, {"model__path": tmp_path / "model", "worker__metrics_port": 0})


def the_line(log: Path) -> str:
    (line,) = [line for line in log.read_text().splitlines() if line.startswith("scriptqueue worker: ")]
    assert "Traceback" not in log.read_text()
    return line


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_cannot_be_served_is_final(
    name: str, end: End, settings: dict[str, str], tmp_path: Path, words: Words
) -> None:
    spoil, line = FOLDERS[name]
    spoil(tmp_path / "model")

    assert end(settings, tmp_path / "log", None) == 78
    assert re.search(line, the_line(tmp_path / "log"))
    assert words() <= {"loading"}


@pytest.mark.parametrize("name", HARMS)
def test_what_happens_while_a_model_is_loaded_ends_the_worker(
    name: str, end: End, settings: dict[str, str], tmp_path: Path, words: Words
) -> None:
    harm, code, line = HARMS[name]

    assert end(settings, tmp_path / "log", harm) == code
    assert re.search(line, the_line(tmp_path / "log"))
    assert words() <= {"loading"}


def test_the_fallback_without_a_model_is_for_a_model_that_is_not_there_and_hides_no_fault_of_ours(
    end: End, settings: dict[str, str], tmp_path: Path, words: Words
) -> None:
    for harm, code, _ in (HARMS["no memory"], HARMS["a bug, after the weights"]):
        log = tmp_path / "log"
        assert end({**settings, "SCRIPTQUEUE_WORKER__FALLBACK_WITHOUT_MODEL": "true"}, log, harm) == code
    assert words() <= {"loading"}


def test_a_library_that_waits_and_lets_nothing_else_run_is_ended_by_the_kernel(
    end: End, settings: dict[str, str], tmp_path: Path, words: Words
) -> None:
    harm = partial(harms.waiting_with_pythons_lock, tmp_path / "pipe", "models.load", "_native")

    assert end({**settings, "SCRIPTQUEUE_WORKER__STALL_S": "1"}, tmp_path / "log", harm) == -signal.SIGALRM
    assert words() <= {"loading"}
