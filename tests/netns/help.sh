#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# help.sh - all that help says against tests/golden/help.txt; needs no lab. With
# UPDATE_GOLDEN=1 the file is written instead: look at the difference.
set -u
cd "$(dirname "$0")/../.." || exit 1
crmgate=$(realpath "${BUILD:-build}/crmgate")
golden=tests/golden/help.txt
count=0 failed=0

t() {
	local name=$1 output
	((count++))
	if output=$("${@:2}" 2>&1); then
		echo "ok $count - $name"
	else
		((failed++))
		echo "not ok $count - $name"
		head -n 40 <<<"$output" | sed 's/^/# /'
	fi
}

commands() { "$crmgate" help | awk '/^  [a-z]/ { print $1 }'; }

everything() {
	"$crmgate" help
	for command in $(commands); do
		echo "--- $command"
		"$crmgate" help "$command"
	done
}

as_golden() { diff "$golden" <(everything); }

same_words() {
	local command
	diff <("$crmgate" help) <("$crmgate" --help) || return 1
	for command in $(commands); do
		diff <("$crmgate" help "$command") <("$crmgate" "$command" --help) || return 1
	done
}

fits_a_terminal() { ! everything | grep -nE '^.{93,}'; }

[[ -z ${UPDATE_GOLDEN-} ]] || everything >"$golden"
t 'help is what the golden file says' as_golden
t 'help COMMAND and COMMAND --help are the same' same_words
t 'help fits 92 columns' fits_a_terminal
echo "1..$count"
exit $((failed > 0))
