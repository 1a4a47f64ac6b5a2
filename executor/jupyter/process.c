/* process - one kernel process; see process.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/proc.h"
#include "process.h"
#include "scratch.h"

#define PORTS 5		/* shell iopub stdin control hb */

extern char **environ;

static const char *const port_names[PORTS] = { "iopub_port", "shell_port", "stdin_port", "control_port", "hb_port" };

/* ---- where the kernel listens ---- */

/* Free ports, all held at once so that they differ; somebody may still be faster than the kernel, and then it is started anew. */
static int
find_ports(unsigned port[PORTS])
{
	struct sockaddr_in a;
	socklen_t len;
	int fd[PORTS], n, r = 0;

	for (n = 0; n < PORTS && r == 0; n++) {
		a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
		len = sizeof a;
		fd[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd[n] < 0 || bind(fd[n], (struct sockaddr *)&a, len) < 0 ||
		    getsockname(fd[n], (struct sockaddr *)&a, &len) < 0)
			r = -errno;
		port[n] = ntohs(a.sin_port);
	}
	while (n-- > 0)
		if (fd[n] >= 0)
			close(fd[n]);
	return r;
}

static int
choose_endpoints(const struct process_conf *conf, struct process *l, unsigned port[PORTS], struct buf *ip)
{
	int r;

	if (conf->use_ipc)
		buf_printf(ip, "%s/k", buf_str(&l->private_dir));
	else
		buf_puts(ip, "127.0.0.1");
	for (unsigned i = 0; i < PORTS; i++)
		port[i] = i + 1;
	if (!conf->use_ipc && (r = find_ports(port)) < 0)
		return r;
	for (int i = 0; i < CHANNELS; i++) {
		int n = snprintf(l->endpoint[i], sizeof l->endpoint[i], conf->use_ipc ? "ipc://%s-%u" : "tcp://%s:%u",
		    buf_str(ip), port[i]);

		if (n < 0 || (size_t)n > sizeof "ipc://" + 106)	/* sun_path: 107 bytes and a NUL */
			return -ENAMETOOLONG;
	}
	return buf_error(ip);
}

static int
write_private(const char *path, const struct buf *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text->data, text->len);
	r = n < 0 ? -errno : (size_t)n < text->len ? -ENOSPC : 0;
	close(fd);
	return r;
}

static int
write_connection_file(const struct process_conf *conf, struct process *l)
{
	struct buf text = BUF_INIT, ip = BUF_INIT;
	unsigned port[PORTS];
	int r;

	if ((r = wire_random(l->key)) < 0 || (r = choose_endpoints(conf, l, port, &ip)) < 0)
		goto out;
	json_put_open(&text, '{');
	for (int i = 0; i < PORTS; i++) {
		json_put_key(&text, port_names[i]);
		json_put_int(&text, port[i]);
	}
	json_put_key(&text, "ip");
	json_put_str(&text, buf_str(&ip));
	json_put_key(&text, "key");
	json_put_str(&text, l->key);
	json_put_key(&text, "transport");
	json_put_str(&text, conf->use_ipc ? "ipc" : "tcp");
	json_put_key(&text, "signature_scheme");
	json_put_str(&text, "hmac-sha256");
	json_put_key(&text, "kernel_name");
	json_put_str(&text, conf->spec->name);
	json_put_close(&text, '}');
	buf_printf(&l->connection_file, "%s/c.json", buf_str(&l->private_dir));
	r = buf_error(&text) < 0 || buf_error(&l->connection_file) < 0 ? -ENOMEM
	    : write_private(l->connection_file.data, &text);
out:
	buf_release(&text);
	buf_release(&ip);
	return r;
}

/* ---- argv and environment ---- */

struct words {
	char	**v;
	size_t	  n, cap;
	bool	  failed;
};

/* Takes s over; NULL: out of memory. */
static void
add_word(struct words *w, char *s)
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

static void
free_words(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
}

