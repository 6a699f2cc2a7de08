#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Holds uapi/chamelio.h, Documentation/netlink/specs/chamelio.yaml and the
# library's attribute table side by side: same names, same numbers; and what
# the module's netlink policies take: same requests, same attributes, same ranges.
# The last tests change something on purpose and want it noticed.
#
# Needs python3 with yaml. The kernel's schema comes with its source: GENL_SCHEMA=file, or
# Debian's linux-source; python3-jsonschema reads it.

top=$(cd "$(dirname "$0")/../.." && pwd)
python3 -c 'import yaml' 2>/dev/null || { echo "1..0 # SKIP no python3-yaml"; exit 4; }

exec python3 - "$top" <<'PY'
import glob, os, re, subprocess, sys
import yaml

top = sys.argv[1]
header = open(top + '/uapi/chamelio.h').read()
handler = open(top + '/uapi/chamelio_handler.h').read()
spec_text = open(top + '/Documentation/netlink/specs/chamelio.yaml').read()
table = open(top + '/lib/attr.c').read()
netlink = ''.join(open(top + '/kmod/' + f).read() for f in ('nl.h', 'netlink.c', 'nl_conn.c'))
names = open(top + '/lib/names.c').read()
SETS = ['tenant', 'port', 'uplink', 'conn', 'dir', 'fdb', 'stat', 'prog', 'packet']

def dashed(name):
    return name.lower().replace('_', '-')

def c_enum(text, enum, prefix):
    """[(number, name)] of an enum without initialisers, less its ends."""
    body = re.search(r'enum %s \{(.*?)\n\};' % enum, text, re.S)
    if not body:
        return None
    body = re.sub(r'/\*.*?\*/', '', body.group(1), flags=re.S)
    names = re.findall(r'^\s*(\w+)\s*(=.*?)?,', body, re.M)
    out = []
    for number, (name, init) in enumerate(names):
        if init:
            return None
        if name.endswith('_UNSPEC') or name.startswith('__'):
            continue
        assert name.startswith(prefix), name
        out.append((number, dashed(name[len(prefix):])))
    return out

def x_list(text, name):
    """[(number, name, text)] of an X-macro list."""
    body = re.search(r'#define %s\(X\)(.*?)\n\n' % name, text, re.S).group(1)
    body = re.sub(r',\s*\\\n', ', ', body)     # a row of several lines
    rows = re.findall(r'X\((\w+),\s*"([^"]+)"(.*?)\)\s*(?:\\?\n|\\?$)', body + '\n')
    return [(i, n, (re.findall(r'"([^"]*)"', t) or [''])[0])
            for i, (_, n, t) in enumerate(rows)]

def numbered(items, start):
    out, n = [], start
    for i in items:
        i = {'name': i} if isinstance(i, str) else i
        n = i.get('value', n)
        out.append((n, i['name']))
        n += 1
    return out

