"""What a prompt asks for in words, and the numbers of a story, which ask for nothing.

Lengths and numbers of shots that people wrote into prompts: noonghunna/club-3090#508, harry0703/MoneyPrinterTurbo#829
and #1115, neopen/story-shot-agent#10, Lamatic/AgentKit#393, alecm20/story-flicks#23, openstory-so/openstory#1374,
benjiyaya/Calliope#64, calesthio/OpenMontage#39, waooAI/waoowaoo#182.
"""

from __future__ import annotations

import math
import time

import pytest

from shared.board.wishes import wishes_of

LENGTHS = {
    "60秒的咖啡广告": 60,
    "60秒咖啡品牌宣传短片": 60,
    "一分钟的产品广告": 60,
    "半分钟短视频，讲一只猫": 30,
    "1分30秒的宣传片": 90,
    "一分半钟的微电影": 90,
    "做一个90s的视频": 90,
    "两分钟的动画，主角是一只狐狸": 120,
    "雨中的猫，60秒": 60,
    "雨中的猫 60秒": 60,
    "６０秒，雨中的猫": 60,
    "30s：一只猫找到回家的路": 30,
    "咖啡店广告 30s": 30,
    "时长：45秒。一个程序员在咖啡店": 45,
    "讲一个守塔人的故事，时长一分钟": 60,
    "视频时长控制在30秒以内，主题是环保": 30,
    "总时长约90秒的城市形象片": 90,
    "生成一个60秒的咖啡店故事": 60,
    "帮我写一个三十秒的短视频脚本": 30,
    "拍一条15秒的": 15,
    "请写一份二十秒的童话": 20,
    "一只狐狸学航海，控制在40秒左右": 40,
    "30到60秒的短片": 45,
    "我想生成一个一分钟以上的视频": 60,
    "一百二十秒的纪录片": 120,
    "為台北的夜市拍一支30秒的廣告": 30,
    "60秒以内的带货视频": 60,
    "一只猫（30秒）": 30,
    "10分钟的纪录片": 600,
    "a 30-second ad for a bike shop": 30,
    "A 30 second ad": 30,
    "30 seconds video about tea": 30,
    "Make a 60-second explainer video about black holes": 60,
    "i need a 1 minute video on history of pakistan": 60,
    "two-minute short film about a lighthouse keeper": 120,
    "a half-minute commercial for a coffee brand": 30,
    "A ninety-second trailer for a heist movie": 90,
    "A cat in the rain, 30 seconds": 30,
    "A cat in the rain. 90s.": 90,
    "45 sec: a fox learns to sail": 45,
    "A fox learns to sail (one minute)": 60,
    "A fox learns to sail\nDuration: 40 seconds": 40,
    "length 1:30, a documentary about bees": 90,
    "video length: 2 minutes. A robot finds a flower": 120,
    "A story of a lost dog. Keep it under 60 seconds.": 60,
    "A robot dances. Make it 20 seconds long.": 20,
    "A robot dances. It should last about 45 seconds": 45,
    "Explain photosynthesis in 60 seconds": 60,
    "a 15s TikTok about a dancing cat": 15,
    "a 60s spot for running shoes": 60,
    "a video of 50 seconds about rain": 50,
    "Coffee commercial, 30 seconds, cozy mood": 30,
    "a 60-90 second product video": 75,
    "a minute and a half animation about two snails": 90,
    "A 10 minute documentary about whales": 600,
    "Un anuncio de 30 segundos para una cafetería": 30,
    "Quiero que me construyas un vídeo para ser viral de 8 minutos": 480,
    "Une vidéo de 45 secondes sur un chat": 45,
    "Ein 30-Sekunden-Spot für ein Fahrrad": 30,
    "Ein Video von 40 Sekunden über Bienen": 40,
    "Um vídeo de 30 segundos sobre um gato": 30,
    "Uno spot di 20 secondi per una pizzeria": 20,
    "30-секундный рекламный ролик о кофе": 30,
    "Ролик на 45 секунд про кота": 45,
    "30秒のCMを作って": 30,
    "雨の中の猫、60秒": 60,
    "30초짜리 커피 광고": 30,
    "비 오는 날의 고양이, 60초": 60,
}
COUNTS = {
    "雨中的猫，分5个镜头": (5, 5),
    "分成六个场景讲一只狐狸的故事": (6, 6),
    "五个场景，一只猫找家": (5, 5),
    "一只猫找家，共8个镜头": (8, 8),
    "雨中的猫 6个镜头": (6, 6),
    "写10个分镜：守塔人与漂流瓶": (10, 10),
    "守塔人与漂流瓶，6个分镜": (6, 6),
    "用三个镜头讲一个告别的故事": (3, 3),
    "拆成八个分镜": (8, 8),
    "生成4个场景的短片": (4, 4),
    "3到5个镜头，主题是秋天": (3, 5),
    "主题是秋天，不超过6个镜头": (0, 6),
    "主题是秋天，至少10个镜头": (10, math.inf),
    "镜头数：7，主题是秋天": (7, 7),
    "场景数量为12。主题是秋天": (12, 12),
    "由四个场景组成的短片": (4, 4),
    "两个场景：清晨与黄昏": (2, 2),
    "十二个镜头的宣传片": (12, 12),
    "請分成五個鏡頭": (5, 5),
    "A fox learns to sail, in 6 scenes": (6, 6),
    "A fox learns to sail in six scenes": (6, 6),
    "six scenes: a fox learns to sail": (6, 6),
    "A fox learns to sail. 5 shots.": (5, 5),
    "3-5 scenes about autumn": (3, 5),
    "A story about autumn, 3-5 scenes": (3, 5),
    "Write a 5-scene video script about space": (5, 5),
    "Could you suggest a 6-8 shot structure for the video": (6, 8),
    "Use exactly 7 shots. A robot finds a flower": (7, 7),
    "Give me four scenes of a heist": (4, 4),
    "Number of scenes: 9. A robot finds a flower": (9, 9),
    "Scenes: 4\nA robot finds a flower": (4, 4),
    "split into 10 shots, a chase over the roofs": (10, 10),
    "A chase over the roofs, at most 4 scenes": (0, 4),
    "A chase over the roofs, at least 10 shots": (10, math.inf),
    "Tell it in eight short scenes": (8, 8),
    "A storyboard with 6 panels": (6, 6),
    "Un gato bajo la lluvia en 6 escenas": (6, 6),
    "Un chat sous la pluie en cinq scènes": (5, 5),
    "Eine Katze im Regen in 5 Szenen": (5, 5),
    "Um gato na chuva em 4 cenas": (4, 4),
    "Кот под дождём в 5 сценах": (5, 5),
    "雨の中の猫、5カットで": (5, 5),
    "비 오는 날의 고양이, 6컷": (6, 6),
}
BOTH = {
    "60秒的广告，分10个镜头": (60, 10),
    "30秒，5个镜头：雨中的猫": (30, 5),
    "A 30-second ad in 6 scenes": (30, 6),
    "6 shots, 45 seconds, a fox learns to sail": (45, 6),
    "The 5 scenes combined. Write a 5-scene script of a 60-second video": (60, 5),
    "30秒的广告，5个镜头，每个镜头6秒": (30, 5),
}
STORIES = [
    "3个朋友去旅行",
    "他等了30秒，电话才接通",
    "他等了 30 秒。",
    "24小时营业的便利店",
    "一个10岁的男孩",
    "60秒后炸弹爆炸",
    "倒计时10秒，火箭升空",
    "炸弹倒计时：30秒",
    "第30秒他倒下了",
    "最后5秒绝杀",
    "前3秒要抓住观众",
    "开头3秒是特写",
    "红灯还有15秒",
    "他屏住呼吸，30秒。",
    "沉默了十秒，她开口",
    "百米跑进10秒的少年",
    "3分钟热度的女孩",
    "煮一碗三分钟的泡面",
    "他看了一段30秒的广告，哭了",
    "每个镜头5秒",
    "每天五分钟短视频，他刷了一夜",
    "10秒内卖出一千双鞋",
    "手机有三个镜头",
    "带三个镜头的手机广告",
    "相机换了5个镜头",
    "第三个场景让他难忘",
    "他用三个镜头拍下了全村",
    "一个镜头到底的舞蹈",
    "一个场景，他忘不了",
    "两个场景交替出现在梦里",
    "每个场景3个人",
    "得了5分的少年",
    "三分之一的人",
    "凌晨3:30的城市",
    "1998年的夏天",
    "42公里马拉松",
    "五秒钟的对视改变了一生",
    "七步成诗",
    "一分钟前她还在这里",
    "两分钟后，门开了",
    "短短三十秒，他想起了一生",
    "十面埋伏",
    "the 39 steps",
    "a 10-year-old boy and his dog",
    "60 seconds to live",
    "Gone in 60 Seconds",
    "He has 30 seconds before the bomb explodes",
    "They kiss for ten seconds",
    "After 5 minutes the train leaves",
    "A woman in her 30s opens a bakery",
    "A 90s music video with VHS grain",
    "a 90s commercial for a toy",
    "Skaters in LA, 90s, retro",
    "New York in the 60s",
    "the first 30 seconds of the video are silent",
    "each scene lasts 5 seconds",
    "5 seconds per shot",
    "a five-minute video call with her mother",
    "She watches a 30-second ad and cries",
    "a 10-minute walk to the film studio",
    "a 30-second commercial break saves the match",
    "Countdown: 10, 9, 8 seconds",
    "ten seconds, nine seconds, eight seconds",
    "A minute of silence",
    "wait a minute",
    "Two minutes later she wakes up",
    "a six-shot revolver",
    "Six shots. Then silence.",
    "three shots of espresso",
    "He fired six shots",
    "five shots were fired in the alley",
    "She appears in six scenes of the film",
    "In one scene he dies",
    "the final two scenes are in the dark",
    "3 friends and 5 dogs",
    "Scene 1: a cat. Scene 2: a dog.",
    "Shot 1 5s: a cat\nShot 2 8s: a dog",
    "Scenes: 5 friends walk home",
    "0-3s: a door opens\n3-8s: a cat walks in",
    "7-Eleven at 3 am",
    "a 100 m sprint in 9.58 seconds",
    "Apollo 13 astronauts have 14 seconds to burn",
    "Tres amigos y un perro de 5 años",
    "Espera 30 segundos y llora",
    "Il attend trente secondes",
    "Nach 30 Sekunden geht das Licht aus",
    "Он ждал 30 секунд",
    "彼は30秒待った",
    "그는 30초를 기다렸다",
    "30秒後に爆発する",
    "视频时长10秒后画面变黑",
    "A video of 5 seconds each for seven days",
    "A film about two minutes before the end of the world",
    "第三个分镜很美",
    "最后两个场景的视频",
    "每一场分5个镜头",
    "分成三个镜头之间的对话",
    "A storyboard of 6 panels per page",
]


