// SPDX-License-Identifier: GPL-2.0
/* Is this NIC fit to be an uplink: XDP, queues, offloads, MTU. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>

#include "doctor.h"

/* Of linux/netdev.h, which the headers of Debian 12 do not have yet. */
#define NETDEV_DEV_GET		1
#define NETDEV_IFINDEX		1
#define NETDEV_XDP_FEATURES	3
#define XDP_BASIC		(1u << 0)
#define XDP_NDO_XMIT		(1u << 2)
#define XDP_RX_SG		(1u << 5)
#define XDP_NDO_XMIT_SG		(1u << 6)

/* ---- netlink: one request, one number in the answer ------------------------ */

struct wanted {
	uint16_t attr;
	uint64_t value;
	bool found;
};

static int got(const struct nlmsghdr *nlh, void *arg)
{
	struct wanted *w = arg;
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		size_t len = mnl_attr_get_payload_len(a);

		if (mnl_attr_get_type(a) != w->attr || len > sizeof(w->value))
			continue;
		w->value = 0;
		memcpy(&w->value, mnl_attr_get_payload(a), len);
		w->found = true;
	}
	return MNL_CB_OK;
}

static int ask(struct mnl_socket *nl, struct nlmsghdr *nlh, struct wanted *w)
{
	static unsigned int seq;
	char buf[8192];
	ssize_t n;
	int ret;

	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++seq;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(buf, n, seq, mnl_socket_get_portid(nl), got, w);
	} while (ret > 0);
	return ret < 0 ? -errno : w->found ? 0 : -ENODATA;
}

static struct nlmsghdr *request(char *buf, uint16_t type, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

static int xdp_features(uint32_t ifindex, uint64_t *features)
{
	struct wanted id = { .attr = CTRL_ATTR_FAMILY_ID };
	struct wanted w = { .attr = NETDEV_XDP_FEATURES };
	struct mnl_socket *nl = mnl_socket_open(NETLINK_GENERIC);
	struct nlmsghdr *nlh;
	char buf[256];
	int err;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		goto out;
	}
	nlh = request(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, "netdev");
	err = ask(nl, nlh, &id);
	if (err)
		goto out;
	nlh = request(buf, id.value, NETDEV_DEV_GET);
	mnl_attr_put_u32(nlh, NETDEV_IFINDEX, ifindex);
	err = ask(nl, nlh, &w);
	*features = w.value;
out:
	if (nl)
		mnl_socket_close(nl);
	return err;
}

/* ---- ethtool's ioctl: needs no privilege to look ---------------------------- */

static int ethtool(int fd, const char *ifname, void *data)
{
	struct ifreq ifr = { .ifr_data = data };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	return ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
}

/* 1 on, 0 off, negative unknown */
static int feature_on(int fd, const char *ifname, const char *feature)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t n;
	} set = { .info = { .cmd = ETHTOOL_GSSET_INFO,
			    .sset_mask = 1ULL << ETH_SS_FEATURES } };
	struct ethtool_gstrings *names = NULL;
	struct ethtool_gfeatures *state = NULL;
	uint32_t i, blocks;
	int ret;

	ret = ethtool(fd, ifname, &set);
	if (ret || !set.info.sset_mask)
		return ret ? ret : -EOPNOTSUPP;
	blocks = (set.n + 31) / 32;
	names = calloc(1, sizeof(*names) + (size_t)set.n * ETH_GSTRING_LEN);
	state = calloc(1, sizeof(*state) + blocks * sizeof(state->features[0]));
	ret = -ENOMEM;
	if (!names || !state)
		goto out;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = set.n;
	state->cmd = ETHTOOL_GFEATURES;
	state->size = blocks;
	ret = ethtool(fd, ifname, names);
	if (!ret)
		ret = ethtool(fd, ifname, state);
	if (ret)
		goto out;
	ret = -ENOENT;
	for (i = 0; i < names->len; i++)
		if (!strncmp((char *)names->data + i * ETH_GSTRING_LEN, feature,
			     ETH_GSTRING_LEN))
			ret = !!(state->features[i / 32].active & 1u << i % 32);
out:
	free(names);
	free(state);
	return ret;
}

static void check_offloads(struct doctor *d, int fd, const char *ifname,
			   const char *check)
{
	static const struct { const char *feature, *name; } off[] = {
		{ "rx-lro", "lro" }, { "rx-gro-hw", "rx-gro-hw" },
	};
	unsigned int i, on = 0;

	for (i = 0; i < 2; i++) {
		if (feature_on(fd, ifname, off[i].feature) != 1)
			continue;
		on++;
		doctor_say(d, V_WARN, check,
			   "%s is on: most drivers refuse native XDP then|ethtool -K %s %s off",
			   off[i].feature, ifname, off[i].name);
	}
	if (!on)
		doctor_say(d, V_OK, check, "neither LRO nor GRO_HW is on");
}

