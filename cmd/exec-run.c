/* exec-run - run code in a session, or in a container of its own; exec-run(1) */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/json_filter.h"
#include "base/opt.h"
#include "base/uri.h"
#include "base/utf8.h"
#include "client/cli.h"
#include "client/hold.h"
#include "client/image.h"
#include "client/show.h"

#define WAIT_MAX_MS	((int64_t)86400 * 1000)
#define TIMEOUT_MAX_MS	((int64_t)365 * 86400 * 1000)
#define ALLOCATION_MAX	((size_t)65536)		/* what -s - reads: a few hundred bytes */

static struct cli cli = CLI_INIT;
static const char *code_text, *session, *type, *save_dir, *program;
static int64_t wait_ms = -1, timeout_ms;
static bool as_json;

static const struct opt table[] = {
	{ 'c', "code", "CODE", "run CODE", OPT_STRING, .dest = &code_text },
	{ 's', "session", "ID", "in this session; -: the allocation on stdin (EXECMGR_SESSION)", OPT_STRING, .dest = &session },
	{ 't', "type", "TYPE", "without a session: the type of container (EXECMGR_TYPE)", OPT_STRING, .dest = &type },
	{ 'w', "wait", "SECONDS", "without a session: how long to wait for a container (30)", OPT_SECONDS, .dest = &wait_ms,
	    .max = WAIT_MAX_MS },
	{ 'T', "timeout", "SECONDS", "how long the code may run (the executor's limit)", OPT_SECONDS, .dest = &timeout_ms,
	    .min = 1, .max = TIMEOUT_MAX_MS },
	{ 'S', "save", "DIR", "save pictures as DIR/image-001.png and so on", OPT_STRING, .dest = &save_dir },
	{ 'j', "json", NULL, "print the answer as JSON, on one line", OPT_FLAG, .dest = &as_json },
	{ 'f', "filter", "PROGRAM", "print what this jq program makes of the answer", OPT_STRING, .dest = &program },
	CLI_URL_OPTION(cli),
	CLI_TALK_OPTIONS(cli),
	{ .name = NULL },
};

static const struct opt_usage usage = {
	.name = "exec-run",
	.purpose = "Run code in a session, or in a container that is taken for it and given back.",
	.synopsis = "[-jqv] [-s ID | -t TYPE] [-w SECONDS] [-T SECONDS] [-S DIR] [-f PROGRAM] [-u URL] [-c CODE | FILE | -]",
	.table = table,
};

/* ---- what to run, and where ---- */

static size_t
first_bad_byte(const char *s, size_t len)
{
	size_t i = 0, n;

	while (i < len && (n = utf8_char(s + i, len - i)) > 0)
		i += n;
	return i;
}

/* The code, from where the command line says; `name` is what messages call it. */
static int
read_code(const char *file, struct buf *code)
{
	const char *name = code_text != NULL ? "--code" : file != NULL ? file : "standard input";
	size_t at;
	int r;

	if (code_text != NULL) {
		buf_puts(code, code_text);
		r = buf_error(code);
	} else
		r = file != NULL ? buf_read_file(code, file, API_CODE_MAX) : buf_read_fd(code, STDIN_FILENO, API_CODE_MAX);
	if (r == -EFBIG)
		return diag_fail(EX_DATAERR, "%s: more than 32 MiB of code", name);
	if (r == -ENOMEM)
		return diag_fail(EX_OSERR, "out of memory");
	if (r < 0)
		return diag_fail(file != NULL ? EX_NOINPUT : EX_IOERR, "%s: %s", name, strerror(-r));
	if ((at = first_bad_byte(buf_str(code), code->len)) < code->len)
		return diag_fail(EX_DATAERR, "%s: not UTF-8 at byte %zu", name, at + 1);
	return 0;
}

/* {"code":…} and what else was asked for; an executor of the plain contract knows only the code. */
static void
make_request(const struct buf *code, struct buf *body)
{
	json_put_open(body, '{');
	json_put_key(body, "code");
	json_put_string(body, buf_str(code), code->len);
	if (timeout_ms > 0) {
		json_put_key(body, "timeout");
		buf_printf(body, "%" PRId64, timeout_ms / 1000);
		if (timeout_ms % 1000 != 0)
			buf_printf(body, ".%03d", (int)(timeout_ms % 1000));
	}
	json_put_close(body, '}');
}

