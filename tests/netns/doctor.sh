#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# doctor.sh - breaks what can be broken here, one thing at a time: the doctor finds it, the
# command that it gives mends it, and it never changes anything itself.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

file=$(public 'limits: {packets: {rate: 1M/s}}')

doctor() { crmgate doctor -j "$@"; }

# finds STATUS GRADE CHECK [OPTION]...: what the doctor says of a check, in $mend and $text.
finds() {
	expect_exit "$1" doctor "${@:4}"
	expect_json "$OUTPUT" --arg g "$2" --arg c "$3" \
		'[.findings[] | select(.check == $c) | .severity] | index($g) != null'
	text=$(jq -r --arg c "$3" '.findings[] | select(.check == $c) | .text' <<<"$OUTPUT")
	mend=$(jq -r --arg c "$3" '.findings[] | select(.check == $c) | .mend // ""' <<<"$OUTPUT")
}

# mends: does what the doctor said, with the crmgate of this build.
mends() {
	mkdir -p "$LAB_DIR/bin"
	ln -sf "$CRMGATE" "$LAB_DIR/bin/crmgate"
	PATH=$LAB_DIR/bin:$PATH in_host bash -ec "$mend"
}

healthy() {
	expect_exit 0 doctor crm0 crm1 --policy "$file"
	expect_json "$OUTPUT" '.verdict == "ok" and (.findings | length) > 25'
	expect_json "$OUTPUT" '[.findings[] | select(.check == "native") | .text] |
		all(test("also for large frames"))'
	OUTPUT=$(crmgate doctor crm0)
	expect 'text' "$OUTPUT" =~ '^ok [0-9]+, note 0, warning 0, fail 0$'
}

# The interface of the default route is looked at, and then those that are attached.
by_itself() {
	in_host ip -6 route add default via 2001:db8:66::66 dev crm1
	expect_json "$(doctor)" '[.findings[].interface | values] | unique == ["crm1"]'
	in_host ip -6 route del default
	in_host ip route add default via 203.0.113.10 dev crm0
	expect_json "$(doctor)" '[.findings[].interface | values] | unique == ["crm0"]'
	in_host ip route del default
	attach "$file" -q
	expect_json "$(doctor)" '[.findings[].interface | values] | unique == ["crm0", "crm1"]'
	purge
}

# What this host and this instance are, but for what another test may do at the same time.
state() {
	in_host ip -d link
	in_host ip addr
	in_host tc qdisc
	in_host tc filter show dev crm0 ingress
	in_host sysctl -a -r '^net\.(core|ipv4|ipv6)' 2>/dev/null
	in_host nft list ruleset
	grep -v ' /run/netns/' /proc/self/mountinfo
	find "/sys/fs/bpf/crmgate/$LAB_INSTANCE" "/var/lib/crmgate/$LAB_INSTANCE" \
		"/run/crmgate/$LAB_INSTANCE"* -printf '%p %m %u %g %i %s %T@\n' 2>/dev/null || :
	local pin
	for pin in "/sys/fs/bpf/crmgate/$LAB_INSTANCE"/v*/{xdp_,tc_,prog_}*; do
		[[ ! -e $pin ]] || bpftool -j link show pinned "$pin" 2>/dev/null ||
			bpftool -j prog show pinned "$pin" | jq -c '[.id, .map_ids]'
	done
	crmgate status -j 2>/dev/null | jq 'del(.. | .now?, .uptime?)'
}

no_probe() { ! bpftool prog show | grep -q 'name crmg_doctor'; }

unchanged() {
	local before after
	before=$(state)
	doctor crm0 crm1 lo --policy "$file" >"$LAB_DIR/findings" || :
	after=$(state)
	expect 'lines of state' "$(wc -l <<<"$before")" -gt 100
	diff <(echo "$before") <(echo "$after")
	lab_until no_probe
}

changes_nothing() {
	unchanged
	test ! -e "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	attach "$file" -q
	unchanged
	purge
}

