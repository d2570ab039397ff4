#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# wire.sh OUTPUT - how many packets a second are refused on the wire: by crmgate, by
# a program that only drops, and by the two limits per source that Linux has already.
# Each receiver has a veth pair of its own and all are there at once, so that a round
# takes them in turn without touching their state. The generator (SYNs of 64 bytes, live
# frames) and the receiver share CPU 0, and the time of a packet is what both of them take
# of it. OUTPUT gets the JSON, stderr the progress and a table. Needs root;
# BENCH_QUICK=1 for a look.
set -euE
shopt -s inherit_errexit
trap 'echo "wire: line $LINENO: ${BASH_COMMAND%%[[:cntrl:]]*}: failed" >&2' ERR

OUTPUT=${1:?which file shall the results be written to?}
: "${BUILD:=$(dirname "${BASH_SOURCE[0]}")/../../build}"
BUILD=$(realpath "$BUILD")
CRMGATE=$BUILD/crmgate LAB_TOOLS=$BUILD/tools
# shellcheck source=../../tools/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lab.sh"
export NO_COLOR=1 LC_ALL=C.UTF-8

if [[ ${BENCH_QUICK-} ]]; then
	COLUMNS_=(1024 1048576) ROUNDS=2 PACKETS=65536
else
	COLUMNS_=(1 1024 65536 1048576) ROUNDS=7 PACKETS=524288
fi
# Of each table: room for twice the most sources, as one would give it who expects them.
CAPACITY=2097152

# The receivers: the number of each is that of its veth pair.
RECEIVER=([2]=drop [3]=crmgate [4]=nftables [5]=nftables [6]=hashlimit [7]=hashlimit)
BELOW=([2]=XDP [3]=XDP [4]='XDP pass' [5]=GRO [6]='XDP pass' [7]=GRO)
declare -A SKIPPED=()		# receiver: why it is not measured

say() { echo "  wire: $*" >&2; }
host_link() { ip -n "$LAB-host" -s -j link "$@"; }

# ------------------------------------------------------------------ the links

# A veth delivers frames that were sent by XDP only to an end that has a program, or GRO.
receive_path() {
	case ${BELOW[$1]} in
	GRO) in_host ethtool -K "crm$1" gro on ;;
	'XDP pass') host_link set "crm$1" xdpdrv obj "$LAB_TOOLS/pass.bpf.o" sec xdp ;;
	esac
}

# No address and so no neighbour discovery: what arrives is what was sent.
link_up() {
	ip link add "crm$1" netns "$LAB-host" address "02:c0:00:00:00:0$1" \
		type veth peer name "wire$1" netns "$LAB-bad"
	host_link set "crm$1" addrgenmode none up
	ip -n "$LAB-bad" link set "wire$1" addrgenmode none up
	receive_path "$1"
}

# send NUMBER OPTION...: what tools/flood says about it. What passes goes to an
# address that nobody has; IP drops it.
send() {
	taskset -c 0 nsenter --net="/run/netns/$LAB-bad" "$LAB_TOOLS/flood" "wire$1" \
		--mac "02:c0:00:00:00:0$1" --src 10.0.0.0 --dst "$LAB_SINK" "${@:2}"
}

# Packets that IP has received on the host, whatever became of them.
# shellcheck disable=SC2016 # awk's
given_to_ip() { in_host awk '/^Ip: [0-9]/ { print $4 }' /proc/net/snmp; }

# -------------------------------------------------------------- the receivers

# Each lets one packet of a source pass and refuses the next for a day or longer:
# `*_up` begins with an empty table, `*_refused` is the total of what it refused.

drop_up() { host_link set "crm$1" xdpdrv obj "$LAB_TOOLS/drop.bpf.o" sec xdp; }
drop_refused() {
	in_host ethtool -S "crm$1" | awk '/rx_queue_[0-9]+_xdp_drops:/ { n += $2 } END { print n + 0 }'
}
drop_down() { host_link set "crm$1" xdpdrv off; }

crmgate_up() {
	cat >"$LAB_DIR/wire.yaml" <<-EOF
		version: 1
		capacity: {sources: $CAPACITY}
		services: {api: {transport: tcp, ports: [443]}}
		policies:
		  - {name: public, service: api, clients: any, limits: {packets: {rate: 1/7d, burst: 1}}}
	EOF
	crmgate attach "crm$1" --policy "$LAB_DIR/wire.yaml" -q
}
crmgate_refused() { crmgate status -j | jq '[.policies[].dropped_packets] | add'; }
crmgate_down() { crmgate detach --all --purge -q; }

nftables_up() {
	in_host nft -f - <<-EOF
		table netdev wire$1 {
			set sources { type ipv4_addr; size $CAPACITY; flags dynamic; }
			chain arriving {
				type filter hook ingress device crm$1 priority 0;
				tcp dport 443 add @sources { ip saddr limit rate over 1/day burst 1 packets } drop
			}
		}
	EOF
}
# nft reads all elements of a set before it shows a counter: minutes for a million.
# What arrived and was not given to IP was refused (see `expect_all_pass`).
nftables_refused() {
	local arrived
	arrived=$(host_link show "crm$1" | jq '.[].stats64.rx.packets')
	echo $((arrived - $(given_to_ip)))
}
nftables_down() { in_host nft delete table netdev "wire$1"; }

