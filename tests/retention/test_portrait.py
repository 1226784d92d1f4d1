"""What a portrait is: one whole picture, and nothing behind it."""

import io

import pytest
from PIL import Image

from retention.errors import PortraitRefused
from retention.portrait import inspect

KINDS = {
    "jpeg": {"format": "JPEG"},
    "progressive": {"format": "JPEG", "progressive": True},
    "with restarts": {"format": "JPEG", "restart_marker_rows": 1},
    "with a picture in its head": {"format": "JPEG", "comment": b"\xff\xd9 and more"},
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP"},
}


def picture(**words):
    image, out = Image.effect_noise((320, 200), 80).convert("RGB"), io.BytesIO()
    image.save(out, **words)
    return out.getvalue()


@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_one_whole_picture_is_taken(words):
    assert inspect(picture(**words)) == (320, 200)


@pytest.mark.parametrize("behind", ["itself", "a film", "zeros", "an end"])
@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_what_follows_the_pictures_own_end_is_refused(words, behind):
    data = picture(**words)
    ends = {"JPEG": b"\xff\xd9", "PNG": b"\0\0\0\0IEND\xaeB`\x82", "WEBP": b"RIFF"}
    more = {"itself": data, "a film": b"ftypmp42", "zeros": b"\0" * 8, "an end": b"x" + ends[words["format"]]}
    with pytest.raises(PortraitRefused) as refused:
        inspect(data + more[behind])
    assert refused.value.reason == "not_one_picture"


@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_one_that_is_cut_off_is_refused(words):
    with pytest.raises(PortraitRefused):
        inspect(picture(**words)[:-3])
