// SPDX-License-Identifier: GPL-2.0
/*
 * bpfrun.c - see bpfrun.h. Only the load is done here, as the programs are not
 * those of user/kern: the skeleton of tests/bpf/test.bpf.c. From then on it is an
 * instance like any other, and user/kern applies, bans and reads.
 */
#include "bpfrun.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "../../user/base/util.h"
#include "../../user/config/config.h"
#include "../../user/kern/internal.h"
#include "../../user/report/sources.h"
#include "test.skel.h"

#define INSTANCE "test"

struct crmg_rig {
	struct crmgate_test *skel;
	struct crmg_kern *kern;
	struct crmg_own_watch own;
	bool tc_ingress;
};

/* Fails the test with what user/ had to say. */
static void require(int code, struct crmg_err *err)
{
	if (code)
		crmg_err_print(err, stderr, true);
	crmg_err_clear(err);
	assert_int_equal(code, 0);
}

/* ------------------------------------------------------------------ set-up */

/* A bpffs of its own, so that nothing is left behind however the test ends. */
static void hide_bpffs(void)
{
	static bool hidden;

	if (hidden)
		return;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL), 0);
	hidden = true;
}

static struct crmg_model *read_policy(const char *policy)
{
	char path[] = "/tmp/crmgate-test-XXXXXX";
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_model *model = NULL;
	int fd = mkstemp(path), code;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, policy, strlen(policy)), (ssize_t)strlen(policy));
	close(fd);
	code = crmg_config_read(path, false, &model, &err);
	unlink(path);
	require(code, &err);
	return model;
}

static struct crmgate_test *load(const struct crmg_setup *setup)
{
	struct crmgate_test *skel = crmgate_test__open();
	uint32_t zero = 0;

	assert_non_null(skel);
	crmg_knobs_of(setup, (struct crmg_knobs *)&skel->rodata->crmg_knobs);
	bpf_map__set_max_entries(skel->maps.tags, CRMG_TAG_LINES(setup->capacity));
	bpf_map__set_max_entries(skel->maps.slots, CRMG_SLOTS(setup->capacity));
	bpf_map__set_max_entries(skel->maps.details, CRMG_SLOTS(setup->capacity));
	bpf_map__set_max_entries(skel->maps.proved_map, CRMG_SLOTS(setup->capacity));
	bpf_map__set_max_entries(skel->maps.windows, CRMG_SLOTS(setup->capacity));
	bpf_map__set_max_entries(skel->maps.asked_map, CRMG_SLOTS(setup->capacity));
	bpf_map__set_max_entries(skel->maps.contags, setup->flows / CRMG_WAYS);
	bpf_map__set_max_entries(skel->maps.conns, setup->flows);
	bpf_map__set_max_entries(skel->maps.streams, setup->flows);
	bpf_map__set_max_entries(skel->maps.gauges, setup->flows / CRMG_WAYS);
	bpf_map__set_max_entries(skel->maps.flows, setup->flows / CRMG_WAYS);
	bpf_map__set_max_entries(skel->maps.greetings, setup->flows);
	bpf_map__set_max_entries(skel->maps.aggregates, CRMG_AGGREGATES(setup->capacity));
	bpf_map__set_max_entries(skel->maps.total_windows, CRMG_TOTAL_WINDOWS(setup->capacity));
	assert_int_equal(crmgate_test__load(skel), 0);
	assert_int_equal(bpf_map__update_elem(skel->maps.setup, &zero, sizeof(zero), setup,
					      sizeof(*setup), BPF_ANY), 0);
	return skel;
}

/* Pins the maps of the skeleton as the instance's, and opens it. */
static struct crmg_kern *pin(struct crmgate_test *skel)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_kern *kern = NULL;
	char folder[CRMG_FOLDER_LEN];

	crmg_pin_purge(INSTANCE);
	require(crmg_pin_prepare(INSTANCE, crmg_pin_abi(CRMG_ABI, folder), &err), &err);
	require(crmg_kern_new(INSTANCE, CRMG_KERN_WRITE, -1, &kern, &err), &err);
