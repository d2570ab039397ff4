/* SPDX-License-Identifier: GPL-2.0 */
/* reader.c - messages, mappings and values: what every section is read with. */
#include "reader.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "config.h"

void crmg_read_error(struct crmg_reader *r, struct crmg_place at, const char *format, ...)
{
	size_t errors = r->err->errors - r->errors_before;
	crmg_autofree char *text = NULL;
	va_list args;

	if (errors > CRMG_CONFIG_MAX_ERRORS)
		return;
	if (errors == CRMG_CONFIG_MAX_ERRORS) {
		crmg_tell_more_errors(r->err, r->file);
		return;
	}
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	crmg_err_at(r->err, CRMG_ERROR, r->file, at.line, at.column, "%s",
		    text ? text : "out of memory");
}

void crmg_read_not_yet(struct crmg_reader *r, struct crmg_place at, const char *what)
{
	crmg_read_error(r, at, "'%s' is not available yet in this version; remove it", what);
}

void *crmg_read_grow(struct crmg_reader *r, void *array, size_t *count, size_t size)
{
	void *element = crmg_grow(array, count, size);

	r->no_memory |= !element;
	return element;
}

static const char *kind_name(const struct crmg_node *node)
{
	switch (node->kind) {
	case CRMG_NODE_LIST: return "a list";
	case CRMG_NODE_MAP: return "a mapping";
	default: return *node->text ? "a word" : "nothing";
	}
}

static bool is_kind(struct crmg_reader *r, const struct crmg_node *node,
		    enum crmg_node_kind kind, const char *wanted)
{
	if (node->kind == kind)
		return true;
	if (node->kind != CRMG_NODE_REFUSED)
		crmg_read_error(r, node->place, "%s is needed here, not %s", wanted,
				kind_name(node));
	return false;
}

bool crmg_read_is_map(struct crmg_reader *r, const struct crmg_node *node, const char *wanted)
{
	return is_kind(r, node, CRMG_NODE_MAP, wanted);
}

bool crmg_read_is_list(struct crmg_reader *r, const struct crmg_node *node, const char *wanted,
		       size_t max)
{
	if (!is_kind(r, node, CRMG_NODE_LIST, wanted))
		return false;
	if (!node->count)
		crmg_read_error(r, node->place, "%s is needed here, not an empty one", wanted);
	else if (node->count > max)
		crmg_read_error(r, node->place, "this list has %zu entries, at most %zu are "
				"accepted", node->count, max);
	return node->count && node->count <= max;
}

const char *crmg_read_text(struct crmg_reader *r, const struct crmg_node *node,
			   const char *wanted)
{
	if (!is_kind(r, node, CRMG_NODE_WORD, wanted))
		return NULL;
	if (*node->text)
		return node->text;
	crmg_read_error(r, node->place, "%s is needed here, not nothing", wanted);
	return NULL;
}

/* Returns the key that was probably meant, or NULL. */
static const char *unknown_key(struct crmg_reader *r, const struct crmg_node *key,
			       const struct crmg_key *keys, size_t count)
{
	struct crmg_likeness likeness = { .word = key->text };
	char accepted[256] = "";

	for (size_t i = 0; i < count; i++) {
		if (!keys[i].read)
			continue;
		crmg_likeness_try(&likeness, keys[i].name);
		crmg_list_add(accepted, sizeof(accepted), keys[i].name);
	}
	if (likeness.best)
		crmg_read_error(r, key->place, "unknown key '%.64s'; did you mean '%s'? Accepted "
				"here: %s", key->text, likeness.best, accepted);
	else
		crmg_read_error(r, key->place, "unknown key '%.64s'; accepted here: %s", key->text,
				accepted);
	return likeness.best;
}

static size_t find_key(const struct crmg_key *keys, size_t count, const char *name)
{
	size_t i = 0;

	while (i < count && strcmp(keys[i].name, name))
		i++;
	return i;
}

void crmg_read_map(struct crmg_reader *r, const struct crmg_node *node, const char *what,
		   const struct crmg_key *keys, size_t count, void *target)
{
	uint64_t seen = 0;

	if (!crmg_read_is_map(r, node, "a mapping (key: value)"))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		size_t i = find_key(keys, count, entry->key->text);

		if (i == count) {
			const char *meant = unknown_key(r, entry->key, keys, count);

			/* One mistake, one message: that key is not missing too. */
			if (meant)
				seen |= 1ULL << find_key(keys, count, meant);
			continue;
		}
		seen |= 1ULL << i;
		if (!keys[i].read)
			crmg_read_not_yet(r, entry->key->place, keys[i].name);
		else if (entry->kind != CRMG_NODE_REFUSED)
			keys[i].read(r, entry, target, keys[i].arg);
	}
	for (size_t i = 0; i < count; i++)
		if (keys[i].required && !(seen & 1ULL << i))
			crmg_read_error(r, node->place, "%s needs '%s'", what, keys[i].name);
}

