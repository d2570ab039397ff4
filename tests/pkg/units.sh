#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# units.sh - what systemd is told, by its own tools: the service is valid and confined, the
# user and the folders are made. Needs no running systemd.
. "$(dirname "$0")/lib.sh"

root=$LAB_DIR/root
unit=$root/usr/lib/systemd/system/crmgate.service
make --no-print-directory install BUILD="$BUILD" DESTDIR="$root" PREFIX=/usr >/dev/null || exit 1
make --no-print-directory install BUILD="$BUILD" DESTDIR="$LAB_DIR/local" >/dev/null || exit 1

# The unit with the paths of programs that are there, as FILE.service.
as_installed() {
	sed "s|/usr/sbin/crmgate|$CRMGATE|g; s|/etc/|$root/etc/|g" "$unit" >"$1"
}

is_valid() {
	as_installed "$LAB_DIR/crmgate.service"
	same 'systemd-analyze' "$(systemd-analyze verify --man=no "$LAB_DIR/crmgate.service" 2>&1)" ''
	# It would say so.
	sed 's/^ProtectHome=.*/ProtectHomes=yes/' "$LAB_DIR/crmgate.service" >"$LAB_DIR/wrong.service"
	systemd-analyze verify --man=no "$LAB_DIR/wrong.service" 2>&1 | grep ProtectHomes
}

# exposed THRESHOLD FILE: the exposure is at most that, in tenths.
exposed() { systemd-analyze security --no-pager --offline=yes --threshold="$1" "$2"; }

is_confined() {
	exposed 25 "$unit"
	grep -v '^CapabilityBoundingSet' "$unit" >"$LAB_DIR/open.service"
	! exposed 25 "$LAB_DIR/open.service"
}

# Up before anything that waits for the network; to stop it runs nothing.
in_order() {
	grep -x 'Before=network-online.target' "$unit"
	grep -E '^ExecStartPre=-/usr/sbin/crmgate check ' "$unit"
	grep -x 'Type=notify' "$unit"
	# With all rights, and whatever becomes of it the service goes on.
	grep -x 'ExecStartPost=-+/usr/sbin/crmgate attach --missing -q' "$unit"
	! grep -E '^Exec(Stop|StopPost|Reload)=' "$unit"
}

paths_follow_prefix() {
	grep -x 'ExecStart=/usr/local/sbin/crmgate daemon .*' \
		"$LAB_DIR/local/usr/local/lib/systemd/system/crmgate.service"
	! grep -r /usr/local "$unit"
}

# The first lines of the service, run as it would run them where nothing is attached.
names_what_is_missing() {
	local command output status=0
	command=$(sed -n "s|^ExecStartPre=/bin/sh -c '\(.*\)'$|\1|p" "$unit")
	command=${command//'$$'/'$'}
	command=${command//\/usr\/sbin\/crmgate/$CRMGATE --instance none-$$}
	output=$(INTERFACES='' ATTACH_OPTIONS='' sh -c "$command" 2>&1) || status=$?
	((status != 0))
	[[ $output == *INTERFACES*/etc/default/crmgate* ]]
}

makes_the_user() {
	systemd-sysusers --root="$root" crmgate.conf
	grep -E '^crmgate:[^:]*:[0-9]+:[0-9]+:.*:(/usr)?/s?bin/nologin$' "$root/etc/passwd"
	grep -E '^crmgate:' "$root/etc/group"
	systemd-tmpfiles --root="$root" --create crmgate.conf
	local gid
	gid=$(awk -F: '$1 == "crmgate" { print $3 }' "$root/etc/group")
	same 'the folder of locks' "$(stat -c '%a %u %g' "$root/run/crmgate")" '755 0 0'
	same 'the folder of the state' "$(stat -c '%a %u %g' "$root/var/lib/crmgate")" "750 0 $gid"
}

t 'the service is valid' is_valid
t 'systemd-analyze security is at most 2.5' is_confined
t 'the service starts before network-online, after a check, puts back what is missing, and stops without a command' in_order
t 'the service has the paths of PREFIX' paths_follow_prefix
t 'the service says where to name an interface' names_what_is_missing
t 'user, group and folders are made' makes_the_user
t_done