#define PIN(ID, field, name, ...) \
	require(crmg_pin(kern, bpf_map__fd(skel->maps.field), name, &err), &err);
	CRMG_MAPS(PIN)
#undef PIN
	require(crmg_kern_open_maps(kern, &err), &err);
	return kern;
}

/* New totals are full at the kernel's time, which may be ahead of a clock that a test sets. */
static void fill_new_totals(struct crmg_rig *rig)
{
	struct crmg_bucket *totals = rig->kern->view[CRMG_MAP_TOTALS].memory;

	for (size_t i = 0; i < CRMG_TOTALS; i++)
		if (!totals[i].cost[0] && !totals[i].cost[1] && !totals[i].cost[2])
			memset(totals[i].tat, 0, sizeof(totals[i].tat));
}

void crmg_rig_apply(struct crmg_rig *rig, const char *policy)
{
	struct crmg_model *model = read_policy(policy);
	struct crmg_err err = CRMG_ERR_INIT;
	int code = rig->kern->image.cells ?
		crmg_kern_apply(rig->kern, model, CRMG_MODE_ENFORCE, &err) :
		crmg_image_first(rig->kern, model, CRMG_MODE_ENFORCE, &err);

	crmg_model_free(&model);
	require(code, &err);
	fill_new_totals(rig);
}

uint64_t crmg_rig_apply_for(struct crmg_rig *rig, const char *policy, uint64_t confirm_ns)
{
	const struct crmg_control *control = rig->kern->view[CRMG_MAP_CONTROL].memory;
	struct crmg_model *model = read_policy(policy);
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_image image = { 0 };
	int code = crmg_kern_compile(rig->kern, model, CRMG_MODE_ENFORCE, &image, &err);

	crmg_model_free(&model);
	require(code, &err);
	require(crmg_kern_install(rig->kern, &image, confirm_ns, &err), &err);
	crmg_image_free(&image);
	fill_new_totals(rig);
	return control->confirm_until_ns;
}

void crmg_rig_confirm(struct crmg_rig *rig)
{
	struct crmg_err err = CRMG_ERR_INIT;
	uint32_t generation;

	require(crmg_kern_confirm(rig->kern, &generation, &err), &err);
}

void crmg_rig_rollback(struct crmg_rig *rig)
{
	struct crmg_err err = CRMG_ERR_INIT;
	uint32_t generation;

	require(crmg_kern_rollback(rig->kern, &generation, &err), &err);
}

struct crmg_rig *crmg_rig_new(const char *policy)
{
	struct crmg_rig *rig = calloc(1, sizeof(*rig));
	struct crmg_model *model = read_policy(policy);
	struct crmg_setup setup;

	assert_non_null(rig);
	hide_bpffs();
	assert_int_equal(crmg_setup_new(model, NULL, &setup), 0);
	crmg_model_free(&model);
	rig->skel = load(&setup);
	rig->kern = pin(rig->skel);
	crmg_rig_apply(rig, policy);
	return rig;
}

void crmg_rig_free(struct crmg_rig **rig)
{
	if (!*rig)
		return;
	crmg_kern_close(&(*rig)->kern);
	crmg_pin_purge(INSTANCE);
	crmgate_test__destroy((*rig)->skel);
	free(*rig);
	*rig = NULL;
}

const struct crmg_image *crmg_rig_image(const struct crmg_rig *rig)
{
	return &rig->kern->image;
}

void crmg_rig_set_clock(struct crmg_rig *rig, uint64_t ns)
{
	rig->skel->bss->crmg_test_now_ns = ns;
}

void crmg_rig_set_wall(struct crmg_rig *rig, uint64_t s)
{
	rig->skel->bss->crmg_test_wall_s = s + crmg_image_head(crmg_rig_image(rig))->tai_s;
}

