/* SPDX-License-Identifier: GPL-2.0 */
/*
 * accesslog.h - a line of a web server's access log in the common or the combined format,
 * as nginx and Apache write it. Reads nothing but text.
 */
#ifndef CRMGATE_ACCESSLOG_H
#define CRMGATE_ACCESSLOG_H

#include <stdbool.h>
#include <stdint.h>

#include <crmgate/abi.h>

struct crmg_log_line {
	struct crmg_addr client;
	uint64_t time_s;	/* seconds since 1970: when the answer was sent */
	bool request;		/* false: logged, but the server read no request line */
};

/* 0, or -EINVAL; then *ret_why says in a few words what is wrong (static text). */
int crmg_log_parse(const char *line, struct crmg_log_line *ret, const char **ret_why);

#endif
