#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# linux-6.1.sh - the oldest kernel that crmgate is written for; egress by clsact.
. "$(dirname "$0")/lib.sh"

kernel_test 6.1 "${programs[@]}"
