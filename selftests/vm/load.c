// SPDX-License-Identifier: GPL-2.0
/*
 * A load of 64-byte datagrams that is counted at both ends:
 *
 *	load recv PORT				until nothing has come for 3 seconds
 *	load send ADDRESS PORT SECONDS RATE	RATE a second, 0: as fast as it goes; SIGTERM
 *						ends it before
 *
 * The receiver says how many have come at every 16th, and no more than WINDOW are on the
 * way: what is lost was not lost for want of room. Each datagram has a number; bytes 8
 * and 12 are for handlers (stamp.bpf.c): who it was, and how many it has seen. Both print
 * what they have counted, as JSON.
 *
 * Where something else has the machine, less than RATE may be all that goes. So the sender
 * also says for how many seconds it did not even try: it sent less than 3/4 of RATE, and
 * yet rested, or waited for what never came, for more than a tenth of the second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WINDOW	96
#define STAMPS	8

struct datagram {
	uint32_t number;
	uint32_t zero;
	uint8_t stamp;
	uint8_t rest[3];
	uint32_t seen;
	uint8_t filler[48];
};

static volatile sig_atomic_t stop;

static void on_term(int signal)
{
	stop = signal;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int open_socket(void)
{
	struct timeval wait = { .tv_usec = 300000 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1, big = 4 << 20;

	/* a handler writes into what it has not summed */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		die("socket");
	return fd;
}

static int run_recv(unsigned int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) }, from;
	uint32_t total = 0, next = 0, disorder = 0, gaps = 0, seen = 0, stamps[STAMPS] = { 0 };
	socklen_t len = sizeof(from);
	int fd = open_socket(), quiet = 0, i;
	struct datagram d;

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		die("bind");
	while (quiet < 10 || !total) {
		if (recvfrom(fd, &d, sizeof(d), 0, (struct sockaddr *)&from, &len) != sizeof(d)) {
			quiet++;
			continue;
		}
		quiet = 0;
		total++;
		disorder += ntohl(d.number) != next;
		next = ntohl(d.number) + 1;
		stamps[d.stamp % STAMPS]++;
		/* of a handler's own count, which nobody else writes */
		if (d.stamp) {
			gaps += d.seen != seen + 1;
			seen = d.seen;
		}
		if (!(total % 16) &&
		    sendto(fd, &total, sizeof(total), 0, (struct sockaddr *)&from, len) < 0)
			die("sendto");
	}
	printf("{\"received\":%u,\"disorder\":%u,\"gaps\":%u,\"stamps\":[", total, disorder, gaps);
	for (i = 0; i < STAMPS; i++)
		printf("%s%u", i ? "," : "", stamps[i]);
	puts("]}");
	return 0;
}

static int run_send(const char *to, unsigned int port, double seconds, double rate)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	double begin = now(), end = begin + seconds, t;
	uint32_t sent = 0, come = 0, n, stalls = 0, seconds_all = 0, idle = 0, sent_before = 0;
	double rest = 0, rest_before = 0, second = begin, since;
	struct datagram d = { 0 };
	int fd = open_socket();

	at.sin_addr.s_addr = inet_addr(to);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)))
		die("connect");
	signal(SIGTERM, on_term);
	while (!stop && (t = now()) < end) {
		bool full = sent - come >= WINDOW;

		if (t - second >= 1) {
			seconds_all++;
			idle += sent - sent_before < (t - second) * rate * 3 / 4 &&
				rest - rest_before > (t - second) / 10;
			second = t;
			sent_before = sent;
			rest_before = rest;
		}
		if (recv(fd, &n, sizeof(n), full ? 0 : MSG_DONTWAIT) == sizeof(n)) {
			come = n;
			continue;
		}
		/* what would have said so is lost, or so many are: it goes on */
		if (full) {
			stalls++;
			rest += now() - t;
		}
		if (rate && sent > (t - begin) * rate) {
			/* longer than that others have the machine: that is no rest of ours */
			since = now();
			usleep(200);
			since = now() - since;
			rest += since < 0.001 ? since : 0.001;
			continue;
		}
		d.number = htonl(sent);
		if (send(fd, &d, sizeof(d), 0) == sizeof(d))
			sent++;
		else if (errno != ENOBUFS && errno != EINTR)
			die("send");
	}
	t = now() - begin;
	printf("{\"sent\":%u,\"stalls\":%u,\"rate\":%.0f,", sent, stalls, sent / t);
	printf("\"seconds\":%u,\"idle\":%u,\"rested\":%.3f}\n", seconds_all, idle, rest / t);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "recv"))
		return run_recv(atoi(argv[2]));
	if (argc == 6 && !strcmp(argv[1], "send"))
		return run_send(argv[2], atoi(argv[3]), atof(argv[4]), atof(argv[5]));
	fprintf(stderr, "usage: load recv PORT | send ADDRESS PORT SECONDS RATE\n");
	return 2;
}