uint64_t crmg_rig_elapsed(const struct crmg_rig *rig)
{
	return rig->skel->bss->crmg_test_last_ns - rig->skel->bss->crmg_test_first_ns;
}

uint64_t crmg_rig_idle(const struct crmg_rig *rig)
{
	return rig->skel->bss->crmg_test_idle_ns;
}

void crmg_rig_set_contended(struct crmg_rig *rig, bool on)
{
	rig->skel->bss->crmg_test_contended = on;
}

void crmg_rig_forget(struct crmg_rig *rig)
{
	static const enum crmg_map_id forgotten[] = {
		/* A slot is cleared by who claims it. */
		CRMG_MAP_TAGS, CRMG_MAP_FLOWS, CRMG_MAP_AGGREGATES, CRMG_MAP_TOTALS,
		CRMG_MAP_SHARES, CRMG_MAP_CONTAGS, CRMG_MAP_GAUGES,
	};
	struct crmg_scratch *scratch = rig->kern->view[CRMG_MAP_SCRATCH].memory;

	for (size_t i = 0; i < sizeof(forgotten) / sizeof(*forgotten); i++) {
		struct crmg_view *view = &rig->kern->view[forgotten[i]];

		memset(view->memory, 0, view->size);
	}
	scratch->reset_tat = 0;
	scratch->event_tat = 0;
	scratch->conn_sweep = 0;
}

/* ----------------------------------------------------------------- running */

/* One test run; the return value of the program. */
static uint32_t run(int program, size_t len, struct bpf_test_run_opts *opts)
{
	int code = bpf_prog_test_run_opts(program, opts);

	if (code)
		fail_msg("test run of %zu bytes: %s", len, strerror(-code));
	return opts->retval;
}

void crmg_rig_set_tc_ingress(struct crmg_rig *rig, bool on)
{
	rig->tc_ingress = on;
}

/* The action of XDP that means the same. */
static uint32_t xdp_action(uint32_t action)
{
	switch ((int)action) {
	case TC_ACT_UNSPEC:
		return XDP_PASS;
	case TC_ACT_SHOT:
		return XDP_DROP;
	case TC_ACT_REDIRECT:
		return XDP_TX;
	}
	fail_msg("TC ingress: action %d", (int)action);
	return XDP_ABORTED;
}

/* The same, and the frame that came of it; output may be NULL. */
static uint32_t run_out(int program, size_t length, struct bpf_test_run_opts *opts,
			struct crmg_rig_output *output)
{
	uint32_t action;

	if (output) {
		opts->data_out = output->data;
		opts->data_size_out = sizeof(output->data);
	}
	action = run(program, length, opts);
	if (output)
		output->len = opts->data_size_out;
	return action;
}

uint32_t crmg_rig_xdp(struct crmg_rig *rig, const struct crmg_test_frame *frame,
		      struct crmg_rig_output *output)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data,
		    .data_size_in = (uint32_t)frame->len, .repeat = 1);
	int program = rig->tc_ingress ? crmg_rig_tc_in_fd(rig) :
					bpf_program__fd(rig->skel->progs.crmg_xdp);
	uint32_t action = run_out(program, frame->len, &opts, output);

	return rig->tc_ingress ? xdp_action(action) : action;
}

uint32_t crmg_rig_xdp_packet(struct crmg_rig *rig, const struct crmg_test_packet *packet)
{
	static struct crmg_test_frame frame;

	crmg_test_build(packet, &frame);
	return crmg_rig_xdp(rig, &frame, NULL);
}

void crmg_rig_xdp_repeat(struct crmg_rig *rig, const struct crmg_test_frame *frame,
			 uint32_t repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data,
		    .data_size_in = (uint32_t)frame->len, .repeat = (int)repeat);

	run(bpf_program__fd(rig->skel->progs.crmg_xdp), frame->len, &opts);
}

