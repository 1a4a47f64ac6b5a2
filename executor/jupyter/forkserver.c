/* forkserver - the process that Python kernels are forked from; see forkserver.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/json.h"
#include "forkserver.h"
#include "spawn.h"

#define SOCKET_FD	3	/* there */
#define FORK_MS		5000	/* one that does not answer for so long is stopped or stuck */
#define ASKS_MAX	8	/* at a time: a kernel, a spare, and some whose askers are gone */
#define DEATHS_MAX	3	/* before it was ever ready: it will not be */
#define ANSWER_MAX	1024

enum state { DOWN, STARTING, READY, OFF };

struct ask {
	unsigned	 ticket;
	void		*arg;
	void		(*on_forked)(void *arg, pid_t pid);	/* NULL: forgotten */
};

struct watch {			/* of one process: libuv lets go of it later */
	uv_poll_t	 poll;
	struct forkserver *fs;
};

struct forkserver {
	struct forkserver_conf conf;
	enum state	 state;
	pid_t		 pid;
	int		 fd;		/* our end of its socket */
	struct watch	*watch;
	uv_timer_t	 limit;		/* of its start, or of the first ask */
	struct ask	 ask[ASKS_MAX];	/* in order */
	size_t		 nasks;
	unsigned	 tickets, deaths;
	struct buf	 why;
};

/* forkserver.py, with a NUL. */
extern const char forkserver_py[];
__asm__(
	".pushsection .rodata\n"
	".global forkserver_py\n"
	"forkserver_py:\n"
	".incbin \"executor/jupyter/forkserver.py\"\n"
	".byte 0\n"
	".popsection\n"
);

/* ---- which kernels ---- */

/* python [options] -m ipykernel_launcher -f {connection_file}, and no more; 0: not so, else how many words stand before -m. */
static size_t
python_words(const struct kernelspec *spec)
{
	static const char *const rest[] = { "-m", "ipykernel_launcher", "-f", "{connection_file}" };
	char **p = spec->argv + 1;
	size_t n;

	while (*p && **p == '-' && strcmp(*p, "-m") != 0 && strcmp(*p, "-c") != 0)
		p++;
	n = (size_t)(p - spec->argv);
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++, p++)
		if (!*p || strcmp(*p, rest[i]) != 0)
			return 0;
	return *p ? 0 : n;
}

static void
turn_off(struct forkserver *fs, enum diag_level level, const char *why)
{
	fs->state = OFF;
	buf_reset(&fs->why);
	buf_puts(&fs->why, why);
	diag(level, "kernel %s: not forked, started by itself: %s", fs->conf.spec->name, why);
}

/* ---- its end ---- */

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* Nobody waits any more for what was asked of it. */
static void
fail_asks(struct forkserver *fs)
{
	struct ask asks[ASKS_MAX];
	size_t n = fs->nasks;

	memcpy(asks, fs->ask, sizeof asks);
	fs->nasks = 0;
	for (size_t i = 0; i < n; i++)
		if (asks[i].on_forked)
			asks[i].on_forked(asks[i].arg, -1);
}

static void
drop(struct forkserver *fs)
{
	uv_timer_stop(&fs->limit);
	if (fs->pid > 0)
		kill(fs->pid, SIGKILL);
	fs->pid = 0;
	if (fs->watch) {
		uv_poll_stop(&fs->watch->poll);
		uv_close((uv_handle_t *)&fs->watch->poll, on_closed);
		fs->watch = NULL;
	}
	if (fs->fd >= 0)
		close(fs->fd);
	fs->fd = -1;
}

static void
gone(struct forkserver *fs, const char *why)
{
	bool was_ready = fs->state == READY;

	if (fs->state != STARTING && !was_ready)
		return;
	drop(fs);
	fs->deaths = was_ready ? 0 : fs->deaths + 1;
	fs->state = DOWN;
	if (fs->deaths >= DEATHS_MAX)
		turn_off(fs, DIAG_WARN, why);
	else
		diag(DIAG_WARN, "fork server: %s; the next kernel gets a new one", why);
	fail_asks(fs);
}

static void
on_limit(uv_timer_t *timer)
{
	struct forkserver *fs = timer->data;

	gone(fs, fs->state == STARTING ? "it does not get ready" : "it does not answer");
}

/* ---- what it says ---- */

