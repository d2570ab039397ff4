#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bpffs.sh - B6: bpffs is missing, read-only, or holds what is not ours. Each in a
# mount namespace of its own; the machine's bpffs stays as it is.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

file=$(public 'limits: {packets: {rate: 1000/s}}')
pins=/sys/fs/bpf/crmgate/$LAB_INSTANCE
export CRMGATE LAB_INSTANCE file pins

no_program() {
	expect 'XDP programs' "$(in_host ip -d link show | grep -c prog/xdp || :)" -eq 0
}

# changed PREPARATION: what attach says after it, in $OUTPUT; exit status in $status.
changed() {
	status=0
	OUTPUT=$(in_host unshare -m --propagation private bash -c "$1
		\"\$CRMGATE\" attach crm0 --policy \"\$file\" --instance \"\$LAB_INSTANCE\"" 2>&1) ||
		status=$?
}

# Where a mount namespace hides bpffs, as `ip netns exec` does, that of the caller is
# found: the pins stay.
missing() {
	changed 'umount /sys/fs/bpf'
	expect "status ($OUTPUT)" "$status" -eq 0
	expect_json "$(crmgate status -j)" '[.interfaces[].xdp_mode] == ["native"]'
	ip netns exec "$LAB-host" "$CRMGATE" detach --all --purge -q --instance "$LAB_INSTANCE"
	test ! -e "$pins"
	no_program
}

# Where there is none at all it is mounted, and that is said: in a mount namespace that
# ends, as this one does, the pins end with it.
mounted() {
	# As a child of a shell that has none either, and not in its place.
	changed 'umount /sys/fs/bpf
		"$CRMGATE" attach crm0 --policy "$file" --instance "$LAB_INSTANCE"; exit'
	expect 'what it says' "$OUTPUT" =~ 'bpffs.*mounted|mounted.*bpffs'
	lab_until no_program
}

read_only() {
	changed 'mount -o remount,bind,ro /sys/fs/bpf'
	expect 'status' "$status" -eq 1
	expect 'what it says' "${OUTPUT,,}" =~ 'read-only'
	no_program
}

# Where a state is already: it can be read and stays in force, and no command does half.
becomes_read_only() {
	local before command
	attach "$file" -q
	before=$(crmgate status -j | jq -c '[.policy, .interfaces]')
	in_read_only() {
		in_host unshare -m --propagation private bash -c 'mount -o remount,bind,ro /sys/fs/bpf
			"$CRMGATE" "$@" --instance "$LAB_INSTANCE"' - "$@"
	}
	for command in status metrics bans 'why 192.0.2.9' 'ban 192.0.2.9' 'unban 192.0.2.9' panic resume; do
		# shellcheck disable=SC2086
		expect_exit 0 in_read_only $command
	done
	for command in "apply $file" "apply $file --confirm 60s" 'detach crm0' \
		'detach --all' 'detach --all --purge'; do
		# shellcheck disable=SC2086
		expect_exit 1 in_read_only $command
		expect 'what it says' "$OUTPUT" =~ 'Read-only.*mount -o remount,rw'
		expect "in force after $command" \
			"$(crmgate status -j | jq -c '[.policy, .interfaces]')" == "$before"
	done
	crmgate status --check
	purge
	test ! -e "$pins"
	no_program
}

# In the state that a detach left, a map was replaced by somebody else's.
foreign_pins() {
	local name
	attach "$file" -q
	crmgate detach --all
	name=$(find "$pins" -name tags)
	rm "$name"
	bpftool map create "$name" type hash key 4 value 4 entries 1 name foreign
	expect_exit 1 crmgate attach crm0 --policy "$file"
	expect 'names the pin' "$OUTPUT" =~ 'tags'
	no_program
	bpftool -j map show pinned "$name" | jq -e '.name == "foreign"'
	# What the message advises must help.
	purge
	test ! -e "$pins"
}

# The pin of the policy in force is removed: what is in force stays so, also for an attach.
policy_pin_removed() {
	attach "$file" -q
	crmgate ban 203.0.113.77 -q
	rm "$(find "$pins" -name front)"
	crmgate status --check
	crmgate attach crm0 -q
	test -e "$(find "$pins" -name front)"
	expect_json "$(crmgate status -j)" '.policy.generation == 1 and .problems == []'
	expect_json "$(crmgate bans -j)" '.bans | length == 1'
	crmgate prove
}

