/* SPDX-License-Identifier: GPL-2.0 */
/*
 * calibrate.h - requests as the packet path counted them beside those that a web server
 * logged in the same time, by source. Text in, figures out: reads no file and no clock.
 */
#ifndef CRMGATE_CALIBRATE_H
#define CRMGATE_CALIBRATE_H

#include <stdio.h>

#include <jansson.h>

#include "snapshot.h"

struct crmg_calibrated {
	struct crmg_addr source;	/* cut to its prefix */
	uint64_t logged;
	uint64_t before;		/* counted when the time began, ... */
	uint64_t after;			/* and when it ended */
};

struct crmg_calibration {
	uint32_t service;		/* index */
	uint32_t generation;		/* of the policy in force when the time began */
	uint64_t from_s;		/* CLOCK_REALTIME, whole seconds: [from, to) */
	uint64_t to_s;

	struct crmg_calibrated *sources;
	size_t count;
	size_t folded;			/* of them, each source once, in order */

	/* By policies, whatever the table of sources forgot; before the time, then in it. */
	uint64_t passed;
	uint64_t refused;

	/* Lines of the log that do not count, and why. */
	uint64_t outside;		/* of another time */
	uint64_t no_request;		/* the server read no request */
	uint64_t uncounted;		/* of sources whose policy has no requests read */
	uint64_t unreadable;
	char unreadable_line[120];	/* the first of them, cut */
	const char *unreadable_why;

	uint64_t logged;		/* sums; set by _reckon() */
	uint64_t apart;			/* differences of the sources, without their signs */
	uint64_t unnamed;		/* counted, of sources that were forgotten meanwhile */
};

/* True if a policy of the service counts requests. */
bool crmg_calibrate_counts(const struct crmg_snapshot *snap, uint32_t service);

/*
 * The counts of all sources of a service (cal->service) at both ends of the time, of
 * snapshots with CRMG_SNAP_SOURCES: 0 or -ENOMEM; _end() -ESTALE: another policy came into
 * force meanwhile.
 */
int crmg_calibrate_begin(struct crmg_calibration *cal, const struct crmg_snapshot *snap);
int crmg_calibrate_end(struct crmg_calibration *cal, const struct crmg_snapshot *snap);

/* A line of the log, once from_s and to_s are known: 0 or -ENOMEM. */
int crmg_calibrate_line(struct crmg_calibration *cal, const struct crmg_snapshot *snap,
			const char *line);

/* When all lines were read: sums it up, and orders the sources by what they asked for. */
void crmg_calibrate_reckon(struct crmg_calibration *cal);

/* What was counted of a source. */
uint64_t crmg_calibrated_count(const struct crmg_calibrated *source);

/* A new document, or NULL; and the first `max` sources as text: 0 or -ENOMEM. */
json_t *crmg_calibrate_json(const struct crmg_snapshot *snap, const struct crmg_calibration *cal);
int crmg_calibrate_text(const struct crmg_snapshot *snap, const struct crmg_calibration *cal,
			size_t max, bool colour, FILE *out);

void crmg_calibrate_free(struct crmg_calibration *cal);

#endif
