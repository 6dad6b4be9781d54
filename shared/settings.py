"""All settings, read once from the environment as `SCRIPTQUEUE_SECTION__FIELD`.

Settings are values: built at the start of a process, passed on, never mutated. A misspelt name stops the start with
its name, because pydantic-settings by itself ignores a misspelt section.
"""

from __future__ import annotations

import difflib
import os
import re
from base64 import b64decode
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.environment import is_service_link, read_secret, stands_in_quotes
from shared.errors import SettingsInvalid
from shared.redis_address import RedisAddress, read_address
from shared.setting_lists import listed, split_keys, split_weights, weights_of

PREFIX = "SCRIPTQUEUE_"
IN_A_FILE = "_file"
MOST_ROWS = 512
CLIENT_NAMES = frozenset({"SCRIPTQUEUE_URL", "SCRIPTQUEUE_API_KEY"})  # the command-line client's, no settings
_HOST = re.compile(r"(?!.*\.\.)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", re.IGNORECASE)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?", re.IGNORECASE)


class Section(BaseModel):
    """One group of settings: frozen, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, values: Any) -> Any:
        """`x_file` names a file that holds x, as secrets of Docker and Kubernetes do."""
        if not isinstance(values, dict):
            return values
        named = {name.removesuffix(IN_A_FILE): name for name in values if name.endswith(IN_A_FILE)}
        named = {name: in_a_file for name, in_a_file in named.items() if name in cls.model_fields}
        if twice := sorted(named.keys() & values.keys()):
            raise ValueError(f"{twice[0]} and {twice[0]}{IN_A_FILE} are both set: only one of them can be meant")
        others = {name: value for name, value in values.items() if name not in named.values()}
        return others | {name: read_secret(in_a_file, values[in_a_file]) for name, in_a_file in named.items()}


class RedisSettings(Section):
    url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Where jobs and doorbells live.")
    password: SecretStr = Field(SecretStr(""), description="Its password as it is, where the URL has none.")
    prefix: str = Field(
        "",
        pattern=r"^[\w.:-]{0,64}$",
        description="Before the name of every key and channel, so that several deployments share one database.",
    )
    replicas: int = Field(
        0, ge=0, le=9, description="So many replicas have a job before it is accepted, and its end before it is told."
    )
    timeout_s: float = Field(2.0, gt=0, le=60, description="Connect and read timeout of one command.")
    max_connections: int = Field(
        32, ge=4, le=1000, description="Connections of one process, besides the few that Celery holds for a worker."
    )

    @field_validator("url")
    @classmethod
    def _is_redis(cls, url: SecretStr) -> SecretStr:
        read_address(url.get_secret_value())
        return url

    @property
    def address(self) -> RedisAddress:
        """The URL as everybody reads it, with the password."""
        address = read_address(self.url.get_secret_value())
        password = self.password.get_secret_value()
        return replace(address, password=password) if password else address

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password.get_secret_value() and read_address(self.url.get_secret_value()).password is not None:
            raise ValueError("REDIS__PASSWORD and the password in REDIS__URL: only one of them can be meant")
        return self


class ModelSettings(Section):
    name: str = Field("chatglm3-6b", min_length=1, description="A name from `python -m models list`, or `stub`.")
    path: Path | None = Field(None, description="A local model folder; wins over the name.")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cuda:N or cpu.")
    dtype: Literal["auto", "fp16", "bf16", "fp32"] = Field(
        "auto",
        description="auto: fp16 on GPU; on a CPU fp32 beside weights of 8 bits, else bf16 where it computes in it.",
    )
    weight_bits: Literal["auto", 16, 8, 4] = Field(
        "auto", description="auto: 16 on a GPU, 8 on a CPU that is quick with them; 4, and 8 on a GPU: by bitsandbytes."
    )
    attention: Literal["auto", "sdpa", "flash_attention_2", "eager"] = Field(
        "auto",
        description="In transformers' batching, which a name here asks for; auto: flash attention, else torch's.",
    )
    batching: Literal["auto", "loop", "transformers"] = Field(
        "auto",
        description="loop: the engine's own; auto: that for models it knows, of 16 bits on a GPU or 8 on a CPU, "
        "else transformers'.",
    )
    cuda_graphs: bool | None = Field(
        None, description="Steps of the model as CUDA graphs; empty: the engine's own loop's are."
    )
    cache_dir: Path = Field(
        Path("~/.cache/scriptqueue/models"), description="Where downloaded and converted weights live."
    )
    endpoint: str | None = Field(None, description="A mirror of the Hugging Face hub; `HF_ENDPOINT` works too.")

    @property
    def hub_endpoint(self) -> str | None:
        """Ours, or the name that other tools of the hub read."""
        return self.endpoint or os.environ.get("HF_ENDPOINT")

    @field_validator("cuda_graphs", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("weight_bits", mode="before")
    @classmethod
    def _digits(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isdigit() else value


class WorkerSettings(Section):
    max_batch: int | Literal["auto"] = Field(
        "auto",
        description="Jobs that run at once (rows of a batch). auto: 128 where the model leaves 60 GB of a GPU free, 64 "
        "from 24 GB, else 8.",
    )
    lease_s: float = Field(6.0, ge=0.5, le=600, description="A silent worker's jobs run elsewhere after this.")
    max_attempts: int = Field(3, ge=1, le=100, description="Crashes of the worker before a job fails.")
    drain_s: float = Field(30.0, ge=0, le=3600, description="At SIGTERM, running jobs may take this long to finish.")
    stall_s: float | None = Field(
        None,
        ge=1,
        description="So long without a step, an answer or a load's progress: replaced; empty: 120 (CPU 900), 60, 300.",
    )
    metrics_host: str = Field("127.0.0.1", min_length=1, description="Where a worker tells its metrics.")
    metrics_port: int = Field(9808, ge=0, le=65535, description="0: nowhere. Taken: one of the next 15.")
    fallback_without_model: bool = Field(
        False, description="Serve sentence-splitting fallbacks when the model cannot be loaded, instead of stopping."
    )

    @field_validator("max_batch", mode="before")
    @classmethod
    def _auto_or_rows(cls, value: Any) -> Any:
        digits = str(value).strip()
        if digits == "auto":
            return digits
        if not (digits.isascii() and digits.isdigit() and 1 <= int(digits) <= MOST_ROWS):
            raise ValueError(f"must be auto, or a whole number from 1 to {MOST_ROWS}")
        return int(digits)


class GenerationSettings(Section):
    """Defaults for what a request's `sampling` leaves out."""

    do_sample: bool = Field(True, description="False: greedy.")
    temperature: float = Field(0.7, ge=0, le=2, description="0 is greedy.")
    top_p: float = Field(0.9, gt=0, le=1, description="Nucleus sampling.")
    max_new_tokens: int = Field(
        1536, ge=60, le=16384, description="Sampled tokens a plain job may cost; forced are free."
    )


