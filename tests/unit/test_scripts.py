"""Scripts are called by the names in their headers, and what both languages know is written once."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared.keys import KEY_PREFIX
from shared.store.scripts import JOURNAL, LUA_FOLDER, ONLY_LOOK, SCRIPT_NAMES, SHARED, Name, named, scripts
from shared.store.shared_lua import used_by_script

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for package in ("api", "models", "shared", "worker") for path in (ROOT / package).rglob("*.py"))
LEASE = {"rung": "7", "worker": "a", "model": "m", "lease_ms": 1000, "max_attempts": 3}


def code_of(path: Path) -> str:
    """A script without its comments."""
    return re.sub(r"--.*", "", path.read_text())


def test_arguments_are_given_by_name_in_any_order() -> None:
    assert scripts()["claim"].flat(dict(reversed(LEASE.items()))) == ["7", "a", "m", 1000, 3]


def test_a_list_comes_last_each_of_it_by_name() -> None:
    report = {
        "resume": None,
        "scenes": "[]",
        "scene_count": 0,
        "progress": "{}",
        "writing": "",
        "token": "a/1",
        "id": "7",
    }

    flat = scripts()["renew"].flat({"lease_ms": 1000, "reports": [report, {**report, "id": "8", "resume": "{}"}]})

    assert flat == [1000, "7", "a/1", "{}", "", 0, "[]", "", "8", "a/1", "{}", "", 0, "[]", "{}"]


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("claim", {**LEASE, "lease_s": 1}, "claim.lua: unknown lease_s"),
        ("claim", {"rung": "7", "worker": "a", "model": ""}, "claim.lua: missing lease_ms, max_attempts"),
        ("read", {}, "read.lua: missing ids"),
        ("queue", {"ids": []}, "queue.lua: unknown ids"),
        ("ring", {"doorbells": [{"list": "l", "text": "m"}]}, "missing message; unknown text"),
    ],
)
def test_an_argument_that_is_missing_or_unknown_is_named(name: Name, arguments: dict[str, object], fault: str) -> None:
    with pytest.raises(TypeError, match=re.escape(fault)):
        scripts()[name].flat(arguments)


def test_yes_and_no_are_what_lua_compares_with() -> None:
    script = scripts()["reconcile"]

    assert [script.flat({"repair": repair, "ids": []}) for repair in (True, False)] == [["1"], [""]]
    assert script.flat({"repair": None, "ids": [0, 1]}) == ["", 0, 1]


def test_an_answer_has_the_names_of_its_header() -> None:
    assert named("claim", ["7", "a/1", "{}", 1, 2, "", "", "5", ""])["seed"] == "5"
    with pytest.raises(ValueError, match="shorter"):
        named("claim", ["a/1"])


def test_every_file_is_a_script_or_stands_before_them_all() -> None:
    assert sorted(path.stem for path in LUA_FOLDER.glob("*.lua")) == sorted([*SCRIPT_NAMES, *SHARED, JOURNAL])


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_a_script_uses_every_name_that_it_declares_and_no_place(name: Name) -> None:
    script, code = scripts()[name], code_of(LUA_FOLDER / f"{name}.lua")

    names = {*script.arguments, *script.fields, *script.answers, *([script.rest] if script.rest else [])}
    assert [declared for declared in names if not re.search(rf"\b{declared}\b", code)] == []
    assert "ARGV" not in code
    assert "KEYS" not in code


def test_the_prefix_of_every_key_is_spelt_once() -> None:
    spelt = {
        str(path.relative_to(ROOT))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(KEY_PREFIX)
    }

    assert spelt == {"shared/keys.py"}
    assert [path.name for path in LUA_FOLDER.glob("*.lua") if KEY_PREFIX in code_of(path)] == []


LOOKS = (
    "EXISTS GET HEXISTS HGET HGETALL HKEYS HMGET HVALS INFO LINDEX LLEN LRANGE PTTL SCARD SMEMBERS SRANDMEMBER TIME "
    "TTL XLEN XRANGE ZCARD ZCOUNT ZRANDMEMBER ZRANGE ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYSCORE ZSCORE"
)


def test_every_command_that_writes_can_be_taken_back() -> None:
    """A new one needs its function in lua/journal.lua."""
    texts = {path.stem: code_of(path) for path in LUA_FOLDER.glob("*.lua")}
    noted = {*re.findall(r"function do_(\w+)", texts.pop(JOURNAL))}

    assert {*re.findall(r"call\('(\w+)'", " ".join(texts.values()))} == noted | {*LOOKS.split()}
    for name in {*SCRIPT_NAMES} - ONLY_LOOK:
        script = scripts()[name].text.partition("return all_or_nothing(")[2]
        assert {*re.findall(r"redis\.call\('(\w+)'", script)} <= {*LOOKS.split()}, name


SHARED_LUA = """-- What the others use.
local PREFIX = 'p:'  -- of each key
local later, never  -- below

local function key(id) return PREFIX .. id end

local table_of = {
  a = 1,
}
function later(id)

  return never(key(id))
end
function never() return table_of end
local function alone(later) return later end
"""


@pytest.mark.parametrize(
    ("own", "names"),
    [
        ("return 1", []),
        ("return key(1)  -- later", ["PREFIX", "key"]),
        ("later(1)", ["PREFIX", "later, never", "key", "table_of", "later", "never"]),
        ("never()", ["later, never", "table_of", "never"]),
        ("alone(1)", ["later, never", "alone", "PREFIX", "key", "later", "never", "table_of"]),
    ],
)
def test_a_script_has_of_what_is_shared_only_what_it_needs(own: str, names: list[str]) -> None:
    text = used_by_script(SHARED_LUA, own)

    declared = re.findall(r"^(?:local )?(?:function )?(\w[\w, ]*?)(?: =.*|\(.*)?$", text, re.MULTILINE)
    assert sorted(name for name in declared if name != "end") == sorted(names)
    assert "--" not in text


def test_a_declaration_comes_whole_and_in_its_order() -> None:
    assert used_by_script(SHARED_LUA, "never()") == (
        "local later, never\nlocal table_of = {\n  a = 1,\n}\nfunction never() return table_of end\n"
    )


def test_what_a_script_calls_rarely_is_made_at_its_first_call() -> None:
    assert used_by_script(SHARED_LUA, "if no then later() else key(1) alone() end", ["later", "alone"]) == (
        "local alone\nlocal PREFIX = 'p:'\nlocal later, never\nlocal function key(id) return PREFIX .. id end\n"
        "local function make_rare()\nlocal table_of = {\n  a = 1,\n}\n"
        "function later(id)\n  return never(key(id))\nend\nfunction never() return table_of end\n"
        "local function alone(later) return later end\nreturn later, alone\nend\n"
        "function later(...) later, alone = make_rare() return later(...) end\n"
        "function alone(...) later, alone = make_rare() return alone(...) end\n"
    )


def test_shared_code_outside_of_declarations_is_refused() -> None:
    with pytest.raises(ValueError, match="before the first declaration: if true"):
        used_by_script("if true then end\nlocal a = 1\n", "a")


@pytest.mark.parametrize("name", ["read", "list", "queue", "events", "metrics", "deliveries", "dead"])
def test_a_script_that_only_looks_makes_no_function_that_changes_a_job(name: Name) -> None:
    assert not re.search(r"function (changed|end_job|enqueue)\b", scripts()[name].text)
