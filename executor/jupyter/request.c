/* request - the body of POST /execute; see request.h. */
#include <errno.h>
#include <math.h>

#include "base/json.h"
#include "request.h"
#include "wire.h"

static int
refuse(struct buf *why, const char *sentence)
{
	buf_puts(why, sentence);
	return -EINVAL;
}

static int
get_bool(struct json body, const char *key, bool *ret, struct buf *why)
{
	struct json v;

	if (!json_get(body, key, &v))
		return 0;
	if (v.kind != JSON_TRUE && v.kind != JSON_FALSE) {
		buf_printf(why, "Member %s must be true or false", key);
		return -EINVAL;
	}
	*ret = v.kind == JSON_TRUE;
	return 0;
}

static int
get_timeout(struct json body, int64_t limit_ms, int64_t *ret_ms, struct buf *why)
{
	struct json v;
	double s;
	int r;

	*ret_ms = limit_ms;
	if (!json_get(body, "timeout", &v))
		return 0;
	r = json_double(v, &s);
	if (r == -ERANGE)		/* 1e999: longer than any limit; a negative one is none */
		s = v.p[0] == '-' ? -1 : INFINITY;
	else if (r < 0)
		return refuse(why, "Member timeout must be a number of seconds");
	if (!(s > 0))
		return refuse(why, "Member timeout must be more than 0");
	if (s * 1000 < (double)limit_ms)
		*ret_ms = s * 1000 < 1 ? 1 : (int64_t)ceil(s * 1000);
	return 0;
}

/* What is kept costs memory, what is sent does not: a stream has no limit but its own. */
static int
get_max_bytes(struct json body, const struct request_limits *limits, bool stream, size_t *ret, struct buf *why)
{
	size_t most = stream ? SIZE_MAX : limits->max_bytes;
	struct json v;
	int64_t n;
	int r;

	*ret = !stream && limits->default_bytes < most ? limits->default_bytes : most;
	if (!json_get(body, "max_output_bytes", &v))
		return 0;
	r = json_int(v, 1, INT64_MAX, &n);
	if (r == -ERANGE && v.p[0] != '-' && v.p[0] != '0')
		n = INT64_MAX;
	else if (r < 0)
		return refuse(why, "Member max_output_bytes must be a whole number above 0");
	*ret = (uint64_t)n < most ? (size_t)n : most;
	return 0;
}

static int
get_input(struct json body, struct cell_spec *spec, struct buf *why)
{
	struct json v;

	if (!json_get(body, "stdin", &v))
		return 0;
	if (v.kind == JSON_TRUE && !spec->on_lines)
		return refuse(why, "Member stdin can be true only where the answer is a stream");
	spec->asks_input = v.kind == JSON_TRUE;
	if (spec->asks_input)
		return 0;
	if (v.kind != JSON_STRING)
		return refuse(why, "Member stdin must be a string, or true");
	spec->has_input = true;
	return json_text(v, &spec->input);
}

static int
get_on_disconnect(struct json body, struct cell_spec *spec, struct buf *why)
{
	struct json v;

	if (!json_get(body, "on_disconnect", &v))
		return 0;
	spec->interrupt_on_leave = json_equals(v, "interrupt");
	if (!spec->interrupt_on_leave && !json_equals(v, "continue"))
		return refuse(why, "Member on_disconnect must be \"interrupt\" or \"continue\"");
	return 0;
}

/*
 * The code goes to the kernel as the JSON string that came, unread; but half a surrogate pair, which JSON may hold and no
 * kernel can encode, becomes U+FFFD.
 */
static int
clean_code(struct json *code, struct buf *clean)
{
	struct buf text = BUF_INIT;
	int r;

	if (!memmem(code->p, code->len, "\\ud", 3) && !memmem(code->p, code->len, "\\uD", 3))
		return 0;
	r = json_text(*code, &text);
	json_put_string(clean, buf_str(&text), text.len);
	code->p = buf_str(clean);
	code->len = clean->len;
	buf_release(&text);
	return r < 0 ? r : buf_error(clean);
}

