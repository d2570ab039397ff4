#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# alerts.sh - the alert rules for Prometheus that are shipped as an example. Needs no root.
. "$(dirname "$0")/lib.sh"

rules=packaging/crmgate.rules.yml

well_formed() { promtool check rules "$rules"; }

alert() {
	cp "$rules" tests/pkg/alerts.yaml "$LAB_DIR"
	promtool test rules "$LAB_DIR/alerts.yaml"
}

# A rule about a metric that is not exported would never alert.
knows_metrics() {
	local exported named
	exported=$(awk '$1 == "#" && $2 == "TYPE" { print $3 }' tests/golden/metrics.txt)
	named=$(grep -vE '^ *#' "$rules" | sed -n 's/.*expr: //p' | grep -oE 'crmgate_[a-z_]+' | sort -u)
	same 'not exported' "$(comm -13 <(sort <<<"$exported") <(echo "$named"))" ''
	(($(wc -l <<<"$named") >= 5))
}

t 'B14 the rules are well formed' well_formed
t 'B14 they alert when they should, and only then' alert
t 'B14 they are about metrics that are exported' knows_metrics
t_done
