// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A compiler reads what a tenant wrote, and a compiler can be made to err. So it
 * runs as nobody that owns anything, in a process that may read the compiler's own
 * files and the descriptors it was given, and write to its standard output: a file
 * of bounded size that has no name. No network, no other process, no time without
 * end. Nothing is left behind, however this ends: there is no temporary file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jail.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U
#endif

#if defined(__x86_64__)
#define JAIL_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define JAIL_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define JAIL_ARCH AUDIT_ARCH_RISCV64
#else
#define JAIL_ARCH 0	/* nothing runs: not every call here would be known */
#endif

const char *cham_fd_path(char path[static CHAM_FD_PATH_SIZE], int fd)
{
	snprintf(path, CHAM_FD_PATH_SIZE, "/proc/self/fd/%d", fd);
	return path;
}

/* Users 1667760128 and up, one for each process that compiles: two of them have
 * no power over each other. No distribution hands these numbers out.
 */
#define JAIL_USER	0x63680000U
#define JAIL_USERS	0x003fffffU

#define JAIL_FAILED	126	/* exit status: not confined, not begun */

int cham_memfd(struct cham *h, const void *data, size_t size, bool seal)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("chamelio", flags | MFD_NOEXEC_SEAL), err;
	ssize_t n;
	size_t at;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("chamelio", flags);
	if (fd < 0)
		return cham__fail(h, -errno, "memfd: %s", strerror(errno));
	for (at = 0; at < size; at += n) {
		n = write(fd, (const char *)data + at, size - at);
		if (n <= 0)
			break;
	}
	if (at == size && (!seal || !fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW |
					   F_SEAL_SHRINK | F_SEAL_SEAL)))
		return fd;
	err = errno ? -errno : -EIO;
	close(fd);
	return cham__fail(h, err, "memfd: %s", strerror(-err));
}

bool cham_jail__landlock(void)
{
	return syscall(__NR_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

/* ---- in the child: no allocation, its parent may have threads -------------- */

__attribute__((noreturn))
static void fail(const char *what)
{
	const char *why = strerrorname_np(errno);
	char text[256];
	int n;

	n = snprintf(text, sizeof(text), "the compiler cannot be confined: %s: %s", what,
		     why ? why : "?");
	if (write(STDERR_FILENO, text, n) != n)
		_exit(JAIL_FAILED + 1);
	_exit(JAIL_FAILED);
}

static void take_files(const struct cham_jail *j, int null, int said)
{
	int from[3 + CHAM_JAIL_IN] = { null, j->out, said };
	unsigned int i, n = 3 + j->n_in;

	memcpy(from + 3, j->in, j->n_in * sizeof(*j->in));
	for (i = 0; i < n; i++)
		from[i] = fcntl(from[i], F_DUPFD, n);
	for (i = 0; i < n; i++)
		if (from[i] < 0 || dup2(from[i], i) < 0)
			fail("descriptors");
	if (syscall(__NR_close_range, n, ~0U, 0))
		fail("close_range");
}

static void allow(int rules, const char *path, uint64_t what)
{
	struct landlock_path_beneath_attr at = { .allowed_access = what };

	at.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (at.parent_fd < 0)
		return;
	if (syscall(__NR_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &at, 0))
		fail(path);
	close(at.parent_fd);
}

/* Of all files only the compiler's own, and these to read. */
static void close_files(const char *prefix)
{
	const uint64_t file = LANDLOCK_ACCESS_FS_READ_FILE;
	const uint64_t tree = file | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE;
	struct landlock_ruleset_attr attr = { 0 };
	long version = syscall(__NR_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	int rules;

	if (version <= 0)
		return;
	/* What that version knows of: 13 kinds of access, one more with each of 2, 3, 5. */
	attr.handled_access_fs = (1ULL << (13 + (version > 1) + (version > 2) +
					   (version > 4))) - 1;
	rules = syscall(__NR_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		fail("landlock_create_ruleset");
	allow(rules, "/usr", tree);
	allow(rules, "/lib", tree);
	allow(rules, "/lib64", tree);
	allow(rules, prefix, tree);
	allow(rules, "/etc/ld.so.cache", file);
	if (syscall(__NR_landlock_restrict_self, rules, 0))
		fail("landlock_restrict_self");
	close(rules);
}

/* What could reach others: the network, their processes, the kernel's rarer doors. */
static void close_calls(void)
{
	static const unsigned int closed[] = {
		__NR_socket, __NR_socketpair, __NR_io_uring_setup, __NR_ptrace,
		__NR_process_vm_readv, __NR_process_vm_writev, __NR_kill,
		__NR_pidfd_send_signal, __NR_pidfd_open, __NR_bpf, __NR_perf_event_open,
		__NR_userfaultfd, __NR_add_key, __NR_request_key, __NR_keyctl,
		__NR_unshare, __NR_setns, __NR_mount, __NR_shmget, __NR_msgget,
		__NR_semget, __NR_mq_open,
		/* memory that is not its address space's */
		__NR_memfd_create,
#ifdef __NR_memfd_secret
		__NR_memfd_secret,
#endif
		/* being ended along with who started it */
		__NR_setsid, __NR_setpgid,
		/* what a user may do to the user's other processes and files */
		__NR_tkill, __NR_tgkill, __NR_rt_sigqueueinfo, __NR_rt_tgsigqueueinfo,
		__NR_setpriority, __NR_ioprio_set, __NR_sched_setaffinity,
		__NR_sched_setparam, __NR_sched_setscheduler, __NR_sched_setattr,
		__NR_migrate_pages, __NR_move_pages, __NR_kcmp,
		__NR_fchmod, __NR_fchmodat, __NR_fchown, __NR_fchownat, __NR_utimensat,
		__NR_setxattr, __NR_lsetxattr, __NR_fsetxattr,
		__NR_removexattr, __NR_lremovexattr, __NR_fremovexattr,
#ifdef __NR_chmod
		__NR_chmod, __NR_chown, __NR_lchown, __NR_utime, __NR_utimes, __NR_futimesat,
#endif
#ifdef __NR_fchmodat2
		__NR_fchmodat2,
#endif
	};
	enum { N = sizeof(closed) / sizeof(closed[0]) };
	struct sock_filter f[N + 13] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, JAIL_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	const struct sock_filter arg = BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						offsetof(struct seccomp_data, args[0]));
	struct sock_fprog prog = { .len = N + 13, .filter = f };
	unsigned int i;

	/* x86's other numbers for the same calls begin here. */
	f[4] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, N + 7, 0);
	for (i = 0; i < N; i++)
		f[5 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, closed[i],
							N + 6 - i, 0);
	/* Limits: its own. */
	f[5 + N] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prlimit64, 0, 2);
	f[6 + N] = arg;
	f[7 + N] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 4);
	/* Its parent's death is its own. */
	f[8 + N] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 2);
	f[9 + N] = arg;
	f[10 + N] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_PDEATHSIG, 1, 0);
	f[11 + N] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f[12 + N] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		fail("seccomp");
}

