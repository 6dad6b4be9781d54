"""What languages, scripts and regions are called in English: data from CLDR 48, a row each.

A package that knows them (Babel, or langcodes with language_data) brings the data of all locales, to the API as well;
what a prompt needs of it is this page. Which name a tag has is language_tags.py's.
"""

from __future__ import annotations


def _rows(text: str) -> dict[str, str]:
    return dict(row.split(" ", 1) for row in text.split("|"))


LANGUAGE_NAMES = _rows(
    "aa Afar|ab Abkhazian|ae Avestan|aeb Tunisian Arabic|af Afrikaans|ak Akan|am Amharic|an Aragonese|"
    "ang Old English|apc Levantine Arabic|ar Arabic|arq Algerian Arabic|ars Najdi Arabic|ary Moroccan Arabic|"
    "arz Egyptian Arabic|as Assamese|ast Asturian|av Avaric|awa Awadhi|ay Aymara|az Azerbaijani|ba Bashkir|"
    "bal Baluchi|ban Balinese|be Belarusian|bem Bemba|bg Bulgarian|bgc Haryanvi|bho Bhojpuri|bi Bislama|"
    "bik Bikol|bjn Banjar|bm Bambara|bn Bangla|bo Tibetan|br Breton|brx Bodo|bs Bosnian|ca Catalan|"
    "ce Chechen|ceb Cebuano|ch Chamorro|chm Mari|chr Cherokee|ckb Central Kurdish|co Corsican|cr Cree|"
    "crh Crimean Tatar|cs Czech|csb Kashubian|cu Church Slavic|cv Chuvash|cy Welsh|da Danish|de German|"
    "din Dinka|doi Dogri|dsb Lower Sorbian|dv Divehi|dyu Dyula|dz Dzongkha|ee Ewe|el Greek|en English|"
    "eo Esperanto|es Spanish|et Estonian|eu Basque|ewo Ewondo|fa Persian|ff Fula|fi Finnish|fil Filipino|"
    "fj Fijian|fo Faroese|fon Fon|fr French|frp Arpitan|frr Northern Frisian|fur Friulian|"
    "fy Western Frisian|ga Irish|gaa Ga|gag Gagauz|gan Gan Chinese|gd Scottish Gaelic|gl Galician|"
    "gn Guarani|grc Ancient Greek|gsw Swiss German|gu Gujarati|gv Manx|ha Hausa|hak Hakka Chinese|"
    "haw Hawaiian|he Hebrew|hi Hindi|hif Fiji Hindi|hil Hiligaynon|hmn Hmong|hnj Hmong Njua|ho Hiri Motu|"
    "hr Croatian|hsb Upper Sorbian|hsn Xiang Chinese|ht Haitian Creole|hu Hungarian|hy Armenian|hz Herero|"
    "ia Interlingua|iba Iban|ibb Ibibio|id Indonesian|ie Interlingue|ig Igbo|ii Sichuan Yi|ik Inupiaq|"
    "ilo Iloko|inh Ingush|io Ido|is Icelandic|it Italian|iu Inuktitut|ja Japanese|"
    "jam Jamaican Creole English|jbo Lojban|jv Javanese|ka Georgian|kab Kabyle|kam Kamba|kbd Kabardian|"
    "kg Kongo|kha Khasi|ki Kikuyu|kj Kuanyama|kk Kazakh|kl Kalaallisut|kln Kalenjin|km Khmer|kmb Kimbundu|"
    "kmr Northern Kurdish|kn Kannada|ko Korean|kok Konkani|kr Kanuri|krc Karachay-Balkar|kri Krio|"
    "ks Kashmiri|ku Kurdish|kum Kumyk|kv Komi|kw Cornish|ky Kyrgyz|la Latin|lad Ladino|lb Luxembourgish|"
    "lez Lezghian|lg Ganda|li Limburgish|lij Ligurian|lmo Lombard|ln Lingala|lo Lao|lt Lithuanian|lu Luba-"
    "Katanga|lua Luba-Lulua|luo Luo|lus Mizo|luy Luyia|lv Latvian|mad Madurese|mag Magahi|mai Maithili|"
    "mak Makasar|men Mende|mer Meru|mfe Morisyen|mg Malagasy|mh Marshallese|mi Māori|min Minangkabau|"
    "mk Macedonian|ml Malayalam|mn Mongolian|mnc Manchu|mni Manipuri|mos Mossi|mr Marathi|ms Malay|"
    "mt Maltese|mwr Marwari|my Burmese|myv Erzya|na Nauru|nan Min Nan Chinese|nap Neapolitan|"
    "nb Norwegian Bokmål|nd North Ndebele|nds Low German|ne Nepali|new Newari|ng Ndonga|nl Dutch|"
    "nn Norwegian Nynorsk|no Norwegian|nqo N’Ko|nr South Ndebele|nso Northern Sotho|nus Nuer|nv Navajo|"
    "ny Nyanja|nyn Nyankole|oc Occitan|oj Ojibwa|om Oromo|or Odia|os Ossetic|pa Punjabi|pag Pangasinan|"
    "pam Pampanga|pap Papiamento|pcm Nigerian Pidgin|pdc Pennsylvania German|pi Pali|pl Polish|"
    "pms Piedmontese|pnb Western Punjabi|prs Dari|ps Pashto|pt Portuguese|qu Quechua|raj Rajasthani|"
    "rhg Rohingya|rm Romansh|rn Rundi|ro Romanian|rom Romany|ru Russian|rue Rusyn|rw Kinyarwanda|"
    "sa Sanskrit|sah Yakut|sat Santali|sc Sardinian|scn Sicilian|sco Scots|sd Sindhi|se Northern Sami|"
    "sg Sango|sgs Samogitian|sh Serbo-Croatian|shi Tachelhit|shn Shan|si Sinhala|sid Sidamo|sk Slovak|"
    "skr Saraiki|sl Slovenian|sm Samoan|sma Southern Sami|smj Lule Sami|smn Inari Sami|sms Skolt Sami|"
    "sn Shona|so Somali|sq Albanian|sr Serbian|srn Sranan Tongo|ss Swati|st Southern Sotho|su Sundanese|"
    "sus Susu|sv Swedish|sw Swahili|syr Syriac|szl Silesian|ta Tamil|tcy Tulu|te Telugu|tem Timne|"
    "tet Tetum|tg Tajik|th Thai|ti Tigrinya|tiv Tiv|tk Turkmen|tlh Klingon|tn Tswana|to Tongan|"
    "tok Toki Pona|tpi Tok Pisin|tr Turkish|ts Tsonga|tt Tatar|tum Tumbuka|ty Tahitian|tyv Tuvinian|"
    "udm Udmurt|ug Uyghur|uk Ukrainian|umb Umbundu|ur Urdu|uz Uzbek|ve Venda|vec Venetian|vi Vietnamese|"
    "vo Volapük|wa Walloon|war Waray|wo Wolof|wuu Wu Chinese|xal Kalmyk|xh Xhosa|yi Yiddish|yo Yoruba|"
    "yue Cantonese|za Zhuang|zgh Standard Moroccan Tamazight|zh Chinese|zu Zulu|zza Zaza"
)

