// SPDX-License-Identifier: GPL-2.0
/*
 * Counts instructions by whom they are for. On a machine whose clock counts
 * instructions, time between two boundaries is instructions: boundaries are the
 * switches of tasks, begin and end of softirqs, and the end of each NAPI poll,
 * which belongs to the namespace of its device. Our own cost is left out but
 * for the way into and out of the program.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bench.h"

char LICENSE[] SEC("license") = "GPL";

struct bench_shared shared;

#define books	shared.books
#define spaces	shared.spaces

#define KERNEL __attribute__((preserve_access_index))

struct ns_common {
	unsigned int inum;
} KERNEL;

struct net {
	struct ns_common ns;
} KERNEL;

typedef struct {
	struct net *net;
} KERNEL possible_net_t;

struct net_device {
	possible_net_t nd_net;
} KERNEL;

struct napi_struct {
	struct net_device *dev;
} KERNEL;

struct nsproxy {
	struct net *net_ns;
} KERNEL;

struct task_struct {
	int pid;
	unsigned int flags;
	struct nsproxy *nsproxy;
} KERNEL;

#define PF_KTHREAD	0x00200000

static __always_inline __u32 who_of(const struct net *net)
{
	__u32 inum = net ? net->ns.inum : 0;
	int i;

	if (!inum)
		return BENCH_NOBODY;
	for (i = 0; i < BENCH_SPACES && spaces[i].inum; i++)
		if (spaces[i].inum == inum)
			return spaces[i].who;
	return BENCH_HOST;
}

static __always_inline __u32 who_runs(const struct task_struct *task)
{
	const struct nsproxy *proxy;

	if (!task->pid)
		return BENCH_IDLE;
	if (task->flags & PF_KTHREAD)
		return BENCH_NOBODY;
	proxy = task->nsproxy;
	return proxy ? who_of(proxy->net_ns) : BENCH_NOBODY;
}

/* What ran until now was @who's, if it was no task. The masks are for the
 * verifier.
 */
static __always_inline void book(__u64 now, __u32 who)
{
	__u64 task = books.task;

	if (task == BENCH_SOFTIRQ)
		books.spent[who & BENCH_WHO_MASK] += now - books.stamp;
	else
		books.ran[task & BENCH_WHO_MASK] += now - books.stamp;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev,
	     struct task_struct *next)
{
	book(bpf_ktime_get_ns(), BENCH_NOBODY);
	books.task = who_runs(next);
	books.stamp = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(on_softirq, unsigned int vec)
{
	book(bpf_ktime_get_ns(), BENCH_NOBODY);
	books.task = BENCH_SOFTIRQ;
	books.stamp = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/napi_poll")
int BPF_PROG(on_poll, struct napi_struct *napi, int work, int budget)
{
	__u64 now = bpf_ktime_get_ns();
	struct net_device *dev = napi->dev;
	__u32 who = dev ? who_of(dev->nd_net.net) : BENCH_NOBODY;

	book(now, who);
	books.polled[who & BENCH_WHO_MASK] += work;
	books.polls[who & BENCH_WHO_MASK]++;
	books.stamp = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(off_softirq, unsigned int vec)
{
	struct task_struct *task = bpf_get_current_task_btf();

	book(bpf_ktime_get_ns(), BENCH_NOBODY);
	books.task = who_runs(task);
	books.stamp = bpf_ktime_get_ns();
	return 0;
}
