#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guard.sh - A9: a policy that would lock out is refused, by attach and by apply, and
# nothing has changed then.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

open=$(public 'limits: {packets: {rate: 1M/s}}' open)

# denying NAME PREFIX...: a policy that refuses these at ports 443 and 2222.
denying() {
	policy "$1" <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443, 2222]}}
		clients: {bad: {prefixes: [$(sed 's/[^ ]*/"&"/g; s/ /, /g' <<<"${*:2}")]}}
		policies: [{name: closed, service: api, clients: bad, deny: true${MODE:+, mode: $MODE}}]
	EOF
}

# refused FILE PATTERN: apply says no with the pattern, and the generation stays.
refused() {
	local before
	before=$(metric crmgate_policy_generation)
	expect_exit 3 crmgate apply "$1"
	expect 'reason' "$OUTPUT" =~ "$2"
	expect 'generation' "$(metric crmgate_policy_generation)" -eq "$before"
}

own_addresses() {
	refused "$(denying own 192.0.2.0/24)" \
		'would refuse 192\.0\.2\.1, an address of this host: policy closed denies client bad \(192\.0\.2\.0/24\) at service api'
	refused "$(denying own6 2001:db8:7::/64)" '2001:db8:7::1, an address of this host'
	refused "$(denying loopback 127.0.0.0/8)" '127\.0\.0\.1, an address of this host'
}

gateway() {
	in_host ip route add default via 203.0.113.254 dev crm0
	refused "$(denying gate 203.0.113.254/32)" '203\.0\.113\.254, the default gateway'
	in_host ip route del default
	crmgate apply "$(denying gate 203.0.113.254/32)"
	crmgate apply "$open"
	in_host ip -6 route add default via 2001:db8:7::fe dev crm0
	refused "$(denying gate6 2001:db8:7::fe/128)" '2001:db8:7::fe, the default gateway'
	in_host ip -6 route del default
}

# A resolv.conf of its own, in a mount namespace of its own.
resolver() {
	local file
	file=$(denying resolver 198.51.100.53/32)
	echo 'nameserver 198.51.100.53' >"$LAB_DIR/resolv.conf"
	# shellcheck disable=SC2016 # expanded by the inner shell
	expect_exit 3 in_host unshare --mount bash -c 'mount --bind "$1" "$(realpath /etc/resolv.conf)" &&
		exec "$2" apply --instance "$3" "$4"' - "$LAB_DIR/resolv.conf" "$CRMGATE" \
		"$LAB_INSTANCE" "$file"
	expect 'reason' "$OUTPUT" =~ '198\.51\.100\.53, a resolver'
}

# The environment of a login shell is found through a sudo that clears it.
ssh_environment() {
	local connection="$LAB_GOOD 50000 $LAB_CRM 2222" file
	file=$(denying peer "$LAB_GOOD/32")
	crmgate apply "$file"
	crmgate apply "$open"
	expect_exit 3 env SSH_CONNECTION="$connection" bash -c "nsenter --net=/run/netns/$LAB-host \
		env -i '$CRMGATE' apply --instance '$LAB_INSTANCE' '$file'; exit \$?"
	expect 'reason' "$OUTPUT" =~ "$LAB_GOOD, the far end of the connection"
	# Over a port that no service covers, it cannot be cut.
	expect_exit 0 env SSH_CONNECTION="${connection% *} 22" bash -c "nsenter \
		--net=/run/netns/$LAB-host '$CRMGATE' apply --instance '$LAB_INSTANCE' '$file'; exit \$?"
	crmgate apply "$open"
}

# Without any environment: a shell that is served over TCP, from the client's namespace.
remote_shell() {
	local file pid
	file=$(denying peer "$LAB_GOOD/32")
	cat >"$LAB_DIR/serve.py" <<-'EOF2'
		import os, socket, subprocess, sys
		s = socket.create_server(("", 2222))
		s.settimeout(20)
		c, _ = s.accept()
		subprocess.run(sys.argv[1:], stdin=c, stdout=c, stderr=c, env={})
	EOF2
	lab_spawn pid host python3 "$LAB_DIR/serve.py" "$CRMGATE" apply --instance \
		"$LAB_INSTANCE" "$file"
	lab_until listening
	OUTPUT=$(in_good bash -c "exec 3<>/dev/tcp/$LAB_CRM/2222; timeout 20 cat <&3")
	expect 'reason' "$OUTPUT" =~ "$LAB_GOOD, the far end of the connection"
	wait "$pid"
}
listening() { in_host ss -Htln 'sport = 2222' | grep -q .; }

# Whoever carries a service is not refused, on the way to the policy in force or to a new one.
traffic() {
	local i file
	file=$(denying carrier 203.0.113.8/29)
	crmgate apply "$file"
	crmgate apply "$open"
	for ((i = 0; i < 20; i++)); do
		lab_curl good -fo /dev/null https://crm.example/api/contacts
	done
	refused "$file" 'would refuse 100 % of the packets that pass at service api now, most of them of 203\.0\.113\.10'
}

shadow() {
	expect_exit 0 crmgate apply "$(MODE=shadow denying own 192.0.2.0/24)"
	expect_exit 0 crmgate apply --shadow "$(denying own 192.0.2.0/24)"
	refused "$(denying own 192.0.2.0/24)" 'an address of this host'
	purge
}

# Only together with --confirm, and then it is taken back by itself or by hand.
forced() {
	local file before
	file=$(denying own 192.0.2.0/24)
	attach "$open" -q
	before=$(metric crmgate_policy_generation)
	expect_exit 2 crmgate apply "$file" --force
	expect 'says what is missing' "$OUTPUT" =~ '--confirm'
	expect_exit 3 crmgate apply "$file" --confirm 1h
	expect 'says how' "$OUTPUT" =~ '--force and --confirm'
	expect_exit 0 crmgate apply "$file" --dry-run
	expect 'dry run warns' "$OUTPUT" =~ 'warning: would refuse 192'
	expect 'generation' "$(metric crmgate_policy_generation)" -eq "$before"
	expect_exit 0 crmgate apply "$file" --force --confirm 1h
	expect 'warns' "$OUTPUT" =~ 'warning: would refuse 192'
	expect 'in force' "$(crmgate status -j | jq -r '.policies[0].name')" == closed
	crmgate rollback
	expect 'taken back' "$(crmgate status -j | jq -r '.policies[0].name')" == public
}

attach_too() {
	expect_exit 3 attach "$(denying own 192.0.2.0/24)"
	expect 'reason' "$OUTPUT" =~ 'an address of this host'
	expect_exit 1 crmgate status
	expect_exit 0 attach "$(denying own 192.0.2.0/24)" --shadow -q
}

attach "$open" -q
t 'A9 an address of this host' own_addresses
t 'A9 the default gateway' gateway
t 'A9 a resolver' resolver
t 'A9 the SSH peer, where sudo cleared the environment' ssh_environment
t 'A9 a shell over TCP without an environment' remote_shell
t 'A9 what carries a service now' traffic
t 'A9 in shadow nothing is refused' shadow
t 'A9 --force only together with --confirm' fresh forced
t 'A9 attach with a policy' fresh attach_too
t_done
