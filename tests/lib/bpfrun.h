/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bpfrun.h - a rig: the programs under test with their maps and a policy in
 * force, fed by BPF_PROG_TEST_RUN. Attached to nothing; pinned in a bpffs that
 * only this process sees. What cannot be set up fails the running cmocka test.
 */
#ifndef CRMGATE_TEST_BPFRUN_H
#define CRMGATE_TEST_BPFRUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crmgate/abi.h>

#include "../../user/compile/compile.h"
#include "packet.h"

struct crmg_rig;

/*
 * Loads the programs with a table of the capacity and source prefixes that the
 * policy (YAML text) says, and puts the policy in force as generation 1. The
 * clock of the rig is the kernel's until it is set.
 */
struct crmg_rig *crmg_rig_new(const char *policy);
void crmg_rig_free(struct crmg_rig **rig);

/* Switches to another policy, next generation. */
void crmg_rig_apply(struct crmg_rig *rig, const char *policy);

/* The same, until it is confirmed or taken back: the end of its time, CLOCK_MONOTONIC. */
uint64_t crmg_rig_apply_for(struct crmg_rig *rig, const char *policy, uint64_t confirm_ns);
void crmg_rig_confirm(struct crmg_rig *rig);
void crmg_rig_rollback(struct crmg_rig *rig);

const struct crmg_image *crmg_rig_image(const struct crmg_rig *rig);

/* Every clock of the packet path; 0: the kernel's. */
void crmg_rig_set_clock(struct crmg_rig *rig, uint64_t ns);

/* The clock on the wall, in seconds since 1970, without leap seconds; 0: the kernel's. */
void crmg_rig_set_wall(struct crmg_rig *rig, uint64_t s);

/* From the first to the last packet that the kernel's clock was read for. */
uint64_t crmg_rig_elapsed(const struct crmg_rig *rig);
/* Of that time, in gaps of half a second and more, in which a busy host let nobody run. */
uint64_t crmg_rig_idle(const struct crmg_rig *rig);

/* At this time these are found to be the addresses of this host. */
void crmg_rig_own(struct crmg_rig *rig, const struct crmg_addr *addr, size_t count,
		  uint64_t now_ns);

/* While it is on, every compare-and-swap of the packet path meets another CPU's write. */
void crmg_rig_set_contended(struct crmg_rig *rig, bool on);

/* The table as new: no source known, host-wide limiters full. Counters and bans stay. */
void crmg_rig_forget(struct crmg_rig *rig);

/* ----------------------------------------------------------------- running */

struct crmg_rig_output {
	size_t len;
	uint8_t data[CRMG_TEST_FRAME_MAX + 64];
};

/*
 * One frame (of 14 bytes or more) through XDP: returns XDP_PASS, XDP_DROP or
 * XDP_TX; output may be NULL.
 */
uint32_t crmg_rig_xdp(struct crmg_rig *rig, const struct crmg_test_frame *frame,
		      struct crmg_rig_output *output);

/*
 * While it is on, what arrives is judged by the program of TC ingress instead: the calls
 * above and below return the action of XDP that means the same. Not every frame can be
 * run there: see crmg_rig_tc_takes().
 */
void crmg_rig_set_tc_ingress(struct crmg_rig *rig, bool on);

/* The same for a packet: built, then run. */
uint32_t crmg_rig_xdp_packet(struct crmg_rig *rig, const struct crmg_test_packet *packet);

/*
 * The frame `repeat` times, which should be many: each call makes the kernel
 * patch its XDP dispatcher, some 10 ms.
 */
void crmg_rig_xdp_repeat(struct crmg_rig *rig, const struct crmg_test_frame *frame,
			 uint32_t repeat);

/* What the stack tells a TC program about a super-packet. */
struct crmg_rig_gso {
	uint32_t segments;
	uint32_t segment_size;
	uint32_t wire_len;
};

/* A page, without what older kernels need of it. */
#define CRMG_RIG_TC_MAX 3500

/* True if the kernel takes the frame for a test run of TC: it wants whole IP headers. */
bool crmg_rig_tc_takes(const struct crmg_test_frame *frame);

