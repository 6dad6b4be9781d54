"""The families that a folder may be of: a new one is a module beside this one and a name here.

Its chat format goes into models/chat_formats.py, and a model of it that has a name of its own into models/catalogue.py.
"""

from __future__ import annotations

from models.families.baichuan import BAICHUAN
from models.families.chatglm import CHATGLM
from models.families.llama import LLAMA, MISTRAL
from models.families.qwen import QWEN

FAMILIES = {family.name: family for family in (CHATGLM, QWEN, BAICHUAN, LLAMA, MISTRAL)}
