// SPDX-License-Identifier: GPL-2.0
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "conn.h"
#include "kfunc.h"
#include "netlink.h"
#include "prog.h"
#include "tenant.h"

static struct kmem_cache *cham_private_cache;

static_assert(CHAM_CELL_MAX < 1 << (CHAM_PROG_HOOKS_SHIFT - CHAM_PROG_CELL_SHIFT));

/* ---- areas ---- */

/* Context: nobody can find it any more. */
void cham_private_free(struct cham_private *priv)
{
	if (!priv)
		return;
	timer_shutdown_sync(&priv->timer);
	kmem_cache_free(cham_private_cache, priv);
}

static void cham_private_free_rcu(struct rcu_head *rcu)
{
	cham_private_free(container_of(rcu, struct cham_private, rcu));
}

static struct cham_private *cham_private_alloc(struct cham_conn *conn, u32 layout)
{
	struct cham_private *priv;

	priv = kmem_cache_zalloc(cham_private_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!priv)
		return NULL;
	priv->layout = layout;
	spin_lock_init(&priv->lock);
	timer_setup(&priv->timer, cham_timer_fire, 0);
	priv->conn = conn;
	return priv;
}

/* The tenant's handlers are of this layout. */
static bool cham_prog_has_layout(const struct cham_tenant *t, u32 layout)
{
	const struct cham_prog *prog = rcu_dereference(t->program);

	return prog && READ_ONCE(prog->layout) == layout;
}

/**
 * cham_private_new() - the area of a connection that nobody can find yet
 * @t:     tenant
 * @conn:  its connection
 * @draft: layout and contents
 *
 * Context: BH off, RCU read side. Return: the area, or NULL.
 */
struct cham_private *cham_private_new(const struct cham_tenant *t, struct cham_conn *conn,
				      const struct cham_private *draft)
{
	struct cham_private *priv = NULL;

	if (cham_prog_has_layout(t, draft->layout))
		priv = cham_private_alloc(conn, draft->layout);
	if (priv)
		priv->area = draft->area;
	return priv;
}

/**
 * cham_private_get() - the area of a connection, when it is not there yet
 * @t:      tenant
 * @conn:   its connection
 * @layout: that the caller's handler was made for
 *
 * A handler of another layout may be at work on the area that is there: the new
 * one is another object, and the old one goes when nobody can be using it. Who
 * comes with a layout that is not the tenant's any more, or not yet, gets none.
 *
 * Context: BH off, RCU read side. Return: the area, or NULL.
 */
struct cham_private *cham_private_get(const struct cham_tenant *t,
				      struct cham_conn *conn, u32 layout)
{
	struct cham_private *priv, *old, *was;

	if (!cham_prog_has_layout(t, layout))
		return NULL;
	old = READ_ONCE(conn->half[0].priv);
	if (old && old->layout == layout)
		return old;
	priv = cham_private_alloc(conn, layout);
	if (!priv)
		return NULL;
	was = cmpxchg(&conn->half[0].priv, old, priv);
	if (was != old) {
		/* Another CPU was first. */
		cham_private_free(priv);
		return was && was->layout == layout ? was : NULL;
	}
	if (old) {
		/* The connection may go before it does. */
		timer_shutdown(&old->timer);
		call_rcu(&old->rcu, cham_private_free_rcu);
	}
	return priv;
}

/* ---- programs ---- */

static void cham_prog_free(struct rcu_head *rcu)
{
	struct cham_prog *prog = container_of(rcu, struct cham_prog, rcu);

	free_percpu(prog->books);
	kfree(prog);
}

static int cham_prog_check(const struct cham_tenant *self,
			   const struct cham_prog *want,
			   struct netlink_ext_ack *extack)
{
	struct cham_prog *other;
	struct cham_tenant *t;

	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t)) {
		other = rtnl_dereference(t->program);
		if (t != self && other && other->cell == want->cell) {
			NL_SET_ERR_MSG_FMT(extack, "cell %u belongs to tenant %s",
					   want->cell, t->name);
			return -EBUSY;
		}
	}
	return 0;
}

/**
 * cham_prog_set() - a tenant has a program, or another one
 * @t:      tenant
 * @want:   name, layout, cell, hooks and flags
 * @extack: receives the reason of a refusal
 *
 * The composition that is attached has its handlers before its packets are told
 * so: see lib/compose.c for the order.
 *
 * Context: RTNL held, may sleep. Return: 0, -EBUSY or -ENOMEM.
 */
int cham_prog_set(struct cham_tenant *t, const struct cham_prog *want,
		  struct netlink_ext_ack *extack)
{
	struct cham_prog *old = rtnl_dereference(t->program), *prog;
	int err = cham_prog_check(t, want, extack);
	u32 word;

	if (err)
		return err;
	prog = kzalloc(sizeof(*prog), GFP_KERNEL_ACCOUNT);
	if (!prog)
		return -ENOMEM;
	*prog = *want;
	prog->version = ++t->prog_version;
	word = cham_prog_word(prog->cell, prog->hooks, prog->flags);
	prog->books = alloc_percpu(struct cham_prog_books);
	if (!prog->books) {
		kfree(prog);
		return -ENOMEM;
	}
	/* A handler of the old one that is still at work must not be taken for one of
	 * the new; by another layout cham_prog_stop() knows it.
	 */
	if (old && old->layout == prog->layout)
		synchronize_net();
	rcu_assign_pointer(t->program, prog);
	WRITE_ONCE(t->prog, word);
	/* Who found the other one at fault may have switched off this one. */
	if (old && old->layout != prog->layout) {
		synchronize_net();
		if (READ_ONCE(prog->state) == CHAM_PROG_RUNS)
			WRITE_ONCE(t->prog, word);
	}
	if (old)
		call_rcu(&old->rcu, cham_prog_free);
	cham_nl_prog_event(CHAM_CMD_PROG_NTF, t, prog, GFP_KERNEL);
	return 0;
}

