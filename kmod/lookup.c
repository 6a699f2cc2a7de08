// SPDX-License-Identifier: GPL-2.0
/*
 * The one lookup of a packet: the connection that it is of, or what Linux' knowledge
 * makes of it.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/etherdevice.h>
#include <net/tcp_states.h>

#include "conn.h"
#include "fdb.h"
#include "kfunc.h"
#include "ledger.h"
#include "netlink.h"
#include "policy.h"
#include "port.h"
#include "prog.h"
#include "remote.h"
#include "tenant.h"

static_assert(sizeof(struct cham_query) % 8 == 0);

/*
 * Ask Linux' knowledge where this direction goes and whether the packet comes
 * from where Linux thinks its source lives. The slow path for a connection,
 * the fast path for a packet: no lock, no allocation.
 */
static enum cham_reason cham_resolve(const struct cham_cpu *cpu,
				     struct cham_fwd *fwd,
				     const struct cham_query *q, u32 ingress)
{
	const struct cham_tenant *t = cpu->tenant;
	struct cham_dest from, to;

	if (unlikely(cham_tenant_dirty(t)))
		return CHAM_REASON_BLOCKED;
	if (cpu->port ? cham_port_blocked(cpu->port) : READ_ONCE(t->blocked))
		return CHAM_REASON_BLOCKED;
	if (cham_from_slow(cpu)) {
		from.action = CHAM_ACTION_PORT;
		from.slot = cham_port_slot(cpu->port);
		from.epoch = NULL;
	} else if (!cham_fdb_resolve_rcu(t, q->macs + ETH_ALEN, &from) ||
		   from.ingress != ingress ||
		   from.action != (cpu->port ? CHAM_ACTION_PORT : CHAM_ACTION_REMOTE)) {
		return CHAM_REASON_SRC_MOVED;
	}
	if (!cham_fdb_resolve_rcu(t, q->macs, &to))
		return CHAM_REASON_NO_FDB;
	/* Back to where it came from: a bridge would not either. */
	if (to.action == from.action &&
	    (to.action == CHAM_ACTION_REMOTE || to.slot == from.slot))
		return CHAM_REASON_NO_FDB;
	if (to.action == CHAM_ACTION_PORT) {
		struct cham_port *port = cham_port_by_slot_rcu(to.slot);

		if (port && !cham_port_takes(port, q->macs, q->tuple.vlan))
			return CHAM_REASON_FILTERED;
	}
	/* Short conversations never grow old enough to be sampled: the address
	 * itself is, too.
	 */
	if (from.epoch && READ_ONCE(*from.epoch) != t->epoch) {
		bool known = READ_ONCE(*from.epoch);

		WRITE_ONCE(*from.epoch, t->epoch);
		if (known)
			return CHAM_REASON_REFRESH;
	}
	fwd->ingress = ingress;
	memcpy(fwd->macs, q->macs, sizeof(fwd->macs));
	fwd->to.egress = to.slot;
	fwd->to.super = 0;
	fwd->to.epoch = t->epoch;
	fwd->to.action = to.action;
	return CHAM_REASON_NONE;
}

static inline bool cham_tcp_open(const struct cham_conn *conn,
				 const struct cham_query *q)
{
	return conn && READ_ONCE(conn->state) == TCP_ESTABLISHED &&
	       q->tuple.proto == IPPROTO_TCP;
}

static struct cham_conn *cham_new_conn(struct cham_cpu *cpu, const struct cham_key *key,
				       unsigned int dir, const struct cham_private *draft,
				       enum cham_reason *why)
{
	struct cham_conn *conn = cham_conn_insert(cpu->tenant, key, dir, draft,
						  &cpu->fresh, why);

	if (!conn && *why == CHAM_REASON_QUOTA)
		cham_nl_quota_event(cpu->tenant, CHAM_TENANT_MAX_CONNS);
	return conn;
}

static inline void cham_announce(struct cham_cpu *cpu, const struct cham_conn *conn)
{
	if (unlikely(cpu->fresh)) {
		cpu->fresh = false;
		cham_nl_conn_event(CHAM_CMD_CONN_NTF, cpu->tenant, conn);
	}
}

