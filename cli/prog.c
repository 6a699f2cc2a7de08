// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void hooks_json(struct ctl *c, uint32_t hooks)
{
	unsigned int i;

	json_open(&c->j, "hooks", '[');
	for (i = 0; i < 32; i++)
		if (hooks & 1U << i)
			json_str(&c->j, NULL, show_number(cham_hook__name(i), "hook", i));
	json_close(&c->j, ']');
}

/* Those beside each other, as /run/chamelio/joint.N counts them. */
static unsigned int composition(const struct cham_prog *p)
{
	return (p->cell - 1) / CHAM_CELLS;
}

static void tier_json(struct ctl *c, const struct cham_prog *p)
{
	char why[200];

	json_u64(&c->j, "composition", composition(p));
	json_str(&c->j, "tier",
		 cham_prog__joint(p->tenant_id, why, sizeof(why)) ? "joint" : "linked");
	if (why[0])
		json_str(&c->j, "not-joint", why);
}

void prog_json(struct ctl *c, const struct cham_prog *p)
{
	unsigned int i;

	J_U64(c, PROG, TENANT_ID, p, tenant_id);
	J_STR(c, PROG, TENANT_NAME, p, p->tenant_name);
	J_STR(c, PROG, NAME, p, p->name);
	J_U64(c, PROG, ABI, p, abi);
	J_U64(c, PROG, CELL, p, cell);
	hooks_json(c, p->hooks);
	J_U64(c, PROG, LAYOUT, p, layout);
	J_U64(c, PROG, FLAGS, p, flags);
	J_U64(c, PROG, VERSION, p, version);
	json_open(&c->j, "dropped", '[');
	for (i = 0; i < CHAM_DROP_REASONS; i++)
		json_u64(&c->j, NULL, p->dropped[i]);
	json_close(&c->j, ']');
	J_U64(c, PROG, EVENTS, p, events);
	J_U64(c, PROG, EVENTS_LOST, p, events_lost);
	J_U64(c, PROG, OVERRUNS, p, overruns);
	if (!CHAM_HAS(p, CHAM_PROG_FAULT))
		return;
	J_STR(c, PROG, FAULT, p, show_number(cham_fault__name(p->fault), "fault", p->fault));
	J_STR(c, PROG, FAULT_HOOK, p,
	      show_number(cham_hook__name(p->fault_hook), "hook", p->fault_hook));
	J_U64(c, PROG, FAULT_VALUE, p, fault_value);
	json_hex(&c->j, "fault-packet", p->fault_packet, sizeof(p->fault_packet));
	json_hex(&c->j, "fault-area", p->fault_area, sizeof(p->fault_area));
}

void prog_line(struct ctl *c, const struct cham_prog *p)
{
	unsigned int i;

	fprintf(c->j.f, " tenant %s prog %s version %u hooks", p->tenant_name, p->name,
		p->version);
	for (i = 0; i < 32; i++)
		if (p->hooks & 1U << i)
			fprintf(c->j.f, " %s", show_number(cham_hook__name(i), "hook", i));
	if (p->flags & CHAM_PROG_SERIAL)
		fputs(" serial", c->j.f);
	if (CHAM_HAS(p, CHAM_PROG_FAULT))
		fprintf(c->j.f, " stopped %s",
			show_number(cham_fault__name(p->fault), "fault", p->fault));
}

static void tell_fault(struct ctl *c, const struct cham_prog *p)
{
	const char *text = cham_fault__text(p->fault);

	fprintf(c->j.f, "\n    %s %s: %u (0x%x)",
		show_number(cham_hook__name(p->fault_hook), "hook", p->fault_hook),
		text ? text : "failed", p->fault_value, p->fault_value);
	show_hex(c, "packet", p->fault_packet, sizeof(p->fault_packet));
	show_hex(c, "area  ", p->fault_area, sizeof(p->fault_area));
}

struct which {
	struct ctl *c;
	uint32_t tenant;	/* 0: all */
};

