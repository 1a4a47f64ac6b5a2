/* lines - outputs sent as they come; see lines.h. */
#include "base/utf8.h"
#include "items.h"
#include "lines.h"

struct lines {
	struct lines_conf conf;
	struct buf	 out;		/* lines not yet put; the last one may be open */
	size_t		 payload;	/* bytes of outputs in them */
	bool		 open;		/* a stream's text is not closed yet */
	enum outputs_stream name;	/* … of this stream */
	size_t		 text_len;	/* … with so many bytes so far */
	bool		 is_limited;
	size_t		 left;		/* bytes of outputs that may still go out as they come */
	struct items	*tail;		/* what came later; NULL: nothing yet */
	bool		 is_clear, clear_waits;	/* nothing came since that clear_output */
	uint64_t	 dropped;
	bool		 failed;
};

static size_t
tail_size(size_t max)
{
	return max / 4 < LINES_TAIL ? max / 4 : LINES_TAIL;
}

struct lines *
lines_new(const struct lines_conf *conf)
{
	struct lines *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->conf = *conf;
	l->is_limited = conf->max_bytes < SIZE_MAX;
	l->left = conf->max_bytes - (l->is_limited ? tail_size(conf->max_bytes) : 0);
	return l;
}

void
lines_free(struct lines **l)
{
	if (!*l)
		return;
	items_free(&(*l)->tail);
	buf_release(&(*l)->out);
	free(*l);
	*l = NULL;
}

static void
close_text(struct lines *l)
{
	if (l->open)
		buf_puts(&l->out, "\"}\n");
	l->open = false;
}

void
lines_flush(struct lines *l)
{
	close_text(l);
	if (buf_error(&l->out) < 0) {
		l->failed = true;
		l->dropped += l->payload;
	} else if (l->out.len > 0 && !l->conf.put(l->conf.arg, &l->out))
		l->dropped += l->payload;
	l->payload = 0;
	if (l->out.cap > 4 * LINES_TEXT || buf_error(&l->out) < 0)
		buf_release(&l->out);
	else
		buf_reset(&l->out);
}

/* A line of n bytes of outputs is complete. */
static void
end_line(struct lines *l, size_t n)
{
	buf_putc(&l->out, '\n');
	l->payload += n;
	if (l->is_limited)
		l->left -= n < l->left ? n : l->left;
	l->is_clear = false;
	if (l->out.len >= LINES_TEXT)
		lines_flush(l);
}

/* From now on outputs are kept for the end.  False: out of memory, n bytes are dropped. */
static bool
begin_tail(struct lines *l, size_t n)
{
	l->left = 0;
	if (!l->tail)
		l->tail = items_new_tail(tail_size(l->conf.max_bytes));
	if (l->tail)
		return true;
	l->failed = true;
	l->dropped += n;
	return false;
}

/* ---- texts ---- */

static void
write_text(struct lines *l, enum outputs_stream name, const char *text, size_t len)
{
	if (l->open && (l->name != name || l->text_len >= LINES_TEXT))
		close_text(l);
	if (l->out.len >= LINES_TEXT && !l->open)
		lines_flush(l);
	if (!l->open) {
		bundle_open_text(&l->out, name);
		l->open = true;
		l->name = name;
		l->text_len = 0;
	}
	json_escape(&l->out, text, len);
	l->text_len += len;
	l->payload += len;
	if (l->is_limited)
		l->left -= len < l->left ? len : l->left;
	l->is_clear = false;
}

void
lines_text(struct lines *l, enum outputs_stream name, const char *text, size_t len)
{
	size_t n;

	while (len > 0 && !l->tail && l->left > 0) {
		n = len < LINES_TEXT ? len : LINES_TEXT;
		n = utf8_boundary(text, len, n < l->left ? n : l->left);
		write_text(l, name, text, n);
		text += n;
		len -= n;
	}
	if (len > 0 && begin_tail(l, len))
		items_text(l->tail, name, text, len);
}

/* ---- bundles ---- */

static void
put_member(struct buf *b, const char *key, const char *value)
{
	json_put_key(b, key);
	json_put_str(b, value);
}

static void
write_bundle(struct lines *l, const char *type, const char *id, struct json content)
{
	close_text(l);
	json_put_open(&l->out, '{');
	put_member(&l->out, "type", type);
	if (id)
		put_member(&l->out, "display_id", id);
	bundle_format(content, &l->out);
	json_put_close(&l->out, '}');
	end_line(l, content.len);
}

void
lines_bundle(struct lines *l, struct json content, bool is_result)
{
	char *id;

	if (content.len > l->conf.max_bundle)
		l->dropped += content.len;
	else if (!l->tail && content.len <= l->left) {
		id = bundle_display_id(content);
		write_bundle(l, is_result ? "result" : "display", id, content);
		free(id);
	} else if (begin_tail(l, content.len))
		items_bundle(l->tail, content, is_result);
}

void
lines_update(struct lines *l, struct json content)
{
	char *id = bundle_display_id(content);

	if (!id)
		return;			/* of nothing */
	if (l->tail)
		items_update(l->tail, content);		/* one that was sent already is not changed any more */
	else if (content.len > l->conf.max_bundle || content.len > l->left)
		l->dropped += content.len;
	else
		write_bundle(l, "update", id, content);
	free(id);
}

void
lines_clear(struct lines *l, bool wait)
{
	if (l->tail)
		items_clear(l->tail, wait);
	if (l->is_clear && l->clear_waits == wait)
		return;			/* thousands of them, and nothing between: one will do */
	close_text(l);
	json_put_open(&l->out, '{');
	put_member(&l->out, "type", "clear_output");
	json_put_key(&l->out, "wait");
	json_put_bool(&l->out, wait);
	json_put_close(&l->out, '}');
	end_line(l, 1);
	l->is_clear = true;
	l->clear_waits = wait;
}

void
lines_error(struct lines *l, struct buf *json)
{
	if (buf_error(json) < 0)
		l->failed = true;
	else if (!l->tail && json->len <= l->left) {
		close_text(l);
		json_put_raw(&l->out, json->data, json->len);
		end_line(l, json->len);
	} else if (begin_tail(l, json->len))
		items_error(l->tail, json);
	buf_release(json);
}

/* ---- the end ---- */

void
lines_end(struct lines *l)
{
	struct json_iter it = { 0 };
	struct buf array = BUF_INIT;
	struct json_error err;
	struct json all, item;

	close_text(l);
	if (l->tail) {
		items_format(l->tail, &array);
		l->dropped += items_dropped(l->tail);
		l->failed |= items_failed(l->tail) || buf_error(&array) < 0;
		if (buf_error(&array) == 0 && json_scan(buf_str(&array), array.len, 0, &all, &err) == 0)
			while (json_next(all, &it, NULL, &item)) {
				json_put_raw(&l->out, item.p, item.len);
				end_line(l, item.len);
			}
		items_free(&l->tail);
		buf_release(&array);
	}
	lines_flush(l);
}

uint64_t
lines_dropped(const struct lines *l)
{
	return l->dropped + (l->tail ? items_dropped(l->tail) : 0);
}

bool
lines_failed(const struct lines *l)
{
	return l->failed;
}