bool crmg_rig_tc_takes(const struct crmg_test_frame *frame)
{
	size_t header = 1;

	if (frame->len < 14 || frame->len > CRMG_RIG_TC_MAX)
		return false;
	if (crmg_test_get16(frame->data + 12) == CRMG_TEST_ETH_IPV4)
		header = 20;
	else if (crmg_test_get16(frame->data + 12) == CRMG_TEST_ETH_IPV6)
		header = 40;
	return frame->len >= 14 + header;
}

static uint32_t run_tc(int program, const struct crmg_test_frame *frame,
		       const struct crmg_rig_gso *gso, uint32_t repeat,
		       struct crmg_rig_output *output)
{
	struct __sk_buff context = {
		.gso_segs = gso ? gso->segments : 0,
		.gso_size = gso ? gso->segment_size : 0,
		.wire_len = gso ? gso->wire_len : (uint32_t)frame->len,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data,
		    .data_size_in = (uint32_t)frame->len, .repeat = (int)repeat,
		    .ctx_in = &context, .ctx_size_in = sizeof(context));

	return run_out(program, frame->len, &opts, output);
}

uint32_t crmg_rig_tc_by(int program, const struct crmg_test_frame *frame,
			const struct crmg_rig_gso *gso)
{
	return run_tc(program, frame, gso, 1, NULL);
}

void crmg_rig_tc_repeat(struct crmg_rig *rig, const struct crmg_test_frame *frame,
			const struct crmg_rig_gso *gso, uint32_t repeat)
{
	run_tc(crmg_rig_tc_fd(rig), frame, gso, repeat, NULL);
}

uint32_t crmg_rig_tc(struct crmg_rig *rig, const struct crmg_test_frame *frame,
		     const struct crmg_rig_gso *gso)
{
	return crmg_rig_tc_by(crmg_rig_tc_fd(rig), frame, gso);
}

uint32_t crmg_rig_tc_output(struct crmg_rig *rig, const struct crmg_test_frame *frame,
			    struct crmg_rig_output *output)
{
	return run_tc(crmg_rig_tc_fd(rig), frame, NULL, 1, output);
}

uint32_t crmg_rig_tc_packet(struct crmg_rig *rig, const struct crmg_test_packet *packet)
{
	static struct crmg_test_frame frame;

	crmg_test_build(packet, &frame);
	return crmg_rig_tc(rig, &frame, NULL);
}

int crmg_rig_tc_fd(const struct crmg_rig *rig)
{
	return bpf_program__fd(rig->skel->progs.crmg_tc);
}

int crmg_rig_tc_in_fd(const struct crmg_rig *rig)
{
	return bpf_program__fd(rig->skel->progs.crmg_tc_in);
}

/* ----------------------------------------------------------------- reading */

static struct crmg_snapshot snapshot(struct crmg_rig *rig, unsigned int flags)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_snapshot snap;

	require(crmg_kern_snapshot(rig->kern, flags, &snap, &err), &err);
	return snap;
}

struct crmg_row crmg_rig_row(struct crmg_rig *rig, const char *service, const char *policy)
{
	const struct crmg_image *image = &rig->kern->image;
	uint32_t bindings = crmg_image_head(image)->bindings;

	for (uint32_t i = 1; i <= bindings; i++) {
		const struct crmg_label *label = crmg_image_label(image, i);

		if (!strcmp(label->service, service) && !strcmp(label->policy, policy))
			return snapshot(rig, 0).rows[crmg_image_binding(image, i)->row];
	}
	fail_msg("no policy %s of service %s", policy, service);
	return (struct crmg_row) { 0 };
}

struct crmg_client_row crmg_rig_client(struct crmg_rig *rig, const char *client)
{
	const struct crmg_client *clients;
	size_t count;

