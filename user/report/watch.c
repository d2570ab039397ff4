// SPDX-License-Identifier: GPL-2.0
/* watch.c - see watch.h. */
#include "watch.h"

#include <stdarg.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "contracts.h"
#include "text.h"

struct crmg_watched {
	char name[CRMG_NAME_LEN];
	uint64_t until_s;
	bool holds;
	bool told;		/* that it ends soon */
};

/* A look at work. */
struct look {
	const struct crmg_contractor *c;
	void (*tell)(void *ctx, const char *text);
	void *ctx;
};

static void say(const struct look *look, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct look *look, const char *format, ...)
{
	char text[256], name[CRMG_ESCAPED(CRMG_NAME_LEN)];
	va_list args;
	int at;

	at = snprintf(text, sizeof(text), "client %s: ",
		      crmg_escape(look->c->client->name, CRMG_NAME_LEN, name, sizeof(name)));
	va_start(args, format);
	vsnprintf(text + at, sizeof(text) - at, format, args);
	va_end(args);
	look->tell(look->ctx, text);
}

static const struct crmg_watched *last_look(const struct crmg_contract_watch *watch,
					    const char *name)
{
	for (size_t i = 0; i < watch->count; i++)
		if (strncmp(watch->list[i].name, name, CRMG_NAME_LEN) == 0)
			return &watch->list[i];
	return NULL;
}

/* before: NULL at the first look. */
static struct crmg_watched look_at(const struct look *look, const struct crmg_watched *before)
{
	const struct crmg_contractor *c = look->c;
	struct crmg_watched now = { .until_s = c->contract->until_s, .holds = c->holds };
	char text[CRMG_LAPSE_LEN], left[CRMG_SHORT_LEN];

	crmg_copy(now.name, sizeof(now.name), c->client->name);
	now.told = before && before->until_s == now.until_s && before->told;
	if (!now.told && c->ends_in_s && c->ends_in_s <= CRMG_CONTRACT_SOON_S) {
		now.told = true;
		say(look, "its contract ends at %s, in %s",
		    crmg_format_utc(now.until_s * CRMG_NS_PER_SEC, false, text, sizeof(text)),
		    crmg_format_age(c->ends_in_s * CRMG_NS_PER_SEC, left, sizeof(left)));
	}
	if (before && before->holds && !now.holds)
		say(look, "it counts as any from now on: %s", crmg_lapse_text(c, text));
	if (before && !before->holds && now.holds)
		say(look, "its contract holds again");
	return now;
}

int crmg_contracts_watch(struct crmg_contract_watch *watch, const struct crmg_image *image,
			 uint64_t real_ns, void (*tell)(void *ctx, const char *text), void *ctx)
{
	struct crmg_contract_watch now = { .count = 0 };
	struct crmg_contractor c;

	for (size_t at = 0; crmg_contract_next(image, real_ns, &at, &c);) {
		const struct look look = { &c, tell, ctx };
		struct crmg_watched *place = crmg_grow(&now.list, &now.count, sizeof(*place));

		if (!place) {
			crmg_contract_watch_free(&now);
			return -ENOMEM;
		}
		*place = look_at(&look, last_look(watch, c.client->name));
	}
	crmg_contract_watch_free(watch);
	*watch = now;
	return 0;
}

void crmg_contract_watch_free(struct crmg_contract_watch *watch)
{
	free(watch->list);
	*watch = (struct crmg_contract_watch){ 0 };
}
