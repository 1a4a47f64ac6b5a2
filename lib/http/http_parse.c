/*
 * http_parse - HTTP/1.x messages on llhttp.
 * A head is first collected until its blank line, while scan_head() refuses what llhttp's releases let pass between them
 * (bare CR or LF, controls, folding, empty names); then llhttp reads it in one go, so that every name and value is one
 * span of the text collected, and is ended by a NUL in place.  Bodies go through llhttp as they come, and the bytes between
 * the data of two chunks through check_framing().
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_parse.h"

#define FIELDS_MAX	256	/* browsers and proxies send below 50 */
#define METHOD_MAX	32
#define LINE_EXTRA	(METHOD_MAX + sizeof("  HTTP/1.1\r\n"))
#define EXTENSION_MAX	256	/* bytes of one chunk's extensions: nobody uses them */
#define TEXT_MIN	1024

enum stage { AT_HEAD, AT_BODY, AT_END, AT_ERROR };
enum framing { IN_SIZE, IN_EXTENSION, IN_TRAILERS, AFTER_DATA };	/* of a chunked body */

struct http_parser {
	llhttp_t		 ll;
	enum http_side		 side;
	enum stage		 stage;
	bool			 to_head;	/* the answer belongs to a HEAD request */
	size_t			 header_bytes, url_bytes;
	void			(*on_data)(void *arg, const char *bytes, size_t len);
	void			*arg;

	char			*text;		/* the head as it came */
	size_t			 len, cap;
	bool			 cr;		/* the last byte was a CR */
	size_t			 line;		/* bytes of the line so far */
	bool			 first_done;	/* the first line is complete */

	struct http_head	 head;
	struct http_field	*fields;
	size_t			 fields_cap;
	char			*method_end, *target_end, *name_end, *value_end;	/* where a NUL is still to be set */
	unsigned		 hosts, lengths, encodings;	/* fields of these names */
	const char		*host;

	enum framing		 framing;
	const char		*framing_from;	/* input not yet looked at by check_framing() */
	size_t			 framing_bytes;	/* of this chunk's line, or of all trailers */

	int			 error;		/* -EPROTO, -ENOMEM */
	int			 status;
	const char		*why;
};

static int	on_url(llhttp_t *, const char *, size_t);
static int	on_name(llhttp_t *, const char *, size_t);
static int	on_value(llhttp_t *, const char *, size_t);
static int	on_headers_complete(llhttp_t *);
static int	on_body(llhttp_t *, const char *, size_t);
static int	on_message_complete(llhttp_t *);

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

static int
fail(struct http_parser *p, int status, const char *why)
{
	if (p->error == 0) {
		p->error = -EPROTO;
		p->status = status;
		p->why = why;
	}
	p->stage = AT_ERROR;
	return -1;			/* as a callback's result: stops llhttp */
}

static int
fail_memory(struct http_parser *p)
{
	if (p->error == 0)
		p->error = -ENOMEM;
	p->stage = AT_ERROR;
	return -1;
}

/* ---- words ---- */

