// SPDX-License-Identifier: GPL-2.0
/* save.c - writes what has to outlive a reboot, when it has changed. */
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "../report/text.h"
#include "../state/state.h"
#include "internal.h"
#include "savedfile.h"

/* What is left of bans and budgets runs on after a reboot: it is written down this often. */
#define CRMG_SAVE_LEFT_NS (60 * CRMG_NS_PER_SEC)

__u32 crmg_saved_layout(void)
{
#define CRMG_LAYOUT_OF(ID, name, type) sizeof(type),
	static const size_t sizes[] = {
		sizeof(struct crmg_front), sizeof(struct crmg_head), CRMG_CELL,
		CRMG_SECTIONS(CRMG_LAYOUT_OF)
	};
	__u32 layout = CRMG_IMAGE_SINCE;
	size_t i;

	for (i = 0; i < CRMG_ARRAY_SIZE(sizes); i++)
		layout = layout * 16777619 ^ (__u32)sizes[i];
	return layout;
}

static int crmg_save_policy(struct crmg_kern *kern, const struct crmg_state *state,
			    struct crmg_save_marks *marks, struct crmg_err *err)
{
	const struct crmg_image *image = &kern->image;
	size_t size = image->cell_count * sizeof(*image->cells);
	crmg_autofree char *file = malloc(sizeof(struct crmg_saved_head) + size);
	struct crmg_saved_head head = {
		.abi = CRMG_ABI, .layout = crmg_saved_layout(), .cells = image->cell_count,
	};
	int code;

	if (!file)
		return -ENOMEM;
	memcpy(head.magic, CRMG_SAVED_MAGIC, sizeof(head.magic));
	crmg_sha256(image->cells, size, head.sha256);
	memcpy(file, &head, sizeof(head));
	memcpy(file + sizeof(head), image->cells, size);
	code = crmg_state_write(state, CRMG_SAVED_POLICY, file, sizeof(head) + size, err);
	if (!code)
		marks->image_id = kern->image_id;
	return code;
}

int crmg_save_json(const struct crmg_state *state, const char *name, json_t *document,
		   uint8_t *hash, struct crmg_err *err)
{
	crmg_autofree char *text = document ? json_dumps(document, JSON_INDENT(1)) : NULL;
	uint8_t found[CRMG_SHA256_SIZE];
	int code;

	json_decref(document);
	if (!text)
		return -ENOMEM;
	crmg_sha256(text, strlen(text), found);
	if (hash && !memcmp(hash, found, sizeof(found)))
		return 0;
	code = crmg_state_write(state, name, text, strlen(text), err);
	if (!code && hash)
		memcpy(hash, found, sizeof(found));
	return code;
}

static json_t *crmg_save_ifaces(const struct crmg_kern *kern)
{
	const struct crmg_iface *ifaces = kern->view[CRMG_MAP_IFACES].memory;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < CRMG_IFACES_MAX; i++)
		if (ifaces[i].name[0] && ifaces[i].netns == crmg_netns())
			json_array_append_new(list, json_pack("{s:o, s:i, s:i, s:b, s:b}",
				"name", crmg_json_text(ifaces[i].name, sizeof(ifaces[i].name)),
				"xdp_mode", ifaces[i].xdp_mode, "tc_kind", ifaces[i].tc_kind,
				"fell_back", ifaces[i].fell_back,
				"chained", ifaces[i].chained));
	return list;
}

static int crmg_save_interfaces(struct crmg_kern *kern, const struct crmg_state *state,
				struct crmg_save_marks *marks, struct crmg_err *err)
{
	const struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	const struct crmg_head *head = crmg_image_head(&kern->image);

	return crmg_save_json(state, CRMG_SAVED_INTERFACES, json_pack(
		"{s:i, s:o, s:i, s:b, s:{s:i, s:i, s:i, s:i}, s:o}", "version", CRMG_SAVED_VERSION,
		"policy_file", crmg_json_text(head->file, sizeof(head->file)), "mode_cap", head->mode_cap,
		"panic", (int)control->panic, "tables", "sources", (int)head->capacity, "flows",
		(int)head->flows, "ipv4_prefix", head->v4_prefix, "ipv6_prefix", head->v6_prefix,
		"interfaces", crmg_save_ifaces(kern)),
		marks->interfaces, err);
}

