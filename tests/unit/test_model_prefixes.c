/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test_model_prefixes.c - checks of prefixes across clients: the same in two, feeds
 * that give way, and what can never apply (A8).
 */
#include "fixture.h"

static void test_prefix_in_two_clients(void **state)
{
	struct fixture *f = *state;

	add_many(f, 1, 2, 2);
	add_prefix(f, 0, "192.0.2.0/24", false);
	add_prefix(f, 1, "192.0.2.0/25", false);	/* nested is fine */
	add_prefix(f, 1, "2001:db8::/64", false);
	add_allow(f, "192.0.2.0/26");
	assert_check(f, 0, "");
	add_prefix(f, 1, "192.0.2.0/24", false);
	add_prefix(f, 0, "2001:db8::/64", false);
	assert_check(f, -EINVAL,
		     "p.yaml:10:1: 192.0.2.0/24 of client 'c1' is in client 'c0' too (p.yaml:6); a "
		     "prefix has one client\n"
		     "p.yaml:8:1: 2001:db8::/64 of client 'c1' is in client 'c0' too (p.yaml:11); "
		     "a prefix has one client\n");
}

/* client 0: a partner; client 1: a feed. Both name 192.0.2.1. */
static void partner_and_feed(struct fixture *f, bool feed_denied)
{
	add_many(f, 1, 2, 2);
	add_prefix(f, 0, "192.0.2.1", false);
	add_prefix(f, 1, "192.0.2.0", true);
	add_prefix(f, 1, "192.0.2.1", true);
	add_prefix(f, 1, "192.0.2.2", true);
	f->model->policies[1].deny = feed_denied;
}

static void test_feed_gives_way(void **state)
{
	struct fixture *f = *state;
	const struct crmg_model_client *feed;

	partner_and_feed(f, true);
	assert_check(f, 0, "feed:8:1: warning: 192.0.2.1 of the denied list of client 'c1' is left "
		     "out, client 'c0' has it (p.yaml:6)\n");
	feed = &f->model->clients[1];
	assert_int_equal(feed->prefix_count, 2);
	assert_true((uint32_t)feed->prefixes[0].pfx.addr.lo == 0xc0000200);
	assert_true((uint32_t)feed->prefixes[1].pfx.addr.lo == 0xc0000202);
	assert_int_equal(f->model->clients[0].prefix_count, 1);
}

static void test_feed_not_denied(void **state)
{
	struct fixture *f = *state;

	partner_and_feed(f, false);
	assert_check(f, -EINVAL, "feed:8:1: 192.0.2.1 of client 'c1' is in client 'c0' too "
		     "(p.yaml:6); a prefix has one client\n");
	assert_int_equal(f->model->clients[1].prefix_count, 3);
}

/* A client that is denied at one service and limited at another is no feed. */
static void test_feed_partly_denied(void **state)
{
	struct fixture *f = *state;

	partner_and_feed(f, true);
	add_service(f, "other", 99, 99);
	add_policy(f, "p2", 1, 1);
	assert_check(f, -EINVAL, "feed:8:1: 192.0.2.1 of client 'c1' is in client 'c0' too "
		     "(p.yaml:6); a prefix has one client\n");
}

static void test_two_feeds(void **state)
{
	struct fixture *f = *state;

	partner_and_feed(f, true);
	f->model->clients[0].prefixes[0].from_file = true;
	*(char **)crmg_grow(&f->model->clients[0].files, &f->model->clients[0].file_count,
			    sizeof(char *)) = strdup("other");
	f->model->policies[0].deny = true;
	assert_check(f, 0, "feed:8:1: warning: 192.0.2.1 of the denied list of client 'c1' is left "
		     "out, client 'c0' has it (other:6)\n");
}

/* The second feed is denied where the first is not: leaving it out would let it in. */
static void test_two_feeds_of_other_services(void **state)
{
	struct fixture *f = *state;

	partner_and_feed(f, true);
	f->model->clients[0].prefixes[0].from_file = true;
	*(char **)crmg_grow(&f->model->clients[0].files, &f->model->clients[0].file_count,
			    sizeof(char *)) = strdup("other");
	f->model->policies[0].deny = true;
	add_service(f, "more", 99, 99);
	add_policy(f, "p2", 1, 1)->deny = true;
	assert_check(f, -EINVAL, "feed:8:1: 192.0.2.1 of client 'c1' is in client 'c0' too "
		     "(other:6); a prefix has one client\n");
}

static void test_many_doubles_are_summed_up(void **state)
{
	struct fixture *f = *state;
	const struct crmg_message *last;
	char text[32];

	add_many(f, 1, 2, 2);
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", i);
		add_prefix(f, 0, text, false);
		add_prefix(f, 1, text, false);
	}
	assert_int_equal(crmg_model_check(f->model, &f->err), -EINVAL);
	assert_int_equal(f->err.errors, 21);
	last = &f->err.messages[f->err.count - 1];
	assert_string_equal(last->text, "... and 30 more prefixes that two clients have");
}

