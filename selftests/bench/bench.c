// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic that costs the same each time, and what it cost: see
 * Documentation/measure.md.
 *
 *	bench in|out|drop KEY=VALUE...	bursts of UDP packets
 *	bench tcp|rr KEY=VALUE...	a TCP connection
 *	bench ask KEY=VALUE...		UDP questions and answers
 *	bench lookup KEY=VALUE...	a table of many connections
 *	bench xdp DEV PROGRAM [TARGET]	attach one of floor.bpf.o; "none" detaches
 *
 * Runs in the VM of scripts/vm --icount, where the clock counts instructions.
 * One line of JSON on stdout.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define BURSTS_MAX	4096
#define FRAME_MAX	512
#define UDP_SEGMENT	103
#define WIRE_PORT	9000

static const char * const who_names[BENCH_SOFTIRQ] = {
	"host", "guest", "remote", "nobody", "idle"
};

static struct bench_books *books;
static const char *objects;
static char **args;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("bench: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	exit(1);
}

/* The value of KEY=VALUE among the arguments. */
static const char *arg(const char *key, const char *otherwise)
{
	size_t n = strlen(key);
	char **a;

	for (a = args; *a; a++)
		if (!strncmp(*a, key, n) && (*a)[n] == '=')
			return *a + n + 1;
	if (!otherwise)
		die("%s= is missing", key);
	return otherwise;
}

static unsigned int arg_num(const char *key, const char *otherwise)
{
	return strtoul(arg(key, otherwise), NULL, 0);
}

static void arg_mac(const char *key, __u8 *mac)
{
	const char *text = arg(key, NULL);

	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2,
		   mac + 3, mac + 4, mac + 5) != 6)
		die("%s=%s is no MAC address", key, text);
}

/* The value of @key, in hex, into @to of @room bytes; gives how many they are. */
static unsigned int arg_hex(const char *key, __u8 *to, size_t room)
{
	const char *text = arg(key, NULL);
	size_t len = strlen(text) / 2, i;

	if (len > room)
		die("%s= is over %zu bytes", key, room);
	for (i = 0; i < len; i++)
		if (sscanf(text + 2 * i, "%2hhx", &to[i]) != 1)
			die("%s=%s is not in hex", key, text);
	return len;
}

static int space_open(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static void space_enter(const char *name)
{
	if (!strcmp(name, "-"))
		return;
	if (setns(space_open(name), CLONE_NEWNET))
		die("setns %s: %s", name, strerror(errno));
}

/* Namespaces by name: t-* are guests, all others host B's. */
static void spaces_fill(struct bench_space *spaces)
{
	unsigned int n = 0;
	char line[64];
	struct stat st;
	FILE *list = popen("ip netns list", "r");

	while (list && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n ")] = 0;
		if (n == BENCH_SPACES)
			die("more than %d namespaces", BENCH_SPACES);
		if (fstat(space_open(line), &st))
			die("%s: %s", line, strerror(errno));
		spaces[n].inum = st.st_ino;
		spaces[n++].who = strncmp(line, "t-", 2) ? BENCH_REMOTE : BENCH_GUEST;
	}
	if (list)
		pclose(list);
}

static struct bpf_object *object_open(const char *name)
{
	struct bpf_object *o;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.bpf.o", objects, name);
	o = bpf_object__open(path);
	if (!o)
		die("%s: %s", path, strerror(errno));
	return o;
}

/* An idle machine's clock jumps to the next timer, however long QEMU takes to
 * carry a packet in between: somebody always runs.
 */
static void spin_begin(void)
{
	struct sched_param none = {};
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		die("fork: %s", strerror(errno));
	if (child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || sched_setscheduler(0, SCHED_IDLE, &none))
		_exit(1);
	for (;;)
		;
}

static void count_begin(void)
{
	struct bpf_object *o = object_open("count");
	struct bpf_program *p;
	struct bench_shared *shared;
	struct bpf_map *bss;
	int err;

	err = bpf_object__load(o);
	if (err)
		die("loading count.bpf.o: %s", strerror(-err));
	bss = bpf_object__find_map_by_name(o, ".bss");
	if (!bss || bpf_map__value_size(bss) != sizeof(*shared))
		die("count.bpf.o has other variables");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(bss), 0);
	if (shared == MAP_FAILED)
		die("mapping count.bpf.o's variables: %s", strerror(errno));
	books = &shared->books;
	spaces_fill(shared->spaces);
	bpf_object__for_each_program(p, o)
		if (!bpf_program__attach(p))
			die("%s: %s", bpf_program__name(p), strerror(errno));
	spin_begin();
	usleep(1000);
}

