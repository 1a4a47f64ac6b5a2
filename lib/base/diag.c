/* diag - what a program says to people, on stderr; see diag.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/utf8.h"

static const char *program = "execmgr";
static enum diag_level most = DIAG_WARN;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

/*
 * A descriptor 0, 1 or 2 that is closed would be the number of the next file or socket, which then got our output.  What is
 * put there fails like a closed one does: EBADF, since it is open the wrong way round.
 */
static void
occupy_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_WRONLY : O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void
diag_init(const char *name, enum diag_level level)
{
	program = name;
	most = level;
	occupy_standard_fds();
}

void
diag_set_level(enum diag_level level)
{
	most = level;
}

int
diag_parse_level(const char *name, enum diag_level *ret_level)
{
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
		if (strcasecmp(name, level_names[i]) == 0) {
			*ret_level = (enum diag_level)i;
			return 0;
		}
	return -EINVAL;
}

/* C0 and C1 controls, DEL and what is not UTF-8 come out as \xNN: a message may quote what a stranger sent. */
static void
add_visible(struct buf *out, const char *s, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)s[i];

		n = utf8_char(s + i, len - i);
		if (n == 0 || c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s[i + 1] < 0xa0)) {
			buf_printf(out, "\\x%02x", c);
			n = 1;
		} else
			buf_add(out, s + i, n);
	}
}

static void
vsay(const char *fmt, va_list ap)
{
	struct buf text = BUF_INIT, line = BUF_INIT;
	ssize_t n;

	buf_vprintf(&text, fmt, ap);
	buf_printf(&line, "%s: ", program);
	add_visible(&line, buf_str(&text), text.len);
	buf_putc(&line, '\n');
	/* One write a line, so that the lines of several processes do not mix; a stderr that is gone is not our fault. */
	do
		n = write(STDERR_FILENO, buf_str(&line), line.len);
	while (n < 0 && errno == EINTR);
	buf_release(&text);
	buf_release(&line);
}

void
diag(enum diag_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > most)
		return;
	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
}

int
diag_fail(int ex, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
	return ex;
}

void
diag_die(int ex, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
	exit(ex);
}

int
diag_close_stdout(int ex)
{
	bool bad = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) != 0 || bad) {
		int e = errno;

		if (ex == 0)
			ex = EX_IOERR;
		diag_fail(ex, "standard output: %s", e ? strerror(e) : "write failed");
	}
	return ex;
}
