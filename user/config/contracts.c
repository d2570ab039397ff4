/* SPDX-License-Identifier: GPL-2.0 */
/*
 * contracts.c - owner, valid_until and hours of a client. Forms are strict: what ends an
 * integrator's access must not be guessed.
 */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include <crmgate/contract.h>

#include "../base/util.h"
#include "../base/zone.h"
#include "reader.h"

static struct crmg_model_contract *contract_of(void *target)
{
	return &((struct crmg_model_client *)target)->contract;
}

void crmg_read_owner(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg)
{
	const char *text = crmg_read_text(r, node, "a text");
	struct crmg_model_contract *contract = contract_of(target);

	(void)arg;
	if (!text)
		return;
	if (!*text || strlen(text) >= sizeof(contract->owner) || !crmg_is_plain(text))
		crmg_read_error(r, node->place, "an owner is a text of 1 to %d bytes without "
				"control characters", CRMG_OWNER_MAX);
	else
		crmg_copy(contract->owner, sizeof(contract->owner), text);
}

/* ------------------------------------------------------------- valid_until */

/* Digits as the pattern has '0's, other characters as they are. */
static bool has_form(const char *text, const char *form)
{
	for (; *form; form++, text++)
		if (*form == '0' ? !isdigit((unsigned char)*text) : *text != *form)
			return false;
	return true;
}

static int two_digits(const char *text)
{
	return 10 * (text[0] - '0') + text[1] - '0';
}

/* Seconds since 1970 of a date and time of UTC; false: there is no such moment. */
static bool moment_of(struct tm *tm, uint64_t *ret)
{
	struct tm given = *tm;
	time_t s = timegm(tm);

	*ret = (uint64_t)s;
	return s > 0 && tm->tm_mday == given.tm_mday && tm->tm_mon == given.tm_mon &&
	       tm->tm_hour == given.tm_hour && tm->tm_min == given.tm_min &&
	       tm->tm_sec == given.tm_sec;
}

/* "Z", "+02:00", "-05:30": seconds east of UTC. */
static bool parse_distance(const char *text, int *ret_s)
{
	*ret_s = 0;
	if (strcmp(text, "Z") == 0)
		return true;
	if ((*text != '+' && *text != '-') || !has_form(text + 1, "00:00") || text[6] ||
	    two_digits(text + 1) > 23 || two_digits(text + 4) > 59)
		return false;
	*ret_s = (two_digits(text + 1) * 60 + two_digits(text + 4)) * 60 * (*text == '-' ? -1 : 1);
	return true;
}

/* The last day of it, to its end in UTC; or a moment with its distance from UTC. */
static bool parse_until(const char *text, uint64_t *ret_s)
{
	struct tm tm = { 0 };
	int distance;

	if (!has_form(text, "2000-00-00") || (text[10] && !has_form(text + 10, "T00:00:00")))
		return false;
	tm.tm_year = two_digits(text) * 100 + two_digits(text + 2) - 1900;
	/* Later moments are no number of ns. */
	if (tm.tm_year >= 2500 - 1900)
		return false;
	tm.tm_mon = two_digits(text + 5) - 1;
	tm.tm_mday = two_digits(text + 8);
	if (text[10]) {
		tm.tm_hour = two_digits(text + 11);
		tm.tm_min = two_digits(text + 14);
		tm.tm_sec = two_digits(text + 17);
	}
	if (!moment_of(&tm, ret_s))
		return false;
	if (!text[10]) {
		*ret_s += CRMG_DAY_S;
		return true;
	}
	if (!parse_distance(text + 19, &distance))
		return false;
	*ret_s -= distance;
	return true;
}

void crmg_read_valid_until(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	const char *text = crmg_read_text(r, node, "a date");
	uint64_t until_s;

	(void)arg;
	if (!text)
		return;
	if (!parse_until(text, &until_s)) {
		crmg_read_error(r, node->place, "'%.64s' is not a date; accepted is the last day, such "
				"as 2027-03-31 (to its end in UTC), or a moment, such as "
				"2027-03-31T18:00:00+02:00", text);
		return;
	}
	contract_of(target)->until_s = until_s;
	if (until_s <= (uint64_t)time(NULL))
		crmg_err_at(r->err, CRMG_WARNING, r->file, node->place.line, node->place.column,
			    "this contract has ended: the client counts as any");
}

/* ------------------------------------------------------------------- hours */

static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

/* The day at the begin of text; -1: none. */
static int day_of(const char *text)
{
	for (int i = 0; i < (int)CRMG_ARRAY_SIZE(days); i++)
		if (strncmp(text, days[i], 3) == 0)
			return i;
	return -1;
}

/* "Mon-Fri", "Mon,Wed", "Sun-Thu": days as bits; 0: it is none of these. */
static uint8_t parse_days(const char *text)
{
	uint8_t bits = 0;

	for (;;) {
		int first = day_of(text), last = first;

		if (first >= 0 && text[3] == '-') {
			text += 4;
			last = day_of(text);
		}
		if (first < 0 || last < 0)
			return 0;
		for (int i = first;; i = (i + 1) % 7) {
			bits |= 1 << i;
			if (i == last)
				break;
		}
		text += 3;
		if (!*text)
			return bits;
		if (*text++ != ',')
			return 0;
	}
}

/* "07:00-20:00", up to 24:00. */
static bool parse_hours(const char *text, uint32_t *ret_begin_s, uint32_t *ret_end_s)
{
	if (!has_form(text, "00:00-00:00") || text[11] || two_digits(text + 3) > 59 ||
	    two_digits(text + 9) > 59)
		return false;
	*ret_begin_s = (uint32_t)(two_digits(text) * 60 + two_digits(text + 3)) * 60;
	*ret_end_s = (uint32_t)(two_digits(text + 6) * 60 + two_digits(text + 9)) * 60;
	return *ret_end_s <= CRMG_DAY_S;
}

void crmg_read_hours(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg)
{
	const char *text = crmg_read_text(r, node, "a text");
	struct crmg_model_contract *contract = contract_of(target);
	char on[32], at[16], zone[CRMG_ZONE_LEN];
	int end = -1;

	(void)arg;
	if (!text)
		return;
	if (sscanf(text, "%31[^ ] %15[^ ] %39[^ ]%n", on, at, zone, &end) != 3 || text[end] ||
	    strlen(on) + strlen(at) + strlen(zone) + 2 != strlen(text)) {
		crmg_read_error(r, node->place, "'%.64s' has another form than 'Mon-Fri 07:00-20:00 "
				"Europe/Paris': days, hours, a time zone", text);
		return;
	}
	contract->days = parse_days(on);
	if (!contract->days)
		crmg_read_error(r, node->place, "'%s' are not days; accepted are Mon, Tue, Wed, Thu, "
				"Fri, Sat, Sun, as Mon-Fri or Mon,Wed,Sat", on);
	if (!parse_hours(at, &contract->begin_s, &contract->end_s))
		crmg_read_error(r, node->place, "'%s' are not hours; accepted is 00:00-24:00, as "
				"07:00-20:00", at);
	else if (contract->end_s <= contract->begin_s)
		crmg_read_error(r, node->place, "'%s' end before they begin; hours over midnight are "
				"not accepted, 24:00 is the end of a day", at);
	if (!crmg_zone_is_there(zone))
		crmg_read_error(r, node->place, "this host knows no time zone '%s'; accepted are UTC "
				"and names as Europe/Paris, of the package tzdata", zone);
	crmg_copy(contract->zone, sizeof(contract->zone), zone);
}
