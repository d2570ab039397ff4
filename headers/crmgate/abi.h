/* SPDX-License-Identifier: GPL-2.0 */
/*
 * abi.h - everything that the BPF programs and user space share: lists, map
 * layouts, the compiled policy image.
 *
 * Pinned maps outlive the program that made them: lists are append-only, and a
 * changed layout needs a new CRMG_ABI, which is part of the pin path, and that number
 * where it is told since when the layout holds (CRMG_IMAGE_SINCE, CRMG_MAPS): what an
 * older build left in another one is not taken over.
 * Multi-byte integers are in host order unless the type says otherwise. An
 * IPv4 address is stored as ::ffff:a.b.c.d, so one code path serves both.
 */
#ifndef CRMGATE_ABI_H
#define CRMGATE_ABI_H

#include <linux/types.h>

/* A test makes builds of other ones (tests/upgrade). */
#ifndef CRMG_ABI
#define CRMG_ABI 5
#endif

/* Since when an image is laid out as it is now: one of that ABI or a later one can be read. */
#define CRMG_IMAGE_SINCE 5

#define CRMG_SIZE(type, bytes) \
	_Static_assert(sizeof(type) == (bytes), #type " has another size")

/* ------------------------------------------------------------------ lists */

/* X(ID, "name", "help"): why a packet got its verdict. */
#define CRMG_REASONS(X) \
	X(OK,          "ok",          "within the policy") \
	X(ALLOWED,     "allowed",     "the source is on the allow list") \
	X(NO_POLICY,   "no_policy",   "the service has no policy for this source") \
	X(PANIC,       "panic",       "panic is on: everything passes") \
	X(FRAGMENT,    "fragment",    "a later fragment: no port, for no service") \
	X(MALFORMED,   "malformed",   "for a service, but its headers lie") \
	X(BANNED,      "banned",      "a ban covers the source") \
	X(DENIED,      "denied",      "the policy denies the client") \
	X(CONNECTIONS, "connections", "too many new connections") \
	X(PACKETS,     "packets",     "too many packets") \
	X(BYTES,       "bytes",       "too many arriving bytes") \
	X(CONTENTION,  "contention",  "CPUs fought over one bucket for too long") \
	X(PRESSURE,    "pressure",    "no slot was free and the shared bucket is empty") \
	X(AGGREGATE,   "aggregate",   "too much from the wider prefix of the source") \
	X(TOTAL,       "total",       "too much from all sources together") \
	X(SANITY,      "sanity",      "well-formed, but what no honest sender sends") \
	X(BYTES_OUT,   "bytes_out",   "too many leaving bytes, a budget is used up") \
	X(OPEN_CONNECTIONS, "open_connections", "too many TCP connections open at once") \
	X(HALF_OPEN,   "half_open",   "too many TCP handshakes or first requests begun and not finished") \
	X(REQUESTS,    "requests",    "too many requests of HTTP") \
	X(EARLY,       "early",       "ahead of what is missing, so its requests cannot be read yet") \
	X(PLAINTEXT,   "plaintext",   "no TLS, where the policy wants it") \
	X(TLS_VERSION, "tls_version", "an older version of TLS than the policy wants") \
	X(UNREADABLE,  "unreadable",  "a fragment, urgent data, no record behind a gap: it cannot be read") \
	X(AUTH_FAILURES, "auth_failures", "too many requests were answered 401 or 403") \
	X(METHOD,      "method",      "a request with a method that the policy does not name") \
	X(MAX_HEADER,  "max_header",  "a request with a longer header than the policy allows") \
	X(MAX_BODY,    "max_body",    "a request with a longer body than the policy allows") \
	X(HANDSHAKE_FAILURES, "handshake_failures", "too many TLS handshakes failed")

/* The first reason that is a refusal; all before it let the packet pass. */
#define CRMG_REASON_FIRST_REFUSAL CRMG_REASON_MALFORMED

/*
 * X(ID, "name", "unit", shift, "help"): limits of a source, in the order of
 * decision. ID names the reason too. A charge of n units costs
 * n * cost >> shift time units (see struct crmg_limit). The first
 * CRMG_BUCKET_LIMITS are charged for each arriving packet, by all scopes; the others are
 * of a source only, and have a bucket elsewhere (map "asked"). AUTH_FAILURES is charged by what
 * leaves, and refuses the requests behind; HANDSHAKE_FAILURES by connections that end, and refuses
 * the first segments of others.
 */
#define CRMG_LIMITS(X) \
	X(CONNECTIONS, "connections", "connections", 0,  "new TCP connections (SYN without ACK)") \
	X(PACKETS,     "packets",     "packets",     0,  "arriving packets") \
	X(BYTES,       "bytes",       "bytes",       16, "arriving bytes, Ethernet header included") \
	X(REQUESTS,    "requests",    "requests",    0,  "requests of HTTP") \
	X(AUTH_FAILURES, "auth_failures", "failures", 0, \
	  "requests of plain HTTP answered 401 or 403") \
	X(HANDSHAKE_FAILURES, "handshake_failures", "failures", 0, "TLS handshakes that failed")

/*
 * X(ID, "name", "help"): what each source may have so many of at once, in the order of
 * decision. ID names the reason too; only a SYN is ever refused for it.
 */
#define CRMG_CAPS(X) \
	X(OPEN_CONNECTIONS, "open_connections", "TCP connections, those in their handshake included") \
	X(HALF_OPEN,        "half_open",        "TCP handshakes not finished, and slow first requests")

/* X(ID, "name", "help"): who shares one budget of a limit. */
#define CRMG_SCOPES(X) \
	X(SOURCE,    "source",    "each source for itself") \
	X(AGGREGATE, "aggregate", "the sources of one wider prefix") \
	X(POLICY,    "policy",    "all sources of the policy") \
	X(SERVICE,   "service",   "all sources of the service, except allow")

#define CRMG_VERDICTS(X) \
	X(PASS,  "pass",  "goes on to the stack") \
	X(DROP,  "drop",  "dropped without an answer") \
	X(RESET, "reset", "dropped and answered with a TCP RST") \
	X(REJECT, "reject", "dropped and answered with 429 of HTTP, which ends the connection")

#define CRMG_MODES(X) \
	X(OFF,     "off",     "only counted") \
	X(SHADOW,  "shadow",  "decided and counted, never refused") \
	X(ENFORCE, "enforce", "decided and refused")

#define CRMG_TRANSPORTS(X) \
	X(TCP, "tcp", "TCP") \
	X(UDP, "udp", "UDP")

#define CRMG_PROTOCOLS(X) \
	X(RAW,  "raw",  "nothing of the payload is read") \
	X(TLS,  "tls",  "TLS over TCP") \
	X(HTTP, "http", "plain HTTP over TCP") \
	X(QUIC, "quic", "QUIC over UDP")

/*
 * X(ID, "name", "help"): what a TLS server said first in a connection, the oldest version
 * first; those below CRMG_TLS_VERSION_PLAINTEXT have the minor number that the wire has.
 */
#define CRMG_TLS_VERSIONS(X) \
	X(SSL3,      "ssl3",      "SSL 3.0") \
	X(10,        "1.0",       "TLS 1.0") \
	X(11,        "1.1",       "TLS 1.1") \
	X(12,        "1.2",       "TLS 1.2") \
	X(13,        "1.3",       "TLS 1.3") \
	X(PLAINTEXT, "plaintext", "something that is not TLS") \
	X(FAILED,    "failed",    "an alert: no version was agreed on")

/* X(ID, "name", "help"): classes of status codes of HTTP, by their first digit, from 1 on. */
#define CRMG_CLASSES(X) \
	X(INTERIM,      "1xx", "the answer is still to come") \
	X(SUCCESS,      "2xx", "done") \
	X(REDIRECTION,  "3xx", "it is elsewhere, or not changed") \
	X(CLIENT_ERROR, "4xx", "the client asked wrongly") \
	X(SERVER_ERROR, "5xx", "the server failed")

/* X(ID, "name"): methods of HTTP that a policy can name: RFC 9110, 5789, 4918, 3253, 5323, caches. */
#define CRMG_METHODS(X) \
	X(GET,       "GET") \
	X(HEAD,      "HEAD") \
	X(POST,      "POST") \
	X(PUT,       "PUT") \
	X(PATCH,     "PATCH") \
	X(DELETE,    "DELETE") \
	X(OPTIONS,   "OPTIONS") \
	X(TRACE,     "TRACE") \
	X(CONNECT,   "CONNECT") \
	X(PROPFIND,  "PROPFIND") \
	X(PROPPATCH, "PROPPATCH") \
	X(MKCOL,     "MKCOL") \
	X(COPY,      "COPY") \
	X(MOVE,      "MOVE") \
	X(LOCK,      "LOCK") \
	X(UNLOCK,    "UNLOCK") \
	X(REPORT,    "REPORT") \
	X(SEARCH,    "SEARCH") \
	X(QUERY,     "QUERY") \
	X(PURGE,     "PURGE")

/* What a policy does about a connection that is below its floor of TLS; the default first. */
#define CRMG_FLOORS(X) \
	X(OBSERVE, "observe", "counted and told") \
	X(REFUSE,  "refuse",  "refused, as on_exceed says")

/* What on_exceed answers with. */
#define CRMG_ACTIONS(X) \
	X(DROP,  "drop",  "drop silently") \
	X(RESET, "reset", "answer with a TCP RST") \
	X(REJECT, "reject", "answer a request with 429 of HTTP, all else with a TCP RST")

/* What a service does about a packet that is odd; the default first. */
#define CRMG_SANITIES(X) \
	X(OBSERVE, "observe", "counted") \
	X(OFF,     "off",     "nothing, it is not even counted") \
	X(REFUSE,  "refuse",  "counted and dropped")

/* X(ID, "name", "help"): what is odd about a packet that is well-formed. */
#define CRMG_ODDITIES(X) \
	X(NULL,     "null",     "a TCP segment with none of SYN, ACK, FIN and RST") \
	X(XMAS,     "xmas",     "FIN without ACK") \
	X(SYN_FIN,  "syn_fin",  "SYN together with FIN or RST") \
	X(SYN_DATA, "syn_data", "a SYN with data, where TCP fast open is off") \
	X(SOURCE,   "source",   "from an address that nobody can have: 0/8, loopback, multicast") \
	X(OWN,      "own",      "from the address that it is sent to, or another one of this host") \
	X(SMUGGLING, "smuggling", "a request of HTTP of which servers disagree where it ends")

/* How the ledger has addresses. */
#define CRMG_ADDRESSES(X) \
	X(TRUNCATE, "truncate", "cut to /24 and /48") \
	X(FULL,     "full",     "whole, as wide as a source") \
	X(PSEUDONYM, "pseudonym", "encrypted, under a key of the day")

/* What comes of it when a source has used up a budget of bytes_out. */
#define CRMG_ON_BUDGETS(X) \
	X(ALERT, "alert", "it is told, and everything passes") \
	X(CUT,   "cut",   "nothing leaves, requests are refused and open connections reset, until " \
			  "the budget lets them") \
	X(THROTTLE, "throttle", "it leaves no faster than throttle_to, until the budget lets it")

/* What a binding is; a policy of its own or one of the built-in labels. */
#define CRMG_BINDINGS(X) \
	X(POLICY,    "policy", "limits of a policy") \
	X(DENY,      "deny",   "a policy with deny: true") \
	X(NO_POLICY, "none",   "no policy of the service fits") \
	X(ALLOW,     "allow",  "on the allow list")

#define CRMG_EVENTS(X) \
	X(EXCEEDED, "exceeded", "a source, or all together, went over a limit") \
	X(REFUSED,  "refused",  "a packet was refused for another reason than a limit") \
	X(BAN,      "ban",      "a ban was added or changed") \
	X(UNBAN,    "unban",    "a ban was removed") \
	X(APPLY,    "apply",    "a policy came into force") \
	X(ATTACH,   "attach",   "an interface was attached") \
	X(DETACH,   "detach",   "an interface was detached") \
	X(PANIC,    "panic",    "panic was switched on") \
	X(RESUME,   "resume",   "panic was switched off") \
	X(SHARE,    "share",    "a source with most of a service's packets was not banned") \
	X(CONFIRM,  "confirm",  "a pending apply was confirmed") \
	X(ROLLBACK, "rollback", "the policy before a pending apply came back") \
	X(UNENFORCED, "unenforced", "a proof found something that is not enforced") \
	X(ENFORCED, "enforced", "the next proof that found everything enforced") \
	X(LOST,     "lost",     "something that is wanted is missing: an interface, a program, a pin") \
	X(RESTORED, "restored", "the managing daemon put back what was missing") \
	X(MANAGE,   "manage",   "the managing daemon began, ended, or could not do something") \
	X(BUDGET,   "budget",   "the part of a budget that notify_at names was used up") \
	X(TAKEOVER, "takeover", "a build with other tables went on with the state of an older one") \
	X(CONTRACT, "contract", "a client's contract ends soon, or ceases or begins to hold") \
	X(FORGET,   "forget",   "a source was erased from files and tables") \
	X(REVEAL,   "reveal",   "the address behind a pseudonym was told") \
	X(PATIENT,  "patient",  "a source asks like one that takes all, bit by bit")

#define CRMG_ENUM_REASON(ID, ...)    CRMG_REASON_##ID,
#define CRMG_ENUM_LIMIT(ID, ...)     CRMG_LIMIT_##ID,
#define CRMG_ENUM_CAP(ID, ...)       CRMG_CAP_##ID,
#define CRMG_ENUM_SCOPE(ID, ...)     CRMG_SCOPE_##ID,
#define CRMG_ENUM_VERDICT(ID, ...)   CRMG_VERDICT_##ID,
#define CRMG_ENUM_MODE(ID, ...)      CRMG_MODE_##ID,
#define CRMG_ENUM_TRANSPORT(ID, ...) CRMG_TRANSPORT_##ID,
#define CRMG_ENUM_PROTOCOL(ID, ...)  CRMG_PROTOCOL_##ID,
#define CRMG_ENUM_TLS_VERSION(ID, ...) CRMG_TLS_VERSION_##ID,
#define CRMG_ENUM_CLASS(ID, ...)     CRMG_CLASS_##ID,
#define CRMG_ENUM_METHOD(ID, ...)    CRMG_METHOD_##ID,
#define CRMG_ENUM_FLOOR(ID, ...)     CRMG_FLOOR_##ID,
#define CRMG_ENUM_ACTION(ID, ...)    CRMG_ACTION_##ID,
#define CRMG_ENUM_SANITY(ID, ...)    CRMG_SANITY_##ID,
#define CRMG_ENUM_ODDITY(ID, ...)    CRMG_ODDITY_##ID,
#define CRMG_ENUM_ADDRESSES(ID, ...) CRMG_ADDRESSES_##ID,
#define CRMG_ENUM_ON_BUDGET(ID, ...) CRMG_ON_BUDGET_##ID,
#define CRMG_ENUM_BINDING(ID, ...)   CRMG_BINDING_##ID,
#define CRMG_ENUM_EVENT(ID, ...)     CRMG_EVENT_##ID,

enum crmg_reason    { CRMG_REASONS(CRMG_ENUM_REASON) CRMG_REASON_COUNT };
enum crmg_limit_id  { CRMG_LIMITS(CRMG_ENUM_LIMIT) CRMG_LIMIT_COUNT };
enum crmg_cap       { CRMG_CAPS(CRMG_ENUM_CAP) CRMG_CAP_COUNT };
enum crmg_scope     { CRMG_SCOPES(CRMG_ENUM_SCOPE) CRMG_SCOPE_COUNT };
enum crmg_verdict   { CRMG_VERDICTS(CRMG_ENUM_VERDICT) CRMG_VERDICT_COUNT };
enum crmg_mode      { CRMG_MODES(CRMG_ENUM_MODE) CRMG_MODE_COUNT };
enum crmg_transport { CRMG_TRANSPORTS(CRMG_ENUM_TRANSPORT) CRMG_TRANSPORT_COUNT };
enum crmg_protocol  { CRMG_PROTOCOLS(CRMG_ENUM_PROTOCOL) CRMG_PROTOCOL_COUNT };
enum crmg_tls_version { CRMG_TLS_VERSIONS(CRMG_ENUM_TLS_VERSION) CRMG_TLS_VERSION_COUNT };
enum crmg_class     { CRMG_CLASSES(CRMG_ENUM_CLASS) CRMG_CLASS_COUNT };
enum crmg_method    { CRMG_METHODS(CRMG_ENUM_METHOD) CRMG_METHOD_COUNT };
enum crmg_floor     { CRMG_FLOORS(CRMG_ENUM_FLOOR) CRMG_FLOOR_COUNT };
enum crmg_action    { CRMG_ACTIONS(CRMG_ENUM_ACTION) CRMG_ACTION_COUNT };
enum crmg_sanity    { CRMG_SANITIES(CRMG_ENUM_SANITY) CRMG_SANITY_COUNT };
enum crmg_oddity    { CRMG_ODDITIES(CRMG_ENUM_ODDITY) CRMG_ODDITY_COUNT };
enum crmg_on_budget { CRMG_ON_BUDGETS(CRMG_ENUM_ON_BUDGET) CRMG_ON_BUDGET_COUNT };
enum crmg_addresses { CRMG_ADDRESSES(CRMG_ENUM_ADDRESSES) CRMG_ADDRESSES_COUNT };
enum crmg_binding_kind { CRMG_BINDINGS(CRMG_ENUM_BINDING) CRMG_BINDING_COUNT };
enum crmg_event_kind { CRMG_EVENTS(CRMG_ENUM_EVENT) CRMG_EVENT_COUNT };

/* ----------------------------------------------------------------- bounds */

#define CRMG_NAME_LEN       36		/* 32 characters, NUL, and padding */
#define CRMG_SERVICES_MAX   64
#define CRMG_POLICIES_MAX   4096
#define CRMG_CLIENTS_MAX    4096
#define CRMG_BINDINGS_MAX   8192	/* (service, client) pairs, built-in ones included */
#define CRMG_PREFIXES_MAX   (1 << 20)
#define CRMG_GATES_MAX      16		/* interfaces that `allow` may name */
#define CRMG_LIMIT_SLOTS    6		/* room for limit kinds in a binding */
#define CRMG_CAP_SLOTS      2		/* room for caps in a binding */
#define CRMG_CAP_MAX        1000000	/* of any of them */
#define CRMG_BUCKET_LIMITS  3		/* limits that a bucket has a word for */

/* Time units of the limiters: 1/256 ns, so that 100 Gbit/s is 20 units a byte. */
#define CRMG_UNITS_PER_NS_SHIFT 8

/* An address as two words in host order; IPv4 is hi 0, lo 0xffff<<32 | addr. */
struct crmg_addr {
	__u64 hi;
	__u64 lo;
};
CRMG_SIZE(struct crmg_addr, 16);

#define CRMG_V4_MAPPED_LO 0x0000ffff00000000ULL

/* ----------------------------------------------------- the compiled policy */

/*
 * A policy is compiled into cells, the image; the head says what it is. Its first
 * CRMG_FRONT_CELLS, struct crmg_front, are one map value, all of which is reached by
 * arithmetic: at fixed places what a packet of a known source needs, and the directory
 * of prefixes; then the sections as far as there is room. What is left of them is the
 * back, a cell a map entry. Both are filled by user space and frozen. A packet takes
 * the front by one pointer (map "fronts"), and with it everything that belongs to one
 * generation: the back is entry CRMG_BACK_PLACE of map "backs", which is not written
 * again before the front has been replaced. Written by apply; read by the packet path,
 * and by `show`.
 *
 * Of "fronts", entry CRMG_FRONT_NEW is in force; entry CRMG_FRONT_OLD takes its place
 * when control.confirm_until_ns has passed, without anybody's help. That entry is empty
 * only while no apply waits to be confirmed.
 */
enum crmg_front_place { CRMG_FRONT_NEW, CRMG_FRONT_OLD, CRMG_FRONTS };

/*
 * Not generation % 2 alone: the generation after one that was rolled back has the parity
 * of the one in force.
 */
#define CRMG_BACK_PLACE(head) (((head)->generation + (head)->back_shift) % 2)

#define CRMG_CELL_SHIFT 7
#define CRMG_CELL       (1 << CRMG_CELL_SHIFT)

struct crmg_cell {
	__u64 word[CRMG_CELL / 8];
};
CRMG_SIZE(struct crmg_cell, CRMG_CELL);

#define CRMG_BINDING_CELLS 2

/* Cell of the image at which each part of the front begins; from _SECTIONS on, sections. */
#define CRMG_IMAGE_HEAD     0
#define CRMG_IMAGE_PORTS    8
#define CRMG_IMAGE_BUDGETS   (CRMG_IMAGE_PORTS + 2 * 65536 / CRMG_CELL)
#define CRMG_IMAGE_BINDINGS (CRMG_IMAGE_BUDGETS + (CRMG_SERVICES_MAX + 8) / 2)
#define CRMG_IMAGE_DIR      (CRMG_IMAGE_BINDINGS + CRMG_BINDING_CELLS * CRMG_BINDINGS_MAX)
#define CRMG_IMAGE_SECTIONS (CRMG_IMAGE_DIR + 4 * CRMG_DIR_COUNT / CRMG_CELL)

/*
 * Whole pages (706 of 4 KiB), so that front and back can be mapped in a row. That leaves
 * 130 KiB for sections: enough for some thousand prefixes.
 */
#define CRMG_FRONT_CELLS    (706 * 4096 / CRMG_CELL)

#define CRMG_IMAGE_MAGIC    0x676d7263	/* "crmg" */

/*
 * ports[transport << 16 | port as it stands in the packet, loaded as a host
 * u16]: 0 no service; 1..64 the service's index; above: CRMG_PORT_GROUP + g,
 * services that share the port and are told apart by the local address.
 * `locals` maps a local address to a row of `groups`, whose column g is the
 * service's index (0: none).
 */
#define CRMG_PORT_GROUP 128
#define CRMG_GROUPS_MAX 127

/* Section of the image: first cell, and entries (of the section's own unit). */
struct crmg_section {
	__u32 cell;
	__u32 count;
};

/*
 * X(ID, name, entry type), in the order in which they stand in the image: first what a
 * packet of a new source needs, so that small policies have it in the front.
 *
 * `matrix[leaf * services.count + service index]` is the binding of a source; leaf 0
 * is "no prefix"; services[0] is unused but counted, so services.count is the stride.
 * Its column says, for a leaf with bindings that hold for one interface (a gate) only,
 * 1 + the leaf whose bindings hold for the others.
 * `keys` are starts of intervals of remote addresses, ascending within IPv4
 * (address << 32) and from first_v6 to end_v6 within IPv6 (high 64 bits), each family
 * starting with key 0; the interval of an address is the last key <= it. `leaves[i]`
 * belongs to keys[i]: a leaf number, or CRMG_LEAF_SUB | s when the /64 is divided:
 * subs[s] is a range of keys behind end_v6 (low 64 bits; the first is 0). Where to
 * look in `keys` the front's directory says (CRMG_DIR_LEAF). `lkeys`, `lleaves`,
 * `lsubs`: the same for local addresses, without directory; a leaf is a row of
 * `groups` (u8, 128 columns).
 * `namekeys`, ascending: CRMG_NAME_KEY() of each entry of `names` (servername.h).
 */
#define CRMG_SECTIONS(X) \
	X(MATRIX,   matrix,   __u16) \
	X(QUOTAS,   quotas,   struct crmg_quotas) \
	X(CONTRACTS, contracts, struct crmg_contract) \
	X(HTTP,     http,     struct crmg_http_terms) \
	X(LEAVES,   leaves,   __u32) \
	X(KEYS,     keys,     __u64) \
	X(SUBS,     subs,     __u64) \
	X(LLEAVES,  lleaves,  __u32) \
	X(LKEYS,    lkeys,    __u64) \
	X(LSUBS,    lsubs,    __u64) \
	X(GROUPS,   groups,   __u8) \
	X(NAMEKEYS, namekeys, __u64) \
	X(NAMES,    names,    struct crmg_server_name) \
	X(SERVICES, services, struct crmg_service) \
	X(LABELS,   labels,   struct crmg_label) \
	X(CLIENTS,  clients,  struct crmg_client) \
	X(PREFIXES, prefixes, struct crmg_prefix) \
	X(LOCALS,   locals,   struct crmg_prefix) \
	X(PORTS,    ports,    struct crmg_port_range)

#define CRMG_ENUM_SECTION(ID, ...) CRMG_SECTION_##ID,
enum crmg_section_id { CRMG_SECTIONS(CRMG_ENUM_SECTION) CRMG_SECTION_COUNT };

/*
 * The directory of remote prefixes: its place is the top 16 bits of an IPv4 address, or
 * CRMG_DIR_V6 + the top 16 bits of an IPv6 address. With CRMG_DIR_LEAF the whole place
 * is one leaf, which is in the low bits; with CRMG_DIR_NARROW too, a source is wider
 * than a place (IPv4 /8 to /15) and other leaves are in it. Else the place is divided:
 * _FIRST is the last key <= its begin, and the keys inside are among the next
 * 2^_STEPS - 1 (or what there is of them in the family): so many steps a search takes.
 */
#define CRMG_DIR_V6          65536
#define CRMG_DIR_COUNT       (2 * 65536)
#define CRMG_DIR_LEAF        0x80000000u
#define CRMG_DIR_NARROW      0x40000000u
#define CRMG_DIR_STEPS_SHIFT 24
#define CRMG_DIR_NUMBER(e)   ((e) & 0x3fffffff)
#define CRMG_DIR_FIRST(e)    ((e) & ((1u << CRMG_DIR_STEPS_SHIFT) - 1))
#define CRMG_DIR_STEPS(e)    ((e) >> CRMG_DIR_STEPS_SHIFT & 31)

/* A place has at most some 2^21 keys (1 M prefixes have two ends each). */
#define CRMG_DIR_STEPS_MAX   22

#define CRMG_LEAF_SUB        0x80000000u

/* subs[] entry: first key index in the low, end index in the high 32 bits */
#define CRMG_SUB_FIRST(sub) ((__u32)(sub))
#define CRMG_SUB_END(sub)   ((__u32)((sub) >> 32))

/* Cells 0..7 of the image. A section's cell counts from the begin of the image. */
struct crmg_head {
	__u32 magic;
	__u32 abi;
	__u32 generation;	/* grows by one at each apply; 0 is never in force */
	__u32 bindings;		/* bindings in use, [1, bindings]; 0 is unused */
	__u64 applied_at_ns;	/* CLOCK_REALTIME */
	__u64 cells;		/* of the whole image */
	struct crmg_section section[CRMG_SECTION_COUNT];
	__u32 first_v6;		/* in keys */
	__u32 end_v6;
	__u32 lfirst_v6;	/* in lkeys */
	__u32 lend_v6;
	__u32 capacity;		/* slots of the source table */
	__u32 flows;		/* entries of the flow table */
	__u8 v4_prefix;		/* width of a source */
	__u8 v6_prefix;
	__u8 mode;		/* strongest mode of any binding */
	__u8 mode_cap;		/* of these, what --shadow asked for */
	char file[512];		/* absolute path of the policy file, or "" */
	__u32 back_shift;	/* see CRMG_BACK_PLACE */
	__u32 fast_open;	/* 1: the stack takes data on a SYN (when it was applied) */
	__u32 keep_s;		/* how long files with addresses are kept */
	__u64 gate[CRMG_GATES_MAX][2];	/* names of interfaces, filled up with NUL */
	__u64 named;		/* bit i: service i + 1 shares its ports with some that have names */
	__s32 tai_s;		/* CLOCK_TAI - CLOCK_REALTIME when it was applied: contracts */
	__u8 addresses;		/* enum crmg_addresses: how files have them */
	__u8 reserved[CRMG_CELL * 8 - 32 - 8 * CRMG_SECTION_COUNT - 24 - 4 - 512 - 12 -
		      16 * CRMG_GATES_MAX - 8 - 5];
};
CRMG_SIZE(struct crmg_head, CRMG_CELL * 8);

/*
 * One limit as the generic cell rate algorithm wants it. cost: time units that
 * a unit takes, << the limit's shift. tolerance: time units of the burst; a
 * packet conforms when max(tat, now) + its cost - now <= tolerance.
 */
struct crmg_limit {
	__u64 cost;
	__u64 tolerance;
};
CRMG_SIZE(struct crmg_limit, 16);

/* The limits of a scope wider than a source. */
struct crmg_budget {
	struct crmg_limit limit[CRMG_BUCKET_LIMITS];
	__u8 limits;		/* bit i: limit[i] is set; 0: it has none */
	__u8 pad;
	__u16 quotas;		/* what all of it may be sent: of section QUOTAS; 0: anything */
	__u8 reserved[12];
};
CRMG_SIZE(struct crmg_budget, 64);

/* Flags of a binding: what a packet has to be asked beside its source's limits. */
#define CRMG_BINDING_AGGREGATE 1	/* aggregate is set */
#define CRMG_BINDING_TOTAL     2	/* total is set */
#define CRMG_BINDING_SERVICE   4	/* the service has a total, and this is not `allow` */
#define CRMG_BINDING_BAN       8	/* ban is set */
#define CRMG_BINDING_BALANCER  16	/* the client is a balancer: never banned */
#define CRMG_BINDING_WIDER     7	/* any of the wider scopes */
#define CRMG_BINDING_PLAIN     32	/* a policy that is not off, none of WIDER and CONNS, ... */
					/* ... and no total of what leaves that cuts */
#define CRMG_BINDING_CUTS      64	/* not off, and some of its quotas has on_budget: cut */
#define CRMG_BINDING_CONNS     128	/* a policy that is not off, with a cap, a limit of ... */
					/* ... requests or a floor that refuses: it knows its connections */

/* What a policy says of TLS. */
#define CRMG_BINDING_FLOOR           1	/* anything: then plaintext is below it */
#define CRMG_BINDING_FLOOR_VERSION   2	/* a version below tls_minimum is refused */
#define CRMG_BINDING_FLOOR_PLAINTEXT 4	/* plaintext is */
#define CRMG_BINDING_FLOOR_REFUSES   6	/* any of them */

#define CRMG_BAN_FACTOR_SHIFT 8

/*
 * Bit i: a refusal by limit kind i can be a strike. `connections` refuses only SYNs, and
 * those can be forged; `requests`, not yet.
 */
#define CRMG_STRIKE_LIMITS \
	(1U << CRMG_LIMIT_PACKETS | 1U << CRMG_LIMIT_BYTES | 1U << CRMG_LIMIT_AUTH_FAILURES | \
	 1U << CRMG_LIMIT_HANDSHAKE_FAILURES)

/* Bit i: with a limit of kind i the requests of a policy are read. */
#define CRMG_LIMITS_ASKED (1U << CRMG_LIMIT_REQUESTS | 1U << CRMG_LIMIT_AUTH_FAILURES)

/* X(ID, "name", "help"): what a policy has looked for in a source over hours; bits of `detect`. */
#define CRMG_DETECTS(X) \
	X(PATIENT, "patient", "takes much, bit by bit, over hours, and keeps to every limit")

#define CRMG_ENUM_DETECT(ID, ...) CRMG_DETECT_##ID,
enum crmg_detect { CRMG_DETECTS(CRMG_ENUM_DETECT) CRMG_DETECT_COUNT };

/* ban: of a policy. */
struct crmg_ban_terms {
	__u32 within_ms;	/* 1 s .. 1 h */
	__u32 for_s;		/* of the first ban */
	__u32 max_s;		/* of any ban */
	__u16 factor;		/* << CRMG_BAN_FACTOR_SHIFT: each ban lasts that much longer */
	__u16 after;		/* strikes; 0: no automatic bans */
};
CRMG_SIZE(struct crmg_ban_terms, 16);

/*
 * What holds for a client at a service: two cells, of which a packet that conforms
 * mostly needs the first 64 bytes only.
 * The index of a binding is only meaningful with the generation in it.
 */
struct crmg_binding {
	__u32 generation;	/* of the image; 0: unused cell */
	__u16 row;		/* counters, see crmg_row */
	__u8 kind;		/* enum crmg_binding_kind */
	__u8 mode;		/* enum crmg_mode, already cut to the file's */
	__u8 on_exceed;		/* enum crmg_action */
	__u8 limits;		/* bit i: limit[i] is set */
	__u8 service;		/* 1..64 */
	__u8 flags;		/* CRMG_BINDING_* */
	__u8 v4_wide;		/* width of an aggregate: 96 + 1..31, and 1..127; with or ... */
	__u8 v6_wide;		/* ... without limits: under pressure it is judged instead */
	__u8 sanity;		/* enum crmg_sanity, of the service */
	__u8 gate;		/* 1 + index in head.gate: holds for this interface only; 0: for all */
	struct crmg_limit limit[CRMG_LIMIT_SLOTS];
	__u32 cap[CRMG_CAP_SLOTS];	/* by enum crmg_cap, 1 .. CRMG_CAP_MAX; 0: any number */
	__u16 http;		/* what requests may be: of section HTTP; 0: anything */
	__u8 reads;		/* 1: what asks for something is read, if CONNS is set */
	__u8 pad;
	__u16 client_row;	/* counters of its client, see crmg_client_row; 0: it has none */
	__u8 tls_minimum;	/* enum crmg_tls_version, .. _13: older ones are below it; 0: none */
	__u8 floor;		/* CRMG_BINDING_FLOOR*; 0: none */

	struct crmg_limit aggregate[CRMG_BUCKET_LIMITS];
	struct crmg_limit total[CRMG_BUCKET_LIMITS];
	__u8 aggregate_limits;	/* bit i: aggregate[i] is set */
	__u8 total_limits;	/* bit i: total[i] is set */
	__u16 quotas;		/* what each source may be sent: of section QUOTAS; 0: anything */
	struct crmg_ban_terms ban;
	__u8 strike_limits;	/* bit i: refusals by limit[i] are strikes; of CRMG_STRIKE_LIMITS */
	__u8 detect;		/* bit i: enum crmg_detect i is looked for */
	__u16 aggregate_quotas;	/* what each wider prefix may be sent; as quotas */
	__u8 on_budget;		/* enum crmg_on_budget */
	__u8 protocol;		/* enum crmg_protocol, of the service */
	__u16 contract;		/* of the client, in section CONTRACTS; 0: it always holds */
	__u16 fallback;		/* the binding of `any`, which holds while the contract does not */
	__u16 total_quotas;	/* what all sources of the policy together may be sent; as quotas */
};
CRMG_SIZE(struct crmg_binding, CRMG_BINDING_CELLS * CRMG_CELL);

/*
 * A quota of bytes that leave, in each interval of some time: at most so many, however the
 * interval lies. terms says the same as the state of a source has it (struct crmg_window):
 * an eighth of the quota << CRMG_TERMS_SHIFT | time in seconds.
 */
#define CRMG_WINDOWS_MAX    4
#define CRMG_TERMS_SHIFT    22
#define CRMG_QUOTA_MIN      (64ULL << 10)	/* bytes */
#define CRMG_QUOTA_MAX      (4000ULL * 1000 * 1000 * 1000)
#define CRMG_QUOTA_PER_MAX  (31 * 86400)	/* seconds */
#define CRMG_THROTTLE_MIN   8000ULL		/* bytes a second */
#define CRMG_THROTTLE_MAX   (100ULL * 1000 * 1000 * 1000)
#define CRMG_QUOTA_PER_MIN_SERVICE 60		/* of what everybody shares; else 1 */

struct crmg_quota {
	__u64 terms;		/* 0: none */
	__u64 bytes;
	__u64 notify;		/* bytes in the interval that are told of */
};
CRMG_SIZE(struct crmg_quota, 24);

/*
 * quotas[binding.quotas]: those of each source under a policy, shortest time first;
 * [binding.aggregate_quotas]: of each wider prefix; [binding.total_quotas], [budget.quotas]: of
 * all sources of a policy, of a service. Entry 0 is unused.
 */
struct crmg_quotas {
	struct crmg_quota quota[CRMG_WINDOWS_MAX];
	__u8 on_budget;		/* enum crmg_on_budget */
	__u8 notify_at;		/* percent */
	__u8 reserved[6];
	__u64 throttle_to;	/* bytes a second; 0 unless on_budget is THROTTLE */
	struct crmg_limit throttle;	/* the same, in the units of limit BYTES */
};
#define CRMG_QUOTAS_SHIFT 7
CRMG_SIZE(struct crmg_quotas, 1 << CRMG_QUOTAS_SHIFT);

/* http[binding.http]: what a request of plain HTTP may be. Entry 0 is unused. */
struct crmg_http_terms {
	__u32 methods;		/* bits 1 << enum crmg_method: others are refused; 0: none is */
	__u32 max_header;	/* bytes; 0: any number */
	__u32 max_body;
	__u32 pad;
};
#define CRMG_HTTP_TERMS_SHIFT 4
CRMG_SIZE(struct crmg_http_terms, 1 << CRMG_HTTP_TERMS_SHIFT);

#define CRMG_HEADER_MIN 1000
#define CRMG_HEADER_MAX 64000
#define CRMG_BODY_MIN   1000
#define CRMG_BODY_MAX   4000000000

/*
 * contracts[binding.contract], contracts[client.contract]: since when and until when a client
 * is one. Entry 0 is unused. Judged by the packet path against CLOCK_TAI, so that it needs
 * nobody; headers/crmgate/contract.h. What a packet needs is in the first cell. Hours are of a
 * time zone, of which the kernel knows nothing: `shift` has its offsets for years ahead, the
 * first for any time before the second; the last stays.
 */
#define CRMG_CONTRACT_SHIFTS 8
#define CRMG_OWNER_MAX       64
#define CRMG_ZONE_LEN        40

struct crmg_shift {
	__u32 from_s;		/* seconds since 1970; ~0: never */
	__s32 offset_s;		/* local time - UTC, from then on */
};

struct crmg_contract {
	__u64 until_s;		/* seconds since 1970: it ended then; 0: it has no end */
	__u32 begin_s;		/* seconds of a local day in which it holds: [begin, end) */
	__u32 end_s;
	__u8 days;		/* bit i: local days of the week, Monday is 0; 0: it has no hours */
	__u8 pad[7];
	struct crmg_shift shift[CRMG_CONTRACT_SHIFTS];
	__u8 reserved[40];

	char zone[CRMG_ZONE_LEN];	/* "Europe/Paris"; "": it has no hours */
	char owner[CRMG_OWNER_MAX + 4];	/* "": not said */
	__u8 reserved2[20];
};
#define CRMG_CONTRACT_CELLS 2
CRMG_SIZE(struct crmg_contract, CRMG_CONTRACT_CELLS * CRMG_CELL);

/* The value of a front map. */
struct crmg_front {
	struct crmg_head head;
	__u8 ports[2 * 65536];
	struct crmg_budget budgets[CRMG_SERVICES_MAX + 8];	/* by service index: its total */
	struct crmg_binding bindings[CRMG_BINDINGS_MAX];
	__u32 dir[CRMG_DIR_COUNT];
	struct crmg_cell section[CRMG_FRONT_CELLS - CRMG_IMAGE_SECTIONS];
};
CRMG_SIZE(struct crmg_front, CRMG_FRONT_CELLS * CRMG_CELL);

struct crmg_terms {		/* a limit as the operator wrote it */
	__u64 count;		/* units ... */
	__u64 per_ns;		/* ... in this time */
	__u64 burst;
};

/* labels[binding]: what CLI and metrics print for a binding. */
struct crmg_label {
	char service[CRMG_NAME_LEN];
	char policy[CRMG_NAME_LEN];	/* or "none", "allow" */
	char client[CRMG_NAME_LEN];	/* or "any", "allow" */
	__u8 pad[4];
	struct crmg_terms terms[CRMG_LIMIT_SLOTS];
	struct crmg_terms aggregate[CRMG_BUCKET_LIMITS];
	struct crmg_terms total[CRMG_BUCKET_LIMITS];
	__u64 shadow_since_ns;	/* CLOCK_REALTIME; over applies; 0: not in shadow */
	__u64 counted_since_ns;	/* CLOCK_REALTIME; over applies: when its row began at 0 */
	__u8 reserved[96];
};
#define CRMG_LABEL_CELLS 4
CRMG_SIZE(struct crmg_label, CRMG_LABEL_CELLS * CRMG_CELL);

/* services[index]; index 0 is unused. An index outlives an apply by its name. */
struct crmg_service {
	char name[CRMG_NAME_LEN];	/* "": no such service */
	__u32 born;		/* generation in which the index got this name */
	__u16 none_binding;	/* kind NO_POLICY, or the policy for `any` */
	__u16 allow_binding;
	__u8 transport;
	__u8 protocol;
	__u8 sanity;		/* enum crmg_sanity */
	__u8 base;		/* of one with names: the service whose ports it shares; 0: it has none */
	__u8 pad[4];
	__u32 first_port;	/* range of `ports` */
	__u32 port_count;
	__u32 first_local;	/* range of `locals`; none: any address */
	__u32 local_count;
	__u32 first_name;	/* range of `names` */
	__u32 name_count;
	__u8 reserved[52];
	struct crmg_terms total[CRMG_BUCKET_LIMITS];
	__u8 reserved2[56];
};
#define CRMG_SERVICE_CELLS 2
CRMG_SIZE(struct crmg_service, CRMG_SERVICE_CELLS * CRMG_CELL);

/*
 * names[]: a host name by which a service is told from `base` and others at its ports; in small
 * letters, and of "*.example.org" what follows the asterisk.
 */
#define CRMG_SERVER_NAME_MAX 253	/* bytes; DNS has no longer ones */

struct crmg_server_name {
	char text[CRMG_SERVER_NAME_MAX + 1];	/* filled up with NUL */
	__u8 base;
	__u8 service;
};
#define CRMG_SERVER_NAME_WORDS 32
#define CRMG_SERVER_NAME_CELLS 2
CRMG_SIZE(struct crmg_server_name, CRMG_SERVER_NAME_CELLS * CRMG_CELL);

/* namekeys[]: a hash of name and base, which is compared with the name itself, and its index. */
#define CRMG_NAME_KEY(hash, index) (((hash) & ~0xffffULL) | (index))
#define CRMG_NAME_INDEX(key)       ((key) & 0xffff)

struct crmg_port_range {	/* host order, inclusive */
	__u16 first;
	__u16 last;
};
CRMG_SIZE(struct crmg_port_range, 4);

struct crmg_client {
	char name[CRMG_NAME_LEN];	/* clients[0] is "allow", then the file's */
	__u32 prefix_count;
	__u32 file_count;	/* list files it was read from */
	__u8 balancer;
	__u8 pad[3];
	__u64 feed_ns;		/* CLOCK_REALTIME: its oldest list file was written; 0: has none */
	__u32 max_age_s;		/* of it, before it is a problem; 0: any */
	__u16 contract;		/* of section CONTRACTS; 0: none */
	__u16 row;		/* counters, see crmg_client_row; 0: it has none */
};
CRMG_SIZE(struct crmg_client, 64);

struct crmg_prefix {
	struct crmg_addr addr;
	__u16 client;		/* index in `clients`; 0xffff: none (a local prefix) */
	__u8 len;		/* 0..128, IPv4 + 96 */
	__u8 pad[5];
};
CRMG_SIZE(struct crmg_prefix, 24);

/* --------------------------------------------------------- the source table */

/*
 * Map "tags": lines of eight tags, chosen by a keyed hash of (service, source).
 * Tag i of line l belongs to entry l * 8 + i of "slots" and "details". Written by XDP with
 * compare-and-swap, read by everybody.
 *
 *   31..16 hash   15..13 state   12..0 age, of a slot in use; else
 *                                12..8 length of the first frame   7..0 age
 *
 * Small, so that the tags of a million sources (4 MiB) are in reach of caches and TLB: a
 * flood of forged addresses touches nothing else. Whose a slot in use is says its
 * `check`: of 4 000 sources that look for theirs one meets another's with the same hash.
 *
 * The length is in units of 64 bytes, rounded up, and only in CRMG_TAG_SEEN and
 * _SEEN_SYN. The age is in ticks of 2^28 ns (0.27 s), of a proven source of 2^32 ns, of
 * a banned one of 2^36 ns (69 s). It wraps: after 69 s, in use after 37 minutes, proven
 * after 10 hours, banned after 6 days; then such a source looks new for a while.
 */
#define CRMG_WAYS            8
#define CRMG_TAG_HASH_SHIFT  16
#define CRMG_TAG_HASH_MASK   0xffff0000U
#define CRMG_TAG_STATE_SHIFT 13
#define CRMG_TAG_STATE_MASK  7
#define CRMG_TAG_LEN_SHIFT   8
#define CRMG_TAG_LEN_UNIT    64
#define CRMG_TAG_LEN_MAX     (31 * CRMG_TAG_LEN_UNIT)
#define CRMG_TAG_AGE_MASK    0xff
#define CRMG_TAG_LIVE_AGE_MASK 0x1fff
/* By state, four bits each above the 28 of most. */
#define CRMG_TAG_AGE_NS_SHIFT(state) (28 + (0x84000000U >> (state) * 4 & 0xf))

enum crmg_tag_state {
	CRMG_TAG_EMPTY,		/* the whole word is 0 */
	CRMG_TAG_BUSY,		/* a CPU is writing the slot */
	CRMG_TAG_SEEN,		/* one packet came, the slot is not in use */
	CRMG_TAG_SEEN_SYN,	/* the same, and it opened a connection */
	CRMG_TAG_LIVE,		/* the slot is in use */
	CRMG_TAG_LIMITED,	/* in use, and it was refused something */
	CRMG_TAG_PROVEN,	/* in use, and the source completed a TCP handshake */
	CRMG_TAG_BANNED,	/* in use, and it was banned automatically, now or lately */
};

struct crmg_tags {
	__u32 tag[CRMG_WAYS];
} __attribute__((aligned(8)));
CRMG_SIZE(struct crmg_tags, 32);

/*
 * Map "throttles", one per slot: of a source that used up a budget under `throttle`, what it
 * was sent since. Written by TC.
 */
struct crmg_throttle {
	__u64 tat;		/* 1/256 ns */
};
CRMG_SIZE(struct crmg_throttle, 8);

/* Flags in crmg_slot.resolved. */
#define CRMG_SLOT_BANNED 1	/* a ban covered the source when it was resolved */
#define CRMG_SLOT_NARROW 2	/* prefixes divide the source: resolve each packet anew */
#define CRMG_SLOT_CUT    4	/* a budget of bytes_out was used up, and is not open again */
#define CRMG_SLOT_CONTRACT 8	/* its client has a contract, which may end: the same */

/* Time in a slot: ticks of 2^24 ns (16.8 ms) of CLOCK_MONOTONIC; wraps after 2.2 years. */
#define CRMG_SLOT_TICK_SHIFT 24

/*
 * Arriving packets and bytes of a source in one word, so that a packet pays for one
 * locked addition: packets << 40 | bytes. When the top bit of either is set (2^23 packets,
 * 2^39 bytes) the word is carried over into carried_packets and carried_bytes.
 */
#define CRMG_TRAFFIC_SHIFT 40
#define CRMG_TRAFFIC_FULL  (1ULL << 63 | 1ULL << (CRMG_TRAFFIC_SHIFT - 1))
#define CRMG_TRAFFIC_PACKETS(word) ((word) >> CRMG_TRAFFIC_SHIFT)
#define CRMG_TRAFFIC_BYTES(word)   ((word) & ((1ULL << CRMG_TRAFFIC_SHIFT) - 1))

/*
 * Strikes of a source: refusals in each of the last CRMG_STRIKE_PARTS parts of the time
 * that `ban.within` gives, the present one in the lowest bits; a part is a sixth of that time, so
 * that all of them cover it whole.
 */
#define CRMG_STRIKE_PARTS 7
#define CRMG_STRIKE_BITS  9

/*
 * Refusals of a source since the last carry: reason << 27 | number. The reason is that of
 * the last one, if it was in the same 64 ticks (1.1 s) as last_seen, else 0, and the detail
 * says it. Another one for that reason in that time has nothing to tell. When the top bit
 * of the number is set, it is taken off and carried_refusals grows by one.
 */
#define CRMG_REFUSALS_TICKS 64
#define CRMG_REFUSALS_SHIFT 27
#define CRMG_REFUSALS_CARRY (CRMG_REFUSALS_SHIFT - 1)
#define CRMG_REFUSALS_FULL  (1U << CRMG_REFUSALS_CARRY)
#define CRMG_REFUSALS_NUMBER(word) ((word) & ((1U << CRMG_REFUSALS_SHIFT) - 1))
#define CRMG_REFUSALS_REASON(word) ((word) >> CRMG_REFUSALS_SHIFT)
_Static_assert(CRMG_REASON_COUNT <= 32, "a reason does not fit into crmg_slot.refusals");

/*
 * A source has a slot, which every packet needs and which is one cache line, and under
 * the same index a detail, which few packets need. Apart, because with many sources the
 * cost of a packet is that of the lines and pages it touches.
 *
 * Map "slots", one per tag. Written by XDP, read by everybody.
 */
struct crmg_slot {
	__u64 check;		/* second half of the hash: whose slot it is */
	__u64 resolved;		/* generation | binding << 32 | flags << 48; 0: not yet */
	__u32 ban_epoch;	/* control.ban_epoch at that time */
	__u32 last_seen;	/* tick */
	__u64 tat[CRMG_BUCKET_LIMITS];	/* theoretical arrival times, 1/256 ns */
	__u64 traffic;		/* see CRMG_TRAFFIC_SHIFT */
	__u32 auto_until_s;	/* end of the last automatic ban, CLOCK_BOOTTIME; 0: none */
	__u32 refusals;		/* dropped or reset, or in shadow passed; see CRMG_REFUSALS_SHIFT */
};
CRMG_SIZE(struct crmg_slot, 64);

/*
 * Map "details", one per tag. Written by XDP (bytes_out by TC, pardoned by user space),
 * read by everybody. First line: new connections, refusals, egress; second: policy
 * changes, bans, what is carried over.
 */
struct crmg_detail {
	struct crmg_addr addr;	/* of the source, cut to its prefix */
	__u8 service;		/* index */
	__u8 last_reason;	/* of the last refusal, unless the slot says one; 0: none */
	__u16 strike_part;	/* number of the present part, modulo 2^16 */
	__u32 first_seen;	/* tick */
	__u32 last_refused;	/* tick, behind by up to CRMG_REFUSALS_TICKS; as last_reason */
	__u32 last_event;	/* tick; valid when event_refusals is not 0 */
	__u32 event_refusals;	/* refusals that events told about, [1, ...], modulo 2^32 */
	__u32 packets_refused;	/* packets when it last exceeded a limit itself, modulo 2^32 */
	__u16 strike_at;	/* 100 ms of CLOCK_MONOTONIC in which the last strike was */
	__u8 auto_bans;		/* automatic bans, forgotten after a quiet day */
	__u8 pardoned;		/* auto_bans when an operator ended the last one; by user space */
	__u32 carried_refusals;	/* in CRMG_REFUSALS_FULL */
	__u64 connections;	/* that passed: a flood of refused ones stays out of this line */
	__u64 bytes_out;

	__u64 cost[CRMG_BUCKET_LIMITS];	/* of tat[i] when it was written; 0: no limit */
	__u64 shadow_refusals;	/* of the refusals, those that passed in shadow */
	__u64 banned_until_ns;	/* by hand, CLOCK_BOOTTIME; with CRMG_SLOT_BANNED */
	__u64 carried_packets;
	__u64 carried_bytes;
	__u64 strikes;		/* see CRMG_STRIKE_PARTS */
};
CRMG_SIZE(struct crmg_detail, 128);

/*
 * Map "windows", one per slot: what a source was sent, in windows that slide
 * (window.h). Written by TC; XDP clears it for a new source. Who changes it
 * holds CRMG_WINDOW_BUSY in the terms of the first window.
 */
#define CRMG_WINDOW_STAMPS  7
#define CRMG_WINDOW_BUSY    (1ULL << 63)	/* only of the first window */
#define CRMG_WINDOW_ARMED   (1ULL << 62)	/* notify lies within the present eighth */
#define CRMG_WINDOW_OVER    (1ULL << 61)	/* the last packet was refused, and that was told */
#define CRMG_WINDOW_FLAGS   (7ULL << 61)

struct crmg_window {
	__u64 terms;		/* those it was written under, and flags; 0: never written */
	__u64 used;		/* begun >> 16 << 40 | bytes of the present eighth */
	/*
	 * When the present eighth was begun, how long the end of each of seven eighths before
	 * the last one still counts, in 2^-15 of the window; the latest first.
	 */
	__u16 left[CRMG_WINDOW_STAMPS];
	__u16 begun;		/* of the present eighth: low 16 of 40 bits, CLOCK_MONOTONIC in 2^16 ns */
};
CRMG_SIZE(struct crmg_window, 32);

struct crmg_windows {
	struct crmg_window window[CRMG_WINDOWS_MAX];
};
CRMG_SIZE(struct crmg_windows, 128);

/*
 * Map "kept", by the check of a slot: windows of sources that had to give way while they had
 * used an eighth or more of a quota of more than an hour; they find them again when they
 * come back. Those that were used least recently go first. Written by XDP, and by user
 * space after a reboot.
 */
#define CRMG_KEPT_MAX   16384
#define CRMG_KEPT_PER_S 3600

struct crmg_kept {
	struct crmg_windows windows;
	struct crmg_addr addr;	/* as in the detail, for who writes down what was sent */
	__u8 service;
	__u8 pad[7];
};
CRMG_SIZE(struct crmg_kept, 152);

/*
 * Map "proved", one per slot: the buckets of a source's limits as its proved segments
 * alone fill them, those of CRMG_STRIKE_LIMITS; valid once the slot is resolved for a
 * policy that bans. Written and read by XDP.
 */
struct crmg_proved {
	__u64 tat[CRMG_BUCKET_LIMITS];	/* 1/256 ns */
};
CRMG_SIZE(struct crmg_proved, 24);

/*
 * Map "asked", one per slot: the requests of a source, and their bucket. Of the slot whose
 * check it has; who finds another there begins anew. Written by XDP, one word by TC as well, read
 * by everybody.
 */
struct crmg_asked {
	__u64 check;		/* of the slot */
	__u64 tat;		/* 1/256 ns */
	__u64 cost;		/* of tat when it was written; 0: no limit */
	__u64 requests;		/* that passed */
	__u64 refused;		/* each once, however often it was sent */
	__u64 failed_tat;	/* the bucket of its failures, of either kind, 1/256 ns */
	__u64 failed_cost;	/* of failed_tat; 0: none was charged */
	__u64 answered;		/* bytes of answers that left; of TLS what is in its records. By TC */
};
CRMG_SIZE(struct crmg_asked, 64);

/*
 * Map "patience", entry by check % CRMG_PATIENTS: how a source asks whose requests are counted
 * (patience.h). Of the source whose check it has; another takes it over when that one has asked
 * nothing for CRMG_PATIENCE_QUIET_NS, or if its own policy looks for patient sources and that one's
 * does not. A place of each source would take 176 bytes of each, for the few that ask. Written by
 * XDP without locks: of two CPUs that have requests of one source at the same time one may lose
 * its count.
 */
#define CRMG_PATIENTS           32768
#define CRMG_PATIENCE_BUCKETS   16
#define CRMG_PATIENCE_SIZE_SHIFT 6	/* bytes; bucket 0 is below it, the last has no end */
#define CRMG_PATIENCE_GAP_SHIFT  24	/* ns: from 17 ms to 4.6 min */
#define CRMG_PATIENCE_PART_SHIFT 40	/* ns: 18 min; 64 of them are 19.5 h */
#define CRMG_PATIENCE_PARTS      64
#define CRMG_PATIENCE_QUIET_NS   (1ULL << 41)

struct crmg_patience {
	__u64 check;		/* of the slot; 0: nobody's yet */
	__u64 last_ns;		/* when it last asked, CLOCK_MONOTONIC */
	__u64 answered;		/* of its "asked", then */
	__u64 active;		/* bit i: it asked in the part that was i parts before `part` */
	__u32 part;		/* in which it last asked, modulo 2^32 */
	__u32 index;		/* of its slot */
	__u32 detect;		/* bit i: its policy says so of enum crmg_detect i */
	__u32 pad;
	/*
	 * By log2, of what lay between two of its requests: bytes of answers, and time.
	 * Halved each 64 parts, so that what it did once fades.
	 */
	__u32 size[CRMG_PATIENCE_BUCKETS];
	__u32 gap[CRMG_PATIENCE_BUCKETS];
};
CRMG_SIZE(struct crmg_patience, 48 + 8 * CRMG_PATIENCE_BUCKETS);

/*
 * Map "shares", entry by slot % CRMG_SHARE_SLOTS: how many packets of a source, and of
 * all sources of its service, had passed when the source's present strikes began. A
 * source takes an entry over when the one that has it struck no more for a while.
 */
#define CRMG_SHARE_SLOTS 4096

struct crmg_share {
	__u64 check;		/* of the slot */
	__u64 source_packets;
	__u64 service_packets;
	__u64 struck_ns;	/* last strike, CLOCK_MONOTONIC */
};
CRMG_SIZE(struct crmg_share, 32);

/* ------------------------------------------------------------------ probes */

/*
 * Places of their own for packets that prove what is enforced (bpf/probe.h): behind the
 * lines of sources a line of tags with its slots and details, behind the aggregates a
 * line; and what has the index 0, which no policy and no service has: of rows, of totals.
 */
#define CRMG_TAG_LINES(capacity)   ((capacity) / CRMG_WAYS + 1)
#define CRMG_SLOTS(capacity)       ((capacity) + CRMG_WAYS)
#define CRMG_PROBE_ROW             0
#define CRMG_PROBE_SERVICE         0

/*
 * Map "proof", one entry: what the last proof of enforcement came to. Written by who
 * proves, read by reports. seq is odd while it is written.
 */
#define CRMG_PROOF_TEXTS   4
#define CRMG_PROOF_TEXT    160
#define CRMG_PROOF_STALE_S 180	/* under a daemon that proves each minute */

struct crmg_proof {
	__u64 seq;
	__u64 boot_ns;		/* CLOCK_BOOTTIME of the last proof; 0: none yet */
	__u64 real_ns;		/* CLOCK_REALTIME */
	__u32 generation;	/* of the policy that was proven */
	__u32 front;		/* id of its front's map */
	__u32 probes;		/* packets run */
	__u32 programs;		/* through so many programs */
	__u32 failures;		/* what was not as it has to be; 0: all is enforced */
	__u32 period_s;		/* of the daemon that repeats it; 0: nobody does */
	char text[CRMG_PROOF_TEXTS][CRMG_PROOF_TEXT];	/* of the first failures */

	/* Packets of services, by index, at window_ns. */
	__u64 window_ns;	/* CLOCK_BOOTTIME */
	__u64 one_way_ns;	/* CLOCK_REALTIME since when `one_way` is not 0 */
	__u64 one_way;		/* bit index - 1: since then only what leaves was seen */
	__u64 in[CRMG_SERVICES_MAX + 1];
	__u64 out[CRMG_SERVICES_MAX + 1];
};
CRMG_SIZE(struct crmg_proof, 48 + CRMG_PROOF_TEXTS * CRMG_PROOF_TEXT + 24 +
			     16 * (CRMG_SERVICES_MAX + 1));

#define CRMG_SLOT_GENERATION(resolved) ((__u32)(resolved))
#define CRMG_SLOT_BINDING(resolved)    ((__u16)((resolved) >> 32))
#define CRMG_SLOT_FLAGS(resolved)      ((__u16)((resolved) >> 48))

/* ------------------------------------------------------ wider than a source */

/*
 * Budgets that sources share. A bucket whose TATs all lie in the past is full, and so
 * as good as any other: it may be given away, and nothing is lost.
 */
struct crmg_bucket {
	__u64 check;		/* whose it is; 0: nobody's yet */
	__u64 tat[CRMG_BUCKET_LIMITS];
	__u64 cost[CRMG_BUCKET_LIMITS];
	__u64 shared;		/* 1: prefixes that found no bucket are charged here too */
};
CRMG_SIZE(struct crmg_bucket, 64);

/*
 * Map "aggregates": lines of buckets, chosen by a keyed hash of (binding's row, wider
 * prefix); when all buckets of a line are at work, prefixes share one. Written by XDP.
 */
#define CRMG_AGGREGATE_WAYS 4
#define CRMG_AGGREGATE_LINES(capacity) ((capacity) / 16)
#define CRMG_AGGREGATES(capacity)      (CRMG_AGGREGATE_LINES(capacity) + 1)	/* that of probes */

struct crmg_aggregates {
	struct crmg_bucket way[CRMG_AGGREGATE_WAYS];
};
CRMG_SIZE(struct crmg_aggregates, 256);

/*
 * Map "totals": the bucket of a policy, by its row, and behind them those of services, by
 * index. Written by XDP.
 */
#define CRMG_TOTAL_SERVICES (CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX)
#define CRMG_TOTALS         (CRMG_TOTAL_SERVICES + CRMG_SERVICES_MAX + 1)

/*
 * Map "total_windows", in the same order: what all sources of a policy or a service were sent.
 * Behind them what those of each wider prefix were, in lines of CRMG_WIDE_WAYS prefixes, which
 * are chosen by a keyed hash of (binding's row, wider prefix); see wide.h. Written by TC, and by
 * user space before the first packet; the end of a cut by XDP too.
 */
#define CRMG_WIDE_WAYS              8
#define CRMG_WIDE_LINES(capacity)   ((capacity) / 64)
#define CRMG_TOTAL_WINDOWS(capacity) \
	(CRMG_TOTALS + CRMG_WIDE_LINES(capacity) * CRMG_WIDE_WAYS)

struct crmg_total_windows {
	struct crmg_windows windows;
	__u32 cut;		/* generation under which a quota was used up, ... */
				/* ... so that requests are refused; 0: none */
	__u32 claiming;		/* of the first of a line: 1 while a CPU takes one of it */
	/* Of a prefix; who changes these holds the windows. */
	__u64 check;		/* 0: nobody's; it is written last */
	struct crmg_addr addr;
	__u16 row;		/* of its binding */
	__u8 len;		/* of the prefix */
	__u8 pad;
	__u32 sent;		/* CLOCK_MONOTONIC when data was last sent, 2^30 ns */
	__u64 tat;		/* as struct crmg_throttle; who changes it holds the windows too */
	__u64 reserved[2];
};
CRMG_SIZE(struct crmg_total_windows, 192);

/* ------------------------------------------------------------------- flows */

/*
 * Map "flows": lines of eight TCP flows, chosen by a keyed hash of the two addresses
 * and ports. Written by TC (what the server sends) and XDP, read by both.
 *
 *   63..32 next sequence number of the server   31..12 hash   11..8 state   7..0 age
 *
 * The age is in ticks of 2^33 ns (8.6 s) and wraps after 36 minutes.
 */
#define CRMG_FLOW_SEQ_SHIFT    32
#define CRMG_FLOW_HASH_SHIFT   12
#define CRMG_FLOW_STATE_SHIFT  8
#define CRMG_FLOW_AGE_MASK     0xff
#define CRMG_FLOW_AGE_NS_SHIFT 33

enum crmg_flow_state {
	CRMG_FLOW_EMPTY,	/* the whole word is 0 */
	CRMG_FLOW_SYN_ACK,	/* the server answered a SYN; nobody has proved anything */
	CRMG_FLOW_OPEN,		/* the client acknowledged that; nothing came of it yet */
	CRMG_FLOW_TALKS,	/* the server sent data */
	CRMG_FLOW_SILENCED,	/* it did, and that was refused: it is sent again, from seq on */
	CRMG_FLOW_GREETS,	/* it did, and its first words of TLS go on */
};

struct crmg_flows {
	__u64 flow[CRMG_WAYS];
};
CRMG_SIZE(struct crmg_flows, 64);

/*
 * Map "greetings", one per flow: how far what its server says first was read (greeting.h). Holds
 * in CRMG_FLOW_GREETS and CRMG_FLOW_SILENCED. Written by TC.
 */
struct crmg_greeting {
	__u16 skip;		/* bytes that need not be read */
	__u16 left;		/* of the record, then of ServerHello */
	__u8 at;		/* enum crmg_greeting_at */
	__u8 held;		/* the byte before */
	__u8 told;		/* type of the record; then enum crmg_tls_version, if no more tells it */
	__u8 refused;		/* SILENCED: enum crmg_tls_version for which it is */
};
CRMG_SIZE(struct crmg_greeting, 8);

/*
 * Map "contags": lines of eight TCP connections, of services under a policy with a cap,
 * chosen by the same hash. Tag i of line l belongs to entry l * 8 + i of "conns". Who
 * changes one does so with compare-and-swap, so whoever ends a connection ends it alone.
 * Written by XDP and TC, read by everybody.
 *
 *   63..24 hash   23 ..19 marks   18..16 state   15..0 age
 *
 * The age is in ticks of 2^30 ns (1.07 s) and wraps after 19 hours.
 */
#define CRMG_CONN_HASH_SHIFT   24
#define CRMG_CONN_HASH_MASK    (~0ULL << CRMG_CONN_HASH_SHIFT)
#define CRMG_CONN_STATE_SHIFT  16
#define CRMG_CONN_STATE_MASK   7
#define CRMG_CONN_AGE_MASK     0xffffULL
#define CRMG_CONN_AGE_NS_SHIFT 30

#define CRMG_CONN_FIN_IN  (1ULL << 19)	/* the client sent its last byte, ... */
#define CRMG_CONN_FIN_OUT (1ULL << 20)	/* the server did */
#define CRMG_CONN_PROVEN  (1ULL << 21)	/* the client acknowledged the server's SYN */
#define CRMG_CONN_MIDDLE  (1ULL << 22)	/* first met after its handshake */
#define CRMG_CONN_RESET   (1ULL << 23)	/* a RST came that the server may not have taken */

enum crmg_conn_state {
	CRMG_CONN_EMPTY,	/* the whole word is 0 */
	CRMG_CONN_BUSY,		/* a CPU is writing the entry */
	CRMG_CONN_CLOSED,	/* ended; not counted, and nothing of it begins a new one */
	CRMG_CONN_SYN,		/* the client sent a SYN */
	CRMG_CONN_SYN_ACK,	/* the server answered it */
	CRMG_CONN_OPEN,		/* the handshake is complete, as far as anybody knows */
	CRMG_CONN_SLOW,		/* the same, and its first request takes more than 10 s */
	CRMG_CONN_ASKED,	/* the first request is complete, as far as can be told */
};

struct crmg_contags {
	__u64 tag[CRMG_WAYS];
};
CRMG_SIZE(struct crmg_contags, 64);

enum crmg_read { CRMG_READ_NOT, CRMG_READ_HTTP, CRMG_READ_TLS };

/* Map "conns", one per tag. Written by XDP and TC, read by everybody. */
struct crmg_conn {
	__u32 gauge;		/* entry of "gauges" that counts it */
	__u32 begun;		/* tick of 2^24 ns in which it was first met */
	/* What the client sends next, as far as it came in order or the server acknowledged it; ... */
	__u32 client_next;
	__u32 server_next;	/* what the server sends next */
	__u32 server_acked;	/* what the server last acknowledged */
	__u32 client_acked;	/* what the client last acknowledged of what the server sent */
	__u32 client_first;	/* client_next while nothing came; else not met in the handshake */
	__u8 read;		/* enum crmg_read: who wrote its entry of "streams" */
	__u8 doubted;		/* 1: the server spoke after a RST had ended it */
	__u8 named;		/* the service that its server name gave it; 0: that of its port */
	__u8 named_born;	/* low byte of the `born` of that service: the index may be given again */
	__u64 packets_in;
	__u64 bytes_in;
	__u64 packets_out;
	__u64 bytes_out;
};
CRMG_SIZE(struct crmg_conn, 64);

/*
 * Map "streams", entry by entry of "conns": how far what the client sends was read, where its
 * requests are counted. `next` may be ahead of what came, by what need not be read. What
 * arrives is written by XDP, a copy at once; `out` by TC, word by word. Two CPUs that have
 * segments of one connection at the same time may count wrong; nothing worse comes of it.
 */
struct crmg_http_stream {
	__u64 left;		/* of a body, or of a part of one, in bytes; of a line that ... */
				/* ... begins: its method, seven bits each, the last one low */
	__u64 tail;		/* the last eight bytes of a line, the latest in the high ones */
	__u8 state;		/* enum crmg_http_state */
	__u8 marks;		/* CRMG_HTTP_* */
	__u8 name;		/* enum crmg_http_name, of which a header may be ... */
	__u8 at;		/* ... that agreed so far; or that a method has */
	__u32 turn;		/* what the server had sent when the last request passed */
	__u32 unasked;		/* as in the stream, as far as what arrives has heard of it */
	__u32 header;		/* sequence number of the first byte of the header, or trailer */
};

enum crmg_rejecting {
	CRMG_REJECTING_NOT,
	CRMG_REJECTING_SAID,	/* nothing more of it reaches the server, ... */
	CRMG_REJECTING_ENDED,	/* ... which was sent a RST */
};

/* Of a connection in which a request was answered in place of the server (reject.h). */
struct crmg_rejected {
	__u32 request;		/* sequence number of that request, ... */
	__u32 answer;		/* ... and of its answer */
	__u32 retry_s;		/* that it told */
	__u32 state;		/* enum crmg_rejecting */
};

/* TLS, of what arrives (tls.h). */
struct crmg_tls_in {
	__u32 turn;		/* what the client had of the server's when its request began */
	__u32 hole;		/* a part that has not come: its next header, ... */
	__u32 hole_end;		/* ... and its end; the same: there is none */
	__u16 flags;
	__u16 paid;		/* HTTP/2: answers that are accounted for */
	__u16 more;		/* requests that may be in records beside those that were counted */
	__u16 last;		/* bytes in the last record */
	__u8 due;		/* counted requests that are not answered */
	__u8 unit;		/* bytes of the smallest record that held a request */
	__u8 windows;		/* as out.windows, when last looked at */
	__u8 credit;		/* records of bodies that were counted as requests */
	__u8 held[4];		/* the beginning of the header */
	__u8 have;		/* bytes in it */
	__u8 hole_have;		/* the same, in hole_held of the stream */
	__u16 asked;		/* HTTP/2: low bits of the number where what the last request's record holds begins */
};

/* TLS, of what leaves. */
struct crmg_tls_out {
	__u32 next;
	__u32 answer;		/* sequence number behind what was last sent of an answer */
	__u32 answer_ack;	/* what the server had of the client's then */
	__u16 answers;		/* HTTP/2: that have begun, without end */
	__u16 last;		/* bytes in the last record of an answer */
	__u16 ticket;		/* length of the first */
	__u16 flags;
	__u8 overhead;		/* bytes that a record is longer than what it holds */
	__u8 finished;		/* length of the record of Finished */
	__u8 have;
	__u8 held[4];
	__u8 windows;		/* HTTP/2: WINDOW_UPDATE frames, without end */
};

struct crmg_stream {
	__u32 next;		/* sequence number of the first byte that is not read yet */
	__u32 refused;		/* where a request was that was refused; with CRMG_STREAM_REFUSED */
	__u32 marks;		/* CRMG_STREAM_* */
	__u32 count;		/* requests so far */
	union {
		struct crmg_http_stream http;
		struct crmg_tls_in tls;
		__u64 in[4];	/* room for what arrives */
	};
	union {
		struct crmg_tls_out out;
		struct {
			__u32 answered;	/* HTTP: requests that the server has answered, as `count` */
			__u32 answers;	/* that were seen to begin, of all requests */
			__u32 unasked;	/* those of them that no request was read for; by TC */
			/* By XDP, but never with a copy: another CPU may know nothing of it. */
			struct crmg_rejected rejected;
		};
	};
	union {
		__u8 hole_held[4];	/* TLS: the beginning of the header where the hole is */
		__u32 body;		/* HTTP: bytes of the parts of a body so far */
	};
};
CRMG_SIZE(struct crmg_stream, 80);

#define CRMG_STREAM_REFUSED 1
#define CRMG_STREAM_LOST    2	/* it is not known where a message begins */
#define CRMG_STREAM_GUESSED 8	/* the last one began by the look of a line */
#define CRMG_STREAM_OTHER   16	/* what came was no HTTP/1, where a message begins */

/*
 * Map "gauges": how many connections a source has, in lines of eight words, chosen by
 * the `check` of the source (gauge.h); as many words as there are tags of connections. A
 * word that counts any belongs to the source whose connections it counts, and to nobody else
 * before they have ended; so it needs no sweep, and the source table may forget its owner.
 * Only in a line without a word that is free sources share one, that of their home. Written
 * by XDP and TC, read by everybody.
 *
 *   63..40 hash   39..20 half open   19..0 all
 */
#define CRMG_GAUGE_HASH_SHIFT 40
#define CRMG_GAUGE_HALF_SHIFT 20
#define CRMG_GAUGE_MASK       0xfffffULL

struct crmg_gauges {
	__u64 word[CRMG_WAYS];
};
CRMG_SIZE(struct crmg_gauges, 64);

/* ---------------------------------------------------------------- counters */

/*
 * Map "rows" (array of maps) [row / 64] -> per-CPU array [row % 64]: counters of
 * a (service, policy name), whatever the source table forgets. A chunk is made
 * when a policy needs it. Written by XDP and TC; a row that no generation in
 * force uses is zeroed by apply before it gets a new name.
 */
#define CRMG_ROW_CHUNK      64
#define CRMG_ROW_CHUNKS_MAX 256
#define CRMG_ROW_REASONS    32
#define CRMG_ROW_VERSIONS   8
#define CRMG_ROW_CLASSES    8

struct crmg_row {
	__u64 packets[CRMG_VERDICT_COUNT];	/* in, by verdict */
	__u64 bytes[CRMG_VERDICT_COUNT];
	__u64 packets_out;			/* that left */
	__u64 bytes_out;
	__u64 dropped_out;			/* packets that would have left */
	__u64 dropped_bytes_out;
	__u64 budgets_notified;			/* times that a source came to notify_at of a budget */
	__u64 budgets_exceeded;			/* times that one came to the end of a budget */
	__u64 connections[CRMG_VERDICT_COUNT];
	__u64 reasons[CRMG_ROW_REASONS];	/* packets, by reason of the verdict */
	__u64 would_drop[CRMG_ROW_REASONS];	/* shadow: by reason of the refusal */
	__u64 requests[CRMG_VERDICT_COUNT];	/* of HTTP; under TLS an estimate */
	__u64 versions[CRMG_ROW_VERSIONS];	/* connections, by enum crmg_tls_version */
	__u64 responses[CRMG_ROW_CLASSES];	/* of plain HTTP, by enum crmg_class */
	__u64 failures;				/* of plain HTTP: answered 401 or 403; ... */
						/* ... of TLS: handshakes that failed */
};

/*
 * Map "client_rows", per CPU: counters of a client of the policy file, at all services and
 * under all policies, by crmg_client.row; entry 0 is nobody's. Written by XDP and TC; an entry
 * that no generation in force uses is zeroed by apply before it gets a new name. There are as
 * many as two images need, the one in force and the next.
 */
#define CRMG_CLIENT_ROWS (2 * CRMG_CLIENTS_MAX + 1)

struct crmg_client_row {
	__u64 packets[CRMG_VERDICT_COUNT];	/* in, by verdict */
	__u64 bytes[CRMG_VERDICT_COUNT];
	__u64 bytes_out;			/* that left */
	__u64 requests;				/* of HTTP, that passed; under TLS an estimate */
};
CRMG_SIZE(struct crmg_client_row, 80);

/* Map "host", per CPU: what is not for a service, and what happens to the table. */
#define CRMG_HOST_COUNTERS(X) \
	X(OTHER,       other,       "packets that are for no service") \
	X(FRAGMENTS,   fragments,   "later fragments, passed") \
	X(EVICTIONS,   evictions,   "sources forgotten to make room for others") \
	X(PRESSURE,    pressure,    "packets judged by a shared bucket, no slot was free") \
	X(LOST_RACES,  lost_races,  "buckets that took more than one try") \
	X(EVENTS,      events,      "events written by the packet path") \
	X(SUPPRESSED,  suppressed,  "refusals without an event of their own") \
	X(CAPPED,      capped,      "events left out because the host had too many") \
	X(RESETS,      resets,      "RST sent") \
	X(RESETS_CAPPED, resets_capped, "refusals dropped because the host sent too many RST") \
	X(PROVEN,      proven,      "sources that completed a TCP handshake for the first time") \
	X(STRIKES,     strikes,     "refusals that count towards an automatic ban") \
	X(AUTO_BANS,   auto_bans,   "automatic bans") \
	X(LARGE_SHARES, large_shares, "bans not made: the source has most of the service's packets") \
	X(CONNS_FORGOTTEN, conns_forgotten, "open connections forgotten to make room for others") \
	X(AGGREGATES_FULL, aggregates_full, "packets not charged to what a wider prefix may be sent: " \
					    "no place was free")

#define CRMG_ENUM_HOST(ID, ...) CRMG_HOST_##ID,
enum crmg_host_id { CRMG_HOST_COUNTERS(CRMG_ENUM_HOST) CRMG_HOST_COUNT };

struct crmg_host {
	__u64 counter[CRMG_HOST_COUNT];
	__u64 odd[CRMG_ODDITY_COUNT];	/* packets of services that look for them */
};

/* ------------------------------------------------------ control and set-up */

#define CRMG_BAN_LENGTHS 16	/* different prefix lengths a family */
#define CRMG_HASH_KEYS   24
#define CRMG_KEY_PROBE   13	/* of them, what makes a packet a probe */

/* X(ID, "name", "help"): what could not be done, or not yet; bits of control.troubles. */
#define CRMG_TROUBLES(X) \
	X(UNSAVED,    "state_unsaved",      "policy and bans are not on the disk") \
	X(INCOMPLETE, "restore_incomplete", "not all came back after a reboot") \
	X(LEDGER,     "ledger_unsaved",     "the ledger is not on the disk") \
	X(UNFINISHED, "takeover_unfinished", "programs of an older build are still attached")

#define CRMG_ENUM_TROUBLE(ID, ...) CRMG_TROUBLE_##ID,
enum crmg_trouble { CRMG_TROUBLES(CRMG_ENUM_TROUBLE) CRMG_TROUBLE_COUNT };

/*
 * Where the audit log is: a log that ends before `seq` lost its end, and one in which
 * that entry has another hash was made anew. Zero: nothing was written since the maps
 * were made.
 */
struct crmg_audit_mark {
	__u32 seq;		/* of the last entry that is on the disk */
	__u32 lost;		/* later entries that could not be written */
	__u32 writer;		/* pid of the command that holds the lock; 0: it ended well */
	__u32 pad;
	__u64 head[2];		/* the first half of that entry's hash, as bytes */
};
CRMG_SIZE(struct crmg_audit_mark, 32);

/* How far the ledger is on the disk. Zero: it has nothing yet of what the maps counted. */
struct crmg_ledger_mark {
	__u64 to_ns;		/* CLOCK_REALTIME: end of its last record */
	__u32 seq;		/* number of that record */
	__u32 first;		/* of the first record of these maps; 0: none was begun */
};
CRMG_SIZE(struct crmg_ledger_mark, 16);

#define CRMG_GONE_PURGED 1	/* removed by a command, and what was saved of it too */
#define CRMG_GONE_TAKEN  2	/* another build goes on with it, in tables of its own */

/*
 * Map "own", CRMG_OWN_* by address: those of this host, which no packet from the wire comes from,
 * and the sources that they are in. Only daemon --manage writes it and the words of "control"
 * that begin so.
 */
#define CRMG_OWN_MAX   256	/* addresses */
#define CRMG_OWN_WORDS 8
#define CRMG_OWN_EXACT 1	/* an address */
#define CRMG_OWN_NEAR  2	/* a source, cut to its prefix, in which one is */

/*
 * Map "control", one entry: what an operator changes outside a policy. Written
 * by user space only.
 */
struct crmg_control {
	__u32 panic;		/* 1: everything passes */
	__u32 ban_epoch;	/* grows with each change of bans: sources resolve anew; odd meanwhile */
	__u32 bans;		/* entries in map "bans" */
	__u8 v4_lengths;	/* entries in use below */
	__u8 v6_lengths;
	__u8 v4_narrow;		/* 1: a ban is longer than the source prefix */
	__u8 v6_narrow;
	__u8 v4_length[CRMG_BAN_LENGTHS];	/* 96..128 */
	__u8 v6_length[CRMG_BAN_LENGTHS];
	__u64 panic_since_ns;	/* CLOCK_REALTIME; 0: off */
	__u64 confirm_until_ns;	/* CLOCK_MONOTONIC: from then on CRMG_FRONT_OLD holds; 0: never */
	__u32 confirm_generation;	/* that waits, or was the last to wait; never given again */
	__u32 confirm_previous;	/* the one that it took the place of */
	__u64 manager_ns;	/* CLOCK_BOOTTIME: last sign of life of daemon --manage; 0: none */
	__u32 troubles;		/* bits 1 << enum crmg_trouble */
	__u32 gone;		/* CRMG_GONE_*: not in force any more: nobody pins it again */
	struct crmg_audit_mark audit;
	struct crmg_ledger_mark ledger;	/* written by daemon --manage */
	__u32 forgotten;	/* times that a source was erased: who keeps names lets them go */
	__u32 forgetting;	/* index of the slot that is being erased, + 1; 0: none */
	__u64 own_until_ns;	/* CLOCK_BOOTTIME: so long map "own" is true; 0: it is not */
	__u64 own_filter[CRMG_OWN_WORDS];	/* crmg_own_bit() of the sources that are in it */
};
CRMG_SIZE(struct crmg_control, 216);

/*
 * Map "setup", one entry, mode 0600 (the key): fixed at the first attach, and
 * taken over by every later build that attaches to the same state.
 */
struct crmg_setup {
	__u32 capacity;		/* slots, a power of two >= 1024 */
	__u32 flows;		/* the same */
	__u8 v4_prefix;		/* 8..32 */
	__u8 v6_prefix;		/* 32..128 */
	__u8 pad[6];
	__u64 hash_key[CRMG_HASH_KEYS];	/* from getrandom */
};
CRMG_SIZE(struct crmg_setup, 208);

/*
 * The same as the programs want it: in their read-only data, so that the verifier
 * sees constants. Written at load.
 */
struct crmg_knobs {
	__u32 capacity;
	__u32 line_mask;	/* capacity / CRMG_WAYS - 1 */
	__u32 flow_mask;	/* flows / CRMG_WAYS - 1 */
	__u32 aggregate_mask;	/* CRMG_AGGREGATE_LINES(capacity) - 1 */
	__u64 v4_mask_lo;	/* cuts a mapped IPv4 address to a source */
	__u64 v6_mask_hi;
	__u64 v6_mask_lo;
	__u8 v4_len;		/* of a source: 96 + 8..32 */
	__u8 v6_len;		/* 32..128 */
	__u8 pad[2];
	__u32 wide_mask;	/* CRMG_WIDE_LINES(capacity) - 1 */
	__u64 hash_key[CRMG_HASH_KEYS];	/* secret, or an attacker picks collisions */
};
CRMG_SIZE(struct crmg_knobs, 240);

/* Map "scratch", one entry: host-wide limiters of the packet path; the last by user space. */
struct crmg_scratch {
	__u64 reset_tat;	/* 1/256 ns */
	__u64 event_tat;
	__u64 event_seq;	/* last sequence number given; also taken by user space */
	__u64 pressure_ns;	/* CLOCK_MONOTONIC of a packet that found no slot; 0: none yet */
	__u64 kept;		/* 1: there were entries in map "kept" */
	__u64 conn_sweep;	/* lines of connections that were looked at for idle ones */
	__u64 aggregates_full_ns; /* the same, of one whose wider prefix found no place (wide.h) */
	__u64 unread_ns;	/* CLOCK_REALTIME since when the policy cannot be read again; 0: it can */
};
CRMG_SIZE(struct crmg_scratch, 64);

/* Map "ifaces": the interfaces that are wanted. Written by attach and detach. */
#define CRMG_IFACES_MAX 64
/* Where what arrives is judged; TC: at TC ingress, while XDP may belong to somebody else. */
enum crmg_xdp_mode { CRMG_XDP_NONE, CRMG_XDP_NATIVE, CRMG_XDP_GENERIC, CRMG_XDP_TC };
enum crmg_tc_kind { CRMG_TC_NONE, CRMG_TC_TCX, CRMG_TC_CLSACT };

/* In the dispatcher of libxdp, where 50 is what a program has that says nothing: before it. */
#define CRMG_CHAIN_PRIORITY 10

struct crmg_iface {
	char name[16];		/* "": free entry */
	__u32 ifindex;
	__u8 xdp_mode;
	__u8 tc_kind;		/* of egress, and of ingress in CRMG_XDP_TC */
	__u8 fell_back;		/* 1: to CRMG_XDP_TC, since XDP belonged to somebody else */
	__u8 chained;		/* 1: called by an extension in the dispatcher of libxdp */
	__u32 xdp_prog_id;	/* of the program that judges, at either hook */
	__u32 tc_prog_id;
	__u64 attached_at_ns;	/* CLOCK_REALTIME */
	__u64 netns;		/* inode of the network namespace */
	__u32 xdp_next_id;	/* programs that are being put in place: written first, so */
	__u32 tc_next_id;	/* that those of a command that was killed are known */
};
CRMG_SIZE(struct crmg_iface, 56);

/* -------------------------------------------------------------------- bans */

#define CRMG_BANS_MAX 65536
#define CRMG_BAN_FOREVER (~0ULL)

/* Map "bans": manual bans. Written by user space, read by XDP. */
struct crmg_ban_key {
	struct crmg_addr addr;	/* cut to len */
	__u8 len;		/* 0..128, IPv4 + 96 */
	__u8 service;		/* index; 0: all */
	__u8 pad[6];
};
CRMG_SIZE(struct crmg_ban_key, 24);

struct crmg_ban {
	__u64 until_ns;		/* CLOCK_BOOTTIME, or CRMG_BAN_FOREVER */
	__u64 added_ns;		/* CLOCK_BOOTTIME */
	__u64 reserved;
	char origin[CRMG_NAME_LEN];
	char note[68];
};
CRMG_SIZE(struct crmg_ban, 128);

/*
 * Map "origins": bans added, by who added them; an entry is taken by the first ban of
 * an origin, the last one serves all that come later. Written by user space.
 */
#define CRMG_ORIGINS_MAX 32

struct crmg_origin {
	char name[CRMG_NAME_LEN];	/* "": free entry */
	__u8 pad[4];
	__u64 added;
};
CRMG_SIZE(struct crmg_origin, 48);

/*
 * Map "banfilter", one entry: bit (top 16 bits of an IPv4 address), or 65536 +
 * (top 16 bits of an IPv6 address): some ban touches it. A clear bit saves the
 * look-ups of a packet from a new source. Written by user space.
 */
struct crmg_ban_filter {
	__u64 word[2 * 65536 / 64];
};

/* ------------------------------------------------------------------ events */

/*
 * Map "events": a ring that overwrites itself, entry seq % CRMG_EVENT_RING. A
 * writer takes a number from scratch.event_seq, sets seq to 0, writes, and sets
 * seq last; a reader takes an entry only if seq is the same before and after.
 */
#define CRMG_EVENT_RING 4096

struct crmg_event {
	__u64 seq;		/* from 1 */
	__u64 time_ns;		/* CLOCK_BOOTTIME */
	__u64 count;		/* refusals told by this event; else 0 */
	struct crmg_addr addr;
	__u8 kind;		/* enum crmg_event_kind */
	__u8 reason;
	__u8 verdict;
	__u8 len;		/* prefix length of addr; 0: no address */
	__u32 generation;
	char service[CRMG_NAME_LEN];
	char policy[CRMG_NAME_LEN];
	char detail[136];	/* user space: what was done, by whom */
};
CRMG_SIZE(struct crmg_event, 256);

/* The packet path writes at most so many events a second, with this burst. */
#define CRMG_EVENTS_PER_SEC   200
#define CRMG_EVENTS_BURST     400
#define CRMG_RESETS_PER_SEC   1000

#endif