static void test_a8_client_without_policy(void **state)
{
	struct fixture *f = *state;

	add_many(f, 1, 2, 1);
	add_prefix(f, 1, "192.0.2.0/24", false);
	assert_check(f, 0, "p.yaml:3:1: warning: client 'c1' has no effect: no policy names it\n");
}

static void test_a8_covered_by_allow(void **state)
{
	struct fixture *f = *state;

	add_many(f, 1, 2, 2);
	add_prefix(f, 0, "192.0.2.0/24", false);
	add_prefix(f, 0, "198.51.100.1", false);
	add_prefix(f, 1, "203.0.113.0/24", false);
	add_allow(f, "198.51.100.0/24");
	add_allow(f, "203.0.113.0/25");
	add_allow(f, "192.0.2.0/25");
	/* Halves of both are left, but of one address nothing. */
	assert_check(f, 0, "p.yaml:7:1: warning: 198.51.100.1 of client 'c0' has no effect: "
		     "198.51.100.0/24 of 'allow' (p.yaml:9) has it\n");
	crmg_err_clear(&f->err);
	add_allow(f, "192.0.2.128/25");
	assert_check(f, 0,
		     "p.yaml:4:1: warning: policy 'p0' never applies to client 'c0' (line 2): "
		     "all its addresses are in 'allow' (line 9)\n");
}

static void test_a8_covered_by_longer(void **state)
{
	struct fixture *f = *state;

	add_many(f, 2, 3, 1);
	add_prefix(f, 0, "192.0.2.0/24", false);
	add_prefix(f, 1, "192.0.2.0/25", false);
	add_prefix(f, 1, "192.0.2.128/26", false);
	add_prefix(f, 2, "192.0.2.192/26", false);
	add_policy(f, "q", 0, 1);
	add_policy(f, "r", 1, 2);		/* another service: does not cover */
	assert_check(f, 0, "");
	add_policy(f, "s", 0, 2);
	assert_check(f, 0,
		     "p.yaml:6:1: warning: policy 'p0' never applies to client 'c0' (line 3): "
		     "all its addresses are in longer prefixes of others, such as client 'c1' "
		     "(line 4)\n");
}

/* IPv4 is stored inside of ::/0, but it does not fill it, nor does it fill IPv4. */
static void test_a8_any_covered(void **state)
{
	struct fixture *f = *state;

	add_many(f, 1, 2, 2);
	add_policy(f, "public", 0, CRMG_CLIENT_ANY);
	add_prefix(f, 0, "::/0", false);
	assert_check(f, 0, "");
	add_prefix(f, 1, "0.0.0.0/1", false);
	assert_check(f, 0, "");
	add_prefix(f, 0, "128.0.0.0/1", false);
	assert_check(f, 0, "p.yaml:6:1: warning: policy 'public' never applies to 'any': others "
		     "have all addresses, such as client 'c1' (line 3)\n");
}

/* A policy of two services that is idle in one of them. */
static void test_a8_one_service(void **state)
{
	struct fixture *f = *state;
	struct crmg_model_policy *both;

	add_many(f, 2, 3, 0);
	both = add_policy(f, "both", 0, 0);
	*(size_t *)crmg_grow(&both->services, &both->service_count, sizeof(size_t)) = 1;
	add_policy(f, "first", 0, 1);
	add_policy(f, "second", 1, 2);
	add_prefix(f, 0, "192.0.2.0/24", false);
	add_prefix(f, 1, "192.0.2.0/25", false);	/* a part of it in s0 */
	add_prefix(f, 2, "192.0.2.0/26", false);	/* all of it in s1 */
	add_prefix(f, 2, "192.0.2.64/26", false);
	assert_check(f, 0, "");
	add_prefix(f, 2, "192.0.2.128/25", false);
	assert_check(f, 0, "p.yaml:6:1: warning: policy 'both' never applies to client 'c0' "
		     "(line 3) at service 's1': all its addresses are in longer prefixes of "
		     "others, such as client 'c2' (line 5)\n");
}

