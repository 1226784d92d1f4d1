"""The words of a first notice, in English and Chinese: who, what, why, how long, and the four questions every voice app must answer.

Is a voiceprint extracted, how is it stored, when is it deleted, is it used for anything else. Pure; the notice that a person saw is the
stored row, not these words.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class NoticeText:
    """One language of one purpose's notice."""

    locale: str
    operations: tuple[str, ...]
    body: dict[str, str]


_OPERATIONS = {
    "voice-cloning": ("upload", "embed", "synthesize"),
    "text-to-speech": ("upload", "synthesize"),
    "speaker-verification": ("upload", "embed"),
}

_TITLES = {
    "voice-cloning": ("Make a copy of your voice and speak with it", "复刻您的声音并用它说话"),
    "text-to-speech": ("Speak texts in your voice", "用您的声音朗读文字"),
    "speaker-verification": ("Recognise you by your voice", "通过声音识别您本人"),
}

_WHY = {
    "voice-cloning": (
        "{app} learns from a short recording how you sound, and speaks the texts you give it in that voice.",
        "{app} 会从一段简短录音中学习您的音色，并用这个声音读出您给出的文字。",
    ),
    "text-to-speech": (
        "{app} speaks the texts you give it in the voice of your recording.",
        "{app} 会用您录音中的声音读出您给出的文字。",
    ),
    "speaker-verification": (
        "{app} compares your voice with an earlier recording to make sure that it is you.",
        "{app} 会将您的声音与之前的录音比对，以确认是您本人。",
    ),
}

_VOICEPRINT = {
    "voice-cloning": (
        "Yes. A voiceprint is computed to make the copy. It is not used to identify you.",
        "会。为复刻声音需要提取声纹，但不会用它来识别您的身份。",
    ),
    "text-to-speech": ("No. No voiceprint is extracted.", "不会。不提取声纹。"),
    "speaker-verification": (
        "Yes. A voiceprint is extracted and used to recognise you.",
        "会。提取声纹并用于识别您本人。",
    ),
}

_TO_SPEAK = (
    "The voice you upload is used to generate speech. The system does not keep it for good. Please do not upload sensitive conversations.",
    "您上传的声音将用于生成语音，系统不会永久保存，请勿上传敏感对话。",
)
_STATEMENT = {
    "voice-cloning": _TO_SPEAK,
    "text-to-speech": _TO_SPEAK,
    "speaker-verification": (
        "The voice you upload is used to recognise you. The system does not keep it for good. Please do not upload sensitive conversations.",
        "您上传的声音将用于识别您本人，系统不会永久保存，请勿上传敏感对话。",
    ),
}

_SPEECH_KEPT = (
    (
        "A recording is kept for at most 5 minutes after it is received. {voiceprint}Speech made in your voice is kept for at most 24 hours here, "
        "or at most 30 days by {app}; never longer than you allow."
    ),
    "录音自收到之时起最多保存 5 分钟。{voiceprint}用您的声音生成的语音在本系统最多保存 24 小时，或由 {app} 最多保存 30 天，且不超过您同意的期限。",
)
_IN_MEMORY = (
    "The voiceprint is held in memory while it is needed, at most 1 hour, and never stored. ",
    "声纹仅在使用期间保留在内存中，最长 1 小时，不作存储。",
)
_KEPT = {
    "voice-cloning": tuple(
        kept.replace("{voiceprint}", held) for kept, held in zip(_SPEECH_KEPT, _IN_MEMORY, strict=True)
    ),
    "text-to-speech": tuple(kept.replace("{voiceprint}", "") for kept in _SPEECH_KEPT),
    "speaker-verification": (
        (
            "A recording is kept for at most 5 minutes after it is received. The voiceprint, by which you are recognised, is kept as long as you "
            "allow, at most 366 days."
        ),
        "录音自收到之时起最多保存 5 分钟。用于识别您的声纹在您同意的期限内保存，最长 366 天。",
    ),
}

_COMMON = {
    "who": (
        "{app}, a service of {operator}, asks. Consonant keeps the record of your answer and of every use.",
        "请求方是 {operator} 提供的 {app}。您的答复以及每一次使用都由 Consonant 记录。",
    ),
    "what": ("Recordings of your voice of at most 10 seconds each.", "您的声音录音，每段最长 10 秒。"),
    "stored": (
        "Encrypted, each recording under a key of its own, apart from your name and address.",
        "加密存储：每段录音使用单独的密钥，并与您的身份信息分开存放。",
    ),
    "deleted": (
        (
            "On time by itself: the key is destroyed first, then the bytes; both are entered in the record. If you withdraw, at once; "
            "what {app} itself keeps it is told to destroy, and has to confirm. Under My rights you see who has."
        ),
        (
            "到期自动删除：先销毁密钥，再删除数据，两步均有记录。您撤回同意后立即删除；由 {app} 自行保存的内容，会通知其销毁并要求确认，"
            "您可在“我的权利”中查看确认情况。"
        ),
    ),
    "other_use": (
        "No. Not for training, not for advertising, and it is passed on to nobody.",
        "不会。不用于训练，不用于广告，也不提供给任何第三方。",
    ),
    "withdraw": (
        "At any time, with one click under My apps. The next use is refused.",
        "随时可以撤回：在“我的应用”中一键停止，此后的使用会被拒绝。",
    ),
    "fallback": (
        "If you do not allow it, {app} goes on working with a standard voice or with text.",
        "即使您不同意，{app} 仍可使用标准音色或文字方式为您服务。",
    ),
}


def texts(*, purpose: str, app: str, operator: str) -> Iterator[NoticeText]:
    """Yield the notice of `purpose` in each language.

    Raises:
        KeyError: There are no words for this purpose.
    """
    words = {
        "title": _TITLES[purpose],
        "why": _WHY[purpose],
        "voiceprint": _VOICEPRINT[purpose],
        "kept": _KEPT[purpose],
        "statement": _STATEMENT[purpose],
        **_COMMON,
    }
    for position, locale in enumerate(("en", "zh-hans")):
        body = {key: pair[position].format(app=app, operator=operator) for key, pair in words.items()}
        yield NoticeText(locale, _OPERATIONS[purpose], body)
