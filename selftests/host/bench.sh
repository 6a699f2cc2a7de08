#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What scripts/bench makes of figures: a target that is missed, or that nobody can say
# anything about, does not go by unseen.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
require_cmd jq python3
tap_tmpdir
bench=$tap_top/scripts/bench

# all of it, and all met: far below what it is compared with
python3 - "$bench" >"$tap_tmp/good.json" <<'P' || bail "no figures"
import importlib.machinery, importlib.util, json, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("bench", sys.argv[1])
bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
loader.exec_module(bench)
entries = [{"name": name, "unit": unit, "value": 1.0, "baselines": dict.fromkeys(bench.WAYS, 100.0)}
           for name, unit, _ in bench.CASES]
for e in entries:
    if e["name"].startswith("lookup."):
        e.update(connections=1000 if e["name"] == "lookup.1k" else 1000000, hits=1.0)
entries.append({"name": "helper.one", "unit": bench.CALL[0], "value": 1.0, "baselines": {"bound": 2}})
print(json.dumps(entries))
P

# figures NAME WANTED CHANGE [OPTION]: the exit status, and the line that says why
figures() {
	local out rc
	jq "$3" "$tap_tmp/good.json" >"$tap_tmp/bench.json"
	out=$(O=$tap_tmp "$bench" --draw ${4:+"$4"} 2>&1)
	rc=$?
	check_match "$1" "$2" "$rc $(grep -E '^[0-9]+ of [0-9]+ targets missed|Error' <<<"$out")"
}
first='.[0].name == "wire-to-port.udp64"'
figures "all is met" '^0 $' . --whole
figures "a target is missed" '^1 1 of [0-9]+ .*: wire-to-port.udp64 <= 750$' \
	'map(if .name == "wire-to-port.udp64" then .value = 751 | .baselines |= map_values(1e9) else . end)' --whole
figures "in a part, too" '^1 1 of [0-9]+ .*: wire-to-port.udp64 <= 750$' \
	'map(if .name == "wire-to-port.udp64" then .value = 751 | .baselines |= map_values(1e9) else . end)'
figures "a case was not measured" '^1 1 of [0-9]+ .*: wire-to-port.udp64 not measured$' "if $first then del(.[0]) else . end" --whole
figures "in a part that need not be" '^0 $' "if $first then del(.[0]) else . end"
figures "a case failed" '^1 1 of [0-9]+ .*: lookup.1k failed$' \
	'map(if .name == "lookup.1k" then .value = null else . end)' --whole
figures "what a target is compared with is not there" '^1 1 of [0-9]+ .*: kv.get-hit <= 0.1 guest-memcached$' \
	'map(if .name == "kv.get-hit" then del(.baselines["guest-memcached"]) else . end)' --whole
figures "in a part that need not be, either" '^0 $' \
	'map(if .name == "kv.get-hit" then del(.baselines["guest-memcached"]) else . end)'
figures "no Open vSwitch" '^1 8 of [0-9]+ .*without ovs, ' 'map(del(.baselines.ovs))' --whole
figures "no helpers" '^1 1 of [0-9]+ .*: helper.\* not measured$' 'map(select(.unit != "instructions/call"))' --whole
finish
