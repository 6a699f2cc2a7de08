/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: where a packet leaves the fast path, or is lost. The reasons are
 * those that are counted there; Documentation/reasons.md has them all.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM chamelio

#if !defined(CHAM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CHAM_TRACE_H

#include <linux/tracepoint.h>
#include "chamelio.h"
#include "kfunc.h"
#include "port_priv.h"

/* Names for who reads the format: numbers there, not enumerators. */
#define cham_trace_enum(id, ...) TRACE_DEFINE_ENUM(CHAM_REASON_##id);
CHAM_REASON_LIST(cham_trace_enum)
#undef cham_trace_enum
#define cham_trace_enum(id, ...) TRACE_DEFINE_ENUM(CHAM_RING_##id);
CHAM_RING_STAT_LIST(cham_trace_enum)
#undef cham_trace_enum

#define cham_trace_reason(id, name, ...) { CHAM_REASON_##id, name },
#define cham_trace_stat(id, name) { CHAM_RING_##id, name },

/* The last pair closes the list, whose entries end in commas. */
#define cham_show_reason(why) \
	__print_symbolic(why, CHAM_REASON_LIST(cham_trace_reason) { -1, "?" })
#define cham_show_stat(why) \
	__print_symbolic(why, CHAM_RING_STAT_LIST(cham_trace_stat) { -1, "?" })

/*
 * Given to Linux: counted in the tenant's books, or, tenant 0, in those of the
 * infrastructure. @ifindex is where it came in, @len what came in.
 */
TRACE_EVENT(cham_slow,
	TP_PROTO(const struct cham_cpu *cpu, enum cham_reason why),
	TP_ARGS(cpu, why),
	TP_STRUCT__entry(
		__field(u32, tenant)
		__field(u32, ifindex)
		__field(u32, reason)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->tenant = cpu->tenant ? cpu->tenant->id : 0;
		__entry->ifindex = cpu->xdp->rxq->dev->ifindex;
		__entry->reason = why;
		__entry->len = xdp_get_buff_len(cpu->xdp) +
			       (cpu->from ? cpu->from->lent.bytes : 0);
	),
	TP_printk("tenant=%u ifindex=%u reason=%s len=%u", __entry->tenant,
		  __entry->ifindex, cham_show_reason(__entry->reason), __entry->len)
);

/*
 * Lost on the fast path: counted in the tenant's books. @ifindex is where it came
 * in, or the uplink that refused it; @len is the tenant's frame, there the whole.
 */
TRACE_EVENT(cham_drop,
	TP_PROTO(const struct cham_tenant *t, u32 ifindex, enum cham_reason why, u32 len),
	TP_ARGS(t, ifindex, why, len),
	TP_STRUCT__entry(
		__field(u32, tenant)
		__field(u32, ifindex)
		__field(u32, reason)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->tenant = t ? t->id : 0;
		__entry->ifindex = ifindex;
		__entry->reason = why;
		__entry->len = len;
	),
	TP_printk("tenant=%u ifindex=%u reason=%s len=%u", __entry->tenant,
		  __entry->ifindex, cham_show_reason(__entry->reason), __entry->len)
);

/*
 * Lost at a port, whoever sent it there: counted at its representor. @to_guest is
 * the direction; @len is 0 when the frame was not read.
 */
TRACE_EVENT(cham_port_drop,
	TP_PROTO(const struct cham_ring *r, enum cham_ring_stat why, u32 len),
	TP_ARGS(r, why, len),
	TP_STRUCT__entry(
		__field(u32, tenant)
		__field(u32, ifindex)
		__field(u32, reason)
		__field(u32, len)
		__field(u16, queue)
		__field(bool, to_guest)
	),
	TP_fast_assign(
		const struct cham_tenant *t = cham_port_tenant_rcu(r->port);

		__entry->tenant = t ? t->id : 0;
		__entry->ifindex = r->port->dev->ifindex;
		__entry->reason = why;
		__entry->len = len;
		__entry->queue = r->index / 2;
		__entry->to_guest = !(r->index & 1);
	),
	TP_printk("tenant=%u ifindex=%u %s queue=%u reason=%s len=%u", __entry->tenant,
		  __entry->ifindex, __entry->to_guest ? "to-guest" : "from-guest",
		  __entry->queue, cham_show_stat(__entry->reason), __entry->len)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
