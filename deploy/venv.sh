#!/bin/sh
# Makes .venv with the pinned packages. `venv.sh` installs what runs, `venv.sh dev` also what develops.
#
# A stamp inside .venv names the folder and the packages. It is taken away before pip begins and put back when pip is done:
# a venv without its stamp was interrupted and is made anew; so is one that moved with its folder. With a good stamp this is instant.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONHOME PYTHONPATH
kind=${1:-run}
stamp=.venv/.consonant
PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export PIP_USER PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT

give_up() {
    printf '%s\n' "$1" >&2
    exit 1
}

# Two at once (`make run` and `make test`): the second waits.
if command -v flock >/dev/null 2>&1; then
    { : >.venv.lock; } 2>/dev/null || give_up "This folder cannot be written by this account, and .venv belongs in it."
    exec 9>.venv.lock
    flock 9
fi

folder=$(pwd -P)
packages=$(cat requirements.txt requirements-dev.txt constraints.txt | cksum)
wanted_run="$folder
$packages
run"
wanted_dev="$folder
$packages
dev"

found=
if [ -f "$stamp" ] && .venv/bin/python -c '' 2>/dev/null; then
    found=$(cat "$stamp")
fi
[ "$found" = "$wanted_dev" ] && exit 0
[ "$found" = "$wanted_run" ] && [ "$kind" = run ] && exit 0

case "$found" in
"$folder
"*) ;;
*) rm -rf .venv || give_up "The old .venv cannot be deleted: delete it and start again." ;;
esac

find_python() {
    without_venv=
    # 3.12 and 3.11 first: the embedded Redis has wheels for these.
    for name in ${PYTHON:+"$PYTHON"} python3.12 python3.11 python3.14 python3.13 python3 python; do
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
        if "$name" -c 'import venv, ensurepip' >/dev/null 2>&1; then
            python=$name
            return
        fi
        without_venv=$name
    done
    if [ -n "$without_venv" ]; then
        give_up "$without_venv has no venv module: install it (Debian and Ubuntu: apt install python3-venv) and start again."
    fi
    give_up "Python 3.11 or newer is needed and was not found: install it, or name it with \`make run PYTHON=/path/to/python3.11\`."
}

if [ ! -d .venv ]; then
    find_python
    printf 'Making .venv with %s\n' "$("$python" --version 2>&1)"
    "$python" -m venv .venv || give_up ".venv could not be made."
fi

if [ "$kind" = dev ]; then
    list=requirements-dev.txt
else
    list=requirements.txt
fi
printf 'Installing the packages of %s (a minute or two, once)\n' "$list"
rm -f "$stamp"
if ! said=$(.venv/bin/python -m pip install --quiet --requirement "$list" --constraint constraints.txt 2>&1); then
    printf '%s\n' "$said" | tail -n 20 >&2
    case "$said" in
    *"No space left on device"*) give_up "The disk is full: free some space and start again." ;;
    *) give_up "The packages could not be installed (above is pip's reason): is there a way to the package index?" ;;
    esac
fi
if [ "$kind" = dev ]; then
    printf '%s\n' "$wanted_dev" >"$stamp"
else
    printf '%s\n' "$wanted_run" >"$stamp"
fi
