// SPDX-License-Identifier: GPL-2.0
/*
 * random.c - see random.h. The odds favour what the parser has branches for:
 * uniform bytes would hardly ever get past the EtherType.
 */
#include "random.h"

#include <netinet/in.h>
#include <string.h>

#include "../../user/base/util.h"

/* splitmix64, public domain algorithm of Steele, Lea and Flood (OOPSLA 2014) */
uint64_t crmg_test_random(struct crmg_test_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

#define PICK(random, array) ((array)[crmg_test_below((random), CRMG_ARRAY_SIZE(array))])

static bool one_in(struct crmg_test_random *random, uint32_t n)
{
	return crmg_test_below(random, n) == 0;
}

static void random_exts(struct crmg_test_random *random, struct crmg_test_packet *p)
{
	static const uint8_t types[] = { 0, 43, 44, 44, 51, 51, 60, 135, 139, 140, 50, 59 };
	uint32_t count = one_in(random, 4) ? 7 + crmg_test_below(random, 4)
					   : crmg_test_below(random, 4);

	for (uint32_t i = 0; i < count; i++) {
		uint8_t type = PICK(random, types);
		uint32_t units = one_in(random, 8) ? crmg_test_below(random, 8) : 0;

		p->ext[i].type = type;
		p->ext[i].bytes = (uint16_t)(type == 44 ? 8 : type == 51 ? 8 + 4 * units
									 : 8 + 8 * units);
	}
}

void crmg_test_random_packet(struct crmg_test_random *random, struct crmg_test_packet *ret)
{
	static const uint8_t protocols[] = {
		IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP,
		IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IPIP,
	};
	static const uint8_t tag_counts[] = { 0, 0, 0, 0, 0, 1, 1, 2, 2, 3 };
	static const uint16_t ports[] = { CRMG_TEST_PORT_A, CRMG_TEST_PORT_B, CRMG_TEST_PORT_C };
	static const uint8_t flags[] = { 0x02, 0x10, 0x12, 0x18, 0x11, 0x04, 0x14 };
	struct crmg_test_packet p = { .protocol = PICK(random, protocols) };
	uint32_t who = crmg_test_below(random, 256), tags = PICK(random, tag_counts);

	for (uint32_t i = 0; i < tags; i++)
		p.vlan[i] = one_in(random, 3) ? CRMG_TEST_ETH_QINQ : CRMG_TEST_ETH_VLAN;
	if (one_in(random, 2)) {
		p.src = CRMG_TEST_V4(203, 0, 113, who);
		p.dst = CRMG_TEST_V4(192, 0, 2, 1 + crmg_test_below(random, 4));
		p.ip_options = (uint8_t)(one_in(random, 4) ? 4 * crmg_test_below(random, 11) : 0);
	} else {
		p.src = CRMG_TEST_V6(0x20010db800070000 | who, crmg_test_below(random, 4));
		p.dst = CRMG_TEST_V6(0x20010db800010000, 1 + crmg_test_below(random, 4));
		random_exts(random, &p);
	}
	if (one_in(random, 8)) {
		p.more_fragments = one_in(random, 2);
		p.fragment_offset = (uint16_t)(one_in(random, 2) ? 8 * crmg_test_below(random, 100)
								 : 0);
	}
	if (one_in(random, 30))
		p.ethertype = one_in(random, 2) ? CRMG_TEST_ETH_ARP : 0x8847;	/* MPLS */
	p.sport = (uint16_t)crmg_test_random(random);
	p.dport = one_in(random, 5) ? (uint16_t)crmg_test_random(random) : PICK(random, ports);
	p.seq = (uint32_t)crmg_test_random(random);
	p.ack = (uint32_t)crmg_test_random(random);
	p.tcp_flags = one_in(random, 4) ? (uint8_t)crmg_test_random(random) : PICK(random, flags);
	p.tcp_options = (uint8_t)(one_in(random, 3) ? 4 * crmg_test_below(random, 11) : 0);
	p.icmp_type = (uint8_t)crmg_test_random(random);
	p.payload = one_in(random, 3) ? crmg_test_below(random, 200) : crmg_test_below(random, 12);
	p.trailer = (uint16_t)(one_in(random, 5) ? crmg_test_below(random, 20) : 0);
	*ret = p;
}

/* A length that is a little wrong, or anything. */
static uint16_t wrong_length(struct crmg_test_random *random, size_t right)
{
	return one_in(random, 4) ? (uint16_t)crmg_test_random(random)
				 : (uint16_t)(right + crmg_test_below(random, 49) - 24);
}

void crmg_test_damage(struct crmg_test_random *random, struct crmg_test_frame *f)
{
	uint32_t lies = 1 + crmg_test_below(random, 3);

	while (lies--) {
		uint32_t headers = f->len < 120 ? (uint32_t)f->len : 120;

		switch (crmg_test_below(random, 8)) {
		case 0:
			crmg_test_truncate(f, 1 + crmg_test_below(random, (uint32_t)f->len));
			break;
		case 1:
			if (f->l3 + 6 <= f->len)
				crmg_test_set_ip_len(f, wrong_length(random, f->len - f->l3));
			break;
		case 2:
			if (f->l3 < f->len)
				f->data[f->l3] = (uint8_t)(f->data[f->l3] ^
							   crmg_test_below(random, 16));
			break;
		case 3:
			if (f->l4 + 13 <= f->len)
				crmg_test_set_doff(f, crmg_test_below(random, 16));
			break;
		case 4:
			if (f->l4 + 6 <= f->len)
				crmg_test_set_udp_len(f, wrong_length(random, f->len - f->l4));
			break;
		case 5:
			f->data[crmg_test_below(random, headers)] = (uint8_t)crmg_test_random(random);
			break;
		default:
			f->data[crmg_test_below(random, headers)] ^=
				(uint8_t)(1u << crmg_test_below(random, 8));
			break;
		}
	}
}
