"""Every parser under junk and under mutations of what is good; for minutes, and guided by coverage, in a soak."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

PROJECT = Path(__file__).parent.parent.parent
SOAK = os.environ.get("CONSONANT_SOAK") == "1"
SECONDS = 90


@st.composite
def mutated(draw, seeds):
    """A good input, with some stretches of it cut, repeated, replaced by junk, or a bit flipped."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 40)))
        middle = draw(
            st.one_of(st.binary(max_size=20), st.just(data[start:stop] * 2), st.sampled_from([b"\n", b"\n\n"]))
        )
        data = data[:start] + middle + data[stop:]
    if data and draw(st.booleans()):
        changed = bytearray(data)
        changed[draw(st.integers(0, len(data) - 1))] ^= 1 << draw(st.integers(0, 7))
        data = bytes(changed)
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_good_is_read(name):
    for seed in TARGETS[name].seeds:
        TARGETS[name].check(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_junk_is_refused_and_nothing_else_raised(name):
    target = TARGETS[name]

    @settings(max_examples=10_000 if SOAK else 150, deadline=None)
    @given(st.one_of(st.binary(max_size=300), mutated(target.seeds)))
    def check(data):
        target.check(data)

    check()


if SOAK and find_spec(
    "atheris"
):  # It would take the suite's whole time; and there are not wheels of it for every machine.

    @pytest.mark.parametrize("name", TARGETS)
    def test_atheris(name, tmp_path):
        command = [sys.executable, "-m", "tests.fuzz", name, str(SECONDS)]
        environment = os.environ | {"PYTHONPATH": str(PROJECT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
