/* guard - two processes that see to it that nothing outlives either of them; see guard.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/proc.h"
#include "local/child.h"
#include "local/guard.h"
#include "local/rundir.h"

#define SWEEP_MS	5000	/* killed processes are gone in milliseconds, unless the kernel itself is stuck on them */
#define SPARED_MAX	256

struct front {
	pid_t	 keeper;
	pid_t	 spared[SPARED_MAX];	/* children that were there before: a shell may have become us by exec */
	size_t	 nspared;
	sigset_t set;
};

static void
reap_all(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int
guard_sweep(const pid_t *spared, size_t nspared)
{
	const struct timespec pause = { 0, 2000000 };
	int64_t until = clock_mono_ms() + SWEEP_MS;

	for (;;) {
		proc_kill_tree(getpid(), spared, nspared);
		reap_all();
		if (proc_signal_tree(getpid(), 0, spared, nspared) <= 0)
			break;
		if (clock_mono_ms() >= until)
			return -EBUSY;
		nanosleep(&pause, NULL);
	}
	reap_all();
	return 0;
}

static void
note_children(struct front *f)
{
	struct buf text = BUF_INIT;
	char path[64], *end;
	const char *p;
	long pid;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	if (buf_read_file(&text, path, 65536) == 0)
		for (p = buf_str(&text); f->nspared < SPARED_MAX; p = end) {
			pid = strtol(p, &end, 10);
			if (end == p)
				break;
			f->spared[f->nspared++] = (pid_t)pid;
		}
	buf_release(&text);
}

/* A signal that was ignored would never be seen; SIGHUP stays so for the sake of nohup(1). */
static void
take_signals(struct front *f, sigset_t *ret_old)
{
	static const int taken[] = { SIGCHLD, SIGTERM, SIGINT, SIGQUIT };
	struct sigaction hup;

	sigemptyset(&f->set);
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		signal(taken[i], SIG_DFL);
		sigaddset(&f->set, taken[i]);
	}
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		sigaddset(&f->set, SIGHUP);
	sigprocmask(SIG_BLOCK, &f->set, ret_old);
}

/* True, and its wait status, once the keeper has ended. */
static bool
reap(const struct front *f, int *ret_status)
{
	bool ended = false;
	int status;
	pid_t p;

	while ((p = waitpid(-1, &status, WNOHANG)) > 0)
		if (p == f->keeper) {
			*ret_status = status;
			ended = true;
		}
	return ended;
}

static int
stand(const struct front *f)
{
	siginfo_t info;
	int status = 0;

	for (;;) {
		int sig = sigwaitinfo(&f->set, &info);

		if (sig == SIGCHLD) {
			if (reap(f, &status))
				return status;
		} else if (sig > 0) {
			if (info.si_code == SI_KERNEL && (sig == SIGINT || sig == SIGQUIT))
				sig = sig == SIGINT ? GUARD_TTY_INT : GUARD_TTY_QUIT;
			kill(f->keeper, sig);
		}
	}
}

static int
start_keeper(struct front *f, int (*keeper)(void *, int, pid_t), void *arg, int *ret_pipe)
{
	pid_t group = getpgrp();
	sigset_t old;
	int fds[2], r;

	if ((r = proc_become_subreaper()) < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	take_signals(f, &old);
	f->keeper = fork();
	if (f->keeper == 0) {
		close(fds[1]);
		setpgid(0, 0);		/* what the terminal or kill(1) sends to the front's group must not reach it */
		proc_become_subreaper();
		sigprocmask(SIG_SETMASK, &old, NULL);
		exit(keeper(arg, fds[0], group));
	}
	r = f->keeper < 0 ? -errno : 0;
	close(fds[0]);
	*ret_pipe = fds[1];
	return r;
}

int
guard_run(const char *rundir, struct groups *groups, int (*keeper)(void *arg, int front_pipe, pid_t pgrp), void *arg)
{
	struct front f = { 0 };
	int keep_open = -1, status, r;

	note_children(&f);
	r = start_keeper(&f, keeper, arg, &keep_open);
	if (r < 0) {
		groups_remove(groups);
		return diag_fail(EX_OSERR, "supervisor: %s", strerror(-r));
	}
	status = stand(&f);
	if (guard_sweep(f.spared, f.nspared) < 0)
		diag(DIAG_WARN, "some processes do not end, though killed");
	r = rundir_remove(rundir);
	if (r < 0)
		diag(DIAG_WARN, "%s: cannot be removed: %s", rundir, strerror(-r));
	if ((r = groups_remove(groups)) < 0)
		diag(DIAG_WARN, "control groups cannot be removed: %s", strerror(-r));
	close(keep_open);
	if (WIFSIGNALED(status))
		return diag_fail(EX_SOFTWARE, "the supervisor was killed by signal %d: all that it ran is stopped", WTERMSIG(status));
	return WEXITSTATUS(status);
}
