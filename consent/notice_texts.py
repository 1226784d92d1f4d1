"""The words of a first notice, in English and Chinese, for every purpose of the catalogue.

They say all that `consent.notice_fields` asks for, as far as it is known: what nobody has said yet is marked as not given, and keeps the
notice from being published. An officer writes on from them. Pure; the notice that a person saw is the stored row, not these words.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from babel import Locale

from consent.notice_fields import LANGUAGES, NOT_GIVEN, STATEMENT, asked

Pair = tuple[str, str]
"""The same in each of `LANGUAGES`."""


@dataclass(frozen=True)
class Operator:
    """Who runs the app, and how they are reached; `country` by its ISO 3166 code."""

    name: str
    address: str = ""
    contact: str = ""
    country: str = ""


@dataclass(frozen=True)
class Recipient:
    """Who is handed voices, and what for (PIPL 23)."""

    name: str
    contact: str
    purpose: Pair
    method: Pair
    kinds: Pair


@dataclass(frozen=True)
class NoticeText:
    """One language of one purpose's notice."""

    locale: str
    body: dict[str, str]


_SPEAK: Final = (f"{STATEMENT['en']}.", f"{STATEMENT['zh-hans']}。")
_CONSENT: Final = (
    (
        "Your consent, given freely and for this purpose alone (GDPR Article 6(1)(a); PIPL Articles 13, 14 and 29). "
        "That somebody may use a recording of you, by a licence for instance, is no such consent."
    ),
    (
        "您自愿、并且仅针对本目的作出的单独同意（《个人信息保护法》第十三条、第十四条、第二十九条；GDPR 第 6 条第 1 款 (a) 项）。"
        "仅获得录音的使用许可（例如著作权许可）不等于取得这一同意。"
    ),
)
_EXPLICIT: Final = (
    (
        "Your explicit consent, given freely and for this purpose alone (GDPR Articles 6(1)(a) and 9(2)(a); PIPL Articles 13, 14 and 29). "
        "That somebody may use a recording of you, by a licence for instance, is no such consent."
    ),
    (
        "您自愿、明示、并且仅针对本目的作出的单独同意（《个人信息保护法》第十三条、第十四条、第二十九条；GDPR 第 6 条第 1 款 (a) 项、"
        "第 9 条第 2 款 (a) 项）。仅获得录音的使用许可（例如著作权许可）不等于取得这一同意。"
    ),
)
_RECORDING: Final = (
    "A recording is kept for at most 5 minutes after it is received. ",
    "录音自收到之时起最多保存 5 分钟。",
)
_IN_MEMORY: Final = (
    "The voiceprint is held in memory while it is needed, at most 1 hour, and never stored. ",
    "声纹仅在使用期间保留在内存中，最长 1 小时，不作存储。",
)
_SPEECH: Final = (
    (
        "Speech made in your voice is kept for at most 24 hours here, or at most 30 days by {app}; "
        "never longer than you allow."
    ),
    "用您的声音生成的语音在本系统最多保存 24 小时，或由 {app} 最多保存 30 天，且不超过您同意的期限。",
)
_SOUND_LIKE_YOU: Final = (
    (
        "Who has a copy of your voice could speak as if you had spoken: to people who know you, or to a bank. "
        "So the voiceprint is never stored, every use is recorded, and speech is marked as made by a machine."
    ),
    "掌握您声音复制品的人可能冒充您说话，例如欺骗您的亲友或银行。因此声纹不作存储，每次使用均有记录，生成的语音都带有人工智能生成标识。",
)


def _joined(*parts: Pair) -> Pair:
    return "".join(part[0] for part in parts), "".join(part[1] for part in parts)


