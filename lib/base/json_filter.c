/* json_filter - a jq program over JSON text; see json_filter.h. */
#include <errno.h>
#include <limits.h>

#include <jq.h>
#include <jv.h>

#include "base/json.h"
#include "base/json_filter.h"

struct json_filter {
	jq_state	*jq;
	struct buf	*why;	/* where libjq's complaints go during a call, else NULL */
};

/* libjq's text without its "jq: error: " and without the summary "jq: 1 compile error" behind it. */
static void
on_complaint(void *arg, jv msg)
{
	struct json_filter *f = arg;
	jv text = jq_format_error(msg);

	if (jv_get_kind(text) == JV_KIND_STRING && f->why != NULL && f->why->len == 0) {
		const char *s = jv_string_value(text);

		if (strncmp(s, "jq: error: ", 11) == 0)
			s += 11;
		buf_add(f->why, s, strcspn(s, "\n"));
	}
	jv_free(text);
}

int
json_filter_new(const char *program, struct json_filter **ret, struct buf *why)
{
	struct json_filter *f = calloc(1, sizeof *f);
	int ok;

	if (f == NULL || (f->jq = jq_init()) == NULL) {
		free(f);
		return -ENOMEM;
	}
	jq_set_error_cb(f->jq, on_complaint, f);
	/* Without these an `import` makes libjq abort instead of complaining. */
	jq_set_attr(f->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	jq_set_attr(f->jq, jv_string("JQ_ORIGIN"), jv_string("."));
	jq_set_attr(f->jq, jv_string("PROGRAM_ORIGIN"), jv_string("."));
	f->why = why;
	ok = jq_compile(f->jq, program);
	f->why = NULL;
	if (!ok) {
		if (why->len == 0)
			buf_puts(why, "not a jq program");
		json_filter_free(&f);
		return -EINVAL;
	}
	*ret = f;
	return 0;
}

void
json_filter_free(struct json_filter **f)
{
	if (*f == NULL)
		return;
	jq_teardown(&(*f)->jq);
	free(*f);
	*f = NULL;
}

static void
add_result(struct buf *out, jv v)
{
	if (jv_get_kind(v) != JV_KIND_STRING)
		v = jv_dump_string(v, 0);
	buf_add(out, jv_string_value(v), (size_t)jv_string_length_bytes(jv_copy(v)));
	buf_putc(out, '\n');
	jv_free(v);
}

/* The value that ended the run: plainly invalid at its end, invalid with a message where the program raised one. */
static int
end_of_run(jv last, struct buf *why)
{
	jv msg;

	if (!jv_invalid_has_msg(jv_copy(last))) {
		jv_free(last);
		return 0;
	}
	msg = jv_invalid_get_msg(last);
	if (jv_get_kind(msg) != JV_KIND_STRING)		/* error({…}) */
		msg = jv_dump_string(msg, 0);
	buf_puts(why, jv_string_value(msg));
	jv_free(msg);
	return -EINVAL;
}

int
json_filter_run(struct json_filter *f, const char *text, size_t len, struct buf *out, struct buf *why)
{
	struct json_error err;
	struct json unused;
	jv v;
	int r;

	if (len > INT_MAX) {
		buf_puts(why, "more than 2 GiB");
		return -EINVAL;
	}
	/* libjq takes what is no JSON, so the strict scan comes first; what it refuses beyond is nesting. */
	if ((r = json_scan(text, len, 0, &unused, &err)) < 0) {
		buf_printf(why, "line %u, column %u: %s", err.line, err.column, err.what);
		return r == -ENOMEM ? r : -EINVAL;
	}
	v = jv_parse_sized(text, (int)len);
	if (!jv_is_valid(v)) {				/* its message quotes the whole text */
		jv_free(v);
		buf_puts(why, "nested too deep for jq");
		return -EINVAL;
	}
	jq_start(f->jq, v, 0);
	while (jv_is_valid(v = jq_next(f->jq)))
		add_result(out, v);
	r = end_of_run(v, why);
	return r < 0 ? r : buf_error(out);
}
