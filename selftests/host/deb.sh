#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The Debian packages: built, installed, used and purged. They are installed in
# an overlay over the machine's files, in memory: the machine has none of it.
# timeout: 600

# its mounts are nobody else's and go with it
if [ -z "${CHAM_DEB:-}" ] && unshare -m true 2>/dev/null; then
	CHAM_DEB=1 exec unshare -m "$0" "$@"
fi

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$tap_top" || exit 1
# The make that runs this has a job server that ours is no part of.
unset MAKEFLAGS MFLAGS MAKELEVEL
require_root
require_cmd dpkg-buildpackage dh dh_dkms dkms
[ -n "${CHAM_DEB:-}" ] || skip_all "no mounts of our own: unshare -m fails"

packages=(chamctl chamelio-dkms libcham-dev libcham0)
check "make deb" make deb O="$O" || finish
debs=("$O"/deb/*.deb)
version=$(sed -n 's/^VERSION := //p' Makefile)
check_eq "the packages, of our version" \
	"$(printf "%s $version\n" "${packages[@]}")" \
	"$(for deb in "${debs[@]}"; do dpkg-deb -f "$deb" Package Version; done |
		awk '{ printf "%s%s", $2, NR % 2 ? " " : "\n" }')"
# the dependencies cost 130 packages: where it is there anyway
! command -v lintian >/dev/null ||
	check "lintian has nothing to say" \
		lintian --allow-root --fail-on error,warning "$O"/deb/*.changes

root=/mnt/root upper=/mnt/upper
overlay() {
	mount -t tmpfs tmpfs /mnt && mkdir $root $upper /mnt/work &&
		mount -t overlay -o "lowerdir=/,upperdir=$upper,workdir=/mnt/work" overlay $root
}
overlay || skip_all "no overlay over /"
for file in /var/lib/dpkg/status /usr/bin/dpkg; do
	[ -e $root$file ] || skip_all "$file is on another file system than /"
done
mount --bind "$O/deb" $root/mnt
mount -t proc proc $root/proc
mount --rbind /dev $root/dev
mount -t tmpfs -o mode=1777 tmpfs $root/tmp

inside() {
	env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot $root "$@"
}

# what is not as it was: new files, and deleted ones (as c 0,0); without what dpkg,
# dkms and caches keep for themselves
changed() {
	(cd $upper && find . -mindepth 1 \( -path ./var/lib/dpkg -o -path ./var/log -o \
		-path ./var/cache -o -path './var/lib/dkms/mok.*' \) -prune -o -printf '%y %P\n') |
		while read -r type name; do
			[ "$type" != c ] && [ -e "/$name" ] || echo "$type $name"
		done | sort
}

# what an earlier installation, of whatever kind, has
inside dpkg -P "${packages[@]}" >/dev/null 2>&1
rm -rf $root/var/lib/dkms/chamelio $root/usr/src/chamelio-* \
	$root/lib/modules/*/updates/dkms/chamelio.ko*
before=$(changed)

check "they install" inside sh -c 'dpkg -i /mnt/*.deb'
# the newest that has headers and is itself there
kernel=$(cd $root/lib/modules && for dir in */build; do
	[ ! -e "${dir%/*}/modules.order" ] || echo "${dir%/*}"
done | sort -V | tail -n 1)
diag "kernel: $kernel"
check_match "dkms has built the module" "${kernel//+/\\+}, .*: installed" \
	"$(inside dkms status chamelio)"
check_match "modprobe finds it" "/updates/dkms/chamelio.ko" \
	"$(inside modprobe -S "$kernel" --show-depends chamelio)"
check_match "it is for that kernel" "^${kernel//+/\\+} " "$(inside modinfo -k "$kernel" -F vermagic chamelio)"
module=$(inside modinfo -k "$kernel" -F filename chamelio)
# without it the kernel offers no kfunc
check_match "it has BTF" " \.BTF " "$({
	case $module in
	*.xz) xz -dc "$root$module" ;;
	*.zst) zstd -dc "$root$module" ;;
	*) cat "$root$module" ;;
	esac
} >$root/tmp/chamelio.ko && readelf -SW $root/tmp/chamelio.ko)"

check_eq "chamctl -V" "chamctl $version" "$(inside chamctl -V)"
check "chamctl expects the datapath where it is" \
	inside grep -q /usr/lib/chamelio /usr/sbin/chamctl
check "which is there" inside test -s /usr/lib/chamelio/datapath.bpf.o
mapfile -t units < <(inside dpkg -L "${packages[@]}" | grep '/systemd/system/[^/]*\.service$' | sort)
check_eq "the units" "chamd.service chamelio.service" "${units[*]##*/}"
# unit NAME KEY: what a unit says, where what it says counts
unit() { inside sed -n "/^\[Service\]/,/^\[Install\]/s/^$2=//p" "$(printf '%s\n' "${units[@]}" | grep "/$1.service$")"; }
check_match "the unit starts what is there" "^/usr/sbin/chamctl restore" "$(unit chamelio ExecStart)"
check_eq "so does the agent's" "/usr/sbin/chamd" "$(unit chamd ExecStart)"
check "which is there" inside test -x /usr/sbin/chamd
check_eq "the agent comes again, however it ends" always "$(unit chamd Restart)"
# a key that systemd does not know it only warns of, in a log
if ! inside sh -c 'command -v systemd-analyze' >/dev/null; then
	skip "systemd takes the units" "no systemd-analyze"
else
	check_eq "systemd takes the units, every line" "" "$(inside systemd-analyze verify --man=no \
		--recursive-errors=no "${units[@]}" 2>&1 || echo "exit status $?")"
fi
for page in chamctl chamctl-doctor libcham; do
	check "man $page" inside man -w "$page"
done
check_match "what handlers are and what runs them comes along" "chamctl/operations.md.* libcham-dev/handlers.md" \
	"$(inside sh -c "dpkg -L chamctl libcham-dev | sed -n 's|^/usr/share/doc/\(.*md\).*|\1|p'" | sort | xargs)"
# shellcheck disable=SC2016 # for the inner bash
check_match "bash completes" "-F _chamctl chamctl" "$(inside bash -c '
	. /usr/share/bash-completion/bash_completion
	_comp_load chamctl 2>/dev/null || __load_completion chamctl
	complete -p chamctl' 2>&1)"

check_eq "pkg-config --modversion" "$version" "$(inside pkg-config --modversion libcham)"
cat >$root/tmp/use.c <<-EOF
	#include <cham.h>
	#include <stdio.h>

	int main(void)
	{
		return puts(cham_tcp_state__name(1)) < 0;
	}
EOF
# shellcheck disable=SC2016 # for the inner sh
check "a program builds" inside sh -c \
	'gcc -Wall -Werror -o /tmp/use /tmp/use.c $(pkg-config --cflags --libs libcham)'
check_eq "and runs" "established" "$(inside /tmp/use)"

echo '{}' | tee $root/etc/chamelio.json >$root/etc/chamelio.json~
check "they can be purged" inside dpkg -P "${packages[@]}"
check_eq "nothing is left, nothing is lost" "$before" "$(changed)"
finish
