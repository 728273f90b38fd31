#!/usr/bin/env bash
# Installs the wheel of a folder in an empty environment and uses it from elsewhere, as a user would.
# usage: smoke_wheel.sh DIST
set -euo pipefail

wheel=$(echo "$1"/ganplugin-*.whl)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${PYTHON:-python3}" -m venv "$work/venv"
# shellcheck disable=SC2086 # PIP_FLAGS is a list of words
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ${PIP_FLAGS:-} "$wheel[cpu]"
"$work/venv/bin/pip" check
cd "$work"

export PATH="$work/venv/bin:$PATH"
ganplugin --version
ganplugin --help >help.txt
ganplugin doctor
ganplugin demo --out demo
test "$(find demo -name '*.png' | wc -l)" -ge 16
picture=$(find demo -name 'seed-*.png' | sort | head -n 1)
ganplugin again "$picture" --out again.png
cmp "$picture" again.png
echo "wheel smoke: $(basename "$wheel") installs, starts, renders, and renders again"
