"""The words around a number by which it is a wish about the video, or is none, in the languages that prompts come in.

Patterns only, each for the words of the number's own clause before it (up to it) or after it (from it on).
"""

from __future__ import annotations

import re

_FILM_ZH = (
    "(?:短?视频|短?視頻|影片|短片|广告|廣告|宣传片|宣傳片|预告|片子|成片|样片|动画|動畫|微电影|纪录片|短剧"
    "|片头|片尾|分镜|分鏡|脚本|剧本"
    "|故事板|口播|开箱|mv|tvc|vlog)"
)
_STORY_ZH = "(?:故事|剧情|作品|内容|童话|科普|介绍|讲解|教程|片)"
_FILM_JA_KO = (
    "(?:cm|動画|ムービー|広告|映像|アニメ|pv|ショート|ドラマ|광고|영상|동영상|비디오|숏폼|쇼츠|티저|예고편"
    "|애니메이션|영화)"
)
_FILM_EN = (
    r"(?:videos?|ads?|adverts?|advertisements?|commercials?|spots?|clips?|films?|movies?|shorts?|trailers?"
    r"|teasers?|reels?"
    r"|storyboards?|animations?|promos?|explainers?|vlogs?|scripts?|screenplays?|montages?|psas?|tiktoks?"
    r"|tvcs?|bumpers?"
    r"|documentar(?:y|ies)|infomercials?|cutdowns?|youtube|instagram)"
)
_FILM_ROMANCE = (
    r"(?:v[ií]d[ée]os?|anuncios?|comercial|cortometraje|corto|clip|pel[íi]cula|publicidad|spot|reel|tr[áa]iler"
    r"|promo|guion"
    r"|anúncio|curta|filme|propaganda|pub|publicité|film|court[- ]métrage|bande[- ]annonce|pubblicità"
    r"|cortometraggio|filmato)"
)
_FILM_DE = r"(?:\w*video|\w*spot|\w*film|\w*clip|\w*werbung|trailer|anzeige|reel)"
_FILM_RU = r"(?:ролик\w*|видео\w*|клип\w*|фильм\w*|реклам\w*|трейлер\w*|мультфильм\w*|тизер\w*)"
_NO_FILM = (
    r"(?!\s+(?:calls?|chats?|games?|stores?|cameras?|tapes?|conferences?|messages?|breaks?|crews?|sets?|festivals?))"
)
ABOUT = (
    r"(?:约|大约|大概|大致|左右|就|在|为|是|要|需要?|控制|限制|不超过|不要超过|不少于|最多|最少|至多|至少|共"
    r"|总共|一共|[:=~≈≤<\s]"
    r"|about|around|approx\w*\.?|roughly|exactly|max\w*\.?|under|up to|at most|at least|no (?:more|longer"
    r"|fewer) than|less"
    r" than|below|within|only|just|a|an|the|of|is|should be|must be|unos|environ|etwa|ca\.?|около|circa|약)*"
)
_ONLY_AFTER = (
    r"(?:左右|以内|之内|内|上下|以上|长|版|即可|就行|就好|long|in total|in all|total|in length|max\w*\.?"
    r"|or (?:less|more|fewer|so)"
    r"|tops|only|please|each way|정도|程度)?"
)
LENGTH_LABEL = (
    r"(?:(?:视频|影片|短片|广告|成片|片子|整体|全片|总|目标|预计|视頻|動画の?|영상\s*)?(?:时长|時長|片长|片長"
    r"|全片|长度|長度|总长|全长|尺|長さ|길이)[はがを은는이]?"
    r"|(?:(?:video|film|ad|clip|total|target|overall|desired|maximum|max|running|run)\s+)*(?:duration|length"
    r"|runtime|time)"
    r"|duración|duração|durée|durata|dauer|länge|длительность|длина|хронометраж)"
)
WAITS = re.compile(
    r"等|屏|坚持|沉默|倒数|倒计时|僵持|剩|愣|停|憋|心跳|held|wait|countdown|silen|pause|counts", re.IGNORECASE
)
RETRO = re.compile(
    r"vhs|retro|vintage|style|aesthetic|nostalg|neon|grunge|hip[- ]?hop|era\b|vibe|fashion|kids|throwback"
    r"|camcorder|decade",
    re.IGNORECASE,
)
BULLETS = re.compile(
    r"gun|bullet|pistol|revolver|rifle|fired|rang|shoot|espresso|tequila|whisk|vodka|liquor|goal|basket|golf"
    r"|vaccin|drink"
    r"|手机|相机|单反|摄影包|摄像头|iphone|camera with|phone",
    re.IGNORECASE,
)

