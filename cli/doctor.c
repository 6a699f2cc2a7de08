// SPDX-License-Identifier: GPL-2.0
/* Does this host have what Chamelio takes, and if not, what to do about it. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "doctor.h"

void doctor_say(struct doctor *d, enum verdict v, const char *check,
		const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warn", "FAIL" };
	static const char *const statuses[] = { "ok", "warn", "fail" };
	char text[768], *fix;
	struct ctl *c = d->c;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fix = strchr(text, '|');
	if (fix)
		*fix++ = '\0';
	if (v == V_FAIL)
		d->failed = true;
	if (!c->json) {
		fprintf(c->j.f, "%-4s  %-17s - %s%s%s\n", words[v], check, text,
			fix ? "; " : "", fix ? fix : "");
		return;
	}
	json_open(&c->j, NULL, '{');
	json_str(&c->j, "check", check);
	json_str(&c->j, "status", statuses[v]);
	json_str(&c->j, "detail", text);
	if (fix)
		json_str(&c->j, "fix", fix);
	json_close(&c->j, '}');
}

static bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "r");
	bool ok;

	if (!f)
		return false;
	ok = fgets(buf, size, f);
	fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

/* ---- the kernel ---------------------------------------------------------- */

static void check_kernel(struct doctor *d, const struct utsname *u)
{
	/* What the module calls and since when it is there, oldest first. */
	static const struct { unsigned int minor; const char *what; } since[] = {
		{ 3, "XDP features over netlink" },
		{ 6, "tcx" },
		{ 9, "kfunc sets of modules (BTF_KFUNCS_START)" },
		{ 12, "netdevs without a transmit lock (lltx)" },
	};
	unsigned int major = 0, minor = 0, i;
	char lacks[256] = "";
	size_t n = 0;

	if (sscanf(u->release, "%u.%u", &major, &minor) != 2)
		major = 0;
	for (i = 0; i < sizeof(since) / sizeof(since[0]); i++)
		if (major < 6 || (major == 6 && minor < since[i].minor))
			n += snprintf(lacks + n, sizeof(lacks) - n, "%s%s",
				      n ? ", " : "", since[i].what);
	if (n)
		doctor_say(d, V_FAIL, "kernel",
			   "%s lacks %s|boot 6.12 or newer (Debian 12: linux-image-amd64 of bookworm-backports)",
			   u->release, lacks);
	else if (strcmp(u->machine, "x86_64"))
		doctor_say(d, V_WARN, "kernel",
			   "%s on %s: only x86_64 is tested|take an x86_64 host",
			   u->release, u->machine);
	else
		doctor_say(d, V_OK, "kernel", "%s", u->release);
}

struct option {
	const char *name;
	const char *for_what;
	bool must;
	char value;		/* as found: 'y', 'm' or 0 */
};

static bool read_config(const char *path, struct option *o, size_t n)
{
	gzFile f = gzopen(path, "r");	/* reads what is not compressed, too */
	char line[256];
	size_t i, len;

	if (!f)
		return false;
	while (gzgets(f, line, sizeof(line))) {
		if (strncmp(line, "CONFIG_", 7))
			continue;
		for (i = 0; i < n; i++) {
			len = strlen(o[i].name);
			if (!strncmp(line + 7, o[i].name, len) &&
			    line[7 + len] == '=')
				o[i].value = line[8 + len];
		}
	}
	gzclose(f);
	return true;
}

