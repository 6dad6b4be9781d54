"""`python -m models` as a user runs it: pull, list, verify, and what it says when something is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.__main__ import main
from models.catalogue import CATALOGUE
from tests.integration.downloads.conftest import NEEDED, SHARDS, names
from tests.integration.downloads.servers import Hub, closed_port

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_MODEL__CACHE_DIR", str(cache))


def test_list_shows_every_model_and_what_is_in_the_cache(hub: Hub, capsys: Captured) -> None:
    main(["pull", "chatglm3-6b", "--endpoint", hub.url])
    capsys.readouterr()

    assert main(["list"]) == 0

    rows = {cells[1].strip(): cells for line in capsys.readouterr().out.splitlines() if (cells := line.split("│"))[1:]}
    assert set(rows) == {model.name for model in CATALOGUE}
    assert "12.5 / 6.8 / 4.3" in rows["chatglm3-6b"][4]
    assert [name for name, cells in rows.items() if cells[-2].strip() == "yes"] == ["chatglm3-6b"]


@pytest.mark.parametrize("way", ["--endpoint", "setting", "HF_ENDPOINT"])
def test_a_mirror_is_named_in_three_ways(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way != "--endpoint":
        monkeypatch.setenv("SCRIPTQUEUE_MODEL__ENDPOINT" if way == "setting" else way, hub.url)

    assert main(["pull", "chatglm3-6b", *(["--endpoint", hub.url] if way == "--endpoint" else [])]) == 0

    assert hub.fetched() == NEEDED


def test_a_mirror_of_one_hub_is_not_taken_for_another(
    hub: Hub, modelscope: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Captured
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    to = tmp_path / "model"

    command = ["pull", "chatglm3-6b", "--source", "modelscope", "--endpoint", modelscope.url, "--to", str(to)]
    assert main(command) == 0

    assert capsys.readouterr().out == f"{to}\n"
    assert names(to) == {*NEEDED, "download.json"}
    assert hub.requests == []


def test_a_failure_is_one_line_and_exit_1(capsys: Captured) -> None:
    assert main(["pull", "chatglm3-6b", "--endpoint", closed_port()]) == 1

    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("models: 127.0.0.1 cannot be reached")
    assert output.err.count("\n") == 1


def test_a_wrong_name_is_answered_with_the_nearest(capsys: Captured) -> None:
    assert main(["pull", "chatglm3-6"]) == 1

    assert "chatglm3-6 is no known model (did you mean chatglm3-6b?)" in capsys.readouterr().err


def test_an_unknown_source_is_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pull", "chatglm3-6b", "--source", "ftp"])

    assert ended.value.code == 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_pull_that_is_stopped_goes_on_where_it_was(
    hub: Hub, cache: Path, how: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # what is killed leaves a scratch folder
    hub.stall[SHARDS[0]] = 200_000
    command = [sys.executable, "-m", "models", "pull", "chatglm3-6b", "--endpoint", hub.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as pull:
        assert hub.silence.wait(30)
        part = cache / "chatglm3-6b"
        while not [path for path in part.rglob(f"{SHARDS[0]}.part") if path.stat().st_size > 100_000]:
            assert pull.poll() is None
        pull.send_signal(how)
        stderr = pull.communicate(timeout=10)[1]

    assert pull.returncode == (130 if how == signal.SIGINT else -how)
    assert how == signal.SIGKILL or stderr.endswith("models: stopped; the same command goes on from here\n")
    assert main(["pull", "chatglm3-6b", "--endpoint", hub.url]) == 0
    (folder,) = (cache / "chatglm3-6b").iterdir()
    assert (folder / SHARDS[0]).read_bytes() == hub.files[SHARDS[0]]
    start = int((hub.ranges_of(SHARDS[0])[1] or "bytes=0-")[len("bytes=") : -1])
    assert 100_000 < start <= 200_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny native model with a byte-level tokenizer and ChatML."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = {letter: place for place, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(letters, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|im_start|>"), AddedToken("<|im_end|>")])
    folder = tmp_path_factory.mktemp("whole")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>").save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=258, max_position_embeddings=512, **size))
    model.save_pretrained(folder, max_shard_size="20KB")
    return folder


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in whole.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_verify_says_of_a_whole_model_that_everything_holds(model: Path, capsys: Captured) -> None:
    assert main(["verify", str(model)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"ok     {w}" for w in ("files", "tensors", "tokenizer", "generation")
    ]
    assert "llama" in lines[3]


def test_verify_checks_a_download_against_its_record(hub: Hub, cache: Path, capsys: Captured) -> None:
    main(["pull", "chatglm3-6b", "--endpoint", hub.url])
    (folder,) = (cache / "chatglm3-6b").iterdir()
    whole = (folder / SHARDS[0]).read_bytes()
    (folder / SHARDS[0]).write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    (folder / SHARDS[1]).write_bytes(b"cut")
    (folder / "tokenizer.model").unlink()
    capsys.readouterr()

    assert main(["verify", str(folder)]) == 1

    files = capsys.readouterr().out.splitlines()[0]
    assert files.startswith("WRONG  files:")
    assert f"{SHARDS[0]}: sha256" in files
    assert f"{SHARDS[1]} has 3 bytes instead of 200000" in files
    assert "tokenizer.model is missing" in files


def _shard(folder: Path) -> Path:
    return sorted(folder.glob("model-*.safetensors"))[0]


def test_verify_notices_a_shard_that_is_missing(model: Path, capsys: Captured) -> None:
    shard = _shard(model)
    shard.unlink()

    assert main(["verify", str(model)]) == 1
    assert f"lacks {shard.name}" in capsys.readouterr().out


def test_verify_notices_a_shard_that_is_cut_short(model: Path, capsys: Captured) -> None:
    shard = _shard(model)
    shard.write_bytes(shard.read_bytes()[:-100])

    assert main(["verify", str(model)]) == 1
    assert f"{shard} is cut short" in capsys.readouterr().out


def test_verify_notices_a_tensor_too_few(model: Path, capsys: Captured) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))

    assert main(["verify", str(model)]) == 1
    assert "missing" in capsys.readouterr().out


def test_verify_notices_weights_that_are_no_numbers(model: Path, capsys: Captured) -> None:
    from safetensors.torch import load_file, save_file

    shard = _shard(model)
    save_file({name: tensor * float("nan") for name, tensor in load_file(shard).items()}, shard, {"format": "pt"})

    assert main(["verify", str(model)]) == 1
    assert "WRONG  generation: its logits are not finite" in capsys.readouterr().out


def test_verify_notices_a_tokenizer_that_is_damaged(model: Path, capsys: Captured) -> None:
    (model / "tokenizer.json").write_text('{"version": ')

    assert main(["verify", str(model)]) == 1
    assert "tokenizer.json cannot be read" in capsys.readouterr().out


def test_verify_runs_no_code_and_says_that_it_is_there(model: Path, capsys: Captured) -> None:
    (model / "modeling_evil.py").write_text("raise SystemExit('ran')")

    assert main(["verify", str(model)]) == 0
    assert "modeling_evil.py: code, never read" in capsys.readouterr().out


def test_verify_of_no_folder_is_wrong(tmp_path: Path, capsys: Captured) -> None:
    assert main(["verify", str(tmp_path / "none")]) == 1
    assert "is no folder" in capsys.readouterr().out


def test_generate_writes_from_a_folder(model: Path, capsys: Captured) -> None:
    assert main(["generate", str(model), "hello", "--tokens", "3"]) == 0
    assert capsys.readouterr().out
