/* SPDX-License-Identifier: GPL-2.0 */
/*
 * maps.h - every map but the clock. Layouts and who writes what: abi.h. Sizes of
 * the tables are set at load. The maps that user space reads as memory
 * are mmapable: a reader needs no system call per entry, and values start on a
 * page, so that a 64-byte line is a cache line.
 */
#ifndef CRMGATE_BPF_MAPS_H
#define CRMGATE_BPF_MAPS_H

#include "once.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024 / CRMG_WAYS);
	__type(key, __u32);
	__type(value, struct crmg_tags);
} tags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct crmg_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct crmg_detail);
} details SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct crmg_proved);
} proved_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct crmg_asked);
} asked_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct crmg_windows);
} windows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct crmg_throttle);
} throttles SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CRMG_KEPT_MAX);
	__type(key, __u64);
	__type(value, struct crmg_kept);
} kept SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRMG_AGGREGATE_LINES(1024));
	__type(key, __u32);
	__type(value, struct crmg_aggregates);
} aggregates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRMG_TOTALS);
	__type(key, __u32);
	__type(value, struct crmg_bucket);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRMG_TOTAL_WINDOWS(1024));
	__type(key, __u32);
	__type(value, struct crmg_total_windows);
} total_windows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024 / CRMG_WAYS);
	__type(key, __u32);
	__type(value, struct crmg_flows);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct crmg_greeting);
} greetings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024 / CRMG_WAYS);
	__type(key, __u32);
	__type(value, struct crmg_contags);
} contags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct crmg_conn);
} conns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct crmg_stream);
} streams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024 / CRMG_WAYS);
	__type(key, __u32);
	__type(value, struct crmg_gauges);
} gauges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRMG_PATIENTS);
	__type(key, __u32);
	__type(value, struct crmg_patience);
} patience SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRMG_SHARE_SLOTS);
	__type(key, __u32);
	__type(value, struct crmg_share);
} shares SEC(".maps");

/*
 * One value of a fixed size: the look-up of the map is inlined by the verifier, and
 * what is in it is then reached by arithmetic. A look-up in a map whose size may
 * differ (BPF_F_INNER_MAP) is a call, which costs more than all of a hash.
 */
struct crmg_front_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct crmg_front));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CRMG_FRONTS);
	__type(key, __u32);
	__array(values, struct crmg_front_map);
} fronts SEC(".maps");

struct crmg_back_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP | BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct crmg_cell));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct crmg_back_map);
} backs SEC(".maps");

struct crmg_row_chunk {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CRMG_ROW_CHUNK);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct crmg_row));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CRMG_ROW_CHUNKS_MAX);
	__type(key, __u32);
	__array(values, struct crmg_row_chunk);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CRMG_CLIENT_ROWS);
	__type(key, __u32);
	__type(value, struct crmg_client_row);
} client_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crmg_host);
} host SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crmg_control);
} control_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crmg_scratch);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__uint(max_entries, CRMG_BANS_MAX);
	__type(key, struct crmg_ban_key);
	__type(value, struct crmg_ban);
} bans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crmg_ban_filter);
} banfilter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__uint(max_entries, 2 * CRMG_OWN_MAX);
	__type(key, struct crmg_addr);
	__type(value, __u64);
} own_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRMG_EVENT_RING);
	__type(key, __u32);
	__type(value, struct crmg_event);
} events SEC(".maps");

/* Kept for user space: the programs never look into these. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRMG_ORIGINS_MAX);
	__type(key, __u32);
	__type(value, struct crmg_origin);
} origins SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crmg_proof);
} proof SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crmg_setup);
} setup SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRMG_IFACES_MAX);
	__type(key, __u32);
	__type(value, struct crmg_iface);
} ifaces SEC(".maps");

static __always_inline struct crmg_host *crmg_host(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&host, &zero);
}

static __always_inline void crmg_count_host(enum crmg_host_id id)
{
	struct crmg_host *h = crmg_host();

	if (h)
		h->counter[id]++;
}

static __always_inline struct crmg_scratch *crmg_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* Notes when something was last so, to a second: all CPUs share the word. */
static __always_inline void crmg_note_ns(__u64 *word, __u64 now_ns)
{
	if (now_ns - CRMG_READ_ONCE(*word) > 1000000000)
		CRMG_WRITE_ONCE(*word, now_ns);
}

#endif
