/* cli - what the commands have in common; see cli.h. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/json_filter.h"
#include "client/cli.h"
#include "client/present.h"

#define PIECE 65536		/* bytes a write to anything but a pipe */

struct api *
cli_open(const struct opt_usage *usage, const struct cli *c)
{
	struct api *a = NULL;
	const char *why = NULL;
	int r;

	diag_set_level(c->quiet ? DIAG_ERROR : c->verbose ? DIAG_INFO : DIAG_WARN);
	if ((r = api_new(c->url, &a, &why)) == -EINVAL)
		opt_refuse(usage, "%s: %s", c->url, why);
	if (r < 0)
		diag_die(EX_OSERR, "out of memory");
	return a;
}

struct json_filter *
cli_filter(const struct opt_usage *usage, const char *program)
{
	struct json_filter *f = NULL;
	struct buf why = BUF_INIT;
	int r;

	if (program == NULL)
		return NULL;
	if ((r = json_filter_new(program, &f, &why)) == -EINVAL)
		opt_refuse(usage, "--filter: %s", buf_str(&why));
	if (r < 0)
		diag_die(EX_OSERR, "out of memory");
	return f;
}

/* A manager may have sent its JSON over several lines; blanks outside strings are the only bytes that may go. */
static void
add_on_one_line(struct json v, struct buf *out)
{
	bool in_string = false;
	size_t from = 0;

	for (size_t i = 0; i < v.len; i++) {
		char c = v.p[i];

		if (c == '"')
			in_string = !in_string;
		else if (in_string && c == '\\')
			i++;
		else if (!in_string && (c == '\n' || c == '\r')) {
			buf_add(out, v.p + from, i - from);
			from = i + 1;
		}
	}
	buf_add(out, v.p + from, v.len - from);
	buf_putc(out, '\n');
}

int
cli_add_json(struct json_filter *filter, struct json value, struct buf *out)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	int r = 0;

	if (filter == NULL)
		add_on_one_line(value, &text);
	else if ((r = json_filter_run(filter, value.p, value.len, &text, &why)) == -EINVAL)
		r = diag_fail(EX_DATAERR, "--filter: %s", buf_str(&why));
	if (isatty(STDOUT_FILENO))
		present_text(out, buf_str(&text), text.len);
	else
		buf_add(out, buf_str(&text), text.len);
	if (r < 0 || buf_error(&text) < 0 || buf_error(out) < 0)
		r = diag_fail(EX_OSERR, "out of memory");
	buf_release(&text);
	buf_release(&why);
	return r;
}

/* A pipe that poll(2) calls writable takes PIPE_BUF bytes without blocking, never mind its flags. */
static size_t
piece_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) ? PIECE : PIPE_BUF;
}

int
cli_write(int fd, const char *bytes, size_t len, int watch)
{
	size_t piece = watch < 0 ? PIECE : piece_size(fd);

	while (len > 0) {
		struct pollfd p[2] = { { fd, POLLOUT, 0 }, { watch, POLLIN, 0 } };
		ssize_t n;

		if (poll(p, watch < 0 ? 1 : 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (watch >= 0 && p[1].revents != 0)
			return -EINTR;
		if (p[0].revents == 0)
			continue;
		n = write(fd, bytes, len < piece ? len : piece);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int
cli_write_failed(int r)
{
	if (r == 0)
		return 0;
	if (r == -EPIPE)
		raise(SIGPIPE);
	return diag_fail(EX_IOERR, "standard output: %s", strerror(-r));
}
