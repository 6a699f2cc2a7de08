#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# C and bitcode as a tenant's program: the same verdict as on the object, and a
# compiler that is attacked by its input harms nobody: it ends within its limits,
# tells nothing of files it has no business with, and leaves nothing behind.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
chamctl=$O/cli/chamctl
require_cmd clang-19 llc-19 jq python3 setpriv
tmp=$(mktemp -d)
defer rm -rf "$tmp"
chmod 755 "$tmp"
cd "$tmp" || exit 1
landlock=$(python3 -c 'import ctypes; print(int(ctypes.CDLL(None).syscall(444, None, 0, 1) > 0))')

judge() { "$chamctl" prog check "$@" 2>&1; }
# source NAME: behind the header and the program's name
source_of() { { printf '#include "handler.h"\nCHAM_PROGRAM("x", 1, 0);\n'; cat; } >"$1"; }
# same NAME FILE: the verdict on the object of the build, but for what it came as
same() {
	local wanted got
	wanted=$("$chamctl" -j prog check "$O/bpf/echo.bpf.o" | jq -S "$what")
	got=$("$chamctl" -j prog check "$2" | jq -S "$what")
	[ -n "$got" ] || got=$(judge "$2")
	check_eq "$1" "$wanted" "$got"
}

# what comes in three forms
what='del(.form, .landlock, .tiers, .hooks[].path[].file)'
same "C: the verdict on the object, its lines included" "$tap_top/bpf/echo.bpf.c"
clang-19 -target bpf -mcpu=v3 -O2 -g -emit-llvm -mllvm -enable-load-pre=false \
	-mllvm -sink-common-insts=false -I"$tap_top/uapi" -I"$tap_top/bpf" \
	-I"/usr/include/$(gcc -print-multiarch)" -c -o echo.bc "$tap_top/bpf/echo.bpf.c"
what='del(.form, .landlock, .tiers, .hooks[].path)'
same "bitcode: the verdict on the object" echo.bc
printf '\xde\xc0\x17\x0b\0\0\0\0\x14\0\0\0%b\0\0\0\0' \
	"$(printf '%08x' "$(stat -c %s echo.bc)" | sed -E 's/(..)(..)(..)(..)/\\x\4\\x\3\\x\2\\x\1/')" |
	cat - echo.bc >wrapped
same "bitcode in a wrapper, by its first bytes" wrapped
check_eq "the report says what came" "c true" "$("$chamctl" -j prog check "$tap_top/bpf/echo.bpf.c" |
	jq -r '"\(.form) \(.landlock or '"$landlock"' == 0)"')"