# What a script or a region makes of a language has a name of its own.
DIALECTS = _rows(
    "ar-001 Modern Standard Arabic|de-AT Austrian German|de-CH Swiss High German|en-AU Australian English|en-"
    "CA Canadian English|en-GB British English|en-US American English|es-419 Latin American Spanish|es-"
    "ES European Spanish|es-MX Mexican Spanish|fa-AF Dari|fr-CA Canadian French|fr-CH Swiss French|nl-"
    "BE Flemish|pt-BR Brazilian Portuguese|pt-PT European Portuguese|ro-MD Moldavian|sr-ME Montenegrin|sw-"
    "CD Congo Swahili|zh-Hans Simplified Chinese|zh-Hant Traditional Chinese"
)

WRITING_NAMES = _rows(
    "Adlm Adlam|Arab Arabic|Armn Armenian|Beng Bengali|Cans Canadian syllabic|Cher Cherokee|Cyrl Cyrillic|"
    "Deva Devanagari|Ethi Ethiopic|Geor Georgian|Grek Greek|Gujr Gujarati|Guru Gurmukhi|Hang Hangul|"
    "Hans Simplified Han|Hant Traditional Han|Hebr Hebrew|Jpan Japanese|Khmr Khmer|Knda Kannada|Kore Korean|"
    "Laoo Lao|Latn Latin|Mlym Malayalam|Mong Mongolian|Mymr Burmese|Nkoo N’Ko|Olck Ol Chiki|Orya Odia|"
    "Rohg Hanifi|Sinh Sinhala|Syrc Syriac|Taml Tamil|Telu Telugu|Tfng Tifinagh|Thaa Thaana|Thai Thai|"
    "Tibt Tibetan|Yiii Yi"
)

