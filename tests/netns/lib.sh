# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# lib.sh - what a netns test needs, to be sourced: TAP lines, expectations, and
# readers of what crmgate says. A test file makes one lab and runs its tests in
# order; each is a function in which any command that fails ends the test.
set -uE
shopt -s inherit_errexit

: "${BUILD:=$(dirname "${BASH_SOURCE[0]}")/../../build}"
BUILD=$(realpath "$BUILD")
CRMGATE=$BUILD/crmgate LAB_TOOLS=$BUILD/tools
# shellcheck source=../../tools/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lab.sh"
export NO_COLOR=1 LC_ALL=C.UTF-8

T_COUNT=0
T_FAILED=0
exec {T_OUT}>&1		# a test's own output is only shown when it fails

# t NAME FUNCTION [ARGUMENT]...: one test; NAME begins with its case. FUNCTION
# runs in a subshell; it skips with `t_skip REASON`.
t() {
	local name=$1 status
	((T_COUNT++))
	(
		set -eE
		trap - EXIT INT TERM HUP PIPE
		trap 'echo "line $LINENO: $BASH_COMMAND: status $?" >&2' ERR
		"${@:2}"
	) &>"$LAB_DIR/output"
	status=$?
	case $status in
	0) echo "ok $T_COUNT - $name" ;;
	77) echo "ok $T_COUNT - $name # SKIP $(tail -n1 "$LAB_DIR/output")" ;;
	*)
		((T_FAILED++))
		echo "not ok $T_COUNT - $name"
		tail -n 40 "$LAB_DIR/output" | sed 's/^/# /' ;;
	esac
}

t_skip() { echo "$*"; exit 77; }

# measured WORD...: a comment in the output of the test; never decides anything.
measured() { echo "# $*" >&"$T_OUT"; }

# The last line of a test file.
t_done() {
	echo "1..$T_COUNT"
	exit $((T_FAILED > 0))
}

# ------------------------------------------------------------- expectations

# expect WHAT LEFT OPERATOR RIGHT: == != =~ or an operator of test(1); shown if untrue.
expect() {
	case $3 in
	==) [[ $2 == "$4" ]] ;;
	!=) [[ $2 != "$4" ]] ;;
	=~) [[ $2 =~ $4 ]] ;;
	*) test "$2" "$3" "$4" ;;
	esac && return
	echo "$1: $2, expected $3 $4"
	return 1
}

# expect_near WHAT VALUE MODEL: within 0.5 % or one unit. MODEL may be a fraction,
# of which only whole units can pass.
expect_near() {
	jq -en --argjson v "$2" --argjson m "$3" \
		'($v - ($m | floor) | fabs) <= ([1, $m * 0.005] | max)' >/dev/null && return
	echo "$1: $2, the model says $3"
	return 1
}

# expect_rate WHAT VALUE BURST RATE: what passed of a flood ($sent) is burst + rate * t, within
# 0.5 % or one unit. Of t it is known that it is at least from `begun` to `to`, and at most from
# `from` to `taken`: a busy CPU may judge late what was sent in time.
expect_rate() {
	jq -en --argjson v "$2" --argjson burst "$3" --argjson rate "$4" --argjson f "$sent" '
		def blur: [1, . * 0.005] | max;
		($burst + $rate * ($f.to - $f.begun) | floor) as $least |
		($burst + $rate * ($f.taken - $f.from) | floor) as $most |
		$v >= $least - ($least | blur) and $v <= $most + ($most | blur)' >/dev/null && return
	echo "$1: $2, with a burst of $3 and $4/s; the flood: $sent"
	return 1
}

# expect_exit STATUS COMMAND...: runs it, its output (both) in $OUTPUT.
expect_exit() {
	local status=0
	OUTPUT=$("${@:2}" 2>&1) || status=$?
	# shellcheck disable=SC2053 # STATUS may be a pattern: [12]
	[[ $status == $1 ]] && return
	echo "${*:2}: exit status $status, expected $1; it said:"
	echo "$OUTPUT"
	return 1
}

