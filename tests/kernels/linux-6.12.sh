#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# linux-6.12.sh - the newest kernel of Debian 12; egress by tcx.
. "$(dirname "$0")/lib.sh"

kernel_test 6.12 "${programs[@]}" tests/kernels/chain.sh