class ApiSettings(Section):
    keys: SecretStr = Field(
        SecretStr(""), description="`label:key,label:key`; empty: no authentication. A label may have several keys."
    )
    max_queued: int = Field(10_000, ge=1, description="Jobs waiting at once; above, POST answers 503.")
    cache_ttl_s: float = Field(
        86400, ge=0, description="So long does a result answer the same request again; 0: never."
    )
    rate_per_minute: int | None = Field(None, ge=1, description="New jobs a minute and client; empty: no limit.")
    max_active: int | None = Field(None, ge=1, description="Jobs waiting or running a client; empty: no limit.")
    weights: str = Field(
        "", description="`label:weight,...`: shares of the device while several clients wait; 1 where none is named."
    )
    hosts: str = Field(
        "", description="Names besides `localhost` and addresses, `name,name`, to be served by where no keys are set."
    )
    cors_origins: str = Field(
        "",
        description="Other sites whose pages may use the API in a browser, `https://a.example,http://b.example:3000`.",
    )
    max_streams: int = Field(64, ge=1, le=100_000, description="Event streams and long polls a client, a process.")

    @cached_property
    def shared(self) -> bool:
        """Whether the keys are of several clients, who must leave each other room."""
        return len(dict(split_keys(self.keys))) > 1

    def weight_of(self, client: str) -> int:
        return weights_of(self.weights).get(client, 1)

    @field_validator("hosts")
    @classmethod
    def _names(cls, hosts: str) -> str:
        for name in listed(hosts):
            if not _HOST.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a host: `studio.example`, without scheme, port and `*`")
        return hosts.lower()

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: str) -> str:
        for origin in listed(origins):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: `https://studio.example:8443`, without path and `*`")
        return origins.lower()

    @field_validator("weights")
    @classmethod
    def _weights(cls, weights: str) -> str:
        labels = [label for label, _ in split_weights(weights)]
        if len(set(labels)) != len(labels):
            raise ValueError("labels must be unique")
        return weights

    @model_validator(mode="after")
    def _weights_have_keys(self) -> ApiSettings:
        if self.weights:
            unknown = dict(split_weights(self.weights)).keys() - dict(split_keys(self.keys)).keys()
            if unknown:
                raise ValueError(f"weights: no key has the label {sorted(unknown)[0]}")
        return self

    @field_validator("keys")
    @classmethod
    def _pairs(cls, keys: SecretStr) -> SecretStr:
        pairs = split_keys(keys)
        if len({key for _, key in pairs}) != len(
            pairs
        ):  # a label may have two keys, while one takes over from the other
            raise ValueError("keys must be unique")
        return keys