static void check_config(struct doctor *d, const struct utsname *u)
{
	struct option o[] = {
		{ "BPF_SYSCALL", "XDP programs", true, 0 },
		{ "XDP_SOCKETS", "XDP with AF_XDP", false, 0 },
		{ "DEBUG_INFO_BTF", "kfuncs", true, 0 },
		{ "DEBUG_INFO_BTF_MODULES", "kfuncs of a module", true, 0 },
		{ "VDPA", "ports", true, 0 },
		{ "VIRTIO_VDPA", "ports of containers", false, 0 },
		{ "VHOST_VDPA", "ports of virtual machines", false, 0 },
		{ "VXLAN", "tunnels", true, 0 },
		{ "BRIDGE", "the tenants' slow path", true, 0 },
		{ "NET_SWITCHDEV", "learning from bridges", true, 0 },
	};
	size_t i, n = sizeof(o) / sizeof(o[0]), missing = 0;
	/* The last is Fedora's and SUSE's place. */
	static const char *const places[] = {
		"/boot/config-%s", "/proc/config.gz", "/lib/modules/%s/config",
	};
	char path[sizeof(u->release) + 32];

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), places[i], u->release);
		if (read_config(path, o, n))
			break;
	}
	if (i == sizeof(places) / sizeof(places[0])) {
		doctor_say(d, V_WARN, "config",
			   "neither /boot/config-%s nor /proc/config.gz nor /lib/modules/%s/config can be read: options unknown|install the kernel's package, or load its module \"configs\"",
			   u->release, u->release);
		return;
	}
	for (i = 0; i < n; i++) {
		if (o[i].value == 'y' || o[i].value == 'm')
			continue;
		missing++;
		doctor_say(d, o[i].must ? V_FAIL : V_WARN, "config",
			   "CONFIG_%s is off in %s: no %s|boot a kernel that has it",
			   o[i].name, path, o[i].for_what);
	}
	if (!missing)
		doctor_say(d, V_OK, "config", "%s has all %zu options", path, n);
}

/* ---- the module ---------------------------------------------------------- */

static bool loaded(const char *module)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return !access(path, F_OK);
}

static void check_module(struct doctor *d, const struct utsname *u)
{
	char version[64], path[256];

	if (!loaded("chamelio")) {
		snprintf(path, sizeof(path), "/lib/modules/%s/updates/chamelio.ko",
			 u->release);
		doctor_say(d, V_FAIL, "module", "chamelio is not loaded|%s",
			   !access(path, F_OK) ? "modprobe chamelio" :
			   "make install for this kernel (or dkms), then modprobe chamelio");
		return;
	}
	if (!read_line("/sys/module/chamelio/version", version, sizeof(version)))
		snprintf(version, sizeof(version), "?");
	if (strcmp(version, CHAM_VERSION))
		doctor_say(d, V_WARN, "module",
			   "chamelio %s is loaded, chamctl is %s|install both from one tree, then reload the module",
			   version, CHAM_VERSION);
	else
		doctor_say(d, V_OK, "module", "chamelio %s is loaded", version);
}

static void check_btf(struct doctor *d)
{
	static const char *const kfuncs[] = {
		"bpf_cham_begin", "bpf_cham_lookup", "bpf_cham_encap",
		"bpf_cham_deliver", "bpf_cham_slow", "bpf_cham_enter", "bpf_cham_leave",
	};
	static const char path[] = "/sys/kernel/btf/chamelio";
	size_t i, n = sizeof(kfuncs) / sizeof(kfuncs[0]), n_lack = 0, len = 0;
	struct btf *base, *btf;
	char lacks[256] = "";

	if (!loaded("chamelio")) {
		doctor_say(d, V_WARN, "btf",
			   "unknown while the module is not loaded|modprobe chamelio");
		return;
	}
	if (access(path, R_OK)) {
		doctor_say(d, V_FAIL, "btf",
			   "%s: %s; no program can call the module|build it with pahole installed, against headers that have vmlinux",
			   path, strerror(errno));
		return;
	}
	base = btf__load_vmlinux_btf();
	btf = base ? btf__parse_split(path, base) : NULL;
	if (!btf) {
		doctor_say(d, V_FAIL, "btf",
			   "%s does not fit the kernel's own|build the module against this kernel's headers",
			   path);
		btf__free(base);
		return;
	}
	for (i = 0; i < n; i++) {
		if (btf__find_by_name_kind(btf, kfuncs[i], BTF_KIND_FUNC) > 0)
			continue;
		n_lack++;
		len += snprintf(lacks + len, sizeof(lacks) - len, " %s",
				kfuncs[i]);
	}
	if (n_lack)
		doctor_say(d, V_FAIL, "btf", "%s lacks%s|install module and chamctl from one tree",
			   path, lacks);
	else
		doctor_say(d, V_OK, "btf", "%s has the %zu kfuncs", path, n);
	btf__free(btf);
	btf__free(base);
}

static void check_drivers(struct doctor *d)
{
	static const struct { const char *name, *for_what; } bus[] = {
		{ "vhost_vdpa", "virtual machines" },
		{ "virtio_vdpa", "containers" },
	};
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (loaded(bus[i].name))
			doctor_say(d, V_OK, bus[i].name, "loaded");
		else
			doctor_say(d, V_WARN, bus[i].name,
				   "not loaded: no ports for %s|modprobe %s",
				   bus[i].for_what, bus[i].name);
	}
}

