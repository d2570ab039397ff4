/* SPDX-License-Identifier: GPL-2.0 */
/*
 * snapshot.h - a snapshot built by hand for the tests of report/: two services,
 * five policies, clocks that stand still. One a test program; no freeing but of
 * the image.
 */
#ifndef CRMGATE_TEST_SNAPSHOT_H
#define CRMGATE_TEST_SNAPSHOT_H

#include <stdio.h>

#include <jansson.h>

#include "policy.h"
#include "../../user/base/num.h"
#include "../../user/report/snapshot.h"

#define CAPACITY 1024
#define REAL_NS  (1800000000 * CRMG_NS_PER_SEC)	/* 2027-01-15T08:00:00Z */
#define BOOT_NS  (1000000 * CRMG_NS_PER_SEC)
#define MONO_NS  (900000 * CRMG_NS_PER_SEC)
#define GENERATION 7

struct fixture {
	struct policy policy;
	struct crmg_image image;
	struct crmg_row rows[16];
	struct crmg_client_row client_rows[3];
	struct crmg_iface_state ifaces[3];
	struct crmg_tags tags[CAPACITY / CRMG_WAYS];
	struct crmg_slot slots[CAPACITY];
	struct crmg_detail details[CAPACITY];
	struct crmg_windows windows[CAPACITY];
	struct crmg_asked asked[CAPACITY];
	struct crmg_patience patience[CRMG_PATIENTS];
	struct crmg_gauges gauges[1024 / CRMG_WAYS];
	struct crmg_ban_entry bans[64];
	struct crmg_origin origins[CRMG_ORIGINS_MAX];
	struct crmg_bucket totals[CRMG_TOTALS];
	struct crmg_total_windows total_windows[CRMG_TOTAL_WINDOWS(CAPACITY)];
	struct crmg_snapshot snap;
};

static struct fixture fx;

static inline void limit(struct crmg_model_policy *policy, enum crmg_limit_id id, uint64_t count,
			 uint64_t burst)
{
	policy->limits[id].set = true;
	policy->limits[id].terms = (struct crmg_terms){ count, CRMG_NS_PER_SEC, burst };
}

static inline void make_policy(struct policy *p)
{
	struct crmg_model_policy *policy;
	size_t web, dns, partners, bad;

	policy_init(p);
	p->model.file = "/etc/crmgate/policy.yaml";
	web = add_service(p, "web", CRMG_TRANSPORT_TCP, 443, 443);
	p->services[web].protocol = CRMG_PROTOCOL_TLS;
	dns = add_service(p, "dns", CRMG_TRANSPORT_UDP, 53, 54);
	add_address(p, pfx("10.9.0.0/16"));
	partners = add_client(p, "partners");
	add_prefix(p, pfx("10.1.0.0/16"));
	add_prefix(p, pfx("2001:db8:7::/48"));
	bad = add_client(p, "bad");
	add_prefix(p, pfx("10.66.0.0/16"));
	p->clients[bad].feed_ns = REAL_NS - 90 * 60 * CRMG_NS_PER_SEC;
	policy = add_policy(p, "partners", web, partners);
	limit(policy, CRMG_LIMIT_PACKETS, 200, 400);
	limit(policy, CRMG_LIMIT_BYTES, 10000000, 10000000);
	policy = add_policy(p, "public", web, CRMG_CLIENT_ANY);
	limit(policy, CRMG_LIMIT_CONNECTIONS, 20, 40);
	policy->mode = CRMG_MODE_SHADOW;
	add_policy(p, "bad", web, bad)->deny = true;
	policy = add_policy(p, "public", dns, CRMG_CLIENT_ANY);
	limit(policy, CRMG_LIMIT_PACKETS, 1000, 1000);
	add_allow(p, pfx("192.0.2.10"));
}

static inline void compile_fixture(void)
{
	fx.image = compiled(&fx.policy, NULL, GENERATION);
	crmg_image_stamp(&fx.image, NULL, REAL_NS - 90 * CRMG_NS_PER_SEC);
}

static inline void fixture_init(void)
{
	free(fx.image.cells);
	memset(&fx, 0, sizeof(fx));
	make_policy(&fx.policy);
	compile_fixture();
	fx.snap = (struct crmg_snapshot){
		.real_ns = REAL_NS,
		.boot_ns = BOOT_NS,
		.mono_ns = MONO_NS,
		.image = &fx.image,
		.rows = fx.rows,
		.row_count = CRMG_ARRAY_SIZE(fx.rows),
		.client_rows = fx.client_rows,
		.client_row_count = CRMG_ARRAY_SIZE(fx.client_rows),
		.ifaces = fx.ifaces,
		.capacity = CAPACITY,
		.tags = fx.tags,
		.slots = fx.slots,
		.details = fx.details,
		.windows = fx.windows,
		.asked = fx.asked,
		.patience = fx.patience,
		.gauges = fx.gauges,
		.totals = fx.totals,
		.total_windows = fx.total_windows,
		.bans = fx.bans,
		.origins = fx.origins,
	};
	crmg_copy(fx.origins[0].name, CRMG_NAME_LEN, "manual");
}

/* An interface on which everything is as it should be. */
static inline struct crmg_iface_state *add_iface(const char *name)
{
	struct crmg_iface_state *iface = &fx.ifaces[fx.snap.iface_count++];

	crmg_copy(iface->wanted.name, sizeof(iface->wanted.name), name);
	iface->wanted.ifindex = 3;
	iface->wanted.xdp_mode = CRMG_XDP_NATIVE;
	iface->wanted.tc_kind = CRMG_TC_TCX;
	iface->wanted.attached_at_ns = REAL_NS - 3600 * CRMG_NS_PER_SEC;
	iface->present = iface->xdp_ours = iface->tc_ours = true;
	return iface;
}

