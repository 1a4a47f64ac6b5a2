/* outputs - what a cell has produced; see outputs.h. */
#include <errno.h>

#include "ansi.h"
#include "base/utf8.h"
#include "outputs.h"

#define BUCKETS	 1024		/* display ids by hash */
#define LINES_MAX 1000		/* lines of a traceback */
#define SCRATCH	 16384		/* bytes of a message's text that are unescaped at a time */

enum kind { STREAM, BUNDLE, ERROR };

struct item {
	struct item	*next, *prev;
	enum kind	 kind;
	enum outputs_stream name;	/* STREAM */
	struct buf	 text;		/* STREAM: its text from `start`; else the item as JSON */
	size_t		 start;
	struct item	*same_hash;	/* BUNDLE with a display id */
	char		*id;		/* display id, NULL: none */
	bool		 is_result;	/* BUNDLE: result, not display */
	bool		 in_tail;	/* once cut: behind the hole */
};

struct stream {
	struct ansi	 ansi;
	char		 carry[4];	/* of raw bytes: a character that is not complete */
	size_t		 ncarry;
};

struct outputs {
	struct item	*first, *last;
	struct item	*tail;		/* first item behind the hole; NULL and cut: none yet */
	size_t		 max, bytes, items;
	size_t		 tail_bytes, tail_items;	/* once cut */
	bool		 cut;		/* the limit was reached: the head is frozen */
	enum outputs_stream hole;	/* stream in which the hole is shown */
	uint64_t	 dropped;
	bool		 ansi, failed, clear_pending, hold, has_error;
	struct stream	 stream[OUTPUTS_STREAMS];
	struct buf	 held;		/* JSON array of the traceback held */
	struct item	*bucket[BUCKETS];
};

static const char *const names[OUTPUTS_STREAMS] = { "stdout", "stderr" };

struct sink {			/* where ansi_feed() puts what it passes */
	struct outputs		*o;
	enum outputs_stream	 name;
};

struct outputs *
outputs_new(size_t max_bytes, bool ansi)
{
	struct outputs *o = calloc(1, sizeof *o);

	if (o) {
		o->max = max_bytes;
		o->ansi = ansi;
	}
	return o;
}

/* ---- items ---- */

static size_t
item_len(const struct item *it)
{
	return it->text.len - it->start;
}

static struct item **
bucket_of(struct outputs *o, const char *id)
{
	uint32_t h = 2166136261u;

	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * 16777619u;
	return &o->bucket[h % BUCKETS];
}

static void
forget_id(struct outputs *o, struct item *it)
{
	struct item **p;

	if (!it->id)
		return;
	for (p = bucket_of(o, it->id); *p; p = &(*p)->same_hash)
		if (*p == it) {
			*p = it->same_hash;
			break;
		}
	free(it->id);
	it->id = NULL;
}

static void
remember_id(struct outputs *o, struct item *it, const char *id)
{
	struct item **p = bucket_of(o, id);

	it->id = strdup(id);
	if (!it->id) {
		o->failed = true;
		return;
	}
	it->same_hash = *p;
	*p = it;
}

static void
free_item(struct outputs *o, struct item *it)
{
	forget_id(o, it);
	buf_release(&it->text);
	free(it);
}

static void
remove_item(struct outputs *o, struct item *it)
{
	if (o->tail == it)
		o->tail = it->next;
	*(it->prev ? &it->prev->next : &o->first) = it->next;
	*(it->next ? &it->next->prev : &o->last) = it->prev;
	free_item(o, it);
}

static struct item *
append_item(struct outputs *o, enum kind kind)
{
	struct item *it = calloc(1, sizeof *it);

	if (!it) {
		o->failed = true;
		return NULL;
	}
	it->kind = kind;
	it->prev = o->last;
	*(o->last ? &o->last->next : &o->first) = it;
	o->last = it;
	o->items++;
	if (o->cut) {
		it->in_tail = true;
		o->tail_items++;
		if (!o->tail)
			o->tail = it;
	}
	return it;
}

