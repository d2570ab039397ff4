#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# caps.sh - B22: with a capability missing, one line names it, and nothing is done.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

file=$(public 'limits: {packets: {rate: 1000/s}}')

clean() {
	test ! -e "/sys/fs/bpf/crmgate/$LAB_INSTANCE" ||
		expect 'pins' "$(find "/sys/fs/bpf/crmgate/$LAB_INSTANCE" -type f | wc -l)" -eq 0
	expect 'XDP programs' "$(in_host ip -d link show | grep -c prog/xdp || :)" -eq 0
}

# without CAPABILITIES COMMAND...: as root, without them.
without() {
	local dropped
	dropped=$(sed 's/^/-/; s/,/,-/g' <<<"$1")
	in_host setpriv --bounding-set="$dropped" "$CRMGATE" "$2" --instance "$LAB_INSTANCE" "${@:3}"
}

# CAP_SYS_ADMIN stands for each of the three, so it goes with them.
missing() {
	expect_exit 1 without "$1" attach crm0 --policy "$file"
	expect 'names what is missing' "$OUTPUT" =~ "$2"
	expect 'lines that a person must read' "$(grep -vc '^ ' <<<"$OUTPUT")" -le 3
	clean
}

no_root() {
	expect_exit 1 in_host setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$CRMGATE" attach --instance "$LAB_INSTANCE" crm0 --policy "$file"
	expect 'names what is missing' "$OUTPUT" =~ 'root|CAP_'
	clean
}

# The three alone are enough, without any other.
enough() {
	in_host setpriv --bounding-set=-all,+bpf,+net_admin,+perfmon,+dac_override,+chown,+fowner \
		"$CRMGATE" attach --instance "$LAB_INSTANCE" crm0 --policy "$file"
	expect_json "$(crmgate status -j)" '.interfaces[0].xdp_mode == "native"'
	purge
}

# What this process may not open, or has no room for, is no state that cannot be read.
not_purged() {
	local errno
	crmgate attach crm0 --policy "$file" -q
	for errno in 1 13 24 12; do
		FAILBPF_PIN=ifaces FAILBPF_FROM=1 FAILBPF_ERRNO=$errno \
			LD_PRELOAD=$BUILD/tests/lib/failbpf.so expect_exit 1 purge
		expect 'says why' "$OUTPUT" =~ "cannot open pin 'ifaces': "
		crmgate status --check -q
	done
	purge
	clean
}

# Who has no capability reads what is in force also while another policy comes into force.
reads_during_apply() {
	local apply reads=0
	crmgate attach crm0 --policy "$file" -q
	for _ in {1..20}; do
		crmgate apply "$file" -q &
		apply=$!
		while [[ -d /proc/$apply ]] && ((reads < 5000)); do
			in_host setpriv --bounding-set=-all "$CRMGATE" metrics \
				--instance "$LAB_INSTANCE" >/dev/null
			((++reads))
		done
		wait "$apply"
	done
	purge
}

t 'B22 without CAP_BPF' missing bpf,sys_admin CAP_BPF
t 'B22 without CAP_PERFMON' missing perfmon,sys_admin CAP_PERFMON
t 'B22 without CAP_NET_ADMIN' missing net_admin,sys_admin CAP_NET_ADMIN
t 'B22 without root' no_root
t 'B22 the three capabilities are enough' enough
t 'B22 what may not be read is not purged' not_purged
t 'none is needed to read, also during an apply' reads_during_apply
t_done
