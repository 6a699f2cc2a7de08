/* SPDX-License-Identifier: GPL-2.0 */
/* The packet event: what kfuncs and the representor's driver share. */
#ifndef CHAM_KFUNC_H
#define CHAM_KFUNC_H

#include <linux/bpf.h>
#include <linux/udp.h>
#include <net/vxlan.h>
#include "chamelio_kfunc.h"
#include "compat.h"
#include "ledger.h"
#include "port.h"
#include "prog.h"
#include "remote.h"
#include "tenant.h"

struct cham_port;
struct cham_private;
struct cham_tenant;
struct virtio_net_hdr;

#define CHAM_XMIT_BATCH	64
/* UDP and VXLAN header, at the end of every outer one. */
#define CHAM_OUTER_UDP	(sizeof(struct udphdr) + sizeof(struct vxlanhdr))

/* One per CPU; BH off. */
struct cham_cpu {
	struct cham_event	ev;		/* what the program sees */
	u32			local;		/* uplink's serial that ev's addresses are of */
	const struct xdp_buff	*xdp;		/* whose event this is */
	bool			slow;		/* the packet before went to Linux from here */
	u32			stamp;		/* clock at the last class boundary */
	struct cham_tenant	*tenant;
	struct cham_port	*port;		/* ingress, NULL: uplink */
	u32			side;		/* the same for generations: CHAM_GEN_* or 0 */
	u32			ingress;	/* ifindex of the port's representor, or
						 * outer source
						 */
	u32			sent_on;	/* 1 + its queue pair; 0: it has one */
	bool			fresh;		/* lookup has just made the connection */
	const struct cham_xdp_buff *from;	/* a port's own packet, or Linux', or NULL */
	const struct xdp_buff	*host;		/* what Linux or a timer brings to @port, or NULL */
	bool			timer;		/* that */
	struct cham_origin	origin;		/* then */
	u8			host_src[ETH_ALEN];	/* where that is from */
	const struct cham_outer	*outer;		/* ENCAP */
	u32			hash;		/* upper half of the connection's */
	unsigned long		flow;		/* cham_conn_flow(), once looked up */
	u64			learnt;		/* union cham_to: found just now */
	struct cham_private	*priv;		/* whose handler runs; else NULL */
	u32			hook;		/* that: enum cham_hook */
	u32			word;		/* and its program's; a draft's: 0 */
	bool			summed;		/* the outer header had a checksum */
	u32			strip;		/* bytes before the frame that it sees */
	void			*frame;		/* where that begins */
	u32			size;		/* of the packet, with them, before it ran */
	u32			plain;		/* that; of a whole super-packet 0 */
	u32			egress;		/* slot of the port */
	bool			by_skb;		/* ENCAP: through the uplink's queues */
	u32			tcp;		/* 1: established TCP */
	u32			payload;	/* TCP or UDP, bytes */
	u32			segs;
	u16			ip_id;		/* next identification of the outer IPv4 */

	const struct xdp_rxq_info *burst_rxq;	/* of the ring whose NAPI runs, NULL: none */
	struct cham_port	*burst_port;
	struct cham_tenant	*burst_tenant;
	unsigned int		nframes;
	u32			batch_ifindex;
	u32			batch_bytes;	/* the tenant's, in @frames */
	struct xdp_frame	*frames[CHAM_XMIT_BATCH];
};

DECLARE_PER_CPU(struct cham_cpu, cham_cpus);

/* Who pays for this event. */
static inline struct cham_ledger __percpu *cham_books(const struct cham_cpu *cpu)
{
	return cpu->tenant ? cpu->tenant->ledger : cham_ledger_infra;
}

/* What Linux did with a port's packet ran in the port's own NAPI. */
static inline void cham_charge_slow(struct cham_cpu *cpu)
{
	cpu->slow = false;
	if (cpu->burst_tenant)
		cpu->stamp = cham_charge(cpu->burst_tenant->ledger,
					 CHAM_CLASS_SLOW, cpu->stamp);
}

/* The next packet of the uplink has the same xdp_buff: nothing of this one is
 * left to it. On a port the driver closes.
 */
static inline void cham_event_end(struct cham_cpu *cpu)
{
	if (!cpu->port)
		cpu->xdp = NULL;
}

/* There are so many bytes, and they can be an outer header. */
static inline bool cham_outer_fits(const struct xdp_buff *xdp, u32 strip)
{
	return strip >= CHAM_OUTER4 && strip <= xdp->data_end - xdp->data;
}

static inline struct udphdr *cham_outer_udp(const struct xdp_buff *xdp, u32 strip)
{
	return xdp->data + strip - CHAM_OUTER_UDP;
}

/**
 * cham_from_slow() - whether the event is on the slow port of its tenant
 * @cpu: the event
 *
 * Few tenants have one: nobody else's packets pay for a call.
 */
static inline bool cham_from_slow(const struct cham_cpu *cpu)
{
	return unlikely(READ_ONCE(cpu->tenant->slow)) && cpu->port &&
	       cham_tenant_is_slow(cpu->tenant, cham_port_slot(cpu->port));
}

/* Called by programs only; the contracts are in kfunc.c. */
u8 *bpf_cham_begin(struct xdp_md *ctx, const int rdonly_buf_size);
int bpf_cham_lookup(struct xdp_md *ctx, const void *q, u32 q__sz);
int bpf_cham_deliver(struct xdp_md *ctx, u32 strip);
int bpf_cham_encap(struct xdp_md *ctx, u32 tos);
u8 *bpf_cham_enter(struct xdp_md *ctx, u32 layout, u32 strip, u32 hook,
		   const int rdwr_buf_size);
int bpf_cham_leave(struct xdp_md *ctx, u32 verdict, u32 port, u32 timer, u32 event);
void bpf_cham_slow(struct xdp_md *ctx, u32 vni, u32 reason);

int cham_refuse(struct cham_cpu *cpu, enum cham_reason why);

/* What the wire brings passes no end point yet; what no program is ever shown, like ARP and
 * multicast, is not meant.
 */
static inline void cham_unseen(const struct cham_cpu *cpu)
{
	if (cpu->port)
		cham_tenant_unseen(cpu->tenant);
}

int cham_open_pass(struct cham_cpu *cpu);
int cham_end(struct cham_cpu *cpu, enum cham_reason why);
int cham_replied(struct cham_cpu *cpu, struct xdp_buff *xdp);
bool cham_outer_sum_off(struct cham_cpu *cpu, struct xdp_buff *xdp, u32 strip);
void cham_outer_write_sum(struct xdp_buff *xdp, u32 strip);
__wsum cham_xdp_sum(const struct xdp_buff *xdp, u32 off, u32 len);
int cham_kfunc_init(void);
#endif