static void limit(int what, rlim_t most)
{
	struct rlimit r;

	if (getrlimit(what, &r))
		fail("getrlimit");
	if (r.rlim_cur < most)
		most = r.rlim_cur;
	r.rlim_cur = most;
	r.rlim_max = most;
	if (setrlimit(what, &r))
		fail("setrlimit");
}

/* By the bare calls: those of the C library would look for threads. */
static void drop_user(void)
{
	uid_t user = JAIL_USER + (getppid() & JAIL_USERS);

	if (geteuid())
		return;
	if (syscall(__NR_setgroups, 0, NULL) ||
	    syscall(__NR_setresgid, user, user, user) ||
	    syscall(__NR_setresuid, user, user, user))
		fail("another user");
}

__attribute__((noreturn))
static void child(const struct cham_jail *j, const char *prefix, int null, int said,
		  pid_t parent)
{
	static char *const no_env[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	take_files(j, null, said);
	if (chdir("/"))
		fail("chdir");
	drop_user();
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Who started it takes it along when it goes. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		fail("its parent");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail("no_new_privs");
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NPROC, 1);
	limit(RLIMIT_NOFILE, 256);
	limit(RLIMIT_FSIZE, (rlim_t)CHAM_JAIL_OUT << 20);
	limit(RLIMIT_CPU, CHAM_JAIL_CPU);
	limit(RLIMIT_AS, (rlim_t)CHAM_JAIL_MEMORY << 20);
	close_files(prefix);
	if (!JAIL_ARCH) {
		errno = EOPNOTSUPP;
		fail("seccomp");
	}
	close_calls();
	execve(j->tool, (char *const *)j->argv, no_env);
	fail(j->tool);
}

/* ---- its parent ------------------------------------------------------------ */

