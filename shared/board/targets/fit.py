"""What does not fit targets: of a request, which is refused, and of a board, which is told and never mended.

Upper limits of length bound what a model may write (room.py); a text that no grammar bounded is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from scriptqueue.schemas import FieldName, JobRequest, Storyboard, TargetName
from shared.board.language_tags import language_name
from shared.board.targets.measure import count_words
from shared.board.targets.prompts import calls_of
from shared.board.targets.room import too_narrow
from shared.board.targets.seconds import counts, listed_seconds, shot_seconds
from shared.board.targets.table import TARGETS, Limits


def unmet(request: JobRequest) -> tuple[str, str, str] | None:
    """The field, the code and the words of a request that no board could meet; None: one could."""
    seconds, target_s = shot_seconds(request), request.target_duration_s
    least, most = request.min_scenes, request.max_scenes
    if len(request.targets) == 1 and not seconds and (made := TARGETS[request.targets[0]].limits.shot_s):
        return (
            "scene_min_s" if request.scene_min_s > made[-1] else "scene_max_s",
            "target_limits",
            f"{request.targets[0]} makes shots of {listed_seconds(made)}: none from {request.scene_min_s} to "
            f"{request.scene_max_s} s",
        )
    if seconds and target_s is not None and not counts(target_s, least, most, seconds):
        each = f"{request.targets[0]} makes shots of {listed_seconds(seconds)}"
        return (
            "target_duration_s",
            "unreachable_duration",
            f"{each}; {least} to {most} of them do not sum to {target_s:g} s",
        )
    if request.language != "auto" and language_name(request.language) is None:
        return "language", "unknown_language", f"no language is known by the tag {request.language}"
    if words := too_narrow(request):
        alone = request.model_copy(update={"characters": (), "fields": _without_people(request.fields)})
        at_fault = "characters" if not too_narrow(alone) else "style" if request.style else "prompt"  # a script's words
        return at_fault, "target_limits", words
    return None


def _without_people(names: Sequence[FieldName]) -> tuple[FieldName, ...]:
    return tuple(name for name in names if name not in {"characters", "dialogue"})


def misfits(board: Storyboard) -> list[str]:
    """A line for each limit of a target that a scene of the board does not keep, by the board's own prompts."""
    durations = [scene.duration for scene in board.scenes]
    lines: list[str] = []
    for name, target in TARGETS.items():
        prompts = [scene.prompts[name] for scene in board.scenes if scene.prompts and name in scene.prompts]
        if prompts:
            lines += (f"{name} {fault}" for fault in _of_target(target.limits, durations, prompts))
            if short := _short_calls(board, name):
                lines.append(f"{name} makes calls of at least {short[0]} s; shorter: {_scenes(short[1])}")
    return lines


def _short_calls(board: Storyboard, name: TargetName) -> tuple[int, list[int]] | None:
    """The fewest seconds of a call, and the scenes of calls that have fewer; None without such."""
    call_s = TARGETS[name].limits.call_s
    if call_s is None or min(scene.duration for scene in board.scenes) >= call_s[0]:
        return None
    calls = calls_of(board, name)
    short = [call for call in calls if sum(board.scenes[number - 1].duration for number in call) < call_s[0]]
    return (call_s[0], [number for call in short for number in call]) if short else None


def _of_target(limits: Limits, durations: Sequence[float], prompts: Sequence[str]) -> Iterator[str]:
    seconds = dict(enumerate(durations, 1))
    if limits.shot_s and (others := [n for n, s in seconds.items() if s not in limits.shot_s]):
        yield f"makes shots of {listed_seconds(limits.shot_s)}; not so: {_scenes(others)}"
    if limits.call_s and (long := [n for n, s in seconds.items() if s > limits.call_s[1]]):
        yield f"makes shots of at most {limits.call_s[1]} s; longer: {_scenes(long)}"
    if limits.usual_shot_s and (long := [n for n, s in seconds.items() if s > limits.usual_shot_s]):
        yield f"makes shots of about {limits.usual_shot_s} s; longer: {_scenes(long)}"
    yield from _of_length(limits, dict(enumerate(prompts, 1)))


def _of_length(limits: Limits, prompts: Mapping[int, str]) -> Iterator[str]:
    words = {number: count_words(prompt) for number, prompt in prompts.items()}
    if limits.least_words and (short := [n for n, count in words.items() if count < limits.least_words]):
        fewest = min(words[number] for number in short)
        yield f"wants at least {limits.least_words} words; fewer: {_scenes(short)} ({fewest} the fewest)"
    if limits.most_words and (long := [n for n, count in words.items() if count > limits.most_words]):
        most = max(words[number] for number in long)
        yield f"takes at most {limits.most_words} words; more: {_scenes(long)} ({most} the most)"
    if limits.call_characters and (long := [n for n, text in prompts.items() if len(text) > limits.call_characters]):
        yield f"takes at most {limits.call_characters} characters; more: {_scenes(long)}"


def _scenes(numbers: Sequence[int]) -> str:
    return f"scene{'s'[: len(numbers) > 1]} {', '.join(map(str, numbers))}"
