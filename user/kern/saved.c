// SPDX-License-Identifier: GPL-2.0
/*
 * saved.c - reads back what save.c wrote. Nothing in these files is believed before it was
 * checked; what does not pass is put aside, and the rest is used.
 */
#include <fcntl.h>
#include <string.h>

#include "../base/util.h"
#include "../report/sources.h"
#include "internal.h"
#include "savedfile.h"

#define CRMG_SAVED_MAX_BYTES ((size_t)1 << 30)

/* A file is as good as not there: it is put aside. `why` tells more, if it does. */
static void crmg_saved_bad(const struct crmg_state *state, const char *name,
			   struct crmg_saved *saved, struct crmg_err *why, struct crmg_err *err)
{
	crmg_err_warn(err, "%s/%s is damaged%s%s: kept as %s.bad, and not used", state->path, name,
		      why && why->count ? ": " : "",
		      why && why->count ? why->messages[0].text : "", name);
	(void)crmg_state_quarantine(state, name, err);
	saved->incomplete = true;
	if (why)
		crmg_err_clear(why);
}

/* True if there is such a file; one that cannot be read is as one that is damaged. */
static bool crmg_saved_file(const struct crmg_state *state, const char *name,
			    struct crmg_saved *saved, char **ret, size_t *ret_size,
			    struct crmg_err *err)
{
	struct crmg_err why = CRMG_ERR_INIT;
	int code = crmg_state_read(state, name, CRMG_SAVED_MAX_BYTES, ret, ret_size, &why);

	if (code && code != -ENOENT)
		crmg_saved_bad(state, name, saved, &why, err);
	return !code;
}

/* What the text of such a file says, to be freed; NULL if there is none that is JSON. */
static json_t *crmg_saved_json(const struct crmg_state *state, const char *name,
			       struct crmg_saved *saved, char **ret_text, size_t *ret_size,
			       struct crmg_err *err)
{
	json_t *document;

	if (!crmg_saved_file(state, name, saved, ret_text, ret_size, err))
		return NULL;
	document = json_loadb(*ret_text, *ret_size, JSON_REJECT_DUPLICATES, NULL);
	if (!document)
		crmg_saved_bad(state, name, saved, NULL, err);
	return document;
}

/* 0, -EINVAL: damaged, -EPROTO: of another build. */
static int crmg_saved_image(const char *file, size_t size, struct crmg_image *ret)
{
	struct crmg_saved_head head;
	uint8_t hash[CRMG_SHA256_SIZE];
	struct crmg_image image;

	if (size < sizeof(head))
		return -EINVAL;
	memcpy(&head, file, sizeof(head));
	size -= sizeof(head);
	crmg_sha256(file + sizeof(head), size, hash);
	if (memcmp(head.magic, CRMG_SAVED_MAGIC, sizeof(head.magic)) ||
	    memcmp(head.sha256, hash, sizeof(hash)) || head.cells != size / sizeof(*image.cells) ||
	    size % sizeof(*image.cells))
		return -EINVAL;
	if (head.abi < CRMG_IMAGE_SINCE || head.abi > CRMG_ABI || head.layout != crmg_saved_layout() ||
	    head.cells < CRMG_FRONT_CELLS)
		return -EPROTO;
	image = (struct crmg_image){ aligned_alloc(4096, (size + 4095) / 4096 * 4096), head.cells };
	if (!image.cells)
		return -ENOMEM;
	memcpy(image.cells, file + sizeof(head), size);
	if (crmg_image_validate(&image)) {
		crmg_image_free(&image);
		return -EPROTO;
	}
	*ret = image;
	return 0;
}

static int crmg_saved_policy(const struct crmg_state *state, struct crmg_saved *saved,
			     struct crmg_err *err)
{
	crmg_autofree char *file = NULL;
	const struct crmg_head *head;
	size_t size;
	int code;