foreign_program() {
	ip -n "$LAB-host" link set crm0 xdp obj "$LAB_TOOLS/pass.bpf.o" sec xdp
	finds 0 warning xdp_owner crm0
	mends
	finds 0 note xdp_owner crm0
	expect_json "$(crmgate status -j)" '.interfaces[0].xdp_mode == "tc"'
	purge
	ip -n "$LAB-host" link set crm0 xdp off
}

# Another instance of crmgate: nothing is tried beside it.
two_instances() {
	attach "$file" -q
	expect_exit 4 in_host "$CRMGATE" doctor --instance "$LAB_INSTANCE-b" -j crm0
	expect_json "$OUTPUT" '[.findings[] | select(.severity == "fail") | .check] == ["xdp_owner"]'
	expect_exit 3 in_host "$CRMGATE" attach --instance "$LAB_INSTANCE-b" crm0
	purge
}

# A veth whose other end sends by more queues than it receives by: native XDP is refused.
no_native() {
	ip -n "$LAB-host" link add crm2 numrxqueues 1 numtxqueues 1 type veth \
		peer name crm3 numrxqueues 2 numtxqueues 2
	ip -n "$LAB-host" link set crm2 up
	ip -n "$LAB-host" link set crm3 up
	finds 4 fail native crm2
	expect_exit 1 crmgate attach crm2 --mode native
	crmgate attach crm2 --policy "$file" -q
	expect_json "$(crmgate status -j)" '.interfaces[0].xdp_mode == "generic"'
	finds 4 fail native
	mends
	finds 0 ok frames
	expect_json "$(crmgate status -j)" '.interfaces[0].xdp_mode == "tc"'
	purge
	ip -n "$LAB-host" link del crm2
}

# Generic by choice, where native would do.
generic() {
	crmgate attach crm0 --policy "$file" --mode generic -q
	finds 4 fail native
	mends
	finds 0 ok native
	purge
}

# This build's program takes frames of many pages, and the doctor knows it.
large_frames() {
	in_host ip link set dev crm0 mtu 9000
	in_good ip link set dev int0 mtu 9000
	finds 0 ok mtu crm0
	crmgate attach crm0 --policy "$file" --mode native -q
	purge
	in_host ip link set dev crm0 mtu 1500
	in_good ip link set dev int0 mtu 1500
}

link_down() {
	in_host ip link set dev crm1 down
	finds 0 warning link crm1
	mends
	finds 0 ok link crm1
	finds 4 fail link crm9
}

no_ethernet() {
	in_host ip tuntap add dev tun7 mode tun
	in_host ip link set tun7 up
	finds 4 fail frames tun7
	expect_exit 1 crmgate attach tun7 --policy "$file"
	expect 'what it says' "$OUTPUT" =~ 'tun7 \(tun\) has no Ethernet header'
	expect_exit 1 crmgate attach crm0 tun7 --mode tc --policy "$file"
	test ! -e "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	in_host ip link del tun7
	finds 4 fail native lo
}

bridge_port() {
	in_host ip link add crmbr type bridge
	in_host ip link set crm0 master crmbr
	finds 0 note stack crm0
	# What stands on the bridge carries the packets of the port too.
	in_host ip link add crmmv link crmbr type macvlan
	finds 4 note stack crmmv
	expect_exit 1 crmgate attach crm0 crmmv --policy "$file"
	expect 'what it says' "$OUTPUT" =~ 'crmmv and crm0 are stacked'
	crmgate attach crmmv --mode generic --policy "$file" -q
	expect_exit 1 crmgate attach crm0
	finds 4 fail stack crm0
	purge
	in_host ip link set crm0 nomaster
	in_host ip link del crmbr
}

forwarding() {
	in_host sysctl -qw net.ipv4.ip_forward=1
	finds 0 warning forwarding crm0 --policy "$file"
	in_host sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=1
	finds 0 warning forwarding crm0 --policy "$file"
	in_host sysctl -qw net.ipv6.conf.all.forwarding=0
	finds 0 ok forwarding crm0 --policy "$file"
}