/* Where a kernel counts them; QEMU's memory comes in thousands of pieces. */
static void check_iotlb(struct doctor *d)
{
	static const char path[] = "/sys/module/vhost_vdpa/parameters/max_iotlb_entries";
	const unsigned long enough = 65536;
	unsigned long max;
	char line[32];

	if (!read_line(path, line, sizeof(line)))
		return;
	max = strtoul(line, NULL, 10);
	if (max && max < enough)
		doctor_say(d, V_WARN, "iotlb",
			   "vhost_vdpa takes guest memory in at most %lu pieces; a guest with more does not start|options vhost_vdpa max_iotlb_entries=%lu in /etc/modprobe.d, then reload it; or huge pages for the guest",
			   max, enough);
	else
		doctor_say(d, V_OK, "iotlb", "%s pieces of guest memory",
			   max ? line : "any number of");
}

/* ---- the host ------------------------------------------------------------ */

static void check_permission(struct doctor *d)
{
	const uint64_t net = 1ULL << CAP_NET_ADMIN;
	const uint64_t bpf = 1ULL << CAP_BPF | 1ULL << CAP_SYS_ADMIN;
	unsigned long long caps = 0;
	char line[256];
	FILE *f;

	f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	if (!(caps & net) || !(caps & bpf))
		doctor_say(d, V_WARN, "permission",
			   "without %s: chamctl can look at little and change nothing|run it as root",
			   caps & net ? "CAP_BPF" : "CAP_NET_ADMIN");
	else
		doctor_say(d, V_OK, "permission", "CAP_NET_ADMIN and CAP_BPF");
}

static void check_memlock(struct doctor *d)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_MEMLOCK, &r))
		return;
	if (r.rlim_cur == RLIM_INFINITY)
		doctor_say(d, V_OK, "memlock", "unlimited");
	else
		doctor_say(d, V_WARN, "memlock",
			   "%llu kB here: vhost-vdpa locks all memory of a guest|start QEMU with ulimit -l unlimited (systemd: LimitMEMLOCK=infinity)",
			   (unsigned long long)r.rlim_cur / 1024);
}

static void check_bpffs(struct doctor *d)
{
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs) || fs.f_type != BPF_FS_MAGIC)
		doctor_say(d, V_FAIL, "bpffs",
			   "no bpf file system on /sys/fs/bpf|mount -t bpf bpffs /sys/fs/bpf");
	else
		doctor_say(d, V_OK, "bpffs", "/sys/fs/bpf");
}

static bool in_path(const char *tool)
{
	const char *path = getenv("PATH"), *end;
	char file[4096];

	for (path = path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"; *path;
	     path = *end ? end + 1 : end) {
		end = path + strcspn(path, ":");
		snprintf(file, sizeof(file), "%.*s/%s", (int)(end - path), path,
			 tool);
		if (!access(file, X_OK))
			return true;
	}
	return false;
}

static void check_tools(struct doctor *d)
{
	static const struct {
		const char *tool, *package, *for_what;
		bool must;
	} tools[] = {
		{ "vdpa", "iproute2", "making ports", true },
		{ "ip", "iproute2", "tenant setup", true },
		{ "bridge", "iproute2", "tenant setup", true },
		{ "ethtool", "ethtool", "changing a NIC's offloads", false },
		{ "tc", "iproute2", "shaping and filters", false },
		{ "nft", "nftables", "packet filters", false },
	};
	unsigned int i, n = sizeof(tools) / sizeof(tools[0]), missing = 0;

	for (i = 0; i < n; i++) {
		if (in_path(tools[i].tool))
			continue;
		missing++;
		doctor_say(d, tools[i].must ? V_FAIL : V_WARN, "tools",
			   "%s is not in PATH: no %s|apt-get install %s, or PATH with /usr/sbin",
			   tools[i].tool, tools[i].for_what, tools[i].package);
	}
	if (!missing)
		doctor_say(d, V_OK, "tools", "vdpa, ip, bridge, ethtool, tc, nft");
}

/* ---- the datapath --------------------------------------------------------- */

struct attached {
	const struct all *all;
	bool *port, *uplink;
	size_t n;
};