	if (!crmg_saved_file(state, CRMG_SAVED_POLICY, saved, &file, &size, err))
		return 0;
	code = crmg_saved_image(file, size, &saved->image);
	if (code == -EINVAL)
		crmg_saved_bad(state, CRMG_SAVED_POLICY, saved, NULL, err);
	if (code == -EPROTO)
		crmg_err_warn(err, "%s/" CRMG_SAVED_POLICY " was written by another version: the "
			      "policy file is read again", state->path);
	if (!code) {
		head = crmg_image_head(&saved->image);
		crmg_copy(saved->file, sizeof(saved->file), head->file);
		saved->mode_cap = head->mode_cap;
	}
	return code == -ENOMEM ? code : 0;
}

/* An entry of interfaces.json; false: it makes no sense. */
static bool crmg_saved_iface(const json_t *from, struct crmg_iface *ret)
{
	struct crmg_iface iface = { .netns = crmg_netns() };
	int xdp_mode, tc_kind, fell_back, chained = 0;
	const char *name;

	if (json_unpack((json_t *)from, "{s:s, s:i, s:i, s:b, s?b}", "name", &name, "xdp_mode",
			&xdp_mode, "tc_kind", &tc_kind, "fell_back", &fell_back, "chained",
			&chained) ||
	    !name[0] || strlen(name) >= sizeof(iface.name) || strpbrk(name, "/ \n") ||
	    (xdp_mode != CRMG_XDP_NATIVE && xdp_mode != CRMG_XDP_GENERIC &&
	     xdp_mode != CRMG_XDP_TC) ||
	    (tc_kind != CRMG_TC_TCX && tc_kind != CRMG_TC_CLSACT))
		return false;
	crmg_copy(iface.name, sizeof(iface.name), name);
	iface.xdp_mode = xdp_mode;
	iface.tc_kind = tc_kind;
	iface.fell_back = fell_back;
	iface.chained = chained;
	*ret = iface;
	return true;
}

static bool crmg_saved_is_size(int entries)
{
	return entries >= CRMG_CAPACITY_MIN && entries <= CRMG_CAPACITY_MAX &&
	       !(entries & (entries - 1));
}

/* What a policy without its image and file leaves to go on from: tables of the same size. */
static bool crmg_saved_tables(const json_t *from, struct crmg_saved *saved)
{
	int capacity, flows, v4_prefix, v6_prefix;

	if (json_unpack((json_t *)from, "{s:i, s:i, s:i, s:i}", "sources", &capacity, "flows", &flows,
			"ipv4_prefix", &v4_prefix, "ipv6_prefix", &v6_prefix) ||
	    !crmg_saved_is_size(capacity) || !crmg_saved_is_size(flows) ||
	    v4_prefix < 8 || v4_prefix > 32 || v6_prefix < 32 || v6_prefix > 128)
		return false;
	saved->capacity = (uint32_t)capacity;
	saved->flows = (uint32_t)flows;
	saved->v4_prefix = (uint8_t)v4_prefix;
	saved->v6_prefix = (uint8_t)v6_prefix;
	return true;
}

static bool crmg_saved_attachment(const json_t *document, struct crmg_saved *saved)
{
	const json_t *list, *item, *tables;
	int version, mode_cap, panic;
	const char *file;
	size_t i;

	if (json_unpack((json_t *)document, "{s:i, s:s, s:i, s:b, s:o, s:o}", "version", &version,
			"policy_file", &file, "mode_cap", &mode_cap, "panic", &panic,
			"tables", &tables, "interfaces", &list) ||
	    version != CRMG_SAVED_VERSION || mode_cap < CRMG_MODE_OFF ||
	    mode_cap > CRMG_MODE_ENFORCE || strlen(file) >= sizeof(saved->file) ||
	    !json_is_array(list) || json_array_size(list) > CRMG_IFACES_MAX)
		return false;
	json_array_foreach(list, i, item)
		if (!crmg_saved_iface(item, &saved->ifaces[i]))
			return false;
	if (!crmg_saved_tables(tables, saved))
		return false;
	saved->iface_count = i;
	saved->panic = panic;
	crmg_copy(saved->file, sizeof(saved->file), file);
	saved->mode_cap = mode_cap;
	return true;
}