static void
clear(struct outputs *o)
{
	struct item *it = o->first, *next;

	o->first = o->last = o->tail = NULL;
	for (; it; it = next) {
		next = it->next;
		free_item(o, it);
	}
	o->bytes = o->items = o->tail_bytes = o->tail_items = 0;
	o->dropped = 0;
	o->cut = false;
	o->clear_pending = false;
}

void
outputs_free(struct outputs **o)
{
	if (!*o)
		return;
	clear(*o);
	buf_release(&(*o)->held);
	free(*o);
	*o = NULL;
}

/* ---- the limit ---- */

/* The first byte at or after p that does not lie within a character. */
static size_t
char_boundary(const char *s, size_t len, size_t at)
{
	for (int i = 0; i < 3 && at < len && ((unsigned char)s[at] & 0xc0) == 0x80; i++)
		at++;
	return at;
}

/* Let go of the first n bytes or so of a stream's text; its memory follows when half of it is unused. */
static size_t
consume(struct item *it, size_t n)
{
	n = char_boundary(it->text.data + it->start, item_len(it), n);
	it->start += n;
	if (it->start > it->text.len / 2) {
		buf_consume(&it->text, it->start);
		it->start = 0;
	}
	return n;
}

/* Keep the latest half of what may be kept. */
static void
trim_tail(struct outputs *o)
{
	size_t max = o->max - o->max / 2, n, over;
	struct item *it;

	while ((it = o->tail) != NULL && (o->tail_bytes > max || o->tail_items > OUTPUTS_ITEMS_MAX / 2)) {
		over = o->tail_bytes > max ? o->tail_bytes - max : 0;
		if (it->kind == ERROR && !it->next)
			return;
		if (it->kind == STREAM)
			o->hole = it->name;
		if (it->kind == STREAM && over > 0 && over < item_len(it)) {
			n = consume(it, over);
		} else {
			n = item_len(it);
			remove_item(o, it);
			o->items--;
			o->tail_items--;
		}
		o->tail_bytes -= n;
		o->bytes -= n;
		o->dropped += n;
	}
}

/* Split a stream item so that its first n bytes are the head's last; the rest becomes the item behind it. */
static void
split(struct outputs *o, struct item *it, size_t n)
{
	struct item *rest;
	size_t at;

	at = char_boundary(it->text.data + it->start, item_len(it), n);
	if (at == item_len(it) || (rest = calloc(1, sizeof *rest)) == NULL)
		return;
	rest->kind = STREAM;
	rest->name = it->name;
	buf_add(&rest->text, it->text.data + it->start + at, item_len(it) - at);
	if (buf_error(&rest->text) < 0)
		o->failed = true;
	buf_truncate(&it->text, it->start + at);
	rest->prev = it;
	rest->next = it->next;
	*(it->next ? &it->next->prev : &o->last) = rest;
	it->next = rest;
	o->items++;
}

/* The limit is reached: the first half of what there is becomes the head, which stays as it is. */
static void
cut(struct outputs *o)
{
	size_t left = o->max / 2, nhead = 0;
	struct item *it = o->first;

	o->cut = true;
	while (it && nhead < OUTPUTS_ITEMS_MAX / 2 && item_len(it) <= left) {
		left -= item_len(it);
		nhead++;
		it = it->next;
	}
	if (it && it->kind == STREAM && left > 0 && nhead < OUTPUTS_ITEMS_MAX / 2) {
		o->hole = it->name;
		split(o, it, left);
		it = it->next;
		nhead++;
	}
	o->tail = it;
	o->tail_items = o->items - nhead;
	o->tail_bytes = 0;
	for (; it; it = it->next) {
		it->in_tail = true;
		o->tail_bytes += item_len(it);
	}
}

static void
added(struct outputs *o, size_t n)
{
	o->bytes += n;
	if (o->cut)
		o->tail_bytes += n;
	else if (o->bytes > o->max || o->items > OUTPUTS_ITEMS_MAX)
		cut(o);
	if (o->cut)
		trim_tail(o);
}

