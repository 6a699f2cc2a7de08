// SPDX-License-Identifier: GPL-2.0
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <net/tcp_states.h>

#include "conn.h"
#include "netlink.h"
#include "prog.h"
#include "tenant.h"

static unsigned int conn_max = 262144;
module_param(conn_max, uint, 0444);
MODULE_PARM_DESC(conn_max, "connections the table is sized for");

/* Idle times in seconds: the same classes that nf_conntrack tells apart. */
#define CHAM_IDLE_TCP		(3600)
#define CHAM_IDLE_TCP_OPEN	(60)
#define CHAM_IDLE_TCP_CLOSE	(10)
#define CHAM_IDLE_OTHER		(60)

#define CHAM_WHEEL_SLOTS	64	/* one a second: a conn is visited once a minute */
#define CHAM_BUCKET_LOCKS	1024

struct cham_bucket *cham_buckets __read_mostly;
u32 cham_bucket_mask __read_mostly;
u64 cham_hash_seed[4] __read_mostly;
static spinlock_t cham_bucket_locks[CHAM_BUCKET_LOCKS];
static struct kmem_cache *cham_conn_cache;
static atomic_t cham_conns = ATOMIC_INIT(0);

static struct llist_head cham_wheel[CHAM_WHEEL_SLOTS];
static u32 cham_wheel_now;		/* slot the worker did last */
static struct delayed_work cham_wheel_work;
static DEFINE_MUTEX(cham_wheel_mutex);	/* flush against the worker */

static_assert(sizeof(struct cham_tuple) == 40);
static_assert(sizeof(struct cham_fwd) == 24);
static_assert(sizeof(struct cham_half) == 64);
static_assert(offsetof(struct cham_conn, half) == 64);
static_assert(sizeof(struct cham_conn) == 192);
static_assert(sizeof(struct cham_bucket) == 64);

static inline u64 cham_slot_make(const struct cham_conn *conn, u64 hash)
{
	return (u64)conn << 7 | cham_slot_tag(hash);
}

static u32 cham_conn_idle(const struct cham_conn *conn)
{
	if (conn->key.proto != IPPROTO_TCP)
		return CHAM_IDLE_OTHER * HZ;
	switch (READ_ONCE(conn->state)) {
	case TCP_ESTABLISHED:
		return CHAM_IDLE_TCP * HZ;
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		return CHAM_IDLE_TCP_OPEN * HZ;
	default:
		return CHAM_IDLE_TCP_CLOSE * HZ;
	}
}

static void cham_wheel_add(struct cham_conn *conn, u32 in)
{
	u32 secs = clamp(in / HZ + 1, 1u, CHAM_WHEEL_SLOTS - 1u);

	llist_add(&conn->half[1].wheel,
		  &cham_wheel[(READ_ONCE(cham_wheel_now) + secs) % CHAM_WHEEL_SLOTS]);
}

/* Nobody can find it. */
static void cham_conn_free(struct cham_conn *conn)
{
	cham_private_free(conn->half[0].priv);
	kmem_cache_free(cham_conn_cache, conn);
}

/**
 * cham_conn_insert() - make a connection
 * @tenant: whose
 * @key:    canonical
 * @dir:    direction of who opens it
 * @draft:  area that it begins with, or NULL
 * @fresh:  set when it was not there
 * @why:    receives the reason when there is none to be had
 *
 * Bounded: one bucket of eight, one allocation, no eviction. A racing insert
 * of the same key yields the one that was first.
 *
 * Context: BH off, RCU read side. Return: the connection, or NULL.
 */
struct cham_conn *cham_conn_insert(struct cham_tenant *tenant,
				   const struct cham_key *key, unsigned int dir,
				   const struct cham_private *draft, bool *fresh,
				   enum cham_reason *why)
{
	u64 hash = cham_conn_hash(key);
	u32 index = cham_bucket_index(hash, cham_bucket_mask);
	struct cham_bucket *b = &cham_buckets[index];
	spinlock_t *lock = &cham_bucket_locks[index % CHAM_BUCKET_LOCKS];
	struct cham_conn *conn, *old;
	unsigned int i;

