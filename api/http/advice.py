"""What a problem is called in Chinese, and what to do about it, by its code; in the two languages of the page.

Titles in English are the errors' own. Knows no status and no route.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """`title_zh`: what it is called; `en`, `zh`: what whoever meets it can do."""

    title_zh: str
    en: str
    zh: str


ADVICE: Mapping[str, Advice] = {
    # -- a job failed
    "output_invalid": Advice(
        "模型写的内容里没有可用的分镜",
        "Try again with another seed. If it stays so, allow the fallback, ask for fewer scenes or use a larger model.",
        "请重试：换一个随机种子可能就好。若仍如此，请允许拆分提示词、减少镜头数，或换更大的模型。",
    ),
    "timeout": Advice(
        "任务超过了最长运行时间",
        "Send it again with a longer `execution_timeout_s` or fewer scenes; scenes that were finished can be kept.",
        "请调高最长运行时间（`execution_timeout_s`）或减少镜头数后重新提交；已写好的镜头可以保留。",
    ),
    "worker_lost": Advice(
        "工作进程在运行此任务时多次丢失",
        "Whoever runs the service should look at the worker's log and at GET /dead; then try again.",
        "请服务的管理员查看工作进程的日志和 GET /dead，然后重试。",
    ),
    "out_of_memory": Advice(
        "设备内存不足，单独运行此任务也不够",
        "Shorten the prompt or ask for fewer scenes, or run a smaller or quantized model.",
        "请缩短提示词或减少镜头数，或换用更小或量化的模型。",
    ),
    "not_finite": Advice(
        "模型算出的分数不是有限的数",
        "Try again. If it stays so, the weights or the dtype are at fault: run `python -m models check`.",
        "请重试。若仍如此，是权重或精度有问题：请运行 `python -m models check`。",
    ),
    "prompt_too_long": Advice(
        "提示词加上要写的词元超出了模型的上下文",
        "Shorten the prompt, ask for fewer scenes or lower `max_new_tokens`.",
        "请缩短提示词、减少镜头数，或调低 `max_new_tokens`。",
    ),
    "internal": Advice(
        "服务内部故障",
        "Try again. If it happens again, send the time and the job's id to whoever runs the service.",
        "请重试。若再次出现，请把时间和任务编号告诉服务的管理员。",
    ),
    # -- a request is refused
    "invalid_request": Advice(
        "请求中有字段无效",
        "`errors` names each fault by a JSON Pointer into what was sent; mend those and send it again.",
        "`errors` 用 JSON Pointer 指出每个错误在哪里；改正后重新提交。",
    ),
    "idempotency_key_reused": Advice(
        "此幂等键已用于另一个请求体",
        "Use a new `Idempotency-Key` for another body; keep the key only to repeat the same one.",
        "不同的请求体请使用新的 `Idempotency-Key`；只有重发同一个请求时才沿用旧键。",
    ),
    "deadline_too_soon": Advice(
        "来不及在截止时间前开始",
        "Set `deadline` after `earliest_start`, raise the priority, or leave the deadline out.",
        "请把 `deadline` 设在 `earliest_start` 之后，提高优先级，或不设截止时间。",
    ),
    "no_such_model": Advice(
        "一小时内没有工作进程提供这个模型",
        "Name a model that `GET /queue` shows, start a worker that serves this one, or leave `model` out.",
        "请使用 `GET /queue` 列出的模型，启动提供该模型的工作进程，或不填 `model`。",
    ),
    "malformed_json": Advice(
        "请求体不是合法的 JSON",
        "Send the body as UTF-8 JSON; `detail` says where it ends to be that.",
        "请以 UTF-8 编码的 JSON 发送请求体；`detail` 指出了出错的位置。",
    ),
    "refused": Advice("请求被拒绝", "`detail` says why.", "原因见 `detail`。"),
    "unauthorized": Advice(
        "需要有效的 API 密钥",
        "Send `Authorization: Bearer KEY` with a key that the service knows.",
        "请用 `Authorization: Bearer 密钥` 发送服务认识的密钥。",
    ),
    "host_refused": Advice(
        "服务不使用这个主机名",
        "Use its address, or let `API__HOSTS` name this host.",
        "请改用它的地址，或把此主机名写进 `API__HOSTS`。",
    ),
    "origin_refused": Advice(
        "其他网站的页面不能在这里做修改",
        "Let `API__CORS_ORIGINS` name the site that may.",
        "请把允许的网站写进 `API__CORS_ORIGINS`。",
    ),
    "not_found": Advice(
        "没有此任务",
        "Look at the id and at the key: a job of another key is not to be seen.",
        "请检查任务编号和密钥：看不到其他密钥的任务。",
    ),
    "batch_not_found": Advice(
        "没有此批次",
        "Look at the id and at the key: a batch of another key is not to be seen.",
        "请检查批次编号和密钥：看不到其他密钥的批次。",
    ),
    "no_such_path": Advice("此路径下没有内容", "See /docs for the paths.", "可用的路径见 /docs。"),
    "method_not_allowed": Advice(
        "此路径不支持该方法", "The header `Allow` names those that are.", "响应头 `Allow` 列出了支持的方法。"
    ),
    "not_acceptable": Advice(
        "没有所要求格式的分镜",
        "Ask for another type in `Accept`, or name a format: `?format=csv`.",
        "请在 `Accept` 中改用其他类型，或指定格式：`?format=csv`。",
    ),
    "body_too_slow": Advice("请求体传得太慢", "Send it again over a better line.", "请换更好的网络重新发送。"),
    "not_finished": Advice(
        "任务尚未完成",
        "Wait until `done`, or cancel it first.",
        "请等到 `done`，或先取消任务。",
    ),
    "no_result": Advice(
        "任务结束了，但没有分镜",
        "The job's `error` says why; it can be tried again.",
        "原因见任务的 `error`；可以重试。",
    ),
    "not_retryable": Advice(
        "只有失败、已取消或已过期的任务可以重试",
        "Send a new job, or write single scenes anew with `base` and `rewrite`.",
        "请提交新任务，或用 `base` 和 `rewrite` 重写个别镜头。",
    ),
    "nothing_to_redeliver": Advice(
        "没有失败的投递，或没有这个编号的事件",
        "GET /jobs/{id}/deliveries lists them.",
        "请查看 GET /jobs/{id}/deliveries。",
    ),
    "gone": Advice(
        "任务的结果已过保留期或已删除",
        "Send the prompt again; a longer `result_ttl_s` keeps results longer.",
        "请重新提交提示词；调高 `result_ttl_s` 可保留更久。",
    ),
    "body_too_large": Advice(
        "请求体过大", "Send less at once; `detail` says how much.", "请减小请求体；上限见 `detail`。"
    ),
    "not_json": Advice(
        "请求体须以 application/json 发送",
        "Set `Content-Type: application/json`.",
        "请设置 `Content-Type: application/json`。",
    ),
    "encoded_body": Advice("请求体不能压缩", "Send it without `Content-Encoding`.", "请去掉 `Content-Encoding`。"),
    # -- too much at once
    "too_fast": Advice(
        "提交新任务的速度超过上限",
        "Wait as long as `Retry-After` says, then send it again.",
        "请按 `Retry-After` 等待后重新提交。",
    ),
    "too_many_active": Advice(
        "等待和运行中的任务已达上限",
        "Wait until one of your jobs is done, or cancel one.",
        "请等待一个任务完成，或取消一个。",
    ),
    "too_many_waiting": Advice(
        "等待中的任务已达上限",
        "Wait until one of your jobs has started, or cancel one.",
        "请等待一个任务开始，或取消一个。",
    ),
    "too_many_streams": Advice(
        "打开的事件流和长轮询已达上限",
        "Close one, or poll without `wait`.",
        "请关闭一个，或不带 `wait` 轮询。",
    ),
    "queue_full": Advice(
        "队列已满",
        "Wait as long as `Retry-After` says, then send it again.",
        "请按 `Retry-After` 等待后重新提交。",
    ),
    # -- the service cannot now
    "not_ready": Advice(
        "没有就绪的工作进程",
        "Wait until one has loaded its model; `scriptqueue doctor` says what is missing.",
        "请等待模型加载完成；`scriptqueue doctor` 会指出缺什么。",
    ),
    "unavailable": Advice("外部服务没有应答", "Try again in a moment.", "请稍后重试。"),
    "store_unavailable": Advice(
        "Redis 没有应答或拒绝写入",
        "Try again in a moment; whoever runs the service should look at Redis.",
        "请稍后重试；服务的管理员应检查 Redis。",
    ),
    "record_newer": Advice(
        "任务由更新版本的服务写入",
        "Ask a process of the newer version, or finish the upgrade.",
        "请访问新版本的进程，或完成升级。",
    ),
    "download_failed": Advice("下载未完成", "Try again; what came already is kept.", "请重试；已下载的部分会保留。"),
    # -- the process is wrong
    "process": Advice("进程无法继续", "Its log says why.", "原因见进程的日志。"),
    "settings_invalid": Advice(
        "设置无效",
        "The log names each setting at fault; `scriptqueue doctor` checks them all.",
        "日志指出了有错的设置；`scriptqueue doctor` 会全部检查。",
    ),
    "redis_unfit": Advice(
        "这个 Redis 不能保存任务",
        "It must persist and never evict: `appendonly yes`, `maxmemory-policy noeviction`.",
        "它必须持久化且不淘汰数据：`appendonly yes`、`maxmemory-policy noeviction`。",
    ),
    "model_unavailable": Advice(
        "模型无法加载",
        "`python -m models list` shows what is there; `python -m models pull NAME` fetches one.",
        "`python -m models list` 列出已有的模型；`python -m models pull 名称` 可下载。",
    ),
    "engine_broken": Advice(
        "引擎遇到无法恢复的错误",
        "Jobs run on elsewhere; restart the worker and look at its log.",
        "任务会在别处继续；请重启工作进程并查看日志。",
    ),
}
