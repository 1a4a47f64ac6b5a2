/* outputs - what a cell produces, from messages and bytes; see outputs.h. */
#include <errno.h>

#include "ansi.h"
#include "base/utf8.h"
#include "items.h"
#include "outputs.h"

#define LINES_MAX 1000		/* lines of a traceback */
#define SCRATCH	 16384		/* bytes of a message's text that are unescaped at a time */

struct stream {
	struct ansi	 ansi;
	char		 carry[4];	/* of raw bytes: a character that is not complete */
	size_t		 ncarry;
};

struct outputs {
	struct items	*items;		/* kept for the answer … */
	struct lines	*lines;		/* … or, where this is not NULL, sent as they come */
	bool		 ansi, hold, has_error;
	struct stream	 stream[OUTPUTS_STREAMS];
	struct buf	 held;		/* JSON array of the traceback held */
};

struct named {			/* where ansi_feed() puts what it passes */
	struct outputs		*o;
	enum outputs_stream	 name;
};

static struct outputs *
new(struct items *items, struct lines *lines, bool ansi)
{
	struct outputs *o = calloc(1, sizeof *o);

	if (!o || (!items && !lines)) {
		items_free(&items);
		lines_free(&lines);
		free(o);
		return NULL;
	}
	o->items = items;
	o->lines = lines;
	o->ansi = ansi;
	return o;
}

struct outputs *
outputs_new(size_t max_bytes, bool ansi)
{
	return new(items_new(max_bytes), NULL, ansi);
}

struct outputs *
outputs_new_lines(const struct lines_conf *conf, bool ansi)
{
	return new(NULL, lines_new(conf), ansi);
}

void
outputs_free(struct outputs **o)
{
	if (!*o)
		return;
	items_free(&(*o)->items);
	lines_free(&(*o)->lines);
	buf_release(&(*o)->held);
	free(*o);
	*o = NULL;
}

/* ---- streams ---- */

static void
emit(void *arg, const char *text, size_t len)
{
	struct named *to = arg;

	if (to->o->lines)
		lines_text(to->o->lines, to->name, text, len);
	else
		items_text(to->o->items, to->name, text, len);
}

static void
feed(struct outputs *o, enum outputs_stream name, const char *text, size_t len)
{
	struct named to = { o, name };

	if (len == 0)
		return;
	if (o->ansi)
		emit(&to, text, len);
	else
		ansi_feed(&o->stream[name].ansi, text, len, emit, &to);
}

static unsigned
hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return v;
}

/* A \u escape, p behind the u; the text is known to be good JSON.  Returns the bytes of input used. */
static size_t
unescape_unicode(const char *p, const char *end, char *out, size_t *n)
{
	unsigned u = hex4(p), low;
	size_t used = 4;

	if (u >= 0xd800 && u < 0xdc00 && end - p >= 10 && p[4] == '\\' && p[5] == 'u' &&
	    (low = hex4(p + 6)) >= 0xdc00 && low < 0xe000) {
		u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
		used = 10;
	} else if (u >= 0xd800 && u < 0xe000)
		u = 0xfffd;
	*n += utf8_encode(u, out + *n);
	return used;
}

/* The text of a JSON string, unescaped piece by piece: it may be hundreds of megabytes of which little is kept. */
static void
feed_json(struct outputs *o, enum outputs_stream name, struct json string)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *p = string.p + 1, *end = string.p + string.len - 1, *run, *which;
	char out[SCRATCH];
	size_t n = 0, len;

	while (p < end) {
		if (n > sizeof out / 2) {
			feed(o, name, out, n);
			n = 0;
		}
		if (*p == '\\') {
			p += 2;
			if (p[-1] == 'u')
				p += unescape_unicode(p, end, out, &n);
			else
				out[n++] = (which = strchr(from, p[-1])) != NULL ? to[which - from] : p[-1];
			continue;
		}
		len = (size_t)(end - p) < SCRATCH / 2 ? (size_t)(end - p) : SCRATCH / 2;
		run = memchr(p, '\\', len);
		if (run)
			len = (size_t)(run - p);
		memcpy(out + n, p, len);
		n += len;
		p += len;
	}
	feed(o, name, out, n);
}

