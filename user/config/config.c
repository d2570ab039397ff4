/* SPDX-License-Identifier: GPL-2.0 */
/* config.c - the top of a policy file, and reading one from beginning to end. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "file.h"
#include "node.h"
#include "reader.h"

#define DAY_NS (86400 * CRMG_NS_PER_SEC)

static void read_version(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	const char *text = crmg_read_text(r, node, "the version of the file");

	(void)target;
	(void)arg;
	if (text && strcmp(text, "1"))
		crmg_read_error(r, node->place, "version '%.64s' is not known; accepted is 1",
				text);
}

/* target: an enum crmg_mode. */
void crmg_read_mode(struct crmg_reader *r, const struct crmg_node *node, void *target,
		    unsigned int arg)
{
	static const char *const names[] = {
#define X(ID, name, ...) [CRMG_MODE_##ID] = name,
		CRMG_MODES(X)
#undef X
	};
	unsigned int value;

	(void)arg;
	if (crmg_read_choice(r, node, names, CRMG_ARRAY_SIZE(names), &value))
		*(enum crmg_mode *)target = value;
}

static void read_top_mode(struct crmg_reader *r, const struct crmg_node *node, void *target,
			  unsigned int arg)
{
	crmg_read_mode(r, node, &((struct crmg_model *)target)->mode, arg);
}

/* A number of entries, rounded up to a power of two. */
static void read_entries(struct crmg_reader *r, const struct crmg_node *node, uint32_t *ret)
{
	uint32_t entries = CRMG_CAPACITY_MIN;
	uint64_t wanted;

	if (!crmg_read_count(r, node, CRMG_CAPACITY_MIN, CRMG_CAPACITY_MAX, &wanted))
		return;
	while (entries < wanted)
		entries *= 2;
	*ret = entries;
}

static void read_slots(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg)
{
	(void)arg;
	read_entries(r, node, &((struct crmg_model *)target)->capacity);
}

static void read_flows(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg)
{
	(void)arg;
	read_entries(r, node, &((struct crmg_model *)target)->flows);
}

static void read_capacity(struct crmg_reader *r, const struct crmg_node *node, void *target,
			  unsigned int arg)
{
	static const struct crmg_key keys[] = {
		{ "sources", read_slots, 0, false },
		{ "flows", read_flows, 0, false },
	};

	(void)arg;
	crmg_read_keys(r, node, "'capacity'", keys, target);
}

static void read_v4_width(struct crmg_reader *r, const struct crmg_node *node, void *target,
			  unsigned int arg)
{
	uint64_t width;

	(void)arg;
	if (crmg_read_count(r, node, 8, 32, &width))
		((struct crmg_model *)target)->v4_prefix = width;
}

static void read_v6_width(struct crmg_reader *r, const struct crmg_node *node, void *target,
			  unsigned int arg)
{
	uint64_t width;

	(void)arg;
	if (crmg_read_count(r, node, 32, 128, &width))
		((struct crmg_model *)target)->v6_prefix = width;
}

static void read_sources(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	static const struct crmg_key keys[] = {
		{ "ipv4_prefix", read_v4_width, 0, false },
		{ "ipv6_prefix", read_v6_width, 0, false },
	};

	(void)arg;
	crmg_read_keys(r, node, "'sources'", keys, target);
}

static void read_addresses(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	static const char *const names[] = {
#define NAME(ID, name, ...) name,
		CRMG_ADDRESSES(NAME)
	};
	unsigned int value;

	(void)arg;
	if (crmg_read_choice(r, node, names, CRMG_ARRAY_SIZE(names), &value))
		((struct crmg_model *)target)->addresses = value;
}

static void read_keep(struct crmg_reader *r, const struct crmg_node *node, void *target,
		      unsigned int arg)
{
	static const struct crmg_time_bounds bounds = { DAY_NS, 3 * 365 * DAY_NS, DAY_NS };
	uint64_t ns = 0;

	(void)arg;
	crmg_read_time(r, node, &bounds, &ns);
	if (ns)
		((struct crmg_model *)target)->keep_s = (uint32_t)(ns / CRMG_NS_PER_SEC);
}

