"""The evaluator: what each modifier means, and that pySigma's SQLite backend means the same."""

import base64
import uuid

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guard import sigma
from guard.ecs import normalise
from guard.errors import RuleUnreadable
from guard.formats import read
from guard.view import View
from tests.guard import rows
from tests.guard.oracle import Oracle
from tests.guard.ordinary import rows as ordinary
from tests.guard.staged import ATTACKS
from tests.vectors import path


def written(condition="sel", logsource=None, **detection):
    return yaml.safe_dump(
        {
            "title": "A rule",
            "id": str(uuid.UUID(int=7)),
            "status": "test",
            "logsource": logsource or {"category": "process_creation"},
            "detection": {**detection, "condition": condition},
            "level": "high",
        },
        allow_unicode=True,
    )


def event(**data):
    return {"event": {"module": "sysmon", "code": "1"}, "winlog": {"event_data": data}}


def matches(text, found):
    (rule,) = sigma.parse(text, "a").rules
    return rule.test(View(found))


@pytest.mark.parametrize(
    ("selection", "yes", "no"),
    [
        ({"f": "AbC"}, ["abc", "ABC"], ["abcd", "", None]),
        ({"f|cased": "AbC"}, ["AbC"], ["abc"]),
        ({"f|contains": "b"}, ["abc", "B"], ["ac", None]),
        ({"f|contains|all": ["a", "c"]}, ["abc", "CA"], ["ab"]),
        ({"f|startswith": ["a", "b"]}, ["Ax", "bx"], ["xa"]),
        ({"f|endswith": ".exe"}, ["x.EXE"], ["x.exe.txt"]),
        ({"f|contains|cased": "B"}, ["aBc"], ["abc"]),
        ({"f": "a*c"}, ["ac", "axxc", "A\nC"], ["acx", "xac"]),
        ({"f": "a?c"}, ["abc", "A\nC"], ["ac", "abbc"]),
        ({"f": "*a*b*a*"}, ["xaxbxax", "aba"], ["ab", "ba"]),
        ({"f": "ab*ba"}, ["abba", "abxba"], ["aba"]),
        ({"f": r"a\*c"}, ["a*c"], ["abc", "ac"]),
        ({"f": r"a\?c"}, ["a?c"], ["abc"]),
        ({"f": r"C:\Windows\\*"}, [r"c:\windows\x"], [r"c:\windows"]),
        ({"f": r"C:\\*"}, ["c:\\x"], ["c:*"]),
        ({"f": "*"}, ["", "x"], [None]),
        ({"f": ""}, [""], ["x", None]),
        ({"f": None}, [None], ["", "x"]),
        ({"f|exists": True}, ["", "x"], [None]),
        ({"f|exists": False}, [None], ["", "x"]),
        ({"f": 4}, [4, "4"], ["04", "44", None]),
        ({"f": True}, [True, "true", "1"], [False, "false", None]),
        ({"f|lt": 5}, [4, "4", "-1", 4.5], [5, "six", "", None]),
        ({"f|lte": 5}, [5], [6]),
        ({"f|gt": 5}, [6, "10"], [5, "x"]),
        ({"f|gte": 5}, [5], [4]),
        ({"f|neq": "a"}, ["b", None], ["A"]),
        ({"f|re": "a.c"}, ["xabcx"], ["ABC", "ac", None]),
        ({"f|re|i": "a.c"}, ["ABC"], ["ac"]),
        ({"f|re|m": "^b$"}, ["a\nb\nc"], ["ab"]),
        ({"f|re|s": "a.c"}, ["a\nc"], ["ac"]),
        ({"f|re": "a.c"}, ["abc"], ["a\nc"]),
        ({"f|re|contains": "a|b"}, ["xbx"], ["c"]),
        ({"f|cidr": "10.0.0.0/9"}, ["10.127.0.1", "::ffff:10.0.0.1"], ["10.128.0.1", "10.x", "fe80::1", None]),
        ({"f|cidr": "fe80::/10"}, ["fe80::1", "FEBF::"], ["fec0::1", "10.0.0.1"]),
        ({"f|base64": "ping"}, [base64.b64encode(b"ping").decode()], ["ping"]),
        ({"f|base64offset|contains": "ping"}, [base64.b64encode(b"x" * n + b"ping").decode() for n in range(3)], ["ping"]),
        ({"f|wide|base64offset|contains": "ping"}, [base64.b64encode("aping".encode("utf-16le")).decode()], [base64.b64encode(b"ping").decode()]),
        ({"f|utf16|base64offset|contains": "ping"}, [base64.b64encode("ping".encode("utf-16")).decode()], [base64.b64encode(b"ping").decode()]),
        ({"f|windash|contains": "-enc"}, ["x -enc", "x /enc", "x \u2013enc"], ["x +enc"]),
        ({"f|contains|windash|all": ["-a", "-b"]}, ["/a -b"], ["/a"]),
        ({"f|hour": 3}, ["2026-06-01 03:04:05"], ["2026-06-01T04:04:05Z", "x"]),
        ({"f|month": 6}, ["2026-06-01T03:04:05Z"], ["2026-07-01T03:04:05Z"]),
        ({"f": ["a", "b*", 7]}, ["A", "bcd", "7"], ["c"]),
        ({"f": "a"}, [["x", "A"]], [["x", "y"], []]),
        ({"f|contains": "É"}, ["xéx"], ["e"]),
    ],
)  # fmt: skip
def test_what_a_value_asks(selection, yes, no):
    text = written(sel=selection)
    for value in yes:
        assert matches(text, event(**({} if value is None else {"f": value}))), value
    for value in no:
        assert not matches(text, event(**({} if value is None else {"f": value}))), value


