// SPDX-License-Identifier: GPL-2.0
/* posture_write.c - the posture as a JSON document, and as a page that can be filed. */
#include "posture.h"

#include <string.h>

#include "../base/util.h"
#include "names.h"
#include "show.h"
#include "sources.h"
#include "status.h"
#include "text.h"

/* A page shows so many findings of each kind; JSON has all that are kept. */
#define SHOWN 12

struct remark {
	const char *id;
	const char *text;
};

/* What this version cannot judge, so that nobody takes silence for an answer. */
static const struct remark not_judged[] = {
	{ "auth_failures", "authentication failures under TLS: the answers cannot be read" },
};

static const char *const judged_on[] = {
	"the policy in force, and one reading of the kernel's counters and sources",
	"what was used or refused is an average since a policy's counters began: the last boot, "
	"or when the policy got its name",
	"before one day has passed that is not judged; a short burst does not show in it, and no "
	"day is known apart from the others",
};

static const struct remark *check_of(enum crmg_posture_id id)
{
#define CHECK(ID, name, title) { name, title },
	static const struct remark checks[] = { CRMG_POSTURES(CHECK) };

	return &checks[id];
}

static json_t *judged_json(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(judged_on); i++)
		json_array_append_new(list, json_string(judged_on[i]));
	return list;
}

static json_t *remarks_json(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(not_judged); i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "id", not_judged[i].id,
						      "text", not_judged[i].text));
	return list;
}

static json_t *checks_json(const struct crmg_posture *posture)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < CRMG_POSTURE_COUNT; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "id", check_of(i)->id,
			"title", check_of(i)->text,
			"findings", crmg_json_count(posture->found[i])));
	return list;
}

static json_t *finding_json(const struct crmg_posture *posture, const struct crmg_posture_item *finding)
{
	const struct crmg_policy_row *row = finding->row;
	char source[CRMG_ADDR_LEN];

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
		"check", check_of(finding->id)->id,
		"service", row ? crmg_json_text(row->label->service, CRMG_NAME_LEN) : json_null(),
		"policy", row ? crmg_json_text(row->label->policy, CRMG_NAME_LEN) : json_null(),
		"clients", row ? crmg_json_text(row->clients, SIZE_MAX) : json_null(),
		"source", finding->source.len
			? json_string(crmg_source_text(posture->snap, &finding->source.addr,
						       source, sizeof(source))) : json_null(),
		"since", crmg_json_time(finding->since_ns),
		"text", crmg_json_text(finding->text, sizeof(finding->text)));
}

static json_t *findings_json(const struct crmg_posture *posture)
{
	json_t *list = json_array();

	for (unsigned int id = 0; id < CRMG_POSTURE_COUNT; id++)
		for (size_t i = 0; i < posture->count; i++)
			if (posture->items[i].id == id)
				json_array_append_new(list,
						      finding_json(posture, &posture->items[i]));
	return list;
}

json_t *crmg_posture_json(const struct crmg_posture *posture, const char *instance)
{
	const struct crmg_snapshot *snap = posture->snap;

	return json_pack(
		"{s:i, s:s, s:s, s:o, s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:o}",
		"schema", 1,
		"version", CRMG_VERSION,
		"instance", instance,
		"at", crmg_json_time(snap->real_ns),
		"policy", crmg_policy_json(snap),
		"proof", crmg_proof_json(snap, posture->problems),
		"bans",
			"manual", crmg_json_count(snap->ban_count),
			"automatic", crmg_json_count(snap->by_state[CRMG_SOURCE_BANNED]),
			"automatic_made",
				crmg_json_count(snap->host.counter[CRMG_HOST_AUTO_BANS]),
		"privacy", crmg_privacy_json(crmg_image_head(snap->image)),
		"checks", checks_json(posture),
		"findings", findings_json(posture),
		"not_judged", remarks_json(),
		"judged_on", judged_json());
}