REGION_NAMES = _rows(
    "001 world|150 Europe|419 Latin America|AC Ascension Island|AD Andorra|AE United Arab Emirates|"
    "AF Afghanistan|AG Antigua & Barbuda|AI Anguilla|AL Albania|AM Armenia|AO Angola|AQ Antarctica|"
    "AR Argentina|AS American Samoa|AT Austria|AU Australia|AW Aruba|AX Åland Islands|AZ Azerbaijan|"
    "BA Bosnia & Herzegovina|BB Barbados|BD Bangladesh|BE Belgium|BF Burkina Faso|BG Bulgaria|BH Bahrain|"
    "BI Burundi|BJ Benin|BL St. Barthélemy|BM Bermuda|BN Brunei|BO Bolivia|BQ Caribbean Netherlands|"
    "BR Brazil|BS Bahamas|BT Bhutan|BV Bouvet Island|BW Botswana|BY Belarus|BZ Belize|CA Canada|"
    "CC Cocos (Keeling) Islands|CD DR Congo|CF Central African Republic|CG Congo|CH Switzerland|"
    "CI Côte d’Ivoire|CK Cook Islands|CL Chile|CM Cameroon|CN China|CO Colombia|CP Clipperton Island|"
    "CR Costa Rica|CU Cuba|CV Cape Verde|CW Curaçao|CX Christmas Island|CY Cyprus|CZ Czechia|DE Germany|"
    "DG Diego Garcia|DJ Djibouti|DK Denmark|DM Dominica|DO Dominican Republic|DZ Algeria|EA Ceuta & Melilla|"
    "EC Ecuador|EE Estonia|EG Egypt|EH Western Sahara|ER Eritrea|ES Spain|ET Ethiopia|EU European Union|"
    "FI Finland|FJ Fiji|FK Falkland Islands|FM Micronesia|FO Faroe Islands|FR France|GA Gabon|"
    "GB United Kingdom|GD Grenada|GE Georgia|GF French Guiana|GG Guernsey|GH Ghana|GI Gibraltar|"
    "GL Greenland|GM Gambia|GN Guinea|GP Guadeloupe|GQ Equatorial Guinea|GR Greece|"
    "GS South Georgia & South Sandwich Islands|GT Guatemala|GU Guam|GW Guinea-Bissau|GY Guyana|HK Hong Kong|"
    "HM Heard & McDonald Islands|HN Honduras|HR Croatia|HT Haiti|HU Hungary|IC Canary Islands|ID Indonesia|"
    "IE Ireland|IL Israel|IM Isle of Man|IN India|IO British Indian Ocean Territory|IQ Iraq|IR Iran|"
    "IS Iceland|IT Italy|JE Jersey|JM Jamaica|JO Jordan|JP Japan|KE Kenya|KG Kyrgyzstan|KH Cambodia|"
    "KI Kiribati|KM Comoros|KN St. Kitts & Nevis|KP North Korea|KR South Korea|KW Kuwait|KY Cayman Islands|"
    "KZ Kazakhstan|LA Laos|LB Lebanon|LC St. Lucia|LI Liechtenstein|LK Sri Lanka|LR Liberia|LS Lesotho|"
    "LT Lithuania|LU Luxembourg|LV Latvia|LY Libya|MA Morocco|MC Monaco|MD Moldova|ME Montenegro|"
    "MF St. Martin|MG Madagascar|MH Marshall Islands|MK North Macedonia|ML Mali|MM Myanmar|MN Mongolia|"
    "MO Macao|MP Northern Mariana Islands|MQ Martinique|MR Mauritania|MS Montserrat|MT Malta|MU Mauritius|"
    "MV Maldives|MW Malawi|MX Mexico|MY Malaysia|MZ Mozambique|NA Namibia|NC New Caledonia|NE Niger|"
    "NF Norfolk Island|NG Nigeria|NI Nicaragua|NL Netherlands|NO Norway|NP Nepal|NR Nauru|NU Niue|"
    "NZ New Zealand|OM Oman|PA Panama|PE Peru|PF French Polynesia|PG Papua New Guinea|PH Philippines|"
    "PK Pakistan|PL Poland|PM St. Pierre & Miquelon|PN Pitcairn Islands|PR Puerto Rico|"
    "PS Palestinian Territories|PT Portugal|PW Palau|PY Paraguay|QA Qatar|RE Réunion|RO Romania|RS Serbia|"
    "RU Russia|RW Rwanda|SA Saudi Arabia|SB Solomon Islands|SC Seychelles|SD Sudan|SE Sweden|SG Singapore|"
    "SH St. Helena|SI Slovenia|SJ Svalbard & Jan Mayen|SK Slovakia|SL Sierra Leone|SM San Marino|SN Senegal|"
    "SO Somalia|SR Suriname|SS South Sudan|ST São Tomé & Príncipe|SV El Salvador|SX Sint Maarten|SY Syria|"
    "SZ Eswatini|TA Tristan da Cunha|TC Turks & Caicos Islands|TD Chad|TF French Southern Territories|TG Togo|"
    "TH Thailand|TJ Tajikistan|TK Tokelau|TL Timor-Leste|TM Turkmenistan|TN Tunisia|TO Tonga|TR Turkey|"
    "TT Trinidad & Tobago|TV Tuvalu|TW Taiwan|TZ Tanzania|UA Ukraine|UG Uganda|UM U.S. Outlying Islands|"
    "US United States|UY Uruguay|UZ Uzbekistan|VA Vatican City|VC St. Vincent & Grenadines|VE Venezuela|"
    "VG British Virgin Islands|VI U.S. Virgin Islands|VN Vietnam|VU Vanuatu|WF Wallis & Futuna|WS Samoa|"
    "XK Kosovo|YE Yemen|YT Mayotte|ZA South Africa|ZM Zambia|ZW Zimbabwe"
)