def test_fields_are_compared_with_each_other():
    for modifiers, given_, yes in (
        ("", "ABC", True),
        ("|startswith", "abcd", True),
        ("|endswith", "xabc", True),
        ("|contains", "xabcx", True),
        ("", "x", False),
    ):
        text = written(sel={f"f|fieldref{modifiers}": "g"})
        assert matches(text, event(f=given_, g="abc")) is yes
    assert not matches(written(sel={"f|fieldref": "g"}), event(f="a"))


def test_what_has_no_field_is_looked_for_everywhere():
    assert matches(written(sel=["needle", 4711]), event(f="a NEEDLE b"))
    assert matches(written(sel=["needle", 4711]), event(f="no", g="x4711x"))
    assert not matches(written(sel=["nee*dle"]), event(f="nee", g="dle"))
    assert matches(written(sel={"|all": ["one", "two"]}), event(f="two", g="one"))
    assert matches(written(sel={"|re": "ne+dle"}), event(f="xneeedlex"))


@pytest.mark.parametrize(
    ("condition", "found", "expected"),
    [
        ("1 of them", {"f": "b"}, False),
        ("all of them", {"f": "a"}, False),
        ("all of sel*", {"f": "a", "g": "b"}, True),
        ("1 of sel_a*", {"g": "b"}, False),
        ("not sel_a and sel_b", {"g": "b"}, True),
        ("not 1 of sel*", {"f": "x"}, True),
        ("sel_a or (sel_b and not sel_a)", {"g": "b"}, True),
    ],
)
def test_conditions(condition, found, expected):
    assert matches(written(condition, sel_a={"f": "a"}, sel_b={"g": "b"}), event(**found)) is expected


def test_selections_of_lists_of_maps_and_several_conditions():
    text = written(["one", "two"], one=[{"f": "a", "g": "b"}, {"f": "c"}], two={"g": "z"})
    assert matches(text, event(f="a", g="b"))
    assert matches(text, event(f="c"))
    assert matches(text, event(g="z"))
    assert not matches(text, event(f="a"))


@pytest.mark.parametrize(
    ("name", "make", "value"),
    [
        ("Image", rows.linux, "/usr/bin/python3"),
        ("ParentImage", rows.windows, r"C:\a.exe"),
        ("User", rows.windows, r"VOICE2\ann"),
        ("IntegrityLevel", rows.windows, "High"),
        ("TargetObject", rows.windows, r"HKLM\a"),
        ("DestinationPort", rows.elastic, 4444),
        ("EventID", rows.linux, None),
        ("Computer", rows.winlogbeat, None),
    ],
)
def test_fields_of_sysmon_are_found_in_ecs_and_others_under_their_own_name(name, make, value):
    data = {name: value} if value is not None else {}
    (found,) = [normalise(row.event) for row in read(make(1, **{"Image": "/bin/x", **data}))]
    expected = {"EventID": "1", "Computer": "VOICE2"}.get(name, str(value))
    assert matches(written(sel={name: expected.replace("\\", "\\\\")}), found)


