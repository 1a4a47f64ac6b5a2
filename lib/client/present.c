/* present - text for people; see present.h. */
#include <ctype.h>
#include <errno.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/utf8.h"
#include "client/present.h"

int
present_color(const char *when, int fd, bool *ret_color)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (strcmp(when, "always") == 0)
		*ret_color = true;
	else if (strcmp(when, "never") == 0)
		*ret_color = false;
	else if (strcmp(when, "auto") == 0)
		*ret_color = isatty(fd) && (no == NULL || *no == '\0') && (term == NULL || strcmp(term, "dumb") != 0);
	else
		return -EINVAL;
	return 0;
}

static bool
is_c1(const char *s, size_t n)
{
	return n == 2 && (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0;
}

void
present_text(struct buf *out, const char *text, size_t len)
{
	size_t from = 0, n;

	for (size_t i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)text[i];

		n = utf8_char(text + i, len - i);
		if (n != 0 && c >= 0x20 && c != 0x7f && !is_c1(text + i, n))
			continue;
		if (c == '\n' || c == '\t' || c == '\r' || c == '\b')
			continue;
		buf_add(out, text + from, i - from);
		if (n == 0)
			buf_puts(out, "\xef\xbf\xbd");
		else if (n == 2 || c == 0x7f)
			buf_printf(out, "\\u%04x", n == 2 ? (unsigned char)text[i + 1] : c);
		else
			buf_printf(out, "^%c", c ^ 0x40);
		n = n == 0 ? 1 : n;
		from = i + n;
	}
	buf_add(out, text + from, len - from);
}

static void
colored(struct buf *out, const char *color, const char *text, size_t len)
{
	if (color != NULL)
		buf_printf(out, "\033[%sm", color);
	buf_add(out, text, len);
	if (color != NULL)
		buf_puts(out, "\033[0m");
}

static const char *
color_of(enum json_kind kind)
{
	switch (kind) {
	case JSON_NULL:		return "1;30";
	case JSON_STRING:	return "0;32";
	default:		return "0;39";
	}
}

/* A scanned string holds no raw control character but DEL and C1 ones, and those come out as JSON escapes. */
static void
add_scalar(struct buf *out, const char *color, struct json v)
{
	struct buf tame = BUF_INIT;

	present_text(&tame, v.p, v.len);
	colored(out, color, buf_str(&tame), tame.len);
	buf_release(&tame);
}

static void
new_line(struct buf *out, int depth)
{
	buf_putc(out, '\n');
	for (int i = 0; i < depth; i++)
		buf_puts(out, "  ");
}

/* Depth is at most JSON_DEPTH_MAX: the text was scanned. */
static void
add_indented(struct buf *out, struct json v, bool color, int depth)
{
	bool object = v.kind == JSON_OBJECT;
	struct json_iter it = { 0 };
	struct json key, value;

	if (!object && v.kind != JSON_ARRAY) {
		add_scalar(out, color ? color_of(v.kind) : NULL, v);
		return;
	}
	buf_putc(out, object ? '{' : '[');
	for (bool first = true; json_next(v, &it, &key, &value); first = false) {
		if (!first)
			buf_putc(out, ',');
		new_line(out, depth + 1);
		if (object) {
			add_scalar(out, color ? "34;1" : NULL, key);
			buf_puts(out, ": ");
		}
		add_indented(out, value, color, depth + 1);
	}
	if (it.at > 0)
		new_line(out, depth);
	buf_putc(out, object ? '}' : ']');
}

void
present_json(struct buf *out, struct json value, bool color)
{
	add_indented(out, value, color, 0);
	buf_putc(out, '\n');
}