static void
make_argv(const struct process_conf *conf, const struct process *l, struct words *argv)
{
	/* Its own capture of descriptors 1 and 2 dies on what is not UTF-8; a history database costs time and is shared. */
	static const char *const ipykernel[] = {
		"--IPKernelApp.capture_fd_output=False", "--HistoryManager.enabled=False"
	};

	for (char **p = conf->spec->argv; *p; p++) {
		struct buf b = BUF_INIT;

		kernelspec_fill(conf->spec, *p, buf_str(&l->connection_file), &b);
		if (buf_error(&b) < 0)
			buf_release(&b);
		add_word(argv, b.data);
	}
	for (size_t i = 0; conf->spec->is_ipykernel && i < sizeof ipykernel / sizeof *ipykernel; i++)
		add_word(argv, strdup(ipykernel[i]));
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

static void
make_env(const struct process_conf *conf, const struct process *l, struct words *env)
{
	struct buf b = BUF_INIT;

	for (char **p = environ; *p; p++) {
		bool replaced = is_own(*p);

		for (char **s = conf->spec->env; !replaced && s && *s; s++)
			replaced = same_name(*s, *p);
		if (!replaced)
			add_word(env, strdup(*p));
	}
	for (char **s = conf->spec->env; s && *s; s++)
		add_word(env, strdup(*s));
	/* Start-up files and settings of a former tenant must not run in this one. */
	buf_printf(&b, "IPYTHONDIR=%s/ipython", buf_str(&l->private_dir));
	add_word(env, strdup(buf_str(&b)));
	buf_reset(&b);
	buf_printf(&b, "PWD=%s", buf_str(&l->work_dir));
	add_word(env, strdup(buf_str(&b)));
	buf_release(&b);
}

/* ---- fork and exec ---- */

/* In the child: only what is safe between fork and exec in a process of many threads. */
static void
become(const struct process_conf *conf, pid_t parent, const char *dir, int null, const int out[2], char **argv, char **env)
{
	char text[512];
	int n;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	proc_reset_signals();
	setrlimit(RLIMIT_NOFILE, &conf->nofile);
	if (chdir(dir) < 0 || dup2(null, 0) < 0 || dup2(out[0], 1) < 0 || dup2(out[1], 2) < 0)
		_exit(127);
	close_range(3, ~0u, 0);
	execvpe(argv[0], argv, env);
	n = snprintf(text, sizeof text, "%s: %s\n", argv[0], strerrordesc_np(errno));
	if (n > 0 && write(2, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1) < 0)
		_exit(127);
	_exit(127);
}

static int
fork_exec(const struct process_conf *conf, struct process *l, char **argv, char **env)
{
	int out[2][2] = { { -1, -1 }, { -1, -1 } }, write_end[2], null, r = 0;
	pid_t self = getpid(), pid = -1;

	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || pipe2(out[0], O_CLOEXEC) < 0 || pipe2(out[1], O_CLOEXEC) < 0)
		r = -errno;
	if (r == 0) {
		write_end[0] = out[0][1];
		write_end[1] = out[1][1];
		pid = fork();
		if (pid == 0)
			become(conf, self, buf_str(&l->work_dir), null, write_end, argv, env);
		if (pid < 0)
			r = -errno;
	}
	for (int i = 0; i < 2; i++) {
		if (out[i][1] >= 0)
			close(out[i][1]);
		if (r == 0) {
			fcntl(out[i][0], F_SETFL, O_NONBLOCK);	/* the read end's own: the child's end is another */
			l->out[i] = out[i][0];
		} else if (out[i][0] >= 0)
			close(out[i][0]);
	}
	if (null >= 0)
		close(null);
	if (r == 0)
		l->pid = pid;
	return r;
}

int
process_start(const struct process_conf *conf, struct process *l, struct buf *why)
{
	struct words argv = { 0 }, env = { 0 };
	char name[24];
	int r;

	*l = (struct process){ .out = { -1, -1 } };
	snprintf(name, sizeof name, "%u-", conf->serial);
	if ((r = scratch_make(conf->work_base, "kernel-", &l->work_dir)) < 0) {
		buf_printf(why, "%s: no working directory can be made: %s", conf->work_base, strerror(-r));
		return r;
	}
	if ((r = scratch_make(conf->runtime_dir, name, &l->private_dir)) < 0 || (r = write_connection_file(conf, l)) < 0) {
		buf_printf(why, "%s: no connection file can be made: %s", conf->runtime_dir, strerror(-r));
		return r;
	}
	make_argv(conf, l, &argv);
	make_env(conf, l, &env);
	r = argv.failed || env.failed || argv.n == 0 ? -ENOMEM : fork_exec(conf, l, argv.v, env.v);
	if (r < 0)
		buf_printf(why, "%s: cannot be started: %s", conf->spec->argv[0], strerror(-r));
	free_words(&argv);
	free_words(&env);
	return r;
}

void
process_release(struct process *l)
{
	for (int i = 0; i < 2; i++) {
		if (l->out[i] >= 0)
			close(l->out[i]);
		l->out[i] = -1;
	}
	buf_release(&l->work_dir);
	buf_release(&l->private_dir);
	buf_release(&l->connection_file);
}
