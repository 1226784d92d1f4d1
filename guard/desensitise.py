r"""Takes people out of an event before anything judges, stores or logs it. Pure.

What names a person, says what they had spoken, or opens a door becomes `hmac:` and 32 hexadecimal digits: HMAC-SHA256 under a key of the
service, cut to 128 bits. The same text gives the same digits, so that rules and baselines still tell one from another; without the key
nothing can be guessed back (a bare digest of a name can be, by trying names).

- Users: names, ids, SIDs; not the accounts that every system has (`root`, `SYSTEM`), which are nobody.
- Home folders: the segment after `/home/`, `/Users/`, `\Users\`, in every path and command.
- Command lines: the values of the options, form fields, JSON members and variables in `SPOKEN` and `NAMED`; of `-t` where Python or a
  speaking program is called; of the programs in `SPEAKERS` all that is no option, number or file, and what is echoed to them; words with
  letters beyond ASCII, wherever they stand; headers, logins in addresses, accounts and passwords of common programs, mail, mobile and
  identity card numbers. A value that no quote ends runs to the next option: SysmonForLinux joins arguments without quotes.
- Names of files: words with letters beyond ASCII.

What no pattern tells from an ordinary word stays: a text in plain English after an option of a program nobody knows.

What was done already is left as it is, so it can be done twice.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

SPOKEN: Final = (
    "text", "tts[-_]text", "input[-_]text", "text[-_]prompt", "prompt", "prompt[-_]text", "ref[-_]text", "instruct", "instruct[-_]text", "instruction",
    "sentence", "sentences", "speech", "say", "content", r"\w+[-_]text", "lyrics", "transcript", "utterance", "query", "question", "message",
)  # fmt: skip
"""Long options of what is spoken, as patterns: their values run to the next option."""
NAMED: Final = (
    "user[-_]?id", "user[-_]?name", "username", "subject", "subject[-_]ref", "speaker[-_]name", "customer", "customer[-_]id", "phone", "email",
    "password", "passwd", "secret", "client[-_]secret", "token", "api[-_]?key", "auth", "authorization", "speaker", r"(?:\w+[-_])?spk[-_]id",
    "speaker[-_]id", "full[-_]name", "real[-_]name", "mobile", "id[-_]card",
)  # fmt: skip
"""Long options of who it is, and of what opens a door: one word, or what is quoted."""
SPEAKERS: Final = (
    "indextts",
    "indextts2",
    "espeak",
    "espeak-ng",
    "flite",
    "say",
    "piper",
    "tts",
    "spd-say",
    "pico2wave",
    "edge-tts",
    "gtts-cli",
    "rhvoice-test",
    "mimic3",
    "cosyvoice",
)
"""Programs that take what is spoken without an option."""
NOBODY: Final = frozenset({
    "root", "system", "local service", "network service", "localsystem", "nobody", "daemon", "www-data", "nginx", "systemd-network",
    "systemd-resolve", "systemd-timesync", "_apt", "sshd", "messagebus", "syslog", "s-1-5-18", "s-1-5-19", "s-1-5-20", "0", "65534", "4294967295",
    "anonymous logon", "dwm-1", "umfd-0", "umfd-1", "-", "",
})  # fmt: skip
"""Accounts that are nobody."""
DOMAINS: Final = frozenset(
    {"nt authority", "nt service", "window manager", "font driver host", "autorite nt", "nt-autorität", ""}
)
HOMES: Final = frozenset({"public", "default", "default user", "all users", "shared", "linuxbrew"})
USER_FIELDS: Final = re.compile(
    r"(?:^|[a-z])(?:user|username|usersid|accountname|membername|membersid|userid|logonaccount)$", re.IGNORECASE
)
"""Fields of Windows' schema that name an account."""