# What is left without a policy is not renewed: it goes on, until an attach by name begins anew.
policy_pins_removed() {
	local before
	expect_exit 1 crmgate attach --all
	expect 'what it says' "$OUTPUT" =~ "nothing is attached for instance '$LAB_INSTANCE'"
	test ! -e "$pins"
	attach "$file" -q
	before=$(in_host bpftool -j net show)
	rm "$(find "$pins" -name front)" "$(find "$pins" -name fronts)"
	expect_exit 1 crmgate attach --all
	expect 'what it says' "$OUTPUT" =~ 'pins of the policy.* were removed.*attach IFACE --policy FILE'
	expect 'programs' "$(in_host bpftool -j net show)" == "$before"
	attach "$file" -q
	crmgate status --check -q
}

# Files that are not ours lie where a new state is to be made: they are replaced
# or refused, but a state that works in part is never left.
foreign_files() {
	attach "$file" -q
	local version
	version=$(find "$pins" -mindepth 1 -maxdepth 1)
	purge -q
	mkdir -p "$version"
	bpftool map create "$version/tags" type hash key 4 value 4 entries 1 name foreign
	bpftool map create "$version/other" type hash key 4 value 4 entries 1 name foreign
	attach "$file" -q || { no_program; return; }
	expect_json "$(crmgate status -j)" '(.interfaces | length) == 2 and .problems == []'
	bpftool -j map show pinned "$version/tags" | jq -e '.name != "foreign"'
	purge
}

# A folder that somebody else owns could be changed under us.
foreign_owner() {
	mkdir -p "$pins"
	chown 65534:65534 "$pins"
	expect_exit 1 crmgate attach crm0 --policy "$file"
	expect 'names the folder' "$OUTPUT" =~ "$LAB_INSTANCE"
	no_program
	rmdir "$pins"
}

# Reading needs no root: the group of the pins may read, others may not.
modes_of_pins() {
	attach "$file" -q
	expect 'folders that others can enter' \
		"$(find "$pins" -type d -perm /007 | wc -l)" -eq 0
	expect 'pins that others can open' "$(find "$pins" -type f -perm /007 | wc -l)" -eq 0
	expect 'lock' "$(stat -c %a "/run/crmgate/$LAB_INSTANCE.lock")" -eq 600
	purge
	test ! -e "$pins"
}

# Two installations on one kernel know nothing of each other.
two_instances() {
	other() { in_host "$CRMGATE" "$1" --instance "$LAB_INSTANCE-b" "${@:2}"; }
	trap 'other detach --all --purge' EXIT
	crmgate attach crm0 --policy "$file"
	other attach crm1 --policy "$file"
	lab_flood --count 3000
	expect_json "$(crmgate status -j)" '[.interfaces[].name] == ["crm0"] and
		([.policies[] | .dropped_packets] | add) == 0'
	expect_json "$(other status -j)" '[.interfaces[].name] == ["crm1"] and
		([.policies[] | .dropped_packets] | add) > 0'
	expect_exit 3 other attach crm0
	purge
	expect_json "$(other status -j)" '.problems == []'
}

# Each case begins with nothing attached and nothing pinned.
fresh() {
	rm -rf "$pins"
	"$@"
}

t 'B6 bpffs is missing' fresh missing
t 'B6 there is no bpffs at all' mounted
t 'B6 bpffs is read-only' fresh read_only
t 'B6 bpffs becomes read-only under a state' fresh becomes_read_only
t 'B6 a map was replaced by another' fresh foreign_pins
t 'B6 the pin of the policy was removed' fresh policy_pin_removed
t 'B6 all pins of the policy were removed' fresh policy_pins_removed
t 'B6 foreign files where the pins go' fresh foreign_files
t 'B6 the pin folder belongs to somebody else' fresh foreign_owner
t 'B6 pins and lock are closed to others' fresh modes_of_pins
t 'main: two instances' fresh two_instances
t_done
