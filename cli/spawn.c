// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

extern char **environ;

/* What a child says, to its end; @buf has as much of it as fits. */
static void read_all(int fd, char *buf, size_t size)
{
	char rest[512];
	size_t n = 0;
	ssize_t got;

	for (;;) {
		got = n + 1 < size ? read(fd, buf + n, size - 1 - n) :
				     read(fd, rest, sizeof(rest));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if (n + 1 < size)
			n += got;
	}
	while (n && (buf[n - 1] == '\n' || buf[n - 1] == '.'))
		n--;
	buf[n] = '\0';
}

static int start(const char *const *argv, const int *fds, int from, pid_t *pid)
{
	posix_spawn_file_actions_t fa;
	int err;

	posix_spawn_file_actions_init(&fa);
	if (from == STDOUT_FILENO)
		posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null",
						 O_WRONLY, 0);
	else
		posix_spawn_file_actions_adddup2(&fa, fds[1], STDERR_FILENO);
	posix_spawn_file_actions_adddup2(&fa, fds[1], STDOUT_FILENO);
	err = posix_spawnp(pid, argv[0], &fa, NULL, (char *const *)argv,
			   environ);
	posix_spawn_file_actions_destroy(&fa);
	return err;
}

static int run(struct ctl *c, bool quiet, const char *const *argv, int from,
	       char *said, size_t size)
{
	char line[512] = "";
	int err, st, fds[2], i;
	size_t n = 0;
	pid_t pid;

	for (i = 0; argv[i] && n < sizeof(line); i++)
		n += snprintf(line + n, sizeof(line) - n, "%s%s",
			      i ? " " : "", argv[i]);
	if (pipe2(fds, O_CLOEXEC))
		return ctl_fail(c, EXIT_KERNEL, "pipe: %s", strerror(errno));
	err = start(argv, fds, from, &pid);
	close(fds[1]);
	if (!err)
		read_all(fds[0], said, size);
	close(fds[0]);
	if (err)
		return ctl_fail(c, EXIT_KERNEL, "cannot run \"%s\": %s", line,
				strerror(err));
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(st) && !WEXITSTATUS(st))
		return 0;
	if (quiet)
		return EXIT_KERNEL;
	return ctl_fail(c, EXIT_KERNEL, "\"%s\" failed%s%s", line,
			from == STDERR_FILENO && *said ? ": " : "",
			from == STDERR_FILENO ? said : "");
}

/* Runs ip(8), bridge(8) or vdpa(8); what fails is told word by word. */
int spawn(struct ctl *c, bool quiet, const char *const *argv)
{
	char said[512];

	return run(c, quiet, argv, STDERR_FILENO, said, sizeof(said));
}

/* The same for its answer; quiet: a tool that has none is no error to tell. */
int spawn_read(struct ctl *c, const char *const *argv, char *answer, size_t size)
{
	return run(c, true, argv, STDOUT_FILENO, answer, size);
}