/* Bytes at the end of s that begin a character but do not complete it: 0 to 3. */
static size_t
incomplete(const char *s, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		unsigned char c = (unsigned char)s[len - back];

		if ((c & 0xc0) == 0x80)
			continue;
		return (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : c >= 0xc0 ? 2u : 1u) > back ? back : 0;
	}
	return 0;
}

void
outputs_bytes(struct outputs *o, enum outputs_stream name, const char *bytes, size_t len)
{
	struct stream *s = &o->stream[name];
	size_t left;

	while (s->ncarry > 0 && len > 0) {	/* complete the character that had begun */
		if (((unsigned char)*bytes & 0xc0) == 0x80 && s->ncarry < sizeof s->carry) {
			s->carry[s->ncarry++] = *bytes++;
			len--;
			if (incomplete(s->carry, s->ncarry) > 0)
				continue;
		}
		feed(o, name, s->carry, s->ncarry);
		s->ncarry = 0;
	}
	left = incomplete(bytes, len);
	feed(o, name, bytes, len - left);
	if (left > 0) {
		memcpy(s->carry, bytes + len - left, left);
		s->ncarry = left;
	}
}

void
outputs_end(struct outputs *o)
{
	for (int i = 0; i < OUTPUTS_STREAMS; i++) {
		struct named to = { o, (enum outputs_stream)i };
		struct stream *s = &o->stream[i];

		feed(o, to.name, s->carry, s->ncarry);
		s->ncarry = 0;
		ansi_end(&s->ansi, emit, &to);
	}
	if (o->lines)
		lines_end(o->lines);
}

void
outputs_flush(struct outputs *o)
{
	if (o->lines)
		lines_flush(o->lines);
}

/* ---- messages ---- */

static int
on_stream(struct outputs *o, struct json content)
{
	struct json name, text;

	if (!json_get(content, "name", &name) || name.kind != JSON_STRING ||
	    !json_get(content, "text", &text) || text.kind != JSON_STRING)
		return -EBADMSG;
	feed_json(o, json_equals(name, "stderr") ? OUTPUTS_STDERR : OUTPUTS_STDOUT, text);
	return 0;
}

static struct json
member(struct json object, const char *key)
{
	struct json v = { JSON_NULL, NULL, 0 };

	json_get(object, key, &v);
	return v;
}

static int
on_bundle(struct outputs *o, struct json content, bool is_result)
{
	if (member(content, "data").kind != JSON_OBJECT)
		return -EBADMSG;
	if (o->lines)
		lines_bundle(o->lines, content, is_result);
	else
		items_bundle(o->items, content, is_result);
	return 0;
}

static int
on_update(struct outputs *o, struct json content)
{
	if (member(content, "data").kind != JSON_OBJECT)
		return -EBADMSG;
	if (o->lines)
		lines_update(o->lines, content);
	else
		items_update(o->items, content);
	return 0;
}

static int
on_clear(struct outputs *o, struct json content)
{
	bool wait = member(content, "wait").kind == JSON_TRUE;

	if (o->lines)
		lines_clear(o->lines, wait);
	else
		items_clear(o->items, wait);
	return 0;
}

/* ---- errors ---- */

static void
emit_buf(void *arg, const char *text, size_t len)
{
	buf_add(arg, text, len);
}

/* A string of an error: its text without control sequences, cut to max bytes; returns the bytes used. */
static size_t
put_plain(const struct outputs *o, struct buf *out, struct json string, size_t max)
{
	struct buf text = BUF_INIT, plain = BUF_INIT;
	struct ansi ansi = ANSI_INIT;
	size_t n;

	if (string.kind == JSON_STRING)
		json_text(string, &text);
	if (!o->ansi) {
		ansi_feed(&ansi, buf_str(&text), text.len, emit_buf, &plain);
		ansi_end(&ansi, emit_buf, &plain);
	} else
		buf_add(&plain, text.data, text.len);
	n = plain.len;
	if (n > max) {
		for (n = max; n > 0 && ((unsigned char)plain.data[n] & 0xc0) == 0x80; n--)
			;
		buf_truncate(&plain, n);
		buf_puts(&plain, "[cut]");
	}
	json_put_string(out, buf_str(&plain), plain.len);
	buf_release(&text);
	buf_release(&plain);
	return n;
}

