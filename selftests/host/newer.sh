#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module against the newest headers of Debian stable, backports included, with that
# release's compiler, warnings being errors. They are unpacked below the build the first
# time: half a minute and 0.7 GB.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$tap_top" || bail "no $tap_top"
tap_tmpdir
[ "$(id -u)" = 0 ] || skip_all "a chroot takes root"
scripts/newer-kernel headers >"$tap_tmp/said" 2>&1 ||
	skip_all "no newer headers here: $(tail -n 1 "$tap_tmp/said")"
headers=$(echo "$O"/newer/*/usr/src/linux-headers-*-amd64)
check "the module builds without a warning for ${headers##*/linux-headers-}" \
	scripts/newer-kernel build
finish