/* "web/public for any, 198.51.100.7: ", as far as it is about that. */
static void subject_text(const struct crmg_posture *posture, const struct crmg_posture_item *finding,
			 FILE *out)
{
	const struct crmg_policy_row *row = finding->row;
	char service[CRMG_ESCAPED(CRMG_NAME_LEN)], policy[CRMG_ESCAPED(CRMG_NAME_LEN)];
	char source[CRMG_ADDR_LEN], clients[2 * CRMG_NAME_LEN];

	if (row) {
		bool named = strcmp(row->clients, row->label->policy) != 0;

		fprintf(out, "%s/%s%s%s%s",
			crmg_escape(row->label->service, CRMG_NAME_LEN, service, sizeof(service)),
			crmg_escape(row->label->policy, CRMG_NAME_LEN, policy, sizeof(policy)),
			named ? " for " : "", named ? crmg_escape(row->clients, sizeof(clients),
								  clients, sizeof(clients)) : "",
			finding->source.len ? ", " : ": ");
	}
	if (finding->source.len)
		fprintf(out, "%s: ", crmg_source_text(posture->snap, &finding->source.addr, source,
						      sizeof(source)));
}

static void check_text(const struct crmg_posture *posture, enum crmg_posture_id id, bool colour,
		       FILE *out)
{
	size_t shown = 0;

	fprintf(out, "\n%s%s: %zu%s\n", colour ? "\033[1m" : "", check_of(id)->text,
		posture->found[id], colour ? "\033[0m" : "");
	for (size_t i = 0; i < posture->count && shown < SHOWN; i++) {
		if (posture->items[i].id != id)
			continue;
		fputs("  ", out);
		subject_text(posture, &posture->items[i], out);
		fprintf(out, "%s\n", posture->items[i].text);
		shown++;
	}
	if (shown < posture->found[id])
		fprintf(out, "  and %zu more: crmgate posture --json\n",
			posture->found[id] - shown);
}

/* What was looked for and is not there is half of what an audit wants to know. */
static void clean_text(const struct crmg_posture *posture, FILE *out)
{
	bool first = true;

	for (unsigned int i = 0; i < CRMG_POSTURE_COUNT; i++) {
		if (posture->found[i])
			continue;
		fprintf(out, "%s  %s\n", first ? "\nLooked for, and not found:\n" : "",
			check_of(i)->text);
		first = false;
	}
}

static void privacy_text(const struct crmg_head *head, FILE *out)
{
	char keep[CRMG_NUM_LEN];

	fprintf(out, "privacy:  addresses %s in the ledger and in events that are kept, for %s; whole in "
		"the kernel's\n          tables, bans.json and budgets.json, and for root and group crmgate\n",
		crmg_addresses_name(head->addresses),
		crmg_format_time(head->keep_s * CRMG_NS_PER_SEC, keep, sizeof(keep)));
}

void crmg_posture_text(const struct crmg_posture *posture, const char *instance, bool colour,
		       FILE *out)
{
	const struct crmg_snapshot *snap = posture->snap;
	char at[CRMG_TIME_LEN];

	fprintf(out, "Posture of crmgate %s, instance %s, at %s\n\n", CRMG_VERSION, instance,
		crmg_format_utc(snap->real_ns, false, at, sizeof(at)));
	crmg_policy_text(snap, out);
	crmg_proof_text(snap, out);
	fprintf(out, "bans:     %u manual, %u automatic now; %llu automatic ones made so far\n",
		snap->ban_count, snap->by_state[CRMG_SOURCE_BANNED],
		snap->host.counter[CRMG_HOST_AUTO_BANS]);
	privacy_text(crmg_image_head(snap->image), out);
	for (unsigned int i = 0; i < CRMG_POSTURE_COUNT; i++)
		if (posture->found[i])
			check_text(posture, i, colour, out);
	clean_text(posture, out);
	fputs("\nNot judged:\n", out);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(not_judged); i++)
		fprintf(out, "  %s\n", not_judged[i].text);
	fputs("\nJudged on:\n", out);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(judged_on); i++)
		fprintf(out, "  %s\n", judged_on[i]);
}
