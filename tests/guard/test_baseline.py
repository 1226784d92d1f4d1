"""What is usual on a host, and what breaks it."""

from datetime import date, timedelta

import pytest

from guard.baseline import LEARNING, Day, break_of
from guard.shapes import LONGEST, shape_of

TODAY = date(2026, 6, 20)
OFFICE = frozenset(range(8, 18))


def day(back, calls=50, hours=OFFICE, shapes=("python -m indextts.cli --text <secret>",)):
    return Day(TODAY - timedelta(days=back), calls, frozenset(hours), frozenset(shapes))


WEEK = [day(back, calls=45 + back) for back in range(1, 8)]


def test_s3_5_calls_a_day_patterns_of_commands_and_active_hours_are_learned_and_their_breaks_are_said():
    assert break_of(WEEK, day(0)) == []
    assert break_of(WEEK, day(0, calls=400)) == ["calls"]
    assert break_of(WEEK, day(0, shapes=("python -c <code>",))) == ["shape"]
    assert break_of(WEEK, day(0, hours={3})) == ["hour"]
    assert break_of(WEEK, day(0, 400, {3}, ("sh",))) == ["calls", "shape", "hour"]


def test_nothing_is_said_before_a_week():
    assert break_of(WEEK[: LEARNING - 1], day(0, 10_000, {3}, ("sh",))) == []
    assert break_of([], day(0)) == []


def test_days_to_come_teach_nothing():
    assert break_of([*WEEK[:-1], day(-1)], day(0, 10_000)) == []


@pytest.mark.parametrize("calls", [0, 51, 70, 95])
def test_what_is_only_a_busy_day_is_not_a_break(calls):
    assert break_of(WEEK, day(0, calls)) == []


def test_one_wild_day_does_not_move_what_is_usual():
    assert break_of([*WEEK[:-1], day(7, 5_000)], day(0, 400)) == ["calls"]


def test_the_hours_beside_known_ones_are_known_across_midnight_too():
    assert break_of(WEEK, day(0, hours={7, 18})) == []
    late = [day(back, hours={23}) for back in range(1, 8)]
    assert break_of(late, day(0, hours={0})) == []
    assert break_of(late, day(0, hours={1})) == ["hour"]


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("/opt/venv/bin/python3.10 -m indextts.cli --text hmac:" + "0a" * 16 + " --voice /p/a.wav --speed 1.25", "python -m indextts.cli --text <secret> --voice <path> --speed <n>"),
        (r'"C:\venv\python.exe" app.py --port 7860 --out C:\out\b.wav', "python app.py --port <n> --out <path>"),
        ("ffmpeg -i tmp81f2.wav -ar 16000 out.mp3", "ffmpeg -i <file> -ar <n> <file>"),
        ("curl  http://127.0.0.1:8080/x?y=1", "curl <url>"),
        ("/bin/sh", "sh"),
        ("", ""),
        ('python a.py --text "hmac:' + "0a" * 16 + '"', "python a.py --text <secret>"),
        ("tool 3fa85f64-5717-4562-b3fc-2c963f66afa6", "tool <id>"),
    ],
)  # fmt: skip
def test_the_pattern_of_a_command(line, shape):
    assert shape_of(line) == shape


def test_a_pattern_is_bounded():
    assert len(shape_of("python " + "word " * 1000)) <= LONGEST