/* ---- streams ---- */

static void
append_text(struct outputs *o, enum outputs_stream name, const char *text, size_t len)
{
	struct item *it = o->last;

	if (!it || it->kind != STREAM || it->name != name || (o->cut && !o->tail)) {
		it = append_item(o, STREAM);
		if (!it)
			return;
		it->name = name;
	}
	buf_add(&it->text, text, len);
	if (buf_error(&it->text) < 0) {		/* what was there stays */
		it->text.failed = false;
		o->failed = true;
		o->dropped += len;
		return;
	}
	added(o, len);
}

static void
emit(void *arg, const char *text, size_t len)
{
	struct sink *s = arg;
	size_t n;

	while (len > 0) {		/* in pieces, so that a flood is dropped as it comes */
		n = len > (1 << 20) ? (1 << 20) : len;
		append_text(s->o, s->name, text, n);
		text += n;
		len -= n;
	}
}

static void
apply_clear(struct outputs *o)
{
	if (o->clear_pending)
		clear(o);
}

static void
feed(struct outputs *o, enum outputs_stream name, const char *text, size_t len)
{
	struct sink sink = { o, name };

	if (len == 0)
		return;
	apply_clear(o);
	if (o->ansi)
		emit(&sink, text, len);
	else
		ansi_feed(&o->stream[name].ansi, text, len, emit, &sink);
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
		struct sink sink = { o, (enum outputs_stream)i };
		struct stream *s = &o->stream[i];

		feed(o, sink.name, s->carry, s->ncarry);
		s->ncarry = 0;
		ansi_end(&s->ansi, emit, &sink);
	}
}

/* ---- bundles ---- */

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

static int
format_bundle(struct buf *b, bool is_result, struct json content)
{
	struct json data, metadata;

	if (!json_get(content, "data", &data) || data.kind != JSON_OBJECT)
		return -EBADMSG;
	json_put_open(b, '{');
	json_put_key(b, "type");
	json_put_str(b, is_result ? "result" : "display");
	json_put_key(b, "data");
	json_put_raw(b, data.p, data.len);
	json_put_key(b, "metadata");
	if (json_get(content, "metadata", &metadata) && metadata.kind == JSON_OBJECT)
		json_put_raw(b, metadata.p, metadata.len);
	else
		json_put_raw(b, "{}", 2);
	json_put_close(b, '}');
	return 0;
}

/* A bundle that is larger than what may be kept of it is not even copied. */
static bool
too_large(struct outputs *o, size_t len)
{
	size_t room = o->cut ? o->max - o->max / 2 : o->max;

	if (len <= room)
		return false;
	o->dropped += len;
	return true;
}

static char *
display_id(struct json content)
{
	struct buf b = BUF_INIT;
	struct json transient, id;

	if (!json_get(content, "transient", &transient) || !json_get(transient, "display_id", &id) ||
	    id.kind != JSON_STRING || id.len > 1024 || json_text(id, &b) < 0) {
		buf_release(&b);
		return NULL;
	}
	if (!b.data)
		return strdup("");
	return b.data;
}

static int
on_bundle(struct outputs *o, struct json content, bool is_result)
{
	struct buf text = BUF_INIT;
	struct item *it;
	char *id;
	int r;

	if (too_large(o, content.len))
		return 0;
	if ((r = format_bundle(&text, is_result, content)) < 0) {
		buf_release(&text);
		return r;
	}
	apply_clear(o);
	it = buf_error(&text) == 0 ? append_item(o, BUNDLE) : NULL;
	if (!it) {
		o->failed = true;
		buf_release(&text);
		return 0;
	}
	it->is_result = is_result;
	it->text = text;
	if ((id = display_id(content)) != NULL) {
		remember_id(o, it, id);
		free(id);
	}
	added(o, it->text.len);
	return 0;
}

