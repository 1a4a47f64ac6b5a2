/* spawn - fork and exec; see spawn.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "spawn.h"

extern char **environ;

void
words_add(struct words *w, char *s)
{
	char **p;

	if (w->n + 1 >= w->cap && !w->failed) {
		p = realloc(w->v, (w->cap + 64) * sizeof *p);
		if (p) {
			w->v = p;
			w->cap += 64;
		} else
			w->failed = true;
	}
	if (!s || w->failed) {
		w->failed = true;
		free(s);
		return;
	}
	w->v[w->n++] = s;
	w->v[w->n] = NULL;
}

void
words_release(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	*w = (struct words){ 0 };
}

static bool
same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n + 1) == 0;
}

/* What is the executor's own, or would make the kernel watch a parent by polling. */
static bool
is_own(const char *variable)
{
	static const char *const own[] = {
		"NOTIFY_SOCKET=", "LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES=", "WATCHDOG_USEC=", "WATCHDOG_PID=",
		"RUNTIME_DIRECTORY=", "JPY_PARENT_PID=", "IPYTHONDIR=", "PWD=", "OLDPWD=",
	};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (same_name(own[i], variable))
			return true;
	return false;
}

void
spawn_env(const struct kernelspec *spec, struct words *env)
{
	for (char **p = environ; *p; p++) {
		bool replaced = is_own(*p);

		for (char **s = spec->env; !replaced && s && *s; s++)
			replaced = same_name(*s, *p);
		if (!replaced)
			words_add(env, strdup(*p));
	}
	for (char **s = spec->env; s && *s; s++)
		words_add(env, strdup(*s));
}

/* In the child: only what is safe between fork and exec in a process of many threads. */
static void
become(const struct spawn_conf *conf, pid_t parent)
{
	int high[SPAWN_FDS], n;
	char text[512];

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	proc_reset_signals();
	setrlimit(RLIMIT_NOFILE, &conf->nofile);
	if (conf->nice != 0 && setpriority(PRIO_PROCESS, 0, conf->nice) < 0)
		_exit(127);
	if (chdir(conf->dir) < 0)
		_exit(127);
	for (size_t i = 0; i < conf->nfds; i++)		/* out of the way of each other */
		if ((high[i] = fcntl(conf->fd[i], F_DUPFD_CLOEXEC, SPAWN_FDS)) < 0)
			_exit(127);
	for (size_t i = 0; i < conf->nfds; i++)
		if (dup2(high[i], (int)i) < 0)
			_exit(127);
	close_range((unsigned)conf->nfds, ~0u, 0);
	execvpe(conf->argv[0], conf->argv, conf->env);
	n = snprintf(text, sizeof text, "%s: %s\n", conf->argv[0], strerrordesc_np(errno));
	if (n > 0 && write(2, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1) < 0)
		_exit(127);
	_exit(127);
}

int
spawn(const struct spawn_conf *conf, pid_t *ret_pid)
{
	pid_t self = getpid(), pid = fork();

	if (pid == 0)
		become(conf, self);
	if (pid < 0)
		return -errno;
	*ret_pid = pid;
	return 0;
}

bool
spawn_is_unspoilt(pid_t pid, const struct rlimit *nofile, int nice)
{
	struct proc_terms mine, its;

	if (proc_terms(getpid(), &mine) < 0 || proc_terms(pid, &its) < 0)
		return false;
	mine.limit[RLIMIT_NOFILE] = *nofile;
	if (nice != 0)
		mine.nice = nice;
	return proc_terms_equal(&mine, &its);
}