class WebhookSettings(Section):
    secret: SecretStr = Field(
        SecretStr(""),
        description="Signs webhooks (Standard Webhooks, `whsec_...`); of several, separated by spaces, all sign.",
    )
    allow_private: bool = Field(False, description="Allow webhooks to private and loopback addresses.")

    @field_validator("secret")
    @classmethod
    def _standard(cls, secret: SecretStr) -> SecretStr:
        for number, one in enumerate(secret.get_secret_value().split(), start=1):
            if not (one.startswith("whsec_") and 24 <= _size_of(one.removeprefix("whsec_")) <= 64):
                raise ValueError(f"entry {number} must be whsec_ and 24 to 64 bytes in base64")
        return secret

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(self.secret.get_secret_value().split())


class FlowerSettings(Section):
    url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="Where browsers find Flower; the page links to it. `make up` sets it.",
    )
    user: str = Field("admin", min_length=1, description="User of the dashboard.")
    password: SecretStr = Field(SecretStr(""), description="Empty: `make up` generates one and prints it.")


class LogSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Prompts appear at DEBUG only.")
    format: Literal["text", "json"] = Field("text", description="json: one object a line, with the job's id.")


class TracesSettings(Section):
    endpoint: str | None = Field(None, pattern=r"^https?://", description="Base URL of an OTLP collector (HTTP).")


class Settings(BaseSettings):
    """Every setting of every process.

    Raises `pydantic.ValidationError` on bad values; processes use `from_environment`, which says them in words.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,  # compose hands out `X: ${X:-}`: whatever is empty was not set
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
    )

    redis: RedisSettings = RedisSettings()
    model: ModelSettings = ModelSettings()
    worker: WorkerSettings = WorkerSettings()
    generation: GenerationSettings = GenerationSettings()
    api: ApiSettings = ApiSettings()
    webhooks: WebhookSettings = WebhookSettings()
    flower: FlowerSettings = FlowerSettings()
    log: LogSettings = LogSettings()
    traces: TracesSettings = TracesSettings()


def from_environment() -> Settings:
    """Settings of this process; raises `SettingsInvalid` naming every misspelt or bad one."""
    known = known_names()
    faults = list(filter(None, (_fault(name, value, known) for name, value in sorted(os.environ.items()))))
    if faults:
        raise SettingsInvalid("; ".join(faults))
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsInvalid("; ".join(_words(fault) for fault in error.errors(include_input=False))) from None


def known_names() -> list[str]:
    """Every setting's environment name, in the order of the sections."""
    names = []
    for section, field in Settings.model_fields.items():
        group = field.annotation
        assert isinstance(group, type)
        assert issubclass(group, Section)
        names += [f"{PREFIX}{section}__{leaf}".upper() for leaf in group.model_fields]
    return names


def _fault(name: str, value: str, known: list[str]) -> str | None:
    """What is wrong with a variable, without its value."""
    if not name.upper().startswith(PREFIX) or name.upper() in CLIENT_NAMES:
        return None
    if name.upper().removesuffix(IN_A_FILE.upper()) in known:
        return f"{name} stands in quotes, which an env file of Docker's keeps: leave them out" * stands_in_quotes(value)
    return None if is_service_link(name, value) else f"{name} is no setting{_nearest(name, known)}"


def _size_of(base64: str) -> int:
    """Bytes behind this text; 0 if it is no base64."""
    try:
        return len(b64decode(base64, validate=True))
    except ValueError:
        return 0


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.upper(), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _words(fault: Any) -> str:
    return f"{PREFIX}{'__'.join(map(str, fault['loc'])).upper()}: {fault['msg'].removeprefix('Value error, ')}"
