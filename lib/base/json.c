/* json - read and write JSON text; see json.h. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "base/utf8.h"

#define MEMBERS_MAX 65536	/* JSON_UNIQUE: what a hostile text may make us remember, 1.5 MiB */

struct member {			/* a name seen in an object that is still open */
	uint64_t	 hash;
	const char	*name;
	size_t		 len;
};

struct scan {
	const char	*start, *p, *end;
	const char	*what;		/* why it failed */
	unsigned	 flags;
	unsigned	 depth;
	bool		 in_object[JSON_DEPTH_MAX];
	size_t		 first[JSON_DEPTH_MAX];	/* index of that object's first member */
	struct member	*member;
	size_t		 nmembers, cap;
	struct buf	*decoded;	/* names with escapes, resolved; one buf each */
	size_t		 ndecoded;
};

static int
bad(struct scan *s, const char *at, int err, const char *what)
{
	s->p = at;
	s->what = what;
	return err;
}

static void
skip_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

static int
hex4(const char *p, const char *end, unsigned *ret)
{
	unsigned v = 0;

	*ret = 0;
	if (end - p < 4)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];

		if (!isxdigit(c))
			return -EINVAL;
		v = v << 4 | (c <= '9' ? (unsigned)c - '0' : (unsigned)(c | 0x20) - 'a' + 10);
	}
	*ret = v;
	return 0;
}

/* s->p is at the opening quote; moves behind the closing one. */
static int
scan_string(struct scan *s, bool *ret_escaped)
{
	const char *p = s->p + 1;
	unsigned v;
	size_t n;

	*ret_escaped = false;
	while (p < s->end) {
		unsigned char c = (unsigned char)*p;

		if (c == '"') {
			s->p = p + 1;
			return 0;
		}
		if (c < 0x20)
			return bad(s, p, -EINVAL, "a control character in a string must be escaped");
		if (c == '\\') {
			*ret_escaped = true;
			if (p + 1 == s->end)
				break;
			if (p[1] == 'u') {
				if (hex4(p + 2, s->end, &v) < 0)
					return bad(s, p, -EINVAL, "\\u needs four hexadecimal digits");
				p += 6;
			} else if (p[1] != '\0' && strchr("\"\\/bfnrt", p[1])) {
				p += 2;
			} else
				return bad(s, p, -EINVAL, "unknown escape in a string");
			continue;
		}
		n = c < 0x80 ? 1 : utf8_char(p, (size_t)(s->end - p));
		if (n == 0)
			return bad(s, p, -EINVAL, "invalid UTF-8");
		p += n;
	}
	return bad(s, s->end, -EINVAL, "a string does not end");
}

static const char *
digits(const char *p, const char *end)
{
	while (p < end && isdigit((unsigned char)*p))
		p++;
	return p;
}

static int
scan_number(struct scan *s)
{
	const char *p = s->p, *q;

	if (*p == '-')
		p++;
	q = digits(p, s->end);
	if (q == p || (*p == '0' && q > p + 1))
		return bad(s, s->p, -EINVAL, "a number is malformed");
	p = q;
	if (p < s->end && *p == '.') {
		q = digits(p + 1, s->end);
		if (q == p + 1)
			return bad(s, s->p, -EINVAL, "a number is malformed");
		p = q;
	}
	if (p < s->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < s->end && (*p == '+' || *p == '-'))
			p++;
		q = digits(p, s->end);
		if (q == p)
			return bad(s, s->p, -EINVAL, "a number is malformed");
		p = q;
	}
	s->p = p;
	return 0;
}

static int
scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return bad(s, s->p, -EINVAL, "a value was expected");
	s->p += n;
	return 0;
}

/* Names that hold escapes are compared by what they mean: "a" and "\u0061" are one name. */
static int
remember(struct scan *s, const char *p, size_t len, bool escaped)
{
	struct member *m;

	if (s->nmembers == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 32;

		if (s->cap >= MEMBERS_MAX)
			return bad(s, p, -E2BIG, "too many members");
		m = realloc(s->member, cap * sizeof *m);
		if (!m)
			return bad(s, p, -ENOMEM, "out of memory");
		s->member = m;
		s->cap = cap;
	}
	m = &s->member[s->nmembers];
	m->name = p + 1;
	m->len = len - 2;
	if (escaped) {
		struct buf *d = realloc(s->decoded, (s->ndecoded + 1) * sizeof *d);

		if (!d)
			return bad(s, p, -ENOMEM, "out of memory");
		s->decoded = d;
		d += s->ndecoded++;
		*d = (struct buf)BUF_INIT;
		if (json_text((struct json){ JSON_STRING, p, len }, d) < 0)
			return bad(s, p, -ENOMEM, "out of memory");
		m->name = buf_str(d);
		m->len = d->len;
	}
	m->hash = 14695981039346656037u;		/* FNV-1a: only orders the names, collisions cost a comparison */
	for (size_t i = 0; i < m->len; i++)
		m->hash = (m->hash ^ (unsigned char)m->name[i]) * 1099511628211u;
	s->nmembers++;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->name, y->name, x->len);
}

