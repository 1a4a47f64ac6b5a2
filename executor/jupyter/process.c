/* process - one kernel process; see process.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "process.h"
#include "scratch.h"
#include "spawn.h"

#define PORTS 5		/* shell iopub stdin control hb */

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

/* The connection as an object, for the file or for the fork server; the key and where it listens. */
static int
make_connection(const struct process_conf *conf, struct process *l)
{
	struct buf *text = &l->connection, ip = BUF_INIT;
	unsigned port[PORTS];
	int r;

	if ((r = wire_random(l->key)) < 0 || (r = choose_endpoints(conf, l, port, &ip)) < 0)
		goto out;
	json_put_open(text, '{');
	for (int i = 0; i < PORTS; i++) {
		json_put_key(text, port_names[i]);
		json_put_int(text, port[i]);
	}
	json_put_key(text, "ip");
	json_put_str(text, buf_str(&ip));
	json_put_key(text, "key");
	json_put_str(text, l->key);
	json_put_key(text, "transport");
	json_put_str(text, conf->use_ipc ? "ipc" : "tcp");
	json_put_key(text, "signature_scheme");
	json_put_str(text, "hmac-sha256");
	json_put_key(text, "kernel_name");
	json_put_str(text, conf->spec->name);
	json_put_close(text, '}');
	buf_printf(&l->connection_file, "%s/c.json", buf_str(&l->private_dir));
	r = buf_error(text) < 0 ? -ENOMEM : buf_error(&l->connection_file);
out:
	buf_release(&ip);
	return r;
}

/* ---- argv and environment ---- */

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
		words_add(argv, b.data);
	}
	for (size_t i = 0; conf->spec->is_ipykernel && i < sizeof ipykernel / sizeof *ipykernel; i++)
		words_add(argv, strdup(ipykernel[i]));
}

static void
make_env(const struct process_conf *conf, const struct process *l, struct words *env)
{
	struct buf b = BUF_INIT;

	spawn_env(conf->spec, env);
	buf_printf(&b, "IPYTHONDIR=%s", buf_str(&l->ipython_dir));
	words_add(env, strdup(buf_str(&b)));
	buf_reset(&b);
	buf_printf(&b, "PWD=%s", buf_str(&l->work_dir));
	words_add(env, strdup(buf_str(&b)));
	buf_release(&b);
}

/* ---- started by itself ---- */

int
process_exec(const struct process_conf *conf, struct process *l, struct buf *why)
{
	struct words argv = { 0 }, env = { 0 };
	struct spawn_conf s = { .dir = buf_str(&l->work_dir), .nfds = 3, .nofile = conf->nofile,
	    .nice = conf->nice };
	int null, r;
	pid_t pid;

	if ((r = write_private(l->connection_file.data, &l->connection)) < 0) {
		buf_printf(why, "%s: no connection file can be made: %s", conf->runtime_dir, strerror(-r));
		return r;
	}
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	r = null < 0 ? -errno : 0;
	make_argv(conf, l, &argv);
	make_env(conf, l, &env);
	s.argv = argv.v;
	s.env = env.v;
	memcpy(s.fd, (int[]){ null, l->child_out[0], l->child_out[1] }, 3 * sizeof *s.fd);
	if (r == 0)
		r = argv.failed || env.failed || argv.n == 0 ? -ENOMEM : spawn(&s, &pid);
	if (r == 0)
		process_is_there(l, pid);
	else
		buf_printf(why, "%s: cannot be started: %s", conf->spec->argv[0], strerror(-r));
	if (null >= 0)
		close(null);
	words_release(&argv);
	words_release(&env);
	return r;
}

/* ---- forked ---- */

/* Words of the command line that come before "-m". */
static void
put_interpreter(const struct kernelspec *spec, struct buf *out)
{
	json_put_open(out, '[');
	for (char **p = spec->argv; *p && strcmp(*p, "-m") != 0; p++)
		json_put_str(out, *p);
	json_put_close(out, ']');
}

/* What forkserver.py has to know of one kernel. */
static int
make_settings(const struct process_conf *conf, const struct process *l, struct buf *out)
{
	json_put_open(out, '{');
	json_put_key(out, "connection");
	json_put_raw(out, buf_str(&l->connection), l->connection.len);
	json_put_key(out, "connection_file");
	json_put_str(out, buf_str(&l->connection_file));
	json_put_key(out, "work_dir");
	json_put_str(out, buf_str(&l->work_dir));
	json_put_key(out, "env");
	json_put_open(out, '{');
	json_put_key(out, "IPYTHONDIR");
	json_put_str(out, buf_str(&l->ipython_dir));
	json_put_key(out, "PWD");
	json_put_str(out, buf_str(&l->work_dir));
	json_put_close(out, '}');
	json_put_key(out, "argv");
	put_interpreter(conf->spec, out);
	json_put_key(out, "executor");
	json_put_int(out, getpid());
	json_put_key(out, "is_spare");
	json_put_bool(out, conf->is_spare);
	json_put_key(out, "nice");
	json_put_int(out, conf->nice);
	json_put_close(out, '}');
	return buf_error(out);
}