# A name is a table: a new one each time. It is never searched for what is old, which
# would cost time.
hashlimit_up() {
	in_host iptables -t raw -A PREROUTING -i "crm$1" -p tcp --dport 443 \
		-m hashlimit --hashlimit-name "$1-$2" --hashlimit-mode srcip \
		--hashlimit-above 1/day --hashlimit-burst 1 --hashlimit-htable-size "$CAPACITY" \
		--hashlimit-htable-max "$CAPACITY" --hashlimit-htable-expire 86400000 \
		--hashlimit-htable-gcinterval 86400000 -j DROP
}
hashlimit_refused() {
	in_host iptables -t raw -nvxL PREROUTING | awk -v link="crm$1" '$6 == link { print $1 }'
}
# All at once: a rule with this match is not found again by what it says.
hashlimit_down() { in_host iptables -t raw -F PREROUTING; }

# ---------------------------------------------------------------- the measuring

# Without a rule all that arrives is given to IP: nothing but the rule is counted later.
expect_all_pass() {
	local before
	before=$(given_to_ip)
	send "$1" --live turn --count 1000 >/dev/null
	(($(given_to_ip) - before == 1000)) && return
	echo "wire: crm$1, ${BELOW[$1]}: not all of 1000 packets were given to IP" >&2
	return 1
}

links() {
	local n
	for n in "${!RECEIVER[@]}"; do
		link_up "$n"
		[[ ${BELOW[$n]} == XDP ]] || expect_all_pass "$n"
	done
}

# start NUMBER SOURCES: with every source known and its burst used up. A receiver
# that this kernel or machine lacks is left out from then on; the others are needed.
start() {
	local why
	if why=$("${RECEIVER[$1]}_up" "$1" "$2" 2>&1); then
		send "$1" --live turn --sources "$2" --count "$2" >/dev/null
		send "$1" --live random --sources "$2" --count "$PACKETS" >/dev/null
		return
	fi
	SKIPPED[$1]=${why//$'\n'/; }
	say "SKIPPED: ${RECEIVER[$1]}, ${BELOW[$1]}: ${SKIPPED[$1]}"
	[[ ${RECEIVER[$1]} == nftables || ${RECEIVER[$1]} == hashlimit ]]
}

# CPU time in ns that CPU 0 has given to received packets outside of the generator's call,
# when they were too many for one go: it does not count as time spent sending.
KSOFTIRQD=$(pgrep -x ksoftirqd/0)
softirq_ns() { cut -d ' ' -f 1 "/proc/$KSOFTIRQD/schedstat"; }

# measure NUMBER SOURCES ROUND: a line of JSON. Only what was refused counts.
measure() {
	local refused softirq sent
	refused=$("${RECEIVER[$1]}_refused" "$1")
	softirq=$(softirq_ns)
	sent=$(send "$1" --live random --sources "$2" --count "$PACKETS")
	softirq=$(($(softirq_ns) - softirq))
	refused=$(($("${RECEIVER[$1]}_refused" "$1") - refused))
	jq -c --arg receiver "${RECEIVER[$1]}" --arg path "${BELOW[$1]}" --argjson sources "$2" \
		--argjson round "$3" --argjson refused "$refused" --argjson softirq "$softirq" \
		'{$receiver, $path, $sources, $round, refused: ($refused / .sent),
		  mpps: ($refused / (.seconds * 1e6 + $softirq / 1e3))}' <<<"$sent"
}

# Every round begins with another receiver: what drifts hits all alike.
column() {
	local n round i present=()
	for n in "${!RECEIVER[@]}"; do
		[[ ${SKIPPED[$n]-} ]] || start "$n" "$1"
		[[ ${SKIPPED[$n]-} ]] || present+=("$n")
	done
	for ((round = 0; round < ROUNDS; round++)); do
		say "$1 sources, round $((round + 1)) of $ROUNDS"
		for ((i = 0; i < ${#present[@]}; i++)); do
			measure "${present[(i + round) % ${#present[@]}]}" "$1" "$round"
		done
	done >>"$LAB_DIR/measured"
	for n in "${present[@]}"; do
		"${RECEIVER[$n]}_down" "$n"
	done
}

skipped() {
	local n
	for n in "${!SKIPPED[@]}"; do
		jq -n --arg receiver "${RECEIVER[$n]}" --arg path "${BELOW[$n]}" \
			--arg reason "${SKIPPED[$n]}" '{$receiver, $path, $reason}'
	done | jq -sc .
}

table() {
	echo "refused: Mpps (median of $ROUNDS rounds), beside a bare XDP drop in the same round"
	jq -r '(["SOURCES", "RECEIVER", "PATH", "MPPS", "OF DROP", "NS MORE", "REFUSED"],
		(.rows | sort_by(.sources, -.mpps)[] | [.sources, .receiver, .path, .mpps,
			(.of_drop // "-"), (.ns_above_drop // "-"), "\(.refused * 10000 | floor / 100) %"
				+ if .valid then "" else " INVALID" end]),
		(.skipped[] | ["-", .receiver, .path, "SKIPPED", "-", "-", .reason])) | @tsv' "$OUTPUT" |
		awk -F'\t' '{ printf "%9s  %-10s %-9s %7s %8s %8s  %s\n", $1, $2, $3, $4, $5, $6, $7 }'
	jq -r '(["FIGURE", "REACH", "THIS RUN", "REACHED"], (.figures[] | [.name, .reach,
		(.value // "-"), (if .reached == null then "not measured"
			elif .reached then "yes" else "no" end)])) | @tsv' "$OUTPUT" |
		awk -F'\t' '{ printf "%-60s %-8s %9s  %s\n", $1, $2, $3, $4 }'
}

lab_up
links
for sources in "${COLUMNS_[@]}"; do
	column "$sources"
done
jq -s --argjson skipped "$(skipped)" -f "$(dirname "$0")/wire.jq" "$LAB_DIR/measured" >"$OUTPUT"
table >&2
