// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

#define CLASSES	16
#define REASONS	128

/* A copy of the books, so that two of them can be subtracted. */
struct book {
	struct cham_stat s;
	uint64_t classes[CLASSES];
	uint64_t class_packets[CLASSES];
	uint64_t reasons[REASONS];
};

struct books {
	struct book *b;
	size_t n;
	bool failed;
};

struct opts {
	const char *tenant;
	uint32_t id;
	uint32_t watch;
	uint32_t count;
	bool details;
};

static unsigned int copy(uint64_t *to, const uint64_t *from, unsigned int n,
			 unsigned int max)
{
	if (n > max)
		n = max;
	if (n)
		memcpy(to, from, n * sizeof(*to));
	return n;
}

static int keep(const struct cham_stat *s, void *arg)
{
	struct books *bs = arg;
	struct book *b;

	b = realloc(bs->b, (bs->n + 1) * sizeof(*b));
	if (!b) {
		bs->failed = true;
		return 1;
	}
	bs->b = b;
	b += bs->n++;
	memset(b, 0, sizeof(*b));
	b->s = *s;
	b->s.n_classes = copy(b->classes, s->classes, s->n_classes, CLASSES);
	b->s.n_class_packets = copy(b->class_packets, s->class_packets,
				    s->n_class_packets, CLASSES);
	b->s.n_reasons = copy(b->reasons, s->reasons, s->n_reasons, REASONS);
	return 0;
}

static int take(struct ctl *c, struct books *bs)
{
	int err;

	memset(bs, 0, sizeof(*bs));
	err = cham_stat__for_each(c->h, keep, bs);
	if (bs->failed)
		return ctl_fail(c, EXIT_KERNEL, "out of memory");
	return ctl_walked(c, err);
}

static const struct book *find(const struct books *bs, uint32_t id)
{
	size_t i;

	for (i = 0; bs && i < bs->n; i++)
		if (bs->b[i].s.tenant_id == id)
			return &bs->b[i];
	return NULL;
}

static void array_json(struct ctl *c, const char *key, const uint64_t *v,
		       unsigned int n, bool reasons)
{
	unsigned int i;

	json_open(&c->j, key, '{');
	for (i = 0; i < n; i++)
		json_u64(&c->j, reasons ?
			 show_number(cham_reason__name(i), "reason", i) :
			 show_number(cham_class__name(i), "class", i), v[i]);
	json_close(&c->j, '}');
}

static void json_one(struct ctl *c, const struct book *b)
{
	const struct cham_stat *s = &b->s;

	json_open(&c->j, NULL, '{');
	J_U64(c, STAT, TENANT_ID, s, tenant_id);
	J_U64(c, STAT, FAST_PACKETS, s, fast_packets);
	J_U64(c, STAT, FAST_BYTES, s, fast_bytes);
	J_U64(c, STAT, SLOW_PACKETS, s, slow_packets);
	J_U64(c, STAT, DROPS, s, drops);
	J_U64(c, STAT, TCP_FAST, s, tcp_fast);
	J_U64(c, STAT, TCP_SLOW, s, tcp_slow);
	if (CHAM_HAS(s, CHAM_STAT_CLASSES))
		array_json(c, "classes", b->classes, s->n_classes, false);
	if (CHAM_HAS(s, CHAM_STAT_CLASS_PACKETS))
		array_json(c, "class-packets", b->class_packets,
			   s->n_class_packets, false);
	if (CHAM_HAS(s, CHAM_STAT_REASONS))
		array_json(c, "reasons", b->reasons, s->n_reasons, true);
	J_U64(c, STAT, TSC_KHZ, s, tsc_khz);
	J_U64(c, STAT, UNOBSERVED, s, unobserved);
	json_close(&c->j, '}');
}

static double share(uint64_t part, uint64_t rest)
{
	return part + rest ? 100.0 * part / (part + rest) : 0;
}

/* A counter that went back means the tenant was made anew meanwhile. */
static uint64_t since(uint64_t now, uint64_t then)
{
	return now >= then ? now - then : now;
}

