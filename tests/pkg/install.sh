#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh - what `make install` puts where, and that man pages and completion know all
# that the program knows. Needs no root.
. "$(dirname "$0")/lib.sh"

root=$LAB_DIR/root
place() { make --no-print-directory install BUILD="$BUILD" DESTDIR="$root" PREFIX=/usr; }

files() {
	place
	same 'files and modes' "$(cd "$root" && find . -type f -printf '%m %P\n' | sort -k2)" \
		"$(sort -k2 tests/golden/install.txt)"
	same 'the version' "$("$root/usr/sbin/crmgate" version)" "$("$CRMGATE" version)"
}

# A policy that is there is the operator's.
keeps_the_policy() {
	echo '# mine' >"$root/etc/crmgate/policy.yaml"
	place
	same 'the policy file' "$(<"$root/etc/crmgate/policy.yaml")" '# mine'
}

limits_nothing() {
	"$CRMGATE" check -j packaging/policy.yaml | jq -e '.services == [] and .policies == []'
	# What stands in it as an example is valid, too.
	sed '/^version/,$ s/^# \{0,1\}//' packaging/policy.yaml >"$LAB_DIR/example.yaml"
	"$CRMGATE" check -j "$LAB_DIR/example.yaml" | jq -e '(.services | length) == 1'
}

# ---------------------------------------------------------------------- man pages

page() { groff -man -Tascii -P-cbou -rLL=200n "$root/usr/share/man/man${1##*.}/$1"; }
commands() { "$CRMGATE" help | awk '/^  [a-z]/ { print $1 }'; }
options() { "$CRMGATE" help "$1" | grep -oE '^  (-[a-z], |    )--[a-z-]+' | grep -oE -- '--[a-z-]+'; }

well_formed() {
	local file
	for file in "$root"/usr/share/man/man*/*; do
		same "$file" "$(groff -man -Tascii -ww -z "$file" 2>&1)" ''
		[[ $(<"$file") != *@[a-zA-Z_]*@* ]]
	done
}

knows_commands() {
	local text command
	text=$(page crmgate.8)
	for command in $(commands); do
		has 'crmgate(8)' "$text" "crmgate $command"
		# shellcheck disable=SC2046 # words
		has "crmgate(8), $command" "$text" $(options "$command")
	done
	has 'crmgate(8)' "$text" $(grep -oP '^\tX\([A-Z_]+, +"\K[a-z_]+' \
		<(sed -n '/define CRMG_REASONS/,/^$/p' headers/crmgate/abi.h))
}

# The series of the golden file, which another test holds to what is exported.
knows_metrics() {
	# shellcheck disable=SC2046 # words
	has 'crmgate-metrics(7)' "$(page crmgate-metrics.7)" \
		$(grep -oP '^# TYPE \K\S+' tests/golden/metrics.txt)
}

# Keys that the reader accepts where there is an unknown one.
accepted() {
	cat >"$LAB_DIR/keys.yaml"
	"$CRMGATE" check "$LAB_DIR/keys.yaml" 2>&1 | grep -oiP 'accepted here: \K.*' | tr -d ,
}

knows_keys() {
	local keys
	keys=$(accepted <<-EOF
		version: 1
		xyzxyz: 1
		capacity: {xyzxyz: 1}
		sources: {xyzxyz: 1}
		services: {a: {xyzxyz: 1, ports: [1], total: {xyzxyz: 1, limits: {packets: {xyzxyz: 1, rate: 1/s}}}}}
		clients: {c: {xyzxyz: 1}}
		policies:
		  - {xyzxyz: 1, name: p, service: a, limits: {xyzxyz: 1}, total: {xyzxyz: 1}, aggregate: {xyzxyz: 1}, ban: {xyzxyz: 1}}
	EOF
	)
	(($(wc -l <<<"$keys") >= 11))
	# shellcheck disable=SC2086 # words
	has 'crmgate-policy(5)' "$(page crmgate-policy.5)" $keys
}

example_is_valid() {
	sed -n '/^\.EX/,/^\.EE/p' "$root/usr/share/man/man5/crmgate-policy.5" |
		sed '/^\./d; s/\\-/-/g' >"$LAB_DIR/example.yaml"
	"$CRMGATE" check -j "$LAB_DIR/example.yaml" | jq -e '(.policies | length) >= 2'
}

# --------------------------------------------------------------------- completion

# completed WORD...: what the last word can become.
completed() {
	bash -uc '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _crmgate
		printf "%s\n" "${COMPREPLY[@]}"' - \
		"$root/usr/share/bash-completion/completions/crmgate" crmgate "$@"
}

completes() {
	local command
	same 'commands' "$(completed '' | sort)" "$(commands | sort)"
	for command in $(commands); do
		same "options of $command" "$(completed "$command" -- | sort)" "$(options "$command" | sort)"
	done
	same 'a command' "$(completed --instance lab stat)" 'status'
	same 'a list of words' "$(completed audit v)" 'verify'
	same 'an interface' "$(completed attach lo --mode auto l | grep -x lo)" 'lo'
	same 'a file' "$(cd packaging && completed apply pol)" 'policy.yaml'
	same 'the file of an option' "$(cd packaging && completed ban -f pol)" 'policy.yaml'
	same 'a value that nobody can know' "$(completed ban --for '')" ''
}

t 'make install: files, modes, a program that runs' files
t 'make install again keeps the policy file' keeps_the_policy
t 'the policy file that is installed limits nothing' limits_nothing
t 'man pages are well formed' well_formed
t 'crmgate(8) has every command, option and reason' knows_commands
t 'crmgate-metrics(7) has every metric' knows_metrics
t 'crmgate-policy(5) has every key' knows_keys
t 'the example of crmgate-policy(5) is valid' example_is_valid
t 'bash completes commands, options, words, interfaces, files' completes
t_done
