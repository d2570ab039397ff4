/* SPDX-License-Identifier: GPL-2.0 */
/* fixture.h - models built by hand, line by line, for the tests of model/. */
#ifndef CRMGATE_TEST_FIXTURE_H
#define CRMGATE_TEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/base/util.h"
#include "../../user/model/model.h"

struct fixture {
	struct crmg_model *model;
	struct crmg_err err;
	unsigned int line;	/* each thing added stands on a line of its own */
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || crmg_model_new(&f->model) < 0)
		return -1;
	f->model->shown = strdup("p.yaml");
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	crmg_err_clear(&f->err);
	crmg_model_free(&f->model);
	assert_null(f->model);
	crmg_model_free(&f->model);
	free(f);
	return 0;
}

static inline struct crmg_model_service *add_service(struct fixture *f, const char *name,
						     unsigned int first, unsigned int last)
{
	struct crmg_model_service *service = crmg_grow(&f->model->services,
						       &f->model->service_count,
						       sizeof(*service));
	struct crmg_port_range *range = crmg_grow(&service->ports, &service->port_count,
						  sizeof(*range));

	crmg_copy(service->name, sizeof(service->name), name);
	service->place = (struct crmg_place){ ++f->line, 1 };
	*range = (struct crmg_port_range){ first, last };
	return service;
}

static inline struct crmg_pfx pfx(const char *text)
{
	struct crmg_pfx ret;
	const char *why;

	assert_int_equal(crmg_parse_prefix(text, &ret, &why), 0);
	return ret;
}

static inline void add_address(struct crmg_model_service *service, const char *text)
{
	struct crmg_pfx *address = crmg_grow(&service->addresses, &service->address_count,
					     sizeof(*address));

	*address = pfx(text);
}

static inline size_t add_client(struct fixture *f, const char *name)
{
	size_t index = f->model->client_count;
	struct crmg_model_client *client = crmg_grow(&f->model->clients,
						     &f->model->client_count, sizeof(*client));

	crmg_copy(client->name, sizeof(client->name), name);
	client->place = (struct crmg_place){ ++f->line, 1 };
	return index;
}

static inline void add_prefix(struct fixture *f, size_t client, const char *text, bool from_file)
{
	struct crmg_model_client *c = &f->model->clients[client];
	struct crmg_model_prefix *prefix = crmg_grow(&c->prefixes, &c->prefix_count,
						     sizeof(*prefix));

	*prefix = (struct crmg_model_prefix){
		.pfx = pfx(text), .from_file = from_file, .place = { ++f->line, 1 },
	};
	if (from_file && !c->file_count)
		*(char **)crmg_grow(&c->files, &c->file_count, sizeof(char *)) = strdup("feed");
}

static inline void add_allow(struct fixture *f, const char *text)
{
	struct crmg_model_prefix *prefix = crmg_grow(&f->model->allow, &f->model->allow_count,
						     sizeof(*prefix));

	*prefix = (struct crmg_model_prefix){ .pfx = pfx(text), .place = { ++f->line, 1 } };
}

static inline struct crmg_model_policy *add_policy(struct fixture *f, const char *name,
						   size_t service, size_t client)
{
	struct crmg_model_policy *policy = crmg_grow(&f->model->policies,
						     &f->model->policy_count, sizeof(*policy));

	crmg_copy(policy->name, sizeof(policy->name), name);
	policy->place = (struct crmg_place){ ++f->line, 1 };
	*(size_t *)crmg_grow(&policy->services, &policy->service_count, sizeof(size_t)) = service;
	*(size_t *)crmg_grow(&policy->clients, &policy->client_count, sizeof(size_t)) = client;
	return policy;
}

static inline void add_many(struct fixture *f, size_t services, size_t clients, size_t policies)
{
	char name[CRMG_NAME_LEN];

	for (size_t i = 0; i < services; i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		add_service(f, name, i + 1, i + 1);
	}
	for (size_t i = 0; i < clients; i++) {
		snprintf(name, sizeof(name), "c%zu", i);
		add_client(f, name);
	}
	for (size_t i = 0; i < policies; i++) {
		snprintf(name, sizeof(name), "p%zu", i);
		add_policy(f, name, 0, i);
	}
}

/* Checks the model: the result, and all messages. */
static inline void assert_check(struct fixture *f, int result, const char *expected)
{
	crmg_autofree char *text = NULL;
	size_t size;
	FILE *out;

	assert_int_equal(crmg_model_check(f->model, &f->err), result);
	out = open_memstream(&text, &size);
	crmg_err_print(&f->err, out, true);
	fclose(out);
	assert_string_equal(text, expected);
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