local_ports() {
	local high
	high=$(sed 's/443/40000-40010/' "$file" | policy high)
	finds 0 warning local_ports crm0 --policy "$high"
	mends
	finds 0 ok local_ports crm0 --policy "$high"
	in_host sysctl -qw net.ipv4.ip_local_reserved_ports=
}

# rule RULE...: the only rule of NAT.
rule() {
	in_host nft flush ruleset
	in_host nft add table ip nat
	in_host nft 'add chain ip nat prerouting { type nat hook prerouting priority dstnat; }'
	in_host nft add rule ip nat prerouting "$@"
}

nat() {
	rule tcp dport 8443 dnat to 172.17.0.2:443
	finds 4 fail nat crm0 --policy "$file"
	expect 'what it says' "$text" =~ 'port 8443 go on to 172\.17\.0\.2 port 443 of service api'
	rule tcp dport 9000-9010 redirect to :443
	finds 4 fail nat crm0 --policy "$file"
	expect 'what it says' "$text" =~ "port 9000 go on to this host's port 443"
	rule tcp dport 443 dnat to 172.17.0.2:8443
	finds 0 ok nat crm0 --policy "$file"
	rule udp dport 8443 dnat to 172.17.0.2:443
	finds 0 ok nat crm0 --policy "$file"
	rule tcp dport 8443 dnat to 172.17.0.2:8080
	finds 0 ok nat crm0 --policy "$file"
	rule tcp dport '{ 8443, 8444 }' dnat to 172.17.0.2:443
	finds 0 note nat crm0 --policy "$file"
	rule dnat ip to tcp dport map '{ 8443 : 172.17.0.2 . 443 }'
	finds 0 note nat crm0 --policy "$file"
	in_host nft flush ruleset
}

# As container engines write them.
nat_by_iptables() {
	in_host iptables-nft -t nat -A PREROUTING -p tcp -m tcp --dport 8443 -j DNAT \
		--to-destination 172.17.0.2:443
	finds 4 fail nat crm0 --policy "$file"
	expect 'what it says' "$text" =~ 'port 8443 go on to 172\.17\.0\.2 port 443'
	in_host iptables-nft -t nat -F
	in_host ip6tables-nft -t nat -A PREROUTING -p tcp --dport 8444 -j DNAT \
		--to-destination '[2001:db8::2]:443'
	finds 4 fail nat crm0 --policy "$file"
	expect 'what it says' "$text" =~ 'port 8444 go on to 2001:db8::2 port 443'
	in_host nft flush ruleset
}

# The policy in force, if none is named; a larger table cannot be had by apply.
policies() {
	attach "$file" -q
	# The kernel takes no range that begins among the privileged ports.
	in_host sysctl -qw net.ipv4.ip_unprivileged_port_start=400
	in_host sysctl -qw net.ipv4.ip_local_port_range='400 60000'
	finds 0 warning local_ports
	in_host sysctl -qw net.ipv4.ip_local_port_range='32768 60999'
	in_host sysctl -qw net.ipv4.ip_unprivileged_port_start=1024
	finds 4 fail capacity --policy "$(SOURCES=131072 public 'limits: {packets: {rate: 1M/s}}' large)"
	expect_exit 2 doctor --policy "$(policy bad <<<'version: 2')"
	crmgate panic
	finds 4 fail panic
	mends
	finds 0 ok nat
	purge
}

read_only_bpffs() {
	expect_exit 4 in_host unshare -m --propagation private bash -c "
		mount -o remount,bind,ro /sys/fs/bpf
		'$CRMGATE' doctor -j --instance '$LAB_INSTANCE' crm0"
	expect_json "$OUTPUT" '[.findings[] | select(.severity == "fail") | .check] == ["bpffs"]'
}

# In a process and a mount namespace in which nobody has one.
no_bpffs() {
	expect_exit 0 in_host unshare -m -p -f --propagation private bash -c "
		mount -t proc proc /proc
		umount /sys/fs/bpf
		'$CRMGATE' doctor -j --instance '$LAB_INSTANCE' crm0"
	expect_json "$OUTPUT" '[.findings[] | select(.severity != "ok") | .check] == ["bpffs"]'
}