/* A connection that is not there yet. Its tenant has a handler for first packets, and
 * the event goes on with this one in its place.
 */
struct cham_draft {
	struct cham_conn	conn;
	struct cham_private	priv;	/* layout and area */
	struct cham_query	query;
	struct cham_fwd		fwd;	/* where it goes, if Linux is not to decide */
	u32			gen;
	enum cham_event_act	then;	/* what it is if the handler lets it pass */
};

static DEFINE_PER_CPU_ALIGNED(struct cham_draft, cham_drafts);

/* What the tenant's slow path sends needs nobody's leave. */
static bool cham_opens(const struct cham_cpu *cpu)
{
	return READ_ONCE(cpu->tenant->prog) & CHAM_PROG_WORD_HOOK(CHAM_HOOK_OPEN) &&
	       !cham_from_slow(cpu);
}

static struct cham_draft *cham_draft(struct cham_cpu *cpu, const struct cham_query *query,
				     const struct cham_key *key, unsigned int dir,
				     enum cham_event_act then)
{
	const struct cham_prog *prog = rcu_dereference(cpu->tenant->program);
	struct cham_draft *d = this_cpu_ptr(&cham_drafts);

	memset(&d->conn, 0, sizeof(d->conn));
	memset(&d->priv, 0, sizeof(d->priv));
	d->priv.layout = prog ? READ_ONCE(prog->layout) : 0;
	d->conn.words = *key;
	d->conn.half[0].priv = &d->priv;
	memcpy(d->conn.half[dir].fwd.macs, query->macs, sizeof(query->macs));
	if (cpu->sent_on)
		cham_conn_set_sent(&d->conn, dir, cpu->sent_on - 1);
	d->query = *query;
	d->then = then;
	cpu->flow = cham_conn_flow(&d->conn, dir);
	cpu->ev.act = CHAM_ACT_OPEN;
	return d;
}

/* Linux decides, but the tenant's handler sees the packet, and that needs a
 * connection. What Linux gave a guest has been tracked where it came from.
 */
static void cham_show(struct cham_cpu *cpu, const struct cham_query *query,
		      struct cham_conn *conn, const struct cham_key *key,
		      unsigned int dir, enum cham_event_act act)
{
	enum cham_reason full;

	if (!conn && cham_opens(cpu)) {
		cham_draft(cpu, query, key, dir, act);
		return;
	}
	if (!conn)
		conn = cham_new_conn(cpu, key, dir, NULL, &full);
	if (!conn) {
		cham_unseen(cpu);
		return;
	}
	cham_announce(cpu, conn);
	cpu->flow = cham_conn_flow(conn, dir);
	cpu->ev.act = act;
}

/* A packet that no valid direction is known for: find out, remember.
 * Return: the connection, and @cpu's learnt; or NULL and the event says what is to be done.
 */
static noinline struct cham_conn *
cham_learn(struct cham_cpu *cpu, const struct cham_query *query,
	   struct cham_conn *conn, u32 gen)
{
	struct cham_tenant *t = cpu->tenant;
	struct cham_draft *draft;
	enum cham_reason why;
	struct cham_fwd fwd;
	struct cham_key key;
	unsigned int dir;

