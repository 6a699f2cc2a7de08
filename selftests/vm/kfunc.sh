#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kfuncs under programs that are not the datapath: what a packet left must not
# serve the next one, which has the same xdp_buff.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd clang-19 bpftool jq
tap_tmpdir
defer topo_down

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
chamctl tenant add red vni 100 || bail "tenant"

cat >"$tap_tmp/k.bpf.c" <<'C'
#include "kfunc.h"

char LICENSE[] SEC("license") = "GPL";
static __u32 n;

/* Only the first of two packets begins. */
SEC("xdp.frags") int slow_twice(struct xdp_md *ctx)
{
	if (n++ & 1)
		bpf_cham_slow(ctx, 0, CHAM_REASON_PROTO);
	else if (bpf_cham_begin(ctx, sizeof(struct cham_event)))
		bpf_cham_slow(ctx, 100, CHAM_REASON_VLAN);
	return XDP_PASS;
}

SEC("xdp.frags") int lookup_again(struct xdp_md *ctx)
{
	struct cham_query q = { .vni = 100 };

	if (!(n++ & 1)) {
		if (bpf_cham_begin(ctx, sizeof(struct cham_event)))
			bpf_cham_lookup(ctx, &q, sizeof(q));
		return XDP_PASS;
	}
	return bpf_cham_lookup(ctx, &q, sizeof(q)) || bpf_cham_deliver(ctx, 0) >= 0 ||
	       bpf_cham_encap(ctx, 0) >= 0 ? XDP_ABORTED : XDP_PASS;
}
C
check "the programs compile" clang-19 -target bpf -mcpu=v3 -O2 -g -c -o "$tap_tmp/k.o" \
	-I/usr/include/x86_64-linux-gnu -I"$tap_top/xdp" -I"$tap_top/uapi" "$tap_tmp/k.bpf.c"
mkdir -p /sys/fs/bpf/k
defer rm -rf /sys/fs/bpf/k
check "and load" bpftool prog loadall "$tap_tmp/k.o" /sys/fs/bpf/k || finish

# two PROGRAM: run it on two packets of the uplink; its last verdict
head -c 60 /dev/zero >"$tap_tmp/in"
perl -e 'print pack "L6", 0, 60, 0, $ARGV[0], 0, 0' "$(cat /sys/class/net/up0/ifindex)" >"$tap_tmp/ctx"
two() {
	bpftool -j prog run pinned "/sys/fs/bpf/k/$1" data_in "$tap_tmp/in" \
		ctx_in "$tap_tmp/ctx" repeat 2 | jq .retval
}
vlan=$(stat_of red vlan)
check_eq "one that begins once and is slow twice runs" 2 "$(two slow_twice)"
check_eq "the first is the tenant's" 1 $(($(stat_of red vlan) - vlan))
check_eq "the second is nobody's" 0 "$(chamctl -j stat show | jq '[.[].reasons.protocol] | add')"
before=$(chamctl -j stat show | jq '[.[].reasons[]] | add')
check_eq "one that looks up without a beginning gets nothing" 2 "$(two lookup_again)"
check_eq "and is counted once" 1 $(($(chamctl -j stat show | jq '[.[].reasons[]] | add') - before))
finish
