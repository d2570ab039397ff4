# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# lib.sh - what the tests of packaging add to those in namespaces, to be sourced: no lab, a
# folder that is gone when they end.
. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

LAB_DIR=$(mktemp -d -t crmgate-pkg.XXXXXX)
trap 'rm -rf "$LAB_DIR"' EXIT
trap 'exit 130' INT TERM HUP

# same WHAT LEFT RIGHT: two texts; the difference is shown.
same() {
	diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") && return
	echo "$1: not the same"
	return 1
}

# has WHAT TEXT WORD...: every word is one of TEXT.
has() {
	local what=$1 text=$2 word
	for word in "${@:3}"; do
		grep -qwF -- "$word" <<<"$text" && continue
		echo "$what: \"$word\" is missing"
		return 1
	done
}
