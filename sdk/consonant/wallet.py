"""The wallet as a program: `consonant wallet create|claim|scan|receipt|prove`. It runs no code that a service sends.

The 24 words are shown once, when they are made, and typed in once, when they are restored. Words, passphrase and the code of the service's
page are asked for at the terminal or read from files that are named, the passphrase also from `CONSONANT_WALLET_PASSPHRASE`; none of them is
ever an argument, which other programs of the computer can see. What is asked for goes to the standard output, all else to the standard error.
Exit status: 0, done; 1, it was refused, or does not hold; 2, the command was not understood; 130, interrupted.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from consonant import holder
from consonant.holder import CLAIMED, Question, Stop
from consonant.ledger.errors import LedgerError
from consonant.remote import Refused, Service, plain
from consonant.safe import SHORTEST, Meanwhile, Safe, SafeClosed, create, unlock
from consonant.zkp.core import active, own, receipt
from consonant.zkp.core.errors import InvalidContext, ZkpError

if TYPE_CHECKING:
    from collections.abc import Callable

DONE: Final = 0
NOT_DONE: Final = 1
PASSPHRASE: Final = "CONSONANT_WALLET_PASSPHRASE"  # noqa: S105 - the name of a variable
_STRENGTH: Final = 256
_WORDS: Final = 24
_MAX_SECRET: Final = 4_096
_MAX_QUESTION: Final = 65_536
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def run(args: argparse.Namespace) -> int:
    """Carry out a command; return its exit status."""
    try:
        args.act(args)
    except (Stop, Refused, SafeClosed, Meanwhile, ZkpError, LedgerError, OSError) as error:
        said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        sys.stderr.write(f"consonant wallet: {said or type(error).__doc__ or type(error).__name__}\n")
        return NOT_DONE
    return DONE


def _create(args: argparse.Namespace) -> None:
    words = _mnemonic()
    if args.wallet.exists():
        raise Stop(f"{args.wallet} is there already, and is never replaced")
    if args.restore:
        said = " ".join(_secret("Your 24 words: ", args.words).lower().split())
        if len(said.split()) != _WORDS or not words.check(said):
            raise Stop("these are not 24 words that belong together: look for one that is misspelt or in another place")
    else:
        said = words.generate(_STRENGTH)
    passphrase = _passphrase(args, new=True)
    if len(passphrase) < SHORTEST:
        raise Stop(f"a passphrase has {SHORTEST} characters or more")
    create(args.wallet, bytes(words.to_entropy(said)), passphrase)
    if args.restore:
        _tell("Restored. Run `claim` with a code: keys that wait there are fetched, and your entries can be found.")
        return
    try:
        _say(said)
        sys.stdout.flush()
    except BaseException:
        args.wallet.unlink()  # nobody has seen its words, and they are shown only once
        raise
    _tell(
        "Write these 24 words on paper: they are not shown again. Whoever has them can prove as you; nobody else can."
    )


def _claim(args: argparse.Namespace) -> None:
    safe, service = _open(args), _service(args, signed_in=True)
    standing = holder.meet(safe, service, args.log)
    origin = standing["origin"]
    holder.take_over(safe, service, standing, replace=args.replace)
    earlier = len(safe.earlier(origin))
    _tell(f"{origin}: the wallet keeps your key. Earlier keys in the file: {earlier}.")
    if args.copied:
        holder.confirm(safe, service, origin)
        _tell("The service has deleted what it handed over.")
    elif earlier and not safe.state["logs"][origin]["saved"]:
        _tell("Copy the file to a second place; then run this again with --copied, and the service deletes its part.")


def _scan(args: argparse.Namespace) -> None:
    safe, service = _open(args), _service(args, signed_in=args.code is not None)
    origin = _look(safe, service, args.log)
    for each in safe.state["logs"][origin]["entries"]:
        earlier = "" if each["whose"] is None else " earlier-key"
        _say(f"{each['index']} {each['at']} {each['kind']} {each['ref']}{earlier}")
    if args.code is None:
        return
    paper, counted, found = holder.compare_count(safe, service, origin)
    _tell(f"The service has signed a count of {counted}; found under your key: {found}.")
    if found < counted:
        _say(json.dumps(paper))
        raise Stop(
            f"{counted - found} entries were counted that are not marked for you: keep the last line above, which the service has signed, "
            "and show it to somebody you trust"
        )


def _receipt(args: argparse.Namespace) -> None:
    safe, service = _open(args), _service(args, signed_in=True)
    origin = _look(safe, service, args.log)
    for ref in args.refs:
        _say(json.dumps(holder.take_receipt(safe, service, origin, ref), ensure_ascii=False))


def _prove(args: argparse.Namespace) -> None:
    if args.send and not args.service:
        raise Stop("--send takes --service")
    question, service = _question(args)
    safe = _open(args)
    if service is None:
        _tell("Without a service: nothing says that the question's checkpoint is one of the log.")
    else:
        context = question.context
        holder.meet(safe, service, context.origin)
        holder.look(safe, service, context.origin, (context.size, context.root))
    holder.check_question(safe, question, now=datetime.now(timezone.utc))
    _introduce(question)
    document = _answer(args, safe, service, question)
    if not args.send:
        _say(json.dumps(document))
        return
    if service is None or not (args.yes or _agrees()):
        raise Stop("nothing was sent")
    verdict = service.post("/api/v1/verifications", {**document, "challenge": question.id})
    _say(json.dumps(verdict))
    if verdict.get("verdict") != "holds":
        raise Stop(f"it was refused: {plain(str(verdict.get('reason')))}")


def _answer(args: argparse.Namespace, safe: Safe, service: Service | None, question: Question) -> dict[str, Any]:
    statement = question.context.statement
    if statement == own.STATEMENT:
        return holder.answer_own(safe, question, _chosen(args, safe.state["logs"][question.context.origin], question))
    if statement == receipt.STATEMENT:
        if not args.receipt:
            raise Stop("say which receipt: --receipt, with the entry's ref")
        return holder.answer_receipt(safe, question, args.receipt, args.show.split(",") if args.show else ())
    if statement == active.STATEMENT:
        if service is None:
            raise Stop("a proof of `active` takes --service: it is asked whether the consent stands")
        return holder.answer_active(safe, _service(args, signed_in=True), question)
    raise Stop("this program does not know what is asked: a newer one may")


def _chosen(args: argparse.Namespace, log: dict[str, Any], question: Question) -> list[dict[str, Any]]:
    """Return the entries that the person named; with those of the wallet's own key comes the entry that says so."""
    entries = [each for each in log["entries"] if each["index"] < question.context.size]
    if not args.entries:
        raise Stop("say which entries: --entries, with the numbers that `scan` shows, or `all`, or `earlier`")
    if args.entries in {"all", "earlier"}:
        return [each for each in entries if (each["whose"] is None) == (args.entries == "all")]
    wanted = set(args.entries.split(","))
    chosen = [each for each in log["entries"] if str(each["index"]) in wanted]
    if {str(each["index"]) for each in chosen} != wanted:
        raise Stop("the file has no such entries of yours: `scan` shows their numbers")
    if not args.no_claim and chosen[0]["whose"] is None:
        claim = [each for each in entries if each["kind"] == CLAIMED and each["whose"] is None]
        return [*chosen, *(each for each in claim if each not in chosen)]
    return chosen


