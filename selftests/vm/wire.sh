#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The wire and a guest by a generator: wire.py sends wrong, nested, truncated,
# oversize and forged frames to two tenants with the same addresses.
#
#   SEED=N    which frames (default 1)
#   FRAMES=N  how many from the wire (default 400)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd python3 jq clang-19
defer topo_down
seed=${SEED:-1}

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "red"
topo_tenant blue 200 || bail "blue"
topo_attach || bail "attach"
check "red" busywait 10 ping1 on red 10.0.0.2
check "blue" busywait 10 ping1 on blue 10.0.0.2
# nothing but the generator's frames
for ns in t-red t-blue b-red b-blue; do
	in_ns $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0
	in_ns $ns ethtool -K eth0 gro off >/dev/null 2>&1
done

cat >/tmp/meta.bpf.c <<'C'
#include <linux/bpf.h>
static long (*redirect)(unsigned int, unsigned long long) = (void *)23;
static long (*adjust_meta)(void *, int) = (void *)54;
__attribute__((section("xdp.frags"), used)) int meta(struct xdp_md *c)
{
	unsigned int *m, i;

	if (adjust_meta(c, -32))
		return XDP_ABORTED;
	m = (void *)(long)c->data_meta;
	if ((void *)(m + 8) > (void *)(long)c->data)
		return XDP_ABORTED;
	/* kind, verdict, lengths, as an event might have them */
	for (i = 0; i < 8; i++)
		m[i] = i & 1 ? 1 : 0x02010201;
	return redirect(TARGET, 0);
}
C
clang-19 -target bpf -O2 -g -c -o /tmp/meta.o -I/usr/include/x86_64-linux-gnu \
	"-DTARGET=$(in_ns hostb cat /sys/class/net/b0/ifindex)" /tmp/meta.bpf.c ||
	bail "the forger does not compile"
diag "seed $seed"
relay generator "$(dirname "$0")/wire.py" "$seed" "${FRAMES:-400}" /tmp/meta.o
diag "$(chamctl -j stat show | jq -c '.[].reasons | with_entries(select(.value > 0))')"
check_num "many different reasons" "$(chamctl -j stat show |
	jq '[.[].reasons | to_entries[] | select(.value > 0) | .key] | unique | length')" -ge 10
check "everything comes down, the module unloads" topo_down
finish
