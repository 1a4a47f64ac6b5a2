/* uri - where an HTTP server is, and the parts of a request target; see uri.h. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>

#include "base/uri.h"

static int
refuse(const char **ret_why, const char *why)
{
	if (ret_why)
		*ret_why = why;
	return -EINVAL;
}

static bool
is_ipv6(const char *host)
{
	return strchr(host, ':') != NULL;
}

/* A name or an address; IPv6 literals must be ones, names are letters, digits, '-', '_' and '.'. */
static int
set_host(struct endpoint *e, const char *host, size_t len, bool brackets, const char **ret_why)
{
	struct in6_addr a6;

	if (len == 0)
		return refuse(ret_why, "the host is missing");
	if (len >= sizeof e->host)
		return refuse(ret_why, "the host is too long");
	memcpy(e->host, host, len);
	e->host[len] = '\0';
	if (strlen(e->host) != len)
		return refuse(ret_why, "the host holds a NUL byte");
	if (brackets || is_ipv6(e->host)) {
		if (inet_pton(AF_INET6, e->host, &a6) != 1)
			return refuse(ret_why, "not an IPv6 address");
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)host[i]) && !strchr("-_.", host[i]))
			return refuse(ret_why, "the host holds a character that no host name has");
	return 0;
}

static int
set_path(struct endpoint *e, const char *path, const char **ret_why)
{
	if (path[0] != '/')
		return refuse(ret_why, "unix: needs an absolute path");
	if (strlen(path) >= sizeof e->path)
		return refuse(ret_why, "the socket's path is longer than 107 bytes");
	memcpy(e->path, path, strlen(path) + 1);
	e->is_unix = true;
	return 0;
}

static int
set_port(struct endpoint *e, const char *digits, size_t len, const char **ret_why)
{
	unsigned port = 0;

	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)digits[i]))
			return refuse(ret_why, "the port is not a number");
		port = port * 10 + (unsigned)(digits[i] - '0');
		if (port > 65535)
			return refuse(ret_why, "the port is above 65535");
	}
	if (len == 0 || port == 0)
		return refuse(ret_why, "the port is missing");
	e->port = (uint16_t)port;
	return 0;
}

int
uri_parse_endpoint(const char *url, struct endpoint *ret, const char **ret_why)
{
	struct endpoint e = { .port = 80 };
	const char *host, *host_end, *end;
	bool brackets;
	int r;

	if (strncasecmp(url, "unix:", 5) == 0) {
		if ((r = set_path(&e, url + 5, ret_why)) == 0)
			*ret = e;
		return r;
	}
	if (strncasecmp(url, "https://", 8) == 0)
		return refuse(ret_why, "https is not supported");
	if (strncasecmp(url, "http://", 7) != 0)
		return refuse(ret_why, "must start with http:// or unix:");
	host = url + 7;
	end = host + strcspn(host, "/?#");
	if (memchr(host, '@', (size_t)(end - host)))
		return refuse(ret_why, "user and password are not supported");
	if (*end != '\0' && strcmp(end, "/") != 0)
		return refuse(ret_why, "a path is not supported");
	brackets = *host == '[';
	if (brackets) {
		host_end = memchr(host, ']', (size_t)(end - host));
		if (!host_end)
			return refuse(ret_why, "']' is missing");
		host++;
	} else {
		host_end = memchr(host, ':', (size_t)(end - host));
		if (!host_end)
			host_end = end;
	}
	if ((r = set_host(&e, host, (size_t)(host_end - host), brackets, ret_why)) < 0)
		return r;
	host_end += brackets;
	if (host_end < end) {
		if (*host_end != ':')
			return refuse(ret_why, "':' and a port were expected behind ']'");
		if ((r = set_port(&e, host_end + 1, (size_t)(end - host_end - 1), ret_why)) < 0)
			return r;
	}
	*ret = e;
	return 0;
}

int
uri_make_endpoint(const char *addr, uint16_t port, struct endpoint *ret, const char **ret_why)
{
	struct endpoint e = { .port = port };
	size_t len = strlen(addr);
	bool brackets = addr[0] == '[';
	int r;

	if (strncasecmp(addr, "unix:", 5) == 0)
		r = set_path(&e, addr + 5, ret_why);
	else if (brackets && addr[len - 1] != ']')
		r = refuse(ret_why, "']' is missing");
	else
		r = set_host(&e, addr + brackets, len - 2 * brackets, brackets, ret_why);
	if (r == 0)
		*ret = e;
	return r;
}

void
uri_format_endpoint(const struct endpoint *e, struct buf *out)
{
	if (e->is_unix)
		buf_printf(out, "unix:%s", e->path);
	else
		buf_printf(out, is_ipv6(e->host) ? "http://[%s]:%u" : "http://%s:%u", e->host, (unsigned)e->port);
}

void
uri_format_host(const struct endpoint *e, struct buf *out)
{
	if (e->is_unix)
		buf_puts(out, "localhost");
	else
		buf_printf(out, is_ipv6(e->host) ? "[%s]:%u" : "%s:%u", e->host, (unsigned)e->port);
}

static int
hex(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

int
uri_decode(const char *text, size_t len, bool form, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%') {
			int hi, lo;

			if (len - i < 3 || (hi = hex(text[i + 1])) < 0 || (lo = hex(text[i + 2])) < 0 || hi + lo == 0)
				return -EINVAL;
			buf_putc(out, (char)(hi << 4 | lo));
			i += 2;
		} else
			buf_putc(out, form && text[i] == '+' ? ' ' : text[i]);
	}
	return buf_error(out);
}

void
uri_encode(const char *text, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		if (isalnum((unsigned char)text[i]) || (text[i] != '\0' && strchr("-._~", text[i])))
			buf_putc(out, text[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)text[i]);
}

size_t
uri_path_len(const char *target)
{
	return strcspn(target, "?");
}

int
uri_query(const char *target, const char *key, struct buf *out)
{
	const char *p = target + uri_path_len(target);
	struct buf name = BUF_INIT;
	size_t len, eq;
	int r = 0, found = 0;

	while (*p != '\0' && r == 0) {
		p++;					/* '?' or '&' */
		len = strcspn(p, "&");
		eq = strcspn(p, "=&");
		buf_reset(&name);
		r = uri_decode(p, eq, true, &name);
		if (r == 0 && strcmp(buf_str(&name), key) == 0) {
			if (found++)
				r = -EEXIST;
			else if (eq < len)
				r = uri_decode(p + eq + 1, len - eq - 1, true, out);
		}
		p += len;
	}
	buf_release(&name);
	return r < 0 ? r : found;
}

int
uri_parse_id(const char *text, size_t len, int *ret_id)
{
	int64_t v = 0;

	if (len == 0 || len > 10 || (text[0] == '0' && len > 1))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -EINVAL;
		v = v * 10 + (text[i] - '0');
	}
	if (v > INT_MAX)
		return -EINVAL;
	*ret_id = (int)v;
	return 0;
}