	key = cham_conn_key(&query->tuple, t->key, &dir);
	if (cpu->host) {
		ether_addr_copy(cpu->host_src, query->macs + ETH_ALEN);
		if (!cpu->timer)
			cham_show(cpu, query, conn, &key, dir, CHAM_ACT_HOST);
		else if (conn)
			cham_show(cpu, query, conn, &key, dir, CHAM_ACT_TIMER);
		if (cpu->ev.act == CHAM_ACT_SLOW)
			cham_refuse(cpu, CHAM_REASON_NO_AREA);
		else
			cpu->stamp = cham_charge(t->ledger, CHAM_CLASS_DEMUX, cpu->stamp);
		return NULL;
	}
	why = cham_resolve(cpu, &fwd, query, cpu->ingress);
	if (why) {
		cpu->tcp = cham_tcp_open(conn, query);
		cham_nl_miss_event(t, query, why);
		cham_refuse(cpu, why);
		/* What goes to a port, Linux brings there; what leaves one is seen here. */
		if (cpu->port && (READ_ONCE(t->prog) & CHAM_PROG_WORD_HOOK(CHAM_HOOK_TX) ||
				  (!conn && cham_opens(cpu))))
			cham_show(cpu, query, conn, &key, dir, CHAM_ACT_LINUX);
		return NULL;
	}
	if (!conn && cham_opens(cpu)) {
		draft = cham_draft(cpu, query, &key, dir, CHAM_ACT_DELIVER);
		draft->fwd = fwd;
		draft->gen = gen;
		cpu->stamp = cham_charge(t->ledger, CHAM_CLASS_DEMUX, cpu->stamp);
		return NULL;
	}
	if (!conn) {
		conn = cham_new_conn(cpu, &key, dir, NULL, &why);
		if (!conn) {
			cham_unseen(cpu);
			cham_refuse(cpu, why);
			return NULL;
		}
	}
	cham_fwd_write(&conn->half[dir].fwd, &fwd, gen);
	cpu->learnt = fwd.to.word;
	return conn;
}

/* Another CPU may have found another way since. */
static void cham_to_set(struct cham_half *half, union cham_to was, union cham_to to)
{
	cmpxchg(&half->fwd.to.word, was.word, to.word);
}

/* What a packet's connection says. Return: enum cham_event_act. */
static __always_inline int cham_decide(struct cham_cpu *cpu, struct cham_conn *conn,
				       unsigned int dir, const struct cham_query *query,
				       union cham_to to)
{
	struct cham_half *half = &conn->half[dir];
	struct cham_tenant *t = cpu->tenant;
	union cham_to was = to;

	cpu->tcp = cham_tcp_open(conn, query);
	cham_conn_track(conn, half, query, cpu->segs);
	if (unlikely(cpu->sent_on))
		cham_conn_set_sent(conn, dir, cpu->sent_on - 1);
	cham_announce(cpu, conn);
	cpu->flow = cham_conn_flow(conn, dir);
	/* Each direction shows Linux one packet a quarter of the ageing time,
	 * so that bridge and vxlan device keep learning it.
	 */
	if (unlikely((to.epoch ^ t->epoch) & CHAM_EPOCH_MASK)) {
		to.epoch = t->epoch;
		cham_to_set(half, was, to);
		cham_refuse(cpu, CHAM_REASON_REFRESH);
		cpu->ev.act = CHAM_ACT_LINUX;
		return CHAM_ACT_LINUX;
	}
	cpu->egress = to.egress;
	if (to.action == CHAM_ACTION_PORT) {
		cpu->ev.act = CHAM_ACT_DELIVER;
	} else {
		const struct cham_remote *r = cham_remote_rcu(cpu->egress);
		const struct cham_outer *o = r ? rcu_dereference(r->outer) : NULL;

		/* Its number may be another's by now. */
		if (unlikely(!o || r->vni != t->cfg.vni))
			return cham_refuse(cpu, CHAM_REASON_NO_ROUTE);
		cpu->outer = o;
		/* Once by skb, always: two ways would reorder. */
		if (unlikely(cpu->ev.gso_size && o->tso && !to.super)) {
			to.super = 1;
			cham_to_set(half, was, to);
		}
		cpu->by_skb = to.super;
		cpu->ev.act = CHAM_ACT_ENCAP;
	}
	cpu->stamp = cham_charge(t->ledger, CHAM_CLASS_DEMUX, cpu->stamp);
	return cpu->ev.act;
}

/**
 * cham_open_pass() - the handler for first packets lets one pass
 * @cpu: the event, with a draft for a connection
 *
 * Return: enum cham_event_act: what is to be done with it now.
 */