static int each(const struct cham_prog *p, void *arg)
{
	const struct which *w = arg;
	struct ctl *c = w->c;
	char why[200];
	unsigned int i;

	if (w->tenant && p->tenant_id != w->tenant)
		return 0;
	if (c->json) {
		json_open(&c->j, NULL, '{');
		prog_json(c, p);
		tier_json(c, p);
		json_close(&c->j, '}');
		return 0;
	}
	fprintf(c->j.f, "%u:", p->tenant_id);
	prog_line(c, p);
	fprintf(c->j.f, " composition %u cell %u layout 0x%08x tier %s", composition(p), p->cell,
		p->layout, cham_prog__joint(p->tenant_id, why, sizeof(why)) ? "joint" : "linked");
	if (why[0])
		fprintf(c->j.f, "\n    not joint: %s", why);
	for (i = 0; i < CHAM_DROP_REASONS; i++)
		if (p->dropped[i])
			fprintf(c->j.f, "\n    dropped %u: %llu", i,
				(unsigned long long)p->dropped[i]);
	if (p->events || p->events_lost)
		fprintf(c->j.f, "\n    events %llu lost %llu", (unsigned long long)p->events,
			(unsigned long long)p->events_lost);
	if (p->overruns)
		fprintf(c->j.f, "\n    overruns %llu", (unsigned long long)p->overruns);
	if (CHAM_HAS(p, CHAM_PROG_FAULT))
		tell_fault(c, p);
	fputc('\n', c->j.f);
	return 0;
}

static int show(struct ctl *c, int argc, char **argv)
{
	struct which w = { .c = c };
	int ret = opt_tenant(c, argc, argv, &w.tenant);

	if (ret)
		return ret;
	if (c->json)
		json_open(&c->j, NULL, '[');
	ret = ctl_walked(c, cham_prog__for_each(c->h, each, &w));
	if (c->json)
		json_close(&c->j, ']');
	return ret;
}

/* Load @file, or without one do the @other. */
static int change(struct ctl *c, int argc, char **argv, const char *file,
		  int (*other)(struct cham *h, const char *objdir, uint32_t tenant_id))
{
	const char *tenant = NULL, *object = CHAM_OBJDIR;
	uint64_t set = 0;
	uint32_t id;
	int ret;
	const struct kw kws[] = {
		{ "tenant", KW_STR, &tenant, NULL, 1 },
		{ "object", KW_STR, &object, NULL, 2 },
		{ 0 },
	};

	ret = kw_parse(c, argc, argv, kws, &set);
	if (!ret && !tenant)
		ret = ctl_fail(c, EXIT_SYNTAX, "whose program? say \"tenant NAME\"");
	if (!ret)
		ret = ctl_open(c);
	if (!ret)
		ret = need_tenant(c, tenant, &id);
	if (ret)
		return ret;
	ret = file ? cham_prog__load(c->h, object, id, file) : other(c->h, object, id);
	return ret ? ctl_kernel(c) : 0;
}

static const struct {
	const char *name, *text;
} forms[] = {
#define X(id, name, text) { name, text },
	CHAM_PROG_FORM_LIST(X)
#undef X
};

