"""Verify what a Consonant ledger has published, and what it signed for somebody, from files alone: no network, no server.

`status` may ask an address, for the keys, if one is given in the place of their file; `wallet`, `guard`, `doctor` and `bench` ask the service
that they are given. One line a finding. Exit status: 0, everything verified; 1, something did not; 2, nothing was verified, for the command was not understood or a file
named in it cannot be read; 130, interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from consonant import __version__, bench, clip, doctor, wallet
from consonant.consent import jose, receipt, status_token, verify_receipt
from consonant.consent.errors import ReceiptBroken, TokenRefused
from consonant.guard import command as guard
from consonant.ledger import checkpoint as checkpoints
from consonant.ledger import cosignature, note, policy, proof
from consonant.ledger.errors import LedgerError
from consonant.ledger.finding import Finding, bad, good
from consonant.ledger.verify import verify_checkpoint, verify_consistency, verify_inclusion, verify_log
from consonant.retention import certificate
from consonant.retention.errors import CertificateBroken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consonant.ledger.checkpoint import Checkpoint

VERIFIED: Final = 0
NOT_VERIFIED: Final = 1
NOT_UNDERSTOOD: Final = 2
INTERRUPTED: Final = 130
_MAX_LEAF_BYTES: Final = 65_535
_STDIN: Final = "-"
_TOKEN: Final = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]+")
_ADDRESS: Final = re.compile(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])[:/]")
_SECONDS: Final = 10


class _NotUnderstood(Exception):
    """The command cannot be carried out as it was given."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    if hasattr(args, "program"):
        status: int = args.program(args)
        return status
    if hasattr(args, "wallet_command"):
        return _wallet(args)
    bar = tqdm(unit=" entries", unit_scale=True, leave=False, disable=None, delay=0.5)
    status = VERIFIED
    try:
        with bar:
            for finding in args.run(args, args.trust(args), bar):
                if finding.level == "error":
                    status = NOT_VERIFIED
                tqdm.write(_line(finding, as_json=args.json))
        sys.stdout.flush()
    except _NotUnderstood as error:
        parser.exit(NOT_UNDERSTOOD, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # Whoever read has gone; nobody has seen the verdict.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_VERIFIED
    return status


def _wallet(args: argparse.Namespace) -> int:
    """Run a command of the wallet, which alone may ask a service."""
    try:
        return wallet.run(args)
    except KeyboardInterrupt:
        return INTERRUPTED


class _Trust:
    """Whom the caller believes: the log's keys, and the policy if there is one."""

    def __init__(self, args: argparse.Namespace) -> None:
        try:
            self.quorum = policy.parse(_bytes(args.policy, policy.MAX_POLICY_BYTES)) if args.policy else None
            self.verifiers = [cosignature.log_verifier_from_vkey(vkey) for vkey in args.vkey]
        except LedgerError as error:
            raise _NotUnderstood(str(error)) from None
        if self.quorum:
            self.verifiers += [each for each in self.quorum.logs if each not in self.verifiers]
        if not self.verifiers:
            raise _NotUnderstood("say whose log it is: --vkey, or a --policy that names its key")

    def open(self, what: str, name: str) -> Checkpoint | Finding:
        """Return a checkpoint that the log signed, whoever has cosigned it; or what is wrong with it."""
        try:
            return checkpoints.open(_bytes(name, note.MAX_NOTE_BYTES), self.verifiers)
        except LedgerError as error:
            return bad(f"{what}.signature", None, f"the checkpoint in {name} is not the log's: {error}")


def _checkpoint(args: argparse.Namespace, trust: _Trust, _bar: tqdm) -> Iterator[Finding]:
    yield from verify_checkpoint(_bytes(args.checkpoint, note.MAX_NOTE_BYTES), trust.verifiers, quorum=trust.quorum)


def _inclusion(args: argparse.Namespace, trust: _Trust, _bar: tqdm) -> Iterator[Finding]:
    text = _text(args.proof, proof.MAX_PROOF_BYTES)
    leaf = _bytes(args.leaf, _MAX_LEAF_BYTES + 1).removesuffix(b"\n")  # No leaf ends in one; editors add one.
    yield from verify_inclusion(text, leaf, trust.verifiers, quorum=trust.quorum)


def _consistency(args: argparse.Namespace, trust: _Trust, _bar: tqdm) -> Iterator[Finding]:
    old = trust.open("old", args.old)
    if isinstance(old, Finding):
        yield old
    new = yield from verify_checkpoint(_bytes(args.new, note.MAX_NOTE_BYTES), trust.verifiers, quorum=trust.quorum)
    if new is not None and not isinstance(old, Finding):
        yield from verify_consistency(_folder(args.log), old, new)


def _log(args: argparse.Namespace, trust: _Trust, bar: tqdm) -> Iterator[Finding]:
    folder = _folder(args.folder)
    kept = [trust.open("kept", name) for name in args.kept]
    since = trust.open("since", args.since) if args.since else None
    findings = [each for each in [*kept, since] if isinstance(each, Finding)]
    yield from findings

    def progress(done: int, size: int) -> None:
        bar.total = size
        bar.update(done - bar.n)

    yield from verify_log(
        folder,
        trust.verifiers,
        quorum=trust.quorum,
        kept=[each for each in kept if not isinstance(each, Finding)],
        since=None if isinstance(since, Finding) else since,
        size=args.size,
        processes=args.processes,
        progress=progress,
    )


def _receipt(args: argparse.Namespace, trust: _Trust, _bar: tqdm) -> Iterator[Finding]:
    data = _bytes(args.receipt, receipt.MAX_BYTES)
    yield from verify_receipt.verify(data, trust.verifiers)
    try:
        signed = receipt.parse(data)[0]["vl:checkpoint"]
    except ReceiptBroken:
        return
    yield from _witnessed(signed, trust)


def _certificate(args: argparse.Namespace, trust: _Trust, _bar: tqdm) -> Iterator[Finding]:
    data = _bytes(args.certificate, certificate.MAX_BYTES)
    try:
        body = certificate.parse(data)[0]
    except CertificateBroken as broken:
        yield bad("certificate.broken", None, str(broken))
        return
    wanted = (certificate.issuer_of(body["log"]), body["log"])
    keys = [each for each in trust.verifiers if isinstance(each, note.Verifier)]
    issuer, log = (next((each for each in keys if each.name == name), None) for name in wanted)
    if issuer is None or log is None:
        yield bad("certificate.key_unknown", None, f"give the keys of {wanted[1]} and of {wanted[0]}, which issued it")
        return
    yield from certificate.verify(data, issuer=issuer, log=log)
    yield from _witnessed(body["checkpoint"], trust)


def _clip(args: argparse.Namespace, _trust: None, _bar: tqdm) -> Iterator[Finding]:
    data = _bytes(args.clip, clip.MAX_BYTES)
    if len(data) > clip.MAX_BYTES:
        raise _NotUnderstood(f"{args.clip} is larger than {clip.MAX_BYTES >> 20} MiB")
    anchors = "".join(_text(name, clip.MAX_ANCHORS_BYTES) for name in args.trusted)
    try:
        yield from clip.verify(data, anchors=anchors)
    except ImportError:
        raise _NotUnderstood(
            "to read clips takes c2pa-python and tinytag: install the wheel with [clip] behind its name"
        ) from None


def _witnessed(signed: str, trust: _Trust) -> Iterator[Finding]:
    """With a policy, hold the checkpoint inside a paper against its quorum."""
    if trust.quorum and signed:
        yield from verify_checkpoint(signed.encode(), trust.verifiers, quorum=trust.quorum)


def _status(args: argparse.Namespace, _trust: None, _bar: tqdm) -> Iterator[Finding]:
    token = args.token if _TOKEN.fullmatch(args.token) else _text(args.token, jose.MAX_TOKEN).strip()
    try:
        keys = {kid: key for name in args.jwks for kid, key in jose.read_jwks(_keys(name)).items()}
        standing = status_token.verify(token, keys=keys, audience=args.audience, now=datetime.now(timezone.utc))
    except TokenRefused as refused:
        yield bad(f"token.{refused.reason}", None, refused.sentence)
        return
    yield good(
        "token.verified",
        f"{standing.issuer}: consent to {standing.purpose} ({', '.join(standing.operations)}) stood at "
        f"{standing.at.isoformat()}; good until {standing.until.isoformat()}",
    )


def _keys(name: str) -> bytes:
    """Return a set of keys: a file's bytes, or what an address answers, without following it elsewhere."""
    if not _ADDRESS.match(name):
        return _bytes(name, jose.MAX_JWKS_BYTES)
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, build_opener  # Only who asks the network loads it.

    class _Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    try:
        with build_opener(_Stay).open(name, timeout=_SECONDS) as answer:
            data: bytes = answer.read(jose.MAX_JWKS_BYTES + 1)
            return data
    except (OSError, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise _NotUnderstood(f"{name} cannot be read: {error}") from None


def _line(finding: Finding, *, as_json: bool) -> str:
    if not as_json:
        return str(finding)
    fields = {"level": finding.level, "what": finding.what, "index": finding.index, "message": finding.message}
    return json.dumps(fields)


def _bytes(name: str, limit: int) -> bytes:
    """Return a file's bytes, or those of the standard input; one more than the limit at most."""
    try:
        if name == _STDIN:
            return sys.stdin.buffer.read(limit + 1)
        with Path(name).open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise _NotUnderstood(f"{name} cannot be read: {error.strerror}") from None


def _text(name: str, limit: int) -> str:
    data = _bytes(name, limit)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _NotUnderstood(f"{name} is not UTF-8 text") from None


def _folder(name: str) -> Path:
    folder = Path(name)
    if not folder.is_dir():
        raise _NotUnderstood(f"{name} is no folder")
    return folder


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "consonant", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"consonant {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="verify, offline")
    what = verify.add_subparsers(required=True, metavar="WHAT")

    trust = argparse.ArgumentParser(add_help=False)
    trust.add_argument(
        "--vkey", action="append", default=[], metavar="KEY", help="the log's verifier key, <name>+<id>+<base64>"
    )
    trust.add_argument("--policy", metavar="FILE", help="a tlog-policy: the logs' keys, the witnesses and their quorum")
    trust.add_argument("--json", action="store_true", help="each finding as a JSON object on a line")

    def command(name: str, run: object, about: str) -> argparse.ArgumentParser:
        made = what.add_parser(name, parents=[trust], help=about, description=about, allow_abbrev=False)
        made.set_defaults(run=run, trust=_Trust)
        return made

    each = command("checkpoint", _checkpoint, "the log's signature and, with a policy, the witnesses' quorum")
    each.add_argument("checkpoint", metavar="CHECKPOINT", help="the signed checkpoint; - for the standard input")

    each = command("inclusion", _inclusion, "that the log of a checkpoint holds an entry")
    each.add_argument("proof", metavar="PROOF", help="the .tlog-proof, its checkpoint inside; - for the standard input")
    each.add_argument("--leaf", required=True, metavar="FILE", help="the entry's leaf, to the byte")

    each = command("receipt", _receipt, "a consent receipt: its signature, and that its log states what it says")
    each.add_argument("receipt", metavar="RECEIPT", help="the file; give the keys of the log and of its certificates")

    each = command("certificate", _certificate, "an erasure certificate: its signature, and that its log states it")
    each.add_argument("certificate", metavar="CERTIFICATE", help="the file; give the log's key and the certificates'")

    about = "what a clip is marked with: does its C2PA manifest hold, who signed it, which entry does it name"
    each = what.add_parser("clip", help=about, description=about, allow_abbrev=False)
    each.set_defaults(run=_clip, trust=lambda _args: None)
    each.add_argument("clip", metavar="CLIP", help="the file; - for the standard input")
    each.add_argument(
        "--trusted",
        action="append",
        default=[],
        metavar="FILE",
        help="certificates that you trust, as /.well-known/c2pa-root.pem has them; can be repeated",
    )
    each.add_argument("--json", action="store_true", help="each finding as a JSON object on a line")

    each = command("consistency", _consistency, "that a later checkpoint extends an earlier one")
    each.add_argument("old", metavar="OLD", help="the earlier checkpoint")
    each.add_argument("new", metavar="NEW", help="the later checkpoint")
    each.add_argument("--log", required=True, metavar="FOLDER", help="a copy of the log: the tiles prove it")

    each = command("log", _log, "a whole log: every signature, entry, link, tile, and the root")
    each.add_argument("folder", metavar="FOLDER", help="the log's files, as published")
    each.add_argument(
        "--kept",
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint that you kept: the log must extend it; can be repeated",
    )
    each.add_argument(
        "--since", metavar="FILE", help="a checkpoint up to which you verified the log: only what is newer is read"
    )
    each.add_argument("--size", type=_positive, metavar="N", help="read only the first N entries, and all tiles")
    each.add_argument(
        "--processes",
        type=_positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="side by side; all cores by default",
    )

    wallet.add_to(commands)
    guard.add_to(commands)
    doctor.add_to(commands)
    bench.add_to(commands)

    about = "that a consent stands: a status token, which lives five minutes"
    each = commands.add_parser("status", help=about, description=about, allow_abbrev=False)
    each.set_defaults(run=_status, trust=lambda _args: None)
    each.add_argument("token", metavar="TOKEN", help="the token, or a file that holds it; - for the standard input")
    each.add_argument(
        "--jwks",
        action="append",
        required=True,
        metavar="FILE|URL",
        help="the keys, as /.well-known/jwks.json has them; an address is asked; can be repeated",
    )
    each.add_argument("--audience", required=True, metavar="NAME", help="for whom it must have been made: you")
    each.add_argument("--json", action="store_true", help="each finding as a JSON object on a line")
    return parser
