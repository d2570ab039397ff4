// SPDX-License-Identifier: GPL-2.0
/*
 * refparse.c - see refparse.h. RFC 791, 8200, 4302 (AH), 9293, 768, 2675; and
 * the rules of what is for a service and what is malformed.
 */
#include "refparse.h"

#include <netinet/in.h>

#define EXTS_MAX 8

/* A cursor into the frame. */
struct reader {
	const uint8_t *frame;
	size_t len;		/* of the whole frame */
	size_t at;
};

static bool has(const struct reader *r, size_t bytes)
{
	return r->at <= r->len && r->len - r->at >= bytes;
}

static uint64_t big(const uint8_t *p, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *p++;
	return value;
}

/* What the IP header says about the rest. */
struct ip {
	struct crmg_addr src;
	struct crmg_addr dst;
	uint8_t protocol;
	size_t end;		/* where the IP packet ends by its own account */
	bool first_fragment;	/* of several */
	bool later_fragment;
};

/*
 * Length 0 means "longer than the field can say" (GRO's big TCP), but only of
 * a frame that really is.
 */
static size_t ip_end(const struct reader *r, size_t start, uint64_t field, size_t fixed)
{
	if (field == 0 && r->len > 65535)
		return r->len;
	return start + fixed + field;
}

static bool read_ipv4(struct reader *r, struct ip *ip)
{
	const uint8_t *h = r->frame + r->at;
	uint64_t fragment;
	size_t header;

	if (!has(r, 20) || h[0] >> 4 != 4)
		return false;
	header = (h[0] & 15u) * 4;
	if (header < 20)
		return false;
	fragment = big(h + 6, 2);
	ip->later_fragment = (fragment & 0x1fff) != 0;
	if (ip->later_fragment)
		return true;
	if (!has(r, header))
		return false;
	ip->first_fragment = (fragment & 0x2000) != 0;
	ip->protocol = h[9];
	ip->src = (struct crmg_addr) { 0, CRMG_V4_MAPPED_LO | big(h + 12, 4) };
	ip->dst = (struct crmg_addr) { 0, CRMG_V4_MAPPED_LO | big(h + 16, 4) };
	ip->end = ip_end(r, r->at, big(h + 2, 2), 0);
	r->at += header;
	return true;
}

/* Length of an extension header that can be stepped over; 0: it is none. */
static size_t ext_len(uint8_t type, uint8_t len_field)
{
	switch (type) {
	case 0:			/* hop-by-hop options */
	case 43:		/* routing */
	case 60:		/* destination options */
	case 135:		/* mobility */
	case 139:		/* HIP */
	case 140:		/* shim6 */
		return (len_field + 1u) * 8;
	case 51:		/* authentication header, RFC 4302 section 2.2 */
		return (len_field + 2u) * 4;
	case 44:		/* fragment: the second byte is reserved, no length */
		return 8;
	default:
		return 0;
	}
}

static bool read_ipv6(struct reader *r, struct ip *ip)
{
	const uint8_t *h = r->frame + r->at;
	unsigned int exts = 0;

	if (!has(r, 40) || h[0] >> 4 != 6)
		return false;
	ip->src = (struct crmg_addr) { big(h + 8, 8), big(h + 16, 8) };
	ip->dst = (struct crmg_addr) { big(h + 24, 8), big(h + 32, 8) };
	ip->end = ip_end(r, r->at, big(h + 4, 2), 40);
	ip->protocol = h[6];
	r->at += 40;
	while (ext_len(ip->protocol, 0)) {
		size_t len;

		if (++exts > EXTS_MAX || !has(r, 2))
			return false;
		h = r->frame + r->at;
		len = ext_len(ip->protocol, h[1]);
		if (!has(r, len))
			return false;
		if (ip->protocol == 44) {
			uint64_t fragment = big(h + 2, 2);

			ip->later_fragment = fragment >> 3;
			if (ip->later_fragment)
				return true;
			ip->first_fragment |= fragment & 1;
		}
		ip->protocol = h[0];
		r->at += len;
	}
	return true;
}

/* True if the headers from r->at on lie about the frame or the IP packet. */
static bool lies(const struct reader *r, const struct ip *ip)
{
	const uint8_t *l4 = r->frame + r->at;
	size_t header = ip->protocol == IPPROTO_TCP ? 20 : 8;
	size_t room, said;

	if (ip->end > r->len || ip->end < r->at + header)
		return true;
	room = ip->end - r->at;
	if (ip->protocol == IPPROTO_TCP) {
		said = (l4[12] >> 4) * 4u;
		return said < 20 || said > room;
	}
	said = big(l4 + 4, 2);
	return said < 8 || (said > room && !ip->first_fragment);
}

struct crmg_ref crmg_ref_parse(const uint8_t *frame, size_t len)
{
	struct reader r = { frame, len, 14 };
	struct crmg_ref ref = { .class = CRMG_REF_OTHER };
	struct ip ip = { 0 };
	uint64_t type;

	if (len < 14)
		return ref;
	type = big(frame + 12, 2);
	for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
		if (!has(&r, 4))
			return ref;
		type = big(frame + r.at + 2, 2);
		r.at += 4;
	}
	if (type == 0x0800 ? !read_ipv4(&r, &ip) : type != 0x86dd || !read_ipv6(&r, &ip))
		return ref;
	if (ip.later_fragment) {
		ref.class = CRMG_REF_FRAGMENT;
		return ref;
	}
	if ((ip.protocol != IPPROTO_TCP && ip.protocol != IPPROTO_UDP) || !has(&r, 4))
		return ref;

	ref.class = CRMG_REF_L4;
	ref.transport = ip.protocol == IPPROTO_TCP ? CRMG_TRANSPORT_TCP : CRMG_TRANSPORT_UDP;
	ref.src = ip.src;
	ref.dst = ip.dst;
	ref.sport = (uint16_t)big(frame + r.at, 2);
	ref.dport = (uint16_t)big(frame + r.at + 2, 2);
	ref.malformed = lies(&r, &ip);
	ref.fragment = ip.first_fragment;
	if (ip.protocol == IPPROTO_TCP && !ref.malformed)
		ref.tcp_flags = frame[r.at + 13];
	return ref;
}
