"""What a notice has to say: every field, every language, every law; and what counts as a change that matters."""

import pytest

from consent.notice_diff import compare
from consent.notice_fields import (
    FIELDS,
    LANGUAGES,
    NAMES,
    NOT_GIVEN,
    STATEMENT,
    asked,
    changed,
    forcing,
    missing,
    out_of_place,
)
from consent.notice_texts import Operator, Recipient, app_texts, texts

ACME = Operator("Acme Ltd", "1 Test Street, Testing", "privacy@acme.test.localhost", "DE")
LAB = Recipient(
    "Lab Ltd",
    "privacy@lab.test.localhost",
    ("to test a technique", "测试一项技术"),
    ("by computer", "由计算机处理"),
    ("recordings", "录音"),
)
DOES = {
    "speaker-verification": ("upload", "embed"),
    "text-to-speech": ("upload", "synthesize"),
    "voice-cloning": ("upload", "embed", "synthesize"),
    "voice-experiment": ("upload", "embed", "synthesize"),
    "digital-human": ("upload", "embed", "synthesize", "combine"),
    "voice-training": ("upload", "embed"),
    "voice-sharing": ("provide",),
}


def words(purpose, operator=ACME, recipient=LAB):
    provides = purpose == "voice-sharing"
    drafted = texts(
        purpose=purpose,
        app="Talker",
        operator=operator,
        operations=DOES.get(purpose, ()),
        provides=provides,
        recipient=recipient if provides else None,
    )
    return {text.locale: text.body for text in drafted}


def lacks(body, purpose="voice-cloning", locale="en"):
    return missing(body, locale=locale, operations=DOES[purpose], provides=purpose == "voice-sharing")


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("purpose", DOES)
def test_a_first_notice_says_everything_in_each_language(purpose, locale):
    body = words(purpose)[locale]
    assert lacks(body, purpose, locale) == []
    assert out_of_place(body, provides=purpose == "voice-sharing") == []
    assert list(body) == [field.name for field in asked(provides=purpose == "voice-sharing")]
    assert "{" not in "".join(body.values())


@pytest.mark.parametrize("purpose", ["voice-cloning", "voice-sharing"])
@pytest.mark.parametrize("blank", ["", "   ", "before [not given] after"])
def test_every_field_is_missed_by_itself(purpose, blank):
    body = words(purpose)["en"]
    for name in body:
        assert lacks(body | {name: blank}, purpose) == [name]
        assert lacks({key: text for key, text in body.items() if key != name}, purpose) == [name]


def test_g6_gdpr_asks_for_all_of_its_fields():
    laws = {field.name: field.laws for field in FIELDS}
    wanted = {
        "controller": "13(1)(a)",  # identity and contact
        "dpo": "13(1)(b)",
        "why": "13(1)(c)",  # purposes
        "legal_basis": "13(1)(c)",
        "recipients": "13(1)(e)",
        "transfers": "13(1)(f)",
        "kept": "13(2)(a)",  # period
        "rights": "13(2)(b)",
        "withdraw": "13(2)(c)",
        "complaint": "13(2)(d)",
        "fallback": "13(2)(e)",  # whether one has to
        "automated": "13(2)(f)",
        "source": "14(2)(f)",
    }
    for name, article in wanted.items():
        assert f"GDPR {article}" in laws[name]
        assert lacks(words("voice-cloning")["en"] | {name: ""}) == [name]


def test_p4_pipl_asks_for_all_of_its_fields():
    body = words("voice-cloning")["zh-hans"]
    wanted = ["controller", "why", "method", "what", "kept", "rights", "necessity", "impact"]
    for name in wanted:
        assert any(law.startswith("PIPL") for law in next(field.laws for field in FIELDS if field.name == name))
        assert lacks(body | {name: ""}, locale="zh-hans") == [name]


def test_b2_bipa_asks_for_fact_purpose_and_length_of_term():
    body = words("voice-cloning")["en"]
    asked_by_bipa = [field.name for field in FIELDS if any(law.startswith("BIPA 15(b)") for law in field.laws)]
    assert asked_by_bipa == ["what", "why", "voiceprint", "kept"]
    for name in asked_by_bipa:
        assert lacks(body | {name: ""}) == [name]


def test_s0_1_a_notice_answers_the_four_questions():
    for purpose in DOES:
        for locale, body in words(purpose).items():
            for question in ("voiceprint", "stored", "deleted", "other_use"):
                assert body[question]
                assert lacks(body | {question: ""}, purpose, locale) == [question]


