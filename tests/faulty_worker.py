"""`python -m tests.faulty_worker ...`: a Celery worker whose device breaks for good once a text holds FAULT_TOKEN.

On a GPU a real fault: an index out of range, whose assertion ends the process's context. On a CPU torch's error for it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import torch
from celery.__main__ import main
from torch.nn.modules.module import register_module_forward_pre_hook

from worker.supervisor import COMMAND

FAULT_TOKEN = int(os.environ["FAULT_TOKEN"])


def break_down(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
    if isinstance(module, torch.nn.Embedding) and bool((inputs[0] == FAULT_TOKEN).any()):
        if inputs[0].device.type == "cpu":
            raise torch.AcceleratorError("CUDA error: device-side assert triggered")
        torch.zeros(1, device=inputs[0].device)[torch.tensor([9], device=inputs[0].device)]


if __name__ == "__main__":
    register_module_forward_pre_hook(break_down)
    sys.argv = [*COMMAND[1:], *sys.argv[1:]]  # without Python's -m
    main()
