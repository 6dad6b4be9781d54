"""What travels to a machine with a card and no network, and what it runs there."""

from __future__ import annotations

import inspect
import zipfile
from pathlib import Path

import pytest
import torch
from torch.nn.attention.varlen import varlen_attn

from tests.bench.gpu_kit.prepare import CUDA, ROOT, name_of, travelling, trim, wanted
from tests.bench.torch_211 import flash


def test_every_wheel_of_the_kit_has_one_version() -> None:
    pinned = {name_of(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()}

    assert len(wanted()) > 40
    assert set(wanted()) - pinned == set()


@pytest.mark.parametrize(
    ("wheel", "name"),
    [
        ("python_json_logger-4.2.0-py3-none-any.whl", "python_json_logger"),
        ("PyYAML-6.0-cp312-cp312-manylinux_2_17_x86_64.whl", "pyyaml"),
        ("jaraco.text-4.0-py3-none-any.whl", "jaraco_text"),
        ("Python-Json-Logger", "python_json_logger"),
    ],
)
def test_a_wheel_is_told_by_its_package_however_that_is_written(wheel: str, name: str) -> None:
    assert name_of(wheel) == name


def test_a_trimmed_wheel_has_the_libraries_of_one_cuda_and_names_no_other(tmp_path: Path) -> None:
    wheel = tmp_path / "bitsandbytes-1-py3-none-any.whl"
    kept = ["bitsandbytes/a.py", f"bitsandbytes/libbitsandbytes_{CUDA}.so", "bitsandbytes/libbitsandbytes_cpu.so"]
    names = [*kept, "bitsandbytes/libbitsandbytes_cuda118.so", "bitsandbytes/libbitsandbytes_rocm.so"]
    record = "bitsandbytes-1.dist-info/RECORD"
    with zipfile.ZipFile(wheel, "w") as file:
        for name in names:
            file.writestr(name, name)
        file.writestr(record, "".join(f"{name},sha256=x,1\n" for name in [*names, record]))

    trim(wheel)

    with zipfile.ZipFile(wheel) as file:
        assert file.namelist() == [*kept, record]
        assert [line.partition(",")[0] for line in file.read(record).decode().splitlines()] == [*kept, record]
        assert file.read(kept[0]).decode() == kept[0]
    assert list(tmp_path.iterdir()) == [wheel]


def test_the_checkout_travels_without_what_git_ignores() -> None:
    names = {str(path.relative_to(ROOT)) for path in travelling()}

    assert {"Makefile", "tests/bench/gpu_kit/run.sh", "worker/engine/batch.py"} <= names
    assert [name for name in names if name.startswith((".venv/", ".git/"))] == []


def test_the_adaptor_for_an_old_torch_has_the_new_kernels_face_and_reaches_the_operator() -> None:
    assert set(inspect.signature(flash).parameters) <= set(inspect.signature(varlen_attn).parameters)
    query, key = torch.zeros(2, 4, 8), torch.zeros(2, 2, 8)
    ends = torch.tensor([0, 1, 2], dtype=torch.int32)

    with pytest.raises(NotImplementedError, match=r"_flash_attention_forward.*'CPU' backend"):
        flash(query, key, key, ends, ends, 1, 1, scale=1.0, window_size=(-1, 0), enable_gqa=True)