def _introduce(question: Question) -> None:
    context = question.context
    who = plain(question.name) if question.name else f"{plain(context.verifier)} (unverified)"
    what = plain(context.statement)
    if context.statement == receipt.STATEMENT and question.attributes:
        what += f" ({plain(', '.join(question.attributes))})"
    if context.statement == active.STATEMENT:
        what += f" ({plain(question.operation)}, {plain(question.app_name or question.app)})"
    _tell(f"{who} asks for a proof of {what}: {plain(context.purpose)}")


def _question(args: argparse.Namespace) -> tuple[Question, Service | None]:
    """Read the question from a file, or ask the service for it."""
    service = _service(args, signed_in=False) if args.service else None
    path = Path(args.challenge)
    from_file = args.challenge == "-" or path.is_file()
    if from_file:
        text = _text(None if args.challenge == "-" else path, _MAX_QUESTION)
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise Stop(f"{args.challenge} holds no question")
    else:
        found = _ID.search(args.challenge.rpartition("challenge=")[2])
        if found is None:
            raise Stop("this is no question: give its link, its id, or a file that holds it")
        if service is None:
            raise Stop("to fetch the question takes --service")
        said = service.get(f"/api/v1/challenges/{found[0]}")
    try:
        return holder.read_question(said, from_service=not from_file), service
    except InvalidContext:
        raise Stop("the question is not in its one form") from None


def _look(safe: Safe, service: Service, wanted: str | None) -> str:
    origin: str = holder.meet(safe, service, wanted)["origin"]
    holder.look(safe, service, origin)
    return origin


def _service(args: argparse.Namespace, *, signed_in: bool) -> Service:
    return Service(args.service, _secret("The code of the service's page: ", args.code) if signed_in else "")