static void
put_traceback(const struct outputs *o, struct buf *out, struct json traceback)
{
	struct json_iter it = { 0 };
	size_t left = OUTPUTS_ERROR_MAX;
	struct json key, line;
	int lines = 0;

	json_put_open(out, '[');
	if (traceback.kind == JSON_ARRAY)
		while (left > 0 && lines++ < LINES_MAX && json_next(traceback, &it, &key, &line))
			left -= put_plain(o, out, line, left);
	json_put_close(out, ']');
}

/* An error whose JSON is in text, which is taken over. */
static void
show_error(struct outputs *o, struct buf *text)
{
	o->has_error = true;
	if (o->lines)
		lines_error(o->lines, text);
	else
		items_error(o->items, text);
}

int
outputs_reply_error(struct outputs *o, struct json content)
{
	struct buf text = BUF_INIT;

	if (member(content, "ename").kind != JSON_STRING && member(content, "evalue").kind != JSON_STRING)
		return -EBADMSG;
	if (o->hold) {
		o->has_error = true;
		buf_reset(&o->held);
		put_traceback(o, &o->held, member(content, "traceback"));
		return 0;
	}
	json_put_open(&text, '{');
	json_put_key(&text, "type");
	json_put_str(&text, "error");
	json_put_key(&text, "name");
	put_plain(o, &text, member(content, "ename"), 1024);
	json_put_key(&text, "value");
	put_plain(o, &text, member(content, "evalue"), OUTPUTS_ERROR_MAX);
	json_put_key(&text, "traceback");
	put_traceback(o, &text, member(content, "traceback"));
	json_put_close(&text, '}');
	show_error(o, &text);
	return 0;
}

void
outputs_error(struct outputs *o, const char *name, const char *value)
{
	struct buf text = BUF_INIT;

	json_put_open(&text, '{');
	json_put_key(&text, "type");
	json_put_str(&text, "error");
	json_put_key(&text, "name");
	json_put_str(&text, name);
	json_put_key(&text, "value");
	json_put_str(&text, value);
	json_put_key(&text, "traceback");
	if (o->held.len > 0)
		json_put_raw(&text, o->held.data, o->held.len);
	else
		json_put_raw(&text, "[]", 2);
	json_put_close(&text, '}');
	show_error(o, &text);
}

void
outputs_hold_errors(struct outputs *o)
{
	o->hold = true;
}

/* ---- dispatch ---- */

int
outputs_message(struct outputs *o, struct json type, struct json content)
{
	if (json_equals(type, "stream"))
		return on_stream(o, content);
	if (json_equals(type, "execute_result"))
		return on_bundle(o, content, true);
	if (json_equals(type, "display_data"))
		return on_bundle(o, content, false);
	if (json_equals(type, "update_display_data"))
		return on_update(o, content);
	if (json_equals(type, "clear_output"))
		return on_clear(o, content);
	if (json_equals(type, "error"))
		return outputs_reply_error(o, content);
	return 0;
}

int
outputs_display(struct outputs *o, struct json content)
{
	return on_bundle(o, content, false);
}

/* ---- the answer ---- */

void
outputs_format(const struct outputs *o, struct buf *out)
{
	items_format(o->items, out);
}

bool
outputs_has_error(const struct outputs *o)
{
	return o->has_error;
}

uint64_t
outputs_dropped(const struct outputs *o)
{
	return o->lines ? lines_dropped(o->lines) : items_dropped(o->items);
}

bool
outputs_failed(const struct outputs *o)
{
	return o->lines ? lines_failed(o->lines) : items_failed(o->items);
}
