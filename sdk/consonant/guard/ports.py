"""Which ports stand open to others: of the app's own processes, or of the whole host. Loopback is open to nobody else, and left out."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Collection
from pathlib import Path

import psutil


def open_ports(app: Path | None, *, of_host: bool) -> frozenset[int]:
    """Return the TCP ports that are listened on, as far as this account may see. `app`: whose processes count, by where they lie or were started."""
    mine = None if of_host else _processes(lambda process: app is not None and _is_of(process, app))
    found = set()
    for each in psutil.net_connections(kind="tcp"):
        if each.status != psutil.CONN_LISTEN or _is_loopback(each.laddr.ip):
            continue
        if mine is None or each.pid in mine:
            found.add(int(each.laddr.port))
    return frozenset(found)


def runs(*wanted: str) -> bool:
    """Say whether a process of one of these names (without its suffix) runs."""
    names = (each.info["name"] or "" for each in psutil.process_iter(["name"]))
    return any(each.lower().partition(".")[0] in wanted for each in names)


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def unwanted(ports: Collection[int], allowed: Collection[int]) -> frozenset[int]:
    """Return what should be closed."""
    return frozenset(ports) - frozenset(allowed)


def _processes(fits: Callable[[psutil.Process], bool]) -> frozenset[int]:
    found = set()
    for process in psutil.process_iter(["name", "cwd", "exe", "cmdline"]):
        if fits(process):
            found.add(process.pid)
    return frozenset(found)


def _is_of(process: psutil.Process, app: Path) -> bool:
    words = [process.info["cwd"], process.info["exe"], *(process.info["cmdline"] or [])]
    return any(each and (each == str(app) or each.startswith(f"{app}{os.sep}")) for each in words)
