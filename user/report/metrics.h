/* SPDX-License-Identifier: GPL-2.0 */
/* metrics.h - a snapshot as Prometheus text, format 0.0.4. */
#ifndef CRMGATE_METRICS_H
#define CRMGATE_METRICS_H

#include <stdio.h>

#include "snapshot.h"

#define CRMG_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/*
 * Writes every series. The number of them depends on the policy, never on the
 * number of sources. snap must have been taken with CRMG_SNAP_BANS. Returns 0,
 * -ENOMEM, or -EIO when out could not be written.
 */
int crmg_metrics_write(const struct crmg_snapshot *snap, FILE *out);

#endif