int cham_open_pass(struct cham_cpu *cpu)
{
	const struct cham_draft *d = this_cpu_ptr(&cham_drafts);
	unsigned int dir = cpu->flow & 1;
	struct cham_conn *conn;
	enum cham_reason why;

	conn = cham_new_conn(cpu, &d->conn.words, dir, &d->priv, &why);
	if (!conn) {
		cpu->ev.act = CHAM_ACT_SLOW;
		/* If Linux is to decide, that has been counted. */
		return d->then == CHAM_ACT_LINUX ? CHAM_ACT_SLOW : cham_refuse(cpu, why);
	}
	if (d->then != CHAM_ACT_DELIVER) {
		cham_announce(cpu, conn);
		cpu->flow = cham_conn_flow(conn, dir);
		cpu->ev.act = d->then;
		return d->then;
	}
	cham_fwd_write(&conn->half[dir].fwd, &d->fwd, d->gen);
	return cham_decide(cpu, conn, dir, &d->query, d->fwd.to);
}

/* Nothing is known of the packet's connection. A program that came or went meanwhile
 * has not said what of first packets.
 */
static noinline int cham_lookup_else(struct cham_cpu *cpu)
{
	u32 word = READ_ONCE(cpu->tenant->prog);

	if (cpu->ev.act == CHAM_ACT_OPEN && !(word & CHAM_PROG_WORD_HOOK(CHAM_HOOK_OPEN))) {
		cham_unseen(cpu);
		return cham_refuse(cpu, CHAM_REASON_NO_AREA);
	}
	return cpu->ev.act ? cpu->ev.act | word : CHAM_ACT_SLOW;
}

__bpf_kfunc_start_defs();

/**
 * bpf_cham_lookup() - the one lookup of a packet
 * @ctx:   the program's context
 * @q:     struct cham_query of the inner packet
 * @q__sz: its size
 *
 * Finds or makes the connection, tracks it, and decides.
 *
 * Return: enum cham_event_act, as in the event; above it the tenant's program,
 * if it has one, see CHAM_PROG_ACT_MASK.
 */
__bpf_kfunc int bpf_cham_lookup(struct xdp_md *ctx, const void *q, u32 q__sz)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	const struct cham_query *query = q;
	struct cham_tenant *t = cpu->tenant;
	struct cham_conn *conn;
	struct cham_key key;
	union cham_to to;
	unsigned int dir;
	u64 hash;
	u32 gen;

	if (unlikely(cpu->xdp != (struct xdp_buff *)ctx ||
		     q__sz != sizeof(*query)))
		return CHAM_ACT_SLOW;
	if (!cpu->port) {
		t = cham_tenant_by_vni_rcu(query->vni);
		if (unlikely(!t))
			return cham_refuse(cpu, CHAM_REASON_NO_TENANT);
		cpu->tenant = t;
		cpu->ingress = query->outer_src;
	}
	cpu->ev.len = query->len;
	cpu->payload = query->payload;
	cpu->segs = cpu->ev.gso_size ?
		    DIV_ROUND_UP(query->payload, cpu->ev.gso_size) : 1;
	/* Before the tables: a change after this leaves an older generation.
	 * Outer sources and representors have the same numbers: a decision for
	 * the one is of another generation than one for the other.
	 */
	gen = (u32)atomic_read_acquire(&t->gen) ^ cpu->side;
	key = cham_conn_key(&query->tuple, t->key, &dir);
	hash = cham_conn_hash(&key);
	cpu->hash = hash >> 32;
	conn = cham_conn_lookup_rcu(&key, hash);
	to.word = 0;
	if (likely(conn))
		to.word = cham_fwd_read(&conn->half[dir].fwd, query, cpu->ingress, gen);
	if (unlikely(!to.word)) {
		conn = cham_learn(cpu, query, conn, gen);
		if (!conn)
			return cham_lookup_else(cpu);
		/* Handed over there: a local whose address is taken has a canary. */
		to.word = cpu->learnt;
	}
	return cham_decide(cpu, conn, dir, query, to) | READ_ONCE(t->prog);
}

__bpf_kfunc_end_defs();
