#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# verifier.sh - a change must not make the programs much harder to verify unseen:
# another kernel's verifier, which gives up after a million instructions, or does not allow
# a deeper chain of calls, would refuse them. tests/golden/verifier.txt says what was walked
# through last time, and the stack; it is written anew with: UPDATE_GOLDEN=1
# tests/netns/verifier.sh
. "$(dirname "$0")/lib.sh"

GOLDEN=$(realpath "$(dirname "$0")/../golden")/verifier.txt
MARGIN=25	# percent above the golden file; one load differs from another by three
LIMIT=1000000	# of the kernel
STACK_MARGIN=32	# bytes above the golden file: a function's frame
STACK_LIMIT=512	# of the kernel, for a chain of calls

lab_up || exit 1

# loaded FILE COMMAND...: stacks of what it loads, to the file.
loaded() { STACKBPF=$1 LD_PRELOAD=$BUILD/tests/lib/stackbpf.so "${@:2}"; }

# Programs, the instructions that the verifier walked through, and the bytes of stack.
walked() {
	in_host "$BUILD/tests/bench/proginfo" crm0 |
		jq -r '.programs[] | "\(.program) \(.verified_instructions)"' |
		while read -r program instructions; do
			echo "$program $instructions $(stack "$program" "$LAB_DIR/stacks")"
		done
}
stack() { awk -v program="$1" '$1 == program { print $2 }' "$2"; }

loaded "$LAB_DIR/stacks" attach "$(public '')" -q || exit 1

# golden PROGRAM COLUMN: what the file says.
golden() {
	awk -v program="$1" -v column="$2" '$1 == program { print $column }' "$GOLDEN" | grep . ||
		{ echo "$GOLDEN does not know $1; write it anew: UPDATE_GOLDEN=1 $0"; return 1; }
}

# shellcheck disable=SC2317 # called by t
within() {
	local program=$1 instructions=$2 golden
	golden=$(golden "$program" 2)
	expect "instructions of $program walked through" "$instructions" -lt "$LIMIT"
	expect "instructions of $program walked through ($golden in $GOLDEN; if that is \
worth it, write it anew: UPDATE_GOLDEN=1 $0)" "$instructions" -le $((golden * (100 + MARGIN) / 100))
}

# shellcheck disable=SC2317
shallow() {
	local program=$1 stack=$2 golden
	measured "$program: stack $stack of $STACK_LIMIT"
	golden=$(golden "$program" 3)
	expect "stack of $program, bytes (state that does not fit goes into struct crmg_work)" \
		"$stack" -le "$STACK_LIMIT"
	expect "stack of $program, bytes ($golden in $GOLDEN; if that is worth it, write it anew: \
UPDATE_GOLDEN=1 $0)" "$stack" -le $((golden + STACK_MARGIN))
}

# The object of tests/bpf, which is loaded on other kernels too.
# shellcheck disable=SC2317
under_test() {
	local program stack
	loaded "$LAB_DIR/tested" bpftool prog loadall "$BUILD/tests/bpf/test.bpf.o" \
		"/sys/fs/bpf/crmgate/$LAB_INSTANCE-tested"
	for program in crmg_xdp crmg_tc crmg_tc_in; do
		stack=$(stack "$program" "$LAB_DIR/tested")
		measured "$program under test: stack $stack of $STACK_LIMIT"
		expect "stack of $program under test, bytes" "$stack" -le "$STACK_LIMIT"
	done
}

if [[ ${UPDATE_GOLDEN-} ]]; then
	walked >"$GOLDEN"
	cat "$GOLDEN"
	exit
fi
walked >"$LAB_DIR/walked"
known() { expect 'programs' "$(cut -d' ' -f1 "$LAB_DIR/walked" | sort | paste -sd' ')" == 'crmg_tc crmg_xdp'; }
t 'P9 both programs are known' known
while read -r program instructions stack; do
	t "P9 the verifier walks through $program as before" within "$program" "$instructions"
	t "P9 no chain of calls in $program needs more stack than before" shallow "$program" "$stack"
done <"$LAB_DIR/walked"
t 'P9 no chain of calls of the programs under test needs more stack than there is' under_test
t_done
