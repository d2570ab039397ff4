#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# linux-6.1-chain.sh - beside other XDP programs, in the dispatcher of libxdp.
. "$(dirname "$0")/lib.sh"

kernel_test 6.1 tests/kernels/chain.sh