def _open(args: argparse.Namespace) -> Safe:
    return unlock(args.wallet, _passphrase(args))


def _passphrase(args: argparse.Namespace, *, new: bool = False) -> str:
    if args.passphrase is None and (given := os.environ.get(PASSPHRASE)):
        return given
    said = _secret("The passphrase of the file: ", args.passphrase)
    if new and args.passphrase is None and _secret("The same once more: ", None) != said:
        raise Stop("these are two passphrases")
    return said


def _secret(question: str, file: Path | None) -> str:
    if file is not None:
        return _text(file, _MAX_SECRET).strip("\r\n")
    try:
        return getpass.getpass(question)
    except EOFError:
        raise Stop("there is no terminal to ask at: name a file that holds it") from None


def _agrees() -> bool:
    sys.stderr.write("Send the proof? Write yes: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"


def _text(file: Path | None, limit: int) -> str:
    if file is None:
        data = sys.stdin.buffer.read(limit + 1)
    else:
        with file.open("rb") as opened:
            data = opened.read(limit + 1)
    try:
        if len(data) <= limit:
            return data.decode()
    except UnicodeDecodeError:
        pass
    raise Stop(f"{file or 'the standard input'} is too long, or no text")


def _say(line: str) -> None:
    print(line)  # noqa: T201 - the answer


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _mnemonic() -> Any:
    try:
        from mnemonic import Mnemonic
    except ImportError:
        raise Stop("this needs more: install the wheel with [wallet] behind its name") from None
    return Mnemonic("english")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the program's parser."""
    about = "the wallet: keys of your own, and proofs without identity"
    what = commands.add_parser("wallet", help=about, description=about, allow_abbrev=False).add_subparsers(
        required=True, metavar="WHAT"
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--wallet", type=Path, required=True, metavar="FILE", help="the wallet's file")
    common.add_argument(
        "--passphrase",
        type=Path,
        metavar="FILE",
        help=f"read it from a file; else from {PASSPHRASE}, or it is asked for",
    )

    def command(name: str, act: Callable[[argparse.Namespace], None], about: str) -> argparse.ArgumentParser:
        made = what.add_parser(name, parents=[common], help=about, description=about, allow_abbrev=False)
        made.set_defaults(act=act, wallet_command=True)
        return made

    def asks(each: argparse.ArgumentParser, *, required: bool = True) -> None:
        each.add_argument("--service", required=required, metavar="URL", help="the service's address")
        each.add_argument(
            "--code", type=Path, metavar="FILE", help="read the code of its page /wallet/code from a file"
        )

    each = command("create", _create, "make a wallet and show its 24 words, once; or restore one")
    each.add_argument("--restore", action="store_true", help="from 24 words")
    each.add_argument("--words", type=Path, metavar="FILE", help="read them from a file, instead of asking")

    each = command("claim", _claim, "take over your key from a service")
    asks(each)
    each.add_argument("--log", metavar="ORIGIN", help="which log, where there are several")
    each.add_argument(
        "--replace", action="store_true", help="from another wallet of yours, whose words are lost or stolen"
    )
    each.add_argument("--copied", action="store_true", help="you have a copy of the file: the service deletes its part")

    each = command(
        "scan", _scan, "find your entries: whole bundles are read and verified, and nobody learns which are yours"
    )
    asks(each)
    each.add_argument("--log", metavar="ORIGIN", help="which log, where there are several")

    each = command("receipt", _receipt, "take receipts of entries of yours, once the log has shown that it has them")
    each.add_argument("refs", metavar="REF", nargs="+", help="an entry")
    asks(each)
    each.add_argument("--log", metavar="ORIGIN", help="which log, where there are several")

    each = command("prove", _prove, "answer a question of a verifier: the proof is printed, or sent")
    each.add_argument(
        "challenge", metavar="QUESTION", help="its link or id; or a file that holds it, - for the standard input"
    )
    asks(each, required=False)
    each.add_argument("--entries", metavar="N,N", help="of `own`: which entries, by number; or `all`, or `earlier`")
    each.add_argument(
        "--no-claim", action="store_true", help="of `own`: leave out the entry that says that a wallet has the key"
    )
    each.add_argument("--receipt", metavar="REF", help="of `receipt`: which")
    each.add_argument("--show", metavar="NAME,NAME", help="of `receipt`: what to show beyond what is asked")
    each.add_argument("--send", action="store_true", help="send it to the service, once you have said yes")
    each.add_argument("--yes", action="store_true", help="with --send: do not ask")