# expect_json JSON [JQ OPTION]... FILTER: the filter must give true.
expect_json() {
	jq -e "${@:2}" >/dev/null <<<"$1" && return
	echo "not true: ${*:2}"
	jq -c . <<<"$1" | head -c 3000
	return 1
}

# ------------------------------------------------------------------ readers

# policy_value POLICY KEY: of `status`, e.g. `policy_value public passed_packets`.
policy_value() {
	crmgate status -j | jq -r --arg p "$1" "[.policies[] | select(.name == \$p) | .$2] | add // 0"
}

# metric 'NAME{LABELS}': the value of one series, 0 if there is none; a label
# that is not named may have any value, and the sum is taken.
metric() {
	crmgate metrics | awk -v wanted="$1" '
		BEGIN {
			name = wanted; sub(/[{].*/, "", name)
			labels = wanted; sub(/^[^{]*[{]?/, "", labels); sub(/[}]$/, "", labels)
			n = split(labels, need, ",")
		}
		/^#/ { next }
		{
			series = $1; sub(/[{].*/, "", series)
			if (series != name) next
			for (i = 1; i <= n; i++)
				if (index($1, need[i]) == 0) next
			sum += $NF
		}
		END { printf "%.0f\n", sum }'
}

# judged POLICY: packets that the policy has decided on, whatever the verdict.
judged() { metric "crmgate_packets_total{policy=\"$1\",direction=\"in\"}"; }

# quiet POLICY: two readings in a row are the same, so the queues of the veth are empty.
quiet() { (($(judged "$1") == $(judged "$1"))); }

# lost_between FROM TO: packets that a veth has dropped, of its ends as NAMESPACE/NAME: a queue that
# is full, as its CPU is busy, loses what was counted as sent.
lost_between() {
	jq -s 'map(.[0].stats64) | .[0].tx.dropped + .[1].rx.dropped' \
		<(ip -n "$LAB-${1%/*}" -s -j link show "${1#*/}") \
		<(ip -n "$LAB-${2%/*}" -s -j link show "${2#*/}")
}

# export_to NAMESPACE: 2 MB leave over TLS.
export_to() { lab_curl "$1" -o /dev/null "https://crm.example/api/export"; }

# drained: no connection of the lab's nginx is open, or sends anything again.
drained() {
	! in_host ss -Htn state connected exclude time-wait '( sport = :443 or sport = :8080 )' | grep -q .
}

# is VALUE COMMAND..., at_least NUMBER COMMAND...: for lab_until.
is() { [[ $("${@:2}") == "$1" ]]; }
at_least() { (($("${@:2}") >= $1)); }

# flood POLICY OPTION...: packets of the abuser to the address that nobody has; when
# it returns, the policy has judged them all. What was sent is in $sent, as JSON.
flood() {
	local before
	before=$(judged "$1")
	sent=$(lab_flood --dst "$LAB_SINK" "${@:2}")
	lab_until at_least $((before + $(jq .arrived <<<"$sent"))) judged "$1"
}

# judges SOURCE: of its packets the burst of policy public, of five, passes, and no more. What the
# host is too slow for is not among them, and a packet of another kind may be lost with it.
judges() {
	local refused passed
	refused=$(policy_value public dropped_packets)
	passed=$(policy_value public passed_packets)
	flood public --count 500 --src "$1"
	expect 'passed' "$(policy_value public passed_packets)" -eq $((passed + 5))
	expect 'refused' "$(policy_value public dropped_packets)" -ge \
		$((refused + $(jq .arrived <<<"$sent") - 5))
}

# spray OPTION...: the flood without the addresses of lab_flood.
spray() { in_bad "$LAB_TOOLS/flood" abu0 --mac "$LAB_MAC1" "$@"; }

# pour OPTION...: the same; when it returns, all of it has been seen, whatever it is for.
# What was sent is in $sent, as JSON.
pour() {
	local before
	before=$(seen)
	sent=$(spray "$@")
	lab_until at_least $((before + $(jq .arrived <<<"$sent"))) seen
}
# Packets that arrived, those that are for no service too.
seen() {
	echo $(($(metric 'crmgate_packets_total{direction="in"}') + $(metric crmgate_other_packets_total)))
}

# during FUNCTION [ARGUMENT]... -- OPTION...: runs it while a flood does. The flood has
# begun when it starts, and ends with it; what was sent is in $sent.
during() {
	local command=() pid status=0 before
	while [[ $1 != -- ]]; do
		command+=("$1")
		shift
	done
	before=$(received)
	lab_spawn pid bad "$LAB_TOOLS/flood" abu0 --mac "$LAB_MAC1" "${@:2}" >"$LAB_DIR/sent"
	lab_until at_least $((before + 1000)) received
	"${command[@]}" || status=$?
	lab_stop "$pid"
	sent=$(<"$LAB_DIR/sent")
	return "$status"
}
received() { ip -n "$LAB-host" -s -j link show crm1 | jq '.[0].stats64.rx.packets'; }

# The ABI of the build, and the folder of what it pins for the lab.
abi() { "$CRMGATE" version -j | jq .abi; }
pins() { echo "/sys/fs/bpf/crmgate/$LAB_INSTANCE/v$(abi)"; }

# policy NAME: writes $LAB_DIR/NAME.yaml from stdin and prints its path.
policy() {
	cat >"$LAB_DIR/$1.yaml"
	echo "$LAB_DIR/$1.yaml"
}

# public LIMITS [SERVICE LINE]: a policy file with one policy for everybody.
public() {
	policy "${2:-public}" <<-EOF
		version: 1
		capacity: {sources: ${SOURCES:-65536}}
		services:
		  api: {transport: tcp, ports: [443], protocol: tls}
		policies:
		  - {name: public, service: api, clients: any, $1}
	EOF
}

# closed: a policy file that refuses everybody; dropped: how many packets it has refused.
closed() {
	policy closed <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443]}}
		policies: [{name: closed, service: api, clients: any, deny: true}]
	EOF
}
dropped() { metric 'crmgate_packets_total{policy="closed",verdict="drop"}'; }