def compare(text, spec_text, table):
    """Every difference as (what, header, spec)."""
    spec = yaml.safe_load(spec_text)
    diff = []

    def same(what, a, b):
        if a != b:
            odd = [x for x in (a or []) if x not in (b or [])] if isinstance(a, list) else a
            odd2 = [x for x in (b or []) if x not in (a or [])] if isinstance(b, list) else b
            diff.append((what, odd, odd2))

    by_name = {s['name']: s for s in spec['attribute-sets']}
    same('attribute sets', SETS, [s['name'] for s in spec['attribute-sets']])
    for s in SETS:
        attrs = by_name.get(s, {}).get('attributes', [])
        want = c_enum(text, 'cham_%s_attr' % s, 'CHAM_%s_' % s.upper())
        same('attributes of ' + s, want, numbered(attrs, 1))
        rows = re.findall(r'\b[FN]\(%s, (\w+), "([^"]+)"' % s.upper(), table)
        same('library names of ' + s, [n for _, n in want], [n for _, n in rows])
        same('library ids of ' + s, [n for _, n in want], [dashed(i) for i, _ in rows])
    same('operations', c_enum(text, 'cham_cmd', 'CHAM_CMD_'),
         numbered(spec['operations']['list'], 1))
    defs = {d['name']: d for d in spec['definitions']}
    for d, macro in (('block', 'CHAM_BLOCK_LIST'), ('reason', 'CHAM_REASON_LIST'),
                     ('class', 'CHAM_CLASS_LIST')):
        same('enum ' + d, [(i, n) for i, n, _ in x_list(text, macro)],
             numbered(defs[d]['entries'], 0))
    for d, macro in (('hook', 'CHAM_HOOK_LIST'), ('fault', 'CHAM_FAULT_LIST')):
        same('enum ' + d, [(i, n, t) for i, n, t in x_list(handler, macro)],
             [(i, e['name'], e['doc']) for i, e in enumerate(defs[d]['entries'])])
    texts = [t for _, _, t in x_list(text, 'CHAM_REASON_LIST')]
    same('texts of reason', texts,
         [e['doc'].split(' - ', 1)[1] for e in defs['reason']['entries']])
    same('texts of block', [t for _, _, t in x_list(text, 'CHAM_BLOCK_LIST')],
         [e['doc'] for e in defs['block']['entries']])
    for d, enum, prefix in (('port-state', 'cham_port_state', 'CHAM_PORT_STATE_'),
                            ('action', 'cham_action', 'CHAM_ACTION_'),
                            ('fdb-source', 'cham_fdb_source', 'CHAM_FDB_'),
                            ('dscp', 'cham_dscp', 'CHAM_DSCP_'),
                            ('conn-flag', 'cham_conn_flag', 'CHAM_CONN_FLAG_')):
        same('enum ' + d, c_enum(text, enum, prefix), numbered(defs[d]['entries'], 0))
    same('enum tcp-state', re.findall(r'\[TCP_\w+\] = "([^"]+)"', names),
         defs['tcp-state']['entries'])
    for name, macro in (('name-max', 'CHAM_NAME_MAX'), ('vxlan-port', 'CHAM_VXLAN_PORT')):
        same(name, int(re.search(r'#define %s\s+(\d+)' % macro, text).group(1)),
             defs[name]['value'])
    same('family', re.search(r'CHAM_FAMILY_NAME\s+"(\w+)"', text).group(1), spec['name'])
    same('group', [re.search(r'CHAM_MCGRP_EVENTS\s+"(\w+)"', text).group(1)],
         [g['name'] for g in spec['mcast-groups']['list']])
    return diff

KERNEL = {'ETH_ALEN': 6, 'ETH_HLEN': 14, 'IFNAMSIZ': 16, 'TCP_CLOSING': 11, 'CHAM_DSCP_PIPE': 1,
          'CHAM_PORT_ROLE_SLOW': 1, 'CHAM_AREA_SIZE': 128}

