#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# linux-6.12-reboot.sh - what is in force comes back when the kernel boots again.
. "$(dirname "$0")/lib.sh"

kernel_reboot 6.12 tests/kernels/reboot.sh
