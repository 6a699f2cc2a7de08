// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "cli.h"

extern char **environ;

/* Runs ip(8), bridge(8) or vdpa(8); what fails is told word by word. */
int spawn(struct ctl *c, bool quiet, const char *const *argv)
{
	posix_spawn_file_actions_t fa;
	char line[512] = "";
	size_t n = 0;
	int err, st;
	pid_t pid;
	int i;

	for (i = 0; argv[i] && n < sizeof(line); i++)
		n += snprintf(line + n, sizeof(line) - n, "%s%s",
			      i ? " " : "", argv[i]);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, 2, 1);	/* keep stdout ours */
	if (quiet)
		posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY,
						 0);
	err = posix_spawnp(&pid, argv[0], &fa, NULL, (char *const *)argv,
			   environ);
	posix_spawn_file_actions_destroy(&fa);
	if (err)
		return ctl_fail(c, EXIT_KERNEL, "cannot run \"%s\": %s", line,
				strerror(err));
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(st) && !WEXITSTATUS(st))
		return 0;
	if (quiet)
		return EXIT_KERNEL;
	return ctl_fail(c, EXIT_KERNEL, "\"%s\" failed", line);
}