void
present_value(struct buf *out, struct json value)
{
	struct buf text = BUF_INIT;

	if (value.kind == JSON_NULL)
		buf_putc(out, '-');
	if (value.kind != JSON_STRING) {
		if (value.kind != JSON_NULL)
			buf_add(out, value.p, value.len);
		return;
	}
	json_text(value, &text);
	for (size_t i = 0, n; i < text.len; i += n) {
		unsigned char c = (unsigned char)text.data[i];

		n = utf8_char(text.data + i, text.len - i);
		n = n == 0 ? 1 : n;
		if (c == '\\')
			buf_puts(out, "\\\\");
		else if (c == '\t' || c == '\n')
			buf_puts(out, c == '\t' ? "\\t" : "\\n");
		else if (c < 0x20 || c == 0x7f || is_c1(text.data + i, n))
			buf_printf(out, "\\x%02x", n == 2 ? (unsigned char)text.data[i + 1] : c);
		else
			buf_add(out, text.data + i, n);
	}
	buf_release(&text);
}

bool
present_fields_ok(const char *fields)
{
	for (const char *p = fields;; p++) {
		size_t len = strcspn(p, ",");

		if (len == 0 || len > 63)
			return false;
		for (size_t i = 0; i < len; i++)
			if (!isalnum((unsigned char)p[i]) && p[i] != '_')
				return false;
		p += len;
		if (*p == '\0')
			return true;
	}
}

void
present_fields(struct buf *out, struct json object, const char *fields)
{
	for (const char *p = fields;; p++) {
		size_t len = strcspn(p, ",");
		struct json value = { .kind = JSON_NULL };
		char name[64];

		snprintf(name, sizeof name, "%.*s", (int)len, p);
		if (!json_get(object, name, &value) && strcmp(name, "id") == 0)
			json_get(object, "container_id", &value);
		present_value(out, value);
		p += len;
		buf_putc(out, *p == '\0' ? '\n' : '\t');
		if (*p == '\0')
			return;
	}
}

void
present_age(struct buf *out, double seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 100)
		buf_printf(out, "%.0fs", seconds);
	else if (seconds < 100 * 60)
		buf_printf(out, "%.0fm", seconds / 60);
	else if (seconds < 48 * 3600)
		buf_printf(out, "%.0fh", seconds / 3600);
	else
		buf_printf(out, "%.0fd", seconds / 86400);
}

/* Columns a text takes: its characters, which is right for what ids, types, states and urls are made of. */
static size_t
width(const char *s)
{
	size_t len = strlen(s), w = 0;

	for (size_t i = 0, n; i < len; i += n, w++) {
		n = utf8_char(s + i, len - i);
		n = n == 0 ? 1 : n;
	}
	return w;
}

void
present_cell(struct present_table *t, const char *text, const char *color)
{
	struct present_cell *more = t->cell;

	if ((t->n & (t->n + 1)) == 0)			/* room for 1, 3, 7, 15, … */
		more = realloc(t->cell, (2 * t->n + 1) * sizeof *more);
	if (more != NULL) {
		t->cell = more;
		more[t->n] = (struct present_cell){ strdup(text), color };
	}
	if (more == NULL || more[t->n].text == NULL)
		diag_die(EX_OSERR, "out of memory");
	t->n++;
}

static void
add_row(struct buf *out, const struct present_table *t, size_t row, const size_t *widths, bool color)
{
	for (size_t c = 0; c < t->columns; c++) {
		const struct present_cell *cell = &t->cell[row * t->columns + c];
		int pad = (int)(widths[c] - width(cell->text));

		if (t->right[c])
			buf_printf(out, "%*s", pad, "");
		colored(out, color ? cell->color : NULL, cell->text, strlen(cell->text));
		if (c + 1 == t->columns)
			break;
		buf_printf(out, "%*s", (t->right[c] ? 0 : pad) + 2, "");
	}
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		buf_truncate(out, out->len - 1);
	buf_putc(out, '\n');
}

void
present_table(struct buf *out, const struct present_table *t, bool color)
{
	size_t *widths = calloc(t->columns, sizeof *widths), w;

	if (widths == NULL)
		diag_die(EX_OSERR, "out of memory");
	for (size_t i = 0; i < t->n; i++)
		if ((w = width(t->cell[i].text)) > widths[i % t->columns])
			widths[i % t->columns] = w;
	for (size_t row = 0; row < t->n / t->columns; row++)
		add_row(out, t, row, widths, color);
	free(widths);
}

void
present_table_release(struct present_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cell[i].text);
	free(t->cell);
	t->cell = NULL;
	t->n = 0;
}