# without CAPABILITY...: CAP_SYS_ADMIN stands for each of the three, so it goes with them.
without() {
	in_host setpriv --bounding-set="-sys_admin,-$1" "$CRMGATE" doctor -j \
		--instance "$LAB_INSTANCE" crm0
}

capabilities() {
	local capability
	for capability in bpf net_admin perfmon; do
		expect_exit 4 without "$capability"
		expect_json "$OUTPUT" --arg c "CAP_${capability^^}" \
			'.findings[] | select(.check == "capabilities") |
			 .severity == "fail" and (.text | endswith("missing: " + $c))'
	done
	expect_exit 4 in_host setpriv --reuid=65534 --regid=65534 --clear-groups "$CRMGATE" doctor \
		--instance "$LAB_INSTANCE" crm0
	expect 'what it says' "$OUTPUT" =~ 'missing: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON'
}

# elsewhere COMMAND...: where BTF is hidden, and the kernel says that it is locked down, and 2.6.
elsewhere() {
	in_host unshare -m --propagation private bash -ec '
		mount -t tmpfs none /sys/kernel/btf
		mount -t tmpfs none /sys/kernel/security
		echo "none integrity [confidentiality]" >/sys/kernel/security/lockdown
		exec setarch --uname-2.6 "$@"' - "$@"
}

# None of the three keeps an attach from what it does; where a kernel that is too old refuses
# the program, that is said.
another_kernel() {
	local instance=(--instance "$LAB_INSTANCE")
	expect_exit '[04]' elsewhere "$CRMGATE" doctor -j crm0 "${instance[@]}"
	expect_json "$OUTPUT" '[.findings[] | {(.check): .}] | add |
		.kernel.severity == "warning" and (.kernel.text | test("tested for kernels from 6.1 on")) and
		(.kernel.mend | test("apt-get install")) and .btf.severity == "note" and
		.lockdown.text == "kernel lockdown (confidentiality) takes nothing that crmgate uses"'
	elsewhere "$CRMGATE" attach crm0 --policy "$file" -q "${instance[@]}"
	elsewhere "$CRMGATE" prove -q "${instance[@]}"
	crmgate status --check -q
	purge
	# 22: EINVAL, of BPF_PROG_LOAD.
	FAILBPF_COMMAND=5 FAILBPF_FROM=1 FAILBPF_ERRNO=22 LD_PRELOAD=$BUILD/tests/lib/failbpf.so \
		expect_exit 1 elsewhere "$CRMGATE" attach crm0 --policy "$file" "${instance[@]}"
	expect 'what it says' "$OUTPUT" =~ 'kernel 2\.6\..* is too old: .* from 6\.1 on .*apt-get'
	test ! -e "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
}

t 'doctor: nothing to find' fresh healthy
t 'doctor: which interfaces, if none is named' fresh by_itself
t 'doctor: changes nothing' fresh changes_nothing
t 'B8 doctor: a foreign XDP program' fresh foreign_program
t 'doctor: another instance' fresh two_instances
t 'B10 doctor: native XDP is not possible' fresh no_native
t 'B10 doctor: generic XDP without need' fresh generic
t 'B10 doctor: an MTU of 9000' fresh large_frames
t 'doctor: an interface that is down, or is not there' fresh link_down
t 'doctor: no Ethernet header, and no driver with XDP' fresh no_ethernet
t 'doctor: a port of a bridge, and what stands on it' fresh bridge_port
t 'doctor: forwarding' fresh forwarding
t 'doctor: ports that this host uses itself' fresh local_ports
t 'doctor: port mappings before DNAT' fresh nat
t 'doctor: port mappings of iptables' fresh nat_by_iptables
t 'doctor: the policy in force, one that cannot be, panic' fresh policies
t 'B6 doctor: bpffs is read-only' fresh read_only_bpffs
t 'B6 doctor: no bpffs' fresh no_bpffs
t 'B22 doctor: capabilities' fresh capabilities
t 'B22 doctor and attach: no BTF, a kernel that is locked down, or too old' fresh another_kernel
t_done
