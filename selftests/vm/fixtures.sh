#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Sets up one tenant and drives fixtures.py against its datapath.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_root
defer topo_down

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "tenant"
# a driver that is told of VLANs gets those it asked for
on red ip link add link eth0 name eth0.10 type vlan id 10 || bail "VLAN"
topo_attach || bail "attach"
on red ping -qc2 -i0.2 10.0.0.2 >/dev/null || bail "ping"
python3 "$(dirname "$0")/fixtures.py" up0 red0
exit
