// SPDX-License-Identifier: GPL-2.0
/*
 * test_keep.c - bpf/read.h, compiled natively: what one CPU keeps of a segment does not undo what
 * others have put down about its connection meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../bpf/read.h"

static void test_others_write(void **state)
{
	const struct crmg_rejected rejected = {
		.request = 1, .answer = 2, .retry_s = 3, .state = CRMG_REJECTING_SAID,
	};
	struct crmg_stream stream = { .next = 1000, .count = 1 };
	struct crmg_walk k = { .stream = stream, .begun = 1, .ack = 5, .sent = 6 };

	(void)state;
	k.stream.next = 1100;
	/* By a CPU that answers a request, and one that sees the server answer. */
	stream.rejected = rejected;
	stream.answers = 2;
	stream.unasked = 1;
	crmg_stream_keep(&k, &stream);
	assert_int_equal(stream.next, 1100);
	assert_int_equal(stream.count, 2);
	assert_memory_equal(&stream.rejected, &rejected, sizeof(rejected));
	assert_int_equal(stream.answers, 2);
	assert_int_equal(stream.unasked, 1);
	/* The next segment hears of it. */
	assert_int_equal(stream.http.unasked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others_write),
	};

	return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