static void crmg_saved_interfaces(const struct crmg_state *state, struct crmg_saved *saved,
				  struct crmg_err *err)
{
	crmg_autofree char *text = NULL;
	json_t *document;
	size_t size;

	document = crmg_saved_json(state, CRMG_SAVED_INTERFACES, saved, &text, &size, err);
	if (document && !crmg_saved_attachment(document, saved))
		crmg_saved_bad(state, CRMG_SAVED_INTERFACES, saved, NULL, err);
	json_decref(document);
}

/* After a reboot the time that was left then is left now; else the end stays what it was. */
static void crmg_saved_elapse(const json_t *document, struct crmg_banlist *bans)
{
	const char *boot = json_string_value(json_object_get(document, "boot_id"));
	uint64_t then = (uint64_t)json_integer_value(json_object_get(document, "boottime_ns"));
	uint64_t now = crmg_clock_ns(CLOCK_BOOTTIME), elapsed;
	char ours[CRMG_BOOT_ID_LEN];
	size_t kept = 0, i;

	if (!boot || strcmp(boot, crmg_boot_id(ours)) || now < then)
		return;
	elapsed = now - then;
	for (i = 0; i < bans->count; i++) {
		struct crmg_banlist_entry entry = bans->entries[i];

		if (entry.for_ns && entry.for_ns != CRMG_BAN_FOREVER) {
			if (entry.for_ns <= elapsed)
				continue;
			entry.for_ns -= elapsed;
		}
		bans->entries[kept++] = entry;
	}
	bans->count = kept;
}

static void crmg_saved_bans(const struct crmg_state *state, struct crmg_saved *saved,
			    struct crmg_err *err)
{
	struct crmg_err why = CRMG_ERR_INIT;
	crmg_autofree char *text = NULL;
	crmg_autofclose FILE *file = NULL;
	json_t *document;
	size_t size;

	document = crmg_saved_json(state, CRMG_SAVED_BANS, saved, &text, &size, err);
	if (!document)
		return;
	file = fmemopen(text, size, "r");
	if (!file || crmg_banlist_read(&saved->bans, file, CRMG_SAVED_BANS, 0, &why)) {
		crmg_banlist_free(&saved->bans);
		crmg_saved_bad(state, CRMG_SAVED_BANS, saved, &why, err);
	}
	crmg_err_clear(&why);
	crmg_saved_elapse(document, &saved->bans);
	json_decref(document);
}

int crmg_saved_budgets_read(const struct crmg_state *state, struct crmg_saved *saved,
			    json_t **ret, struct crmg_err *err)
{
	crmg_autofree char *text = NULL;
	size_t size;
	int code;

	*ret = crmg_saved_json(state, CRMG_SAVED_BUDGETS, saved, &text, &size, err);
	code = *ret ? crmg_budgets_read(*ret, saved) : 0;
	if (!code)
		return 0;
	json_decref(*ret);
	*ret = NULL;
	if (code == -EINVAL)
		crmg_saved_bad(state, CRMG_SAVED_BUDGETS, saved, NULL, err);
	return code == -EINVAL ? 0 : code;
}

int crmg_saved_read(const char *instance, struct crmg_saved *ret, struct crmg_err *err)
{
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	struct crmg_saved saved = { 0 };
	json_t *budgets = NULL;
	int code = crmg_state_open(instance, false, &state, err);

	if (code)
		return code;
	/* The file that it names is that of the policy, should that one not be usable. */
	crmg_saved_interfaces(&state, &saved, err);
	code = crmg_saved_policy(&state, &saved, err);
	crmg_saved_bans(&state, &saved, err);
	if (!code)
		code = crmg_saved_budgets_read(&state, &saved, &budgets, err);
	json_decref(budgets);
	if (!code && !saved.image.cells && !saved.file[0] && !saved.iface_count &&
	    !saved.incomplete)
		code = -ENOENT;
	if (code)
		crmg_saved_free(&saved);
	else
		*ret = saved;
	return code;
}

