# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# lib.sh - what a part of the bench needs, to be sourced: `part.sh OUTPUT` writes a
# JSON document to OUTPUT and says on stderr what it does. Any command that fails
# ends it. Of the document, "figures" (see `figure`) is common to all parts.
set -euE
shopt -s inherit_errexit
trap 'echo "bench: $(basename "$0"): line $LINENO: $BASH_COMMAND: failed" >&2' ERR

BENCH_OUT=${1:?which file shall the results be written to?}
: "${BUILD:=$(dirname "${BASH_SOURCE[0]}")/../../build}"
BUILD=$(realpath "$BUILD")
BENCH=$BUILD/tests/bench
QUICK=${BENCH_QUICK:-}
CRMGATE=$BUILD/crmgate LAB_TOOLS=$BUILD/tools
# shellcheck source=../../tools/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lab.sh"
export NO_COLOR=1 LC_ALL=C.UTF-8

FIGURES='[]'

say() { echo "  $*" >&2; }

# quick SHORT FULL: one of them.
quick() { if [[ $QUICK ]]; then echo "$1"; else echo "$2"; fi; }

# figure NAME <=|>= REACH VALUE: a figure that this part contributes, and the value
# that it should reach. VALUE null: it was not measured.
figure() {
	FIGURES=$(jq -c --arg name "$1" --arg op "$2" --argjson reach "$3" --argjson v "$4" \
		'. + [{name: $name, reach: "\($op) \($reach * 1000 | round / 1000)", value: $v, reached:
			(if $v == null then null elif $op == "<=" then $v <= $reach else $v >= $reach end)}]' \
		<<<"$FIGURES")
}

# part_done [JQ OPTION]... FILTER: writes the document, with the figures.
part_done() {
	jq -n --argjson figures "$FIGURES" "${@:1:$#-1}" "${*: -1} + {figures: \$figures}" >"$BENCH_OUT"
}

# policy NAME: writes $LAB_DIR/NAME from stdin, and prints its path.
policy() {
	cat >"$LAB_DIR/$1"
	chmod 644 "$LAB_DIR/$1"
	echo "$LAB_DIR/$1"
}

# fresh POLICY [INTERFACE OR OPTION]...: a new instance with an empty table, on crm0 if no other
# interface is named.
fresh() {
	local how=("${@:2}")
	((${#how[@]})) || how=(crm0)
	[[ ! -e /sys/fs/bpf/crmgate/$LAB_INSTANCE ]] || crmgate detach --all --purge -q
	crmgate attach "${how[@]}" --policy "$1" -q
}

# prefixes COUNT LENGTH: as many prefixes of the upper half of 10.0.0.0/8, spread
# over it, no two the same; LENGTH is from 9 on.
prefixes() {
	awk -v count="$1" -v len="$2" 'BEGIN {
		for (i = 0; i < count; i++) {
			n = 2 ^ 23 + (i * 2654435761 % 2 ^ (len - 9)) * 2 ^ (32 - len)
			printf "10.%d.%d.%d/%d\n", n / 65536, n / 256 % 256, n % 256, len
		}
	}'
}

# sized POLICIES PREFIXES [CAPACITY]: a policy file of that size. A policy that
# refuses nothing holds for the sources that packet.c measures, whatever the size.
sized() {
	local n
	prefixes "$2" 28 | policy "prefixes-$2.txt" >/dev/null
	echo 'version: 1'
	echo "capacity: {sources: ${3:-1048576}}"
	echo 'services: {api: {transport: tcp, ports: [443]}}'
	echo 'clients:'
	echo "  denied: {files: [prefixes-$2.txt]}"
	for ((n = 2; n < $1; n++)); do
		echo "  client$n: {prefixes: [172.20.$((n / 256)).$((n % 256))/32]}"
	done
	echo 'policies:'
	echo '  - {name: public, service: api, clients: any, limits: {connections: {rate: 1G/s}, packets: {rate: 1G/s}, bytes: {rate: 100GB/s}}}'
	echo '  - {name: denied, service: api, clients: denied, deny: true}'
	for ((n = 2; n < $1; n++)); do
		echo "  - {name: policy$n, service: api, clients: client$n, limits: {packets: {rate: $n/s}}}"
	done
}