static int each_link(const struct cham_link *l, void *arg)
{
	struct attached *a = arg;
	size_t i;

	a->n += !!l->ifindex;
	for (i = 0; l->ifindex && i < a->all->n_ports; i++)
		a->port[i] |= a->all->ports[i].ifindex == l->ifindex;
	for (i = 0; l->ifindex && i < a->all->n_uplinks; i++)
		a->uplink[i] |= a->all->uplinks[i].ifindex == l->ifindex;
	return 0;
}

static void missing(char *names, size_t size, const char *ifname)
{
	size_t n = strlen(names);

	snprintf(names + n, size - n, "%s%s", n ? ", " : "", ifname);
}

/* A link can be detached over our head; then Linux has it all, silently. */
static void check_datapath(struct doctor *d, const struct all *all)
{
	bool has[all->n_ports + all->n_uplinks + 1];
	struct attached a = { all, has, has + all->n_ports, 0 };
	char names[256] = "";
	size_t i;

	if (!all->n_ports && !all->n_uplinks)
		return;
	memset(has, 0, sizeof(has));
	if (!cham_datapath__attached()) {
		doctor_say(d, V_WARN, "datapath",
			   "not attached: Linux forwards everything|chamctl datapath attach");
		return;
	}
	if (cham_datapath__for_each(d->c->h, each_link, &a)) {
		doctor_say(d, V_WARN, "datapath", "%s|run it as root",
			   cham__last_error(d->c->h));
		return;
	}
	for (i = 0; i < all->n_uplinks; i++)
		if (!a.uplink[i])
			missing(names, sizeof(names), all->uplinks[i].ifname);
	for (i = 0; i < all->n_ports; i++)
		if (!a.port[i] && all->ports[i].tenant_id)
			missing(names, sizeof(names), all->ports[i].ifname);
	if (*names)
		doctor_say(d, V_WARN, "datapath",
			   "its program is not on %s: Linux forwards what comes in there|chamctl datapath attach",
			   names);
	else
		doctor_say(d, V_OK, "datapath",
			   "on %zu devices; keeps the module loaded until chamctl datapath detach",
			   a.n);
}

/* ---- all of it ------------------------------------------------------------ */

static void check_nics(struct doctor *d, const char *ifname)
{
	struct ctl *c = d->c;
	struct all all = { 0 };
	char why[512] = "";
	bool known;
	size_t i;

	c->why = why;
	c->why_size = sizeof(why);
	known = !ctl_open(c) && !all_get(c, &all);
	c->why = NULL;
	if (ifname) {
		doctor_nic(d, ifname, &all);
	} else if (!known) {
		doctor_say(d, V_WARN, "uplink", "%s|name the NIC: chamctl doctor DEV",
			   why);
	} else if (!all.n_uplinks) {
		doctor_say(d, V_WARN, "uplink",
			   "none yet|chamctl doctor DEV looks at a NIC, chamctl uplink add DEV local ADDR takes it");
	}
	if (known)
		check_datapath(d, &all);
	for (i = 0; !ifname && i < all.n_uplinks; i++)
		doctor_nic(d, all.uplinks[i].ifname, &all);
	all_put(&all);
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static int check(struct ctl *c, int argc, char **argv)
{
	struct doctor d = { .c = c };
	struct utsname u;
	int ret;

	if (argc > 1)
		return no_args(c, argc - 1, argv + 1);
	if (argc) {
		uint32_t ifindex;

		ret = need_dev(c, argv[0], &ifindex);
		if (ret)
			return ret;
	}
	libbpf_set_print(quiet);
	uname(&u);
	if (c->json)
		json_open(&c->j, NULL, '[');
	check_permission(&d);
	check_kernel(&d, &u);
	check_config(&d, &u);
	check_module(&d, &u);
	check_btf(&d);
	check_drivers(&d);
	check_iotlb(&d);
	check_bpffs(&d);
	check_memlock(&d);
	check_tools(&d);
	check_nics(&d, argc ? argv[0] : NULL);
	if (c->json) {
		json_close(&c->j, ']');
		fputc('\n', c->j.f);
	}
	return d.failed ? EXIT_KERNEL : 0;
}

const struct cmd doctor_cmds[] = {
	{ "check", "[DEV]", check },
	{ 0 },
};