static int by_value(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* Bursts of UDP packets. */

struct burst_cost {
	__u64 spent[BENCH_SOFTIRQ];
	__u64 polls;
};

/* Waits until @who has polled @n packets more than @from. The machine warps its
 * clock when idle, so that a wait in its time need not be one in ours.
 */
static int settled(enum bench_who who, __u64 from, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		if (*(volatile __u64 *)&books->polled[who] - from >= n) {
			usleep(200);
			return 1;
		}
		usleep(50);
	}
	return 0;
}

static void bursts(int (*send_burst)(void *arg), void *arg_of, enum bench_who sink,
		   unsigned int burst, unsigned int count)
{
	static struct burst_cost cost[BURSTS_MAX];
	static __u64 sorted[BURSTS_MAX];
	unsigned int i, who, cut, odd = 0, warm = 16;
	__u64 sum = 0, from;

	if (count > BURSTS_MAX)
		die("at most %d bursts", BURSTS_MAX);
	count_begin();
	for (i = 0; i < count + warm; i++) {
		struct burst_cost *c = &cost[i < warm ? 0 : i - warm];
		struct bench_books before = *books;

		from = books->polled[sink];
		if (send_burst(arg_of))
			die("sending: %s", strerror(errno));
		if (!settled(sink, from, burst))
			die("burst %u: %llu of %u packets arrived", i,
			    (unsigned long long)(books->polled[sink] - from), burst);
		odd += i >= warm && books->polled[sink] - from != burst;
		for (who = 0; who < BENCH_SOFTIRQ; who++)
			c->spent[who] = books->spent[who] - before.spent[who];
		c->polls = books->polls[BENCH_HOST] - before.polls[BENCH_HOST];
	}
	printf("{\"burst\":%u,\"bursts\":%u,\"odd\":%u,\"polls\":%llu", burst, count, odd,
	       (unsigned long long)cost[count / 2].polls);
	for (who = 0; who < BENCH_IDLE; who++) {
		for (i = 0; i < count; i++)
			sorted[i] = cost[i].spent[who];
		qsort(sorted, count, sizeof(*sorted), by_value);
		cut = count / 20;
		/* a timer that ticked in a burst is none of ours */
		for (sum = 0, i = cut; i < count - cut; i++)
			sum += sorted[i];
		printf(",\"%s\":{\"median\":%.1f,\"mean\":%.1f,\"low\":%.1f,\"high\":%.1f}",
		       who_names[who], (double)sorted[count / 2] / burst,
		       (double)sum / (count - 2 * cut) / burst,
		       (double)sorted[count / 10] / burst,
		       (double)sorted[count * 9 / 10] / burst);
	}
	puts("}");
}

