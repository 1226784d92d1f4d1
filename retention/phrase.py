"""The phrase that a person says aloud to consent: who, what for, how long, and words that nobody could have recorded before. Pure.

Four words of 64 are 24 bits: enough that a recording of another day does not hold them.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

NONCE_WORDS: Final = 4
_ENGLISH: Final = (
    "amber anchor apple arrow autumn basket bell bird blanket bottle branch bread bridge butter button candle carpet castle "
    "chair cherry circle cloud coffee copper corner cotton curtain desert doctor dragon drum eagle engine feather field "
    "finger flower forest garden glass hammer harbour honey island jacket kitchen ladder lemon letter marble meadow mirror "
    "mountain needle orange paper pencil pepper pocket river silver tiger window winter"
)
_CHINESE: Final = (
    "苹果 香蕉 桌子 椅子 窗户 月亮 太阳 星星 大海 高山 森林 河流 花园 草地 白云 彩虹 春天 夏天 秋天 冬天 火车 飞机 轮船 汽车 "
    "铅笔 书包 杯子 盘子 毛巾 镜子 钥匙 雨伞 帽子 手套 围巾 面包 牛奶 茶叶 咖啡 蜂蜜 西瓜 葡萄 橘子 柠檬 老虎 狮子 大象 熊猫 "
    "兔子 松鼠 燕子 蝴蝶 蜜蜂 金鱼 桥梁 灯塔 城堡 火箭 风筝 音乐 图画 石头 沙滩 雪花"
)
WORDS: Final = {"en": tuple(_ENGLISH.split()), "zh-hans": tuple(_CHINESE.split())}
"""By language, 64 each, short and unlike one another."""


def phrase(  # noqa: PLR0913
    *, locale: str, app: str, controller: str, purpose: str, term: timedelta | None, nonce: Sequence[str]
) -> str:
    """Return what is to be said. `term` is None for a consent to one use; `purpose` is its name in that language."""
    if locale == "zh-hans":
        span = f"在{_days(term, '天', '小时')}内" if term else "一次"
        return f"我允许{controller}的{app}{span}将我的声音用于：{purpose}。今天的口令是：{'、'.join(nonce)}。"
    span = f"for {_days(term, ' day', ' hour', plural='s')}" if term else "once"
    return f"I allow {app} of {controller} to use my voice {span} for this: {purpose}. Today's words are: {', '.join(nonce)}."


def _days(term: timedelta, day: str, hour: str, *, plural: str = "") -> str:
    """Say a term in whole days, or in hours where it is shorter; what is begun counts as whole."""
    hours = -(-round(term.total_seconds()) // 3600)
    number, unit = (-(-hours // 24), day) if hours >= 24 else (max(hours, 1), hour)
    return f"{number}{unit}{plural if number > 1 else ''}"
