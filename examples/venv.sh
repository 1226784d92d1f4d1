#!/bin/sh
# Makes .venv-studio: what the voice studio needs, and the SDK of this folder. Instant when nothing has changed.
# torch is had as its CPU build: from its own index where that answers at once, else wherever pip finds one.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONHOME PYTHONPATH
venv=.venv-studio
stamp=$venv/.consonant
PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export PIP_USER PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT
if command -v flock >/dev/null 2>&1; then
    exec 9>$venv.lock
    flock 9
fi
lists="examples/voice_studio/requirements.txt examples/voice_studio/requirements-alone.txt"
packages="$(pwd -P) $(cat $lists | cksum)"
sdk=$(find sdk ledger consent retention zkp -name '*.py' -not -path '*/migrations/*' -exec cat {} + | cat - sdk/pyproject.toml | cksum)
found=$(cat $stamp 2>/dev/null || true)
[ "$found" = "$packages
$sdk" ] && exit 0

give_up() {
    printf '%s\n' "$1" >&2
    exit 1
}
install() {
    said=$($venv/bin/python -m pip install --quiet "$@" 2>&1) || {
        printf '%s\n' "$said" | tail -n 20 >&2
        give_up "The studio's packages could not be installed (above is pip's reason): is there a way to the package index?"
    }
}
if [ "${found%%
*}" != "$packages" ]; then
    rm -rf $venv
    python=
    for name in ${PYTHON:+"$PYTHON"} python3.12 python3.11 python3.13 python3.10 python3 .venv/bin/python; do
        "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 || continue
        python=$name
        break
    done
    [ -n "$python" ] || give_up "The studio needs Python 3.10 to 3.13, with its venv module: name it by PYTHON."
    "$python" -m venv $venv || give_up "$venv could not be made."
    printf 'Installing what the studio needs (once, some minutes: torch is large)\n'
    torch=$(grep '^torch==' examples/voice_studio/requirements.txt)
    $venv/bin/python -m pip install --quiet --index-url https://download.pytorch.org/whl/cpu --retries 0 --timeout 5 "$torch" >/dev/null 2>&1 || true
    install --requirement examples/voice_studio/requirements.txt
    install --no-deps --requirement examples/voice_studio/requirements-alone.txt
fi
rm -f $stamp
install --no-deps --no-build-isolation --force-reinstall ./sdk
printf '%s\n%s\n' "$packages" "$sdk" >$stamp