static int
check_unique(struct scan *s, size_t first)
{
	size_t n = s->nmembers - first;

	if (n > 1) {
		qsort(s->member + first, n, sizeof *s->member, by_name);
		for (size_t i = first + 1; i < s->nmembers; i++)
			if (by_name(&s->member[i - 1], &s->member[i]) == 0)
				return bad(s, s->p, -EINVAL, "an object names a member twice");
	}
	s->nmembers = first;
	return 0;
}

/* A member's name and its colon. */
static int
scan_name(struct scan *s)
{
	const char *p = s->p;
	bool escaped;
	int r;

	if (p == s->end || *p != '"')
		return bad(s, p, -EINVAL, "a member name was expected");
	if ((r = scan_string(s, &escaped)) < 0)
		return r;
	if ((s->flags & JSON_UNIQUE) && (r = remember(s, p, (size_t)(s->p - p), escaped)) < 0)
		return r;
	skip_blanks(s);
	if (s->p == s->end || *s->p != ':')
		return bad(s, s->p, -EINVAL, "':' was expected");
	s->p++;
	return 0;
}

static int
scan_scalar(struct scan *s)
{
	bool escaped;

	switch (*s->p) {
	case '"':	return scan_string(s, &escaped);
	case 't':	return scan_word(s, "true");
	case 'f':	return scan_word(s, "false");
	case 'n':	return scan_word(s, "null");
	}
	if (*s->p == '-' || isdigit((unsigned char)*s->p))
		return scan_number(s);
	return bad(s, s->p, -EINVAL, "a value was expected");
}

/* Opens a container; *ret_empty: it was closed again at once. */
static int
scan_open(struct scan *s, bool *ret_empty)
{
	bool object = *s->p == '{';

	if (s->depth == JSON_DEPTH_MAX)
		return bad(s, s->p, -E2BIG, "nested too deep");
	s->in_object[s->depth] = object;
	s->first[s->depth] = s->nmembers;
	s->p++;
	skip_blanks(s);
	*ret_empty = s->p < s->end && *s->p == (object ? '}' : ']');
	if (*ret_empty) {
		s->p++;
		return 0;
	}
	s->depth++;
	return object ? scan_name(s) : 0;
}

/* After a value: closes containers, or moves on to the next value of the innermost one. */
static int
scan_after(struct scan *s)
{
	int r;

	while (s->depth > 0) {
		bool object = s->in_object[s->depth - 1];

		skip_blanks(s);
		if (s->p == s->end)
			return bad(s, s->p, -EINVAL, "the text ends too early");
		if (*s->p == ',') {
			s->p++;
			skip_blanks(s);
			return object ? scan_name(s) : 0;
		}
		if (*s->p != (object ? '}' : ']'))
			return bad(s, s->p, -EINVAL, object ? "',' or '}' was expected" : "',' or ']' was expected");
		if (object && (s->flags & JSON_UNIQUE) && (r = check_unique(s, s->first[s->depth - 1])) < 0)
			return r;
		s->p++;
		s->depth--;
	}
	return 0;
}

static int
scan_all(struct scan *s)
{
	bool empty;
	int r;

	do {
		skip_blanks(s);
		if (s->p == s->end)
			return bad(s, s->p, -EINVAL, s->p == s->start ? "empty" : "a value was expected");
		if (*s->p == '{' || *s->p == '[') {
			if ((r = scan_open(s, &empty)) < 0)
				return r;
			if (!empty)
				continue;
		} else if ((r = scan_scalar(s)) < 0)
			return r;
		if ((r = scan_after(s)) < 0)
			return r;
		if (s->depth == 0)
			break;
	} while (true);
	skip_blanks(s);
	return s->p == s->end ? 0 : bad(s, s->p, -EINVAL, "something follows the value");
}

static enum json_kind
kind_of(char c)
{
	switch (c) {
	case '{':	return JSON_OBJECT;
	case '[':	return JSON_ARRAY;
	case '"':	return JSON_STRING;
	case 't':	return JSON_TRUE;
	case 'f':	return JSON_FALSE;
	case 'n':	return JSON_NULL;
	}
	return JSON_NUMBER;
}

