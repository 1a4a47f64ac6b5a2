/* exec-alloc - take a container for use; exec-alloc(1) */
#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/json_filter.h"
#include "base/opt.h"
#include "client/cli.h"
#include "client/hold.h"
#include "client/present.h"

#define WAIT_MAX_MS	((int64_t)86400 * 1000)

static struct cli cli = CLI_INIT;
static const char *type, *fields, *program;
static int64_t wait_ms = 30000, count = 1;

static const struct opt table[] = {
	{ 't', "type", "TYPE", "the type of container (EXECMGR_TYPE, any)", OPT_STRING, .dest = &type, .env = "EXECMGR_TYPE" },
	{ 'w', "wait", "SECONDS", "how long to wait for a free one (30)", OPT_SECONDS, .dest = &wait_ms,
	    .max = WAIT_MAX_MS },
	{ 'n', "count", "N", "take N containers, or none (1)", OPT_INT, .dest = &count, .min = 1, .max = 10000 },
	{ 'o', "fields", "LIST", "print these members, separated by tabs: id,type,url", OPT_STRING, .dest = &fields },
	{ 'f', "filter", "PROGRAM", "print what this jq program makes of each allocation", OPT_STRING, .dest = &program },
	CLI_URL_OPTION(cli),
	CLI_TALK_OPTIONS(cli),
	{ .name = NULL },
};

static const struct opt_usage usage = {
	.name = "exec-alloc",
	.purpose = "Take a container and print the allocation as JSON, or hold it while CMD runs.",
	.synopsis = "[-qv] [-t TYPE] [-w SECONDS] [-n N] [-o LIST | -f PROGRAM] [-u URL]\n"
	    "[-qv] [-t TYPE] [-w SECONDS] [-u URL] -- CMD [ARG...]",
	.table = table,
	.in_order = true,
};

/* One more.  0, -EINTR (hold_end() lets the signal speak), or an exit status with its message said. */
static int
take(struct hold *h, struct api *api, int64_t ms, struct api_answer *ret)
{
	int r = hold_take(h, type, ms, ret);

	return r > 0 ? diag_fail(r, "%s", api_error(api)) : r;
}

/* All of them, or the first failure; each allocation as text in out. */
static int
take_all(struct hold *h, struct api *api, struct json_filter *filter, struct buf *out)
{
	int64_t until_ms = clock_mono_ms() + wait_ms, left_ms = wait_ms;
	struct api_answer ans = API_ANSWER_INIT;
	int r = 0;

	for (int64_t i = 0; i < count && r == 0; i++) {
		if (i > 0 && (left_ms = until_ms - clock_mono_ms()) < 0)
			left_ms = 0;
		if ((r = take(h, api, left_ms, &ans)) != 0)
			break;
		if (fields != NULL)
			present_fields(out, ans.json, fields);
		else
			r = cli_add_json(filter, ans.json, out);
	}
	api_answer_release(&ans);
	return r;
}

static int
print_allocations(struct hold *h, struct api *api, struct json_filter *filter)
{
	struct buf out = BUF_INIT;
	int r = take_all(h, api, filter, &out);

	if (r == 0 && (r = cli_write(STDOUT_FILENO, buf_str(&out), out.len, h->fd)) == 0)
		hold_keep(h);
	else if (r < 0 && r != -EINTR)
		r = cli_write_failed(r);
	buf_release(&out);
	return r;
}

static void
export_allocation(const struct api *api, const struct hold *h, struct json allocation)
{
	struct buf b = BUF_INIT;
	struct json v;
	char id[16];

	snprintf(id, sizeof id, "%d", h->id[0]);
	setenv("EXECMGR_SESSION", id, 1);
	setenv("EXECMGR_URL", api_url(api), 1);
	if (json_get(allocation, "type", &v) && json_text(v, &b) == 0)
		setenv("EXECMGR_TYPE", buf_str(&b), 1);
	buf_release(&b);
}

/* CMD gets the signals as they were before we held anything. */
static int
start(const struct hold *h, char **argv, pid_t *ret_pid)
{
	extern char **environ;
	posix_spawnattr_t attr;
	sigset_t pipe;
	int r;

	sigemptyset(&pipe);
	if (h->pipe_before.sa_handler != SIG_IGN)
		sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &h->mask_before);
	posix_spawnattr_setsigdefault(&attr, &pipe);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(ret_pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	if (r == 0)
		return 0;
	return diag_fail(r == ENOENT ? EX_NOTFOUND : EX_NOEXEC, "%s: %s", argv[0],
	    r == ENOENT ? "command not found" : strerror(r));
}

/* Until CMD ends.  What a terminal's keys or hang-up sent, CMD has got already, being in our process group. */
static int
attend(struct hold *h, pid_t pid)
{
	int fd = pidfd_open(pid, 0), status;
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { h->fd, POLLIN, 0 } };
	struct signalfd_siginfo si;

	if (fd < 0)
		diag(DIAG_ERROR, "%s", strerror(errno));	/* signals then wait for CMD's end */
	while (fd >= 0 && p[0].revents == 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		while (p[1].revents != 0 && hold_next_signal(h, &si))
			if (si.ssi_code <= 0)
				kill(pid, (int)si.ssi_signo);
	}
	if (fd >= 0)
		close(fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return diag_fail(EX_OSERR, "waitpid: %s", strerror(errno));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int
run_command(struct hold *h, struct api *api, char **argv)
{
	const struct sigaction normal = { .sa_handler = SIG_DFL };
	struct api_answer ans = API_ANSWER_INIT;
	pid_t pid;
	int r;

	if ((r = take(h, api, wait_ms, &ans)) == 0) {
		diag(DIAG_INFO, "container %d: allocated", h->id[0]);
		export_allocation(api, h, ans.json);
		sigaction(SIGCHLD, &normal, NULL);	/* inherited as ignored, CMD's status would be lost */
		if ((r = start(h, argv, &pid)) == 0)
			r = attend(h, pid);
	}
	api_answer_release(&ans);
	return r;
}

static void
check_usage(int argc, char **argv, int at)
{
	if (at < argc && !opt_saw_dashes())
		opt_refuse(&usage, "%s: a command comes after --", argv[at]);
	if (at == argc && opt_saw_dashes())
		opt_refuse(&usage, "--: the command is missing");
	if (at < argc && (count > 1 || fields != NULL || program != NULL))
		opt_refuse(&usage, "-n, -o and -f do not go with a command");
	if (fields != NULL && program != NULL)
		opt_refuse(&usage, "-o and -f exclude each other");
	if (fields != NULL && !present_fields_ok(fields))
		opt_refuse(&usage, "--fields %s: not a list of names", fields);
}

int
main(int argc, char **argv)
{
	struct hold hold = HOLD_INIT;
	struct json_filter *filter;
	struct api *api;
	int at, r, ex;

	diag_init("exec-alloc", DIAG_WARN);
	at = opt_parse(&usage, argc, argv);
	check_usage(argc, argv, at);
	filter = cli_filter(&usage, program);
	api = cli_open(&usage, &cli);
	if ((r = hold_begin(&hold, api)) < 0)
		ex = diag_fail(EX_OSERR, "signalfd: %s", strerror(-r));
	else
		ex = at < argc ? run_command(&hold, api, argv + at) : print_allocations(&hold, api, filter);
	ex = hold_end(&hold, ex);
	api_free(&api);
	json_filter_free(&filter);
	return ex;
}