static inline struct crmg_ban_entry *add_ban(const char *prefix, uint8_t service,
					     uint64_t seconds_left)
{
	struct crmg_ban_entry *entry = &fx.bans[fx.snap.ban_entries++];
	struct crmg_pfx p = pfx(prefix);

	entry->key.addr = p.addr;
	entry->key.len = p.len;
	entry->key.service = service;
	entry->ban.until_ns = seconds_left ? BOOT_NS + seconds_left * CRMG_NS_PER_SEC
					   : CRMG_BAN_FOREVER;
	entry->ban.added_ns = BOOT_NS - CRMG_NS_PER_SEC;
	crmg_copy(entry->ban.origin, sizeof(entry->ban.origin), "manual");
	fx.snap.ban_count = fx.snap.ban_entries;
	return entry;
}

static inline void set_tag(uint32_t index, enum crmg_tag_state state)
{
	fx.tags[index / CRMG_WAYS].tag[index % CRMG_WAYS] =
		(index + 1) << CRMG_TAG_HASH_SHIFT |
		(__u32)state << CRMG_TAG_STATE_SHIFT;
}

/* A source in use at the service "web", seen 10 s ago at first and now. */
static inline struct crmg_detail *add_source(uint32_t index, const char *source)
{
	struct crmg_detail *detail = &fx.details[index];
	struct crmg_slot *slot = &fx.slots[index];
	uint32_t now = MONO_NS >> CRMG_SLOT_TICK_SHIFT;

	set_tag(index, CRMG_TAG_LIVE);
	slot->resolved = GENERATION | 1ULL << 32;
	detail->addr = addr(source);
	detail->service = (uint8_t)crmg_image_service_find(&fx.image, "web");
	detail->first_seen = now - 596;	/* ticks of 16.8 ms */
	slot->last_seen = now;
	fx.snap.tracked++;
	return detail;
}

/* The same, of a policy that counts requests: so many of it passed. */
static inline struct crmg_detail *add_requests(uint32_t index, const char *source, uint64_t count)
{
	fx.slots[index].check = index + 1;
	fx.asked[index] = (struct crmg_asked){ .check = index + 1, .requests = count };
	return add_source(index, source);
}

/* A source in use that was banned automatically, for so many seconds from now on. */
static inline struct crmg_detail *add_auto_ban(uint32_t index, const char *source,
					       int seconds_left)
{
	struct crmg_detail *detail = add_source(index, source);

	set_tag(index, CRMG_TAG_BANNED);
	fx.slots[index].auto_until_s = (uint32_t)(BOOT_NS / CRMG_NS_PER_SEC) + seconds_left;
	detail->auto_bans = 1;
	return detail;
}

/* Index of the binding of a policy, by its names. */
static inline uint32_t binding_index(const char *service, const char *policy)
{
	for (uint32_t i = 1; i <= crmg_image_head(&fx.image)->bindings; i++) {
		const struct crmg_label *label = crmg_image_label(&fx.image, i);

		if (strcmp(label->service, service) == 0 && strcmp(label->policy, policy) == 0)
			return i;
	}
	fail_msg("no policy %s of %s", policy, service);
	return 0;
}

/* The counters of a policy, by its names. */
static inline struct crmg_row *row_of(const char *service, const char *policy)
{
	return &fx.rows[crmg_image_binding(&fx.image, binding_index(service, policy))->row];
}

/* The counters of a client of the fixture: "partners", "bad". */
static inline struct crmg_client_row *client_row_of(const char *name)
{
	const struct crmg_client *clients;
	size_t count;

	clients = crmg_image_section(&fx.image, CRMG_SECTION_CLIENTS, &count);
	for (size_t i = 0; i < count; i++)
		if (clients[i].row && strcmp(clients[i].name, name) == 0)
			return &fx.client_rows[clients[i].row];
	fail_msg("no client %s", name);
	return NULL;
}

static inline void budget(struct crmg_model_budget *budget, uint64_t count)
{
	budget->set = true;
	budget->limits[CRMG_LIMIT_PACKETS].set = true;
	budget->limits[CRMG_LIMIT_PACKETS].terms =
		(struct crmg_terms){ count, CRMG_NS_PER_SEC, count };
}

/* What each source of web/partners may be sent, once it is compiled. */
static inline void add_quotas(void)
{
	fx.policy.policies[0].bytes_out = (struct crmg_model_bytes_out){
		.count = 2, .quota = { { .bytes = 5000000, .per_s = 60 },
				       { .bytes = 2000000000, .per_s = 86400 } },
		.on_budget = CRMG_ON_BUDGET_CUT,
	};
}

/* web/partners gets a budget of packets in every scope, and bans after 100 strikes. */
static inline struct crmg_binding *widen(void)
{
	struct crmg_model_policy *partners = &fx.policy.policies[0];

	budget(&partners->aggregate, 2000);
	budget(&partners->total, 5000);
	budget(&fx.policy.services[0].total, 8000);
	partners->ban = (struct crmg_model_ban){ .set = true, .terms = {
		.within_ms = 6000, .for_s = 600, .max_s = 86400,
		.factor = 2 << CRMG_BAN_FACTOR_SHIFT, .after = 100,
	} };
	crmg_image_free(&fx.image);
	compile_fixture();
	return (void *)crmg_image_binding(&fx.image, binding_index("web", "partners"));
}

/* Writes into memory: the text belongs to the caller. */
#define TEXT_OF(writer, ...) ({						\
	char *text_ = NULL;						\
	size_t size_;							\
	FILE *out_ = open_memstream(&text_, &size_);			\
	writer(__VA_ARGS__, out_);					\
	fclose(out_);							\
	text_; })

#endif
