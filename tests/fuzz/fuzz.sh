#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh - runs the native fuzzers: as many inputs of one seed as take a second or two, or with
# `fuzz.sh SECONDS` new ones for so long. What makes one fail is kept, and named.
set -u
here=$(realpath "$(dirname "$0")")
: "${BUILD:=$here/../../build}"
BUILD=$(realpath "$BUILD")

if (($#)); then
	bound=(-max_total_time="$1")
else
	bound=(-seed=1)
fi
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
count=0 failed=0

# fuzz NAME INPUTS OPTION...
fuzz() {
	local limits=("${bound[@]}") output
	((count++))
	[[ ${bound[0]} != -seed=* ]] || limits+=(-runs="$2")
	if output=$("$BUILD/tests/fuzz/fuzz_$1" "${limits[@]}" -verbosity=0 -timeout=60 \
		-artifact_prefix="$BUILD/tests/fuzz/$1-" "${@:3}" 2>&1); then
		echo "ok $count - $1"
	else
		((failed++))
		echo "not ok $count - $1"
		tail -n 40 <<<"$output" | sed 's/^/# /'
	fi
}

fuzz parse 200000 -max_len=2048
fuzz config 2000 -max_len=4096 "$corpus" "$here/../golden/config"
fuzz http 4000 -max_len=4096
fuzz tls 4000 -max_len=8192
echo "1..$count"
exit $((failed > 0))
