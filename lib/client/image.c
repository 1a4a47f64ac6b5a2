/* image - pictures of a reply as files; see image.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/image.h"

#define NUMBER_MAX 99999	/* pictures in one directory */

static const struct {
	const char *mime, *extension;
} kinds[] = {
	{ "image/png", "png" }, { "image/jpeg", "jpg" }, { "image/gif", "gif" }, { "image/webp", "webp" },
	{ "image/svg+xml", "svg" }, { "application/pdf", "pdf" },
};

const char *
image_extension(struct json mime)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (json_equals(mime, kinds[i].mime))
			return kinds[i].extension;
	return NULL;
}

int
image_make_dir(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0777) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(dir, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
image_base64(const char *text, size_t len, struct buf *out)
{
	unsigned bits = 0, n = 0, pad = 0;
	int v;

	if (buf_reserve(out, len / 4 * 3 + 3) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
			continue;
		if (c == '=' && n % 4 >= 2 && pad < 2) {
			pad++;
			continue;
		}
		if ((v = value_of(c)) < 0 || pad > 0)
			return -EBADMSG;
		bits = bits << 6 | (unsigned)v;
		if (++n % 4 != 1)		/* 6, then 4, then 2 bits over */
			buf_putc(out, (char)(bits >> (6 - 2 * ((n - 1) % 4))));
	}
	if (n % 4 == 1 || (pad > 0 && (n + pad) % 4 != 0))
		return -EBADMSG;
	return buf_error(out);
}

/* A string, or an array of them: nbformat's "multiline string". */
static int
text_of(struct json data, struct buf *out)
{
	struct json_iter it = { 0 };
	struct json part;

	if (data.kind == JSON_STRING)
		return json_text(data, out);
	if (data.kind != JSON_ARRAY)
		return -EBADMSG;
	while (json_next(data, &it, NULL, &part))
		if (json_text(part, out) < 0)
			return -EBADMSG;
	return buf_error(out);
}

static int
create(const char *dir, const char *extension, unsigned *number, struct buf *path)
{
	size_t start = path->len;
	int fd;

	for (; *number <= NUMBER_MAX; ++*number) {
		buf_truncate(path, start);
		buf_printf(path, "%s/image-%03u.%s", dir, *number, extension);
		if (buf_error(path) < 0)
			return -ENOMEM;
		fd = open(buf_str(path) + start, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd >= 0 || errno != EEXIST) {
			++*number;
			return fd >= 0 ? fd : -errno;
		}
	}
	return -EEXIST;
}

static int
write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int
image_save(const char *dir, const char *extension, struct json data, unsigned *number, struct buf *path)
{
	struct buf text = BUF_INIT, bytes = BUF_INIT;
	bool is_text = strcmp(extension, "svg") == 0;
	size_t start = path->len;
	int fd, r;

	if ((r = text_of(data, &text)) < 0 ||
	    (!is_text && (r = image_base64(buf_str(&text), text.len, &bytes)) < 0))
		goto out;
	if ((r = fd = create(dir, extension, number, path)) < 0)
		goto out;
	r = is_text ? write_all(fd, buf_str(&text), text.len) : write_all(fd, buf_str(&bytes), bytes.len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		unlink(buf_str(path) + start);
out:
	buf_release(&text);
	buf_release(&bytes);
	return r == -EINVAL ? -EBADMSG : r < 0 ? r : 0;
}