_DONE = re.compile(r"hmac:[0-9a-f]{32}")
_SID = re.compile(r"\bS-1-5-21(?:-\d+){3,14}")
_HOME = re.compile(
    r"((?:/home/|/Users/|(?<=[A-Za-z]:)[\\/]+Users[\\/]+|\\Users\\+))([^\\/\s\"'<>|:;,]+(?:(?<!hmac) [^\\/\s\"'<>|:;,=-][^\\/\s\"'<>|:;,=]*(?=\\))*)",
    re.IGNORECASE,
)
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|(?:(?!\s(?:--?[A-Za-z][\w-]*(?:[\s=]|$)|[|&;<>]{1,2}\s)).)+)"""
_WORD = r"""(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\S+)"""
_SAID = re.compile(
    rf"""(?P<name>(?:(?<=\s)|^)--?(?:{"|".join(SPOKEN)})(?:\s*=\s*|\s+))(?P<value>{_VALUE})""",
    re.IGNORECASE | re.DOTALL,
)
_SHORT = re.compile(rf"""(?P<name>(?<=\s)-t(?:=|\s+))(?P<value>{_VALUE})""", re.DOTALL)
_WHO = re.compile(
    rf"""(?P<name>(?:(?<=\s)|^)--?(?:{"|".join(NAMED)})(?:\s*=\s*|\s+))(?P<value>{_WORD})""", re.IGNORECASE
)
_KEYED = re.compile(
    rf"""(?P<name>(?<![\w.-])\\?["']?(?:{"|".join((*SPOKEN, "input"))})\\?["']?\s*[:=]\s*)(?P<value>\\"(?:[^"\\]|\\[^"])*|"(?:[^"\\]|\\.)*"?|'[^']*'?|(?>(?:(?!\s--?[A-Za-z]|["'&|;<>(}}]).)+))(?P<call>\()?""",
    re.IGNORECASE | re.DOTALL,
)
"""A field of a form or of JSON, as `curl` sends it."""
_DOOR = re.compile(
    r"""(?P<name>[\w-]{0,40}(?:token(?!s|iz)|secret|passw(?:or)?d|passphrase|api[-_]?key|authorization|speaker|customer|subject|phone|email)[\w-]{0,40}\\?["']?\s*[:=]\s*\\?["']?(?:(?:basic|bearer|token|digest)\s+)?)(?P<value>[^\s"'&,;}\\]+)""",
    re.IGNORECASE,
)
"""What opens a door, or who it is: a variable, a header, a field."""
_ACCOUNT = re.compile(
    r"""(?P<name>\b(?:curl|sudo|runuser|psexec)(?:64)?(?:\.exe)?["']?\s(?:[^|;&]{0,200}?\s)?(?:-u\s*|--user[ =])|\bsu\s+-?\s*|\bsshpass\s+-p\s*|\bmysql\w*\s(?:[^|;&]{0,200}?\s)?-p|\bnet1?(?:\.exe)?["']?\s+user\s+|\s/r[up]\s+)(?P<value>"[^"]*"?|(?:(?<=user )\S+\s+)?[^\s/"'-]\S*)""",
    re.IGNORECASE,
)
"""Accounts, and their passwords, of programs that take them without a word that says so."""
_LOGIN = re.compile(r"(?P<name>://)(?P<value>[^\s/@\"']+)(?=@)")
_MAIL = re.compile(
    r"""(?P<name>(?:^|(?<=[\s"'=,;<(])))(?P<value>[\w.+-]+)(?=@[A-Za-z])(?!\S{0,80}\.(?:service|socket|timer|mount|slice))"""
)
_PHONE = re.compile(r"(?P<name>(?<![\w.:/\\-]))(?P<value>(?:\+?86)?1[3-9]\d{9}|[1-9]\d{16}[\dXx])(?![\w.])")
_LETTER = r"[^\W\d_A-Za-z]"
_FOREIGN_QUOTED = re.compile(
    rf"""(?P<name>)(?P<value>"(?=[^"\\/]*?{_LETTER})[^"\\/]*"|'(?=[^'\\/]*?{_LETTER})[^'\\/]*')"""
)
_FOREIGN = re.compile(
    rf"""(?P<name>)(?P<value>[^\s"'\\/<>|:;=&.,(){{}}-]{{0,60}}{_LETTER}(?:[^\s"'\\/<>|;=&.(){{}}-]|\.(?=\d))*)"""
)
"""Words with letters beyond ASCII: no option and no program has them, names and what is spoken do."""
_CALLED = re.compile(
    r"""(?P<name>\b(?:speak\w*|inference_\w+|infer\w*|tts\w*|say|synthesi[sz]e\w*)\s*\(\s*(?:\w+\s*=\s*)?)(?P<value>"[^"]*"?|'[^']*'?)""",
    re.IGNORECASE,
)
_PROGRAM = rf"""(?:{"|".join(map(re.escape, SPEAKERS))})(?:\.exe|\.py|\.cli(?:_v2)?|[\\/]cli(?:_v2)?\.py)?"""
_SPOKEN = re.compile(
    rf"""(?P<program>(?:^|[\s/\\"']){_PROGRAM}["']?(?=\s))(?P<said>(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|[^"'|;&<>])*)""",
    re.IGNORECASE | re.DOTALL,
)
_ECHOED = re.compile(
    rf"""(?P<name>\b(?:echo|printf)\s+(?:-\w+\s+)*)(?P<value>(?>[^|;&<>]{{1,8000}}))(?=\|\s*(?:[^\s|]*[\\/])?{_PROGRAM}\b)""",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"""(?P<gap>\s*)(?P<token>"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s"']+)""")
_PLAIN = re.compile(
    r"""["']?(?:-.*|\(?hmac:.*|[\d.,:x%+]+|(?:[A-Za-z]:)?[~.\w%$-]*[\\/]\S*|\S+\.(?:wav|mp3|flac|ogg|m4a|pcm|raw|txt|json|ya?ml|toml|pt|pth|onnx|safetensors|py|sh|exe|log|ssml|xml))["']?""",
    re.IGNORECASE | re.DOTALL,
)
"""What is no speech: options, numbers, files."""
_CODE = re.compile(r"[a-z]{2,3}(?:[-_+]\w+)*")
"""A language, where it follows an option."""
_INTERPRETER = re.compile(
    r"""["']?(?:\S*[\\/])?(?:python|pypy|bash|sh|zsh|node|perl|powershell|pwsh|cmd)[\d.]*(?:\.exe)?["']?\s""",
    re.IGNORECASE,
)
_MAY_SPEAK = re.compile("|".join(map(re.escape, SPEAKERS)), re.IGNORECASE)
_MAY_TELL = re.compile("python|" + _MAY_SPEAK.pattern, re.IGNORECASE)
_SPOKEN_WORDS = (
    "text", "prompt", "instruct", "sentence", "speech", "say", "content", "lyrics", "transcript", "utterance", "query", "question", "message",
)  # fmt: skip
_NAMED_WORDS = (
    "user", "subject", "speaker", "spk", "customer", "phone", "email", "pass", "secret", "token", "api", "auth", "name", "mobile", "card",
)  # fmt: skip
_SENT_WORDS = ("curl", "wget", "http", "invoke-", "{")
_ACCOUNT_WORDS = ("curl", "sudo", "runuser", "psexec", "su ", "sshpass", "mysql", "net", "/r")
"""One of these stands in every option of `SPOKEN` and of `NAMED`: a look for them is cheaper than a pattern."""
_COMMANDS = re.compile("ommand|^(?:Payload|ScriptBlockText|Details)$")
_PARTS = ("process", "file", "winlog", "user", "registry", "dns", "rule")
"""What of an event can name anybody."""
_LEAST: Final = 8
"""Characters below which a command line holds no option with a value."""


def desensitise(event: dict[str, Any], key: bytes) -> dict[str, Any]:  # noqa: C901 - one part after another
    """Return an event in ECS without what names people. `key`: at least 16 bytes."""
    clean = dict(event)
    for name in _PARTS:
        part = event.get(name)
        if isinstance(part, dict):
            clean[name] = _strings(part, key) if _may_name(part) else _copied(part)
    file = clean.get("file")
    if isinstance(file, dict):
        for name, value in file.items():
            if value.__class__ is str and not value.isascii():
                file[name] = _FOREIGN.sub(lambda match: mask(match["value"], key), value)
    user = clean.get("user")
    if isinstance(user, dict):
        clean["user"] = _account(user, key)
    process = clean.get("process")
    if isinstance(process, dict):
        clean["process"] = _commanded(process, key)
    log = clean.get("winlog")
    data = log.get("event_data") if isinstance(log, dict) else None
    if isinstance(data, dict):
        for name, value in data.items():
            if value.__class__ is str and (USER_FIELDS.search(name) or _COMMANDS.search(name)):
                data[name] = _field(name, value, key)
    return clean


def _copied(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copied(each) if isinstance(each, dict) else each for name, each in part.items()}


def _may_name(part: Mapping[str, Any]) -> bool:
    """Whether a home or a SID may stand somewhere in it: one look for all its texts."""
    low = "\n".join(_texts(part)).lower()
    return "/home/" in low or "users" in low or "s-1-5-21" in low


def _texts(value: Any) -> list[str]:
    if value.__class__ is str:
        return [value]
    found: list[str] = []
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if each.__class__ is str:
            found.append(each)
        elif isinstance(each, (dict, list)):
            found += _texts(each)
    return found


def mask(text: str, key: bytes) -> str:
    """Return what stands for a text."""
    return (
        text
        if _DONE.fullmatch(text)
        else f"hmac:{hmac.digest(key, text.encode('utf-8', 'surrogatepass'), 'sha256').hex()[:32]}"
    )


def command(line: str, key: bytes) -> str:  # noqa: C901, PLR0912 - one form after another
    """Return a command line without what was spoken, who it was for, and what opens a door."""
    if len(line) < _LEAST:
        return line

    def masked(match: re.Match[str]) -> str:
        name, value = match["name"], match["value"]
        if match.re is _KEYED and match["call"]:  # it is code
            return match[0]
        quote = value[:1] if value[:1] in {'"', "'"} else ""
        after = value[len(value.rstrip()) :] if match.re is _ECHOED else ""
        value = value.removesuffix(after)
        bare = value[1:].removesuffix(quote) if quote else value
        return f"{name}{quote}{mask(bare, key)}{quote}{after}" if bare.strip() else match[0]

    low = line.lower()
    is_told, is_named = any(word in low for word in _SPOKEN_WORDS), any(word in low for word in _NAMED_WORDS)
    may_speak = _MAY_SPEAK.search(line) is not None
    if "-" in line:
        if is_told:
            line = _SAID.sub(masked, line)
        if is_named:
            line = _WHO.sub(masked, line)
        if " -t" in line and _MAY_TELL.search(line):
            line = _SHORT.sub(masked, line)
    if "=" in line or ":" in line:
        if (is_told or "input" in low) and any(word in low for word in _SENT_WORDS):
            line = _KEYED.sub(masked, line)
        if is_named:
            line = _DOOR.sub(masked, line)
    if any(word in low for word in _ACCOUNT_WORDS):
        line = _ACCOUNT.sub(masked, line)
    if "@" in line:
        line = _MAIL.sub(masked, _LOGIN.sub(masked, line))
    if "(" in line:
        line = _CALLED.sub(masked, line)
    if may_speak:
        line = _SPOKEN.sub(lambda match: match["program"] + _unsaid(match["said"], key), _ECHOED.sub(masked, line))
    if not line.isascii():
        line = _FOREIGN.sub(masked, _FOREIGN_QUOTED.sub(masked, line))
    return _PHONE.sub(masked, line)


def _unsaid(said: str, key: bytes) -> str:
    """Take out of what follows a speaking program all that is no option, number or file; words that stand together as one."""
    if _INTERPRETER.match(said.lstrip()):  # the name was that of an environment, and what follows is a program
        return said
    parts: list[str] = []
    words: list[str] = []
    follows_option = False

    def close() -> None:
        if words:
            text = "".join(words)
            inner = text.strip()
            quote = inner[:1] if inner[:1] in {'"', "'"} and len(words) == 1 else ""
            bare = inner[1:].removesuffix(quote) if quote else inner
            parts.append(f"{text[: len(text) - len(text.lstrip())]}{quote}{mask(bare, key)}{quote}")
            words.clear()

    for match in _TOKEN.finditer(said):
        token = match["token"]
        if _PLAIN.fullmatch(token) or (follows_option and _CODE.fullmatch(token)) or not token.strip("\"'"):
            close()
            parts.append(match[0])
        else:
            words.append(match[0])
        follows_option = token.startswith("-")
    close()
    return "".join(parts) + said[len(said.rstrip()) :]


def _strings(value: Any, key: bytes) -> Any:
    """Every text: homes and SIDs, wherever they stand. What comes back is a copy."""
    if value.__class__ is str:
        return _text(value, key)
    if isinstance(value, dict):
        return {name: _strings(each, key) for name, each in value.items()}
    if isinstance(value, list):
        return [_strings(each, key) for each in value]
    return value


def _text(text: str, key: bytes) -> str:
    if len(text) < _LEAST:
        return text
    if "S-1-5-21" in text:
        text = _SID.sub(lambda match: mask(match[0], key), text)
    low = text.lower()
    if "/home/" in low or "users" in low:
        text = _HOME.sub(lambda match: match[0] if _is_nobodys(match[2]) else f"{match[1]}{mask(match[2], key)}", text)
    return text


def _is_nobodys(segment: str) -> bool:
    return segment.lower() in HOMES or segment == "hmac" or segment.startswith(("%", "*"))


def _account(user: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    domain = str(user.get("domain", "")).lower()
    kept = dict(user)
    for name in ("name", "id"):
        value = user.get(name)
        texts = value if isinstance(value, list) else [value]
        masked = [
            mask(str(each), key)
            if each is not None and not (domain in DOMAINS and str(each).lower() in NOBODY)
            else each
            for each in texts
        ]
        if name in user:
            kept[name] = masked if isinstance(value, list) else masked[0]
    if domain in DOMAINS and domain:
        kept["name"] = user.get("name", "")
    elif domain:
        kept["domain"] = mask(str(user["domain"]), key)
    return kept


def _commanded(process: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    kept = dict(process)
    if isinstance(line := kept.get("command_line"), str):
        kept["command_line"] = command(line, key)
    if isinstance(parent := kept.get("parent"), dict):
        kept["parent"] = _commanded(parent, key)
    return kept


def _field(name: str, value: str, key: bytes) -> str:
    if USER_FIELDS.search(name):
        domain, slash, who = value.rpartition("\\")
        if domain.lower() in DOMAINS and (who.lower() in NOBODY or domain):
            return value
        return f"{mask(domain, key)}{slash}{mask(who, key)}" if slash else mask(who, key)
    return command(value, key)