static void
locate(const struct scan *s, struct json_error *e)
{
	const char *line = s->start;

	*e = (struct json_error){ .offset = (size_t)(s->p - s->start), .line = 1, .what = s->what };
	for (const char *q = s->start; q < s->p; q++)
		if (*q == '\n') {
			e->line++;
			line = q + 1;
		}
	e->column = (unsigned)(s->p - line) + 1;
}

int
json_scan(const char *text, size_t len, unsigned flags, struct json *ret, struct json_error *ret_err)
{
	struct scan s;
	int r;

	s.start = s.p = text ? text : "";
	s.end = s.start + len;
	s.flags = flags;
	s.what = NULL;
	s.depth = 0;
	s.member = NULL;
	s.decoded = NULL;
	s.nmembers = s.cap = s.ndecoded = 0;
	r = scan_all(&s);
	for (size_t i = 0; i < s.ndecoded; i++)
		buf_release(&s.decoded[i]);
	free(s.decoded);
	free(s.member);
	if (r < 0) {
		if (ret_err)
			locate(&s, ret_err);
		return r;
	}
	s.p = s.start;
	skip_blanks(&s);
	*ret = (struct json){ kind_of(*s.p), s.p, 0 };
	while (s.end > s.p && strchr(" \n\r\t", s.end[-1]))
		s.end--;
	ret->len = (size_t)(s.end - s.p);
	return 0;
}

/* ---- walking what json_scan() has accepted: no checks beyond this point ---- */

static const char *
after_blanks(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
		p++;
	return p;
}

/* Strings may be hundreds of megabytes (a kernel's output): look for the quotes, then at what stands before them. */
static const char *
after_string(const char *p)
{
	const char *start = p, *back;

	for (;;) {
		p = rawmemchr(p + 1, '"');
		for (back = p; back[-1] == '\\' && back - 1 > start; back--)
			;
		if ((p - back) % 2 == 0)
			return p + 1;
	}
}

static const char *
after_value(const char *p, const char *end)
{
	size_t depth = 0;

	do {
		switch (*p) {
		case '"':
			p = after_string(p);
			continue;
		case '{': case '[':
			depth++;
			break;
		case '}': case ']':
			depth--;
			break;
		default:
			if (depth == 0) {		/* number or word */
				while (p < end && !strchr(",]} \n\r\t", *p))
					p++;
				return p;
			}
		}
		p++;
	} while (depth > 0);
	return p;
}

static struct json
value_at(const char *p, const char *end)
{
	return (struct json){ kind_of(*p), p, (size_t)(after_value(p, end) - p) };
}

bool
json_next(struct json c, struct json_iter *it, struct json *ret_key, struct json *ret_value)
{
	const char *p, *end = c.p + c.len;

	if (c.kind != JSON_ARRAY && c.kind != JSON_OBJECT)
		return false;
	p = after_blanks(c.p + (it->at ? it->at : 1));
	if (it->at && *p == ',')
		p = after_blanks(p + 1);
	if (p + 1 >= end)				/* the closing bracket */
		return false;
	if (c.kind == JSON_OBJECT) {
		struct json key = { JSON_STRING, p, (size_t)(after_string(p) - p) };

		p = after_blanks(after_blanks(p + key.len) + 1);
		if (ret_key)
			*ret_key = key;
	}
	*ret_value = value_at(p, end);
	it->at = (size_t)(p - c.p) + ret_value->len;
	return true;
}

bool
json_get(struct json object, const char *key, struct json *ret)
{
	struct json_iter it = { 0 };
	struct json k, v;
	bool found = false;

	if (object.kind != JSON_OBJECT)
		return false;
	while (json_next(object, &it, &k, &v))
		if (json_equals(k, key)) {
			*ret = v;
			found = true;
		}
	return found;
}

/* One escape at p[0] == '\\'; appends what it means, returns the bytes it took. */
static size_t
add_unescaped(const char *p, const char *end, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned v, low;
	char utf[4];
	size_t took = 6;

	if (p[1] != 'u') {
		buf_putc(out, to[strchr(from, p[1]) - from]);
		return 2;
	}
	hex4(p + 2, end, &v);
	if (v >= 0xd800 && v < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u' &&
	    hex4(p + 8, end, &low) == 0 && low >= 0xdc00 && low < 0xe000) {
		v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
		took = 12;
	}
	if (v >= 0xd800 && v < 0xe000)
		v = 0xfffd;
	buf_add(out, utf, utf8_encode(v, utf));
	return took;
}