/* Keeps as much as fits. Return: is there more to come? */
static bool hear(const struct cham_jail *j, int fd, size_t *n)
{
	char rest[4096];
	ssize_t got;

	if (*n + 1 < j->size)
		got = read(fd, j->said + *n, j->size - 1 - *n);
	else
		got = read(fd, rest, sizeof(rest));
	if (got < 0)
		return errno == EINTR;
	if (*n + 1 < j->size)
		*n += got;
	j->said[*n] = '\0';
	return got;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void also(const struct cham_jail *j, const char *text)
{
	size_t n = strlen(j->said);

	/* The last word is ours: that which would not leave room for it goes. */
	if (n + strlen(text) + 3 > j->size)
		n = j->size > strlen(text) + 3 ? j->size - strlen(text) - 3 : 0;
	if (n && j->said[n - 1] != '\n')
		j->said[n++] = '\n';
	snprintf(j->said + n, j->size - n, "%s", text);
}

/* What LLVM has no instruction for it shows as nodes, by their addresses. */
static bool no_instruction(char *said)
{
	char *to = strstr(said, "LLVM ERROR: Cannot select"), *from;

	if (!to)
		return false;
	for (from = to; *from;) {
		if (*from == '\n' && !strncmp(from + 1 + strspn(from + 1, " "), "0x", 2)) {
			from += 1 + strcspn(from + 1, "\n");
		} else if (!strncmp(from, "0x", 2)) {
			from += 2 + strspn(from + 2, "0123456789abcdef");
			from += strspn(from, ":, ");
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return true;
}

static int verdict(const struct cham_jail *j, int status, bool late)
{
	const char *name = strrchr(j->tool, '/') + 1;
	bool cpu = WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU ||
					   WTERMSIG(status) == SIGKILL);
	char text[200], *dump;

	if (WIFEXITED(status) && WEXITSTATUS(status) < 2)
		return WEXITSTATUS(status) ? -EINVAL : 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == JAIL_FAILED)
		return -EPERM;
	/* Its stack is of no use to a tenant. */
	dump = strstr(j->said, "PLEASE submit a bug report");
	if (dump)
		*dump = '\0';
	if (late)
		snprintf(text, sizeof(text), "%s took more than %d s and was ended", name,
			 CHAM_JAIL_TIME);
	else if (cpu)
		snprintf(text, sizeof(text),
			 "%s took more CPU time than it may (%d s, or what its caller may) and was ended",
			 name, CHAM_JAIL_CPU);
	else if (no_instruction(j->said))
		snprintf(text, sizeof(text), "%s: BPF has no such instruction", name);
	else
		snprintf(text, sizeof(text),
			 "%s crashed; it may have %d MB of memory and write %d MB", name,
			 CHAM_JAIL_MEMORY, CHAM_JAIL_OUT);
	also(j, text);
	return -E2BIG;
}

static int watch(const struct cham_jail *j, pid_t pid, int said)
{
	int64_t end = now_ms() + CHAM_JAIL_TIME * 1000LL, left;
	struct pollfd p[2] = {
		{ .fd = syscall(__NR_pidfd_open, pid, 0), .events = POLLIN },
		{ .fd = said, .events = POLLIN },
	};
	bool late = p[0].fd < 0;
	size_t n = 0;
	int status;

	while (!late) {
		left = end - now_ms();
		if (left <= 0) {
			late = true;
		} else if (poll(p, 2, left) > 0) {
			if (p[1].revents && !hear(j, said, &n))
				p[1].fd = -1;
			else if (!p[1].revents && p[0].revents)
				break;
		}
	}
	if (late)
		kill(pid, SIGKILL);
	if (p[0].fd >= 0)
		close(p[0].fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			also(j, "what became of the compiler is not known: SIGCHLD is ignored");
			return -ECHILD;
		}
	return verdict(j, status, late);
}

char *cham_jail__prefix(const char *tool)
{
	char *prefix = realpath(tool, NULL), *slash;
	int i;

	for (i = 0; prefix && i < 2; i++) {
		slash = strrchr(prefix, '/');
		if (slash)
			*slash = '\0';
	}
	return prefix;
}

int cham_jail__run(const struct cham_jail *j)
{
	char *prefix = cham_jail__prefix(j->tool);
	pid_t pid, self = getpid();
	int said[2], null, err;

	j->said[0] = '\0';
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!prefix || !*prefix || null < 0 || pipe2(said, O_CLOEXEC)) {
		err = errno ? -errno : -EINVAL;
		also(j, strerror(-err));
		goto out;
	}
	pid = fork();
	if (!pid)
		child(j, prefix, null, said[1], self);
	err = -errno;
	close(said[1]);
	if (pid > 0)
		err = watch(j, pid, said[0]);
	else
		also(j, strerror(-err));
	close(said[0]);
out:
	if (null >= 0)
		close(null);
	free(prefix);
	return err;
}