void crmg_saved_free(struct crmg_saved *saved)
{
	crmg_image_free(&saved->image);
	crmg_banlist_free(&saved->bans);
	free(saved->budgets);
	free(saved->totals);
	saved->budgets = saved->totals = NULL;
}

/* The requests that can be met; how many. automatic: those too that are automatic. */
static size_t crmg_saved_requests(struct crmg_kern *kern, const struct crmg_saved *saved,
				  bool automatic, struct crmg_ban_request *ret)
{
	size_t count = 0, i;

	for (i = 0; i < saved->bans.count && count < CRMG_BANS_MAX; i++) {
		const struct crmg_banlist_entry *entry = &saved->bans.entries[i];
		struct crmg_err ignored = CRMG_ERR_INIT;
		uint32_t service = !entry->service[0] ? 0 :
				   crmg_image_service_find(&kern->image, entry->service);

		if ((entry->service[0] && !service) ||
		    (!automatic && !strcmp(entry->origin, CRMG_ORIGIN_AUTO)) ||
		    crmg_ban_check(&kern->image, &entry->prefix, &ignored)) {
			crmg_err_clear(&ignored);
			continue;
		}
		ret[count++] = (struct crmg_ban_request){
			.prefix = entry->prefix, .service = (uint8_t)service,
			.for_ns = entry->for_ns ? entry->for_ns : CRMG_BAN_FOREVER,
			.origin = entry->origin, .note = entry->note,
		};
	}
	return count;
}

int crmg_saved_ban(struct crmg_kern *kern, const struct crmg_saved *saved, size_t *ret_count,
		   size_t *ret_left_out, struct crmg_err *err)
{
	crmg_autofree struct crmg_ban_request *requests = calloc(saved->bans.count + 1,
								 sizeof(*requests));
	struct crmg_err why = CRMG_ERR_INIT;
	const struct crmg_image *image;
	size_t count = 0;
	int code = requests ? crmg_kern_image(kern, &image, err) : -ENOMEM;

	if (!code) {
		count = crmg_saved_requests(kern, saved, true, requests);
		code = crmg_bans_add(kern, requests, count, &why);
	}
	/* Automatic ones are not counted as bans where they come from, and may be too many. */
	if (code == -E2BIG) {
		count = crmg_saved_requests(kern, saved, false, requests);
		code = crmg_bans_add(kern, requests, count, err);
	}
	crmg_err_clear(&why);
	*ret_count = code ? 0 : count;
	*ret_left_out = saved->bans.count - *ret_count;
	return code;
}

void crmg_saved_keep(const char *instance, const char *name, struct crmg_err *err)
{
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;

	if (crmg_state_open(instance, false, &state, err) ||
	    crmg_state_quarantine(&state, name, err))
		return;
	crmg_err_warn(err, "%s/%s is kept as %s.bad", state.path, name, name);
}

int crmg_saved_remove(const char *instance, struct crmg_err *err)
{
	static const char *const names[] = {
		CRMG_SAVED_POLICY, CRMG_SAVED_INTERFACES, CRMG_SAVED_BANS, CRMG_SAVED_BUDGETS,
	};
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	int code = crmg_state_open(instance, false, &state, err), one;
	size_t i, bad;

	if (code)
		return code == -ENOENT ? 0 : code;
	for (i = 0; i < CRMG_ARRAY_SIZE(names); i++) {
		one = crmg_state_remove(&state, names[i], err);
		code = code ? code : one;
	}
	one = crmg_saved_drop_bad(&state, &bad, err);
	return code ? code : one;
}
