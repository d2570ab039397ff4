// SPDX-License-Identifier: GPL-2.0
/*
 * test_check_idle.c - what is told to have no effect, against all addresses one by
 * one: random prefixes of two services, four clients and `allow` within a /26.
 */
#include "fixture.h"

#define BASE	  0xc0000200u		/* 192.0.2.0/26 */
#define ADDRESSES 64
#define SERVICES  2
#define CLIENTS	  4
#define NOBODY	  SIZE_MAX
#define ROUNDS	  3000

static uint32_t below(uint32_t limit)
{
	static uint64_t state = 20261124;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((state >> 32) * limit >> 32);
}

/* Each prefix at most once: two clients that have the same are an error. */
static void fill(struct fixture *f)
{
	bool used[7][ADDRESSES] = { 0 };
	char text[32];

	add_many(f, SERVICES, CLIENTS, 0);
	for (size_t c = 0; c < CLIENTS; c++) {
		uint32_t services = below(4);		/* 0: no policy names the client */

		for (size_t s = 0; s < SERVICES; s++)
			if (services >> s & 1)
				add_policy(f, "p", s, c);
	}
	for (uint32_t i = 4 + below(16); i; i--) {
		uint32_t len = 26 + below(7), at = below(ADDRESSES) & ~0u << (32 - len);
		size_t owner = below(CLIENTS + 1);

		if (used[len - 26][at])
			continue;
		used[len - 26][at] = true;
		snprintf(text, sizeof(text), "192.0.2.%u/%u", at, len);
		if (owner == CLIENTS)
			add_allow(f, text);
		else
			add_prefix(f, owner, text, false);
	}
}

static bool is_named(const struct fixture *f, size_t client, size_t service)
{
	for (size_t i = 0; i < f->model->policy_count; i++)
		if (f->model->policies[i].clients[0] == client &&
		    f->model->policies[i].services[0] == service)
			return true;
	return false;
}

static bool has(const struct crmg_model_prefix *prefix, uint32_t address)
{
	struct crmg_addr addr = { 0, CRMG_V4_MAPPED_LO | (BASE + address) };

	return crmg_prefix_contains(&prefix->pfx.addr, prefix->pfx.len, &addr);
}

/*
 * Whose policy an address meets: CLIENTS stands for `allow`, NOBODY for `any`. Without
 * the prefix `without`. *ret_by: by which prefix.
 */
static size_t holder(const struct fixture *f, size_t service, uint32_t address,
		     const struct crmg_model_prefix *without,
		     const struct crmg_model_prefix **ret_by)
{
	const struct crmg_model *m = f->model;
	size_t ret = NOBODY;
	unsigned int best = 0;

	for (size_t i = 0; i < m->allow_count; i++)
		if (&m->allow[i] != without && has(&m->allow[i], address))
			return CLIENTS;
	for (size_t c = 0; c < m->client_count; c++) {
		for (size_t i = 0; i < m->clients[c].prefix_count; i++) {
			const struct crmg_model_prefix *prefix = &m->clients[c].prefixes[i];

			if (prefix == without || prefix->pfx.len <= best ||
			    !is_named(f, c, service) || !has(prefix, address))
				continue;
			best = prefix->pfx.len;
			ret = c;
			*ret_by = prefix;
		}
	}
	return ret;
}

/* Is there a message about this place with that text? */
static bool is_told(const struct fixture *f, struct crmg_place place, const char *part)
{
	for (size_t i = 0; i < f->err.count; i++)
		if (f->err.messages[i].line == place.line &&
		    strstr(f->err.messages[i].text, part))
			return true;
	return false;
}

static void check_prefix(const struct fixture *f, const struct crmg_model_prefix *prefix,
			 bool *ret_holds, bool *ret_told)
{
	*ret_holds = false;
	*ret_told = is_told(f, prefix->place, " has no effect: ");
	for (size_t s = 0; s < SERVICES; s++) {
		for (uint32_t a = 0; a < ADDRESSES; a++) {
			const struct crmg_model_prefix *by = NULL, *other = NULL;
			size_t who = holder(f, s, a, NULL, &by);

			*ret_holds |= by == prefix && who < CLIENTS;
			if (*ret_told)
				assert_int_equal(holder(f, s, a, prefix, &other), who);
		}
	}
}

static void check_client(const struct fixture *f, size_t client)
{
	const struct crmg_model_client *c = &f->model->clients[client];
	bool holds_any = false, holds[32], told[32];

	for (size_t i = 0; i < c->prefix_count; i++) {
		check_prefix(f, &c->prefixes[i], &holds[i], &told[i]);
		holds_any |= holds[i];
	}
	/* What holds nothing is told, of each prefix or of the client as a whole. */
	for (size_t i = 0; i < c->prefix_count; i++)
		if (!holds[i])
			assert_int_equal(told[i], holds_any);
}

static void check_policy(const struct fixture *f, const struct crmg_model_policy *policy)
{
	size_t client = policy->clients[0];
	bool holds = !f->model->clients[client].prefix_count;	/* an empty list: nothing is told */

	for (uint32_t a = 0; a < ADDRESSES; a++) {
		const struct crmg_model_prefix *by;

		holds |= holder(f, policy->services[0], a, NULL, &by) == client;
	}
	assert_int_equal(is_told(f, policy->place, "never applies"), !holds);
}

static void test_against_each_address(void **state)
{
	size_t told = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		void *fixture = NULL;
		struct fixture *f;
		bool holds, is;

		assert_int_equal(setup(&fixture), 0);
		f = fixture;
		fill(f);
		assert_int_equal(crmg_model_check(f->model, &f->err), 0);
		told += f->err.count;
		for (size_t c = 0; c < CLIENTS; c++)
			check_client(f, c);
		for (size_t i = 0; i < f->model->allow_count; i++)
			check_prefix(f, &f->model->allow[i], &holds, &is);
		for (size_t i = 0; i < f->model->policy_count; i++)
			check_policy(f, &f->model->policies[i]);
		teardown(&fixture);
	}
	assert_true(told > ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_each_address),
	};

	return cmocka_run_group_tests_name("check_idle", tests, NULL, NULL);
}