	clients = crmg_image_section(&rig->kern->image, CRMG_SECTION_CLIENTS, &count);
	for (size_t i = 0; i < count; i++)
		if (clients[i].row && !strcmp(clients[i].name, client))
			return snapshot(rig, 0).client_rows[clients[i].row];
	fail_msg("no client %s", client);
	return (struct crmg_client_row) { 0 };
}

struct crmg_row crmg_rig_total(struct crmg_rig *rig)
{
	struct crmg_snapshot snap = snapshot(rig, 0);
	struct crmg_row total = { 0 };

	for (size_t i = 0; i < snap.row_count; i++) {
		const __u64 *row = (const __u64 *)&snap.rows[i];

		for (size_t word = 0; word < sizeof(total) / sizeof(*row); word++)
			((__u64 *)&total)[word] += row[word];
	}
	return total;
}

uint64_t crmg_rig_host(struct crmg_rig *rig, enum crmg_host_id id)
{
	return snapshot(rig, 0).host.counter[id];
}

const struct crmg_scratch *crmg_rig_scratch(const struct crmg_rig *rig)
{
	return rig->kern->view[CRMG_MAP_SCRATCH].memory;
}

uint64_t crmg_rig_odd(struct crmg_rig *rig, enum crmg_oddity oddity)
{
	return snapshot(rig, 0).host.odd[oddity];
}

/* Index of a source in the table, and the state of its tag; -1: its slot is not in use. */
static int64_t find_source(struct crmg_rig *rig, const char *service, struct crmg_addr addr,
			   enum crmg_tag_state *ret_state)
{
	const struct crmg_image *image = &rig->kern->image;
	const struct crmg_tags *tags = rig->kern->view[CRMG_MAP_TAGS].memory;
	const struct crmg_detail *details = rig->kern->view[CRMG_MAP_DETAILS].memory;
	uint32_t index = crmg_image_service_find(image, service);

	for (uint32_t i = 0; i < crmg_image_head(image)->capacity; i++) {
		uint32_t tag = tags[i / CRMG_WAYS].tag[i % CRMG_WAYS];
		enum crmg_tag_state state = tag >> CRMG_TAG_STATE_SHIFT & CRMG_TAG_STATE_MASK;

		if (state >= CRMG_TAG_LIVE && details[i].service == index &&
		    !crmg_addr_cmp(&details[i].addr, &addr)) {
			*ret_state = state;
			return i;
		}
	}
	*ret_state = CRMG_TAG_EMPTY;
	return -1;
}

const struct crmg_slot *crmg_rig_slot(struct crmg_rig *rig, const char *service,
				      struct crmg_addr addr)
{
	struct crmg_slot *slots = rig->kern->view[CRMG_MAP_SLOTS].memory;
	enum crmg_tag_state state;
	int64_t index = find_source(rig, service, addr, &state);

	return index < 0 ? NULL : &slots[index];
}

uint32_t crmg_rig_has(struct crmg_rig *rig, const char *service, struct crmg_addr addr,
		      enum crmg_cap cap)
{
	const struct crmg_slot *slot = crmg_rig_slot(rig, service, addr);
	struct crmg_snapshot snap = snapshot(rig, CRMG_SNAP_SOURCES);

	return slot ? crmg_source_has(&snap, slot, cap) : 0;
}

enum crmg_tag_state crmg_rig_state(struct crmg_rig *rig, const char *service,
				   struct crmg_addr addr)
{
	enum crmg_tag_state state;

	find_source(rig, service, addr, &state);
	return state;
}

void crmg_rig_set_traffic(struct crmg_rig *rig, const char *service, struct crmg_addr addr,
			  uint64_t word)
{
	struct crmg_slot *slots = rig->kern->view[CRMG_MAP_SLOTS].memory;
	enum crmg_tag_state state;
	int64_t index = find_source(rig, service, addr, &state);

	assert_true(index >= 0);
	slots[index].traffic = word;
}