def test_log_sources_are_respected():
    (linux,) = [normalise(row.event) for row in read(rows.linux(1, Image="a"))]
    (windows,) = [normalise(row.event) for row in read(rows.windows(1, Image="a"))]
    (own,) = [normalise({"event": {"module": "consonant", "action": "port.open"}})]
    security = normalise(
        {
            "winlog": {
                "event_id": 4688,
                "channel": "Security",
                "provider_name": "Microsoft-Windows-Security-Auditing",
                "event_data": {"NewProcessName": "a"},
            }
        }
    )
    elastic = normalise(
        {
            "event": {"category": ["process"], "type": ["start"]},
            "host": {"os": {"platform": "ubuntu"}},
            "process": {"executable": "a"},
        }
    )
    everything = {"linux": linux, "windows": windows, "own": own, "security": security, "elastic": elastic}
    for source, expected in (
        ({"category": "process_creation"}, {"linux", "windows", "security", "elastic"}),
        ({"category": "process_creation", "product": "windows"}, {"windows", "security"}),
        ({"category": "process_creation", "product": "linux"}, {"linux", "elastic"}),
        ({"service": "sysmon"}, {"linux", "windows"}),
        ({"service": "security", "product": "windows"}, {"security"}),
        ({"category": "network_connection"}, set()),
        ({"product": "consonant", "category": "port.open"}, {"own"}),
        ({"product": "consonant"}, {"own"}),
        ({"product": "aws", "service": "cloudtrail"}, set()),
        ({"category": "webserver"}, set()),
    ):
        pack = sigma.parse(written(logsource=source, condition="not sel", sel={"nothing": "x"}), "a")
        assert {name for name, found in everything.items() if pack.judge(found)} == expected, source


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (written(sel={"f|expand": "%names%"}), "placeholder"),
        (written(sel={"f|re": "("}), "Regular expression"),
        (written(sel={"f|nothing": "a"}), "modifier"),
        (written(sel={"f|re": r"(?=a)b"}), "Regular expression"),
        (written("other", sel={"f": "a"}), "other"),
        ("title: [", ""),
        ("- a\n- b", ""),
        ("title: a\nlogsource: {}\ndetection: {}", ""),
        ("", "") ,
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused_with_a_reason(text, why):
    if not text:
        assert sigma.parse(text, "a").rules == ()
        return
    with pytest.raises(RuleUnreadable) as error:
        sigma.parse(text, "a")
    assert why.lower() in str(error.value).lower()


def test_one_bad_rule_of_a_folder_is_named_and_costs_no_other(tmp_path):
    (tmp_path / "good.yml").write_text(written(sel={"f": "a"}))
    (tmp_path / "bad.yml").write_text("title: [")
    faults = []
    pack = sigma.load([tmp_path, tmp_path / "none"], faults=faults)
    assert [rule.slug for rule in pack.rules] == ["good"]
    assert [fault.split(":")[0] for fault in faults] == ["bad", "none"]
    with pytest.raises(RuleUnreadable):
        sigma.load([tmp_path])
    (tmp_path / "more").mkdir()
    (tmp_path / "bad.yml").unlink()
    (tmp_path / "more" / "good.yml").write_text(written(sel={"f": "b"}))
    with pytest.raises(RuleUnreadable, match="already"):
        sigma.load([tmp_path])


def test_a_pack_of_some_rules_keeps_what_its_correlations_count():
    pack = sigma.load([sigma.SHIPPED]).only({"night_rate", "port_open"})
    assert {(rule.slug, rule.is_base_only) for rule in pack.rules} == {("night_process", True), ("port_open", False)}
    assert [each.slug for each in pack.correlations] == ["night_rate"]


def test_a_rule_cannot_stall_the_service():
    text = written(sel={"f|re": "(a+)+$", "g": "*a*a*a*a*a*a*a*a*a*b"})
    assert not matches(text, event(f="a" * 30_000 + "b", g="a" * 30_000))


# The oracle


def vector_events():
    names = (
        "otrf_win_nxlog_python_webserver_eid1_11.ndjson",
        "otrf_linux_sysmon_log4shell_eid1_3_11.ndjson",
        "otrf_linux_sysmon_log4shell_eid1_3_11.rfc5424.log",
    )
    bodies = [path(f"guard/{name}").read_bytes() for name in names]
    bodies.append(b"\n".join(ordinary(150)))
    bodies += [row for attack in ATTACKS for row in attack.rows]
    return [normalise(row.event) for body in bodies for row in read(body) if row.event is not None]