@pytest.mark.parametrize(("prompt", "seconds"), LENGTHS.items(), ids=LENGTHS)
def test_a_length_that_a_prompt_names_is_read(prompt: str, seconds: float) -> None:
    wishes = wishes_of(prompt)

    assert [(wish.least + wish.most) / 2 for wish in wishes.length] == [seconds]
    assert wishes.count == ()


@pytest.mark.parametrize(("prompt", "count"), COUNTS.items(), ids=COUNTS)
def test_a_number_of_scenes_that_a_prompt_names_is_read(prompt: str, count: tuple[float, float]) -> None:
    wishes = wishes_of(prompt)

    assert [(wish.least, wish.most) for wish in wishes.count] == [count]
    assert wishes.length == ()


@pytest.mark.parametrize(("prompt", "both"), BOTH.items(), ids=BOTH)
def test_both_are_read(prompt: str, both: tuple[float, float]) -> None:
    wishes = wishes_of(prompt)

    assert [(wish.least, wish.most) for wish in (*wishes.length, *wishes.count)] == [(each, each) for each in both]


@pytest.mark.parametrize("prompt", STORIES, ids=str)
def test_the_numbers_of_a_story_ask_for_nothing(prompt: str) -> None:
    wishes = wishes_of(prompt)

    assert (wishes.length, wishes.count) == ((), ())


def test_there_are_enough_of_each() -> None:
    assert min(len(LENGTHS) + len(COUNTS) + len(BOTH), len(STORIES)) >= 60


@pytest.mark.parametrize(
    "part", ["他等了30秒", "30 seconds ", "a a a ", "一二三", "1-2-3 to ", "five ", "每" * 50, "30s video "]
)
def test_the_longest_prompt_is_read_at_once(part: str) -> None:
    """Of the process' own time, for a machine may have other work; it is some milliseconds."""
    started = time.process_time()
    wishes_of((part * 4000)[:4000])

    assert time.process_time() - started < 2
