#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What Documentation/ takes from the code is in step with it: reasons, limits,
# sizes, pictures; each reason is counted somewhere; links lead somewhere. The last
# tests change something on purpose and want it noticed.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
require_cmd python3
python3 -c 'import yaml' 2>/dev/null || skip_all "no python3-yaml"
cd "$tap_top" || exit 1

if [ -e "$O/chamelio.ko" ] && command -v pahole >/dev/null; then
	check "Documentation is in step with code and module" scripts/docs --check
else
	check "Documentation is in step with the code" env O=/nowhere scripts/docs --check
fi

# Reasons that are only in the list: the number is taken, nothing counts it.
unused=$(sed -n '/define CHAM_REASON_LIST/,/^$/s/.*X(\([A-Z_]*\),.*/CHAM_REASON_\1/p;
	/define CHAM_BLOCK_LIST/,/^$/s/.*X(\([A-Z_]*\),.*/CHAM_BLOCK_\1/p' uapi/chamelio.h |
	while read -r id; do grep -qIrw "$id" kmod xdp || echo "$id"; done)
check_eq "each reason is used" "" \
	"$(sort <<<"$unused" | xargs)"

# links FILE...: those that lead nowhere
links() {
	local f to
	for f; do
		grep -o '](\([^)#]*\)' "$f" | cut -c 3- | while read -r to; do
			case $to in
			http*) continue ;;
			esac
			[ -z "$to" ] || [ -e "$(dirname "$f")/$to" ] || echo "$f: $to"
		done
	done
}
check_eq "links lead somewhere" "" "$(links README.md Documentation/*.md)"

copy=$(mktemp -d)
defer rm -rf "$copy"
cp -a scripts uapi kmod lib cli Documentation "$copy"
# noticed NAME FILE SED: a copy that is changed is not in step any more
noticed() {
	sed -i.was "$3" "$copy/$2"
	if cmp -s "$copy/$2" "$copy/$2.was"; then
		fail "$1" "nothing was changed"
	else
		check_fails "$1" env O=/nowhere "$copy/scripts/docs" --check
	fi
	mv "$copy/$2.was" "$copy/$2"
}
noticed "another meaning is noticed" uapi/chamelio.h 's/"IP fragment"/"a fragment"/'
noticed "a new reason without advice is noticed" uapi/chamelio.h \
	's/\tX(OVERSIZE,/\tX(NEW, "new", DROP, "new") \\\n&/'
noticed "a figure amid the text that the code has not" Documentation/design.md 's/32 in a turn/33 in a turn/'
noticed "advice for what is not there is noticed" Documentation/reasons.yaml 's/^  not-ip:/  no-ip:/'
noticed "a counter without a text is noticed" kmod/ring.h \
	's/\tX(DROP_RUNT,/\tX(DROP_NEW, "drop_new") \\\n&/'
noticed "a new way to break is noticed" kmod/ring_walk.h 's/\tX(ZERO,/\tX(NEW, "new") \\\n&/'
noticed "another limit is noticed" kmod/port.h 's/CHAM_PORTS_MAX\t4096/CHAM_PORTS_MAX\t8192/'
noticed "a picture that was not drawn again is noticed" Documentation/pictures/path.dot \
	's/"inner parse"/"parse"/'
check "and the copy as it was is in step" env O=/nowhere "$copy/scripts/docs" --check
finish
