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
model=$(ganplugin models --json | python -c 'import json, sys; print(next(m["name"] for m in json.load(sys.stdin) if m["kind"] == "generator"))')
ganplugin sample "builtin:$model" --seeds 0-3 --out pictures
test "$(find pictures -name '*.png' | wc -l)" -eq 4
echo "wheel smoke: $(basename "$wheel") installs, starts and renders"
