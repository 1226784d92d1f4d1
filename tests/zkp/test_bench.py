"""The measures of proofs: they run wherever they can, and say what they leave out. Numbers depend on the machine, so little is asked of them."""

import json
import os
from pathlib import Path

import pytest
from django.conf import settings

from ledger.bench.measure import Measure
from tests.zkp.given import SOAK
from zkp.bench import log_files, run, workshop
from zkp.bench.lines import counterpart, left_out, lines
from zkp.core import group
from zkp.wallet import Wallet

SIZES = run.Sizes.quick()
PARTS = ("p50", "p95")
BUSY = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
"""How many share a processor now."""


def shaped(made: list[Measure]) -> dict[str, Measure]:
    """The measures by name; each has its own name, a value or a reason, and makes a line."""
    found = {each.name: each for each in made}
    assert len(found) == len(made)
    for each in made:
        assert json.loads(each.line())["name"] == each.name
        assert each.says.startswith("left out: ") if each.value is None else each.value > 0 and each.sizes["rounds"]
        assert (each.met is None) == (each.goal == "")
        assert (each.ratio is None) == (each.reference is None)
    return found


def named(place: str, *acts: str) -> set[str]:
    return {f"zkp.{place}.{act}.{part}" for act in acts for part in PARTS}


BOTH_WAYS = ("own.1", "own.3", "receipt", "active", "enrol")
PROOFS = [f"{act}.{way}" for act in BOTH_WAYS for way in ("prove", "verify")]


def test_in_python_and_what_a_machine_without_node_leaves_out(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = shaped(list(run.run(SIZES)))
    assert {name for name, each in found.items() if each.value is None} == {"zkp.javascript", "zkp.others"}
    for backend in group.BACKENDS:
        assert named(backend, *PROOFS, "receipt.issue", "active.issue", "tag") <= set(found)
    assert named("python", "scan") <= set(found)
    assert {name for name, each in found.items() if each.goal} == {
        f"zkp.{group.BACKENDS[0]}.{act}.verify.p95" for act in ("own.1", "receipt", "active")
    }
    assert all(each.reference is None for each in found.values())


def test_in_node_and_in_chromium():
    """What a wallet does, and finding its entries in a log that it reads over HTTP. Others beside it in a soak: their keys take a minute."""
    folder = settings.BASE_DIR / ".cache" / "bench"
    bench = run._Bench(SIZES, folder)
    if SOAK:
        found = shaped(list(bench.javascript()))
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(workshop, "THEIRS", folder / "none")
            found = shaped(list(bench.javascript()))
        assert found.pop("zkp.others").says == "left out: package-lock.json is not here"
    if left := [each.says for each in found.values() if each.value is None]:
        pytest.skip("; ".join(left))
    ours = (*PROOFS, "scan", "tag", "receipt.check", "active.check")
    for place in ("node", "chromium"):
        assert named(place, *ours) <= set(found)
        others = (
            "snarkjs.prove",
            "snarkjs.verify",
            *(f"digitalbazaar.{act}" for act in ("sign", "check", "prove", "verify")),
        )
        assert named(place, *others) & set(found) == (named(place, *others) if SOAK else set())
        assert (found[f"zkp.{place}.own.1.prove.p50"].reference is not None) == SOAK
        least = found[f"zkp.{place}.scan.p50"].value
        assert least < SIZES.entries / 10_000 * 1_000 * 5 * BUSY, "10,000 entries take a second; a start takes longer"
        assert found[f"zkp.{place}.own.1.prove.p50"].value < 500 * BUSY, "what was asked of a proof"
        assert found[f"zkp.{place}.receipt.prove.p50"].value < 500 * BUSY
    assert {name for name, each in found.items() if each.goal.startswith("<=")} == {
        f"zkp.chromium.{act}.p95" for act in ("own.1.prove", "receipt.prove", "active.prove", "scan")
    }


def test_its_log_is_a_log(tmp_path):
    log = log_files.make(tmp_path, 700)
    assert {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()} == {
        "checkpoint",
        *(f"tile/{level}/{name}" for level in ("entries", "0") for name in ("000", "001", "002.p/188")),
        "tile/1/000.p/2",
    }
    found = Wallet(log.seed, log_files.ORIGIN).find(log.leaves)
    assert [each.leaf.index for each in found] == list(range(0, 700, log_files.SHARE))
    assert len(found) == log.mine


def test_nothing_is_built_in_the_repository(tmp_path):
    for inside in (settings.BASE_DIR, settings.BASE_DIR / "frontend" / "made"):
        with pytest.raises(ValueError, match="in the repository"), workshop.scratch(str(inside)):
            pass
    with workshop.scratch(str(tmp_path / "kept")) as kept:
        pass
    with workshop.scratch("") as gone:
        (gone / "file").touch()
    assert kept.is_dir()
    assert not gone.exists()


def test_a_median_and_a_95th_percentile_beside_another_s():
    ours, theirs = [float(n) for n in range(1, 101)], [1_000.0] * 100
    made = list(lines("chromium.own.1.prove", ours, sizes={"days": 1}, beside=("snarkjs.prove", theirs)))
    assert [(each.name, each.value, each.reference, each.ratio) for each in made] == [
        ("zkp.chromium.own.1.prove.p50", 51.0, 1_000.0, 0.051),
        ("zkp.chromium.own.1.prove.p95", 96.0, 1_000.0, 0.096),
    ]
    assert [(each.goal, each.met) for each in made] == [("ratio <= 0.2", True), ("<= 25", False)]
    assert made[0].sizes == {"rounds": 100, "days": 1}
    alone = list(lines("chromium.own.1.prove", ours, sizes={}))
    assert [(each.goal, each.met, each.reference) for each in alone] == [("", None, None), ("<= 25", False, None)]
    assert left_out("others", "npm is not here").says == "left out: npm is not here"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("own.1.prove", "snarkjs.prove"),
        ("own.100.verify", "snarkjs.verify"),
        ("active.prove", "snarkjs.prove"),
        ("receipt.prove", "digitalbazaar.prove"),
        ("receipt.verify", "digitalbazaar.verify"),
        ("active.issue", "digitalbazaar.sign"),
        ("receipt.check", "digitalbazaar.check"),
        ("enrol.prove", None),
        ("tag", None),
    ],
)
def test_what_each_is_compared_with(ours, theirs):
    assert counterpart(ours) == theirs


def test_what_others_are_is_pinned():
    asked = json.loads((Path(workshop.THEIRS) / "package.json").read_text())["dependencies"]
    lock = json.loads((Path(workshop.THEIRS) / "package-lock.json").read_text())["packages"]
    for name, version in asked.items():
        assert lock[f"node_modules/{name}"]["version"] == version
        assert lock[f"node_modules/{name}"]["integrity"].startswith("sha512-")
