// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_http.c - libFuzzer: bpf/http.h, compiled natively, against the naive reader of tests/lib:
 * any bytes, in any segments, also again and ahead of their turn. The first eight bytes of an
 * input say how it is cut. Half of the inputs begin as valid HTTP: no corpus has to be kept.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../lib/refhttp.h"
#include "../lib/stream.h"
#include "../lib/walker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static void require(bool holds, const char *how, const char *what, uint32_t is, uint32_t expected)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s %u, by the naive reader %u\n", how, what, is, expected);
	abort();
}

/* Of a line that is not whole the naive reader says nothing. */
static void require_same(const char *how, const struct crmg_walker *w,
			 const struct crmg_ref_http *ref)
{
	require(w->counted == ref->requests, how, "requests", w->counted, ref->requests);
	require(w->body == ref->body, how, "body", w->body, ref->body);
	require(ref->lost || w->header == ref->header, how, "header", w->header, ref->header);
	require(ref->lost || w->methods == ref->methods, how, "methods", w->methods, ref->methods);
	require(!!w->odd == ref->smuggles || (w->odd && ref->open), how, "odd", w->odd,
		ref->smuggles);
}

/* `held`: what comes too early is refused; else nothing comes early. */
static struct crmg_walker read_in_segments(struct crmg_test_random *random, const uint8_t *data,
					   size_t size, bool held)
{
	const struct crmg_test_path path = {
		.largest = 1 + crmg_test_below(random, crmg_test_below(random, 2) ? 20 : 600),
		.again = crmg_test_below(random, 10),
		.ahead = held ? crmg_test_below(random, 10) : 0,
	};
	struct crmg_test_way way = crmg_test_way(&path, size);
	struct crmg_walker walker = crmg_walker(false, 1);
	struct crmg_test_segment s;

	walker.held = held;
	while (crmg_test_sends(random, &way, &s)) {
		walker.acked = 1 + (uint32_t)way.acked;
		if (crmg_walker_read(&walker, false, 1 + (uint32_t)s.at, data + s.at, s.len, 1))
			crmg_test_came(&way, s);
		require(!walker.stuck, "any", "a walk did not end:", 1, 0);
	}
	crmg_test_way_free(&way);
	return walker;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crmg_test_random random;
	struct crmg_ref_http ref;
	struct crmg_walker walker;

	if (size < sizeof(random.state))
		return 0;
	memcpy(&random.state, data, sizeof(random.state));
	data += sizeof(random.state);
	size -= sizeof(random.state);
	ref = crmg_ref_http(data, size);
	walker = read_in_segments(&random, data, size, true);
	require_same("enforced", &walker, &ref);
	/* Where nothing is refused, a line that looks like a request is one once an answer. */
	if (ref.lost)
		return 0;
	walker = read_in_segments(&random, data, size, false);
	require_same("in order", &walker, &ref);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	static uint8_t text[4096];
	struct crmg_test_random random = { seed };
	uint32_t requests;
	size_t len;

	if (crmg_test_below(&random, 2))
		return LLVMFuzzerMutate(data, size, max_size);
	len = crmg_test_http(&random, text, sizeof(text), &requests);
	if (len + sizeof(random.state) > max_size)
		return LLVMFuzzerMutate(data, size, max_size);
	crmg_test_random(&random);
	memcpy(data, &random.state, sizeof(random.state));
	memcpy(data + sizeof(random.state), text, len);
	len += sizeof(random.state);
	/* What is nearly valid shows more than what is valid. */
	return crmg_test_below(&random, 4) ? LLVMFuzzerMutate(data, len, max_size) : len;
}
