#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# verifier.sh - a change must not make the programs much harder to verify unseen:
# another kernel's verifier, which gives up after a million instructions, would
# refuse them. tests/golden/verifier.txt says what was walked through last time; it
# is written anew with: UPDATE_GOLDEN=1 tests/netns/verifier.sh
. "$(dirname "$0")/lib.sh"

GOLDEN=$(realpath "$(dirname "$0")/../golden")/verifier.txt
MARGIN=25	# percent above the golden file
LIMIT=1000000	# of the kernel

lab_up || exit 1

# Programs and the instructions that the verifier walked through, a line each.
walked() {
	in_host "$BUILD/tests/bench/proginfo" crm0 |
		jq -r '.programs[] | "\(.program) \(.verified_instructions)"'
}

attach "$(public '')" -q || exit 1

# shellcheck disable=SC2317 # called by t
within() {
	local program=$1 instructions=$2 golden
	golden=$(awk -v program="$program" '$1 == program { print $2 }' "$GOLDEN")
	if [[ -z $golden ]]; then
		echo "$GOLDEN does not know $program; write it anew: UPDATE_GOLDEN=1 $0"
		return 1
	fi
	expect "instructions of $program walked through" "$instructions" -lt "$LIMIT"
	expect "instructions of $program walked through ($golden in $GOLDEN; if that is \
worth it, write it anew: UPDATE_GOLDEN=1 $0)" "$instructions" -le $((golden * (100 + MARGIN) / 100))
}

if [[ ${UPDATE_GOLDEN-} ]]; then
	walked >"$GOLDEN"
	cat "$GOLDEN"
	exit
fi
while read -r program instructions; do
	t "P9 the verifier walks through $program as before" within "$program" "$instructions"
done < <(walked)
t_done