/* The Internet checksum of @len bytes at @data and of @sum. */
static __u16 sum_of(const void *data, unsigned int len, __u32 sum)
{
	const __u8 *b = data;
	unsigned int i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? b[i] << 8 : b[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* A frame with an IPv4 and a UDP header before @len bytes that are there. */
static unsigned int frame_wrap(__u8 *at, unsigned int len, const __u8 *macs,
			       const char *from, const char *to, unsigned int sport,
			       unsigned int dport)
{
	struct iphdr *ip = (struct iphdr *)(at + ETH_HLEN);
	struct udphdr *udp = (struct udphdr *)(ip + 1);
	unsigned int head = ETH_HLEN + sizeof(*ip) + sizeof(*udp);

	memset(at, 0, head);
	memcpy(at, macs, 12);
	at[12] = 8;
	*(__u8 *)ip = 0x45;
	ip->tot_len = htons(len + sizeof(*ip) + sizeof(*udp));
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = inet_addr(from);
	ip->daddr = inet_addr(to);
	ip->check = sum_of(ip, sizeof(*ip), 0);
	udp->source = htons(sport);
	udp->dest = htons(dport);
	udp->len = htons(len + sizeof(*udp));
	return len + head;
}

struct wire {
	struct bpf_test_run_opts opts;
	int prog;
};

static int wire_send(void *of)
{
	struct wire *w = of;

	return bpf_prog_test_run_opts(w->prog, &w->opts);
}

static int floor_prog(const char *name, __u32 target, __u32 number_at)
{
	const __u32 constants[2] = { target, number_at };
	struct bpf_object *o = object_open("floor");
	struct bpf_program *p = bpf_object__find_program_by_name(o, name);
	struct bpf_map *data = bpf_object__find_map_by_name(o, ".rodata");
	int err;

	if (!p || !data)
		die("floor.bpf.o has no %s", name);
	bpf_map__set_initial_value(data, constants, sizeof(constants));
	err = bpf_object__load(o);
	if (err)
		die("floor.bpf.o: %s", strerror(-err));
	return bpf_program__fd(p);
}

/* A frame of @len bytes of UDP payload from host B's side to 10.0.0.1 @dport, in VXLAN
 * if vni= is given, with a checksum if sum= is, for wire_send() to put @burst times on the
 * wire by a redirect from host B, in whose namespace the caller is. @word: number them.
 */
static void wire_make(struct wire *w, const void *payload, unsigned int len,
		      unsigned int dport, unsigned int burst, unsigned int word)
{
	static __u8 frame[FRAME_MAX];
	unsigned int vni = arg_num("vni", "0");
	__u8 macs[12], *at = frame + 50;

	if (len > FRAME_MAX - 100)
		die("a payload of %u is over %d", len, FRAME_MAX - 100);
	arg_mac("imac", macs);
	arg_mac("fmac", macs + 6);
	memcpy(at + 42, payload, len);
	if (word) {
		word = htonl(word);
		memcpy(at + 42, &word, sizeof(word));
	}
	len = frame_wrap(at, len, macs, "10.0.0.2", "10.0.0.1", WIRE_PORT, dport);
	if (arg_num("sum", "0")) {
		struct udphdr *udp = (struct udphdr *)(at + 34);

		/* the pseudo header: both addresses, the protocol and the length */
		udp->check = sum_of(at + 26, len - 26, htons(IPPROTO_UDP) + udp->len);
	}
	if (vni) {
		at[-8] = 8;
		at[-4] = vni >> 16;
		at[-3] = vni >> 8;
		at[-2] = vni;
		arg_mac("omac", macs);
		arg_mac("bmac", macs + 6);
		at -= 50;
		len = frame_wrap(at, len + 8, macs, "192.0.2.2", "192.0.2.1", 50000, 4789);
	}
	memset(&w->opts, 0, sizeof(w->opts));
	w->opts.sz = sizeof(w->opts);
	w->prog = floor_prog(word ? "bench_number" : "bench_redirect",
			     if_nametoindex(arg("dev", "b0")), (vni ? 50 : 0) + 42 + 4);
	/* A program that no device has is new in the kernel's dispatcher with each burst,
	 * and gone again, and each time waits for a grace period.
	 */
	if (bpf_link_create(w->prog, if_nametoindex("lo"), BPF_XDP, NULL) < 0)
		die("XDP on host B's lo: %s", strerror(errno));
	w->opts.data_in = at;
	w->opts.data_size_in = len;
	w->opts.repeat = burst;
	w->opts.batch_size = burst;
	w->opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
}

/* Host B's NIC sends bursts: frames that cost host B no stack. */
static void run_in(enum bench_who sink)
{
	unsigned int burst = arg_num("burst", "32"), len = arg_num("size", "64");
	static __u8 payload[FRAME_MAX];
	struct wire w;

	if (*arg("hex", ""))
		len = arg_hex("hex", payload, sizeof(payload));
	else
		memset(payload, 'x', sizeof(payload));
	space_enter(arg("ns", "hostb"));
	wire_make(&w, payload, len, arg_num("port", "9"), burst, arg_num("word", "0"));
	bursts(wire_send, &w, sink, burst, arg_num("bursts", "300"));
}

struct sock {
	int fd;
	unsigned int len;
	char data[65536];
};

static int sock_send(void *of)
{
	struct sock *s = of;

	return send(s->fd, s->data, s->len, 0) == (ssize_t)s->len ? 0 : -1;
}

/* A guest sends bursts: one send() that its kernel cuts before the NIC. */
static void run_out(void)
{
	static struct sock s;
	int size = arg_num("size", "64");
	unsigned int burst = arg_num("burst", "32");
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };

	space_enter(arg("ns", NULL));
	to.sin_addr.s_addr = inet_addr(arg("to", NULL));
	s.fd = socket(AF_INET, SOCK_DGRAM, 0);
	s.len = burst * size;
	if (s.fd < 0 || s.len > sizeof(s.data) ||
	    setsockopt(s.fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) ||
	    connect(s.fd, (struct sockaddr *)&to, sizeof(to)))
		die("UDP socket: %s", strerror(errno));
	bursts(sock_send, &s, BENCH_HOST, burst, arg_num("bursts", "300"));
}

/* One TCP connection. */

static void books_print(const struct bench_books *since, double units)
{
	unsigned int who;

	fputs("{", stdout);
	for (who = 0; who < BENCH_IDLE; who++)
		printf("%s\"%s\":{\"softirq\":%.1f,\"task\":%.1f}", who ? "," : "",
		       who_names[who], (books->spent[who] - since->spent[who]) / units,
		       (books->ran[who] - since->ran[who]) / units);
	puts("}");
}

static void move_exactly(int fd, void *data, size_t len, int out)
{
	while (len) {
		ssize_t n = out ? send(fd, data, len, 0) : recv(fd, data, len, 0);

		if (n <= 0)
			die("TCP %s: %s", out ? "send" : "recv",
			    n ? strerror(errno) : "end of stream");
		data = (char *)data + n;
		len -= n;
	}
}

/* Buffers that tune themselves to what they think the round trip is do so
 * differently each time.
 */
static void tcp_buffers(int fd, int bytes)
{
	if (!bytes)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

/* The near end, in ns=, listens for the far end's child, in peer=. */
static int tcp_pair(int *far)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(7000) };
	int buffer = arg_num("buffer", "0"), listener, fd, one = 1, ready[2];
	pid_t parent = getpid(), child;
	char c;

	at.sin_addr.s_addr = inet_addr(arg("at", NULL));
	if (pipe(ready))
		die("pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		die("fork: %s", strerror(errno));
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || read(ready[0], &c, 1) != 1)
			_exit(1);
		space_enter(arg("peer", NULL));
		fd = socket(AF_INET, SOCK_STREAM, 0);
		tcp_buffers(fd, buffer);
		if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)))
			die("connect: %s", strerror(errno));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		*far = 1;
		return fd;
	}
	space_enter(arg("ns", NULL));
	listener = socket(AF_INET, SOCK_STREAM, 0);
	tcp_buffers(listener, buffer);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(listener, 1) || write(ready[1], "", 1) != 1)
		die("listen: %s", strerror(errno));
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("accept: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*far = 0;
	return fd;
}