NO_LENGTH_BEFORE = re.compile(
    r"(?:第|前|最后的?|开头的?|首|头|每[^，。]{0,6}|过了?|了|等待?|剩下?|还有|倒计时|再|持续|坚持|停留?|静止"
    r"|快进|快退|回放|看完?|播放|刷到|录下"
    r"|(?:镜头|场景|分镜|shot|scene)\s*\d+\s*[:.]?"
    r"|\b(?:first|last|final|every|each|another|next|past|previous|opening|closing|after|than|(?:a"
    r"|the)\s+whole|the|early"
    r"|late|mid|her|his|their|my|watch\w*|saw|see\w*|skip\w*|'))[-\s]*(?:一?[个段支条部则])?\s*(?:\b(?:a|an|the)\s*)?$",
    re.IGNORECASE,
)
NO_LENGTH_AFTER = re.compile(
    r"\s*(?:后|前|之后|之前|以后|以前|内(?!的|$)|过去|倒计时|才|里|镜头"
    r"|(?:ago|later|after|before|until|till|left|remaining|apart|away|early|late|past|into|countdown|timer"
    r"|per\s+(?:shot|scene|clip|panel)|each|to\s+(?!\d)"
    r"|of)\b|/)",
    re.IGNORECASE,
)
_STOP = (
    "in|of|for|to|on|at|before|after|the|a|an|with|until|from|later|ago|that|who|when|as|while|into|or|is|was"
    "|are|were|he"
    "|she|they|it|his|her|then|but|by|during|through"
)
_FEW_WORDS = rf"(?:(?!(?:{_STOP})\b)[\w'’&-]+\s+){{0,4}}?"

Context = tuple[re.Pattern[str], re.Pattern[str]]


def _context(before: str, after: str) -> Context:
    """What must stand before a number, up to it, and what from it on, both within its clause."""
    return re.compile(before, re.IGNORECASE), re.compile(after, re.IGNORECASE)