def test_s0_2_where_speech_is_made_the_notice_says_the_sentence_word_for_word():
    said = "您上传的声音将用于生成语音，系统不会永久保存，请勿上传敏感对话"
    assert STATEMENT["zh-hans"] == said
    for purpose, operations in DOES.items():
        for locale, body in words(purpose).items():
            assert (STATEMENT[locale] in body["statement"]) == ("synthesize" in operations)
            other = {**body, "statement": body["statement"].replace("speech", "noise").replace("语音", "声音")}
            assert lacks(other, purpose, locale) == (["statement"] if "synthesize" in operations else [])


def test_what_is_not_known_of_the_operator_is_marked_and_missing():
    for locale, body in words("voice-cloning", operator=Operator("Acme Ltd")).items():
        assert NOT_GIVEN[locale] in body["controller"]
        assert lacks(body, locale=locale) == ["controller", "dpo", "transfers", "rights"]


def test_a_purpose_without_words_has_what_all_have_in_common():
    body = words("something-new")["en"]
    empty = missing(body, locale="en", operations=["upload"], provides=False)
    assert empty == ["title", "statement", "why", "method", "necessity", "impact", "voiceprint", "kept"]


def test_p6_passing_on_names_its_recipient_and_nothing_else_does():
    names = ["recipient_name", "recipient_contact", "recipient_purpose", "recipient_method", "recipient_kinds"]
    assert [field.name for field in FIELDS if field.of_providing] == names
    for locale, body in words("voice-sharing", recipient=None).items():
        assert lacks(body, "voice-sharing", locale) == names
    cloning = words("voice-cloning")["en"]
    assert not set(names) & set(cloning)
    for name in names:
        assert out_of_place(cloning | {name: "Lab Ltd"}, provides=False) == [name]


def test_only_purposes_that_pass_on_or_train_say_so():
    for purpose in DOES:
        english = words(purpose)["en"]
        assert ("passed on to nobody" in english["other_use"]) == (purpose != "voice-sharing")
        assert ("raining" in english["other_use"] and not english["other_use"].startswith("No. For training")) == (
            purpose not in {"voice-training", "voice-sharing"}
        )


def test_p2_a_change_of_purpose_method_kind_recipients_or_operations_matters():
    old = words("voice-sharing")
    for name in NAMES:
        forced = name in {
            "title",
            "why",
            "method",
            "what",
            "voiceprint",
            "kept",
            "other_use",
            "recipients",
            "transfers",
            "automated",
        }
        forced = forced or name.startswith("recipient_")
        for locale in LANGUAGES:
            new = {**old, locale: old[locale] | {name: "something else"}}
            assert forcing(old, new, old_operations=["provide"], new_operations=["provide"]) == [name] * forced
    same = {"old_operations": ["upload", "embed"], "new_operations": ["embed", "upload"]}
    assert forcing(old, old, **same) == []
    assert forcing(old, old, old_operations=["upload"], new_operations=["upload", "embed"]) == ["operations"]


def test_spaces_at_the_ends_change_nothing():
    assert changed({"why": "as it was"}, {"why": " as it was\n"}) == []
    assert changed({}, {"why": "new"}) == ["why"]


def test_an_app_says_of_itself_what_it_does():
    said = app_texts(app="Talker", identifies=False, speaks=True)
    assert set(said.interaction_notice) == set(said.disclosure) == set(LANGUAGES)
    assert said.categorisation_notice == {}
    assert app_texts(app="Talker", identifies=True, speaks=False).disclosure == {}


@pytest.mark.parametrize(
    ("old", "new", "gone", "come"),
    [
        ("kept for 5 minutes", "kept for 9 minutes", ["5 "], ["9 "]),
        ("保存五分钟", "保存九分钟", ["五"], ["九"]),
        ("", "all new", [], ["all new"]),
        ("a b", "a b", [], []),
        ("Never!", "", ["Never!"], []),
        ("It learns how you sound.", "To sing.", ["It learns how you sound"], ["To sing"]),
    ],
)
def test_two_columns_tell_what_changed(old, new, gone, come):
    left, right = compare(old, new)
    assert ("".join(piece.text for piece in left), "".join(piece.text for piece in right)) == (old, new)
    assert [piece.text for piece in left if piece.is_changed] == gone
    assert [piece.text for piece in right if piece.is_changed] == come