def test_no_shipped_rule_means_anything_else_to_the_oracle():
    events = vector_events()
    for found in events:
        found["consonant"] = {**found.get("consonant", {}), "listens_only": True, "is_night": True, "calls": True}
    matched = 0
    for rule in sigma.load([sigma.SHIPPED]).rules:
        text = yaml.safe_dump(next(each for each in yaml.safe_load_all(rule.text) if "detection" in each))
        oracle = Oracle(text)
        for found in events:
            expected = oracle.matches(found)
            matched += expected
            assert rule.test(View(found)) is expected, (rule.slug, found)
    assert matched > 20


_WORDS = st.text(alphabet="aB1*?\\%_[]/'-", max_size=5)
_FIELDS = st.sampled_from(["one", "two", "three"])
_PLAIN = st.tuples(st.sampled_from(["", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|startswith|cased", "|endswith|cased", "|windash", "|windash|contains", "|neq"]), _WORDS | st.lists(_WORDS, min_size=1, max_size=3))  # fmt: skip
_ALL = st.tuples(
    st.sampled_from(["|contains|all", "|startswith|all", "|contains|all|neq"]), st.lists(_WORDS, min_size=2, max_size=3)
)
_WRAPPED = st.tuples(
    st.sampled_from(["|base64", "|base64offset|contains"]), st.text(alphabet="aB1", min_size=1, max_size=3)
)
_REGEX = st.tuples(
    st.sampled_from(["|re", "|re|i"]), st.sampled_from(["a", "^a", "B$", "a.*1", "[aB]{2}", "(?:a|1)/", "\\\\"])
)
_NUMBER = st.tuples(st.sampled_from(["|lt", "|lte", "|gt", "|gte", ""]), st.integers(-3, 20))
_OTHER = st.sampled_from([("|exists", True), ("|exists", False), ("", None), ("|fieldref", "two"), ("|fieldref|contains", "two"), ("|fieldref|startswith", "one"), ("|fieldref|endswith", "three"), ("", "")])  # fmt: skip
_NETS = st.tuples(
    st.just("|cidr"),
    st.sampled_from(["10.0.0.0/8", "10.1.0.0/15", "192.168.1.0/25", "0.0.0.0/0", "127.0.0.1/32", "10.64.0.0/11"]),
)


@st.composite
def items(draw):
    kind = draw(st.sampled_from(["text", "number", "address"]))
    if kind == "number":
        modifier, value = draw(_NUMBER)
        return f"count{modifier}", value
    if kind == "address":
        modifier, value = draw(_NETS)
        return f"address{modifier}", value
    modifier, value = draw(st.one_of(_PLAIN, _PLAIN, _ALL, _WRAPPED, _REGEX, _OTHER))
    return f"{draw(_FIELDS)}{modifier}", value


_KEYWORDS = st.lists(st.text(alphabet="aB1%_'/", min_size=1, max_size=3), min_size=1, max_size=2)
_SELECTION = st.one_of(
    st.lists(items(), min_size=1, max_size=3).map(dict),
    st.lists(items().map(lambda item: dict([item])), min_size=2, max_size=3),
    _KEYWORDS,
)
_CONDITION = st.sampled_from(["sel1", "not sel1", "sel1 and sel2", "sel1 or not sel2", "1 of sel*", "all of sel*", "1 of them", "not (sel1 or sel2)", "not (sel1 and not sel2)", "sel1 and not 1 of sel*"])  # fmt: skip
_TEXT = st.text(alphabet="aAbB1*?\\%_[]/'-", max_size=8)
_NUMERIC_TEXT = {"1", "11", "111", "-1", "-11"}


@st.composite
def made_events(draw):
    data = {name: value for name in ("one", "two", "three") if (value := draw(st.none() | _TEXT)) is not None}
    if (number := draw(st.none() | st.integers(-5, 30))) is not None:
        data["count"] = number
    if (
        address := draw(
            st.none()
            | st.ip_addresses(v=4).map(str)
            | st.sampled_from(["10.1.2.3", "10.65.0.1", "192.168.1.127", "127.0.0.1"])
        )
    ) is not None:
        data["address"] = address
    return {"winlog": {"event_data": data}}


@settings(max_examples=400)
@given(_SELECTION, _SELECTION, _CONDITION, st.lists(made_events(), min_size=3, max_size=6))
def test_no_generated_rule_means_anything_else_to_the_oracle(first, second, condition, events):
    text = written(condition, sel1=first, sel2=second)
    try:
        (rule,) = sigma.parse(text, "a").rules
    except RuleUnreadable:
        with pytest.raises(Exception):  # noqa: B017 - whatever it is, the oracle cannot read it either
            Oracle(text)
        return
    oracle = Oracle(text)
    for found in events:
        assert rule.test(View(found)) is oracle.matches(found), (text, found)