END = r"\s*$"
LENGTH_CONTEXTS = (
    _context(r"$", rf"(?:左右|以内|之内|内|上下)?长?\s*[的の]?[^了着过后前到才就学教看做搞]{{0,14}}?{_FILM_ZH}"),
    _context(
        r"(?:生成|制作|做|拍|写|创作|来|要|给我|帮我|出|设计|策划|剪)[一1]?[个段支条部则份]$",
        rf"(?:左右|以内|之内)?长?\s*(?:的[^了]{{0,18}}?{_STORY_ZH}|的?\s*$)",
    ),
    _context(rf"(?:^|[的，\s]|要求){LENGTH_LABEL}{ABOUT}$", ""),
    _context(r"(?:控制在|限制在|压缩到|剪到|剪成|做成)\s*(?:约|大约)?$", rf"{_ONLY_AFTER}{END}"),
    _context(r"$", rf"(?:짜리|길이의?|분량의?|の|の長さの)?\s*\S{{0,12}}?\s*{_FILM_JA_KO}"),
    _context(r"$", rf"(?:[- ]*long)?[-\s]+{_FEW_WORDS}{_FILM_EN}\b{_NO_FILM}"),
    _context(
        rf"\b{_FILM_EN}\s*(?:,|[-–:]|\bof|\blasting|\brunning|(?:\w+\s+){{0,4}}(?:that|which)\s+(?:is|lasts"
        rf"|runs)|\b(?:should|must|needs to|has to) (?:be|last"
        rf"|run)|\bto be|\blimited to|\bunder|\bup to|\bno longer than|\baround|\babout)\s*{ABOUT}$",
        "",
    ),
    _context(rf"\b{_FILM_EN}\s*$", END),
    _context(
        rf"\b(?:keep|make|cut|trim|limit|bring)\s+(?:it|this|(?:the|a|your)\s+(?:whole\s+)?(?:thing|story"
        rf"|{_FILM_EN}))\s+(?:down"
        rf"\s+)?(?:to\s+)?(?:be\s+)?{ABOUT}$",
        rf"\s*{_ONLY_AFTER}{END}",
    ),
    _context(r"\bit\s+(?:should|must|needs to|has to)\s+(?:be|last|run)(?:\s+for)?\s+" + ABOUT + "$", ""),
    _context(
        r"^\s*(?:please\s+)?(?:explain|tell|show|summari[sz]e|describe|sum up|present|cover)\b.*\bin\s+" + ABOUT + "$",
        END,
    ),
    _context(rf"\b{_FILM_ROMANCE}(?:\s+[\w'’]+){{0,5}}?\s+(?:de|di|d['’]|dura\w*)\s*{ABOUT}$", ""),
    _context(r"$", rf"[-\s]+{_FILM_DE}\b{_NO_FILM}|\s+(?:\w+\s+){{0,2}}{_FILM_RU}"),
    _context(
        rf"\b(?:{_FILM_DE}\s+(?:von|mit|über)|{_FILM_RU}(?:\s+\w+)?\s+(?:на|длиной|длительностью))\s+{ABOUT}$", ""
    ),
)
NO_SCENES_BEFORE = re.compile(
    r"(?:第|每[^，。]{0,6}|前|后|最后|头|另外?|其他|换了?|了|\b(?:first|last|final|every|each|another|next"
    r"|these|those|both"
    r"|appear\w*\s+in|star\w*\s+in|seen\s+in|dies?\s+in|plays?\s+in|acts?\s+in|between))\s*(?:\b(?:a|the)\s*)?$",
    re.IGNORECASE,
)
NO_SCENES_AFTER = re.compile(
    r"\s*(?:里|中|之间|后|交替|(?:each|per|apiece|later|ago|in each|were|was|from|where)\b|/)", re.IGNORECASE
)
_ORDERS_ZH = "(?:写|生成|制作|做|出|来|要|需要|设计|规划|拍|创作|包含|包括|分成?|用)"
_PARTS_EN = r"(?:in(?:to)?|over|across|using|as|exactly)"
_FILM_OR_PLAN = rf"(?:{_FILM_EN}|stor(?:y|ies)|structure|sequence|breakdown|list|outline|plan|narrative|comic)"
_ORDERS_EN = (
    r"^\s*(?:please\s+)?(?:use|write|make|create|give me|generate|produce|plan|draft|design|(?:i|we)\s+(?:need"
    r"|want|would like)|need"
    r"|want)\s+(?:me\s+)?"
)
_TELLS_ZH = r"(?:来)?(?:讲|表现|呈现|展示|展现|说|完成|描述|表达|叙述)"
ONLY_SCENES_AFTER = rf"\s*{_ONLY_AFTER}(?:的?(?:分镜)?(?:脚本)?|[でに로](?:分けて|構成)?.*|으로.*)?(?:\s*:.*)?{END}"
SCENE_CONTEXTS = (
    _context(rf"(?:分|分成|分为|分作|拆成|拆分成|拆分为|拆解[为成]|切成|切分为)\s*{ABOUT}$", ""),
    _context(r"(?:共|总共|一共|共计|合计|总计)(?:有|需要|为)?\s*(?:约|大约)?$", ""),
    _context(r"由\s*$", r".{0,3}(?:组成|构成)"),
    _context(r"(?:控制在|不超过|最多|至多|至少|不少于)\s*(?:用)?$", ""),
    _context(
        rf"^\s*(?:请|请?帮我|给我)?{_ORDERS_ZH}\s*{ABOUT}$", rf"(?!.{{0,6}}了)(?:{ONLY_SCENES_AFTER}|{_TELLS_ZH}|的)"
    ),
    _context(r"用\s*$", _TELLS_ZH),
    _context(r"$", rf"(?:的[^了]{{0,10}}?)?{_FILM_ZH}"),
    _context(rf"\b{_FILM_EN}\s+(?:of|with|in)\s+{ABOUT}$", ""),
    _context(
        rf"\b{_PARTS_EN}\s+{ABOUT}$",
        rf"\s*{_ONLY_AFTER}\s*(?:$|\(|:|\bof\s+\d|\b(?:showing|about|telling|that|with a|for)\b)",
    ),
    _context(rf"\b(?:with|of|has|have)\s+{ABOUT}$", rf"\s*{_ONLY_AFTER}{END}"),
    _context(rf"{_ORDERS_EN}{ABOUT}$", ""),
    _context(
        r"\b(?:broken|break\s+\w+|split|splits?\s+\w+|divided?|divide\s+\w+|cut)\s+(?:down\s+)?(?:in(?:to)?)\s+"
        + ABOUT
        + "$",
        "",
    ),
    _context(r"$", rf"\s+{_FEW_WORDS}{_FILM_OR_PLAN}\b"),
    _context(r"^\s*$", r"\s+(?:about|on|showing|telling)\b"),
    _context(r"\b(?:en|em|in|в|из)\s+" + ABOUT + "$", END),
)
COUNT_LABEL = re.compile(
    r"(?:(?:镜头|分镜|场景|画面)(?:数量?|总数|个数)\s*[为是:=约]*|(?:number of|total)\s+(?:scenes|shots"
    r"|panels)\s*(?:is|[:=])?"
    r"|(?:scene|shot|panel)\s*count\s*(?:is|[:=])?|\b(?:scenes|shots|panels)\s*[:=])\s*(\d{1,3})(?=\s*(?:$"
    r"|[,.;，。；\n)]|个))",
    re.IGNORECASE,
)
CLAUSE_END = re.compile(r"[，。！？；、,!?;\n()（）\[\]【】|]|\.(?=\s|$)|\s[-–—]\s")
AT_MOST = re.compile(
    r"(?:不超过|不要超过|最多|至多|up to|at most|no more than|max\w*\.?|under|less than)\s*$", re.IGNORECASE
)
AT_LEAST = re.compile(r"(?:至少|不少于|最少|at least|no (?:less|fewer) than|min\w*\.?)\s*$", re.IGNORECASE)
OR_LESS = re.compile(r"\s*(?:以内|之内|以下|or (?:less|fewer)|max\b|at most)", re.IGNORECASE)
OR_MORE = re.compile(r"\s*(?:以上|or more|at least)", re.IGNORECASE)
