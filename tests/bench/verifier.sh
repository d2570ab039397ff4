#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# verifier.sh - how much the verifier has to walk through to accept the programs,
# beside the million instructions after which it gives up, and how large they are.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up
sized 2 1 | policy verifier.yaml >/dev/null
fresh "$LAB_DIR/verifier.yaml"
in_host "$BENCH/proginfo" crm0 >"$LAB_DIR/programs.json"

# shellcheck disable=SC2016 # of jq
part_done --slurpfile info "$LAB_DIR/programs.json" '{programs: ($info[0].programs
	| map(. + {of_a_million: (.verified_instructions / 1e6)}))}'
