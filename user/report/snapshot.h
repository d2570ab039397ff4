/* SPDX-License-Identifier: GPL-2.0 */
/*
 * snapshot.h - one reading of the kernel's state: what every report is made of.
 * Filled by kern/, read by report/, which knows nothing of the kernel.
 */
#ifndef CRMGATE_SNAPSHOT_H
#define CRMGATE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crmgate/abi.h>

#include "../compile/compile.h"

struct crmg_iface_state {
	struct crmg_iface wanted;	/* as attach left it */
	bool present;			/* an interface of that index exists */
	bool xdp_ours;			/* our program is on its XDP hook */
	bool xdp_foreign;		/* another program is */
	bool tc_ours;
	uint32_t xdp_id;		/* program behind the link; 0: none, or not known */
	uint32_t tc_id;
	uint8_t chain_at;		/* place in the dispatcher of libxdp, from 1 on; 0: not known */
	uint8_t chain_programs;		/* that are in it */
};

struct crmg_ban_entry {
	struct crmg_ban_key key;
	struct crmg_ban ban;
};

/*
 * X(ID, "name", "help"): what is known of a source. Each that is tracked is in one of
 * these states.
 */
#define CRMG_SOURCE_STATES(X) \
	X(SEEN,     "seen",     "one packet came, it has no slot yet") \
	X(UNPROVEN, "unproven", "has a slot; its address may be forged") \
	X(LIMITED,  "limited",  "the same, and it was refused something") \
	X(PROVEN,   "proven",   "completed a TCP handshake") \
	X(BANNED,   "banned",   "the same, and it is banned automatically")

#define CRMG_ENUM_SOURCE(ID, ...) CRMG_SOURCE_##ID,
enum crmg_source_state { CRMG_SOURCE_STATES(CRMG_ENUM_SOURCE) CRMG_SOURCE_STATE_COUNT };

/* An apply that waits to be confirmed. */
struct crmg_pending {
	uint32_t generation;		/* in force until then; 0: none waits */
	uint32_t previous;		/* ... and from then on */
	uint64_t until_ns;		/* real_ns */
};

struct crmg_snapshot {
	uint64_t real_ns;		/* the three clocks, read together */
	uint64_t boot_ns;
	uint64_t mono_ns;

	const struct crmg_image *image;	/* never NULL */
	struct crmg_pending pending;
	const struct crmg_row *rows;	/* summed over CPUs; [0, row_count) */
	size_t row_count;
	const struct crmg_client_row *client_rows;	/* the same; [0, client_row_count) */
	size_t client_row_count;
	struct crmg_host host;		/* summed over CPUs */
	struct crmg_control control;
	struct crmg_proof proof;	/* the last one */
	uint32_t front;			/* id of the map that `image` begins with */
	uint64_t event_seq;

	const struct crmg_iface_state *ifaces;
	size_t iface_count;

	uint32_t capacity;
	uint32_t tracked;		/* sources with a tag: seen once, or with a slot */
	uint32_t recent;		/* of them, those that sent something in the last minute */
	uint32_t by_state[CRMG_SOURCE_STATE_COUNT];
	uint64_t unread_ns;		/* real_ns: the policy cannot be read again since; 0: it can */
	uint64_t pressure_ns;		/* boot_ns when a packet last found no slot; 0: never */
	uint64_t aggregates_full_ns;	/* the same, when a wider prefix found no place */
	const struct crmg_tags *tags;	/* these three may change while they are read */
	const struct crmg_slot *slots;	/* capacity; unless asked for, of banned sources only */
	const struct crmg_detail *details;	/* the same */
	const struct crmg_windows *windows;	/* capacity of them; NULL unless sources are asked for */
	const struct crmg_asked *asked;	/* the same */
	const struct crmg_patience *patience;	/* CRMG_PATIENTS of them; NULL unless asked for */
	const struct crmg_gauges *gauges;	/* head.flows / CRMG_WAYS lines; NULL unless asked for */
	const struct crmg_bucket *totals;	/* CRMG_TOTALS of them; NULL unless asked for */
	const struct crmg_total_windows *total_windows;	/* the same */

	const struct crmg_origin *origins;	/* CRMG_ORIGINS_MAX of them; "": free */
	uint32_t ban_count;		/* manual, not expired; automatic ones are in the slots */
	const struct crmg_ban_entry *bans;	/* manual, expired ones left out */
	size_t ban_entries;		/* 0 unless asked for */
};

#endif