check_match "in words" "compiled from C" "$(judge "$tap_top/bpf/echo.bpf.c")"
cp "$tap_top/bpf/echo.bpf.c" './-o we=ird.c'
check_match "a file of any name" "admitted" "$(judge "./-o we=ird.c")"
source_of resize.c < <(printf '%b' '
#include <linux/icmp.h>
#include <stdint.h>
CHAM_HOOK(rx)
{
	struct tcphdr *tcp = cham_at(ctx, pkt->l4, sizeof(*tcp));

	if (!tcp || (tcp->doff > 5 && cham_resize(ctx, pkt, pkt->l4 + 20)))
		return CHAM_DROP_WITH(sizeof(uintptr_t) == 8 ? 1 : 2);
	tcp = cham_at(ctx, pkt->l4, sizeof(*tcp));
	return tcp && tcp->urg ? CHAM_CONSUME : CHAM_PASS; /* \x1b[31m \xe9 \xe2\x80\xae */
}
')
check_match "a resize on one of two ways, and the C library's headers" "admitted" \
	"$("$chamctl" prog check resize.c object "$O/xdp" 2>&1)"
judge resize.c >shown
check "its comments are in the report" grep -q '31m' shown
check_eq "but nothing that a terminal obeys" 0 "$(LC_ALL=C grep -cP '\x1b|\xe9|\xe2\x80\xae' shown)"
check "and JSON is that" sh -c "'$chamctl' -j prog check resize.c |
	python3 -c 'import json, sys; json.loads(sys.stdin.buffer.read().decode())'"
cat >own.c <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <chamelio_handler.h>
const struct cham_meta cham_meta SEC(CHAM_META_SECTION) __attribute__((used)) = { .abi = CHAM_ABI_VERSION, .layout = 1, .name = "own" };
char LICENSE[] SEC("license") = "GPL";
int rx(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area) { return CHAM_PASS; }
C
check_match "without handler.h" "admitted" "$(judge own.c)"
source_of helper.c <<<'CHAM_HOOK(rx) { return bpf_redirect(1, 0); }'
check_match "C is judged as an object" "helper 23 \\(bpf_redirect\\), which handlers may not" "$(judge helper.c)"

# what is wrong is shown where
source_of syntax.c <<<'CHAM_HOOK(rx) { return nothing; }'
check_match "an error: the compiler's words, the file's name" \
	"syntax.c: does not compile:.syntax.c:3:24: error: use of undeclared identifier 'nothing'" \
	"$(judge syntax.c | tr '\n' ' ')"
printf 'CHAM_\033[31mHOOK(rx)' >colour.c
check_fails "no escape sequence reaches the terminal" grep -q $'\033' <(judge colour.c)
{ printf 'BC\xc0\xde'; head -c 500 /dev/urandom; } >noise.bc
check_match "bitcode that is none" "noise.bc: does not compile" "$(judge noise.bc)"
head -c 3000 echo.bc >cut.bc
check_match "bitcode that is cut off" "cut.bc: does not compile" "$(judge cut.bc)"
: >empty.c
check_match "nothing" "no code in .text|does not say|no bytes|not a BPF object|has no" "$(judge empty.c)"

# what takes all there is
# ends NAME TEXT FILE: within the limits of a caller that has 10 s of CPU time
ends() {
	local out start=$SECONDS
	out=$(ulimit -t 10 && timeout 200 "$chamctl" prog check "$3" 2>&1)
	check_match "$1: refused" "$2" "$out"
	check_num "$1: in time" $((SECONDS - start)) -lt $((100 * ${TIMESCALE:-1}))
}
{
	echo '#define A0 (x)+(x)'
	for n in {1..50}; do echo "#define A$n A$((n - 1))+A$((n - 1))"; done
	echo 'CHAM_HOOK(rx) { int x = pkt->len; return A50; }'
} | source_of macro.c
ends "macros that double" "more CPU time|it may have 1024 MB of memory" macro.c
printf '#if __INCLUDE_LEVEL__ < 60\n#include "/proc/self/fd/3"\n#include "/proc/self/fd/3"\n#endif\n' >twice.c
ends "a file that includes itself twice" "clang-19 took more CPU time than it may" twice.c
echo '#include "/proc/self/fd/3"' >self.c
ends "and one that does it for ever" "self.c: does not compile" self.c
source_of array.c <<<'__int128 big[1 << 26] = { [1 << 25] = 1 }; CHAM_HOOK(rx) { return big[pkt->len]; }'
ends "an array of a gigabyte" "it may have 1024 MB of memory" array.c
source_of huge.c <<<'__int128 big[1ull << 40] = { 1 }; CHAM_HOOK(rx) { return big[pkt->len]; }'
ends "one that makes a file without end" "write 64 MB" huge.c
source_of crash.c <<<'#pragma clang __debug crash'
ends "a compiler that crashes" "clang-19 crashed" crash.c
check_fails "and shows no addresses" grep -q 0x0000 <(judge crash.c)
source_of atomic.c <<<'CHAM_HOOK(rx) { __u16 *h = (void *)area; __sync_fetch_and_add(&h[1], 1); return CHAM_PASS; }'
check_match "what BPF has no instruction for: said, and where" \
	"atomic.c:3:42: .*unsupported atomic operation.*Cannot select: [^:]*AtomicLoadAdd.*In function: rx.*llc-19: BPF has no such instruction" \
	"$(judge atomic.c | tr '\n' ' ')"
source_of goto.c <<<'CHAM_HOOK(rx) { static const void *const l[] = { &&a, &&b }; goto *l[pkt->now & 1]; a: return CHAM_PASS; b: return CHAM_SLOW; }'
judge goto.c >shown
check_match "a computed goto, too" "Cannot select: ch = brind.*In function: rx.*no such instruction" "$(tr '\n' ' ' <shown)"
check_fails "and that is all: no nodes, no memory" grep -q '0x\|undef\|1024' shown
source_of zero.c <<<'#include "/dev/zero"'
ends "a device without end" "file not found" zero.c
mkfifo -m 666 fifo
source_of fifo.c <<<"#include \"$tmp/fifo\""
ends "a pipe that nobody writes to" "file not found" fifo.c
check_match "a pipe for a source" "not a regular file" "$(timeout 20 "$chamctl" prog check fifo 2>&1)"

# files of others
echo "SeCrEt SeCrEt;" >secret
chmod 644 secret
# keeps NAME FILE: nothing of the secret is said
keeps() {
	local out
	out=$("$chamctl" -j prog check "$2" 2>&1)
	check_fails "$1" grep -q 'SeCrEt\|root:' <<<"$out"
	[ "$landlock" = 0 ] || [ -z "${3:-}" ] || check_match "$1: and why" "$3" "$out"
}
[ "$landlock" = 1 ] || diag "no Landlock here: the compiler reads what any user may"
files=(/etc/shadow)
[ "$landlock" = 0 ] || files+=(/etc/passwd "$tmp/secret")
for file in "${files[@]}"; do
	{ echo "#include \"$file\""; echo "wrong"; } >include.c
	keeps "#include $file" include.c "file not found"
	source_of embed.c <<<"static const char text[] = {
#embed \"$file\"
};
_Static_assert(text[0] == 0, \"it begins with \" #text);"
	keeps "#embed $file" embed.c "not found"
	source_of incbin.c <<<"asm(\".pushsection .data\\n.incbin \\\"$file\\\"\\n.popsection\"); CHAM_HOOK(rx) { return 0; }"
	keeps ".incbin $file" incbin.c "incbin"
	source_of line.c <<<"#line 1 \"$file\"
CHAM_HOOK(rx) { return CHAM_PASS; }"
	keeps "#line in $file" line.c
	clang-19 -target bpf -mcpu=v3 -O2 -g -emit-llvm -I"$tap_top/uapi" -I"$tap_top/bpf" \
		-I"/usr/include/$(gcc -print-multiarch)" -c -o line.bc line.c
	keeps "a line of $file, by bitcode" line.bc
done

# nor whether there are such files
# oracle FILE LINE: what is said of the file, without its name
oracle() {
	{ printf '%b\n' "$2"; echo wrong; } >oracle.c
	judge oracle.c | sed "s|$1|FILE|; s/~~*//"
}
for line in '#include "%s"' '#include "/usr/../%s"' '#include_next "%s"' '#if __has_include("%s")\n#error there\n#endif' \
	'const char a[] = {\n#embed "%s"\n};' '#if __has_embed("%s")\n#error there\n#endif' \
	'#pragma GCC dependency "%s"' '#pragma clang system_header\n#import "%s"'; do
	# shellcheck disable=SC2059 # it is one
	for file in /etc/passwd "$tmp/secret"; do
		there=$(oracle "$file" "$(printf "${line//\\/\\\\}" "$file")")
		not=$(oracle "${file}x" "$(printf "${line//\\/\\\\}" "${file}x")")
		check_eq "$line of $file: as of one that is not" "$not" "$there"
		check_match "$line of $file: wrong" "oracle.c: does not compile" "$there"
	done
done
source_of headers.c <<'C'
#if __has_include("/etc/passwd") || !__has_include(<linux/ip.h>) || !__has_include(<stddef.h>)
#error the wrong files
#endif
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <linux/ip.h>
#include "handler.h"
#include "chamelio_handler.h"
CHAM_HOOK(rx) { return offsetof(struct iphdr, saddr) == UINT8_C(12) ? CHAM_PASS : CHAM_CONSUME; }
C
check_match "the system's headers are there" "admitted" "$(judge headers.c)"
source_of mine.c <<<'#include "mine.h"'
touch mine.h
check_match "one of one's own is not, and what to do" "mine.h' file not found.*compiled by itself.*make bitcode: clang -target bpf" \
	"$(judge mine.c | tr '\n' ' ')"
mkdir -p "else where/bin" "else where/lib/clang/19"
cp "$(readlink -f "$(command -v clang-19)")" "else where/bin/clang-19"
cp -r "$(clang-19 -print-resource-dir)/include" "else where/lib/clang/19/"
check_match "LLVM that is elsewhere has its headers there" "admitted" "$(PATH="$tmp/else where/bin:$PATH" judge headers.c)"
mv "else where/lib/clang/19/include/stddef.h" .
check_match "and nowhere else" "file not found|the wrong files" "$(PATH="$tmp/else where/bin:$PATH" judge headers.c)"
rm -r "else where"

# the child, from inside: a "compiler" that tries
mkdir bin
cat >bin/clang-19 <<'PY'
#!/usr/bin/python3 -IS
import errno, os, resource, signal, socket, sys
def no(name, f, *a):
    try:
        f(*a)
    except OSError:
        sys.stderr.write("ok %s\n" % name)
    else:
        sys.stderr.write("not ok %s\n" % name)
no("no network", socket.socket)
no("no other process", os.fork)
no("no signal to another", os.kill, 1, 0)
no("no file in memory", os.memfd_create, "x")
no("no group of its own", os.setpgid, 0, 0)
no("no session of its own", os.setsid)
no("no file to write", open, "TMP/free/new", "w")
no("no file to read", open, "/etc/passwd")
no("no device", open, "/dev/zero")
print("ok" if set(os.environ) <= {"LC_CTYPE"} else "not ok", "no environment", file=sys.stderr)
print("ok" if os.read(0, 1) == b"" else "not ok", "nothing to read", file=sys.stderr)
print("ok" if set(os.listdir("/usr")) else "not ok", "reads the system's", file=sys.stderr)
print("ok" if ME == 1 or (os.getuid() > 1 << 30 and os.getgid() > 1 << 30 and not os.getgroups()) else "not ok", "as nobody", file=sys.stderr)
import ctypes
print("ok" if ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 1 else "not ok", "no new privileges", file=sys.stderr)
print("ok" if ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == -1 else "not ok", "no life after its parent's", file=sys.stderr)
print("ok" if resource.getrlimit(resource.RLIMIT_AS)[1] == 1 << 30 else "not ok", "memory", file=sys.stderr)
sys.exit(1)
PY
sed -i "s|TMP|$tmp|; s/ME ==/$([ "$(id -u)" = 0 ] && echo 0 || echo 1) ==/" bin/clang-19
chmod 755 bin bin/clang-19
mkdir -m 777 free
out=$(PATH=$tmp/bin:$PATH "$chamctl" prog check own.c 2>&1)
while read -r line; do
	case $line in
	"ok "*) pass "the compiler has ${line#ok }" ;;
	"not ok no file to read" | "not ok no device") # shown by Landlock alone
		if [ "$landlock" = 0 ]; then
			skip "${line#not ok }" "no Landlock"
		else
			fail "the compiler: ${line#not ok }"
		fi ;;
	"not ok "*) fail "the compiler: ${line#not ok }" ;;
	esac
done <<<"$out"
check_num "it tried everything" "$(grep -c '^\(not \)\?ok ' <<<"$out")" = 16

# without LLVM, with another one
check_match "no LLVM: said, with the packages" "clang-19 is not in PATH .*clang-19 and llvm-19.*prepared objects" \
	"$(PATH=/nowhere judge own.c)"
check_match "no LLVM: bitcode, too" "llc-19 is not in PATH" "$(PATH=/nowhere judge echo.bc)"
check "no LLVM: an object is taken" env PATH=/nowhere "$chamctl" prog check "$O/bpf/echo.bpf.o"
mkdir other
ln -s "$(command -v clang-19)" other/clang
ln -s "$(command -v llc-19)" other/llc
check "without a number in its name, but of that version" env PATH="$tmp/other" "$chamctl" prog check own.c
printf '#!/bin/sh\necho clang version 14.0.6\n' >bin/clang
chmod 755 bin/clang
rm bin/clang-19
check_match "another version is none" "clang-19 is not in PATH" "$(PATH=$tmp/bin judge own.c)"

# a user's, too
if [ "$(id -u)" = 0 ]; then
	install -m 755 "$chamctl" ./user-chamctl
	check_match "without privilege, the verifier is not asked, and that is said" \
		"verifier: not asked: .*loading needs CAP_BPF.* admitted" \
		"$(setpriv --reuid 65534 --regid 65534 --clear-groups \
			./user-chamctl prog check own.c object "$O/xdp" 2>&1)"
	rm user-chamctl
fi

# nothing stays behind
# leftover SIGNAL: it is sent to chamctl while the compiler is at work
leftover() {
	local pid compiler
	mkdir -m 777 -p empty
	TMPDIR=$tmp/empty "$chamctl" prog check twice.c >/dev/null 2>&1 &
	pid=$!
	busywait 10 pgrep -P $pid || diag "no compiler"
	compiler=$(pgrep -P $pid)
	kill "-$1" $pid
	wait $pid 2>/dev/null
	check "SIG$1: the compiler goes with its caller" busywait 10 sh -c "[ ! -e /proc/${compiler:-self} ]"
	check_eq "SIG$1: no file stays" "" "$(ls empty; find /tmp /dev/shm /var/tmp /run \
		-maxdepth 1 \( -uid +1600000000 -o -name '*twice*' -o -name '*.chamelio*' \))"
}
set -m	# SIGINT is not ignored in the background
leftover INT
leftover KILL
leftover TERM
finish