/* One frame through TC egress; gso may be NULL. Returns TC_ACT_*. */
uint32_t crmg_rig_tc(struct crmg_rig *rig, const struct crmg_test_frame *frame,
		     const struct crmg_rig_gso *gso);

/* The same, and what became of the frame. */
uint32_t crmg_rig_tc_output(struct crmg_rig *rig, const struct crmg_test_frame *frame,
			    struct crmg_rig_output *output);

/* The frame `repeat` times; threads may do so at once. */
void crmg_rig_tc_repeat(struct crmg_rig *rig, const struct crmg_test_frame *frame,
			const struct crmg_rig_gso *gso, uint32_t repeat);

/* The same for a packet: built, then run. */
uint32_t crmg_rig_tc_packet(struct crmg_rig *rig, const struct crmg_test_packet *packet);

/* Descriptors of the TC programs; and a frame through another one, that tail-calls one. */
int crmg_rig_tc_fd(const struct crmg_rig *rig);
int crmg_rig_tc_in_fd(const struct crmg_rig *rig);
uint32_t crmg_rig_tc_by(int program, const struct crmg_test_frame *frame,
			const struct crmg_rig_gso *gso);

/* ----------------------------------------------------------------- reading */

/* Counters of a (service, policy), summed over CPUs; policy also "none", "allow". */
struct crmg_row crmg_rig_row(struct crmg_rig *rig, const char *service, const char *policy);

/* Counters of a client of the policy file, summed over CPUs. */
struct crmg_client_row crmg_rig_client(struct crmg_rig *rig, const char *client);

/* All rows added up. */
struct crmg_row crmg_rig_total(struct crmg_rig *rig);
uint64_t crmg_rig_host(struct crmg_rig *rig, enum crmg_host_id id);
uint64_t crmg_rig_odd(struct crmg_rig *rig, enum crmg_oddity oddity);

/* Of all CPUs together, as it is now. */
const struct crmg_scratch *crmg_rig_scratch(const struct crmg_rig *rig);

/* The live slot and detail of a source (cut to its prefix) at a service, or NULL. */
const struct crmg_slot *crmg_rig_slot(struct crmg_rig *rig, const char *service,
				      struct crmg_addr addr);
/* How many connections a source that has a slot has, as reports tell it; 0: it has none. */
uint32_t crmg_rig_has(struct crmg_rig *rig, const char *service, struct crmg_addr addr,
		      enum crmg_cap cap);
struct crmg_detail *crmg_rig_detail(struct crmg_rig *rig, const char *service,
				    struct crmg_addr addr);
/* Why a source that has a slot was refused last; CRMG_REASON_OK: it never was. */
enum crmg_reason crmg_rig_refused(struct crmg_rig *rig, const char *service,
				  struct crmg_addr addr);
/* Where it is noted how a source asks that has a slot: its place, whoever has it. */
struct crmg_patience *crmg_rig_patience(struct crmg_rig *rig, const char *service,
					struct crmg_addr addr);
uint32_t crmg_rig_tracked(struct crmg_rig *rig);
/* Wider prefixes that have what they were sent written down. */
uint32_t crmg_rig_wides(struct crmg_rig *rig);

/* State of the tag of that slot; CRMG_TAG_EMPTY: there is none. */
enum crmg_tag_state crmg_rig_state(struct crmg_rig *rig, const char *service,
				   struct crmg_addr addr);

/* As if a source with a slot had sent so much already: packets << CRMG_TRAFFIC_SHIFT | bytes. */
void crmg_rig_set_traffic(struct crmg_rig *rig, const char *service, struct crmg_addr addr,
			  uint64_t word);

/* Number of the newest event; the event of a number in (head - CRMG_EVENT_RING, head]. */
uint64_t crmg_rig_event_head(struct crmg_rig *rig);
const struct crmg_event *crmg_rig_event(struct crmg_rig *rig, uint64_t seq);

/* ---------------------------------------------------------------- operator */

/* Returns the end of the ban, CLOCK_BOOTTIME. for_ns may be CRMG_BAN_FOREVER. */
uint64_t crmg_rig_ban(struct crmg_rig *rig, const char *prefix, const char *service,
		      uint64_t for_ns);
void crmg_rig_unban(struct crmg_rig *rig, const char *prefix);
void crmg_rig_panic(struct crmg_rig *rig, bool on);

#endif