_OF_PURPOSE: Final[dict[str, dict[str, Pair]]] = {
    "voice-cloning": {
        "title": ("Make a copy of your voice and speak with it", "复刻您的声音并用它说话"),
        "why": (
            "{app} learns from a short recording how you sound, and speaks the texts you give it in that voice.",
            "{app} 会从一段简短录音中学习您的音色，并用这个声音读出您给出的文字。",
        ),
        "method": (
            "By computer: {app} sends the recording encrypted, computes a voiceprint from it, and makes speech with that.",
            "由计算机处理：{app} 加密传输录音，从中提取声纹，并据此生成语音。",
        ),
        "necessity": (
            "Without a recording of you {app} cannot know how you sound. Nothing else of you is needed.",
            "没有您的录音，{app} 无法得知您的音色。除此之外不需要您的其他信息。",
        ),
        "impact": _SOUND_LIKE_YOU,
        "voiceprint": (
            "Yes. A voiceprint is computed to make the copy. It is not used to identify you.",
            "会。为复刻声音需要提取声纹，但不会用它来识别您的身份。",
        ),
        "kept": _joined(_RECORDING, _IN_MEMORY, _SPEECH),
        "statement": _SPEAK,
    },
    "text-to-speech": {
        "title": ("Speak texts in your voice", "用您的声音朗读文字"),
        "why": (
            "{app} speaks the texts you give it in the voice of your recording.",
            "{app} 会用您录音中的声音读出您给出的文字。",
        ),
        "method": (
            "By computer: {app} sends the recording encrypted, and makes speech that sounds like it.",
            "由计算机处理：{app} 加密传输录音，并生成与录音音色相同的语音。",
        ),
        "necessity": (
            "Without a recording of you {app} cannot speak in your voice. Nothing else of you is needed.",
            "没有您的录音，{app} 无法用您的声音朗读。除此之外不需要您的其他信息。",
        ),
        "impact": (
            (
                "Speech in your voice could be taken for your own words. "
                "So every use is recorded, and speech is marked as made by a machine."
            ),
            "用您的声音生成的语音可能被误认为是您本人所说。因此每次使用均有记录，生成的语音都带有人工智能生成标识。",
        ),
        "voiceprint": ("No. No voiceprint is extracted.", "不会。不提取声纹。"),
        "kept": _joined(_RECORDING, _SPEECH),
        "statement": _SPEAK,
    },
    "speaker-verification": {
        "title": ("Recognise you by your voice", "通过声音识别您本人"),
        "why": (
            "{app} compares your voice with an earlier recording to make sure that it is you.",
            "{app} 会将您的声音与之前的录音比对，以确认是您本人。",
        ),
        "method": (
            "By computer: {app} sends the recording encrypted, computes a voiceprint from it, and compares that with the one it keeps.",
            "由计算机处理：{app} 加密传输录音，从中提取声纹，并与已保存的声纹比对。",
        ),
        "necessity": (
            "Without a voiceprint of you {app} has nothing to compare your voice with. Nothing else of you is needed.",
            "没有您的声纹，{app} 无法进行比对。除此之外不需要您的其他信息。",
        ),
        "impact": (
            (
                "A voiceprint stays the same for life: a stolen one cannot be changed like a password. "
                "So it is stored encrypted, under a key that is destroyed with it."
            ),
            "声纹伴随终身：一旦泄露，无法像密码那样更换。因此声纹加密存储，密钥会与其一同销毁。",
        ),
        "voiceprint": (
            "Yes. A voiceprint is extracted and used to recognise you.",
            "会。提取声纹并用于识别您本人。",
        ),
        "kept": _joined(
            _RECORDING,
            (
                "The voiceprint, by which you are recognised, is kept as long as you allow, at most 366 days.",
                "用于识别您的声纹在您同意的期限内保存，最长 366 天。",
            ),
        ),
        "legal_basis": _EXPLICIT,
        "automated": (
            (
                "A program says whether the voice is yours. When it says no, {app} lets you show in another way who you are. "
                "It decides nothing else about you."
            ),
            "由程序判断声音是否属于您本人。如果判断为否，{app} 会允许您以其他方式证明身份。除此之外不对您作出任何决定。",
        ),
        "statement": (
            (
                "The voice you upload is used to recognise you. The system does not keep it for good. "
                "Please do not upload sensitive conversations."
            ),
            "您上传的声音将用于识别您本人，系统不会永久保存，请勿上传敏感对话。",
        ),
    },
    "voice-training": {
        "title": ("Train a model with your voice", "用您的声音训练模型"),
        "why": (
            "{app} uses recordings of you to make its speech model better. The model learns from many voices.",
            "{app} 使用您的录音改进其语音模型。该模型从许多人的声音中学习。",
        ),
        "method": (
            "By computer: {app} sends the recordings encrypted, computes voiceprints from them, and trains the model on both.",
            "由计算机处理：{app} 加密传输录音，从中提取声纹，并用录音和声纹训练模型。",
        ),
        "necessity": (
            "A model learns to speak from recordings of people. Yours is one of many, and {app} works for you without it.",
            "模型只能从真人录音中学习说话。您的录音只是其中之一，不提供也能正常使用 {app}。",
        ),
        "impact": (
            (
                "A trained model may sound a little like you, and what it has learned cannot be taken out of it piece by piece. "
                "When you withdraw, your recordings go at once; the model goes, or is trained anew without you."
            ),
            "训练后的模型可能带有与您相似的音色，已经学到的内容无法逐一移除。您撤回同意后，您的录音会立即删除；模型会被删除，或在不含您声音的情况下重新训练。",
        ),
        "voiceprint": (
            "Yes. A voiceprint is computed for the training. It is not used to identify you.",
            "会。训练需要提取声纹，但不会用它来识别您的身份。",
        ),
        "kept": _joined(
            _RECORDING,
            _IN_MEMORY,
            (
                (
                    "What the model has learned stays in it for as long as you allow. "
                    "The record cannot look into a model: for that {app} answers."
                ),
                "模型学到的内容在您同意的期限内保留在模型中。记录无法查看模型内部，对此由 {app} 负责。",
            ),
        ),
        "other_use": (
            "No. For training this model alone: not to speak as you, not for advertising, and it is passed on to nobody.",
            "不会。仅用于训练该模型：不用于以您的声音说话，不用于广告，也不提供给任何第三方。",
        ),
        "statement": (
            (
                "The voice you upload is used to train a model. The system does not keep it for good. "
                "Please do not upload sensitive conversations."
            ),
            "您上传的声音将用于训练模型，系统不会永久保存，请勿上传敏感对话。",
        ),
    },
    "voice-experiment": {
        "title": ("Try out a voice technique", "参加一项声音技术实验"),
        "why": (
            "{app} tries out on your recording how well a new technique works, and does nothing else with it.",
            "{app} 用您的录音测试一项新技术的效果，不作其他用途。",
        ),
        "method": (
            "By computer: {app} sends the recording encrypted, computes a voiceprint from it, and makes speech to measure the technique.",
            "由计算机处理：{app} 加密传输录音，从中提取声纹，并生成语音以评估该技术。",
        ),
        "necessity": (
            "A technique for voices can be measured on real voices alone. Nothing else of you is needed.",
            "声音技术只能用真实的声音来评估。除此之外不需要您的其他信息。",
        ),
        "impact": _SOUND_LIKE_YOU,
        "voiceprint": (
            "Yes. A voiceprint is computed for the experiment. It is not used to identify you.",
            "会。实验需要提取声纹，但不会用它来识别您的身份。",
        ),
        "kept": _joined(_RECORDING, _IN_MEMORY, _SPEECH),
        "other_use": (
            "No. What is made in the experiment is not published, not for training, not for advertising, and passed on to nobody.",
            "不会。实验中产生的内容不公开，不用于训练，不用于广告，也不提供给任何第三方。",
        ),
        "statement": _SPEAK,
    },
    "digital-human": {
        "title": ("Make a picture of you that speaks in your voice", "制作用您的声音说话的数字人"),
        "what": (
            "One picture of your face, and recordings of your voice of at most 10 seconds each.",
            "一张您的面部图像，以及您的声音录音，每段最长 10 秒。",
        ),
        "why": (
            "{app} joins a picture of you with a copy of your voice: the picture speaks the texts you give it.",
            "{app} 将您的图像与您声音的复刻相结合，让图像读出您给出的文字。",
        ),
        "method": (
            (
                "By computer: {app} sends picture and recording encrypted, computes a voiceprint, makes speech, and moves the picture to it. "
                "Face and voice are joined only after a yes of its own, each time for the two that you chose."
            ),
            (
                "由计算机处理：{app} 加密传输图像和录音，提取声纹，生成语音并驱动图像。"
                "人脸与声音不会自动关联，只有在您另行单独同意后，才会将您选定的两项结合。"
            ),
        ),
        "necessity": (
            "Without picture and recording {app} can neither show you nor sound like you. Nothing else of you is needed.",
            "没有图像和录音，{app} 无法呈现您的样貌和声音。除此之外不需要您的其他信息。",
        ),
        "impact": (
            (
                "People could believe that they see and hear you. So face and voice are stored apart, every use is recorded, "
                "and what is made is marked as made by a machine."
            ),
            "他人可能误以为看到和听到的是您本人。因此人脸与声音分开存储，每次使用均有记录，生成的内容都带有人工智能生成标识。",
        ),
        "voiceprint": (
            "Yes. A voiceprint is computed to make the copy. Neither it nor your face is used to identify you.",
            "会。为复刻声音需要提取声纹，但声纹和人脸都不会用于识别您的身份。",
        ),
        "kept": _joined(
            (
                "A picture and a recording are each kept for at most 5 minutes after they are received. ",
                "图像和录音自收到之时起各最多保存 5 分钟。",
            ),
            _IN_MEMORY,
            _SPEECH,
        ),
        "stored": (
            "Encrypted, each under a key of its own; face apart from voice, and both apart from your name and address.",
            "加密存储：每项使用单独的密钥；人脸与声音分开存放，并均与您的身份信息分开存放。",
        ),
        "source": (
            "From you: what you record, photograph or upload in {app} yourself.",
            "来自您本人：由您在 {app} 中自行录制、拍摄或上传。",
        ),
        "statement": (
            f"{STATEMENT['en']}. The same holds for your picture.",
            f"{STATEMENT['zh-hans']}。您上传的图像同样如此。",
        ),
    },
    "voice-sharing": {
        "title": ("Pass your voice on to somebody else", "将您的声音提供给他人"),
        "what": (
            "Recordings of your voice, and what was made of them under your other consents, as it says below.",
            "您的声音录音，以及在您其他同意之下由其生成的内容，具体种类见下文。",
        ),
        "why": (
            "{app} hands it to the recipient named below, who uses it for what is said there.",
            "{app} 将其提供给下文列明的接收方，由接收方用于下文所述的目的。",
        ),
        "method": (
            "By computer: {app} sends it encrypted to the recipient, and each time is entered in the record.",
            "由计算机处理：{app} 以加密方式传输给接收方，每次提供均有记录。",
        ),
        "necessity": (
            "The recipient cannot do what is said below without it. {app} itself works for you without passing anything on.",
            "没有这些内容，接收方无法实现下文所述的目的。即使不对外提供，{app} 本身也能正常为您服务。",
        ),
        "impact": (
            (
                "One more organisation has your voice and could make it speak. You can withdraw here; "
                "{app} then tells the recipient to destroy it, and has to say who has."
            ),
            "将多一个机构掌握您的声音，并可能用它说话。您可以在此撤回；{app} 随后会通知接收方销毁，并须说明销毁情况。",
        ),
        "voiceprint": (
            "No, not for this. A voiceprint is passed on only where it is named among the kinds below.",
            "不会为此提取。只有在下文的种类中列明时，才会提供声纹。",
        ),
        "kept": (
            "By the recipient for as long as you allow, and no longer. {app} keeps nothing more than it did before.",
            "接收方仅在您同意的期限内保存。{app} 不会因此多保存任何内容。",
        ),
        "other_use": (
            "No. The recipient may use it for what is said below and nothing else, and may not pass it on.",
            "不会。接收方只能用于下文所述的目的，不得另作他用，也不得再提供给他人。",
        ),
        "recipients": (
            "The recipient named below. Beside it {operator}, which runs {app}, and this service, which keeps the record.",
            "下文列明的接收方；此外还有运营 {app} 的 {operator}，以及负责记录的本服务。",
        ),
        "statement": (
            (
                "What you allow here is passed on to somebody else. It is not kept for good. "
                "Please do not upload sensitive conversations."
            ),
            "您在此同意提供的声音将交给他人使用，不会永久保存，请勿上传敏感对话。",
        ),
    },
}