/* The far end sends: per 1024 bytes. */
static void run_tcp(void)
{
	unsigned int warm = arg_num("warm", "4"), size = arg_num("megabytes", "16"), i;
	static char data[1 << 16];
	struct bench_books before;
	int far, fd;

	count_begin();
	fd = tcp_pair(&far);
	for (i = 0; i < (warm + size) * 16; i++) {
		if (!far && i == warm * 16)
			before = *books;
		move_exactly(fd, data, sizeof(data), far);
	}
	if (!far)
		books_print(&before, size * 1024);
	else
		pause();
}

/* Request and response of the same size: per transaction. */
static void run_rr(void)
{
	unsigned int size = arg_num("size", "64"), n = arg_num("transactions", "2000"), i;
	static char data[1 << 12];
	struct bench_books before;
	int far, fd;

	if (size > sizeof(data))
		die("size=%u is over %zu", size, sizeof(data));
	count_begin();
	fd = tcp_pair(&far);
	for (i = 0; i < n + 200; i++) {
		if (!far && i == 200)
			before = *books;
		move_exactly(fd, data, size, !far);
		move_exactly(fd, data, size, far);
	}
	if (!far)
		books_print(&before, n);
	else
		pause();
}

/* One datagram that leaves as @burst, cut where the NIC would: they arrive together. */
static void ask_burst(int fd, const __u8 *question, size_t len, unsigned int burst)
{
	static __u8 all[65536];
	unsigned int i;

	if (burst * len > sizeof(all) - 500)
		die("burst=%u of %zu bytes is too much", burst, len);
	for (i = 0; i < burst; i++)
		memcpy(all + i * len, question, len);
	if (send(fd, all, burst * len, 0) != (ssize_t)(burst * len))
		die("send: %s", strerror(errno));
}

