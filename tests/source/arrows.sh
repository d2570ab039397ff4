#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# arrows.sh - which folder of user/ may include which, and that only kern/ sees
# libbpf. A planted violation must be found, or the check means nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1

declare -A may=(
	[base]="base" [state]="base state" [model]="base model" [config]="base model config"
	[compile]="base model compile" [report]="base compile report"
	[audit]="base state report audit"
	[ledger]="base state compile report ledger"
	[kern]="base model compile report state audit kern"
	[daemon]="base state model config kern report ledger daemon"
	[cli]="base state model config compile report audit ledger kern daemon cli"
)

# violations FOLDER...: a line for each include that is not allowed.
violations() {
	local root file folder line target
	for root; do
		while IFS=: read -r file line; do
			folder=${file#"$root"/} folder=${folder%%/*}
			case $line in
			*'<bpf/'* | *'.skel.h"'*) [[ $folder == kern ]] || echo "$file: $line" ;;
			*'"../'*)
				target=${line#*\"../} target=${target%%/*}
				[[ " ${may[$folder]} " == *" $target "* ]] || echo "$file: $line" ;;
			esac
		done < <(grep -rE '^#include' --include='*.[ch]' "$root")
	done
}

found=$(violations user)
if [[ -z $found ]]; then
	echo 'ok 1 - the arrows between the folders of user/'
else
	echo 'not ok 1 - the arrows between the folders of user/'
	sed 's/^/# /' <<<"$found"
fi

plant=$(mktemp -d)
trap 'rm -rf "$plant"' EXIT
mkdir "$plant"/{model,report}
echo '#include "../kern/kern.h"' >"$plant/model/planted.c"
echo '#include <bpf/bpf.h>' >"$plant/report/planted.c"
if (($(violations "$plant" | wc -l) == 2)); then
	echo 'ok 2 - planted violations are found'
else
	echo 'not ok 2 - planted violations are found'
fi
echo '1..2'
[[ -z $found ]]
