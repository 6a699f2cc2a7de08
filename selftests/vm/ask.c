// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams for tests, and what comes back, in hex: a Python takes seconds to begin
 * in an emulated machine.
 *
 * usage: ask [-c PACKETS] [-p] [-i MS] [-n ANSWERS] [-s PORT] [-w SECONDS] TO PORT HEX
 *        ask -l [-n DATAGRAMS] [-w SECONDS] PORT
 *        ask -e HEX PORT
 *
 *   -c  so many packets (1), all from one socket; -p: each from one of its own, -s
 *       is then the first one's port
 *   -i  so many milliseconds between them
 *   -n  wait for so many answers to each (1), -w for each of those (2 s); instead of
 *       one that does not come it says "nothing", or the error's name
 *   -l  says what comes to a port; -e: answers everything that comes with HEX and
 *       what came, for ever
 */

#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define DATAGRAM 65536

static unsigned char data[2 * DATAGRAM];

static long number(const char *text, long most)
{
	char *end;
	long n = strtol(text, &end, 0);

	if (*end || end == text || n < 0 || n > most)
		errx(1, "\"%s\" is no number from 0 to %ld", text, most);
	return n;
}

static size_t from_hex(const char *hex)
{
	size_t n, len = strlen(hex) / 2;

	if (len > DATAGRAM)
		errx(1, "more than %d bytes", DATAGRAM);
	for (n = 0; n < len; n++)
		if (sscanf(hex + 2 * n, "%2hhx", &data[n]) != 1)
			errx(1, "\"%s\" is not in hex", hex);
	return len;
}

/* an address, of this host when @to is NULL */
static struct addrinfo *address(const char *to, const char *port, int family)
{
	struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (to ? 0 : AI_PASSIVE),
	}, *found;
	int rc = getaddrinfo(to, port, &hints, &found);

	if (rc)
		errx(1, "%s port %s: %s", to ?: "any", port, gai_strerror(rc));
	return found;
}

static int open_socket(int family, long port, double wait)
{
	struct timeval limit = {
		.tv_sec = wait,
		.tv_usec = (wait - (long)wait) * 1000000,
	};
	int fd = socket(family, SOCK_DGRAM, 0);
	struct addrinfo *at;
	char text[8];

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (port) {
		snprintf(text, sizeof(text), "%ld", port);
		at = address(NULL, text, family);
		if (bind(fd, at->ai_addr, at->ai_addrlen))
			err(1, "bind to port %ld", port);
		freeaddrinfo(at);
	}
	return fd;
}

/* the next @n datagrams; false when one did not come */
static bool say(int fd, long n)
{
	static bool any;
	ssize_t i, got;

	while (n--) {
		if (any)
			putchar(' ');
		any = true;
		got = recv(fd, data + DATAGRAM, DATAGRAM, 0);
		if (got < 0)
			fputs(errno == EAGAIN ? "nothing" : strerrorname_np(errno), stdout);
		for (i = 0; i < got; i++)
			printf("%02x", data[DATAGRAM + i]);
		if (got < 0)
			return false;
	}
	return true;
}

static void echo(int fd, size_t len)
{
	struct sockaddr_storage who;

	for (;;) {
		socklen_t size = sizeof(who);
		ssize_t got = recvfrom(fd, data + len, DATAGRAM, 0,
				       (struct sockaddr *)&who, &size);

		if (got >= 0)
			sendto(fd, data, len + got, 0, (struct sockaddr *)&who, size);
		else if (errno != ECONNREFUSED && errno != EAGAIN)
			err(1, "receive");
	}
}

int main(int argc, char **argv)
{
	long packets = 1, apart = 0, answers = 1, from = 0, i;
	bool listens = false, ports = false;
	const char *prefix = NULL;
	double wait = 2;
	struct addrinfo *to;
	size_t len;
	int opt, fd = -1;

	while ((opt = getopt(argc, argv, "c:pi:n:s:w:le:")) != -1) {
		switch (opt) {
		case 'c':
			packets = number(optarg, 1000000);
			break;
		case 'p':
			ports = true;
			break;
		case 'i':
			apart = number(optarg, 1000000);
			break;
		case 'n':
			answers = number(optarg, 1000000);
			break;
		case 's':
			from = number(optarg, 65535);
			break;
		case 'w':
			wait = atof(optarg);
			break;
		case 'l':
			listens = true;
			break;
		case 'e':
			prefix = optarg;
			break;
		default:
			return 1;
		}
	}
	argv += optind;
	argc -= optind;
	if (argc != (listens || prefix ? 1 : 3))
		errx(1, "see selftests/vm/ask.c");

	if (prefix)
		echo(open_socket(AF_INET6, number(argv[0], 65535), 0), from_hex(prefix));
	if (listens) {
		say(open_socket(AF_INET6, number(argv[0], 65535), wait), answers);
		putchar('\n');
		return 0;
	}

	to = address(argv[0], argv[1], AF_UNSPEC);
	len = from_hex(argv[2]);
	for (i = 0; i < packets; i++) {
		if (!i || ports) {
			if (fd >= 0)
				close(fd);
			fd = open_socket(to->ai_family, from ? from + i : 0, wait);
			if (connect(fd, to->ai_addr, to->ai_addrlen))
				err(1, "connect");
		}
		/* an error is what an earlier one was told: nothing was sent */
		if (send(fd, data, len, 0) < 0 &&
		    (errno != ECONNREFUSED || send(fd, data, len, 0) < 0))
			err(1, "send");
		say(fd, answers);
		if (apart)
			usleep(apart * 1000);
	}
	if (answers)
		putchar('\n');
	return 0;
}