_COMMON: Final[dict[str, Pair]] = {
    "who": (
        "{app}, a service of {operator}, asks. Consonant keeps the record of your answer and of every use.",
        "请求方是 {operator} 提供的 {app}。您的答复以及每一次使用都由 Consonant 记录。",
    ),
    "controller": (
        "{operator} answers for it: {address}, {country}. Write to {contact}.",
        "由 {operator} 负责：{country}，{address}。联系方式：{contact}。",
    ),
    "dpo": (
        "The data protection officer of {operator}, or who has that task there: {contact}.",
        "{operator} 的个人信息保护负责人：{contact}。",
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
    "recipients": (
        "{operator}, which runs {app}, and this service, which keeps the record. Nobody else.",
        "运营 {app} 的 {operator}，以及负责记录的本服务。没有其他接收方。",
    ),
    "transfers": (
        "None. {operator} works with it in {country} alone.",
        "不会传输至境外。{operator} 仅在{country}处理。",
    ),
    "legal_basis": _CONSENT,
    "source": (
        "From you: what you record or upload in {app} yourself.",
        "来自您本人：由您在 {app} 中自行录制或上传。",
    ),
    "automated": (
        "No machine decides anything about you.",
        "不会由机器对您作出任何决定。",
    ),
    "rights": (
        (
            "You may see it, have a copy, have it corrected, restricted or erased, and object. "
            "Do so under My rights, or write to {contact}: you have an answer within a month, and the reason if it is a no."
        ),
        (
            "您可以查阅、复制、转移、更正、限制处理、删除，也可以拒绝处理。请在“我的权利”中操作，或联系 {contact}："
            "一个月内答复，如拒绝会说明理由。"
        ),
    ),
    "withdraw": (
        "At any time, with one click under My apps. The next use is refused.",
        "随时可以撤回：在“我的应用”中一键停止，此后的使用会被拒绝。",
    ),
    "fallback": (
        "If you do not allow it, {app} goes on working with a standard voice or with text.",
        "即使您不同意，{app} 仍可使用标准音色或文字方式为您服务。",
    ),
    "complaint": (
        "You may complain to the data protection authority where you live or work; in China to the cyberspace administration.",
        "您可以向您居住地或工作地的个人信息保护监管部门投诉；在中国可向网信部门投诉、举报。",
    ),
}


def texts(  # noqa: PLR0913
    *,
    purpose: str,
    app: str,
    operator: Operator,
    operations: Collection[str],
    provides: bool = False,
    recipient: Recipient | None = None,
) -> Iterator[NoticeText]:
    """Yield the notice of `purpose` in each language.

    A purpose of which nothing is known here has what all have in common; its own fields are empty, for an officer to fill in.
    """
    words = {**_COMMON, **_OF_PURPOSE.get(purpose, {})}
    if "synthesize" in operations:
        words.setdefault("statement", _SPEAK)
    for position, locale in enumerate(LANGUAGES):
        nothing = NOT_GIVEN[locale]
        facts = {
            "app": app,
            "operator": operator.name or nothing,
            "address": operator.address or nothing,
            "contact": operator.contact or nothing,
            "country": _country(operator.country, locale) or nothing,
        }
        body = {
            field.name: words[field.name][position].format_map(facts) if field.name in words else ""
            for field in asked(provides=provides)
        }
        if provides:
            body |= _of(recipient, position) if recipient else dict.fromkeys(_of_nobody(), nothing)
        yield NoticeText(locale, body)


@dataclass(frozen=True)
class AppTexts:
    """What an app says of itself, by language (EU 2024/1689 art. 50); empty what does not concern it."""

    interaction_notice: dict[str, str]
    categorisation_notice: dict[str, str]
    disclosure: dict[str, str]


def app_texts(*, app: str, identifies: bool, speaks: bool) -> AppTexts:
    """Return the first words of an app that recognises people by their voice, or makes speech, or both, or neither."""
    by_language = {
        name: dict(zip(LANGUAGES, (text.format(app=app) for text in pair), strict=True))
        for name, pair in _OF_APP.items()
    }
    return AppTexts(
        interaction_notice=by_language["interaction"],
        categorisation_notice=by_language["categorisation"] if identifies else {},
        disclosure=by_language["disclosure"] if speaks else {},
    )


_OF_APP: Final[dict[str, Pair]] = {
    "interaction": (
        "In {app} you deal with a machine, not with a person.",
        "您在 {app} 中交互的对象是人工智能，而不是真人。",
    ),
    "categorisation": (
        "{app} recognises people by their voice. It does so only with those who allowed it.",
        "{app} 通过声音识别身份，且仅针对已经同意的人。",
    ),
    "disclosure": (
        "This speech was made by a machine. The person did not speak these words.",
        "本语音由人工智能生成，并非本人所说。",
    ),
}


def _country(code: str, locale: str) -> str:
    """Return a country's name; a code that nobody knows as it is."""
    return str(Locale.parse(locale, sep="-").territories.get(code, code))


def _of(recipient: Recipient, position: int) -> dict[str, str]:
    return {
        "recipient_name": recipient.name,
        "recipient_contact": recipient.contact,
        "recipient_purpose": recipient.purpose[position],
        "recipient_method": recipient.method[position],
        "recipient_kinds": recipient.kinds[position],
    }


def _of_nobody() -> list[str]:
    return [field.name for field in asked(provides=True) if field.of_providing]