def policies(text, netlink):
    """{policy: {attribute: rule}}, {(operation, do or dump): policy or None}."""
    numbers = dict(KERNEL)
    for name, value in re.findall(r'#define (CHAM_\w+)\s+(\d+)', text):
        numbers[name] = int(value)
    for name, value in re.findall(r'#define (CHAM_\w+_MAX)\s+\((CHAM_\w+ \* CHAM_\w+)\)', text):
        numbers[name] = eval(value, {'__builtins__': {}}, numbers)
    macros = dict(re.findall(r'#define (CHAM_POLICY_\w+)\s+(.*)', netlink))
    ranges = {n: body for n, body in re.findall(
        r'netlink_range_validation (\w+) = \{(.*?)\};', netlink, re.S)}

    def value(expr):
        return eval(expr, {'__builtins__': {}}, numbers)

    def rule(expr):
        expr = macros.get(expr, expr)
        m = re.match(r'\{ \.type = NLA_(\w+)(?:, \.len = (.*))? \}', expr)
        if m:
            kind = {'NUL_STRING': 'string', 'BE32': 'u32'}.get(m[1], m[1].lower())
            if m[2]:
                return (kind, None, value(m[2]))
            return (kind, 0, None) if kind[0] == 'u' else (kind, None, None)
        m = re.match(r'NLA_POLICY_EXACT_LEN\((\w+)\)', expr)
        if m:
            return ('binary', value(m[1]), value(m[1]))
        m = re.match(r'NLA_POLICY_FULL_RANGE\(NLA_(\w+), &(\w+)\)', expr)
        if m:
            ends = dict(re.findall(r'\.(min|max) = (\w+)', ranges[m[2]]))
            return (m[1].lower(), value(ends.get('min', '0')), value(ends['max']))
        m = re.match(r'NLA_POLICY_(RANGE|MIN|MAX)\(NLA_(\w+), ([^,)]+)(?:, ([^)]+))?\)', expr)
        lo, hi = {'RANGE': (m[3], m[4]), 'MIN': (m[3], None), 'MAX': ('0', m[3])}[m[1]]
        return (m[2].lower(), value(lo), hi and value(hi))

    out = {}
    for name, body in re.findall(r'struct nla_policy cham_(\w+)_policy\[[^]]*\] = \{(.*?)\n\};',
                                 netlink, re.S):
        sets = name.split('_')[0].upper()
        out[name] = {dashed(a): rule(expr) for a, expr in
                     re.findall(r'\[CHAM_%s_(\w+)\]\s*= (.*),' % sets, body)}
    ops = {}
    flags = {}
    for kind, cmd, who, policy in re.findall(
            r'^\tCHAM_(DO|DUMP)\((\w+), CHAM_(OWN|ALL), (\w+)', netlink, re.M):
        ops[dashed(cmd), kind.lower()] = policy
        flags.setdefault(dashed(cmd), set()).add(
            {'OWN': 'uns-admin-perm', 'ALL': 'admin-perm'}[who])
    return out, ops, flags

def spec_rule(attr):
    kind, checks = attr['type'], dict(attr.get('checks', {}))
    if kind == 'string':
        return (kind, None, 31 if checks['max-len'] == 'name-max' else checks['max-len'])
    if kind == 'binary':
        return (kind, checks.get('exact-len', checks.get('min-len')),
                checks.get('exact-len', checks.get('max-len')))
    if kind == 'flag':
        return (kind, None, None)
    return (kind, checks.get('min', 0), checks.get('max'))

def compare_policies(text, spec_text, netlink):
    """Every difference between what the kernel takes and what is written."""
    spec = yaml.safe_load(spec_text)
    tables, ops, flags = policies(text, netlink)
    sets = {s['name']: {a['name']: a for a in s['attributes']} for s in spec['attribute-sets']}
    diff = []
    want = {(o['name'], k): o for o in spec['operations']['list'] for k in ('do', 'dump') if k in o}
    if set(want) != set(ops):
        diff.append(('operations', set(want) ^ set(ops)))
    for o in spec['operations']['list']:
        if set(o.get('flags', [])) != flags.get(o['name'], set()):
            diff.append((o['name'], 'flags', o.get('flags'), flags.get(o['name'])))
    for (name, kind), op in want.items():
        policy = ops.get((name, kind))
        have = tables.get(policy, {})
        asked = op[kind].get('request', {}).get('attributes', [])
        if set(asked) != set(have):
            diff.append((name, kind, set(asked) ^ set(have)))
        for a in set(asked) & set(have):
            rule = spec_rule(sets[op['attribute-set']][a])
            if rule != have[a]:
                diff.append((name, kind, a, 'specification', rule, 'kernel', have[a]))
    unused = set(tables) - set(ops.values())
    if unused:
        diff.append(('unused policies', unused))
    return diff

