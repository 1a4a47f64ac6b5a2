/* exec-free - give containers back; exec-free(1) */
#include <errno.h>

#include "base/diag.h"
#include "base/opt.h"
#include "base/uri.h"
#include "client/cli.h"

#define LINE_MAX_BYTES	65536		/* an allocation has a few hundred */

static struct cli cli = CLI_INIT;

static const struct opt table[] = {
	CLI_URL_OPTION(cli),
	CLI_TALK_OPTIONS(cli),
	{ .name = NULL },
};

static const struct opt_usage usage = {
	.name = "exec-free",
	.purpose = "Give containers back; they are reset, then free for others.",
	.synopsis = "[-qv] [-u URL] ID... | -",
	.table = table,
};

static int
release(struct api *api, int id, int ex)
{
	int r = api_deallocate(api, id);

	if (r == 0)
		diag(DIAG_INFO, "container %d: released", id);
	else
		diag(DIAG_ERROR, "%s", api_error(api));
	return ex != 0 ? ex : r;
}

/* An id, or an allocation object. */
static int
id_of_line(const char *line, size_t len)
{
	struct json_error err;
	struct json v;
	int id;

	if (uri_parse_id(line, len, &id) == 0)
		return id;
	if (json_scan(line, len, 0, &v, &err) < 0)
		return -1;
	return api_allocation_id(v);
}

/* The next line without its end and the blanks before that.  1, 0: there is none, -EFBIG, -errno. */
static int
next_line(struct buf *line)
{
	int c;

	buf_reset(line);
	while ((c = getc(stdin)) != EOF && c != '\n') {
		if (line->len == LINE_MAX_BYTES)
			return -EFBIG;
		buf_putc(line, (char)c);
	}
	if (ferror(stdin))
		return -errno;
	while (line->len > 0 && memchr(" \t\r", line->data[line->len - 1], 3) != NULL)
		buf_truncate(line, line->len - 1);
	return c != EOF || line->len > 0;
}

/* Line by line, so that containers are freed as their ids come. */
static int
release_from_stdin(struct api *api, int ex)
{
	struct buf line = BUF_INIT;
	unsigned number = 0;
	int id, r;

	while ((r = next_line(&line)) > 0) {
		number++;
		if (line.len == 0)
			continue;
		if ((id = id_of_line(buf_str(&line), line.len)) >= 0)
			ex = release(api, id, ex);
		else {
			diag(DIAG_ERROR, "standard input: line %u is neither an id nor an allocation", number);
			ex = ex != 0 ? ex : EX_DATAERR;
		}
	}
	if (r < 0)
		r = diag_fail(r == -EFBIG ? EX_DATAERR : EX_IOERR, "standard input: line %u: %s", number + 1,
		    r == -EFBIG ? "too long" : strerror(-r));
	buf_release(&line);
	return ex != 0 ? ex : r;
}

int
main(int argc, char **argv)
{
	struct api *api;
	int at, id, ex = 0;

	diag_init("exec-free", DIAG_WARN);
	at = opt_parse(&usage, argc, argv);
	if (at == argc)
		opt_refuse(&usage, "no container is named");
	for (int i = at; i < argc; i++)
		if (strcmp(argv[i], "-") != 0 && uri_parse_id(argv[i], strlen(argv[i]), &id) < 0)
			opt_refuse(&usage, "%s: not a container id", argv[i]);
	api = cli_open(&usage, &cli);
	for (int i = at; i < argc; i++) {
		if (strcmp(argv[i], "-") == 0)
			ex = release_from_stdin(api, ex);
		else if (uri_parse_id(argv[i], strlen(argv[i]), &id) == 0)
			ex = release(api, id, ex);
	}
	api_free(&api);
	return ex;
}