/* Of a ban that ends only what is left counts: no clock on the wall is trusted. */
static void crmg_save_bans_untimed(json_t *bans)
{
	json_t *ban;
	size_t i;

	json_array_foreach(bans, i, ban)
		if (json_is_integer(json_object_get(ban, "remaining_seconds")))
			json_object_del(ban, "until");
}

static int crmg_save_bans(struct crmg_kern *kern, const struct crmg_state *state,
			  struct crmg_save_marks *marks, struct crmg_err *err)
{
	struct crmg_snapshot snap;
	char boot[CRMG_BOOT_ID_LEN];
	json_t *document;
	int code = crmg_kern_snapshot(kern, CRMG_SNAP_SOURCES | CRMG_SNAP_BANS, &snap, err);

	if (code)
		return code;
	document = crmg_bans_json(&snap);
	crmg_save_bans_untimed(json_object_get(document, "bans"));
	json_object_set_new(document, "boot_id", json_string(crmg_boot_id(boot)));
	json_object_set_new(document, "boottime_ns", json_integer((json_int_t)snap.boot_ns));
	code = crmg_save_json(state, CRMG_SAVED_BANS, document, NULL, err);
	if (!code) {
		marks->ban_epoch = snap.control.ban_epoch;
		marks->bans_ns = snap.boot_ns;
	}
	return code;
}

static int crmg_save_budgets(struct crmg_kern *kern, const struct crmg_state *state,
			     struct crmg_save_marks *marks, struct crmg_err *err)
{
	crmg_autoclose int lock = crmg_state_lock(state, CRMG_SAVED_LOCK, err);
	json_t *document = NULL;
	struct crmg_snapshot snap;
	int code = lock < 0 ? lock : crmg_kern_snapshot(kern, CRMG_SNAP_SOURCES, &snap, err);

	/* One that is erased now may be in the snapshot yet, and is looked for again. */
	if (!code)
		code = crmg_budgets_json(kern, &snap, &document, err);
	if (!code)
		code = crmg_save_json(state, CRMG_SAVED_BUDGETS, document, NULL, err);
	if (!code) {
		marks->budgets_ns = snap.boot_ns;
		marks->forgotten = snap.control.forgotten;
	}
	return code;
}

/* A policy that may be taken back yet. */
static bool crmg_save_waits(const struct crmg_control *control)
{
	return control->confirm_until_ns > crmg_clock_ns(CLOCK_MONOTONIC);
}

int crmg_kern_save(struct crmg_kern *kern, bool all, struct crmg_save_marks *marks,
		   struct crmg_err *err)
{
	const struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	const struct crmg_image *image;
	uint64_t now = crmg_clock_ns(CLOCK_BOOTTIME);
	int code, one;

	/* Who goes on with it, if anybody does, saves it too. */
	if (crmg_kern_gone(kern))
		return 0;
	code = crmg_kern_image(kern, &image, err);
	if (!code)
		code = crmg_state_open(kern->instance, true, &state, err);
	if (code)
		return code;
	if (marks->image_id != kern->image_id && !crmg_save_waits(control))
		code = crmg_save_policy(kern, &state, marks, err);
	one = crmg_save_interfaces(kern, &state, marks, err);
	code = code ? code : one;
	if (all || marks->ban_epoch != control->ban_epoch || !marks->bans_ns ||
	    now - marks->bans_ns > CRMG_SAVE_LEFT_NS) {
		one = crmg_save_bans(kern, &state, marks, err);
		code = code ? code : one;
	}
	if (all || !marks->budgets_ns || marks->forgotten != control->forgotten ||
	    now - marks->budgets_ns > CRMG_SAVE_LEFT_NS) {
		one = crmg_save_budgets(kern, &state, marks, err);
		code = code ? code : one;
	}
	/* Purged while it was written: no command can have removed what came after it. */
	if (crmg_kern_gone(kern) == CRMG_GONE_PURGED)
		(void)crmg_saved_remove(kern->instance, err);
	return code;
}
