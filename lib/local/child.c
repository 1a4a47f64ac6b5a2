/* child - start a process that does not outlive us; see child.h. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "local/child.h"
#include "local/guard.h"

enum step {
	STEP_FORK, STEP_PARENT, STEP_GROUP, STEP_FDS, STEP_SESSION, STEP_STAGE, STEP_USER, STEP_RLIMIT, STEP_CWD, STEP_EXEC
};

static const char *const step_names[] = {
	"fork", "parent process", "control group", "descriptors", "session", "mounts", "user id", "resource limit",
	"working directory", "exec"
};

struct report {			/* what the child writes into the pipe when a step fails */
	enum step step;
	int	  error;
};

/* All that is started from here on is in the group, too. */
static int
enter_groups(const struct child_spec *spec)
{
	for (size_t i = 0; i < spec->nenter; i++)
		if (write(spec->enter[i], "0", 1) < 0)
			return -errno;
	return 0;
}

/* Between fork and exec: our descriptors are only those wanted.  `report` is moved out of the way and kept. */
static int
arrange_fds(const struct child_spec *spec, int *report)
{
	int null = -1, fd[4], keep = CHILD_PASS_FD + 1;

	*report = fcntl(*report, F_DUPFD_CLOEXEC, 64);	/* beyond all that is arranged below */
	if (*report < 0)
		return -errno;
	if (spec->foreground)
		return 0;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	fd[0] = null;
	fd[1] = spec->out >= 0 ? spec->out : null;
	fd[2] = spec->err >= 0 ? spec->err : null;
	fd[3] = spec->pass;
	/* Lift them all before any is put down: a source may sit where another is to go. */
	for (int i = 0; i < 4; i++)
		if (fd[i] >= 0 && (fd[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 16)) < 0)
			return -errno;
	for (int i = 0; i < 4; i++)
		if (fd[i] >= 0 && dup2(fd[i], i) < 0)
			return -errno;
	if (fd[CHILD_PASS_FD] < 0)
		keep = CHILD_PASS_FD;
	/* A descriptor on a directory outside would be the way out of a sandbox. */
	return close_range((unsigned)keep, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static int
enter_session(const struct child_spec *spec)
{
	if (!spec->foreground)
		return setsid() < 0 ? -errno : 0;
	if (setpgid(0, spec->group) < 0 && errno != EPERM && errno != ESRCH)	/* a group of another session, or gone */
		return -errno;
	return 0;
}

/* Sources are opened first: the tmpfs may cover them. */
static int
stage(const struct child_stage *stage)
{
	int fd[64];
	char from[32], at[32];
	struct stat st;

	if (stage->n > sizeof fd / sizeof *fd)
		return -E2BIG;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < stage->n; i++)
		if ((fd[i] = open(stage->source[i], O_PATH | O_CLOEXEC)) < 0)
			return -errno;
	if (mount("tmpfs", CHILD_STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") < 0)
		return -errno;
	for (size_t i = 0; i < stage->n; i++) {
		snprintf(from, sizeof from, "/proc/self/fd/%d", fd[i]);
		snprintf(at, sizeof at, CHILD_STAGE "/%zu", i);
		if (fstat(fd[i], &st) < 0)
			return -errno;
		if ((S_ISDIR(st.st_mode) ? mkdir(at, 0755) : mknod(at, S_IFREG | 0644, 0)) < 0)
			return -errno;
		if (mount(from, at, NULL, MS_BIND | MS_REC, NULL) < 0)
			return -errno;
	}
	return 0;
}

static int
become(uid_t uid)
{
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int
set_rlimits(const struct child_spec *spec)
{
	for (size_t i = 0; i < spec->nrlimit; i++) {
		struct rlimit limit = { (rlim_t)spec->rlimit[i].value, (rlim_t)spec->rlimit[i].value };

		if (setrlimit((__rlimit_resource_t)spec->rlimit[i].resource, &limit) < 0)
			return -errno;
	}
	return 0;
}

static void
fail(int report, enum step step, int r)
{
	struct report rep = { step, -r };
	ssize_t n;

	do
		n = write(report, &rep, sizeof rep);
	while (n < 0 && errno == EINTR);
	_exit(127);
}

/*
 * Between us and the program: whatever that leaves behind is re-parented to this process, which ends it before it reports the
 * program's end as its own.  Signals are passed on.  Returns in the program's process only.
 */
static void
mind(int report)
{
	sigset_t all, none;
	pid_t self = getpid(), pid, ended;
	int status = 0, sig, r;

	if ((r = proc_become_subreaper()) < 0)
		fail(report, STEP_FORK, r);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &none);
	pid = fork();
	if (pid < 0)
		fail(report, STEP_FORK, -errno);
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != self)
			fail(report, STEP_PARENT, -ESRCH);
		sigprocmask(SIG_SETMASK, &none, NULL);
		return;
	}
	close_range(CHILD_PASS_FD, UINT_MAX, 0);	/* our parent's own */
	for (ended = 0; ended != pid;) {
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0 && ended != pid)
			;
		if (ended != pid && sigwait(&all, &sig) == 0 && sig != SIGCHLD)
			kill(pid, sig);
	}
	guard_sweep(NULL, 0);
	_exit(child_exit_status(status));
}