bool crmg_read_count(struct crmg_reader *r, const struct crmg_node *node, uint64_t min,
		     uint64_t max, uint64_t *ret)
{
	char least[CRMG_NUM_LEN], most[CRMG_NUM_LEN];
	const char *text = crmg_read_text(r, node, "a number");
	uint64_t value;
	int error;

	if (!text)
		return false;
	error = crmg_parse_count(text, &value);
	if (!error && value >= min && value <= max) {
		*ret = value;
		return true;
	}
	crmg_format_count(min, least, sizeof(least));
	crmg_format_count(max, most, sizeof(most));
	crmg_read_error(r, node->place, "'%.64s' is %s; accepted is %s to %s", text,
			error == -EINVAL ? "not a number" : "out of range", least, most);
	return false;
}

bool crmg_read_choice(struct crmg_reader *r, const struct crmg_node *node,
		      const char *const *names, size_t count, unsigned int *ret)
{
	const char *text = crmg_read_text(r, node, "a word");
	struct crmg_likeness likeness = { .word = text };
	char accepted[256] = "";

	if (!text)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(text, names[i])) {
			*ret = i;
			return true;
		}
		crmg_likeness_try(&likeness, names[i]);
		crmg_list_add(accepted, sizeof(accepted), names[i]);
	}
	if (likeness.best)
		crmg_read_error(r, node->place, "'%.64s' is not accepted here; did you mean '%s'? "
				"Accepted: %s", text, likeness.best, accepted);
	else
		crmg_read_error(r, node->place, "'%.64s' is not accepted here; accepted: %s", text,
				accepted);
	return false;
}

bool crmg_read_bool(struct crmg_reader *r, const struct crmg_node *node, bool *ret)
{
	static const char *const names[] = { "false", "true" };
	unsigned int value;

	if (!crmg_read_choice(r, node, names, CRMG_ARRAY_SIZE(names), &value))
		return false;
	*ret = value;
	return true;
}

void crmg_read_time(struct crmg_reader *r, const struct crmg_node *node,
		    const struct crmg_time_bounds *bounds, uint64_t *ret_ns)
{
	const char *text = crmg_read_text(r, node, "a time");
	char least[CRMG_NUM_LEN], most[CRMG_NUM_LEN], unit[CRMG_NUM_LEN];
	uint64_t ns;
	int error;

	*ret_ns = 0;
	if (!text)
		return;
	error = crmg_parse_time(text, &ns);
	if (!error && ns >= bounds->least_ns && ns <= bounds->most_ns && !(ns % bounds->unit_ns)) {
		*ret_ns = ns;
		return;
	}
	crmg_format_time(bounds->least_ns, least, sizeof(least));
	crmg_format_time(bounds->most_ns, most, sizeof(most));
	crmg_format_time(bounds->unit_ns, unit, sizeof(unit));
	crmg_read_error(r, node->place, "'%.64s' is %s; accepted is %s to %s in steps of %s, as "
			"10s, 10m or 24h", text,
			error == -EINVAL ? "not a time" : "out of range", least, most, unit);
}

bool crmg_read_prefix(struct crmg_reader *r, const struct crmg_node *node, struct crmg_pfx *ret)
{
	const char *text = crmg_read_text(r, node, "an address or a prefix");
	const char *why;

	if (!text)
		return false;
	if (!crmg_parse_prefix(text, ret, &why))
		return true;
	crmg_read_error(r, node->place, "'%.64s': %s; accepted is a prefix such as 192.0.2.0/24 or "
			"2001:db8::/32, or an address", text, why);
	return false;
}

bool crmg_read_name(struct crmg_reader *r, const struct crmg_node *node, const char *what,
		    char ret[CRMG_NAME_LEN])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_-";
	static const char *const reserved[] = { "any", "none", "allow", "total" };
	const char *text = node->text;
	size_t length = strlen(text);

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(reserved); i++) {
		if (!strcmp(text, reserved[i])) {
			crmg_read_error(r, node->place, "a %s cannot be called '%s'; any, none, "
					"allow and total have a meaning of their own", what, text);
			return false;
		}
	}
	if (!length || length > 32 || text[0] == '_' || text[0] == '-' ||
	    strspn(text, letters) != length) {
		crmg_read_error(r, node->place, "'%.64s' cannot be the name of a %s; accepted are "
				"1 to 32 letters, digits, '_' and '-', a letter or digit first",
				text, what);
		return false;
	}
	crmg_copy(ret, CRMG_NAME_LEN, text);
	return true;
}