struct crmg_detail *crmg_rig_detail(struct crmg_rig *rig, const char *service,
				    struct crmg_addr addr)
{
	struct crmg_detail *details = rig->kern->view[CRMG_MAP_DETAILS].memory;
	enum crmg_tag_state state;
	int64_t index = find_source(rig, service, addr, &state);

	return index < 0 ? NULL : &details[index];
}

enum crmg_reason crmg_rig_refused(struct crmg_rig *rig, const char *service, struct crmg_addr addr)
{
	const struct crmg_slot *slot = crmg_rig_slot(rig, service, addr);
	const struct crmg_detail *detail = crmg_rig_detail(rig, service, addr);
	uint32_t tick;

	assert_non_null(slot);
	assert_non_null(detail);
	return crmg_source_refused(slot, detail, &tick);
}

uint32_t crmg_rig_wides(struct crmg_rig *rig)
{
	const struct crmg_view *view = &rig->kern->view[CRMG_MAP_TOTAL_WINDOWS];
	const struct crmg_total_windows *entry = view->memory;
	uint32_t used = 0;

	for (size_t i = CRMG_TOTALS; i < view->size / sizeof(*entry); i++)
		used += entry[i].check != 0;
	return used;
}

struct crmg_patience *crmg_rig_patience(struct crmg_rig *rig, const char *service,
					struct crmg_addr addr)
{
	struct crmg_patience *places = rig->kern->view[CRMG_MAP_PATIENCE].memory;
	const struct crmg_slot *slot = crmg_rig_slot(rig, service, addr);

	return slot ? &places[slot->check % CRMG_PATIENTS] : NULL;
}

uint32_t crmg_rig_tracked(struct crmg_rig *rig)
{
	return snapshot(rig, 0).tracked;
}

uint64_t crmg_rig_event_head(struct crmg_rig *rig)
{
	return crmg_kern_event_head(rig->kern);
}

const struct crmg_event *crmg_rig_event(struct crmg_rig *rig, uint64_t seq)
{
	const struct crmg_event *events = rig->kern->view[CRMG_MAP_EVENTS].memory;

	return &events[seq % CRMG_EVENT_RING];
}

/* ---------------------------------------------------------------- operator */

static struct crmg_pfx parse(const char *prefix)
{
	struct crmg_pfx pfx;
	const char *why;

	assert_int_equal(crmg_parse_prefix(prefix, &pfx, &why), 0);
	return pfx;
}

uint64_t crmg_rig_ban(struct crmg_rig *rig, const char *prefix, const char *service,
		      uint64_t for_ns)
{
	struct crmg_ban_request request = {
		.prefix = parse(prefix), .for_ns = for_ns, .origin = "test", .note = "",
	};
	struct crmg_ban_key key = { .addr = request.prefix.addr, .len = request.prefix.len };
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_ban ban;

	if (service)
		request.service = (uint8_t)crmg_image_service_find(&rig->kern->image, service);
	key.service = request.service;
	require(crmg_kern_ban(rig->kern, &request, 1, &err), &err);
	assert_int_equal(bpf_map_lookup_elem(rig->kern->map[CRMG_MAP_BANS], &key, &ban), 0);
	return ban.until_ns;
}

void crmg_rig_unban(struct crmg_rig *rig, const char *prefix)
{
	struct crmg_pfx pfx = parse(prefix);
	struct crmg_err err = CRMG_ERR_INIT;
	size_t removed;

	require(crmg_kern_unban(rig->kern, &pfx, 1, NULL, &removed, &err), &err);
	assert_true(removed > 0);
}

void crmg_rig_own(struct crmg_rig *rig, const struct crmg_addr *addr, size_t count, uint64_t now_ns)
{
	assert_int_equal(crmg_own_set(rig->kern, &rig->own, addr, count, now_ns), 0);
}

void crmg_rig_panic(struct crmg_rig *rig, bool on)
{
	crmg_kern_panic(rig->kern, on, NULL);
}