/* The body's object, and its member `key`. */
static int
get_body(const char *text, size_t len, const char *key, struct json *ret_body, struct json *ret_member, struct buf *why)
{
	struct json_error err;
	int r;

	r = json_scan(text, len, JSON_UNIQUE, ret_body, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		buf_printf(why, "The body is not JSON: line %u, column %u: %s", err.line, err.column, err.what);
	else if (ret_body->kind != JSON_OBJECT)
		buf_printf(why, "The body must be a JSON object with a member %s", key);
	else if (!json_get(*ret_body, key, ret_member))
		buf_printf(why, "Member %s is missing", key);
	else
		return 0;
	return -EINVAL;
}

int
request_parse(const char *text, size_t len, const struct request_limits *limits, struct cell_spec *spec, struct buf *why)
{
	struct buf clean = BUF_INIT;
	struct json body, code;
	bool silent = false;
	int r;

	if ((r = get_body(text, len, "code", &body, &code, why)) < 0)
		return r;
	if (code.kind != JSON_STRING)
		return refuse(why, "Member code must be a string");
	spec->max_bundle = limits->max_bytes;
	if ((r = get_timeout(body, limits->timeout_ms, &spec->timeout_ms, why)) < 0 ||
	    (r = get_max_bytes(body, limits, spec->on_lines != NULL, &spec->max_bytes, why)) < 0 ||
	    (r = get_bool(body, "silent", &silent, why)) < 0 ||
	    (r = get_bool(body, "ansi", &spec->ansi, why)) < 0 ||
	    (r = get_on_disconnect(body, spec, why)) < 0 || (r = get_input(body, spec, why)) < 0)
		return r;
	if ((r = clean_code(&code, &clean)) == 0)
		wire_put_execute(&spec->request, code.p, code.len, silent, !silent, spec->has_input || spec->asks_input);
	buf_release(&clean);
	return r < 0 ? r : buf_error(&spec->request);
}

/* ---- questions ---- */

/* The characters (code points) of a JSON string; -ENOMEM. */
static int64_t
count_characters(struct json string)
{
	struct buf text = BUF_INIT;
	int64_t n = json_text(string, &text);

	for (size_t i = 0; n >= 0 && i < text.len; i++)
		n += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	buf_release(&text);
	return n;
}

/* Where in the code; its end, unless the body says otherwise. */
static int
get_position(struct json body, struct json code, int64_t *ret, struct buf *why)
{
	int64_t end = count_characters(code);
	struct json v;

	if (end < 0)
		return -ENOMEM;
	*ret = end;
	if (json_get(body, "cursor_pos", &v) && json_int(v, 0, end, ret) < 0)
		return refuse(why, "Member cursor_pos must be a whole number from 0 to the number of characters of code");
	return 0;
}

int
request_parse_question(const char *text, size_t len, enum question what, struct buf *content, struct buf *why)
{
	struct buf clean = BUF_INIT;
	struct json body, code, v;
	int64_t position = 0, level = 0;
	int r;

	if ((r = get_body(text, len, "code", &body, &code, why)) < 0)
		return r;
	if (code.kind != JSON_STRING)
		return refuse(why, "Member code must be a string");
	if (what != ASK_IS_COMPLETE && (r = get_position(body, code, &position, why)) < 0)
		return r;
	if (what == ASK_INSPECT && json_get(body, "detail_level", &v) && json_int(v, 0, 1, &level) < 0)
		return refuse(why, "Member detail_level must be 0 or 1");
	r = clean_code(&code, &clean);
	json_put_open(content, '{');
	json_put_key(content, "code");
	json_put_raw(content, code.p, code.len);
	if (what != ASK_IS_COMPLETE) {
		json_put_key(content, "cursor_pos");
		json_put_int(content, position);
	}
	if (what == ASK_INSPECT) {
		json_put_key(content, "detail_level");
		json_put_int(content, level);
	}
	json_put_close(content, '}');
	buf_release(&clean);
	return r < 0 ? r : buf_error(content);
}

int
request_parse_input(const char *text, size_t len, struct buf *line, bool *ret_eof, struct buf *why)
{
	struct json body, v;
	int r;

	if ((r = get_body(text, len, "text", &body, &v, why)) < 0)
		return r;
	*ret_eof = v.kind == JSON_NULL;
	if (*ret_eof)
		return 0;
	if (v.kind != JSON_STRING)
		return refuse(why, "Member text must be a string, or null for the end of the input");
	if ((r = json_text(v, line)) == 0 && line->len > 0 && line->data[line->len - 1] == '\n')
		buf_truncate(line, line->len - 1);
	return r;
}
