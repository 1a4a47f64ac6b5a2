/* http_head - questions about a head; see http_parse.h. */
#include <string.h>
#include <strings.h>

#include "http/http_parse.h"

const char *
http_head_get(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->nfields; i++)
		if (strcasecmp(head->fields[i].name, name) == 0)
			return head->fields[i].value;
	return NULL;
}

int64_t
http_head_length(const struct http_head *head)
{
	return head->has_length ? (int64_t)head->length : -1;
}

/* ";q=0.5" among the parameters of a list's element, in thousandths; 1000: none. RFC 9110, 12.4.2. */
static int
weight(const char *p, size_t len)
{
	int q = 0, unit = 1000;

	for (size_t i = 0; i + 2 < len; i++) {
		if (p[i] != ';')
			continue;
		for (i++; i + 2 < len && (p[i] == ' ' || p[i] == '\t'); i++)
			;
		if ((p[i] | 0x20) != 'q' || p[i + 1] != '=')
			continue;
		if (p[i + 2] != '.' && (p[i + 2] < '0' || p[i + 2] > '9'))
			continue;
		for (i += 2; i < len && unit > 0 && (p[i] == '.' || (p[i] >= '0' && p[i] <= '9')); i++)
			if (p[i] == '.') {
				unit = 100;
			} else {
				q += (p[i] - '0') * unit;
				unit /= 10;
			}
		return q < 1000 ? q : 1000;
	}
	return 1000;
}

int
http_head_quality(const struct http_head *head, const char *type)
{
	size_t len = strlen(type), n, name;
	int best = 0, q;

	for (size_t i = 0; i < head->nfields; i++) {
		const char *list = head->fields[i].value;

		if (strcasecmp(head->fields[i].name, "Accept") != 0)
			continue;
		for (; *list != '\0'; list += n) {
			list += strspn(list, " \t,");
			n = strcspn(list, ",");
			name = strcspn(list, " \t,;");
			if (name != len || strncasecmp(list, type, len) != 0)
				continue;
			q = weight(list + name, n - name);
			best = q > best ? q : best;
		}
	}
	return best;
}

/* True where `name` is an element of the comma-separated list. */
static bool
list_names(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	for (; *list != '\0'; list += n) {
		list += strspn(list, " \t,");
		n = strcspn(list, " \t,");
		if (n == len && strncasecmp(list, name, len) == 0)
			return true;
	}
	return false;
}

/* Hop-by-hop whatever Connection says. */
static bool
is_hop(const char *name)
{
	switch (name[0] | 0x20) {
	case 'c':
		return strcasecmp(name, "Connection") == 0;
	case 'e':
		return strcasecmp(name, "Expect") == 0;
	case 'h':
		return strcasecmp(name, "HTTP2-Settings") == 0;
	case 'k':
		return strcasecmp(name, "Keep-Alive") == 0;
	case 'p':
		return strncasecmp(name, "Proxy-", 6) == 0;
	case 't':
		return strcasecmp(name, "TE") == 0 || strcasecmp(name, "Trailer") == 0 ||
		    strcasecmp(name, "Transfer-Encoding") == 0;
	case 'u':
		return strcasecmp(name, "Upgrade") == 0;
	}
	return false;
}

bool
http_head_is_hop(const struct http_head *head, const char *name)
{
	if (is_hop(name))
		return true;
	for (size_t i = 0; i < head->nfields; i++) {
		const struct http_field *f = &head->fields[i];

		if ((f->name[0] | 0x20) == 'c' && strcasecmp(f->name, "Connection") == 0 && list_names(f->value, name))
			return true;
	}
	return false;
}

const char *
http_reason(int status)
{
	static const struct { int status; const char *reason; } names[] = {
		{ 100, "Continue" }, { 101, "Switching Protocols" }, { 200, "OK" }, { 201, "Created" },
		{ 202, "Accepted" }, { 204, "No Content" }, { 205, "Reset Content" }, { 206, "Partial Content" },
		{ 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" },
		{ 307, "Temporary Redirect" }, { 308, "Permanent Redirect" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
		{ 411, "Length Required" }, { 412, "Precondition Failed" }, { 413, "Content Too Large" },
		{ 414, "URI Too Long" }, { 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" }, { 422, "Unprocessable Content" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" }, { 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].status == status)
			return names[i].reason;
	return "";
}
