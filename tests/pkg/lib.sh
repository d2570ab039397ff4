# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# lib.sh - what the tests of packaging share, to be sourced: TAP lines, and a folder
# that is gone when they end.
set -uE
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build}")
CRMGATE=$BUILD/crmgate
export LC_ALL=C.UTF-8 NO_COLOR=1

PKG_DIR=$(mktemp -d -t crmgate-pkg.XXXXXX)
T_COUNT=0
T_FAILED=0
trap 'rm -rf "$PKG_DIR"' EXIT
trap 'exit 130' INT TERM HUP

# t NAME FUNCTION [ARGUMENT]...: one test, in a subshell that ends with the first failure.
t() {
	local name=$1 status
	((T_COUNT++))
	(
		set -eE
		trap - EXIT INT TERM HUP
		trap 'echo "line $LINENO: $BASH_COMMAND: status $?" >&2' ERR
		"${@:2}"
	) &>"$PKG_DIR/output"
	status=$?
	if ((status == 0)); then
		echo "ok $T_COUNT - $name"
		return
	fi
	((T_FAILED++))
	echo "not ok $T_COUNT - $name"
	tail -n 40 "$PKG_DIR/output" | sed 's/^/# /'
}

t_done() {
	echo "1..$T_COUNT"
	exit $((T_FAILED > 0))
}

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
