// SPDX-License-Identifier: GPL-2.0
/*
 * How long it takes to make datapaths of tenants' programs. What a kernel has no part
 * in is measured on any machine, without the module and in a /run/chamelio of its own:
 *
 *	compose linked|joint OBJECT DIRECTORY FIRST LAST
 *
 * links, or makes joint, DIRECTORY/FIRST.o and .bc to LAST.o, 16 in a composition, with
 * OBJECT, the datapath. The whole, in a machine that has it attached:
 *
 *	compose join OBJECT	what is linked becomes joint
 *	compose run COMMAND...
 *
 * Each prints milliseconds: by the clock, and of processors, children included.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "datapath.h"
#include "object.h"

static double busy_of(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

/* Now, or with @since the time from then. */
struct stamp {
	double clock, busy;
};

static struct stamp stamp(const struct stamp *since)
{
	struct timespec t;
	struct stamp s;

	clock_gettime(CLOCK_MONOTONIC, &t);
	s.clock = t.tv_sec * 1e3 + t.tv_nsec / 1e6 - (since ? since->clock : 0);
	s.busy = busy_of(RUSAGE_SELF) + busy_of(RUSAGE_CHILDREN) - (since ? since->busy : 0);
	return s;
}

static void copy(struct cham *h, const char *directory, uint32_t i, const char *what)
{
	char from[512], to[128];
	uint8_t *data;
	size_t size;

	snprintf(from, sizeof(from), "%s/%u.%s", directory, i, what);
	snprintf(to, sizeof(to), CHAM_PROGRAMS_DIR "/%u.%s", i, what);
	if (cham_file__read(h, from, &data, &size) || cham_file__write(h, to, data, size))
		errx(1, "%s", cham__last_error(h));
	free(data);
}

/* What would be in /run/chamelio, were all of them loaded. */
static struct cham_plan *pretend(struct cham *h, const char *directory, uint32_t first,
				 uint32_t last)
{
	struct cham_plan *plan = calloc(1, sizeof(*plan));
	uint32_t i;

	mkdir(CHAM_STATE_DIR, 0755);
	if (!plan || last - first >= CHAM_CELL_MAX || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", CHAM_STATE_DIR, "tmpfs", 0, NULL) || mkdir(CHAM_PROGRAMS_DIR, 0700))
		errx(1, "%s of its own: %s", CHAM_STATE_DIR, strerror(errno));
	for (i = first; i <= last; i++) {
		struct cham_parts *parts = &plan->of[(i - first) / CHAM_CELLS];

		parts->number = parts - plan->of;
		parts->part[parts->n++] = (struct cham_part){
			.tenant = i, .cell = (i - first) % CHAM_CELLS + 1, .layout = i,
			.version = 1,
		};
		copy(h, directory, i, "o");
		copy(h, directory, i, "bc");
	}
	return plan;
}

static void link_one(struct cham *h, const char *object, const struct cham_parts *parts)
{
	int fd;

	if (!cham_parts__linked(parts))
		return;
	fd = cham_compose(h, parts->joint ? parts->joint : object, parts);
	if (fd < 0)
		errx(1, "%s", cham__last_error(h));
	close(fd);
}

static void join_one(struct cham *h, const char *object, struct cham_parts *parts)
{
	struct cham_joint *j;
	unsigned int i;

	if (cham_joint__open(h, object, parts, &j) || cham_joint__make(j) ||
	    cham_joint__put(j, parts))
		errx(1, "%s", cham__last_error(h));
	cham_joint__close(j);
	for (i = 0; i < parts->n; i++)
		if (!parts->part[i].inlined)
			errx(1, "%u is not joint: %s", parts->part[i].tenant, parts->part[i].why);
	link_one(h, object, parts);
}

static void run(char **argv)
{
	pid_t child = fork();
	int status;

	if (!child) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		errx(1, "%s failed", argv[0]);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	struct cham_plan *plan = NULL;
	struct stamp from, took;
	struct cham *h = NULL;
	unsigned int n;

	cham__open(&h);
	if (!h)
		errx(1, "out of memory");
	if (argc == 6 && (!strcmp(what, "linked") || !strcmp(what, "joint")))
		plan = pretend(h, argv[3], atoi(argv[4]), atoi(argv[5]));
	else if (strcmp(what, "join") && strcmp(what, "run"))
		errx(1, "usage: see the beginning of %s", __FILE__);
	from = stamp(NULL);
	for (n = 0; plan && n < CHAM_PARTITIONS && plan->of[n].n; n++)
		(what[0] == 'l' ? link_one(h, argv[2], &plan->of[n]) :
				  join_one(h, argv[2], &plan->of[n]));
	if (!strcmp(what, "join") && cham_prog__join(h, argv[2]))
		errx(1, "%s", cham__last_error(h));
	if (!strcmp(what, "run"))
		run(argv + 2);
	took = stamp(&from);
	printf("{\"clock\":%.3f,\"busy\":%.3f}\n", took.clock, took.busy);
	return 0;
}
