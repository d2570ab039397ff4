#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab.sh - whatever ends a test, nothing is left of its laboratory.
. "$(dirname "$0")/lib.sh"

# ended HOW: a test in a process of its own, which that ends; it says the name of its lab first.
ended() {
	local name
	name=$(bash -c '
		. "$1"
		lab_up
		crmgate attach crm0 -q
		echo "$LAB"
		'"$1" lab "$LIB" | head -n1)
	[[ $name == crmgate-* ]]
	expect 'namespaces' "$(ip netns list | grep -c "^$name-" || :)" -eq 0
	test ! -e "/sys/fs/bpf/crmgate/lab-${name#crmgate-}"
}

LIB=$(realpath "$(dirname "$0")/lib.sh")
LAB_DIR=$(mktemp -d)
trap 'rm -rf "$LAB_DIR"' EXIT

t 'a test that ends leaves no namespace' ended 'exit 0'
t 'nor one of which a command fails' ended 'set -e; false'
t 'nor one that SIGTERM ends' ended 'kill -TERM $$; while :; do read -rt 0.1 <> <(:); done'
t 'nor one of which nobody reads the output' ended 'while echo more; do :; done'
t_done