static void check_queues(struct doctor *d, int fd, const char *ifname,
			 const char *check)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t n, max;
	int err;

	err = ethtool(fd, ifname, &ch);
	if (err) {
		doctor_say(d, V_OK, check, "the driver does not tell: %s",
			   strerror(-err));
		return;
	}
	n = ch.combined_count ? ch.combined_count : ch.tx_count;
	max = ch.max_combined ? ch.max_combined : ch.max_tx;
	if (n >= cpus)
		doctor_say(d, V_OK, check, "%u for %ld CPUs", n, cpus);
	else if (max > n)
		doctor_say(d, V_WARN, check,
			   "%u for %ld CPUs: CPUs share a transmit queue, and some drivers refuse XDP|ethtool -L %s %s %ld",
			   n, cpus, ifname, ch.combined_count ? "combined" : "tx",
			   cpus < max ? cpus : (long)max);
	else
		doctor_say(d, V_WARN, check,
			   "%u for %ld CPUs, and the NIC has no more: CPUs share a transmit queue|give packets to as many CPUs as there are queues (irqbalance, smp_affinity)",
			   n, cpus);
}

/* ---- XDP and MTU ------------------------------------------------------------ */

static void driver_of(const char *ifname, char *name, size_t size)
{
	char path[64], to[256];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", ifname);
	n = readlink(path, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = '\0';
	slash = strrchr(to, '/');
	snprintf(name, size, "%.60s", slash ? slash + 1 : "a software device");
}

static void check_xdp(struct doctor *d, const char *ifname, uint32_t ifindex,
		      uint32_t mtu, const char *check)
{
	uint64_t f = 0;
	uint32_t prog = 0;
	char driver[64];
	int err = xdp_features(ifindex, &f);

	driver_of(ifname, driver, sizeof(driver));
	if (err) {
		doctor_say(d, V_WARN, check,
			   "the kernel does not tell (%s)|chamctl datapath attach will",
			   strerror(-err));
		return;
	}
	if (!(f & XDP_BASIC)) {
		doctor_say(d, V_FAIL, check,
			   "%s: no native XDP|take a NIC whose driver has it (virtio_net, mlx5, i40e, ice, ixgbe, bnxt, ...)",
			   driver);
		return;
	}
	bpf_xdp_query_id(ifindex, 0, &prog);
	if (!(f & XDP_NDO_XMIT) && prog)
		doctor_say(d, V_FAIL, check,
			   "%s: has a program and no ndo_xdp_xmit: nothing can be sent|more queues (ethtool -L), or another NIC",
			   driver);
	else if (!(f & XDP_NDO_XMIT))
		doctor_say(d, V_WARN, check,
			   "%s: native XDP, ndo_xdp_xmit off|some drivers switch it on with the datapath, veth with ethtool -K PEER gro on; look again then",
			   driver);
	else if (mtu > 3400 && !(f & XDP_RX_SG))
		doctor_say(d, V_WARN, check,
			   "%s: no multi-buffer XDP, and MTU %u needs it|ip link set %s mtu 3400 or less",
			   driver, mtu, ifname);
	else
		doctor_say(d, V_OK, check, "%s: native, ndo_xdp_xmit%s%s", driver,
			   f & XDP_RX_SG ? ", multi-buffer receive" : "",
			   f & XDP_NDO_XMIT_SG ? " and transmit" : "");
}

static void check_mtu(struct doctor *d, const char *ifname, uint32_t mtu,
		      const struct all *all, const char *check)
{
	unsigned int bad = 0;
	bool only6 = false;
	uint32_t room;
	size_t i;

	for (i = 0; i < all->n_uplinks; i++)
		if (!strcmp(all->uplinks[i].ifname, ifname))
			only6 = !all->uplinks[i].local4.len;
	for (i = 0; i < all->n_ports; i++) {
		const struct cham_port *p = &all->ports[i];

		if (!p->tenant_id || p->tenant_id > CHAM_TENANT_ID_MAX)
			continue;
		/* VXLAN over IPv6, over IPv4 */
		room = only6 || all->over6[p->tenant_id] ? 70 : 50;
		if (p->mtu + room <= mtu)
			continue;
		bad++;
		doctor_say(d, V_WARN, check,
			   "%u does not carry port %s's %u and the tunnel's %u: its large packets leave the fast path|ip link set %s mtu %u, or make the port with mtu %u",
			   mtu, p->ifname, p->mtu, room, ifname, p->mtu + room,
			   mtu - room);
	}
	if (!bad)
		doctor_say(d, V_OK, check, "%u: ports of up to %d over IPv4, %d over IPv6",
			   mtu, (int)mtu - 50, (int)mtu - 70);
}

void doctor_nic(struct doctor *d, const char *ifname, const struct all *all)
{
	struct ifreq ifr = { 0 };
	char check[4][40];
	int fd;

	snprintf(check[0], sizeof(check[0]), "%s xdp", ifname);
	snprintf(check[1], sizeof(check[1]), "%s queues", ifname);
	snprintf(check[2], sizeof(check[2]), "%s offloads", ifname);
	snprintf(check[3], sizeof(check[3]), "%s mtu", ifname);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &ifr)) {
		doctor_say(d, V_FAIL, check[3], "%s|name a network device of this namespace",
			   strerror(errno));
	} else {
		check_xdp(d, ifname, if_nametoindex(ifname), ifr.ifr_mtu, check[0]);
		check_queues(d, fd, ifname, check[1]);
		check_offloads(d, fd, ifname, check[2]);
		check_mtu(d, ifname, ifr.ifr_mtu, all, check[3]);
	}
	if (fd >= 0)
		close(fd);
}