static bool
is_tchar(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool
http_is_token(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (!is_tchar((unsigned char)*s))
			return false;
	return true;
}

static bool
is_text(unsigned char c)		/* may be part of a head's line */
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/* How many of the first n bytes are neither controls nor DEL; most of a head is, so eight at a time. */
static size_t
plain_run(const char *bytes, size_t n)
{
	const uint64_t ones = UINT64_MAX / 255, highs = ones * 128;
	size_t i = 0;
	uint64_t x, del;

	for (; i + 8 <= n; i += 8) {
		memcpy(&x, bytes + i, 8);
		del = x ^ ones * 0x7f;
		if ((((x - ones * 0x20) & ~x) | ((del - ones) & ~del)) & highs)
			break;			/* some byte is below 0x20, or is 0x7f */
	}
	while (i < n && (unsigned char)bytes[i] >= 0x20 && bytes[i] != 0x7f)
		i++;
	return i;
}

bool
http_is_value(const char *s)
{
	size_t len = strlen(s), n = 0;

	while ((n += plain_run(s + n, len - n)) < len)
		if (s[n++] != '\t')
			return false;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- a head's lines, before llhttp sees them ---- */

/* The first byte of a line that is not empty. */
static int
check_line_start(struct http_parser *p, char c)
{
	if (p->first_done && is_blank(c))
		return fail(p, 400, "Obsolete line folding");
	if (c == ':')
		return fail(p, 400, "Header field without a name");
	return 0;
}

/* A byte of a head that is no plain text.  1: the head is complete with it; 0: go on; -1. */
static int
scan_control(struct http_parser *p, char c)
{
	switch (c) {
	case '\n':
		if (!p->cr)
			return fail(p, 400, "A line of the header ends without CR");
		p->cr = false;
		if (p->line == 0)
			return 1;
		p->first_done = true;
		p->line = 0;
		return 0;
	case '\r':
		p->cr = true;
		return 0;
	case '\t':
		if (p->line == 0 && check_line_start(p, c) < 0)
			return -1;
		p->line++;
		return 0;
	}
	return fail(p, 400, "Control character in the header");
}

/*
 * Look at n bytes of a head, in order; *ret_n of them belong to it.  1: the head is complete with them; 0: not yet; -1: refused
 * at the byte after them.  The first line is refused as soon as it cannot hold an acceptable target any more.
 */
static int
scan_head(struct http_parser *p, const char *bytes, size_t n, size_t *ret_n)
{
	size_t i = 0, room, run;
	int r = 0;

	while (i < n && r == 0) {
		*ret_n = i;
		room = p->header_bytes - p->len - i;
		if (!p->first_done && p->side == HTTP_REQUESTS) {
			size_t line_room = p->url_bytes + LINE_EXTRA + 1 - p->line;

			if (line_room == 0)
				return fail(p, 414, "The request target is too long");
			room = room < line_room ? room : line_room;
		}
		if (room == 0)
			return fail(p, 431, "The request header is too large");
		if (p->cr && bytes[i] != '\n')
			return fail(p, 400, "CR without LF in the header");
		run = plain_run(bytes + i, n - i < room ? n - i : room);
		if (run > 0 && p->line == 0 && check_line_start(p, bytes[i]) < 0)
			return -1;
		p->line += run;
		i += run;
		if (run == 0 && (r = scan_control(p, bytes[i++])) < 0)
			return -1;
	}
	*ret_n = i;
	return r;
}

/* RFC 9112, 2.2: empty lines before a request are ignored.  Returns how many bytes they take. */
static size_t
skip_empty_lines(struct http_parser *p, const char *bytes, size_t n)
{
	size_t i = 0;

	if (p->side != HTTP_REQUESTS || p->len > 0)
		return 0;
	for (; i < n && (bytes[i] == (p->cr ? '\n' : '\r')); i++)
		p->cr = !p->cr;
	return i;
}

static int
keep_text(struct http_parser *p, const char *bytes, size_t n)
{
	if (p->len + n > p->cap) {
		size_t cap = p->cap > 0 ? p->cap : TEXT_MIN;
		char *text;

		while (cap < p->len + n)
			cap *= 2;
		if ((text = realloc(p->text, cap)) == NULL)
			return fail_memory(p);
		p->text = text;
		p->cap = cap;
	}
	if (n > 0)
		memcpy(p->text + p->len, bytes, n);
	p->len += n;
	return 0;
}

/* ---- a head, as llhttp reads it ---- */

/* Number of a decimal of 1 to 18 digits; -1: anything else, signs and lists included. */
static int64_t
parse_length(const char *s)
{
	int64_t n = 0;
	size_t i;

	for (i = 0; s[i] >= '0' && s[i] <= '9' && i < 18; i++)
		n = n * 10 + (s[i] - '0');
	return i > 0 && s[i] == '\0' ? n : -1;
}

/* What the field means for framing and routing. */
static int
note_field(struct http_parser *p, const struct http_field *f)
{
	int64_t n;

	switch (f->name[0] | 0x20) {
	case 'h':
		if (strcasecmp(f->name, "Host") == 0) {
			p->hosts++;
			p->host = f->value;
		}
		break;
	case 'c':
		if (strcasecmp(f->name, "Content-Length") != 0)
			break;
		if (p->lengths++ > 0 || (n = parse_length(f->value)) < 0)
			return fail(p, 400, "Invalid Content-Length");
		p->head.length = (uint64_t)n;
		p->head.has_length = true;
		break;
	case 't':
		if (strcasecmp(f->name, "Transfer-Encoding") != 0)
			break;
		if (p->encodings++ > 0 || strcasecmp(f->value, "chunked") != 0)
			return fail(p, 400, "Unsupported Transfer-Encoding");
		break;
	case 'e':
		if (strcasecmp(f->name, "Expect") == 0 && strcasecmp(f->value, "100-continue") == 0)
			p->head.expect_continue = true;
		break;
	}
	return 0;
}

/* llhttp is past the last field: end its name and value, and take note of it. */
static int
end_field(struct http_parser *p)
{
	struct http_field *f;

	if (p->head.nfields == 0)
		return 0;
	f = &p->fields[p->head.nfields - 1];
	if (p->name_end == f->name)
		return fail(p, 400, "Header field without a name");
	*p->name_end = '\0';
	if (f->value == NULL) {
		f->value = p->name_end;			/* "" */
		return note_field(p, f);
	}
	while (is_blank(*f->value) && f->value < p->value_end)
		f->value++;
	while (p->value_end > f->value && is_blank(p->value_end[-1]))
		p->value_end--;
	*p->value_end = '\0';
	return note_field(p, f);
}

static int
add_field(struct http_parser *p, const char *name)
{
	if (p->head.nfields == FIELDS_MAX)
		return fail(p, 431, "Too many header fields");
	if (p->head.nfields == p->fields_cap) {
		size_t cap = p->fields_cap > 0 ? p->fields_cap * 2 : 32;
		struct http_field *fields = realloc(p->fields, cap * sizeof(*fields));

		if (fields == NULL)
			return fail_memory(p);
		p->fields = fields;
		p->fields_cap = cap;
	}
	p->fields[p->head.nfields++] = (struct http_field){ name, NULL };
	return 0;
}

/* A span of the head as writable text: the head lies in p->text. */
static char *
in_text(struct http_parser *p, const char *at)
{
	return p->text + (at - p->text);
}

static int
on_url(llhttp_t *ll, const char *at, size_t len)
{
	struct http_parser *p = ll->data;

	if (p->head.target == NULL)
		p->head.target = at;
	p->target_end = in_text(p, at + len);
	return 0;
}

static int
on_name(llhttp_t *ll, const char *at, size_t len)
{
	struct http_parser *p = ll->data;

	if (p->stage != AT_HEAD)
		return 0;				/* trailers are dropped */
	if (p->head.nfields == 0 || at != p->name_end) {
		if (end_field(p) < 0 || add_field(p, at) < 0)
			return -1;
	}
	p->name_end = in_text(p, at + len);
	return 0;
}

static int
on_value(llhttp_t *ll, const char *at, size_t len)
{
	struct http_parser *p = ll->data;
	struct http_field *f;

	if (p->stage != AT_HEAD || len == 0)		/* llhttp's empty span lies in the next line */
		return 0;
	assert(p->head.nfields > 0);
	f = &p->fields[p->head.nfields - 1];
	if (f->value == NULL)
		f->value = at;
	else if (at != p->value_end)
		return fail(p, 400, "Obsolete line folding");
	p->value_end = in_text(p, at + len);
	return 0;
}

/* The authority of Host or of an absolute target: no blanks, no userinfo, nothing of a path. */
static bool
is_authority(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f || strchr("/?#@\\\"<>,", s[i]) != NULL)
			return false;
	return true;
}

/* "http://authority/path" becomes "/path" where the authority is the Host's (RFC 9112, 3.2.2). */
static int
reduce_target(struct http_parser *p)
{
	char *authority = in_text(p, p->head.target + strlen("http://"));
	size_t len = strcspn(authority, "/?");

	if (len == 0 || p->host == NULL || strlen(p->host) != len || strncasecmp(authority, p->host, len) != 0)
		return fail(p, 400, "The request target names another host");
	p->head.target = authority + len;
	if (authority[len] == '/')
		return 0;
	authority[len - 1] = '/';			/* "http://host?x" is "/?x" */
	p->head.target = authority + len - 1;
	return 0;
}

static int
check_target(struct http_parser *p)
{
	const char *t;

	if (p->head.target == NULL || p->target_end == p->head.target)
		return fail(p, 400, "Request without a target");
	if ((size_t)(p->target_end - p->head.target) > p->url_bytes)
		return fail(p, 414, "The request target is too long");
	/* llhttp takes several blanks, and HTTP/0.9, which has no version. */
	if (p->head.target != p->method_end + 1 || strncmp(p->target_end, " HTTP/1.", 8) != 0)
		return fail(p, 400, "Malformed request line");
	*p->method_end = '\0';
	*p->target_end = '\0';
	p->head.method = p->text;
	t = p->head.target;
	for (const char *c = t; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x7f || *c == '#')
			return fail(p, 400, "Invalid character in the request target");
	if (strcmp(p->head.method, "CONNECT") == 0)
		return 0;				/* an authority: refused by the server as a method */
	if (strncasecmp(t, "http://", 7) == 0)
		return reduce_target(p);
	if (t[0] != '/' && !(strcmp(t, "*") == 0 && strcmp(p->head.method, "OPTIONS") == 0))
		return fail(p, 400, "Invalid request target");
	return 0;
}

static int
check_request(struct http_parser *p)
{
	if (p->hosts > 1 || (p->hosts == 0 && p->head.minor > 0))
		return fail(p, 400, p->hosts > 1 ? "More than one Host" : "Request without a Host");
	if (p->host != NULL && !is_authority(p->host, strlen(p->host)))
		return fail(p, 400, "Invalid Host");
	return check_target(p);
}

static int
check_answer(struct http_parser *p)
{
	p->head.method = p->head.target = NULL;
	p->head.status = p->ll.status_code;
	/* "HTTP/1.1 200": llhttp's releases differ in what they take for a number. */
	if (p->len < 13 || p->text[8] != ' ' || strspn(p->text + 9, "0123456789") != 3 || p->head.status < 100)
		return fail(p, 502, "Malformed status line");
	return 0;
}

static bool
never_has_body(const struct http_parser *p)
{
	int s = p->head.status;

	return p->side == HTTP_ANSWERS && (p->to_head || s / 100 == 1 || s == 204 || s == 304);
}

/* RFC 9112, 6.3, without its exceptions for broken peers. */
static enum http_body
body_kind(const struct http_parser *p)
{
	if (never_has_body(p))
		return HTTP_BODY_NONE;
	if (p->encodings > 0)
		return HTTP_BODY_CHUNKED;
	if (p->lengths > 0)
		return p->head.length > 0 ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
	return p->side == HTTP_REQUESTS ? HTTP_BODY_NONE : HTTP_BODY_TO_CLOSE;
}

static int
on_headers_complete(llhttp_t *ll)
{
	struct http_parser *p = ll->data;
	struct http_head *h = &p->head;

	if (end_field(p) < 0)
		return -1;
	if (ll->http_major != 1 || ll->http_minor > 1)
		return fail(p, 400, "Unsupported HTTP version");
	h->minor = ll->http_minor;
	h->fields = p->fields;
	if (p->encodings > 0 && (p->lengths > 0 || h->minor == 0))
		return fail(p, 400, p->lengths > 0 ? "Both Content-Length and Transfer-Encoding"
		    : "Transfer-Encoding in HTTP/1.0");
	if ((p->side == HTTP_REQUESTS ? check_request(p) : check_answer(p)) < 0)
		return -1;
	h->body = body_kind(p);
	if (h->body != HTTP_BODY_NONE && (((ll->flags & F_CHUNKED) != 0) != (h->body == HTTP_BODY_CHUNKED) ||
	    (h->body == HTTP_BODY_LENGTH && ll->content_length != h->length)))
		return fail(p, 400, "Unclear body length");	/* llhttp reads it otherwise than we do */
	if (h->minor == 0 || h->body == HTTP_BODY_NONE)
		h->expect_continue = false;
	h->keep_alive = h->body != HTTP_BODY_TO_CLOSE && (ll->flags & F_CONNECTION_CLOSE) == 0 &&
	    (h->minor > 0 || (ll->flags & F_CONNECTION_KEEP_ALIVE) != 0);
	p->stage = AT_BODY;
	return h->body == HTTP_BODY_NONE;		/* 1: no body */
}

/*
 * llhttp knows some methods only, and treats CONNECT as the start of another protocol.  The framing of a request does not
 * depend on its method (RFC 9112, 6.3), so llhttp is shown POST; the method is ours.  Only CONNECT has a target of its own form;
 * the server refuses it.
 */
static int
read_head(struct http_parser *p)
{
	size_t skip = 0;
	llhttp_errno_t e = HPE_OK;

	if (p->side == HTTP_REQUESTS) {
		while (skip < METHOD_MAX && is_tchar((unsigned char)p->text[skip]))
			skip++;
		if (skip == 0 || p->text[skip] != ' ')
			return fail(p, 400, "Invalid method");
		p->method_end = p->text + skip;
		e = skip == 7 && memcmp(p->text, "CONNECT", 7) == 0 ? llhttp_execute(&p->ll, "CONNECT", 7)
		    : llhttp_execute(&p->ll, "POST", 4);
	}
	if (e == HPE_OK)
		e = llhttp_execute(&p->ll, p->text + skip, p->len - skip);
	if (p->error != 0)
		return -1;
	if (p->stage == AT_HEAD || (e != HPE_OK && p->stage != AT_END))
		return fail(p, 400, e != HPE_OK ? llhttp_get_error_reason(&p->ll) : "Malformed header");
	return 0;
}

static int
run_head(struct http_parser *p, const char *bytes, size_t len, size_t *ret_used)
{
	size_t empty = skip_empty_lines(p, bytes, len), n = 0;
	int done = 0;

	if (empty < len || p->len > 0)
		done = scan_head(p, bytes + empty, len - empty, &n);
	*ret_used = empty + n;
	if (done < 0 || keep_text(p, bytes + empty, n) < 0)
		return p->error;
	if (done == 0)
		return HTTP_GOT_MORE;
	return read_head(p) < 0 ? p->error : HTTP_GOT_HEAD;
}

/* ---- a body ---- */

/* Bytes of a chunked body that are not data: RFC 9112, 7.1, and no more. */
static int
check_framing(struct http_parser *p, const char *from, const char *to)
{
	if (p->head.body != HTTP_BODY_CHUNKED)
		return 0;
	for (; from < to; from++) {
		unsigned char c = (unsigned char)*from;

		if (p->cr != (c == '\n') || (c != '\r' && c != '\n' && !is_text(c)))
			return fail(p, 400, "Malformed chunk");
		p->cr = c == '\r';
		if (c == '\n') {
			p->line = 0;
			if (p->framing == AFTER_DATA) {
				p->framing = IN_SIZE;
				p->framing_bytes = 0;
			} else if (p->framing != IN_TRAILERS) {
				p->framing = IN_TRAILERS;	/* unless data follows */
				p->framing_bytes = 0;
			}
			continue;
		}
		if (p->line == 0 && is_blank((char)c))
			return fail(p, 400, "Malformed chunk");
		if (c != '\r')
			p->line++;
		p->framing_bytes++;
		if (p->framing == AFTER_DATA && c != '\r')
			return fail(p, 400, "Malformed chunk");
		if (p->framing == IN_SIZE && c == ';')
			p->framing = IN_EXTENSION;
		else if (p->framing == IN_SIZE && c != '\r' && (!isxdigit(c) || p->framing_bytes > 16))
			return fail(p, 400, "Malformed chunk");
		if (p->framing_bytes > (p->framing == IN_TRAILERS ? p->header_bytes : EXTENSION_MAX))
			return p->framing == IN_TRAILERS ? fail(p, 431, "The trailers are too large")
			    : fail(p, 400, "Malformed chunk");
	}
	return 0;
}

static int
on_body(llhttp_t *ll, const char *at, size_t len)
{
	struct http_parser *p = ll->data;

	if (check_framing(p, p->framing_from, at) < 0)
		return -1;
	p->framing_from = at + len;
	p->framing = AFTER_DATA;
	p->framing_bytes = 0;
	p->line = 0;
	if (len > 0)
		p->on_data(p->arg, at, len);
	return 0;
}

static int
on_message_complete(llhttp_t *ll)
{
	struct http_parser *p = ll->data;

	p->stage = AT_END;
	return HPE_PAUSED;
}

static int
run_body(struct http_parser *p, const char *bytes, size_t len, size_t *ret_used)
{
	llhttp_errno_t e;
	const char *end = bytes + len;

	p->framing_from = bytes;
	e = llhttp_execute(&p->ll, bytes, len);
	if (e != HPE_OK && llhttp_get_error_pos(&p->ll) != NULL)
		end = llhttp_get_error_pos(&p->ll);
	if (p->error == 0 && check_framing(p, p->framing_from, end) == 0 && e != HPE_OK && p->stage != AT_END)
		fail(p, 400, "Malformed chunk");
	*ret_used = (size_t)(end - bytes);
	if (p->error != 0)
		return p->error;
	return p->stage == AT_END ? HTTP_GOT_END : HTTP_GOT_MORE;
}

/* ---- the parser ---- */

int
http_parser_run(struct http_parser *p, const char *bytes, size_t len, size_t *ret_used)
{
	*ret_used = 0;
	switch (p->stage) {
	case AT_HEAD:
		return run_head(p, bytes, len, ret_used);
	case AT_BODY:
		return run_body(p, bytes, len, ret_used);
	case AT_END:
		return HTTP_GOT_END;
	case AT_ERROR:
		break;
	}
	return p->error;
}

int
http_parser_eof(struct http_parser *p)
{
	if (p->stage == AT_ERROR)
		return p->error;
	if (p->stage == AT_BODY && p->head.body == HTTP_BODY_TO_CLOSE)
		p->stage = AT_END;
	return p->stage == AT_END || !http_parser_begun(p) ? 0 : -ECONNRESET;
}

void
http_parser_next(struct http_parser *p, bool to_head)
{
	llhttp_reset(&p->ll);
	p->stage = AT_HEAD;
	p->to_head = to_head;
	p->len = p->line = 0;
	p->cr = p->first_done = false;
	p->head = (struct http_head){ 0 };
	p->method_end = p->target_end = p->name_end = p->value_end = NULL;
	p->hosts = p->lengths = p->encodings = 0;
	p->host = NULL;
	p->framing = IN_SIZE;
	p->framing_from = NULL;
	p->framing_bytes = 0;
	p->error = p->status = 0;
	p->why = NULL;
}

struct http_parser *
http_parser_new(enum http_side side, size_t header_bytes, size_t url_bytes,
    void (*on_data)(void *arg, const char *bytes, size_t len), void *arg)
{
	struct http_parser *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->side = side;
	p->header_bytes = header_bytes;
	p->url_bytes = url_bytes;
	p->on_data = on_data;
	p->arg = arg;
	llhttp_init(&p->ll, side == HTTP_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	p->ll.data = p;
	http_parser_next(p, false);
	return p;
}

void
http_parser_trim(struct http_parser *p)
{
	assert(!http_parser_begun(p));
	free(p->text);
	free(p->fields);
	p->text = NULL;
	p->fields = NULL;
	p->cap = p->fields_cap = 0;
}

void
http_parser_free(struct http_parser **p)
{
	if (*p == NULL)
		return;
	free((*p)->text);
	free((*p)->fields);
	free(*p);
	*p = NULL;
}

const struct http_head *
http_parser_head(const struct http_parser *p)
{
	return &p->head;
}

bool
http_parser_begun(const struct http_parser *p)
{
	return p->stage != AT_HEAD || p->len > 0;
}

bool
http_parser_complete(const struct http_parser *p)
{
	return p->stage == AT_END;
}

int
http_parser_status(const struct http_parser *p)
{
	return p->status;
}

const char *
http_parser_why(const struct http_parser *p)
{
	return p->why != NULL ? p->why : "";
}