static void report_json(struct ctl *c, const struct cham_prog_report *r, const char *why)
{
	unsigned int i, k;

	json_open(&c->j, NULL, '{');
	json_bool(&c->j, "admitted", !why);
	if (why)
		json_str(&c->j, "error", why);
	json_str(&c->j, "name", r->name);
	json_u64(&c->j, "abi", r->abi);
	json_u64(&c->j, "layout", r->layout);
	json_u64(&c->j, "flags", r->flags);
	json_open(&c->j, "hooks", '[');
	for (i = 0; i < __CHAM_HOOK_MAX; i++) {
		const struct cham_hook_report *h = &r->hook[i];

		if (!(r->hooks & 1U << i))
			continue;
		json_open(&c->j, NULL, '{');
		json_str(&c->j, "hook", cham_hook__name(i));
		json_u64(&c->j, "instructions", h->insns);
		json_u64(&c->j, "cycles", h->cycles);
		if (h->stack)
			json_u64(&c->j, "stack", h->stack);
		json_open(&c->j, "path", '[');
		for (k = 0; k < h->lines; k++) {
			json_open(&c->j, NULL, '{');
			json_str(&c->j, "file", h->line[k].file);
			json_u64(&c->j, "line", h->line[k].number);
			json_str(&c->j, "text", h->line[k].text);
			json_u64(&c->j, "cycles", h->line[k].cycles);
			json_close(&c->j, '}');
		}
		json_close(&c->j, ']');
		json_close(&c->j, '}');
	}
	json_close(&c->j, ']');
	json_u64(&c->j, "maps", r->maps);
	json_u64(&c->j, "map-bytes", r->map_bytes);
	json_u64(&c->j, "functions", r->functions);
	json_str(&c->j, "form", forms[r->form].name);
	if (r->form != CHAM_PROG_FORM_OBJECT)
		json_bool(&c->j, "landlock", r->landlock);
	json_open(&c->j, "helpers", '[');
	for (i = 0; i < sizeof(r->helpers) * 8; i++)
		if (r->helpers[i / 8] & 1U << i % 8)
			json_str(&c->j, NULL, show_number(cham_helper__name(i), "helper", i));
	json_close(&c->j, ']');
	if (r->verified)
		json_u64(&c->j, "verified-instructions", r->verified);
	if (r->not_verified[0])
		json_str(&c->j, "not-verified", r->not_verified);
	if (!why) {
		json_open(&c->j, "tiers", '{');
		json_bool(&c->j, "linked", true);
		if (r->joint != CHAM_PROG_JOINT_UNKNOWN)
			json_bool(&c->j, "joint", r->joint == CHAM_PROG_JOINT_YES);
		if (r->not_joint[0])
			json_str(&c->j, "not-joint", r->not_joint);
		json_close(&c->j, '}');
	}
	json_close(&c->j, '}');
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void report_text(struct ctl *c, const struct cham_prog_report *r)
{
	FILE *f = c->j.f;
	unsigned int i, k;
	uint64_t rest;

	fprintf(f, "%s: abi %u layout %u%s\n", r->name, r->abi, r->layout,
		r->flags & CHAM_PROG_SERIAL ? " serial" : "");
	for (i = 0; i < __CHAM_HOOK_MAX; i++) {
		const struct cham_hook_report *h = &r->hook[i];

		/* One that was refused before it was weighed has none. */
		if (!h->insns)
			continue;
		fprintf(f, "  %s: at most %llu instructions, %llu cycles", cham_hook__name(i),
			(unsigned long long)h->insns, (unsigned long long)h->cycles);
		/* one that was refused before that was known has none */
		if (h->stack)
			fprintf(f, ", %u bytes of stack", h->stack);
		fputc('\n', f);
		rest = h->cycles;
		for (k = 0; k < h->lines; k++) {
			fprintf(f, "    %6llu  %s:%u  %s\n",
				(unsigned long long)h->line[k].cycles, base(h->line[k].file),
				h->line[k].number,
				h->line[k].text + strspn(h->line[k].text, " \t"));
			rest -= h->line[k].cycles;
		}
		if (rest)
			fprintf(f, "    %6llu  to be called, and lines beyond these\n",
				(unsigned long long)rest);
	}
	fprintf(f, "  maps %u, %llu bytes; functions %u; helpers", r->maps,
		(unsigned long long)r->map_bytes, r->functions);
	for (i = 0, k = 0; i < sizeof(r->helpers) * 8; i++)
		if (r->helpers[i / 8] & 1U << i % 8 && ++k)
			fprintf(f, " %s", show_number(cham_helper__name(i), "helper", i));
	fprintf(f, "%s\n", k ? "" : " none");
	if (r->form != CHAM_PROG_FORM_OBJECT)
		fprintf(f, "  compiled from %s%s\n", forms[r->form].text, r->landlock ? "" :
			"; this kernel has no Landlock: the compiler could read what every user may");
}

static void tiers_text(struct ctl *c, const struct cham_prog_report *r)
{
	static const char *const said[] = { "not known: ", "yes", "no: " };

	if (r->verified)
		fprintf(c->j.f, "  verifier: follows %u instructions, of %u\n", r->verified,
			CHAM_SHARE_VERIFIED);
	else
		fprintf(c->j.f, "  verifier: not asked: %s\n", r->not_verified);
	fprintf(c->j.f, "  tier linked: yes\n  tier joint: %s%s\n  admitted%s\n", said[r->joint],
		r->not_joint, r->verified ? "" : ", but for the verifier's word");
}

/* Needs neither module nor, but for the verifier's word, privilege. */
static int check(struct ctl *c, int argc, char **argv)
{
	struct cham_prog_report *r;
	const char *file, *object = CHAM_OBJDIR;
	uint32_t max_cycles = 0;
	uint64_t set = 0;
	int ret, err;
	const struct kw kws[] = {
		{ "max-cycles", KW_U32, &max_cycles, NULL, 1 },
		{ "object", KW_STR, &object, NULL, 2 },
		{ 0 },
	};

	ret = need_name(c, &argc, &argv, "a file of C, bitcode or an object", &file);
	if (!ret)
		ret = kw_parse(c, argc, argv, kws, &set);
	if (!ret && set & 1 && (!max_cycles || max_cycles > CHAM_CYCLES_MAX))
		ret = ctl_fail(c, EXIT_SYNTAX, "max-cycles is 1 to %u", CHAM_CYCLES_MAX);
	if (!ret)
		ret = ctl_handle(c);
	if (ret)
		return ret;
	r = calloc(1, sizeof(*r));
	if (!r)
		return ctl_fail(c, EXIT_KERNEL, "out of memory");
	err = cham_prog__check(c->h, object, file, max_cycles, r);
	if (c->json) {
		report_json(c, r, err ? cham__last_error(c->h) : NULL);
		fputc('\n', c->j.f);
		ret = err ? EXIT_KERNEL : 0;
	} else {
		if (r->abi)
			report_text(c, r);
		if (err)
			ret = ctl_fail(c, EXIT_KERNEL, "not admitted: %s",
				       cham__last_error(c->h));
		else
			tiers_text(c, r);
	}
	free(r);
	return ret;
}

static int load(struct ctl *c, int argc, char **argv)
{
	const char *file;
	int ret = need_name(c, &argc, &argv, "a file of C, bitcode or an object", &file);

	return ret ? ret : change(c, argc, argv, file, NULL);
}

static int rollback(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, NULL, cham_prog__rollback);
}

