/* items - outputs kept for one answer, bounded; see items.h. */
#include "base/utf8.h"
#include "items.h"

#define BUCKETS	 1024		/* display ids by hash */
#define PIECE	 (1 << 20)	/* bytes of a text added at a time, so that a flood is dropped as it comes */

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

struct items {
	struct item	*first, *last;
	struct item	*tail;		/* first item behind the hole; NULL and cut: none yet */
	size_t		 max, bytes, n;
	size_t		 tail_bytes, tail_n;	/* once cut */
	bool		 cut;		/* the limit was reached: the head is frozen */
	bool		 tail_only;	/* cut from the beginning: there is no head */
	enum outputs_stream hole;	/* stream in which the hole is shown */
	uint64_t	 dropped;
	bool		 failed, clear_pending;
	struct item	*bucket[BUCKETS];
};

struct items *
items_new(size_t max_bytes)
{
	struct items *o = calloc(1, sizeof *o);

	if (o)
		o->max = max_bytes;
	return o;
}

struct items *
items_new_tail(size_t max_bytes)
{
	struct items *o = items_new(2 * max_bytes);	/* of which the latest half is kept */

	if (o)
		o->cut = o->tail_only = true;
	return o;
}

static size_t
item_len(const struct item *it)
{
	return it->text.len - it->start;
}

static struct item **
bucket_of(struct items *o, const char *id)
{
	uint32_t h = 2166136261u;

	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * 16777619u;
	return &o->bucket[h % BUCKETS];
}

static void
forget_id(struct items *o, struct item *it)
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
remember_id(struct items *o, struct item *it, const char *id)
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
free_item(struct items *o, struct item *it)
{
	forget_id(o, it);
	buf_release(&it->text);
	free(it);
}

static void
remove_item(struct items *o, struct item *it)
{
	if (o->tail == it)
		o->tail = it->next;
	*(it->prev ? &it->prev->next : &o->first) = it->next;
	*(it->next ? &it->next->prev : &o->last) = it->prev;
	free_item(o, it);
}

static struct item *
append_item(struct items *o, enum kind kind)
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
	o->n++;
	if (o->cut) {
		it->in_tail = true;
		o->tail_n++;
		if (!o->tail)
			o->tail = it;
	}
	return it;
}

static void
clear(struct items *o)
{
	struct item *it = o->first, *next;

	o->first = o->last = o->tail = NULL;
	for (; it; it = next) {
		next = it->next;
		free_item(o, it);
	}
	o->bytes = o->n = o->tail_bytes = o->tail_n = 0;
	o->dropped = 0;
	o->cut = o->tail_only;
	o->clear_pending = false;
}

void
items_free(struct items **o)
{
	if (!*o)
		return;
	clear(*o);
	free(*o);
	*o = NULL;
}

/* ---- the limit ---- */

/* Let go of the first n bytes or so of a stream's text; its memory follows when half of it is unused. */
static size_t
consume(struct item *it, size_t n)
{
	n = utf8_boundary(it->text.data + it->start, item_len(it), n);
	it->start += n;
	if (it->start > it->text.len / 2) {
		buf_consume(&it->text, it->start);
		it->start = 0;
	}
	return n;
}

/* Keep the latest half of what may be kept. */
static void
trim_tail(struct items *o)
{
	size_t max = o->max - o->max / 2, n, over;
	struct item *it;

	while ((it = o->tail) != NULL && (o->tail_bytes > max || o->tail_n > ITEMS_MAX / 2)) {
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
			o->n--;
			o->tail_n--;
		}
		o->tail_bytes -= n;
		o->bytes -= n;
		o->dropped += n;
	}
}

/* Split a stream item so that its first n bytes are the head's last; the rest becomes the item behind it. */
static void
split(struct items *o, struct item *it, size_t n)
{
	struct item *rest;
	size_t at;

	at = utf8_boundary(it->text.data + it->start, item_len(it), n);
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
	o->n++;
}

