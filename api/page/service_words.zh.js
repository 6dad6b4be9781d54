// What the service itself says in English, in Chinese: faults of a field, repairs and notes, by their codes and values.

import { FIELD_WORDS } from "./scene_fields.js";

const MORE = { title: "标题", scenes: "镜头", style: "风格", aspect_ratio: "画幅", language: "语言" };
const REQUEST = { min_scenes: "最少镜头", max_scenes: "最多镜头", target_duration_s: "总时长（秒）", scene_min_s: "镜头最短（秒）", scene_max_s: "镜头最长（秒）", max_new_tokens: "最多词元" };

/** What a field of a board is called. */
function named(field) {
  return MORE[field] ?? FIELD_WORDS.zh[`scene.${field}`] ?? field;
}

export const SERVICE_WORDS = {
  "fault.missing": "必填",
  "fault.blank": "不能只有空白",
  "fault.same_candidates": "不采样时各候选都一样：请开启采样，温度大于 0",
  "fault.string_too_short": ({ min_length: least }) => (least === 1 ? "不能为空" : `至少 ${least} 个字符`),
  "fault.string_too_long": ({ max_length: most }) => `最多 ${most} 个字符`,
  "fault.string_type": "须是文字",
  "fault.string_pattern_mismatch": "写法不对",
  "fault.greater_than": ({ gt }) => `须大于 ${gt}`,
  "fault.greater_than_equal": ({ ge }) => `不能小于 ${ge}`,
  "fault.less_than": ({ lt }) => `须小于 ${lt}`,
  "fault.less_than_equal": ({ le }) => `不能大于 ${le}`,
  "fault.finite_number": "须是有限的数",
  "fault.int_type": "须是整数",
  "fault.int_from_float": "须是整数",
  "fault.float_type": "须是数字",
  "fault.bool_type": "须是“是”或“否”",
  "fault.dict_type": "须是对象",
  "fault.list_type": "须是列表",
  "fault.tuple_type": "须是列表",
  "fault.model_type": "须是对象",
  "fault.literal_error": ({ expected }) => `须是其中之一：${expected}`,
  "fault.extra_forbidden": "没有这个字段",
  "fault.too_short": ({ min_length: least }) => `至少 ${least} 项`,
  "fault.too_long": ({ max_length: most, limit_bytes: bytes }) => (bytes ? `最多 ${bytes} 字节` : `最多 ${most} 项`),
  "fault.datetime_type": "须是带时区的时间，如 2026-01-31T18:00:00Z",
  "fault.language_tag": "须是 auto 或语言标签，如 zh-Hant、pt-BR",
  "fault.url": "须是 http 或 https 网址",
  "fault.url_credentials": "网址中不能含用户名和密码：投递是签名的",
  "fault.words_added": "写好的脚本全部作为旁白；加台词会改动原文",
  "fault.no_cast": "需要角色：请添加；不是写好的脚本时，也可勾选“角色”让模型来写",
  "fault.same_id": ({ ids }) => `每个角色的 id 须不同；重复：${ids}`,
  "fault.json": "只能含有限的数和正常的文字",
  "fault.scene_limits": ({ least }) => (least === undefined ? "与分镜的镜头数不符" : `不能小于下限（${least}）`),
  "fault.unreachable_duration": ({ min_scenes: few, max_scenes: many, scene_min_s: short, scene_max_s: long }) => (few === undefined ? "剩下的镜头凑不出这个时长" : `${few}–${many} 个 ${short}–${long} 秒的镜头凑不出这个时长`),
  "fault.too_few_tokens": ({ least }) => `至少要 ${least} 个词元`,
  "fault.no_base": "须指定任务或给出分镜",
  "fault.same_scene": "每个镜头只能写一次",
  "fault.nothing_to_write": "只用于要写的镜头",
  "fault.outlined": "提纲是整个分镜的，不能与已有分镜一起用",
  "fault.no_scenes": "至少要有一个镜头",
  "fault.no_scene": "须是镜头；要模型来写则留空",
  "fault.scene_gap": "镜头编号须相连",
  "fault.output_invalid": "这样不成分镜",
  "fault.script_too_long": "这些镜头装不下脚本",

  "repair.scenes_cut": ({ count, most }) => `超出上限 ${most} 的 ${count} 个镜头已去掉`,
  "repair.published_kept": ({ count }) => `前 ${count} 个镜头保持已发布的样子`,
  "repair.base_kept": ({ scenes }) => `镜头 ${scenes} 保持原样`,
  "repair.title_from_prompt": "缺标题，已取自提示词",
  "repair.refusals_dropped": ({ count }) => `去掉 ${count} 段拒绝的话`,
  "repair.entries_unread": ({ count, most }) => `第 ${most} 条之后的 ${count} 条未读`,
  "repair.entries_dropped": ({ count, what }) => `去掉 ${count} 条不是镜头的内容：${what}`,
  "repair.scenes_ordered": "镜头已按编号排序",
  "repair.durations_set": ({ seconds }) => `时长已调整，合计 ${seconds} 秒`,
  "repair.script_put_back": "台本的原文和时长已放回",
  "repair.duration_for_target": ({ seconds, to, target }) => `时长由 ${seconds} 秒改为 ${to} 秒，以适合 ${target}`,
  "repair.text_as_description": "一段文字被当作描述",
  "repair.scene_dropped": "没有描述也没有动作，已去掉",
  "repair.board_fields_dropped": ({ names }) => `去掉分镜中不认识的字段：${names}`,
  "repair.unknown_dropped": ({ names }) => `去掉不认识的字段：${names}`,
  "repair.taken_from": ({ field, other }) => `缺${named(field)}，已取自${named(other)}`,
  "repair.duration_assumed": ({ seconds }) => `缺时长，设为 ${seconds} 秒`,
  "repair.duration_from_timeline": ({ what, seconds }) => `时长 ${what} 按时间线读作 ${seconds} 秒`,
  "repair.duration_read": ({ what, seconds }) => `时长 ${what} 读作 ${seconds} 秒`,
  "repair.duration_clamped": ({ seconds, to }) => `时长 ${seconds} 秒超出范围，改为 ${to} 秒`,
  "repair.term_assumed": ({ field, what, term }) => `${named(field)} ${what}，设为 ${term}`,
  "repair.term_left_out": ({ field, what }) => `${named(field)} ${what} 不是可用的词，已略去`,
  "repair.too_long_to_say": ({ field, seconds, what }) => `${named(field)}已缩短到 ${seconds} 秒能念完，略去 ${what}`,
  "repair.read_from": ({ field, name }) => `${named(field)}读自 ${name}`,
  "repair.lines_read": ({ field, count }) => `${named(field)}读作 ${count} 句`,
  "repair.list_read": ({ names }) => `角色读作 ${names}`,
  "repair.term_read": ({ field, what, term }) => `${named(field)} ${what} 读作 ${term}`,
  "repair.number_set": ({ what }) => `编号 ${what} 改为它的位置`,
  "repair.not_in_cast": ({ name }) => `${name} 不在角色中，已略去`,
  "repair.line_says_nothing": ({ what }) => `台词 ${what} 为空，已略去`,
  "repair.line_of_nobody": ({ what, name }) => `台词 ${what} 已略去：${name} 不在角色中`,
  "repair.lines_cut": ({ what, most }) => `台词 ${what} 已略去：最多 ${most} 句`,
  "repair.cast_cut": ({ name, most }) => `${name} 已略去：最多写 ${most} 个角色`,
  "repair.cast_missing": "没有写出角色",
  "repair.character_unnamed": ({ what }) => `${what} 没有名字，已略去`,
  "repair.character_twice": ({ name }) => `${name} 出现两次，合为一个`,
  "repair.look_missing": ({ name }) => `${name} 没有外貌，以名字代替`,
  "repair.look_shortened": ({ what, count }) => `${what} 已缩短到 ${count} 个字符`,
  "repair.more_of_this": ({ count }) => `同类还有 ${count} 处`,
  "repair.left_out_beside": ({ name, other }) => `已有 ${other}，${name} 略去`,
  "repair.turned_to_text": ({ field }) => `${named(field)}已转为文字`,
  "repair.escapes_read": ({ field }) => `${named(field)}中的转义已还原`,
  "repair.trimmed": ({ field }) => `${named(field)}首尾的空白或不可见的字符已去掉`,
  "repair.no_text": ({ field, what }) => `${named(field)} ${what} 不是文字`,
  "repair.other_name_left_out": ({ count }) => `另一个名字下的 ${count} 个镜头已略去`,
  "repair.around_list_left_out": "镜头列表之外的说明已略去",
  "repair.version_left_out": ({ count }) => `另一版本的 ${count} 个镜头已略去`,
  "repair.board_left_out": ({ count }) => `文中另一份 ${count} 个镜头的分镜已略去`,
  "repair.no_json": "内容不是 JSON，已按可能的意思读取",
  "repair.lists_joined": ({ count }) => `${count} 个列表的镜头已合并`,
  "repair.values_unread": ({ most }) => `内容超过 ${most} 个值，其余未读`,
  "repair.scene_repeats": ({ other }) => `与镜头 ${other} 重复`,
  "repair.scenes_repeat": ({ scenes, other }) => `镜头 ${scenes} 与镜头 ${other} 重复`,
  "repair.scene_nearly_repeats": ({ other }) => `与镜头 ${other} 几乎相同`,
  "repair.scenes_nearly_repeat": ({ scenes, other }) => `镜头 ${scenes} 与镜头 ${other} 几乎相同`,
  "repair.second_text": "第一次写的内容没有分镜，这是第二次",
  "repair.from_sentences": "模型没有写出分镜，由提示词按句拆分",
  "repair.gone_on_with": ({ count }) => `前 ${count} 个镜头来自之前的内容`,
  "repair.closed_early": ({ count }) => `提前收尾：${count} 个词元将用完`,
  "repair.closed_in_time": ({ seconds }) => `提前收尾：可运行的 ${seconds} 秒将尽`,
  "repair.loops_ended": ({ count }) => `${count} 段开始重复的文字已截止`,
  "repair.written_anew": ({ count, tokens }) => `重复的镜头重写了 ${count} 次，多用 ${tokens} 个词元`,
  "repair.loops_written_anew": ({ count, tokens }) => `原地打转的镜头重写了 ${count} 次，多用 ${tokens} 个词元`,
  "repair.other_language": ({ language, wanted }) => `写成了 ${language}，而不是 ${wanted}`,
  "repair.target_short_call": ({ target, seconds, scenes }) => `${target} 每次至少 ${seconds} 秒；更短的：${scenes}`,
  "repair.target_other_seconds": ({ target, what, scenes }) => `${target} 只做 ${what} 的镜头；不符的：${scenes}`,
  "repair.target_long_shot": ({ target, what, scenes }) => `${target} 做 ${what} 的镜头；更长的：${scenes}`,
  "repair.target_few_words": ({ target, count, scenes }) => `${target} 至少要 ${count} 个词；不足的：${scenes}`,
  "repair.target_many_words": ({ target, most, scenes }) => `${target} 最多 ${most} 个词；超出的：${scenes}`,
  "repair.target_long_prompt": ({ target, most, scenes }) => `${target} 最多 ${most} 个字符；超出的：${scenes}`,
};

