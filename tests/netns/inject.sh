#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# inject.sh - B11: the n-th bpf() call fails, for each n. What failed has left
# nothing half done; what went on without that call has done all of it.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

first=$(public 'limits: {packets: {rate: 1000/s}}' first)
second=$(public 'deny: true' second)

# failing N COMMAND...: crmgate COMMAND with its N-th bpf() call failing; its exit
# status in $status, what it said in $OUTPUT, how many calls in $calls.
failing() {
	local n=$1
	status=0
	OUTPUT=$(FAILBPF_FROM=$n FAILBPF_ONLY=1 FAILBPF_ERRNO=12 FAILBPF_COUNT=$LAB_DIR/count \
		LD_PRELOAD=$BUILD/tests/lib/failbpf.so crmgate "${@:2}" 2>&1) || status=$?
	calls=$(<"$LAB_DIR/count")
}
injected() { [[ $calls == *! ]]; }

nothing_left() {
	[[ $(find "/sys/fs/bpf/crmgate/$LAB_INSTANCE" -type f 2>/dev/null | wc -l) == 0 &&
		$(in_host bpftool -j net show | jq '[.[] | .xdp, .tc | length] | add') == 0 ]]
}

all_there() {
	crmgate status -j | jq -e '(.interfaces | length) == 2 and
		all(.interfaces[]; .xdp_mode != "none" and .tc != "none")'
} >/dev/null 2>&1

# Without its TC program an interface is attached still, and status says so.
said_in_problems() {
	crmgate status -j | jq -e '(.interfaces | length) == 2 and
		all(.interfaces[]; .xdp_mode != "none") and any(.problems[]; .id == "tc_missing")'
} >/dev/null 2>&1

# One line for each n at which something is wrong; the loop goes on.
complain() {
	echo "call $n, status $status: $1; it said: $(tail -n1 <<<"$OUTPUT")"
	((++complaints))
}

# Every sixth call, from one that changes from run to run: each loads all programs anew.
attach_n() {
	local n status calls complaints=0 first_call=$((RANDOM % 6 + 1))
	echo "# from call $first_call on every sixth"
	for ((n = first_call; n < 1000; n += 6)); do
		failing "$n" attach crm0 crm1 --policy "$first"
		injected || break
		if ((status)); then
			((status == 1)) || complain 'another status than 1'
			[[ $OUTPUT == *crmgate:* ]] || complain 'no message'
			nothing_left || all_there || complain 'half of it is left'
		else
			all_there || said_in_problems || complain 'not all was done'
		fi
		nothing_left || purge >/dev/null || complain 'purge failed'
	done
	expect 'status without a failure' "$status" -eq 0
	expect 'calls tried' "$n" -gt 20
	expect 'complaints' "$complaints" -eq 0
}

# Of a state from which pins were removed it must not be concluded that there is none.
attach_again_n() {
	local n status calls complaints=0 before
	attach "$first" -q
	before=$(links)
	for ((n = 1; n < 20; n++)); do
		rm -f "$(pins)/front"
		FAILBPF_PIN=fronts failing "$n" attach crm0 crm1 -q
		injected || break
		[[ $(links) == "$before" ]] || complain 'other links'
	done
	expect 'status without a failure' "$status" -eq 0
	expect 'calls tried' "$n" -gt 2
	expect 'complaints' "$complaints" -eq 0
	all_there
	purge -q
}
links() { find "$(pins)" -name '*_crm[01]' -printf '%f %i\n' | sort; }

apply_n() {
	local n status calls complaints=0 generation now
	attach "$first" -q
	generation=$(metric crmgate_policy_generation)
	for ((n = 1; n < 1000; n++)); do
		failing "$n" apply "$second"
		injected || break
		now=$(metric crmgate_policy_generation)
		if ((status)); then
			((status == 1)) || complain 'another status than 1'
			[[ $OUTPUT == *crmgate:* ]] || complain 'no message'
			((now == generation)) || complain 'a generation came into force'
		else
			((now == generation + 1)) || complain 'nothing came into force'
			crmgate apply "$first" -q
			now=$((now + 1))
		fi
		generation=$now
	done
	expect 'status without a failure' "$status" -eq 0
	expect 'calls tried' "$n" -gt 5
	expect 'complaints' "$complaints" -eq 0
	purge -q
}

detach_n() {
	local n status calls complaints=0
	for ((n = 1; n < 1000; n++)); do
		attach "$first" -q
		failing "$n" detach --all --purge
		injected || break
		# Half detached is allowed; the same command again finishes it. A link whose
		# pin is gone is freed by the kernel a moment later.
		((!status)) || purge >/dev/null || complain 'purge failed'
		lab_until nothing_left || complain 'something is left'
	done
	expect 'status without a failure' "$status" -eq 0
	expect 'complaints' "$complaints" -eq 0
}

# memory_group: one of this test's own, in $group, and the file of its limit, in $limit.
memory_group() {
	local at=/sys/fs/cgroup/memory
	limit=memory.limit_in_bytes
	if [[ ! -e $at/$limit ]]; then
		at=/sys/fs/cgroup limit=memory.max
		grep -qsw memory "$at/cgroup.controllers" || t_skip 'no control group has memory'
		grep -qsw memory "$at/cgroup.subtree_control" ||
			t_skip 'the root of the control groups does not give memory on'
	fi
	group=$at/crmgate-$$
	mkdir "$group"
	[[ ! -e $group/memory.swap.max ]] || echo 0 >"$group/memory.swap.max"
	# A process that was killed may be there for a moment.
	trap 'lab_until rmdir "$group"' EXIT
}
# limited MIB COMMAND...: crmgate COMMAND that may have so much memory.
limited() {
	echo $(($1 << 20)) >"$group/$limit"
	in_host sh -c 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"' - "$group" "$CRMGATE" "$2" \
		--instance "$LAB_INSTANCE" "${@:3}"
}

# Tables that do not fit are said in words; a command with no memory for itself is killed by the
# kernel. Either way what is in force stays.
memory_limit() {
	local generation large
	memory_group
	large=$(SOURCES=1048576 public 'deny: true' large)
	expect_exit 1 limited 64 attach crm0 crm1 --policy "$large"
	expect 'says why' "$OUTPUT" =~ 'out of memory for the tables.*needs '"$(
		crmgate check "$large" -j | jq '.memory.sources / 1048576 | floor') MiB; lower capacity"
	nothing_left
	attach "$first" -q
	generation=$(metric crmgate_policy_generation)
	expect_exit '@(1|137)' limited 4 apply "$second"
	expect 'generation' "$(metric crmgate_policy_generation)" -eq "$generation"
	expect_exit 0 crmgate status --check
	crmgate apply "$second" -q
	purge -q
}

t 'B11 a limit of memory' memory_limit
t 'B11 attach, the n-th bpf() call fails' attach_n
t 'B11 attach where pins were removed, the n-th bpf() call fails' attach_again_n
t 'B11 apply, the n-th bpf() call fails' apply_n
t 'B11 detach, the n-th bpf() call fails' detach_n
t_done