# refused COUNT: that many packets to crm1, and policy closed refuses each.
refused() {
	local before
	before=$(dropped)
	lab_flood --count "$1" >"$LAB_DIR/flood"
	expect 'packets sent' "$(jq .arrived "$LAB_DIR/flood")" -eq "$1"
	lab_until is $((before + $1)) dropped
}

# attach FILE [OPTION]...: on both interfaces.
attach() { crmgate attach crm0 crm1 --policy "$@"; }
purge() { crmgate detach --all --purge; }

# fresh FUNCTION [ARGUMENT]...: a test that begins with nothing attached.
fresh() {
	[[ ! -e /sys/fs/bpf/crmgate/$LAB_INSTANCE ]] || purge
	"$@"
}

# ------------------------------------------------------------------- daemon

DAEMON_AT=127.0.0.1:9750

# daemon VARIABLE [OPTION]...: starts it; process id in $VARIABLE.
daemon() {
	lab_spawn "$1" host "$CRMGATE" daemon --instance "$LAB_INSTANCE" --listen "$DAEMON_AT" "${@:2}"
}
healthy() { in_host curl -sf --max-time 2 "http://$DAEMON_AT/healthz" >/dev/null; }
scrape() { in_host curl -sf --max-time 2 "http://$DAEMON_AT/metrics"; }

# It has ended, and the process that serves the metrics too.
ended() { flock -n "/run/crmgate/$LAB_INSTANCE.daemon.lock" true; }

# daemon_killed [PID]...: ends it at once, and takes off what it was for. The exporter has the
# lock as long as it lives.
daemon_killed() {
	kill -KILL "$@" || :
	wait "$@" || :
	lab_until ended
	purge || :		# the test may have done that
}

managed() { (($(metric crmgate_manager_heartbeat_timestamp_seconds) > 0)); }
enforced() { crmgate status --check -q &>/dev/null; }

# told KIND PATTERN: there is such an event.
told() {
	crmgate events -j | jq -es --arg k "$1" --arg p "$2" \
		'any(.[]; .event == $k and (.detail | test($p)))' >/dev/null
}

problem() { crmgate status -j | jq -e --arg id "$1" 'any(.problems[]; .id == $id)' >/dev/null; }
no_problem() { crmgate status -j | jq -e '.problems == []' >/dev/null; }