/**
 * cham_prog_del() - a tenant has no program any more
 * @t: tenant
 *
 * When it returns no packet is on its way to the handlers: their place in the
 * composition may be another's.
 *
 * Context: RTNL held, may sleep.
 */
void cham_prog_del(struct cham_tenant *t)
{
	struct cham_prog *prog = rtnl_dereference(t->program);

	if (!prog)
		return;
	WRITE_ONCE(t->prog, 0);
	RCU_INIT_POINTER(t->program, NULL);
	synchronize_net();
	cham_nl_prog_event(CHAM_CMD_PROG_DEL_NTF, t, prog, GFP_KERNEL);
	cham_prog_free(&prog->rcu);
}

/**
 * cham_prog_stop() - a handler has done what none may
 * @cpu:   the event
 * @priv:  the connection's area
 * @why:   what
 * @value: what it returned
 *
 * Its tenant's packets go on as if there were no program. The first fault is
 * kept as it was found.
 *
 * Context: BH off, RCU read side.
 */
void cham_prog_stop(struct cham_cpu *cpu, const struct cham_private *priv,
		    enum cham_fault why, u32 value)
{
	struct cham_tenant *t = cpu->tenant;
	struct cham_prog *prog = rcu_dereference(t->program);
	const struct xdp_buff *xdp = cpu->xdp;
	struct cham_prog_fault *fault;

	/* Another has taken its place meanwhile. */
	if (prog && prog->layout != priv->layout)
		return;
	/* The state first: cham_prog_set() asks it whether the word is to be there. */
	if (!prog || cmpxchg(&prog->state, CHAM_PROG_RUNS, CHAM_PROG_STOPPING) != CHAM_PROG_RUNS)
		return;
	WRITE_ONCE(t->prog, 0);
	fault = &prog->fault;
	fault->why = why;
	fault->hook = cpu->hook;
	fault->value = value;
	fault->len = cpu->ev.len;
	/* The tenant's frame: what is before it is the provider's. */
	if (xdp->data + cpu->strip < xdp->data_end)
		memcpy(fault->head, xdp->data + cpu->strip,
		       min_t(size_t, sizeof(fault->head),
			     xdp->data_end - xdp->data - cpu->strip));
	fault->area = priv->area;
	/* Pairs with cham_put_prog(). */
	smp_store_release(&prog->state, CHAM_PROG_STOPPED);
	cham_nl_prog_event(CHAM_CMD_PROG_NTF, t, prog, GFP_ATOMIC);
}

/**
 * cham_prog_overran() - a handler has taken too long
 * @cpu:    the event
 * @priv:   the connection's area
 * @cycles: that it took
 *
 * Once is nothing: an interrupt, a hypervisor. Who does so most times it runs on this
 * CPU costs what nobody has admitted.
 *
 * Context: BH off, RCU read side.
 */
void cham_prog_overran(struct cham_cpu *cpu, const struct cham_private *priv, u32 cycles)
{
	struct cham_tenant *t = cpu->tenant;
	u64 runs = this_cpu_ptr(t->ledger)->events[CHAM_CLASS_HANDLER];
	struct cham_prog *prog = rcu_dereference(t->program);
	struct cham_prog_books *books;

	if (!prog)
		return;
	books = this_cpu_ptr(prog->books);
	books->overruns++;
	if (runs - books->since > 2 * books->streak) {
		books->since = runs;
		books->streak = 0;
	}
	if (++books->streak >= CHAM_OVERRUNS)
		cham_prog_stop(cpu, priv, CHAM_FAULT_OVERRUN, cycles);
}

/* Context: BH off, RCU read side. */
void cham_prog_count_drop(const struct cham_tenant *t, u32 reason)
{
	const struct cham_prog *prog = rcu_dereference(t->program);

	if (prog)
		this_cpu_inc(prog->books->dropped[reason % CHAM_DROP_REASONS]);
}

/* Whether one more may be told in this second. */
static bool cham_prog_may_tell(struct cham_prog *prog)
{
	unsigned long second = jiffies / HZ;

	/* Two CPUs may begin it: then some more are told. */
	if (READ_ONCE(prog->second) != second) {
		WRITE_ONCE(prog->second, second);
		atomic_set(&prog->told, 0);
	}
	return atomic_inc_return(&prog->told) <= CHAM_EVENT_RATE;
}

/**
 * cham_prog_event() - a handler tells its tenant's slow path something
 * @cpu:   the event
 * @priv:  the connection's area
 * @event: the handler's own number, not 0
 *
 * Context: BH off, RCU read side; @priv's lock may be held.
 * Return: the cycles that it took, which are not the handler's fault.
 */
u32 cham_prog_event(const struct cham_cpu *cpu, const struct cham_private *priv,
		    u32 event)
{
	struct cham_prog *prog = rcu_dereference(cpu->tenant->program);
	u32 since = cham_clock();

	if (!prog)
		return 0;
	if (cham_prog_may_tell(prog) && cham_nl_handler_event(cpu, priv, event))
		this_cpu_inc(prog->books->events);
	else
		this_cpu_inc(prog->books->events_lost);
	return cham_clock() - since;
}

int cham_prog_init(void)
{
	cham_private_cache = KMEM_CACHE(cham_private, SLAB_HWCACHE_ALIGN);
	return cham_private_cache ? 0 : -ENOMEM;
}

/* Areas are the connections', and those are gone. */
void cham_prog_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(cham_private_cache);
}
