/* cell - one request to run code; see cell.h. */
#include <errno.h>

#include "base/clock.h"
#include "cell.h"

static const char *const words[] = {
	[CELL_OK] = "ok", [CELL_ERROR] = "error", [CELL_TIMEOUT] = "timeout",
	[CELL_INTERRUPTED] = "interrupted", [CELL_DIED] = "kernel_died",
};

/* Lines for who asked for them, as long as he is there. */
static bool
put_lines(void *arg, struct buf *lines)
{
	struct cell *c = arg;

	return !c->abandoned && c->spec.on_lines(c->spec.arg, lines);
}

static struct outputs *
new_outputs(struct cell *c, const struct cell_spec *spec)
{
	const struct lines_conf lines = {
		.max_bytes = spec->max_bytes, .max_bundle = spec->max_bundle, .arg = c, .put = put_lines,
	};

	return spec->on_lines ? outputs_new_lines(&lines, spec->ansi) : outputs_new(spec->max_bytes, spec->ansi);
}

struct cell *
cell_new(struct cell_spec *spec)
{
	struct cell *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	if (!spec->question)
		c->outputs = new_outputs(c, spec);
	if (!spec->question && !c->outputs) {
		free(c);
		return NULL;
	}
	c->spec = *spec;
	c->count = c->cpu_ns = c->peak_bytes = -1;
	c->queued_ms = clock_mono_ms();
	spec->request = spec->input = (struct buf)BUF_INIT;
	return c;
}

void
cell_free(struct cell **cp)
{
	struct cell *c = *cp;

	if (!c)
		return;
	outputs_free(&c->outputs);
	buf_release(&c->spec.request);
	buf_release(&c->spec.input);
	free(c);
	*cp = NULL;
}

bool
cell_next_line(struct cell *c, const char **ret_line, size_t *ret_len)
{
	const struct buf *b = &c->spec.input;
	const char *p = buf_str(b) + c->input_at, *end;
	size_t left = b->len - c->input_at;

	if (left == 0)
		return false;
	end = memchr(p, '\n', left);
	*ret_line = p;
	*ret_len = end ? (size_t)(end - p) : left;
	c->input_at += *ret_len + (end != NULL);
	return true;
}

bool
cell_ask_input(struct cell *c, struct json content)
{
	struct buf line = BUF_INIT;
	struct json v;
	bool heard;

	outputs_flush(c->outputs);
	json_put_open(&line, '{');
	json_put_key(&line, "type");
	json_put_str(&line, "input_request");
	json_put_key(&line, "prompt");
	if (json_get(content, "prompt", &v) && v.kind == JSON_STRING)
		json_put_raw(&line, v.p, v.len);
	else
		json_put_str(&line, "");
	json_put_key(&line, "password");
	json_put_bool(&line, json_get(content, "password", &v) && v.kind == JSON_TRUE);
	json_put_close(&line, '}');
	buf_putc(&line, '\n');
	heard = buf_error(&line) == 0 && put_lines(c, &line);
	buf_release(&line);
	return heard;
}

/* ipykernel's pager ("print?") comes as a payload of the reply. */
static void
show_payloads(struct cell *c, struct json reply)
{
	struct json_iter it = { 0 };
	struct json list, key, payload, source;

	if (!json_get(reply, "payload", &list) || list.kind != JSON_ARRAY)
		return;
	while (json_next(list, &it, &key, &payload))
		if (json_get(payload, "source", &source) && json_equals(source, "page"))
			outputs_display(c->outputs, payload);
}

enum cell_status
cell_take_reply(struct cell *c, const struct json *reply)
{
	bool failed = outputs_has_error(c->outputs);
	struct json v;

	if (reply) {
		if (json_get(*reply, "execution_count", &v) && json_int(v, 0, INT64_MAX, &c->count) < 0)
			c->count = -1;
		failed = json_get(*reply, "status", &v) ? !json_equals(v, "ok") : failed;
		if (failed && !outputs_has_error(c->outputs) &&	/* tslab tells of errors here only, and of no name */
		    outputs_reply_error(c->outputs, *reply) == -EBADMSG && c->ladder == 0)
			outputs_error(c->outputs, "Error", "The kernel reported an error without a name");
		show_payloads(c, *reply);
	} else if (!failed && !c->interrupted && c->ladder == 0) {
		outputs_error(c->outputs, "NoReply", "The kernel ended the request without a reply");
		failed = true;
	}
	outputs_end(c->outputs);
	if (c->ladder > 0)
		return CELL_TIMEOUT;
	if (c->interrupted && (failed || !reply))
		return CELL_INTERRUPTED;
	return failed ? CELL_ERROR : CELL_OK;
}

void
cell_format(struct cell *c, enum cell_status status, unsigned generation, bool state_kept, struct buf *out)
{
	int64_t ns = c->started_ns > 0 ? clock_mono_ns() - c->started_ns : 0;
	uint64_t dropped;

	outputs_end(c->outputs);
	dropped = outputs_dropped(c->outputs);
	json_put_open(out, '{');
	if (c->spec.on_lines) {
		json_put_key(out, "type");
		json_put_str(out, "done");
	} else {
		json_put_key(out, "outputs");
		outputs_format(c->outputs, out);
	}
	json_put_key(out, "status");
	json_put_str(out, words[status]);
	json_put_key(out, "execution_count");
	if (c->count >= 0)
		json_put_int(out, c->count);
	else
		json_put_null(out);
	json_put_key(out, "generation");
	json_put_int(out, generation);
	json_put_key(out, "duration_ms");
	json_put_int(out, (ns + 500000) / 1000000);
	if (c->cpu_ns >= 0) {
		json_put_key(out, "cpu_ms");
		json_put_int(out, (c->cpu_ns + 500000) / 1000000);
	}
	if (c->peak_bytes >= 0) {
		json_put_key(out, "max_rss_bytes");
		json_put_int(out, c->peak_bytes);
	}
	json_put_key(out, "truncated");
	json_put_bool(out, dropped > 0 || outputs_failed(c->outputs));
	if (dropped > 0) {
		json_put_key(out, "dropped_bytes");
		json_put_int(out, (int64_t)dropped);
	}
	if (status == CELL_TIMEOUT) {
		json_put_key(out, "state_kept");
		json_put_bool(out, state_kept);
	}
	json_put_close(out, '}');
	if (c->spec.on_lines)
		buf_putc(out, '\n');
}