static void
watch_first_ask(struct forkserver *fs)
{
	if (fs->state != READY)
		return;
	if (fs->nasks > 0)
		uv_timer_start(&fs->limit, on_limit, FORK_MS, 0);
	else
		uv_timer_stop(&fs->limit);
}

static void
on_pid(struct forkserver *fs, pid_t pid)
{
	struct ask ask;
	siginfo_t info;

	if (fs->nasks == 0)
		return;
	ask = fs->ask[0];
	fs->nasks--;
	memmove(fs->ask, fs->ask + 1, fs->nasks * sizeof *fs->ask);
	watch_first_ask(fs);
	/* It is our child by now; if it is not there any more it was killed and reaped before its name was known. */
	if (pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		pid = -1;
	if (ask.on_forked)
		ask.on_forked(ask.arg, pid);
	else if (pid > 0)
		kill(pid, SIGKILL);
}

static void
on_answer(struct forkserver *fs, const char *text)
{
	static const char failed[] = "failed: ";

	if (strcmp(text, "ready") == 0) {
		fs->state = READY;
		fs->deaths = 0;
		diag(DIAG_INFO, "fork server: ready (process %d)", (int)fs->pid);
		watch_first_ask(fs);
	} else if (strncmp(text, failed, sizeof failed - 1) == 0) {
		drop(fs);
		turn_off(fs, DIAG_WARN, text + sizeof failed - 1);
		fail_asks(fs);
	} else
		on_pid(fs, (pid_t)strtol(text, NULL, 10));
}

static void
read_answers(const struct watch *w)
{
	struct forkserver *fs = w->fs;
	char text[ANSWER_MAX];
	ssize_t n;

	while (fs->watch == w) {
		n = recv(fs->fd, text, sizeof text - 1, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			gone(fs, "it has ended");
			return;
		}
		text[n] = '\0';
		on_answer(fs, text);
	}
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	read_answers(poll->data);
}

void
forkserver_exited(struct forkserver *fs, pid_t pid)
{
	if (pid != fs->pid || pid == 0)
		return;
	fs->pid = 0;			/* no longer ours to kill */
	if (fs->watch)
		read_answers(fs->watch);	/* it may have said why */
	gone(fs, "it has ended");
}

/* ---- its start ---- */

/* `python … -c` of a line that takes the source from the socket; the rest tells those who look at processes what it is. */
static void
make_argv(const struct forkserver *fs, struct words *argv)
{
	static const char *const rest[] = {
		"-c", "import socket; sock = socket.socket(fileno=3); exec(sock.recv(1 << 17))", "-m", "ipykernel_launcher", "forked"
	};
	size_t n = python_words(fs->conf.spec);

	for (size_t i = 0; i < n; i++)
		words_add(argv, strdup(fs->conf.spec->argv[i]));
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		words_add(argv, strdup(rest[i]));
}

static void
put_preload(const struct forkserver *fs, struct buf *out)
{
	const char *p = fs->conf.preload;
	size_t n;

	json_put_open(out, '{');
	json_put_key(out, "preload");
	json_put_open(out, '[');
	while (p && *p) {
		p += strspn(p, ", ");
		n = strcspn(p, ", ");
		if (n > 0)
			json_put_string(out, p, n);
		p += n;
	}
	json_put_close(out, ']');
	json_put_close(out, '}');
}

static int
send_words(const struct forkserver *fs)
{
	struct buf words = BUF_INIT;
	int r;

	put_preload(fs, &words);
	r = buf_error(&words);
	if (r == 0 && (send(fs->fd, forkserver_py, strlen(forkserver_py), MSG_NOSIGNAL) < 0 ||
	    send(fs->fd, words.data, words.len, MSG_NOSIGNAL) < 0))
		r = -errno;
	buf_release(&words);
	return r;
}

static int
watch_socket(struct forkserver *fs)
{
	struct watch *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return -ENOMEM;
	if ((r = uv_poll_init(fs->conf.loop, &w->poll, fs->fd)) < 0) {
		free(w);
		return r;
	}
	w->fs = fs;
	w->poll.data = w;
	fs->watch = w;
	return uv_poll_start(&w->poll, UV_READABLE, on_readable);
}

/* It writes where this process does: nobody's code runs in it, so what it says is for whoever runs this. */
static int
start(struct forkserver *fs, int theirs)
{
	struct words argv = { 0 }, env = { 0 };
	struct spawn_conf conf = { .dir = "/", .nfds = SOCKET_FD + 1, .nofile = fs->conf.nofile };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), r = null < 0 ? -errno : 0;

	make_argv(fs, &argv);
	spawn_env(fs->conf.spec, &env);
	conf.argv = argv.v;
	conf.env = env.v;
	memcpy(conf.fd, (int[]){ null, null, STDERR_FILENO, theirs }, sizeof conf.fd);
	if (r == 0)
		r = argv.failed || env.failed ? -ENOMEM : spawn(&conf, &fs->pid);
	if (null >= 0)
		close(null);
	words_release(&argv);
	words_release(&env);
	return r;
}