int
json_text(struct json string, struct buf *out)
{
	const char *p = string.p + 1, *end, *q;

	if (string.kind != JSON_STRING)
		return -EINVAL;
	end = string.p + string.len - 1;
	while (p < end) {
		q = memchr(p, '\\', (size_t)(end - p));
		if (!q)
			q = end;
		buf_add(out, p, (size_t)(q - p));
		p = q;
		if (p < end)
			p += add_unescaped(p, end, out);
	}
	return buf_error(out);
}

bool
json_equals(struct json string, const char *text)
{
	size_t len = strlen(text);
	struct buf b = BUF_INIT;
	bool same;

	if (string.kind != JSON_STRING)
		return false;
	if (!memchr(string.p, '\\', string.len))
		return string.len == len + 2 && memcmp(string.p + 1, text, len) == 0;
	same = json_text(string, &b) == 0 && b.len == len && memcmp(buf_str(&b), text, len) == 0;
	buf_release(&b);
	return same;
}

int
json_double(struct json number, double *ret)
{
	struct buf b = BUF_INIT;
	double d;

	if (number.kind != JSON_NUMBER)
		return -EINVAL;
	buf_add(&b, number.p, number.len);
	if (buf_error(&b) < 0)
		return -ENOMEM;
	d = strtod(buf_str(&b), NULL);
	buf_release(&b);
	if (!isfinite(d))
		return -ERANGE;
	*ret = d;
	return 0;
}

int
json_int(struct json number, int64_t min, int64_t max, int64_t *ret)
{
	char text[24], *end;
	int64_t v;
	double d;
	int r;

	if (number.kind != JSON_NUMBER)
		return -EINVAL;
	if (number.len < sizeof text) {			/* plain digits: exact to the last one */
		memcpy(text, number.p, number.len);
		text[number.len] = '\0';
		errno = 0;
		v = strtoll(text, &end, 10);
		if (*end == '\0') {
			if (errno == ERANGE || v < min || v > max)
				return -ERANGE;
			*ret = v;
			return 0;
		}
	}
	if ((r = json_double(number, &d)) < 0)
		return r;
	if (d != floor(d))
		return -EINVAL;
	if (fabs(d) > 9007199254740992.0 || (int64_t)d < min || (int64_t)d > max)
		return -ERANGE;
	*ret = (int64_t)d;
	return 0;
}

/* ---- writing ---- */

/* A comma is due behind a complete value; the last byte tells, since no value ends in one of these. */
static void
comma(struct buf *b)
{
	if (b->len > 0 && !strchr("{[:,\n", b->data[b->len - 1]))
		buf_putc(b, ',');
}

void
json_put_open(struct buf *b, char bracket)
{
	comma(b);
	buf_putc(b, bracket);
}

void
json_put_close(struct buf *b, char bracket)
{
	buf_putc(b, bracket);
}

void
json_escape(struct buf *b, const char *text, size_t len)
{
	static const char named[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	size_t from = 0, i = 0, n;
	const char *k;

	while (i < len) {
		unsigned char c = (unsigned char)text[i];

		n = c < 0x80 ? 1 : utf8_char(text + i, len - i);
		if (n > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
			i += n;
			continue;
		}
		buf_add(b, text + from, i - from);
		if (n == 0)
			buf_puts(b, "\xef\xbf\xbd");
		else if (c != '\0' && (k = strchr(named, c)) != NULL) {
			buf_putc(b, '\\');
			buf_putc(b, letter[k - named]);
		} else
			buf_printf(b, "\\u%04x", c);
		from = ++i;
	}
	buf_add(b, text + from, len - from);
}

void
json_put_string(struct buf *b, const char *text, size_t len)
{
	comma(b);
	buf_putc(b, '"');
	json_escape(b, text, len);
	buf_putc(b, '"');
}

void
json_put_key(struct buf *b, const char *key)
{
	json_put_string(b, key, strlen(key));
	buf_putc(b, ':');
}

void
json_put_str(struct buf *b, const char *text)
{
	if (text)
		json_put_string(b, text, strlen(text));
	else
		json_put_null(b);
}

void
json_put_int(struct buf *b, int64_t value)
{
	comma(b);
	buf_printf(b, "%" PRId64, value);
}

void
json_put_bool(struct buf *b, bool value)
{
	json_put_raw(b, value ? "true" : "false", value ? 4 : 5);
}

void
json_put_null(struct buf *b)
{
	json_put_raw(b, "null", 4);
}

void
json_put_raw(struct buf *b, const char *json, size_t len)
{
	comma(b);
	buf_add(b, json, len);
}