/* The id of the one allocation on standard input. */
static int
session_from_stdin(int *ret_id)
{
	struct buf text = BUF_INIT;
	struct json_error err;
	struct json v;
	int r = buf_read_fd(&text, STDIN_FILENO, ALLOCATION_MAX);

	if (r == -EFBIG)
		r = diag_fail(EX_DATAERR, "standard input: larger than an allocation");
	else if (r < 0)
		r = diag_fail(EX_IOERR, "standard input: %s", strerror(-r));
	else if (json_scan(buf_str(&text), text.len, 0, &v, &err) < 0)
		r = diag_fail(EX_DATAERR, "standard input: not one allocation: line %u, column %u: %s",
		    err.line, err.column, err.what);
	else if ((*ret_id = api_allocation_id(v)) < 0)
		r = diag_fail(EX_DATAERR, "standard input: not an allocation: no container_id");
	buf_release(&text);
	return r;
}

/* -1 in *ret_id: none, allocate.  Options beat the environment, whichever of the two they name. */
static int
find_session(int *ret_id)
{
	const char *id = session;

	*ret_id = -1;
	if (id == NULL && type == NULL)
		id = getenv("EXECMGR_SESSION");
	if (id == NULL || (*id == '\0' && session == NULL))
		return 0;
	if (strcmp(id, "-") == 0 && session != NULL)
		return session_from_stdin(ret_id);
	if (uri_parse_id(id, strlen(id), ret_id) < 0)
		opt_refuse(&usage, "%s %s: not a container id", session != NULL ? "--session" : "EXECMGR_SESSION", id);
	return 0;
}

/*
 * Without a type: the only one there is, else python if there is one; *ret_type stays empty in a pool without containers,
 * where any is as good.
 */
static int
choose_type(struct api *api, struct buf *ret_type)
{
	struct api_answer ans = API_ANSWER_INIT;
	struct buf names = BUF_INIT;
	struct json_iter it = { 0 };
	struct json types = { .kind = JSON_NULL }, name, count;
	bool python = false;
	unsigned n = 0;
	int r = api_get(api, "/status", &ans);

	if (r != 0) {
		api_answer_release(&ans);
		return diag_fail(r, "%s", api_error(api));
	}
	if (!json_get(ans.json, "total_by_type", &types))
		json_get(ans.json, "available_by_type", &types);
	while (types.kind == JSON_OBJECT && json_next(types, &it, &name, &count)) {
		buf_puts(&names, n++ > 0 ? ", " : "");
		json_text(name, &names);
		buf_reset(ret_type);
		json_text(name, ret_type);
		python |= json_equals(name, "python");
	}
	if (n > 1 && python) {
		buf_reset(ret_type);
		buf_puts(ret_type, "python");
	} else if (n > 1)
		r = diag_fail(EX_USAGE, "which type? -t names one of: %s", buf_str(&names));
	buf_release(&names);
	api_answer_release(&ans);
	return r;
}

/* ---- running ---- */

static int
print_json(struct json_filter *filter, struct json answer, int watch)
{
	struct buf out = BUF_INIT;
	int ex = cli_add_json(filter, answer, &out), r;

	r = cli_write(STDOUT_FILENO, buf_str(&out), out.len, watch);
	buf_release(&out);
	return r < 0 ? r : ex;
}

/* 0, -EINTR, -errno of a write to standard output, or an exit status. */
static int
report(struct show *s, struct json_filter *filter, struct json answer)
{
	const char *wrong = show_check(answer);
	int ex, r;

	if (wrong != NULL)
		return diag_fail(EX_PROTOCOL, "the executor's answer %s", wrong);
	ex = show_exit(answer);
	if (as_json || filter != NULL) {
		r = print_json(filter, answer, s->watch);
		show_save(s, answer);
	} else
		r = show_outputs(s, answer);
	if (r != 0)
		return r;
	return ex != 0 ? ex : s->ex;
}

static int
report_end(const struct show *s)
{
	if (!s->done)
		return diag_fail(EX_PROTOCOL, "the executor's answer has no end");
	return s->ex_items != 0 ? s->ex_items : s->ex;
}

static int
on_line(void *arg, struct json line)
{
	return show_line(arg, line);
}