/* Nothing here may allocate: it runs between fork and exec. */
static void
run_child(const struct child_spec *spec, pid_t parent, int report)
{
	int r;

	proc_reset_signals();
	if ((r = enter_groups(spec)) < 0)
		fail(report, STEP_GROUP, r);
	if ((r = arrange_fds(spec, &report)) < 0)
		fail(report, STEP_FDS, r);
	if ((r = enter_session(spec)) < 0)
		fail(report, STEP_SESSION, r);
	if (spec->stage && (r = stage(spec->stage)) < 0)
		fail(report, STEP_STAGE, r);
	if (spec->stage && (r = become(spec->stage->uid)) < 0)
		fail(report, STEP_USER, r);
	if ((r = set_rlimits(spec)) < 0)
		fail(report, STEP_RLIMIT, r);
	/* Changing the user id clears it, so it comes after; a parent that died before is seen by its pid. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		fail(report, STEP_PARENT, -ESRCH);
	if (!spec->foreground)
		umask(077);
	if (spec->cwd && chdir(spec->cwd) < 0)
		fail(report, STEP_CWD, -errno);
	if (spec->minded)
		mind(report);
	execve(spec->path, spec->argv, spec->envp);
	fail(report, STEP_EXEC, -errno);
}

int
child_start(const struct child_spec *spec, pid_t *ret_pid, const char **ret_step)
{
	struct report rep;
	pid_t parent = getpid(), pid;
	int fds[2], r;
	ssize_t n;

	*ret_step = step_names[STEP_FORK];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		run_child(spec, parent, fds[1]);
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r == 0) {
		do
			n = read(fds[0], &rep, sizeof rep);
		while (n < 0 && errno == EINTR);
		if (n == (ssize_t)sizeof rep) {		/* end of file instead: exec has closed it */
			*ret_step = step_names[rep.step];
			r = -rep.error;
			waitpid(pid, NULL, 0);
		}
	}
	close(fds[0]);
	if (r == 0)
		*ret_pid = pid;
	return r;
}

int
child_wait(pid_t pid, int64_t timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	const struct timespec pause = { 0, 5000000 };
	bool killed = false;
	int status;
	pid_t p;

	while ((p = waitpid(pid, &status, WNOHANG)) == 0 || (p < 0 && errno == EINTR)) {
		if (!killed && clock_mono_ms() >= until) {
			kill(pid, SIGKILL);
			killed = true;
		}
		nanosleep(&pause, NULL);
	}
	return p < 0 ? -errno : status;
}

int
child_exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