static int unload(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, NULL, cham_prog__unload);
}

/* By way of chamd; a tenant's own namespace shows it no more than that. */
static int submitted(struct ctl *c, int argc, char **argv, const char *file)
{
	const char *tenant = NULL, *socket = NULL;
	uint64_t set = 0;
	const struct kw kws[] = {
		{ "tenant", KW_STR, &tenant, NULL, 1 },
		{ "socket", KW_STR, &socket, NULL, 2 },
		{ 0 },
	};
	int ret = kw_parse(c, argc, argv, kws, &set);

	if (!ret)
		ret = ctl_handle(c);
	if (ret)
		return ret;
	return cham_prog__submit(c->h, socket, tenant, file) ?
	       ctl_fail(c, EXIT_KERNEL, "%s", cham__last_error(c->h)) : 0;
}

static int submit(struct ctl *c, int argc, char **argv)
{
	const char *file;
	int ret = need_name(c, &argc, &argv, "a file of C, bitcode or an object", &file);

	return ret ? ret : submitted(c, argc, argv, file);
}

static int withdraw(struct ctl *c, int argc, char **argv)
{
	return submitted(c, argc, argv, NULL);
}

static int compose(struct ctl *c, int argc, char **argv)
{
	const char *object = CHAM_OBJDIR;
	uint8_t joint = 0;
	uint64_t set = 0;
	int ret;
	const struct kw kws[] = {
		{ "tier", KW_WORDS, &joint, "linked|joint", 1 },
		{ "object", KW_STR, &object, NULL, 2 },
		{ 0 },
	};

	ret = kw_parse(c, argc, argv, kws, &set);
	if (!ret && !(set & 1))
		ret = ctl_fail(c, EXIT_SYNTAX, "which tier? say \"tier joint\" or \"tier linked\"");
	if (!ret)
		ret = ctl_open(c);
	if (ret)
		return ret;
	return cham_prog__compose(c->h, object, joint) ? ctl_kernel(c) : 0;
}

const struct cmd prog_cmds[] = {
	{ "show", "[tenant NAME]", show },
	{ "check", "FILE [max-cycles N] [object FILE]", check },
	{ "load", "FILE tenant NAME [object FILE]", load },
	{ "rollback", "tenant NAME [object FILE]", rollback },
	{ "compose", "tier linked|joint [object FILE]", compose },
	{ "unload", "tenant NAME [object FILE]", unload },
	{ "submit", "FILE [tenant NAME] [socket PATH]", submit },
	{ "withdraw", "[tenant NAME] [socket PATH]", withdraw },
	{ 0 },
};
