/* SPDX-License-Identifier: GPL-2.0 */
/*
 * doctor.h - facts about a host, and what they mean for enforcement. Facts are read by
 * kern/ with getters only; the judgement is pure: facts in, advice out.
 */
#ifndef CRMGATE_DOCTOR_H
#define CRMGATE_DOCTOR_H

#include <net/if.h>
#include <net/if_arp.h>

#include <jansson.h>

#include "snapshot.h"

/* X(ID, "name"): how much an advice matters. FAIL: something would not be enforced. */
#define CRMG_GRADES(X) X(OK, "ok") X(NOTE, "note") X(WARNING, "warning") X(FAIL, "fail")
#define CRMG_ENUM_GRADE(ID, ...) CRMG_GRADE_##ID,
enum crmg_grade { CRMG_GRADES(CRMG_ENUM_GRADE) CRMG_GRADE_COUNT };

/* ------------------------------------------------------------------- facts */

enum crmg_bpffs_state { CRMG_BPFFS_THERE, CRMG_BPFFS_MISSING, CRMG_BPFFS_READ_ONLY };

struct crmg_host_facts {
	unsigned int version[2];	/* of the kernel: 6, 18 */
	char release[64];
	bool btf;			/* /sys/kernel/btf/vmlinux */
	int jit;			/* net.core.bpf_jit_enable; -1: not known */
	int jit_harden;			/* net.core.bpf_jit_harden; -1: not known */
	bool stats;			/* kernel.bpf_stats_enabled */
	int unprivileged;		/* kernel.unprivileged_bpf_disabled; -1: not known */
	char lockdown[24];		/* "none", "integrity", "confidentiality"; "": no such thing */
	char missing[64];		/* capabilities: "CAP_BPF, CAP_PERFMON"; "": none */
	int load;			/* 0, or why a small XDP program is refused: negative errno */
	bool tcx;			/* TC programs as links; else clsact */
	enum crmg_bpffs_state bpffs;
	uint64_t memory_bytes;		/* that can be allocated now; 0: not known */
	uint64_t memory_limit_bytes;	/* left of the cgroup's; UINT64_MAX: none */
	uint64_t memlock_bytes;		/* RLIMIT_MEMLOCK; UINT64_MAX: none */
	unsigned int cpus;
	char clock[32];			/* the clock source */
	bool clock_tsc;			/* "tsc" could be chosen */
	bool forwards[2];		/* IPv4, IPv6 */
	uint16_t ephemeral[2];		/* net.ipv4.ip_local_port_range; 0: not known */
	char reserved[512];		/* net.ipv4.ip_local_reserved_ports, "8080,9000-9010" */
};

/* Written and tested for kernels from this one on; what older ones lack is not known. */
#define CRMG_KERNEL_MAJOR 6
#define CRMG_KERNEL_MINOR 1

bool crmg_kernel_older(const struct crmg_host_facts *host, unsigned int major, unsigned int minor);

struct crmg_iface_facts {
	char name[IFNAMSIZ];
	unsigned int index;		/* 0: there is no such interface */
	bool up;
	unsigned int type;		/* ARPHRD_ETHER, ... */
	unsigned int mtu;
	char kind[16];			/* "veth", "bond", ...; "": hardware */
	char driver[32];		/* "": not known */
	char master[IFNAMSIZ];		/* what it is a port of; "": nothing */
	char master_kind[16];
	char parent[IFNAMSIZ];		/* what it is stacked on; "": nothing */
	char judged_at[IFNAMSIZ];	/* what is attached and sees its packets, or some of them; "" */
	bool lro;
	bool gro_hw;
	unsigned int queues[2];		/* combined channels, and how many there could be; 0: ? */
	bool features_known;		/* kernel 6.3 */
	uint64_t features;		/* NETDEV_XDP_ACT_... */
	uint32_t xdp_id;		/* program at XDP; 0: none */
	char xdp_name[16];		/* "": not known */
	bool xdp_chain;			/* it is the dispatcher of libxdp */
	bool ingress_taken;		/* a foreign clsact filter has the first place */
};

/* Only such frames can be read; loopback has the header too. */
static inline bool crmg_is_ethernet(unsigned int type)
{
	return type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
}

/* The kernel's names (<linux/netdev.h>, which 6.1 lacks). */
#define CRMG_XDP_FEATURE_BASIC 1
#define CRMG_XDP_FEATURE_SG    32

/* Packets for one of these ports go on to another one (DNAT). */
struct crmg_port_map {
	uint8_t transport;		/* enum crmg_transport */
	uint16_t first, last;		/* as they arrive; 0: any */
	struct crmg_addr to;		/* all 0: this host, or not known */
	uint16_t to_port;		/* 0: the same, or not known */
	bool unknown;			/* its ports are in a set, or where they lead in a map */
};

struct crmg_doctor_facts {
	struct crmg_host_facts host;
	struct crmg_iface_facts *ifaces;
	size_t iface_count;
	struct crmg_port_map *maps;
	size_t map_count;
	bool maps_known;		/* false: the rules of NAT could not be read */
	bool legacy_nat;		/* the nat table of iptables-legacy is in use: not read */
};

/* --------------------------------------------------------------- judgement */

struct crmg_advice {
	enum crmg_grade grade;
	const char *check;		/* id: a word of a closed list */
	char iface[IFNAMSIZ];		/* "": about the host or the policy */
	char text[256];			/* what it is, and what that means */
	char mend[640];			/* the command that mends it; "": nothing to do */
};

struct crmg_diagnosis {
	struct crmg_advice *items;
	size_t count;
};

/* What is judged. */
struct crmg_patient {
	const char *instance;
	const struct crmg_doctor_facts *facts;
	const struct crmg_image *image;	/* the policy */
	const char *file;		/* it is not in force yet, and was read from here; or NULL */
	const struct crmg_snapshot *snap;	/* what is attached; NULL: nothing */
};

/* Every check in turn. 0 or -ENOMEM; free with crmg_diagnosis_free() in either case. */
int crmg_diagnose(const struct crmg_patient *patient, struct crmg_diagnosis *ret);
void crmg_diagnosis_free(struct crmg_diagnosis *diagnosis);

/* The worst of them. */
enum crmg_grade crmg_diagnosis_grade(const struct crmg_diagnosis *diagnosis);
const char *crmg_grade_name(enum crmg_grade grade);

/* A new document, NULL when out of memory; and text, without what is ok unless all is asked for. */
json_t *crmg_diagnosis_json(const struct crmg_diagnosis *diagnosis);
int crmg_diagnosis_text(const struct crmg_diagnosis *diagnosis, bool all, FILE *out);

#endif