static void read_privacy(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	static const struct crmg_key keys[] = {
		{ "addresses", read_addresses, 0, false },
		{ "keep", read_keep, 0, false },
	};

	(void)arg;
	crmg_read_keys(r, node, "'privacy'", keys, target);
}

static void keep_policies(struct crmg_reader *r, const struct crmg_node *node, void *target,
			  unsigned int arg)
{
	(void)target;
	(void)arg;
	r->later = node;
}

static const struct crmg_key top_keys[] = {
	{ "version", read_version, 0, true },
	{ "mode", read_top_mode, 0, false },
	{ "capacity", read_capacity, 0, false },
	{ "sources", read_sources, 0, false },
	{ "privacy", read_privacy, 0, false },
	{ "services", crmg_read_services, 0, false },
	{ "clients", crmg_read_clients, 0, false },
	{ "policies", keep_policies, 0, false },
	{ "allow", crmg_read_allow, 0, false },
};

static void free_tree(struct crmg_tree **tree)
{
	crmg_tree_free(tree);
}

/* The text into r->model. Returns 0, -EINVAL with errors said, or -ENOMEM. */
static int read_text(struct crmg_reader *r, const char *text, size_t size)
{
	__attribute__((cleanup(free_tree))) struct crmg_tree *tree = NULL;
	const struct crmg_node *root;
	int error;

	error = crmg_tree_parse(text, size, r->file, &tree, &root, r->err);
	r->no_memory = error == -ENOMEM;
	if (error < 0)
		return error;
	crmg_read_keys(r, root, "a policy file", top_keys, r->model);
	if (r->later)
		crmg_read_policies(r, r->later);
	crmg_names_free(&r->services);
	crmg_names_free(&r->clients);
	crmg_names_free(&r->policies);
	free(r->like_depth);
	if (r->no_memory)
		return -ENOMEM;
	error = crmg_model_check(r->model, r->err);
	return r->err->errors > r->errors_before && !error ? -EINVAL : error;
}

/* path: of the policy file, or NULL if the text came from elsewhere. */
static int load(struct crmg_reader *r, const char *text, size_t size, const char *path,
		struct crmg_model **ret)
{
	__attribute__((cleanup(crmg_model_free))) struct crmg_model *model = NULL;
	size_t messages = r->err->count;
	int error = crmg_model_new(&model);

	if (error < 0)
		return crmg_err_set(r->err, error, "out of memory");
	r->model = model;
	r->errors_before = r->err->errors;
	model->shown = strdup(r->file);
	model->file = path ? realpath(path, NULL) : strdup("");
	if (!model->shown || !model->file)
		return crmg_err_set(r->err, -errno, "%s: %s", r->file, strerror(errno));
	error = read_text(r, text, size);
	if (r->no_memory)
		crmg_err_set(r->err, error, "out of memory");
	crmg_err_sort(r->err, messages, r->file);
	if (error < 0)
		return error;
	*ret = model;
	model = NULL;
	return 0;
}

int crmg_config_read(const char *path, bool strict_owner, struct crmg_model **ret,
		     struct crmg_err *err)
{
	struct crmg_reader r = {
		.file = path, .lists = true, .strict_owner = strict_owner, .err = err,
	};
	crmg_autofree char *text = NULL;
	char why[160];
	size_t size;
	int error;

	error = crmg_file_read(path, CRMG_CONFIG_MAX_BYTES, strict_owner, &text, &size, NULL,
			       why, sizeof(why));
	if (error < 0) {
		crmg_err_at(err, CRMG_ERROR, path, 0, 0, "%s", why);
		return error;
	}
	return load(&r, text, size, path, ret);
}

int crmg_config_parse(const char *text, size_t size, const char *name,
		      struct crmg_model **ret, struct crmg_err *err)
{
	struct crmg_reader r = { .file = name, .err = err };

	if (size > CRMG_CONFIG_MAX_BYTES) {
		crmg_err_at(err, CRMG_ERROR, name, 0, 0, "the text has %zu bytes, at most 1MiB are "
			    "accepted", size);
		return -EFBIG;
	}
	return load(&r, text, size, NULL, ret);
}
