// SPDX-License-Identifier: GPL-2.0
/* reveal.c - who is behind a pseudonym. */
#include "reveal.h"

#include <errno.h>
#include <string.h>

#include "../base/util.h"
#include "../compile/map.h"
#include "files.h"

int crmg_reveal_address(const struct crmg_state *state, uint64_t day_ns,
			const struct crmg_pseudonym *pseudonym, struct crmg_addr *ret,
			struct crmg_err *err)
{
	char date[CRMG_DATE_LEN];
	struct crmg_day_key key;
	int code = crmg_day_key_read(state, day_ns, &key, err);

	crmg_format_date(day_ns, date);
	if (code == -ENOENT)
		return crmg_err_set(err, code, "there is no key of %s: it was destroyed when "
				    "`privacy.keep` was over, or there was none; nobody can tell", date);
	if (!code && crmg_pseudonym_open(&key, pseudonym, ret))
		code = crmg_err_set(err, -EINVAL, "not made with the key of %s: is a digit wrong, or is "
				    "it of another instance or host?", date);
	return code;
}

struct looking {
	const struct crmg_state *state;
	const struct crmg_pfx *source;
	struct crmg_day_key key;
	bool has_key;
	struct crmg_revealed *found;
	struct crmg_map index;		/* hash of a pseudonym's text -> index in found->items */
	struct crmg_err *err;
};

static int take_key(struct looking *looking, uint64_t day_ns)
{
	int code = 0;

	if (looking->key.day_ns != day_ns) {
		code = crmg_day_key_read(looking->state, day_ns, &looking->key, looking->err);
		looking->has_key = !code;
		looking->key.day_ns = day_ns;
	}
	return code == -ENOENT ? 0 : code;
}

/* A source is in each record of its day again. */
static int add_once(struct looking *looking, const char *text)
{
	struct crmg_revealed *found = looking->found;
	uint64_t key = crmg_hash(text, strlen(text), 0);
	struct crmg_revealed_item *item;
	uint32_t at;

	for (; (at = crmg_map_find(&looking->index, key)) != CRMG_MAP_NONE; key++)
		if (strcmp(found->items[at].text, text) == 0)
			return 0;
	item = crmg_grow(&found->items, &found->count, sizeof(*item));
	if (!item)
		return -ENOMEM;
	crmg_copy(item->text, sizeof(item->text), text);
	return crmg_map_put(&looking->index, key, found->count - 1);
}

static int look(const struct crmg_ledger_interval *interval, void *context)
{
	struct looking *looking = context;
	uint64_t day_ns = crmg_ledger_day(interval);
	char text[CRMG_PSEUDONYM_LEN];
	int code = 0;

	for (size_t i = 0; !code && i < interval->source_count; i++) {
		const struct crmg_ledger_source *entry = &interval->sources[i];
		const struct crmg_pseudonym pseudonym = { entry->prefix.addr, entry->check };
		struct crmg_pfx prefix = entry->prefix;

		if (!entry->check)
			continue;
		code = take_key(looking, day_ns);
		if (code || !looking->has_key ||
		    crmg_pseudonym_open(&looking->key, &pseudonym, &prefix.addr) ||
		    !crmg_prefixes_meet(&prefix, looking->source))
			continue;
		code = add_once(looking, crmg_format_pseudonym(day_ns, &pseudonym, text));
	}
	return code;
}

int crmg_reveal_pseudonyms(const struct crmg_state *state, const struct crmg_pfx *source,
			   struct crmg_revealed *ret, struct crmg_err *err)
{
	struct looking looking = {
		.state = state, .source = source, .found = ret, .err = err,
		.key.day_ns = UINT64_MAX,
	};
	struct crmg_ledger_damage damage;
	int code = crmg_ledger_read(state, 0, UINT64_MAX, look, &looking, &damage, err);

	crmg_map_free(&looking.index);
	return code;
}
