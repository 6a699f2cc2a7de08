// SPDX-License-Identifier: GPL-2.0
#include <net/if.h>
#include <string.h>

#include "cli.h"

static const char *lost(const struct cham_link *l)
{
	if (l->ifindex)
		return "";
	return if_nametoindex(l->ifname) ?
	       " (detached by somebody; chamctl datapath attach)" :
	       " (device is gone)";
}

static int each(const struct cham_link *l, void *arg)
{
	struct ctl *c = arg;

	if (c->json) {
		json_open(&c->j, NULL, '{');
		json_u64(&c->j, "ifindex", l->ifindex);
		json_str(&c->j, "ifname", l->ifname);
		json_str(&c->j, "mode", l->generic ? "generic" : "native");
		json_str(&c->j, "prog", l->prog);
		json_u64(&c->j, "prog-id", l->prog_id);
		json_u64(&c->j, "link-id", l->link_id);
		json_close(&c->j, '}');
		return 0;
	}
	fprintf(c->j.f, "%u: %s: %s prog %s id %u link %u%s\n", l->ifindex,
		l->ifname, l->generic ? "generic" : "native", l->prog,
		l->prog_id, l->link_id, lost(l));
	return 0;
}

static int show(struct ctl *c, int argc, char **argv)
{
	int ret = no_args(c, argc, argv);

	if (!ret)
		ret = ctl_open(c);
	if (ret)
		return ret;
	if (c->json)
		json_open(&c->j, NULL, '[');
	if (cham_datapath__for_each(c->h, each, c))
		return ctl_kernel(c);
	if (c->json)
		json_close(&c->j, ']');
	else if (!cham_datapath__attached())
		fprintf(c->j.f, "not attached\n");
	return 0;
}

static int attach(struct ctl *c, int argc, char **argv)
{
	const char *object = CHAM_OBJDIR;
	uint64_t set = 0;
	int ret;
	const struct kw kws[] = {
		{ "generic", KW_FLAG, NULL, NULL, 1 },
		{ "object", KW_STR, &object, NULL, 2 },
		{ 0 },
	};

	ret = kw_parse(c, argc, argv, kws, &set);
	if (!ret)
		ret = ctl_open(c);
	if (ret)
		return ret;
	ret = cham_datapath__attach(c->h, object,
				    set & 1 ? CHAM_DATAPATH_GENERIC : 0);
	return ret < 0 ? ctl_kernel(c) : 0;
}

static int detach(struct ctl *c, int argc, char **argv)
{
	int ret = no_args(c, argc, argv);

	if (!ret)
		ret = ctl_open(c);
	if (ret)
		return ret;
	return cham_datapath__detach(c->h) < 0 ? ctl_kernel(c) : 0;
}

/* After a port or an uplink changed. The change itself has happened. */
int datapath_follow(struct ctl *c)
{
	if (!cham_datapath__attached())
		return 0;
	return cham_datapath__sync(c->h) < 0 ? ctl_kernel(c) : 0;
}

const struct cmd datapath_cmds[] = {
	{ "show", "", show },
	{ "attach", "[generic] [object FILE]", attach },
	{ "detach", "", detach },
	{ 0 },
};
