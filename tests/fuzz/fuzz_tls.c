// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_tls.c - libFuzzer: bpf/tls.h, compiled natively, against a naive reader of records: any
 * bytes of a client and a server, in any segments and again. As long as there is a record where
 * one has to be, each is found once. The first twelve bytes of an input say how it is cut.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../lib/records.h"
#include "../lib/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

struct head {
	uint64_t seed;
	uint32_t split;		/* what comes before it is the client's */
} __attribute__((packed));

/* Each side is a stream of its own. */
struct side {
	const uint8_t *bytes;
	uint32_t first;
	struct crmg_test_way way;
};

static void compare(const struct side *side, const struct crmg_records *found)
{
	static struct crmg_records is;

	crmg_ref_records(side->bytes, side->way.len, side->first, &is);
	for (uint32_t i = 0; i < is.count; i++)
		if (i >= found->count || is.record[i].seq != found->record[i].seq ||
		    is.record[i].type != found->record[i].type ||
		    is.record[i].len != found->record[i].len) {
			fprintf(stderr, "record %u of %u at %u, found %u: it is another\n", i, is.count,
				is.record[i].seq - side->first, found->count);
			abort();
		}
}

static void step(struct crmg_test_random *random, struct crmg_walker *walker, struct side *side,
		 bool leaves, const struct side *other)
{
	struct crmg_test_segment s;

	if (!crmg_test_sends(random, &side->way, &s))
		return;
	crmg_walker_read(walker, leaves, side->first + (uint32_t)s.at, side->bytes + s.at, s.len,
			 other->first + (uint32_t)other->way.acked);
	crmg_test_came(&side->way, s);
	if (walker->stuck) {
		fprintf(stderr, "a walk did not end\n");
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct side side[2];
	struct crmg_test_random random;
	struct crmg_walker walker;
	struct head head;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	data += sizeof(head);
	size -= sizeof(head);
	head.split = (uint32_t)(head.split % (size + 1));
	random.state = head.seed;
	for (int i = 0; i < 2; i++) {
		const struct crmg_test_path path = {
			.largest = 1 + crmg_test_below(&random, crmg_test_below(&random, 2) ? 20 : 3000),
			.again = crmg_test_below(&random, 10),
		};

		side[i].bytes = i ? data + head.split : data;
		side[i].first = (uint32_t)crmg_test_random(&random);
		side[i].way = crmg_test_way(&path, i ? size - head.split : head.split);
		crmg_found[i].count = 0;
	}
	walker = crmg_walker(true, side[0].first);
	/* A server is followed from a segment on that holds all of a header; here from the first. */
	walker.stream.out.next = side[1].first;
	walker.stream.out.flags = CRMG_TLS_OUT_STARTED;
	while (side[0].way.acked < side[0].way.len || side[1].way.acked < side[1].way.len) {
		int i = (int)crmg_test_below(&random, 2);

		walker.acked = side[0].first + (uint32_t)side[0].way.acked;
		step(&random, &walker, &side[i], i, &side[!i]);
	}
	for (int i = 0; i < 2; i++) {
		compare(&side[i], &crmg_found[i]);
		crmg_test_way_free(&side[i].way);
	}
	return 0;
}

/* Half of the inputs begin as records; those of a server as its hello. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct crmg_test_random random = { seed };
	size_t at = sizeof(struct head);
	struct head head;

	if (crmg_test_below(&random, 2))
		return LLVMFuzzerMutate(data, size, max_size);
	head.seed = crmg_test_random(&random);
	head.split = 0;
	while (max_size - at > 5) {
		uint32_t len = crmg_test_below(&random, crmg_test_below(&random, 4) ? 120 : 1500);
		const uint8_t type = (uint8_t)(CRMG_TLS_CCS + crmg_test_below(&random, 4));
		const uint8_t record[] = { type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len };

		if (len > max_size - at - sizeof(record))
			break;
		memcpy(data + at, record, sizeof(record));
		at += sizeof(record);
		for (uint32_t i = 0; i < len; i++)
			data[at++] = (uint8_t)crmg_test_random(&random);
		if (!crmg_test_below(&random, 20))
			break;
		if (!head.split && !crmg_test_below(&random, 8))
			head.split = (uint32_t)(at - sizeof(head));
	}
	memcpy(data, &head, sizeof(head));
	return crmg_test_below(&random, 4) ? LLVMFuzzerMutate(data, at, max_size) : at;
}
