/* SPDX-License-Identifier: GPL-2.0 */
/*
 * locals.h - the addresses at which this host takes packets, by table "local" of its routing:
 * so without those of an interface that is down, in dispute with another host, or of a VRF.
 */
#ifndef CRMGATE_LOCALS_H
#define CRMGATE_LOCALS_H

#include "addr.h"

/*
 * Single addresses, each once, in order; none of loopback or of one link only, which others may
 * have as well. Negative errno: -EAGAIN if they changed meanwhile. The caller frees *ret.
 */
int crmg_locals_read(struct crmg_addr **ret, size_t *ret_count);

#endif