def dangling(spec):
    """Names that the specification uses and does not define."""
    bad = []
    sets = {s['name']: {a['name'] for a in s['attributes']} for s in spec['attribute-sets']}
    enums = {d['name'] for d in spec['definitions']}
    ops = {o['name']: o for o in spec['operations']['list']}
    for s in spec['attribute-sets']:
        for a in s['attributes']:
            if a.get('nested-attributes', 'dir') not in sets or a.get('enum', 'block') not in enums:
                bad.append(a['name'])
    for o in ops.values():
        if 'notify' in o:
            if o['notify'] not in ops:
                bad.append(o['name'])
            continue
        parts = [o.get('event', {})]
        for k in ('do', 'dump'):
            parts += list((o.get(k) or {}).values())
        for p in parts:
            bad += [o['name'] + ':' + n for n in p.get('attributes', [])
                    if n not in sets[o['attribute-set']]]
    return bad

n = 0
failed = 0
def report(ok, what, notes=()):
    global n, failed
    n += 1
    failed += not ok
    print('%s %d %s' % ('ok' if ok else 'not ok', n, what))
    for note in notes:
        print('# %s' % (note,))

print('TAP version 13\n1..11')
diff = compare(header, spec_text, table)
report(not diff, 'header, specification and library agree', diff)
diff = compare_policies(header, spec_text, netlink)
report(not diff, "the kernel's policies are what the specification says", diff)
bad = dangling(yaml.safe_load(spec_text))
report(not bad, 'the specification defines what it uses', bad)

def kernel_schema():
    if os.environ.get('GENL_SCHEMA'):
        return open(os.environ['GENL_SCHEMA']).read()
    for ball in sorted(glob.glob('/usr/src/linux-source-*.tar.xz')):
        inside = os.path.basename(ball)[:-len('.tar.xz')]
        out = subprocess.run(['tar', '-xOf', ball, '--occurrence=1',
                              inside + '/Documentation/netlink/genetlink.yaml'],
                             capture_output=True, check=False)
        if not out.returncode:
            return out.stdout.decode()
    return None

schema = kernel_schema()
try:
    import jsonschema
except ImportError:
    jsonschema = None
if schema and jsonschema:
    # which this schema has for older protocols only
    plain = spec_text.replace('uns-admin-perm', 'admin-perm')
    errors = list(jsonschema.Draft7Validator(yaml.safe_load(schema)).iter_errors(
        yaml.safe_load(plain)))
    report(not errors, "the kernel's schema accepts the specification",
           ['%s: %s' % (list(e.path), e.message) for e in errors])
else:
    n += 1
    print('ok %d # SKIP no linux-source or no python3-jsonschema' % n)

# It must be able to fail.
swapped = re.sub(r'(\tCHAM_TENANT_VNI,.*\n)(\tCHAM_TENANT_WEIGHT,.*\n)', r'\2\1', header)
report(swapped != header and compare(swapped, spec_text, table),
       'a changed attribute number is noticed')
renamed = spec_text.replace('name: conn-flush', 'name: conn-purge')
report(renamed != spec_text and compare(header, renamed, table),
       'a renamed operation is noticed')
longer = header.replace('\tX(OVERSIZE,', '\tX(NEW, "new", DROP, "new") \\\n\tX(OVERSIZE,')
report(longer != header and compare(longer, spec_text, table),
       'a reason without documentation is noticed')
wider = header.replace('CHAM_VNI_MAX\t\t16777215', 'CHAM_VNI_MAX\t\t16777216')
report(wider != header and compare_policies(wider, spec_text, netlink),
       'another range is noticed')
deaf = netlink.replace('\t[CHAM_CONN_DPORT]\t= { .type = NLA_U16 },\n', '')
report(deaf != netlink and compare_policies(header, spec_text, deaf),
       'a request attribute that the kernel does not take is noticed')
open_to_all = netlink.replace('CHAM_DO(PORT_SET, CHAM_ALL', 'CHAM_DO(PORT_SET, CHAM_OWN')
report(open_to_all != netlink and compare_policies(header, spec_text, open_to_all),
       'an operation that tenants may, too, is noticed')
lost = netlink.replace('\tCHAM_DO(PORT_GET,', '\tCHAM_DO(PORT_SET,')
report(lost != netlink and compare_policies(header, spec_text, lost),
       'an operation that the kernel does not have is noticed')
sys.exit(1 if failed else 0)
PY
