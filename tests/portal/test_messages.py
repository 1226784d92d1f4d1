"""The catalogues say everything that the pages and the code say, and nothing else."""

import re
from pathlib import Path

import allauth
import django
import pytest
from babel.messages.pofile import read_po

from deploy import messages
from portal.borrowed import BORROWED

HOLES = re.compile(r"%\(\w+\)[sd]|\{\w+\}|</?\w+[^>]*>")


@pytest.fixture(scope="module")
def texts():
    return messages.collect()


def test_the_texts_are_found(texts):
    places = {name.partition("/")[0] for text in texts for name, _ in text.locations}
    assert {"portal", "templates", "config", "consent", "retention"} <= places
    assert texts.get("Stop everything now")
    assert texts.get("%(app)s tried to use your voice and was refused")


@pytest.mark.parametrize("locale", messages.LOCALES)
def test_each_text_is_translated_and_none_is_stale(texts, locale):
    kept = messages.read(locale)
    said = {(text.id, text.context) for text in kept if text.id}
    wanted = {(text.id, text.context) for text in texts if text.id}
    assert said == wanted, "run: python -m deploy.messages"
    assert [text.id for text in kept if text.id and (text.fuzzy or not all(messages.forms(text.string)))] == []


@pytest.mark.parametrize("locale", messages.LOCALES)
def test_what_is_filled_in_is_the_same(locale):
    for text in messages.read(locale):
        if text.id:
            # A singular may do without its number.
            holes = [set(HOLES.findall(form)) for form in messages.forms(text.id)]
            assert all(set(HOLES.findall(said)) in holes for said in messages.forms(text.string)), text.id
            assert set(HOLES.findall(messages.forms(text.string)[-1])) == holes[-1], text.id


def test_each_language_has_its_plurals():
    assert messages.read("en").num_plurals == 2
    assert messages.read("zh_Hans").num_plurals == 1
    for text in messages.read("zh_Hans"):
        assert not isinstance(text.id, list | tuple) or len(text.string) == 1


@pytest.mark.parametrize("locale", messages.LOCALES)
def test_bringing_up_to_date_changes_nothing(texts, locale, tmp_path):
    messages.write(messages.merged(locale, texts), tmp_path / "django.po")
    assert (tmp_path / "django.po").read_bytes() == messages.catalogue_of(locale).read_bytes()


def test_what_is_borrowed_is_still_there(texts):
    borrowed = [text.id for text in texts if ("portal/borrowed.py", None) in text.locations]
    assert len(borrowed) == len(BORROWED)
    lent = set()
    for folder in (Path(allauth.__file__).parent, Path(django.__file__).parent / "contrib" / "auth"):
        with (folder / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po").open("rb") as file:
            lent |= {text.id for text in read_po(file)}
    assert [text for text in borrowed if text not in lent] == []
