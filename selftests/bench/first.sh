. selftests/topo.sh
B=$CHAM_BUILD/selftests/bench/bench
export BENCH_OBJECTS=$CHAM_BUILD/selftests/bench
mac() { cat "/sys/class/net/$1/address"; }
run() {
	echo "== $1"
	topo_load
	if [ $1 = nic ]; then topo_wire_nic; else topo_wire; fi
	chamctl uplink add up0 local 192.0.2.1
	TOPO_MTU=1450 topo_tenant red 100
	ip link set up0 promisc on
	ip -n hostb link set b0 promisc on
	ping1 on red 10.0.0.2; ping1 on red 10.0.0.2
	up=$(mac up0) b=$(ip netns exec hostb cat /sys/class/net/b0/address) g=$(on red cat /sys/class/net/eth0/address) f=$(far red cat /sys/class/net/eth0/address)
	ip neigh replace 192.0.2.2 lladdr $b dev up0 nud permanent
	ip -n t-red neigh replace 10.0.0.2 lladdr $f dev eth0 nud permanent
	in="bursts=200 omac=$up bmac=$b imac=$g fmac=$f vni=100"
	on red socat -u UDP-RECV:9 /dev/null &
	ip netns exec hostb $B xdp b0 drop
	echo slow; $B in $in
	$B out bursts=200 ns=t-red to=10.0.0.2
	topo_attach
	sleep 1
	echo cham; $B in $in
	$B out bursts=200 ns=t-red to=10.0.0.2
	chamctl stat
	chamctl datapath detach
	$B xdp up0 drop
	echo drop; $B drop $in
	$B xdp up0 none
	$B xdp up0 redirect red0
	$B xdp red0 redirect up0
	echo floor; $B in ${in/vni=100}
	$B out bursts=200 ns=t-red to=10.0.0.2
	topo_down
}
run veth
run nic
