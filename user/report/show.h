/* SPDX-License-Identifier: GPL-2.0 */
/*
 * show.h - what a compiled policy says, read out of its image: `show` on the one
 * in force, `check` on one just compiled. No counters, no clock.
 */
#ifndef CRMGATE_SHOW_H
#define CRMGATE_SHOW_H

#include <stdio.h>

#include <jansson.h>

#include "../base/num.h"
#include "../compile/compile.h"

/* X(ID, "name"): what `show` can show, in the order of `check`. */
#define CRMG_SHOWS(X) \
	X(POLICY,   "policy") \
	X(SERVICES, "services") \
	X(CLIENTS,  "clients") \
	X(LIMITS,   "limits")

#define CRMG_ENUM_SHOW(ID, ...) CRMG_SHOW_##ID,
enum crmg_show { CRMG_SHOWS(CRMG_ENUM_SHOW) CRMG_SHOW_COUNT };

int crmg_show_from_name(const char *name, enum crmg_show *ret);

/* A new document, or NULL when out of memory; and text: 0 or -ENOMEM. */
json_t *crmg_show_json(const struct crmg_image *image, enum crmg_show what);
int crmg_show_text(const struct crmg_image *image, enum crmg_show what, bool colour, FILE *out);

/* The summary of `check`: counts, all of the above, and memory for so many CPUs. */
json_t *crmg_summary_json(const struct crmg_image *image, unsigned int cpus);
int crmg_summary_text(const struct crmg_image *image, unsigned int cpus, bool colour, FILE *out);

/* The line about memory that stands before a load. */
void crmg_memory_text(const struct crmg_image *image, unsigned int cpus, FILE *out);

/* What the policy says of `privacy`. */
json_t *crmg_privacy_json(const struct crmg_head *head);

/* The part `limits` as text; it has up to five tables. */
int crmg_show_limits_text(const struct crmg_image *image, bool colour, FILE *out);

/*
 * "packets 20/s (40), bytes 10MB/s (10MB)": the limits in a mask, the burst of each
 * in brackets; "none" if there is none. buf is returned.
 */
char *crmg_terms_text(unsigned int mask, const struct crmg_terms *terms, char *buf, size_t size);

/* The same with the caps of a binding: "packets 20/s (40), open_connections max 100". */
char *crmg_own_text(const struct crmg_binding *binding, const struct crmg_label *label, char *buf,
		    size_t size);

/* The same as a new JSON list; scope: whose limits they are. */
json_t *crmg_terms_json(unsigned int mask, const struct crmg_terms *terms, enum crmg_scope scope);

/* "443,8443-8447": as many as fit, then ".."; "any", or "10.0.0.0/8 and 2 more". buf is returned. */
char *crmg_ports_text(const struct crmg_image *image, const struct crmg_service *service,
		      char *buf, size_t size);
char *crmg_locals_text(const struct crmg_image *image, const struct crmg_service *service,
		       char *buf, size_t size);

/* "api.example.org,*.example.net", the same; "none". As JSON; as a table, if there are any. */
char *crmg_server_names_text(const struct crmg_image *image, const struct crmg_service *service,
			     char *buf, size_t size);
json_t *crmg_server_names_json(const struct crmg_image *image, const struct crmg_service *service);
int crmg_server_names_table(const struct crmg_image *image, bool colour, FILE *out);

/* True if services of two images have the same names. */
bool crmg_server_names_same(const struct crmg_image *a, const struct crmg_service *of_a,
			    const struct crmg_image *b, const struct crmg_service *of_b);

/* "alert", "throttle to 64kB/s": what comes of it when a quota is used up; buf is returned. */
#define CRMG_ON_BUDGET_LEN (CRMG_NUM_LEN + 16)
char *crmg_on_budget_text(const struct crmg_quotas *quotas, char buf[CRMG_ON_BUDGET_LEN]);

/* "64kB/s", in buf; NULL: it does not throttle. */
char *crmg_throttle_text(const struct crmg_quotas *quotas, char buf[CRMG_NUM_LEN]);

/* Time of a quota as the policy file writes it; buf is returned. */
char *crmg_quota_per(const struct crmg_quota *quota, char *buf, size_t size);

/* "5MB per 1m, 500MB per 1h"; buf is returned. */
char *crmg_quotas_text(const struct crmg_quotas *quotas, char *buf, size_t size);

/* "refuse below 1.2, observe plaintext", in buf; NULL: it says nothing of TLS. The same as JSON. */
#define CRMG_FLOOR_LEN 64
char *crmg_floor_text(const struct crmg_binding *binding, char buf[CRMG_FLOOR_LEN]);
json_t *crmg_floor_json(const struct crmg_binding *binding);

/* "methods GET, POST; max_body 1MB", in buf; NULL of NULL. As JSON: null. */
#define CRMG_HTTP_LEN 256
char *crmg_http_text(const struct crmg_http_terms *http, char buf[CRMG_HTTP_LEN]);
json_t *crmg_http_json(const struct crmg_http_terms *http);

/* What each ban is longer than the last, as the policy file writes it: in hundredths. */
unsigned int crmg_ban_factor(const struct crmg_ban_terms *ban);

/* Rate of a limit as the policy file writes it. buf[CRMG_NUM_LEN] is returned. */
char *crmg_rate_text(unsigned int limit, const struct crmg_terms *terms, char *buf);
double crmg_rate_per_second(const struct crmg_terms *terms);

#endif