/* Outputs are printed as they come, unless the answer is wanted as one. */
static int
execute(struct api *api, int id, const struct buf *body, struct json_filter *filter, int watch)
{
	struct api_answer ans = API_ANSWER_INIT;
	struct show s = SHOW_INIT;
	int r;

	s.tame_out = isatty(STDOUT_FILENO);
	s.tame_err = isatty(STDERR_FILENO);
	s.save_dir = save_dir;
	s.watch = watch;
	diag(DIAG_INFO, "container %d: running", id);
	if (as_json || filter != NULL)
		r = api_execute(api, id, body, &ans);
	else
		r = api_execute_stream(api, id, body, on_line, &s, &ans);
	if (r > 0)
		diag(DIAG_ERROR, "%s", api_error(api));
	else if (r == 0)
		r = ans.status != 0 ? report(&s, filter, ans.json) : report_end(&s);
	api_answer_release(&ans);
	return r;
}

static int
allocate_and_execute(struct api *api, const struct buf *body, struct json_filter *filter)
{
	struct api_answer ans = API_ANSWER_INIT;
	struct hold hold = HOLD_INIT;
	struct buf chosen = BUF_INIT;
	int r = 0, w = 0;

	if (type == NULL && (type = getenv("EXECMGR_TYPE")) != NULL && *type == '\0')
		type = NULL;
	if (type == NULL && (r = choose_type(api, &chosen)) == 0 && chosen.len > 0)
		type = buf_str(&chosen);
	if (r == 0 && (r = hold_begin(&hold, api)) < 0)
		r = diag_fail(EX_OSERR, "signalfd: %s", strerror(-r));
	if (r == 0 && (r = hold_take(&hold, type, wait_ms < 0 ? 30000 : wait_ms, &ans)) > 0)
		diag(DIAG_ERROR, "%s", api_error(api));
	if (r == 0)
		r = execute(api, hold.id[0], body, filter, hold.fd);
	if (r < 0 && r != -EINTR) {		/* standard output failed; say so when the container is back */
		w = r;
		r = EX_IOERR;
	}
	r = hold_end(&hold, r);
	if (w < 0)
		r = cli_write_failed(w);
	api_answer_release(&ans);
	buf_release(&chosen);
	return r;
}

static const char *
check_usage(int argc, char **argv, int at)
{
	const char *file = at < argc ? argv[at] : NULL;
	bool stdin_code = code_text == NULL && (file == NULL || strcmp(file, "-") == 0);

	if (argc - at > 1)
		opt_refuse(&usage, "%s: only one file can be run", argv[at + 1]);
	if (code_text != NULL && file != NULL)
		opt_refuse(&usage, "%s: --code is given as well", file);
	if (session != NULL && type != NULL)
		opt_refuse(&usage, "--session and --type exclude each other");
	if (session != NULL && wait_ms >= 0)
		opt_refuse(&usage, "--session and --wait exclude each other");
	if (session != NULL && strcmp(session, "-") == 0 && stdin_code)
		opt_refuse(&usage, "--session -: standard input holds the allocation, so the code needs --code or a file");
	return stdin_code ? NULL : file;
}

int
main(int argc, char **argv)
{
	struct buf code = BUF_INIT, body = BUF_INIT;
	struct json_filter *filter;
	const char *file;
	struct api *api;
	int id, r;

	diag_init("exec-run", DIAG_WARN);
	file = check_usage(argc, argv, opt_parse(&usage, argc, argv));
	filter = cli_filter(&usage, program);
	api = cli_open(&usage, &cli);
	if ((r = find_session(&id)) != 0 || (r = read_code(file, &code)) != 0)
		goto out;
	make_request(&code, &body);
	if (buf_error(&body) < 0)
		r = diag_fail(EX_OSERR, "out of memory");
	else if (save_dir != NULL && (r = image_make_dir(save_dir)) < 0)
		r = diag_fail(EX_CANTCREAT, "%s: %s", save_dir, strerror(-r));
	else if (id < 0)
		r = allocate_and_execute(api, &body, filter);
	else if ((r = execute(api, id, &body, filter, -1)) < 0)
		r = cli_write_failed(r);
out:
	buf_release(&code);
	buf_release(&body);
	api_free(&api);
	json_filter_free(&filter);
	return r;
}
