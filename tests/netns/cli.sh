#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# cli.sh - cases of configuration and command line that need a kernel or a terminal.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

file=$(public 'limits: {packets: {rate: 1000/s}}')
attach "$file" -q || exit 1

# refused STATUS FILE: apply ends so, and what was in force still is.
refused() {
	local before
	before=$(crmgate status -j | jq -c '.policy, [.policies[].name]')
	expect_exit "$1" timeout 60 nsenter --net="/run/netns/$LAB-host" "$CRMGATE" apply \
		--instance "$LAB_INSTANCE" "${@:2}"
	expect 'in force' "$(crmgate status -j | jq -c '.policy, [.policies[].name]')" == "$before"
}

# A feed and an integrator have the same prefix: the integrator wins, with a warning.
warnings() {
	echo 203.0.113.0/24 >"$LAB_DIR/feed.txt"
	local feed
	feed=$(policy feed <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443]}}
		clients:
		  feed: {files: [feed.txt]}
		  partner: {prefixes: [203.0.113.0/24]}
		policies:
		  - {name: feed, service: api, clients: feed, deny: true}
		  - {name: partner, service: api, clients: partner, limits: {packets: {rate: 1/s}}}
	EOF
	)
	refused 2 "$feed" --strict
	expect_exit 0 crmgate apply "$feed"
	expect 'warning' "$OUTPUT" =~ 'warning'
	expect 'place in the list' "$OUTPUT" =~ 'feed\.txt'
	expect_json "$(crmgate why 203.0.113.7 -j)" '.services[0].policy == "partner"'
	crmgate apply "$file" -q
}

# A prefix that is denied and allowed: allow has it, and that is said of both places.
shadowed() {
	local path
	path=$(policy shadowed <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443]}}
		clients:
		  scanners: {prefixes: [203.0.113.9, 198.18.0.0/24]}
		policies: [{name: scanners, service: api, clients: scanners, deny: true}]
		allow: [203.0.113.0/24]
	EOF
	)
	refused 2 "$path" --strict
	expect 'both places' "$OUTPUT" =~ "shadowed.yaml:5:.* 203.0.113.9 .*allow.*shadowed.yaml:7"
	expect_exit 0 crmgate apply "$path"
	expect 'both places' "$OUTPUT" =~ "shadowed.yaml:5:.* 203.0.113.9 .*allow.*shadowed.yaml:7"
	expect_json "$(crmgate why 203.0.113.9 -j)" '.services[0].policy == "allow"'
	crmgate apply "$file" -q
}

too_many() {
	local i
	{
		echo 'version: 1'
		echo 'services:'
		for ((i = 1; i <= 65; i++)); do
			echo "  s$i: {transport: tcp, ports: [$((1000 + i))]}"
		done
	} >"$LAB_DIR/many.yaml"
	refused 2 "$LAB_DIR/many.yaml"
	expect 'says how many' "$OUTPUT" =~ '64'
	# A table has its size from attach on.
	SOURCES=131072 public 'deny: true' larger >"$LAB_DIR/path"
	refused 3 "$LAB_DIR/larger.yaml"
	expect 'says what was asked' "$OUTPUT" =~ '131072'
	expect 'says what is there' "$OUTPUT" =~ '65536'
}

odd_files() {
	local path
	mkfifo "$LAB_DIR/fifo"
	ln -s loop "$LAB_DIR/loop"
	head -c 2000000 /dev/zero | tr '\0' '#' >"$LAB_DIR/large.yaml"
	head -c 60 "$file" >"$LAB_DIR/short.yaml"
	for path in fifo loop . nothing.yaml large.yaml short.yaml; do
		refused '[12]' "$LAB_DIR/$path"
		expect 'names the file' "$OUTPUT" =~ "$LAB_DIR"
	done
	refused '[12]' /dev/zero
	cp "$file" "$LAB_DIR/open.yaml"
	chmod 666 "$LAB_DIR/open.yaml"
	refused '[12]' "$LAB_DIR/open.yaml"
	expect 'what it says' "$OUTPUT" =~ 'writ'
}