/** What was read in a prompt: notes have no codes, and few forms. */
const NOTES = [
  [/^(".*") in the prompt contradict each other: none was heeded$/s, (wishes) => `提示词中的${quoted(wishes)}互相矛盾，都未采用`],
  [/^"(.*)" in the prompt cannot be met beside "(.*)": (.*)$/s, (wish, other, why) => `提示词中的“${wish}”与“${other}”不能同时满足：${reason(why)}`],
  [/^"(.*)" in the prompt cannot be met: (.*); (.*)$/s, (wish, why, result) => `提示词中的“${wish}”不能满足：${reason(why)}；${outcome(result)}`],
  [/^"(.*)" in the prompt: (.*)$/s, (wish, result) => `提示词中的“${wish}”：${outcome(result)}`],
];
const REASONS = [
  [/^at most (\d+) are allowed$/, (most) => `最多 ${most} 个`],
  [/^max_new_tokens suffices for (\d+)$/, (count) => `词元只够写 ${count} 个镜头`],
  [/^each scene lasts (.*) s$/, (seconds) => `每个镜头为 ${spans(seconds)} 秒`],
  [/^(.*) scenes? of (.*) s cannot last (.*) s$/, (count, each, seconds) => `${spans(count)} 个 ${spans(each)} 秒的镜头凑不出 ${seconds} 秒`],
  [/^(.*) scenes? of (.*) s last (.*) s$/, (count, each, seconds) => `${spans(count)} 个 ${spans(each)} 秒的镜头共 ${spans(seconds)} 秒`],
  [/^(.*) was given$/, (given) => `已指定 ${given.split(", ").map((one) => one.replace(/^\w+/, requested)).join("，")}`],
];

/** A note in Chinese; itself where its form is not known. */
export function noteWords(note) {
  return formed(NOTES, note) ?? note;
}

function formed(forms, text) {
  for (const [form, say] of forms) {
    const found = form.exec(text);
    if (found) return say(...found.slice(1));
  }
  return null;
}

function reason(text) {
  return formed(REASONS, text) ?? text;
}

function outcome(text) {
  if (text === "nothing had to change") return "无需更改";
  return text.split(", ").map((one) => one.replace(/^(\w+) is /, (_, name) => `${requested(name)} 为 `)).join("，");
}

function requested(name) {
  return REQUEST[name] ?? name;
}

function quoted(wishes) {
  return wishes.replaceAll('", "', "”、“").replace(/^"|"$/g, (mark, at) => (at ? "”" : "“"));
}

function spans(text) {
  return text.replaceAll(" to ", "–").replaceAll(" or ", "、").replaceAll(", ", "、");
}
