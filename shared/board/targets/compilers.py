"""From a shot to its prompt, a pure function for each target that differs; `prose` is for those that differ in order.

Nothing is translated and nothing is cut; no tags of quality are added, which all guides tell to avoid. Seconds and size
of the picture are parameters of a call and never words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from scriptqueue.schemas import TargetName
from shared.board.targets.measure import spoken_language
from shared.board.targets.scene_texts import SceneTexts, ended, one_after_another, paragraph
from shared.board.targets.table import CAMERA

Compiler = Callable[[SceneTexts, Collection[str]], str]

_FRAMING = ("camera", "size", "angle")
_HUNYUAN_MOVES = {  # its handbook's own phrases
    "static": "the camera remains static",
    "push in": "the camera moves forward",
    "pull out": "the camera moves back",
    "pan left": "the camera pans to the left",
    "pan right": "the camera pans to the right",
    "tilt up": "the camera tilts up",
    "tilt down": "the camera tilts down",
    "truck left": "the camera moves to the left",
    "truck right": "the camera moves to the right",
    "crane up": "the camera moves upward",
    "crane down": "the camera moves downward",
    "orbit": "the camera circles around",
    "follow": "the camera follows",
}
_H3_MOVES = {  # its guide's names, where they are others
    "static": "static shot",
    "crane up": "crane up (pedestal up)",
    "crane down": "crane down (pedestal down)",
    "orbit": "orbit (arc shot)",
    "follow": "follow (tracking shot)",
    "handheld": "handheld (shake slightly)",
}


def prose(shot: SceneTexts, places: Collection[str]) -> str:
    """One paragraph in the order of the places; the camera's terms are one sentence, where the first of them stands."""
    return paragraph(shot.camera(places) if place in CAMERA else shot.sentence(place) for place in places)


def wan(shot: SceneTexts, places: Collection[str]) -> str:
    """At most four terms, and no angle beside a move."""
    moves = shot.values.get("movement", "static") != "static"
    return prose(shot, tuple(place for place in places if not (moves and place == "angle")))


def hunyuan(shot: SceneTexts, places: Collection[str]) -> str:
    """The move in the handbook's words beside the film term; in Chinese the terms are these words."""
    move = shot.values.get("movement", "")
    if shot.spoken == "zh" or move not in _HUNYUAN_MOVES:
        return prose(shot, places)
    pace = f", at a {shot.values['pace']} pace" if "pace" in shot.values else ""
    phrase = f"{move[0].upper()}{move[1:]}: {_HUNYUAN_MOVES[move]}{pace}."
    ordered = [place for place in places if place != "pace"]
    at = ordered.index("movement")
    return paragraph((prose(shot, ordered[:at]), phrase, prose(shot, ordered[at + 1 :])))


def minimax_h3(shot: SceneTexts, places: Collection[str]) -> str:
    """Its three fields. The first shot of a call bears no time, as its guide has it; later ones the time of the cut."""
    minutes, ms = divmod(round(shot.starts_s * 1000), 60_000)
    time, cut = "", ""
    if shot.number > 1:
        time = f" At {minutes:02d}:{ms / 1000:06.3f},"
        cut = "镜头切换。" if shot.spoken == "zh" else "the shot cuts."
    seen = [shot.sentence(place) for place in places if place not in (*CAMERA, "narration", "dialogue", "sound")]
    picture = paragraph([cut, *seen, *_h3_camera(shot), _h3_narration(shot), one_after_another(_h3_dialogue(shot))])
    return (
        f"integrated_multimodal_description: [Shot {shot.number}]{time} {picture}\n\n"
        f"overall_soundscape: {ended(shot.values['sound']) if 'sound' in shot.values else 'N/A'}\n\n"
        "non_diegetic_music: N/A"
    )


def _h3_camera(shot: SceneTexts) -> tuple[str, ...]:
    """One sentence for the move: what it is, and its speed."""
    move = shot.values.get("movement")
    if shot.spoken == "zh" or move is None:
        return (shot.camera(CAMERA),)
    speed = f" at {shot.values['pace']} speed" if "pace" in shot.values else ""
    return shot.camera(_FRAMING), f"The camera move is {_H3_MOVES.get(move, move)}{speed}."


def _h3_narration(shot: SceneTexts) -> str:
    text = shot.values.get("narration")
    if text is None:
        return ""
    phrase = "旁白 (S1) 画外音说：" if shot.spoken == "zh" else "A narrator (S1) says in an off-screen voiceover: "
    return f"{phrase}<d>[{spoken_language(text)}] {text}</d>"


def _h3_dialogue(shot: SceneTexts) -> Iterator[str]:
    """S1 is the narrator's; one of the cast keeps its own through all shots."""
    for line in shot.lines:
        text = f"<d>[{spoken_language(line.text)}] {line.text}</d>"
        yield f"{line.speaker} (S{line.place + 1}) {'说：' if shot.spoken == 'zh' else 'says: '}{text}"


def sora(shot: SceneTexts, places: Collection[str]) -> str:
    """Prose, style first, then blocks."""
    prose_places = [
        place for place in places if place in ("style", "description", "characters", "setting", "on_screen_text")
    ]
    framing, moves = shot.terms(_FRAMING), shot.terms(("movement", "pace"))
    values = shot.values
    blocks = {
        "Cinematography": [
            f"Camera shot: {', '.join(framing)}" if framing else "",
            f"Camera motion: {', '.join(moves)}" if moves else "",
            f"Lighting: {values['light']}" if "light" in values else "",
        ],
        "Actions": [values["action"]],
        "Dialogue": [
            *([f'Narrator: "{values["narration"]}"'] if "narration" in values else []),
            *(f'{line.speaker}: "{line.text}"' for line in shot.lines),
        ],
        "Background sound": [values["sound"]] if "sound" in values else [],
    }
    listed = [
        "\n".join([f"{name}:", *(f"- {line}" for line in lines if line)]) for name, lines in blocks.items() if lines
    ]
    return "\n\n".join([paragraph(shot.sentence(place) for place in prose_places), *listed])


_OWN: Mapping[TargetName, Compiler] = {
    "wan-2.2": wan,
    "hunyuan-1.5": hunyuan,
    "minimax-h3": minimax_h3,
    "sora-2": sora,
}


def compiler_of(target: TargetName) -> Compiler:
    return _OWN.get(target, prose)