/* The limit is reached: the first half of what there is becomes the head, which stays as it is. */
static void
cut(struct items *o)
{
	size_t left = o->max / 2, nhead = 0;
	struct item *it = o->first;

	o->cut = true;
	while (it && nhead < ITEMS_MAX / 2 && item_len(it) <= left) {
		left -= item_len(it);
		nhead++;
		it = it->next;
	}
	if (it && it->kind == STREAM && left > 0 && nhead < ITEMS_MAX / 2) {
		o->hole = it->name;
		split(o, it, left);
		it = it->next;
		nhead++;
	}
	o->tail = it;
	o->tail_n = o->n - nhead;
	o->tail_bytes = 0;
	for (; it; it = it->next) {
		it->in_tail = true;
		o->tail_bytes += item_len(it);
	}
}

static void
added(struct items *o, size_t n)
{
	o->bytes += n;
	if (o->cut)
		o->tail_bytes += n;
	else if (o->bytes > o->max || o->n > ITEMS_MAX)
		cut(o);
	if (o->cut)
		trim_tail(o);
}

/* ---- what comes ---- */

static void
apply_clear(struct items *o)
{
	if (o->clear_pending)
		clear(o);
}

static void
append_text(struct items *o, enum outputs_stream name, const char *text, size_t len)
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

void
items_text(struct items *o, enum outputs_stream name, const char *text, size_t len)
{
	size_t n;

	apply_clear(o);
	for (; len > 0; len -= n) {
		n = len > PIECE ? PIECE : len;
		append_text(o, name, text, n);
		text += n;
	}
}

/* A bundle that is larger than what may be kept of it is not even copied. */
static bool
too_large(struct items *o, size_t len)
{
	size_t room = o->cut ? o->max - o->max / 2 : o->max;

	if (len <= room)
		return false;
	o->dropped += len;
	return true;
}

static void
format(struct buf *b, bool is_result, struct json content)
{
	json_put_open(b, '{');
	json_put_key(b, "type");
	json_put_str(b, is_result ? "result" : "display");
	bundle_format(content, b);
	json_put_close(b, '}');
}

void
items_bundle(struct items *o, struct json content, bool is_result)
{
	struct buf text = BUF_INIT;
	struct item *it;
	char *id;

	if (too_large(o, content.len))
		return;
	format(&text, is_result, content);
	apply_clear(o);
	it = buf_error(&text) == 0 ? append_item(o, BUNDLE) : NULL;
	if (!it) {
		o->failed = true;
		buf_release(&text);
		return;
	}
	it->is_result = is_result;
	it->text = text;
	if ((id = bundle_display_id(content)) != NULL) {
		remember_id(o, it, id);
		free(id);
	}
	added(o, it->text.len);
}

static void
replace_bundle(struct items *o, struct item *it, struct json content)
{
	struct buf text = BUF_INIT;
	size_t old = it->text.len;

	format(&text, it->is_result, content);
	if (buf_error(&text) < 0 || (text.len > old && o->bytes - old + text.len > o->max)) {
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

void
items_update(struct items *o, struct json content)
{
	struct item *it, *next;
	char *id;

	if (too_large(o, content.len) || (id = bundle_display_id(content)) == NULL)
		return;
	for (it = *bucket_of(o, id); it; it = next) {
		next = it->same_hash;
		if (strcmp(it->id, id) == 0)
			replace_bundle(o, it, content);
	}
	free(id);
}

void
items_clear(struct items *o, bool wait)
{
	o->clear_pending = true;
	if (!wait)
		clear(o);
}

void
items_error(struct items *o, struct buf *json)
{
	struct item *it;

	apply_clear(o);
	it = buf_error(json) == 0 ? append_item(o, ERROR) : NULL;
	if (!it) {
		o->failed = true;
		buf_release(json);
		return;
	}
	it->text = *json;
	*json = (struct buf)BUF_INIT;
	added(o, it->text.len);
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
		bundle_open_text(w->out, name);
		w->open = true;
		w->name = name;
	}
	json_escape(w->out, text, len);
}

static void
write_hole(const struct items *o, struct writer *w)
{
	char text[80];
	int n;

	if (o->dropped == 0)
		return;
	n = snprintf(text, sizeof text, "\n[%llu bytes dropped]\n", (unsigned long long)o->dropped);
	write_text(w, o->hole, text, (size_t)n);
}

void
items_format(const struct items *o, struct buf *out)
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

uint64_t
items_dropped(const struct items *o)
{
	return o->dropped;
}

bool
items_failed(const struct items *o)
{
	return o->failed;
}