	if (atomic_inc_return(&tenant->conns) > READ_ONCE(tenant->cfg.max_conns)) {
		*why = CHAM_REASON_QUOTA;
		goto undo;
	}
	if (atomic_read(&cham_conns) >= conn_max) {
		*why = CHAM_REASON_TABLE_FULL;
		goto undo;
	}
	conn = kmem_cache_zalloc(cham_conn_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!conn) {
		*why = CHAM_REASON_NO_MEMORY;
		goto undo;
	}
	conn->words = *key;
	conn->seen = (u32)jiffies;
	conn->flags = dir ? CHAM_CONN_F_SWAPPED : 0;
	conn->wscale = CHAM_WSCALE_NONE | CHAM_WSCALE_NONE << 4;
	if (draft) {
		conn->half[0].priv = cham_private_new(tenant, conn, draft);
		if (!conn->half[0].priv) {
			kmem_cache_free(cham_conn_cache, conn);
			*why = CHAM_REASON_NO_AREA;
			goto undo;
		}
	}

	spin_lock(lock);
	old = cham_conn_lookup_rcu(key, hash);
	if (old) {
		spin_unlock(lock);
		cham_conn_free(conn);
		atomic_dec(&tenant->conns);
		return old;
	}
	for (i = 0; i < CHAM_BUCKET_SLOTS && b->slot[i]; i++)
		;
	if (i == CHAM_BUCKET_SLOTS) {
		spin_unlock(lock);
		cham_conn_free(conn);
		*why = CHAM_REASON_TABLE_FULL;
		goto undo;
	}
	/* Whoever sees the slot sees the connection's members too. */
	smp_store_release(&b->slot[i], cham_slot_make(conn, hash));
	spin_unlock(lock);
	atomic_inc(&cham_conns);
	cham_wheel_add(conn, CHAM_IDLE_TCP_CLOSE * HZ);
	*fresh = true;
	return conn;
undo:
	atomic_dec(&tenant->conns);
	return NULL;
}

/* Out of the table; memory stays until the caller's grace period. */
static void cham_conn_unlink(struct cham_conn *conn)
{
	u64 hash = cham_conn_hash(&conn->words);
	u32 index = cham_bucket_index(hash, cham_bucket_mask);
	struct cham_bucket *b = &cham_buckets[index];
	spinlock_t *lock = &cham_bucket_locks[index % CHAM_BUCKET_LOCKS];
	u64 self = cham_slot_make(conn, hash);
	unsigned int i, last;
	struct cham_tenant *t;

	spin_lock_bh(lock);
	for (i = 0; i < CHAM_BUCKET_SLOTS && b->slot[i] != self; i++)
		;
	if (!WARN_ON_ONCE(i == CHAM_BUCKET_SLOTS)) {
		for (last = CHAM_BUCKET_SLOTS - 1; !b->slot[last]; last--)
			;
		WRITE_ONCE(b->slot[i], b->slot[last]);
		WRITE_ONCE(b->slot[last], 0);
	}
	cham_conn_change_flags(conn, 0, CHAM_CONN_F_DEAD);
	spin_unlock_bh(lock);
	rcu_read_lock();
	t = cham_tenant_rcu(conn->key.tenant);
	if (t)
		cham_nl_conn_event(CHAM_CMD_CONN_DEL_NTF, t, conn);
	rcu_read_unlock();
}

/* Off the wheel, and of the table if it still is; counted as long as it has memory. */
static void cham_conn_retire(struct cham_conn *conn, struct llist_head *dead)
{
	struct cham_tenant *t;

	if (!(READ_ONCE(conn->flags) & CHAM_CONN_F_DEAD))
		cham_conn_unlink(conn);
	atomic_dec(&cham_conns);
	rcu_read_lock();
	t = cham_tenant_rcu(conn->key.tenant);
	if (t)
		atomic_dec(&t->conns);
	rcu_read_unlock();
	llist_add(&conn->half[1].wheel, dead);
}

/* Waits: not under a lock that others want. After the first grace period nobody gets at
 * a connection to give it another area, after the second the timers of those that were
 * replaced have run.
 */
static void cham_conn_free_list(struct llist_head *dead)
{
	struct llist_node *list = llist_del_all(dead);
	struct cham_conn *conn, *next;

	if (!list)
		return;
	synchronize_rcu();
	synchronize_rcu();
	llist_for_each_entry_safe(conn, next, list, half[1].wheel) {
		cham_conn_free(conn);
	}
}

/* One slot a second. A conn that was used since is put where it is due next. */
static void cham_wheel_turn(struct work_struct *work)
{
	struct cham_conn *conn, *next;
	struct llist_node *list;
	LLIST_HEAD(dead);
	u32 idle, limit;

	mutex_lock(&cham_wheel_mutex);
	WRITE_ONCE(cham_wheel_now, (cham_wheel_now + 1) % CHAM_WHEEL_SLOTS);
	list = llist_del_all(&cham_wheel[cham_wheel_now]);
	llist_for_each_entry_safe(conn, next, list, half[1].wheel) {
		idle = (u32)jiffies - READ_ONCE(conn->seen);
		limit = cham_conn_idle(conn);
		if ((s32)idle < 0)
			idle = 0;
		if (idle < limit && !(READ_ONCE(conn->flags) & CHAM_CONN_F_DEAD))
			cham_wheel_add(conn, limit - idle);
		else
			cham_conn_retire(conn, &dead);
		cond_resched();
	}
	mutex_unlock(&cham_wheel_mutex);
	cham_conn_free_list(&dead);
	queue_delayed_work(system_long_wq, &cham_wheel_work, HZ);
}

