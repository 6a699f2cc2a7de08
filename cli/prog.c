// SPDX-License-Identifier: GPL-2.0
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

static void hex_json(struct ctl *c, const char *name, const uint8_t *data, size_t n)
{
	char text[2 * CHAM_AREA_SIZE + 1];
	size_t i;

	for (i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	json_str(&c->j, name, text);
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
	if (!CHAM_HAS(p, CHAM_PROG_FAULT))
		return;
	J_STR(c, PROG, FAULT, p, show_number(cham_fault__name(p->fault), "fault", p->fault));
	J_STR(c, PROG, FAULT_HOOK, p,
	      show_number(cham_hook__name(p->fault_hook), "hook", p->fault_hook));
	J_U64(c, PROG, FAULT_VALUE, p, fault_value);
	hex_json(c, "fault-packet", p->fault_packet, sizeof(p->fault_packet));
	hex_json(c, "fault-area", p->fault_area, sizeof(p->fault_area));
}

static void hex_lines(struct ctl *c, const char *what, const uint8_t *data, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (i % 16 == 0)
			fprintf(c->j.f, "\n    %s %04zx ", what, i);
		fprintf(c->j.f, " %02x", data[i]);
	}
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
	hex_lines(c, "packet", p->fault_packet, sizeof(p->fault_packet));
	hex_lines(c, "area  ", p->fault_area, sizeof(p->fault_area));
}

struct which {
	struct ctl *c;
	uint32_t tenant;	/* 0: all */
};

static int each(const struct cham_prog *p, void *arg)
{
	const struct which *w = arg;
	struct ctl *c = w->c;
	unsigned int i;

	if (w->tenant && p->tenant_id != w->tenant)
		return 0;
	if (c->json) {
		json_open(&c->j, NULL, '{');
		prog_json(c, p);
		json_close(&c->j, '}');
		return 0;
	}
	fprintf(c->j.f, "%u:", p->tenant_id);
	prog_line(c, p);
	fprintf(c->j.f, " cell %u layout 0x%08x", p->cell, p->layout);
	for (i = 0; i < CHAM_DROP_REASONS; i++)
		if (p->dropped[i])
			fprintf(c->j.f, "\n    dropped %u: %llu", i,
				(unsigned long long)p->dropped[i]);
	if (CHAM_HAS(p, CHAM_PROG_FAULT))
		tell_fault(c, p);
	fputc('\n', c->j.f);
	return 0;
}

static int show(struct ctl *c, int argc, char **argv)
{
	struct which w = { .c = c };
	const char *tenant = NULL;
	uint64_t set = 0;
	int ret;
	const struct kw kws[] = {
		{ "tenant", KW_STR, &tenant, NULL, 1 },
		{ 0 },
	};

	ret = kw_parse(c, argc, argv, kws, &set);
	if (!ret)
		ret = ctl_open(c);
	if (!ret && tenant)
		ret = need_tenant(c, tenant, &w.tenant);
	if (ret)
		return ret;
	if (c->json)
		json_open(&c->j, NULL, '[');
	ret = ctl_walked(c, cham_prog__for_each(c->h, each, &w));
	if (c->json)
		json_close(&c->j, ']');
	return ret;
}

static int change(struct ctl *c, int argc, char **argv, const char *file)
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
	ret = file ? cham_prog__load(c->h, object, id, file) :
		     cham_prog__unload(c->h, object, id);
	return ret ? ctl_kernel(c) : 0;
}

static int load(struct ctl *c, int argc, char **argv)
{
	const char *file;
	int ret = need_name(c, &argc, &argv, "an object file", &file);

	return ret ? ret : change(c, argc, argv, file);
}

static int unload(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, NULL);
}

const struct cmd prog_cmds[] = {
	{ "show", "[tenant NAME]", show },
	{ "load", "FILE tenant NAME [object FILE]", load },
	{ "unload", "tenant NAME [object FILE]", unload },
	{ 0 },
};
