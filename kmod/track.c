// SPDX-License-Identifier: GPL-2.0
/* TCP as the host sees it pass: what ss -ti would show of both directions. */
#include <linux/in.h>
#include <linux/jiffies.h>
#include <net/tcp_states.h>

#include "conn.h"
#include "ledger.h"

#define CHAM_FIN	0x01
#define CHAM_SYN	0x02
#define CHAM_RST	0x04
#define CHAM_ACK	0x10

/* RFC 6298, in units of 1,024 cycles. */
static void cham_track_rtt(struct cham_conn *conn, u32 sample)
{
	s32 delta;

	if (!conn->srtt) {
		conn->srtt = sample << 3;
		conn->rttvar = sample << 1;
		return;
	}
	delta = (s32)sample - (s32)(conn->srtt >> 3);
	conn->srtt += delta;
	if (delta < 0)
		delta = -delta;
	conn->rttvar += delta - (s32)(conn->rttvar >> 2);
}

static void cham_track_state(struct cham_conn *conn, unsigned int dir, u8 flags)
{
	u8 fin = dir ? CHAM_CONN_F_FIN1 : CHAM_CONN_F_FIN0, is;

	if (flags & CHAM_RST) {
		WRITE_ONCE(conn->state, TCP_CLOSE);
		return;
	}
	if (flags & CHAM_SYN) {
		WRITE_ONCE(conn->state, flags & CHAM_ACK ? TCP_SYN_RECV : TCP_SYN_SENT);
		/* The opener is the one whose SYN carries no ACK. */
		cham_conn_change_flags(conn, CHAM_CONN_F_FIN0 | CHAM_CONN_F_FIN1 |
					     CHAM_CONN_F_SWAPPED,
				       dir ^ !!(flags & CHAM_ACK) ? CHAM_CONN_F_SWAPPED : 0);
		return;
	}
	is = flags & CHAM_FIN ? cham_conn_change_flags(conn, 0, fin) :
				READ_ONCE(conn->flags);
	switch (is & (CHAM_CONN_F_FIN0 | CHAM_CONN_F_FIN1)) {
	case 0:
		/* A conversation picked up in the middle is established too. */
		WRITE_ONCE(conn->state, TCP_ESTABLISHED);
		break;
	case CHAM_CONN_F_FIN0 | CHAM_CONN_F_FIN1:
		WRITE_ONCE(conn->state, TCP_TIME_WAIT);
		break;
	default:
		WRITE_ONCE(conn->state, TCP_FIN_WAIT1);
	}
}

/* The rest of cham_conn_track() for TCP. */
void cham_conn_track_tcp(struct cham_conn *conn, struct cham_half *half,
			 const struct cham_query *q, u32 segs)
{
	unsigned int dir = half - conn->half;
	struct cham_track *t = &half->track;
	u8 flags = q->tcp_flags;
	u32 end, stamp;

	if (unlikely(flags & CHAM_SYN)) {
		conn->wscale = (conn->wscale & (dir ? 0x0f : 0xf0)) |
			       (q->wscale & 15) << (dir * 4);
		t->seq = q->seq;
	}
	if (unlikely((flags & (CHAM_SYN | CHAM_FIN | CHAM_RST)) ||
		     READ_ONCE(conn->state) != TCP_ESTABLISHED))
		cham_track_state(conn, dir, flags);

	/* Once: the other direction may stop the clock between two looks. */
	stamp = smp_load_acquire(&conn->rtt_stamp);
	end = q->seq + q->payload + !!(flags & (CHAM_SYN | CHAM_FIN));
	if (end != q->seq) {
		if (t->packets > segs && (s32)(end - t->seq) <= 0) {
			t->retrans++;
			if (stamp && (stamp & 1) == dir)
				WRITE_ONCE(conn->rtt_stamp, 0);	/* Karn */
		} else {
			t->seq = end;
			if (!stamp) {
				WRITE_ONCE(conn->rtt_seq, end);
				stamp = ((cham_clock_coarse() & ~1) | dir) ?: 2;
				/* No stamp without what it is for. */
				smp_store_release(&conn->rtt_stamp, stamp);
			}
		}
	}
	if (!(flags & CHAM_ACK))
		return;
	t->ack = q->ack;
	/* RFC 7323: scaling holds only if both offered it, never on a SYN. */
	t->window = q->window;
	if (!(flags & CHAM_SYN) && conn->wscale < CHAM_WSCALE_NONE << 4 &&
	    cham_conn_wscale(conn, 0) != CHAM_WSCALE_NONE)
		t->window <<= cham_conn_wscale(conn, dir);
	if (stamp && (stamp & 1) != dir &&
	    (s32)(q->ack - READ_ONCE(conn->rtt_seq)) >= 0) {
		cham_track_rtt(conn, cham_clock_coarse() - stamp);
		WRITE_ONCE(conn->rtt_stamp, 0);
	}
}