static void
replace_bundle(struct outputs *o, struct item *it, struct json content)
{
	struct buf text = BUF_INIT;
	size_t old = it->text.len;

	if (format_bundle(&text, it->is_result, content) < 0 || buf_error(&text) < 0 ||
	    (text.len > old && o->bytes - old + text.len > o->max)) {
		o->dropped += text.len;		/* no room to grow: the older one stays */
		buf_release(&text);
		return;
	}
	buf_release(&it->text);
	it->text = text;
	o->bytes += text.len - old;
	if (it->in_tail)
		o->tail_bytes += text.len - old;
}

static int
on_update(struct outputs *o, struct json content)
{
	struct json data;
	struct item *it, *next;
	char *id;

	if (!json_get(content, "data", &data) || data.kind != JSON_OBJECT)
		return -EBADMSG;
	if (too_large(o, content.len) || (id = display_id(content)) == NULL)
		return 0;
	for (it = *bucket_of(o, id); it; it = next) {
		next = it->same_hash;
		if (strcmp(it->id, id) == 0)
			replace_bundle(o, it, content);
	}
	free(id);
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

static struct json
member(struct json object, const char *key)
{
	struct json v = { JSON_NULL, NULL, 0 };

	json_get(object, key, &v);
	return v;
}

/* Append an error whose JSON text up to the traceback is in text. */
static void
append_error(struct outputs *o, struct buf *text)
{
	struct item *it;

	apply_clear(o);
	o->has_error = true;
	it = buf_error(text) == 0 ? append_item(o, ERROR) : NULL;
	if (!it) {
		o->failed = true;
		buf_release(text);
		return;
	}
	it->text = *text;
	added(o, it->text.len);
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
	append_error(o, &text);
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
	append_error(o, &text);
}

void
outputs_hold_errors(struct outputs *o)
{
	o->hold = true;
}

/* ---- messages ---- */

static int
on_clear(struct outputs *o, struct json content)
{
	o->clear_pending = true;
	if (member(content, "wait").kind != JSON_TRUE)
		clear(o);
	return 0;
}

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

struct writer {
	struct buf		*out;
	bool			 open;		/* a stream item is open: its text is not closed yet */
	enum outputs_stream	 name;
};

static void
close_stream(struct writer *w)
{
	if (w->open)
		buf_puts(w->out, "\"}");
	w->open = false;
}

static void
write_text(struct writer *w, enum outputs_stream name, const char *text, size_t len)
{
	if (w->open && w->name != name)
		close_stream(w);
	if (!w->open) {
		json_put_open(w->out, '{');
		json_put_key(w->out, "type");
		json_put_str(w->out, "stream");
		json_put_key(w->out, "name");
		json_put_str(w->out, names[name]);
		json_put_key(w->out, "text");
		buf_putc(w->out, '"');
		w->open = true;
		w->name = name;
	}
	json_escape(w->out, text, len);
}

static void
write_hole(const struct outputs *o, struct writer *w)
{
	char text[80];
	int n;

	if (o->dropped == 0)
		return;
	n = snprintf(text, sizeof text, "\n[%llu bytes dropped]\n", (unsigned long long)o->dropped);
	write_text(w, o->hole, text, (size_t)n);
}

void
outputs_format(const struct outputs *o, struct buf *out)
{
	struct writer w = { .out = out };

	json_put_open(out, '[');
	for (const struct item *it = o->first; it; it = it->next) {
		if (o->cut && it == o->tail)
			write_hole(o, &w);
		if (it->kind == STREAM) {
			if (item_len(it) > 0)
				write_text(&w, it->name, it->text.data + it->start, item_len(it));
		} else {
			close_stream(&w);
			json_put_raw(out, it->text.data, it->text.len);
		}
	}
	if (o->dropped > 0 && !o->tail)
		write_hole(o, &w);
	close_stream(&w);
	json_put_close(out, ']');
}

bool
outputs_has_error(const struct outputs *o)
{
	return o->has_error;
}

uint64_t
outputs_dropped(const struct outputs *o)
{
	return o->dropped;
}

bool
outputs_failed(const struct outputs *o)
{
	return o->failed;
}