/* A pipe that holds the text and then ends; *ret is where to read it. */
static int
make_pipe_with(const struct buf *text, int *ret)
{
	int fd[2], r = 0;

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	fcntl(fd[0], F_SETFL, 0);	/* the reader waits */
	if (write(fd[1], text->data, text->len) != (ssize_t)text->len)
		r = -ENOSPC;
	close(fd[1]);
	if (r < 0)
		close(fd[0]);
	else
		*ret = fd[0];
	return r;
}

static int
ask_to_fork(const struct process_conf *conf, struct process *l)
{
	struct buf text = BUF_INIT;
	int fd[FORKSERVER_FDS], r;

	r = make_settings(conf, l, &text);
	if (r == 0)
		r = make_pipe_with(&text, &fd[FORKSERVER_SETTINGS]);
	if (r == 0) {
		fd[FORKSERVER_STDOUT] = l->child_out[0];
		fd[FORKSERVER_STDERR] = l->child_out[1];
		l->ticket = forkserver_fork(conf->server, fd, conf->arg, conf->on_forked);
		r = l->ticket == 0 ? -EAGAIN : 0;
		close(fd[FORKSERVER_SETTINGS]);
	}
	explicit_bzero(text.data, text.len);
	buf_release(&text);
	return r;
}

/* ---- either way ---- */

static int
make_pipes(struct process *l)
{
	for (int i = 0; i < 2; i++) {
		int fd[2];

		if (pipe2(fd, O_CLOEXEC) < 0)
			return -errno;
		fcntl(fd[0], F_SETFL, O_NONBLOCK);	/* the read end's own: the child's end is another */
		l->out[i] = fd[0];
		l->child_out[i] = fd[1];
	}
	return 0;
}

void
process_is_there(struct process *l, pid_t pid)
{
	l->pid = pid;
	l->ticket = 0;
	for (int i = 0; i < 2; i++) {
		if (l->child_out[i] >= 0)
			close(l->child_out[i]);
		l->child_out[i] = -1;
	}
	buf_release(&l->connection);		/* the key is where it is needed */
}

void
process_hide(struct process *l)
{
	for (int i = 0; i < CHANNELS; i++)
		if (strncmp(l->endpoint[i], "ipc://", 6) == 0)
			unlink(l->endpoint[i] + 6);
	rmdir(buf_str(&l->private_dir));	/* is not empty where somebody put something there: it goes with the next cleaning */
}

int
process_make_dirs(const struct process *l)
{
	if (mkdir(buf_str(&l->work_dir), 0700) < 0 || mkdir(buf_str(&l->ipython_dir), 0700) < 0)
		return -errno;
	return 0;
}

/* Names only: whoever sees a directory of a spare could put there what the spare would run. */
static int
name_dirs(const struct process_conf *conf, struct process *l)
{
	char random[33];
	int r = wire_random(random);

	buf_printf(&l->work_dir, "%s/kernel-%.12s", conf->work_base, random);
	buf_printf(&l->ipython_dir, "%s/ipython-%.12s", conf->runtime_dir, random + 12);
	return r;
}

static int
choose_dirs(const struct process_conf *conf, struct process *l, struct buf *why)
{
	bool later = conf->is_spare && conf->server;
	char name[24];
	int r;

	snprintf(name, sizeof name, "%u-", conf->serial);
	r = later ? name_dirs(conf, l) : scratch_make(conf->work_base, "kernel-", &l->work_dir);
	if (r < 0) {
		buf_printf(why, "%s: no working directory can be made: %s", conf->work_base, strerror(-r));
		return r;
	}
	r = scratch_make(conf->runtime_dir, name, &l->private_dir);
	if (r == 0 && !later)
		buf_printf(&l->ipython_dir, "%s/ipython", buf_str(&l->private_dir));
	if (r == 0)
		r = buf_error(&l->work_dir) < 0 ? -ENOMEM : buf_error(&l->ipython_dir);
	if (r < 0)
		buf_printf(why, "%s: no private directory can be made: %s", conf->runtime_dir, strerror(-r));
	return r;
}

int
process_start(const struct process_conf *conf, struct process *l, struct buf *why)
{
	int r;

	*l = (struct process){ .out = { -1, -1 }, .child_out = { -1, -1 } };
	if ((r = choose_dirs(conf, l, why)) < 0)
		return r;
	if ((r = make_connection(conf, l)) < 0) {
		buf_printf(why, "%s: no connection can be made: %s", conf->runtime_dir, strerror(-r));
		return r;
	}
	if ((r = make_pipes(l)) < 0) {
		buf_printf(why, "no pipes for the kernel: %s", strerror(-r));
		return r;
	}
	if (conf->server && (r = ask_to_fork(conf, l)) == 0)
		return 0;
	if (conf->server && conf->is_spare) {
		buf_printf(why, "it cannot be forked: %s", strerror(-r));
		return r;
	}
	return process_exec(conf, l, why);
}

void
process_release(struct process *l)
{
	for (int i = 0; i < 2; i++) {
		if (l->out[i] >= 0)
			close(l->out[i]);
		l->out[i] = -1;
	}
	process_is_there(l, l->pid);		/* as far as the pipes go */
	buf_release(&l->work_dir);
	buf_release(&l->ipython_dir);
	buf_release(&l->private_dir);
	buf_release(&l->connection_file);
}