/**
 * cham_conn_flush() - forget connections
 * @tenant: id, or 0 for all
 *
 * Context: process, may sleep.
 */
void cham_conn_flush(u32 tenant)
{
	struct cham_conn *conn, *next;
	struct llist_node *list;
	LLIST_HEAD(dead);
	unsigned int i;

	mutex_lock(&cham_wheel_mutex);
	for (i = 0; i < CHAM_WHEEL_SLOTS; i++) {
		list = llist_del_all(&cham_wheel[i]);
		llist_for_each_entry_safe(conn, next, list, half[1].wheel) {
			if (!tenant || conn->key.tenant == tenant)
				cham_conn_retire(conn, &dead);
			else
				llist_add(&conn->half[1].wheel, &cham_wheel[i]);
			cond_resched();
		}
	}
	mutex_unlock(&cham_wheel_mutex);
	cham_conn_free_list(&dead);
}

/**
 * cham_conn_del() - forget one connection
 * @key: canonical
 *
 * No packet finds it any more when this returns; one that has may be at work still.
 * Its memory, and its place in the tenant's quota, go when the wheel comes by, within
 * a minute: who makes and deletes connections in a loop has no more than its quota.
 *
 * Context: process, may sleep. Return: 0, or -ENOENT.
 */
int cham_conn_del(const struct cham_key *key)
{
	struct cham_conn *conn;

	mutex_lock(&cham_wheel_mutex);
	rcu_read_lock();
	conn = cham_conn_lookup_rcu(key, cham_conn_hash(key));
	rcu_read_unlock();
	/* Only who has the mutex unlinks one, and only after that it is freed. */
	if (conn)
		cham_conn_unlink(conn);
	mutex_unlock(&cham_wheel_mutex);
	return conn ? 0 : -ENOENT;
}

int cham_conn_walk(unsigned long *bucket,
		   int (*fn)(const struct cham_conn *conn, void *arg), void *arg)
{
	unsigned int i;
	int err;

	for (; *bucket <= cham_bucket_mask; (*bucket)++) {
		rcu_read_lock();
		for (i = 0; i < CHAM_BUCKET_SLOTS; i++) {
			u64 slot = READ_ONCE(cham_buckets[*bucket].slot[i]);

			if (!slot)
				break;
			err = fn(cham_slot_conn(slot), arg);
			if (err) {
				rcu_read_unlock();
				return err;
			}
		}
		rcu_read_unlock();
		if (!(*bucket & 1023))
			cond_resched();
	}
	return 0;
}

int cham_conn_init(void)
{
	unsigned int i;
	u64 n;

	if (!conn_max || conn_max > 1 << 26) {
		pr_err("conn_max=%u is out of range, 1..67108864\n", conn_max);
		return -ERANGE;
	}
	/* Two connections to a bucket of eight: overflow is one in 4,000. */
	n = roundup_pow_of_two(max(conn_max / 2, 64u));
	cham_buckets = vzalloc(n * sizeof(*cham_buckets));
	if (!cham_buckets)
		return -ENOMEM;
	cham_conn_cache = KMEM_CACHE(cham_conn, SLAB_HWCACHE_ALIGN);
	if (!cham_conn_cache) {
		vfree(cham_buckets);
		return -ENOMEM;
	}
	cham_bucket_mask = n - 1;
	for (i = 0; i < CHAM_BUCKET_LOCKS; i++)
		spin_lock_init(&cham_bucket_locks[i]);
	for (i = 0; i < CHAM_WHEEL_SLOTS; i++)
		init_llist_head(&cham_wheel[i]);
	get_random_bytes(cham_hash_seed, sizeof(cham_hash_seed));
	INIT_DELAYED_WORK(&cham_wheel_work, cham_wheel_turn);
	queue_delayed_work(system_long_wq, &cham_wheel_work, HZ);
	return 0;
}

void cham_conn_exit(void)
{
	cancel_delayed_work_sync(&cham_wheel_work);
	cham_conn_flush(0);
	rcu_barrier();
	kmem_cache_destroy(cham_conn_cache);
	vfree(cham_buckets);
}