void
forkserver_ensure(struct forkserver *fs)
{
	int fd[2], r;

	/* Kernels would inherit what a former one's code has made of its limits. */
	if (fs->state == READY && !spawn_is_unspoilt(fs->pid, &fs->conf.nofile, 0))
		gone(fs, "its limits were changed");
	if (fs->state != DOWN)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0) {
		diag(DIAG_WARN, "fork server: %s", strerror(errno));
		return;
	}
	fs->fd = fd[0];
	fs->state = STARTING;
	if ((r = start(fs, fd[1])) == 0 && (r = watch_socket(fs)) == 0)
		r = send_words(fs);
	close(fd[1]);
	if (r < 0)
		gone(fs, strerror(-r));
	else
		uv_timer_start(&fs->limit, on_limit, (uint64_t)fs->conf.start_ms, 0);
}

/* ---- forking ---- */

static int
send_fds(int socket, const int fd[FORKSERVER_FDS])
{
	union {
		struct cmsghdr	head;
		char		bytes[CMSG_SPACE(sizeof(int) * FORKSERVER_FDS)];
	} control = { .bytes = { 0 } };
	struct iovec one = { "k", 1 };
	struct msghdr msg = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * FORKSERVER_FDS);
	memcpy(CMSG_DATA(c), fd, sizeof(int) * FORKSERVER_FDS);
	return sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

unsigned
forkserver_fork(struct forkserver *fs, const int fd[FORKSERVER_FDS], void *arg, void (*on_forked)(void *arg, pid_t pid))
{
	if (!forkserver_is_there(fs) || fs->nasks == ASKS_MAX || send_fds(fs->fd, fd) < 0)
		return 0;
	if (++fs->tickets == 0)
		fs->tickets = 1;
	fs->ask[fs->nasks++] = (struct ask){ fs->tickets, arg, on_forked };
	if (fs->nasks == 1)
		watch_first_ask(fs);
	return fs->tickets;
}

void
forkserver_forget(struct forkserver *fs, unsigned ticket)
{
	for (size_t i = 0; i < fs->nasks; i++)
		if (fs->ask[i].ticket == ticket)
			fs->ask[i].on_forked = NULL;
}

/* ---- life ---- */

struct forkserver *
forkserver_new(const struct forkserver_conf *conf)
{
	struct forkserver *fs = calloc(1, sizeof *fs);

	if (!fs)
		return NULL;
	fs->conf = *conf;
	fs->fd = -1;
	uv_timer_init(conf->loop, &fs->limit);
	fs->limit.data = fs;
	if (!conf->spec->is_ipykernel)
		turn_off(fs, DIAG_DEBUG, "it is not ipykernel");
	else if (conf->off)
		turn_off(fs, DIAG_INFO, "it is not wanted");
	else if (python_words(conf->spec) == 0)
		turn_off(fs, DIAG_INFO, "its command is not python -m ipykernel_launcher -f {connection_file}");
	return fs;
}

void
forkserver_free(struct forkserver **fsp)
{
	struct forkserver *fs = *fsp;

	if (!fs)
		return;
	*fsp = NULL;
	drop(fs);
	buf_release(&fs->why);
	uv_close((uv_handle_t *)&fs->limit, on_closed);
}

void
forkserver_continue(const struct forkserver *fs)
{
	if (fs->pid > 0)
		kill(fs->pid, SIGCONT);
}

bool
forkserver_is_there(const struct forkserver *fs)
{
	return fs->state == STARTING || fs->state == READY;
}

pid_t
forkserver_pid(const struct forkserver *fs)
{
	return fs->pid;
}

const char *
forkserver_why(const struct forkserver *fs)
{
	return buf_str(&fs->why);
}