/* The other prefix of the client is left: it is told of the one. */
static void test_a8_idle_prefix(void **state)
{
	struct fixture *f = *state;

	add_many(f, 1, 2, 2);
	add_prefix(f, 0, "198.51.100.0/24", false);
	add_prefix(f, 0, "192.0.2.0/24", false);
	add_prefix(f, 0, "192.0.2.0/26", false);	/* its own does not count as another's */
	add_prefix(f, 1, "192.0.2.64/26", false);
	add_prefix(f, 1, "192.0.2.0/27", false);
	add_prefix(f, 1, "192.0.2.32/27", false);
	assert_check(f, 0, "p.yaml:8:1: warning: 192.0.2.0/26 of client 'c0' has no effect: "
		     "longer prefixes have all of it, such as 192.0.2.0/27 of client 'c1' "
		     "(p.yaml:10)\n");
	crmg_err_clear(&f->err);
	add_prefix(f, 1, "192.0.2.128/25", false);
	assert_check(f, 0, "p.yaml:7:1: warning: 192.0.2.0/24 of client 'c0' has no effect: "
		     "longer prefixes have all of it, such as 192.0.2.0/27 of client 'c1' "
		     "(p.yaml:10)\n"
		     "p.yaml:8:1: warning: 192.0.2.0/26 of client 'c0' has no effect: "
		     "longer prefixes have all of it, such as 192.0.2.0/27 of client 'c1' "
		     "(p.yaml:10)\n");
}

/* A prefix inside of one of the same client, unless another client stands between. */
static void test_a8_inside_its_own(void **state)
{
	struct fixture *f = *state;

	add_many(f, 1, 3, 2);			/* no policy names c2 */
	add_prefix(f, 0, "10.0.0.0/8", false);
	add_prefix(f, 1, "10.1.0.0/16", false);
	add_prefix(f, 0, "10.1.2.0/24", false);
	assert_check(f, 0, "p.yaml:4:1: warning: client 'c2' has no effect: no policy names it\n");
	crmg_err_clear(&f->err);
	add_prefix(f, 2, "10.2.0.0/16", false);
	add_prefix(f, 0, "10.2.3.0/24", false);
	assert_check(f, 0, "p.yaml:4:1: warning: client 'c2' has no effect: no policy names it\n"
		     "p.yaml:11:1: warning: 10.2.3.0/24 of client 'c0' has no effect: 10.0.0.0/8 "
		     "of client 'c0' (p.yaml:7) has it\n");
}

static void test_a8_allow_in_allow(void **state)
{
	struct fixture *f = *state;

	add_many(f, 1, 0, 0);
	add_allow(f, "192.0.2.9");
	add_allow(f, "192.0.2.128/25");
	assert_check(f, 0, "");
	add_allow(f, "192.0.2.0/24");
	assert_check(f, 0, "p.yaml:2:1: warning: 192.0.2.9 of 'allow' has no effect: 192.0.2.0/24 "
		     "of 'allow' (p.yaml:4) has it\n"
		     "p.yaml:3:1: warning: 192.0.2.128/25 of 'allow' has no effect: 192.0.2.0/24 "
		     "of 'allow' (p.yaml:4) has it\n");
}

/* What a feed has twice over is its own affair; what `allow` takes from it is not. */
static void test_a8_idle_feed(void **state)
{
	struct fixture *f = *state;

	add_many(f, 1, 1, 1);
	f->model->policies[0].deny = true;
	add_prefix(f, 0, "10.0.0.0/8", true);
	add_prefix(f, 0, "10.1.0.0/16", true);
	add_prefix(f, 0, "10.1.2.3", false);
	add_prefix(f, 0, "192.0.2.0/25", true);
	assert_check(f, 0, "");
	add_allow(f, "192.0.2.0/25");
	assert_check(f, 0, "feed:7:1: warning: 192.0.2.0/25 of client 'c0' has no effect: "
		     "192.0.2.0/25 of 'allow' (p.yaml:8) has it\n");
}

static void test_a8_many_idle_are_summed_up(void **state)
{
	struct fixture *f = *state;
	char text[32];

	add_many(f, 1, 1, 1);
	add_prefix(f, 0, "2001:db8::/32", false);
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", i);
		add_prefix(f, 0, text, true);
	}
	add_allow(f, "192.0.2.0/24");
	assert_int_equal(crmg_model_check(f->model, &f->err), 0);
	assert_int_equal(f->err.count, 21);
	assert_string_equal(f->err.messages[20].text, "... and 30 more prefixes without effect");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(prefix_in_two_clients),
		FIXTURE_TEST(feed_gives_way),
		FIXTURE_TEST(feed_not_denied),
		FIXTURE_TEST(feed_partly_denied),
		FIXTURE_TEST(two_feeds),
		FIXTURE_TEST(two_feeds_of_other_services),
		FIXTURE_TEST(many_doubles_are_summed_up),
		FIXTURE_TEST(a8_client_without_policy),
		FIXTURE_TEST(a8_covered_by_allow),
		FIXTURE_TEST(a8_covered_by_longer),
		FIXTURE_TEST(a8_any_covered),
		FIXTURE_TEST(a8_one_service),
		FIXTURE_TEST(a8_idle_prefix),
		FIXTURE_TEST(a8_inside_its_own),
		FIXTURE_TEST(a8_allow_in_allow),
		FIXTURE_TEST(a8_idle_feed),
		FIXTURE_TEST(a8_many_idle_are_summed_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
