"""The languages that a prompt may be written in, a row each. Data: how they are told apart is language.py's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

CHINESE, ENGLISH, JAPANESE = "zh", "en", "ja"


@dataclass(frozen=True)
class Language:
    """`letters` (a pattern) and `words` tell it from the others of its script, and between equal ones the letters that
    it `lacks` (a pattern); the first of a script stands for all."""

    tag: str
    name: str  # in English
    script: str  # as the Unicode names of its letters begin
    letters: str = ""
    words: str = ""
    lacks: str = ""

    @cached_property
    def known(self) -> frozenset[str]:
        return frozenset(self.words.split())

    def count(self, words: set[str]) -> int:
        """How many of these words are this language's rather than another's of its script."""
        return sum(word in self.known or bool(self.letters and re.search(self.letters, word)) for word in words)

    def spells(self, words: set[str]) -> bool:
        """Whether none of these words has a letter that it lacks."""
        return not (self.lacks and any(re.search(self.lacks, word) for word in words))


# Of languages that share words the one with more speakers stands first: it takes what is equal.
KNOWN_LANGUAGES = (
    Language(
        "en",
        "English",
        "LATIN",
        words="a about after all an and are as at be been before but by can do every finds for from gets goes has"
        " have he her his how i if in into is it its just learns like make makes me meets my no not of off on"
        " one or our out over she so some that the their them then they this through to two under until up us"
        " very was we were what when where which while who will with without you your",
    ),
    Language(
        "es",
        "Spanish",
        "LATIN",
        letters="ñ",
        words="a al algo bajo cada como con cuando de del desde donde dos el ella ellos en encuentra entre era es"
        " esta este está están fue ha hace hacia hasta hay la las le lo los muy más mi mientras no para pero"
        " por que quien qué se ser si sin sobre son su sus también te tiene todo todos tres tu un una unos vez"
        " y ya",
    ),
    Language(
        "fr",
        "French",
        "LATIN",
        letters="œ",
        lacks="[áíóúñãõ]",
        words="au aussi aux avec c'est ce ces cet cette chaque chez comme dans de depuis des deux dont du elle"
        " elles en entre est et il ils je jusqu la le les leur leurs lui mais mon même ne nous on ou où par"
        " pas pendant plus pour qu quand que qui sa sans se ses sont sous sur ton tout toute trois très un une"
        " vers vous y à été",
    ),
    Language(
        "pt",
        "Portuguese",
        "LATIN",
        letters="[ãõ]",
        words="a ao aos as cada com como da das de depois do dois dos e ela ele em enquanto entre era essa esse"
        " esta este está foi isso mais mas me meu muito na nas no nos não num numa o os ou para pela pelo por"
        " quando que quem se sem ser seu seus sob sobre sua são também tem todos três um uma uns você às à é",
    ),
    Language(
        "de",
        "German",
        "LATIN",
        letters="ß",
        words="alle als am an auf aus bei beim bis das dass dem den der des die doch durch ein eine einem einen einer"
        " eines er es für gegen hat ich ihr ihre ihren im in ins ist kein keine mit nach nicht noch nur oder"
        " ohne sein seine seinen seiner sich sie sind und unter uns vom von vor war wenn wie wir wird zu zum"
        " zur zwei zwischen über",
    ),
    Language(
        "it",
        "Italian",
        "LATIN",
        words="a al alla alle anche che chi ci come con cui da dal dalla degli dei del della delle dello di dopo"
        " dove due e ed è fra gli ha hanno i il in io la le lo loro lui ma mentre mio molto nei nel nella"
        " nelle non o ogni per perché più quando questa questo se senza si sono sopra sotto sta su sua sul"
        " sulla suo tra tre tutti tutto un un' una uno",
    ),
    Language(
        "nl",
        "Dutch",
        "LATIN",
        words="aan alle als bij dan dat de deze die dit door een en er geen haar heeft het hij hun ik in is je kan maar"
        " meer met naar niet nog of om onder ook op oude over te tegen tot tussen twee uit van voor waar wat wordt"
        " zij zijn zich zonder",
    ),
    Language(
        "pl",
        "Polish",
        "LATIN",
        letters="[ąęłńśźż]",
        words="a ale co czy dla do go i ich jak jako jego jej jest już ku który która które lub ma między mu na nad"
        " nie o od po pod przed przez przy są się swoją swój ta tak ten to tylko tym w we z za ze że żeby",
    ),
    Language(
        "tr",
        "Turkish",
        "LATIN",
        letters="[ğışİ]",
        words="altında ama ancak ben bir biri bu bütün çok da daha de değil diye en gibi hem her için içinde ile"
        " ise kadar ki mi ne o olan olarak onun sen sonra şu üzerinde var ve veya ya yok",
    ),
    Language(
        "vi",
        "Vietnamese",
        "LATIN",
        letters="[ơưđạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]",
        words="anh cho chú có con các của cô cùng dưới gái là mà một này người nhà những trong trên trước từ và vào"
        " về với được đến để",
    ),
    Language(
        "id",
        "Indonesian",
        "LATIN",
        words="adalah akan anak atas atau bagi bahwa bawah dalam dan dari dengan di dua hari ia ini itu jika juga"
        " karena ke kepada ketika lagi mereka namun oleh pada para saat sambil satu sebagai sebuah sedang"
        " seekor seorang sepanjang setelah sudah tanpa telah tengah tentang tidak untuk yang",
    ),
    Language(
        "sv",
        "Swedish",
        "LATIN",
        words="av de den det dig efter eller en ett från för han har hon i inte jag kan med men mig mot mycket nu"
        " när och om på sin som så till under upp ut utan vad var vi vid är över",
    ),
    Language(
        "nb",
        "Norwegian",
        "LATIN",
        words="av de den det deg eller en er et etter for fra han har hun i ikke jeg kan med meg men mot når og om"
        " opp på seg sin som så til under ut uten ved vi å",
    ),
    Language(
        "da",
        "Danish",
        "LATIN",
        words="af de den det dig efter eller en er et for fra gennem han har hun i ikke jeg kan med men mig mod når"
        " og om op på sig sin som så til ud uden under ved vi",
    ),
    Language(
        "fi",
        "Finnish",
        "LATIN",
        words="ei eikä että hän hänen ja jo joka jonka jossa jotka kaikki kanssa kun kuin mikä mukaan mutta myös ne"
        " niin nuori oli ollut on ovat pieni se sekä sen siitä siinä tai vain vanha yksi",
    ),
    Language(
        "cs",
        "Czech",
        "LATIN",
        letters="[ěřů]",
        words="a aby ale ani do i jak jako je jeho jejich její jen k kde kdy který která které mezi mu na nad ne"
        " nebo od po pod pro proti před přes při s se si své svého svou také ten to u už v ve však z za ze že",
    ),
    Language(
        "ro",
        "Romanian",
        "LATIN",
        letters="[ățșţş]",
        words="al ale atunci care că cel ce cu cum către de din dintre doi după ea el este fără fi în într-o într-"
        " un între la lui mai nu o pe pentru prin sa sau se sub sunt sunt un unei unui și",
    ),
    Language(
        "hu",
        "Hungarian",
        "LATIN",
        letters="[őű]",
        words="a az aki alatt amely ami azt csak de egy egyik el és ez ezt hogy ha is ki meg még mert mint minden"
        " már nem s után vagy van volt",
    ),
    Language("ru", "Russian", "CYRILLIC"),
    Language("kk", "Kazakh", "CYRILLIC", "[әғқңұһ]"),
    Language("be", "Belarusian", "CYRILLIC", "ў"),
    Language("uk", "Ukrainian", "CYRILLIC", "[іїєґ]"),
    Language("mk", "Macedonian", "CYRILLIC", "[ѓќѕ]"),
    Language("sr", "Serbian", "CYRILLIC", "[ђћјљњџ]"),
    Language("mn", "Mongolian", "CYRILLIC", "[өү]"),
    Language("bg", "Bulgarian", "CYRILLIC", "ъ(?![еёюя])", words="във със е са се че"),
    Language("ar", "Arabic", "ARABIC"),
    Language("ur", "Urdu", "ARABIC", "[ٹڈڑںےہ]", words="ایک اور"),
    Language("fa", "Persian", "ARABIC", "[پچژگکی]", words="را از با در که این است به"),
    Language("hi", "Hindi", "DEVANAGARI"),
    Language("mr", "Marathi", "DEVANAGARI", "ळ", words="आहे आहेत आणि मध्ये एका"),
    Language("ne", "Nepali", "DEVANAGARI", words="छ छन् र एउटा लाई"),
    Language("zh", "Chinese", "CJK"),
    Language("ja", "Japanese", "KANA"),
    Language("ko", "Korean", "HANGUL"),
    Language("th", "Thai", "THAI"),
    Language("el", "Greek", "GREEK"),
    Language("he", "Hebrew", "HEBREW"),
    Language("bn", "Bengali", "BENGALI"),
    Language("ta", "Tamil", "TAMIL"),
    Language("te", "Telugu", "TELUGU"),
    Language("kn", "Kannada", "KANNADA"),
    Language("ml", "Malayalam", "MALAYALAM"),
    Language("gu", "Gujarati", "GUJARATI"),
    Language("pa", "Punjabi", "GURMUKHI"),
    Language("or", "Odia", "ORIYA"),
    Language("si", "Sinhala", "SINHALA"),
    Language("km", "Khmer", "KHMER"),
    Language("lo", "Lao", "LAO"),
    Language("my", "Burmese", "MYANMAR"),
    Language("bo", "Tibetan", "TIBETAN"),
    Language("ka", "Georgian", "GEORGIAN"),
    Language("hy", "Armenian", "ARMENIAN"),
    Language("am", "Amharic", "ETHIOPIC"),
)
NAMES = {language.tag: language.name for language in KNOWN_LANGUAGES}
OF_SCRIPT = {
    script: [language for language in KNOWN_LANGUAGES if language.script == script]
    for script in dict.fromkeys(language.script for language in KNOWN_LANGUAGES)
}