# A12: the file is replaced all the time: each apply takes the old or the new one.
replaced_meanwhile() {
	local i
	while :; do
		cp "$file" "$LAB_DIR/moving.tmp" && mv "$LAB_DIR/moving.tmp" "$LAB_DIR/moving.yaml"
		cp "$LAB_DIR/short.yaml" "$LAB_DIR/moving.tmp" &&
			mv "$LAB_DIR/moving.tmp" "$LAB_DIR/moving.yaml"
	done &
	writer=$!
	trap 'kill "$writer"' EXIT
	lab_until test -e "$LAB_DIR/moving.yaml"
	for ((i = 0; i < 30; i++)); do
		expect_exit '[02]' crmgate apply "$LAB_DIR/moving.yaml"
		expect_json "$(crmgate show policy -j)" '.schema == 1'
	done
	crmgate apply "$file" -q
}

closed_output() {
	local command status
	for command in status top bans events metrics 'show limits' help; do
		status=0
		# shellcheck disable=SC2086
		crmgate $command >/dev/full 2>"$LAB_DIR/errors" || status=$?
		expect "$command to a full disk" "$status" -eq 1
		expect "lines of $command" "$(wc -l <"$LAB_DIR/errors")" -eq 1
		{
			status=0
			# shellcheck disable=SC2086
			crmgate $command 2>"$LAB_DIR/errors" || status=$?
			echo "$status" >"$LAB_DIR/status"
		} | :
		expect "$command to nobody" "$(<"$LAB_DIR/status")" =~ '^(0|1|141)$'
	done
	LC_ALL=C TERM=dumb crmgate status | grep -q public
	crmgate status | grep -q $'\e' && return 1
	return 0
}

# The live screen in a terminal of 20 columns; `q` ends it.
small_terminal() {
	tmux=(tmux -L "$LAB_INSTANCE" -f /dev/null)
	trap '"${tmux[@]}" kill-server || :' EXIT
	lab_flood --count 5000
	# The server must outlive its first session.
	"${tmux[@]}" start-server \; set-option -g exit-empty off
	"${tmux[@]}" new-session -d -x 20 -y 8 "nsenter --net=/run/netns/$LAB-host \
		'$CRMGATE' top --instance '$LAB_INSTANCE'; echo \$? >'$LAB_DIR/top'"
	screen_has() { "${tmux[@]}" capture-pane -p | grep -q "${1:0:20}"; }
	lab_until screen_has "$LAB_BAD"
	"${tmux[@]}" send-keys q
	lab_until test -s "$LAB_DIR/top"
	expect 'status of top' "$(<"$LAB_DIR/top")" -eq 0
	# A terminal that can do nothing: a table, or a message, never a crash.
	"${tmux[@]}" new-session -d -x 20 -y 8 "TERM=dumb nsenter --net=/run/netns/$LAB-host \
		'$CRMGATE' top --once --instance '$LAB_INSTANCE'; echo \$? >'$LAB_DIR/dumb'"
	lab_until test -s "$LAB_DIR/dumb"
	expect 'status of top, TERM=dumb' "$(<"$LAB_DIR/dumb")" -eq 0
}

usage() {
	local arguments
	for arguments in '' 'nosuch' 'status --nosuch' 'attach' 'ban' 'ban nonsense' \
		'why nonsense' 'top -n x' 'apply --force' 'status extra'; do
		# shellcheck disable=SC2086
		expect_exit 2 in_host "$CRMGATE" $arguments
		expect "message of '$arguments'" "${#OUTPUT}" -gt 10
	done
	expect_exit 2 crmgate status --instance 'a/../b'
	crmgate version -j | jq -e '.version'
}

t 'A8 warnings, and --strict makes errors of them' warnings
t 'A8 a rule that another one makes idle' shadowed
t 'A10 more than there is room for is refused first' too_many
t 'A12 odd policy files end in an error, not in a hang' odd_files
t 'A12 the file is replaced while it is read' replaced_meanwhile
t 'A17 output that nobody takes' closed_output
t 'A17 a terminal of 20 columns, TERM=dumb' small_terminal
t 'main: wrong usage exits 2' usage
t_done