static void text_one(struct ctl *c, const struct book *b,
		     const struct book *old, double secs, bool details)
{
	static const struct book zero;
	const struct cham_stat *s = &b->s, *o;
	uint64_t fast, slow, drops, bytes, n, cyc;
	static const char *const kind[] = { "fast", "slow", "drop", "note" };
	FILE *f = c->j.f;
	unsigned int i;

	if (!old)
		old = &zero;
	o = &old->s;
	fast = since(s->fast_packets, o->fast_packets);
	slow = since(s->slow_packets, o->slow_packets);
	drops = since(s->drops, o->drops);
	bytes = since(s->fast_bytes, o->fast_bytes);
	fprintf(f, "%s:\n", s->tenant_id ? tenant_name(s->tenant_id) :
		"infrastructure");
	if (secs > 0)
		fprintf(f,
			"    fast %.0f pkt/s %.3f Mbit/s slow %.0f pkt/s drops %.0f pkt/s fast-share %.2f%%\n",
			fast / secs, bytes * 8 / secs / 1e6, slow / secs,
			drops / secs, share(fast, slow));
	else
		fprintf(f,
			"    fast packets %llu bytes %llu slow packets %llu drops %llu fast-share %.2f%%\n",
			(unsigned long long)fast, (unsigned long long)bytes,
			(unsigned long long)slow, (unsigned long long)drops,
			share(fast, slow));
	fast = since(s->tcp_fast, o->tcp_fast);
	slow = since(s->tcp_slow, o->tcp_slow);
	if (fast || slow || details)
		fprintf(f, "    established tcp: fast %llu slow %llu fast-share %.2f%%\n",
			(unsigned long long)fast, (unsigned long long)slow,
			share(fast, slow));
	for (i = 0; i < s->n_classes; i++) {
		cyc = since(b->classes[i], old->classes[i]);
		n = since(b->class_packets[i], old->class_packets[i]);
		if (!cyc && !n && !details)
			continue;
		fprintf(f, "    class %-10s cycles %llu packets %llu",
			show_number(cham_class__name(i), "class", i),
			(unsigned long long)cyc, (unsigned long long)n);
		if (n)
			fprintf(f, " cycles/packet %.1f", (double)cyc / n);
		if (secs > 0 && s->tsc_khz)
			fprintf(f, " cpu %.2f%%",
				100.0 * cyc / secs / s->tsc_khz / 1000);
		fputc('\n', f);
	}
	n = since(s->unobserved, o->unobserved);
	if (n)
		fprintf(f, "    %-16s packets %llu  %s\n", "unobserved",
			(unsigned long long)n,
			"in no class: uplink's driver, and Linux behind it");
	for (i = 0; i < s->n_reasons; i++) {
		n = since(b->reasons[i], old->reasons[i]);
		if ((!n || i == CHAM_REASON_NONE) && !details)
			continue;
		fprintf(f, "    %s %-12s %llu  %s\n",
			kind[cham_reason__kind(i)],
			show_number(cham_reason__name(i), "reason", i),
			(unsigned long long)n,
			cham_reason__text(i) ? cham_reason__text(i) : "");
	}
}

static void print(struct ctl *c, const struct books *now,
		  const struct books *then, double secs, const struct opts *o)
{
	size_t i;

	if (c->json) {
		c->j.comma = false;
		json_open(&c->j, NULL, '[');
	}
	for (i = 0; i < now->n; i++) {
		if (o->tenant && now->b[i].s.tenant_id != o->id)
			continue;
		if (c->json)
			json_one(c, &now->b[i]);
		else
			text_one(c, &now->b[i],
				 find(then, now->b[i].s.tenant_id), secs,
				 o->details);
	}
	if (c->json) {
		json_close(&c->j, ']');
		fputc('\n', c->j.f);
	}
}

static double clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int parse(struct ctl *c, int argc, char **argv, struct opts *o)
{
	uint64_t set = 0;
	int ret;
	const struct kw kws[] = {
		{ "tenant", KW_STR, &o->tenant, NULL, 1 },
		{ "watch", KW_U32, &o->watch, NULL, 2 },
		{ "-w", KW_U32, &o->watch, NULL, 2 },
		{ "count", KW_U32, &o->count, NULL, 4 },
		{ "details", KW_FLAG, NULL, NULL, 8 },
		{ "-d", KW_FLAG, NULL, NULL, 8 },
		{ 0 },
	};

	memset(o, 0, sizeof(*o));
	ret = kw_parse(c, argc, argv, kws, &set);
	if (ret)
		return ret;
	o->details = set & 8;
	if ((set & 2) && !o->watch)
		return ctl_fail(c, EXIT_SYNTAX, "watch takes 1 second or more");
	if ((set & 4) && (!o->count || !o->watch))
		return ctl_fail(c, EXIT_SYNTAX,
				"count takes 1 or more and needs watch");
	return 0;
}

static int show(struct ctl *c, int argc, char **argv)
{
	struct books then = { 0 }, now;
	double t0 = 0, t1;
	struct opts o;
	uint32_t i;
	int ret;

	ret = parse(c, argc, argv, &o);
	if (!ret)
		ret = ctl_open(c);
	if (!ret && o.tenant)
		ret = need_tenant(c, o.tenant, &o.id);
	if (ret)
		return ret;
	for (i = 0;; i++) {
		if (!c->json)
			tenant_names_load(c);
		ret = take(c, &now);
		if (ret)
			break;
		t1 = clock_now();
		/* With watch, the first round only opens the books. */
		if (!o.watch || i || c->json) {
			print(c, &now, i ? &then : NULL, i ? t1 - t0 : 0, &o);
			fflush(c->j.f);
		}
		/* main.c says so */
		if (ferror(c->j.f))
			break;
		free(then.b);
		then = now;
		now.b = NULL;
		t0 = t1;
		if (!o.watch || (o.count && i >= o.count))
			break;
		nanosleep(&(struct timespec){ .tv_sec = o.watch }, NULL);
	}
	free(now.b);
	free(then.b);
	return ret;
}

const struct cmd stat_cmds[] = {
	{ "show", "[tenant NAME] [watch N] [count N] [details]", show },
	{ 0 },
};
