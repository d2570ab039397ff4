// SPDX-License-Identifier: GPL-2.0
/*
 * accesslog.c - reads  ADDRESS - USER [30/Nov/2026:04:11:57 +0000] "GET / HTTP/1.1" 200 ...
 *
 * What a client can put into a line has its quotes escaped by the server, so the first
 * `] "` ends the time, whatever the user is called.
 */
#include "accesslog.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "../base/addr.h"
#include "../base/util.h"

#define TIME_LEN 26	/* of "30/Nov/2026:04:11:57 +0000" */
#define MAPPED   "::ffff:"

static const char *read_client(const char *line, struct crmg_addr *ret)
{
	size_t length = strcspn(line, " ");
	char text[CRMG_ADDR_LEN];
	const char *why;

	if (length >= sizeof(text))
		return "it does not begin with an address";
	crmg_copy(text, length + 1, line);
	/* A socket for both families: the server writes IPv4 as IPv6 has it. */
	if (strncasecmp(text, MAPPED, strlen(MAPPED)) == 0 && strchr(text, '.'))
		return crmg_parse_addr(text + strlen(MAPPED), ret, &why) < 0 ? why : NULL;
	return crmg_parse_addr(text, ret, &why) < 0 ? why : NULL;
}

static const char *read_time(const char *line, const char *end, uint64_t *ret_s)
{
	static const char form[] = "there is no time like [30/Nov/2026:04:11:57 +0000] before "
				   "the request";
	const char *begin = end - TIME_LEN;
	struct tm tm = { 0 };
	time_t seconds;
	long offset;

	if (end - line <= TIME_LEN || begin[-1] != '[' ||
	    strptime(begin, "%d/%b/%Y:%H:%M:%S %z", &tm) != end)
		return form;
	offset = tm.tm_gmtoff;
	seconds = timegm(&tm);
	if (seconds < offset)
		return form;
	*ret_s = (uint64_t)(seconds - offset);
	return NULL;
}

/* A method and a blank, RFC 9110 section 9.1; "-", "" and what is no HTTP have none. */
static bool is_request(const char *text)
{
	size_t method = strspn(text, "!#$%&'*+-.^_`|~0123456789"
			       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return method && text[method] == ' ';
}

int crmg_log_parse(const char *line, struct crmg_log_line *ret, const char **ret_why)
{
	const char *end = strstr(line, "] \"");
	struct crmg_log_line read = { 0 };
	const char *why = read_client(line, &read.client);

	if (!why && !end)
		why = "there is no [time] with a \"request\" after it";
	if (!why)
		why = read_time(line, end, &read.time_s);
	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	read.request = is_request(end + 3);
	*ret = read;
	return 0;
}
