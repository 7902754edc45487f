#!/bin/sh
# Make a virtual environment: make_venv.sh PYTHON FOLDER. Debian ships venv as a package of its own.
set -eu
[ -x "$2/bin/python" ] && "$2/bin/python" -m pip --version >/dev/null 2>&1 && exit 0
if ! "$1" -c 'import ensurepip' >/dev/null 2>&1; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv
    else
        echo "Python's venv module is not complete; install it first: sudo apt-get install python3-venv" >&2
        exit 1
    fi
fi
"$1" -m venv "$2"