/* One question over UDP, again and again, and its answer: per transaction. With vni=,
 * questions are frames that host B's NIC sends; else a socket does. Answers come to a
 * socket in any case, and have to be alike.
 */
static void run_ask(void)
{
	unsigned int n = arg_num("transactions", "1000"), burst = arg_num("burst", "1");
	unsigned int warm = 100 / burst + 1, port = arg_num("port", NULL), i, k;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd, got = 0, first = 0, cut, live = arg_num("vni", "0");
	struct timeval limit = { .tv_sec = 2 };
	struct bench_books before;
	static __u8 data[1024], answer[1024], same[1024];
	struct wire w;

	cut = arg_hex("hex", data, sizeof(data));
	to.sin_addr.s_addr = inet_addr(arg("to", NULL));
	if (live)
		from.sin_port = htons(WIRE_PORT);
	count_begin();
	space_enter(arg("ns", NULL));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    (burst > 1 && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &cut, sizeof(cut))))
		die("UDP socket: %s", strerror(errno));
	if (live) {
		space_enter("hostb");
		wire_make(&w, data, cut, port, burst, 0);
	}
	n = (n + burst - 1) / burst;
	for (i = 0; i < n + warm; i++) {
		if (i == warm)
			before = *books;
		if (!live)
			ask_burst(fd, data, cut, burst);
		else if (wire_send(&w))
			die("sending: %s", strerror(errno));
		for (k = 0; k < burst; k++) {
			got = recv(fd, answer, sizeof(answer), 0);
			if (got < 0)
				die("question %u is not answered: %s", i * burst + k,
				    strerror(errno));
			if (!first)
				memcpy(same, answer, first = got);
			if (got != first || memcmp(answer, same, got))
				die("question %u has another answer (%d bytes) than the first (%d)",
				    i * burst + k, got, first);
		}
	}
	books_print(&before, n * burst);
}

/* Many connections. */

static double lookup_run(int prog, struct bpf_test_run_opts *opts, __u32 *in,
			 __u32 first, __u32 n)
{
	in[0] = first;
	in[1] = n;
	opts->data_size_out = 0;
	if (bpf_prog_test_run_opts(prog, opts))
		die("lookup: %s", strerror(errno));
	return opts->duration;
}

static inline void mark(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 0x43, 0x48, 0x41, 0x4d" ::: "memory");
}

/* Makes connections from ever new sources, then finds them, in an order that
 * leaves none near the one before; the empty loop is subtracted.
 */
