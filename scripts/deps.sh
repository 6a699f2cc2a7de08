#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Install the Debian packages that building, running and testing need and that
# are missing. Says nothing and does nothing when all are there. No service is
# started. Works on Debian 12 and 13; on 12, kernel 6.12 is in the security suite,
# which is added to apt's sources if it is not among them.
#
# usage: scripts/deps.sh [--list]

set -u

list=0
suite=
[ "${1:-}" != --list ] || list=1

if ! command -v dpkg-query >/dev/null || [ ! -r /etc/os-release ]; then
	echo "deps: not a Debian system: install by hand what this script names" >&2
	exit 0
fi
# shellcheck source=/dev/null
. /etc/os-release

need=(
	build-essential clang-19 llvm-19 llvm-19-dev libclang-rt-19-dev libbpf-dev libelf-dev
	zlib1g-dev libxdp-dev libmnl-dev libjansson-dev pkg-config pahole sparse shellcheck bc
	bpftool qemu-system-x86 qemu-system-common ipxe-qemu kmod iproute2 ethtool tcpdump
	iperf3 nginx-light redis-server redis-tools curl openvswitch-switch
	nftables iputils-ping netcat-openbsd socat busybox-static cpio jq gojq python3
	python3-yaml python3-jsonschema python3-ply python3-git procps bash-completion man-db
	xz-utils perl dpdk-dev memcached libmemcached-tools
	flex bison libssl-dev lz4 debhelper dh-dkms dkms wget
)
case ${VERSION_ID:-} in
12)
	need+=(linux-image-6.12-amd64 linux-headers-6.12-amd64 linux-source-6.12)
	suite=bookworm-security
	;;
*)
	need+=(linux-image-amd64 linux-headers-amd64 linux-source virtiofsd)
	;;
esac

installed() {
	dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' "${need[@]}" 2>/dev/null |
		awk '$2 == "ii" { print $1 }'
}

# what is needed and not there
missing() {
	printf '%s\n' "${need[@]}" | sort -u | comm -23 - <(installed | sort -u)
}

if [ "$list" = 1 ]; then
	printf '%s\n' "${need[@]}" | sort -u
	exit 0
fi

mapfile -t lack < <(missing)
[ ${#lack[@]} -gt 0 ] || exit 0
echo "deps: installing ${lack[*]}"

as_root=()
if [ "$(id -u)" != 0 ]; then
	as_root=(sudo -n)
	command -v sudo >/dev/null || {
		echo "deps: neither root nor sudo: install these yourself" >&2
		exit 1
	}
fi

# Packages must not start their services: policy-rc.d says so while we install.
policy=/usr/sbin/policy-rc.d
made=0
# called by the trap
# shellcheck disable=SC2317
clean_up() {
	[ "$made" = 0 ] || "${as_root[@]}" rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e $policy ]; then
	made=1
	printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
	"${as_root[@]}" chmod 755 $policy
fi

apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q
	-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
log=$(mktemp)
install_them() {
	"${apt[@]}" install --no-install-recommends "${lack[@]}" >"$log" 2>&1
}
update() {
	"${apt[@]}" update >"$log" 2>&1 || tail -n 20 "$log" >&2
}
# has apt heard of all of them?
known() {
	local name
	for name in "${lack[@]}"; do
		apt-cache show "$name" >/dev/null 2>&1 || return
	done
}
sources=/etc/apt/sources.list.d/chamelio.sources
add_suite() {
	echo "deps: adding $suite to apt's sources: $sources"
	"${as_root[@]}" tee "$sources" >/dev/null <<-EOF
		Types: deb
		URIs: http://deb.debian.org/debian-security
		Suites: $suite
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	EOF
}
# the lists may be old: only then fetch them
if ! install_them; then
	update
	if [ -n "$suite" ] && [ ! -e "$sources" ] && ! known; then
		add_suite && update
	fi
	install_them
fi
rc=$?
[ $rc = 0 ] || tail -n 40 "$log" >&2
rm -f "$log"
mapfile -t lack < <(missing)
if [ ${#lack[@]} -gt 0 ]; then
	echo "deps: still missing: ${lack[*]}" >&2
	exit 1
fi
exit $rc