static void run_lookup(void)
{
	unsigned int count = arg_num("count", "1000"), at, n, rounds, i;
	struct bpf_object *o = object_open("lookup");
	struct bpf_map *bss = NULL, *m;
	struct bpf_test_run_opts opts = { .sz = sizeof(opts) };
	static __u32 in[64];
	struct xdp_md ctx = { .data_end = sizeof(in) };
	struct bench_lookup *l;
	double with = 0, without = 0;
	int prog, err;

	err = bpf_object__load(o);
	if (err)
		die("lookup.bpf.o: %s", strerror(-err));
	bpf_object__for_each_map(m, o)
		if (strstr(bpf_map__name(m), ".bss"))
			bss = m;
	l = bss ? mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(bss), 0) : MAP_FAILED;
	if (l == MAP_FAILED)
		die("mapping lookup.bpf.o's variables: %s", strerror(errno));
	arg_mac("imac", l->macs);
	arg_mac("fmac", l->macs + 6);
	l->vni = arg_num("vni", NULL);
	l->outer_src = inet_addr("192.0.2.2");
	ctx.ingress_ifindex = if_nametoindex(arg("dev", "up0"));
	opts.data_in = in;
	opts.data_size_in = sizeof(in);
	opts.ctx_in = &ctx;
	opts.ctx_size_in = sizeof(ctx);
	opts.repeat = 1;
	prog = bpf_program__fd(bpf_object__find_program_by_name(o, "bench_lookup"));

	l->stride = 1;
	l->mask = ~0u;
	l->live = 1;
	/* A bucket may be full: then another connection, up to one in a hundred. */
	for (at = 0; l->made < count && at < count + count / 100; at += n) {
		n = count - l->made < BENCH_LOOKUPS ? count - l->made : BENCH_LOOKUPS;
		lookup_run(prog, &opts, in, at, n);
	}
	/* An odd stride visits each of a power of two. */
	l->stride = 40503;
	for (l->mask = 1; l->mask * 2 <= count; l->mask *= 2)
		;
	l->mask--;
	rounds = arg_num("rounds", "64");
	for (i = 0; i < arg_num("marked", "0"); i++) {
		mark();
		lookup_run(prog, &opts, in, i, 1);
		mark();
	}
	l->hits = 0;
	for (i = 0; i < rounds + 1; i++) {
		double took = lookup_run(prog, &opts, in, i * BENCH_LOOKUPS, BENCH_LOOKUPS);

		with += i ? took : 0;
	}
	l->live = 0;
	for (i = 0; i < rounds + 1; i++) {
		double took = lookup_run(prog, &opts, in, i * BENCH_LOOKUPS, BENCH_LOOKUPS);

		without += i ? took : 0;
	}
	printf("{\"count\":%u,\"made\":%llu,\"tried\":%u,", count,
	       (unsigned long long)l->made, at);
	printf("\"lookup\":%.1f,\"loop\":%.1f,\"hit\":%.4f}\n",
	       (with - without) / rounds / BENCH_LOOKUPS, without / rounds / BENCH_LOOKUPS,
	       (double)l->hits / (rounds + 1) / BENCH_LOOKUPS);
}

static void run_xdp(char **words)
{
	int dev = words[0] ? if_nametoindex(words[0]) : 0, fd = -1, err;

	if (!dev || !words[1])
		die("usage: bench xdp DEV drop|pass|redirect|none [TARGET]");
	if (strcmp(words[1], "none")) {
		char name[64];

		snprintf(name, sizeof(name), "bench_%s", words[1]);
		fd = floor_prog(name, words[2] ? if_nametoindex(words[2]) : 0, 0);
	}
	err = bpf_xdp_attach(dev, fd, XDP_FLAGS_DRV_MODE, NULL);
	if (err)
		die("XDP on %s: %s", words[0], strerror(-err));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	objects = getenv("BENCH_OBJECTS") ?: "build/selftests/bench";
	args = argc > 1 ? argv + 2 : argv;
	if (!strcmp(what, "in"))
		run_in(BENCH_GUEST);
	else if (!strcmp(what, "drop"))
		run_in(BENCH_HOST);
	else if (!strcmp(what, "out"))
		run_out();
	else if (!strcmp(what, "tcp"))
		run_tcp();
	else if (!strcmp(what, "rr"))
		run_rr();
	else if (!strcmp(what, "ask"))
		run_ask();
	else if (!strcmp(what, "lookup"))
		run_lookup();
	else if (!strcmp(what, "xdp"))
		run_xdp(args);
	else
		die("what? in, out, drop, tcp, rr, ask, lookup or xdp");
	return 0;
}
