/* config - container_config.json: which containers there are */
#include <ctype.h>
#include <errno.h>

#include "base/json.h"
#include "config.h"

struct parsing {
	const char	*at;		/* everything before was counted: */
	unsigned	 line;		/* its line */
	const char	*text;
	struct config	*to;
	size_t		 cap;
	struct buf	*why;
};

/* Positions mostly come in ascending order: only what lies between is counted. */
static unsigned
line_of(struct parsing *c, const char *at)
{
	if (at < c->at) {
		c->at = c->text;
		c->line = 1;
	}
	for (; c->at < at; c->at++)
		c->line += *c->at == '\n';
	return c->line;
}

static int
refuse(struct parsing *c, const char *at, const char *fmt, ...)
{
	va_list ap;

	buf_printf(c->why, "line %u: ", line_of(c, at));
	va_start(ap, fmt);
	buf_vprintf(c->why, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* A string's text on the heap, NULL: no memory or a NUL inside. */
static char *
text_of(struct json v)
{
	struct buf b = BUF_INIT;

	if (json_text(v, &b) < 0 || strlen(buf_str(&b)) != b.len) {
		buf_release(&b);
		return NULL;
	}
	if (b.data == NULL)
		return strdup("");
	return b.data;
}

static bool
type_name_ok(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > CONFIG_TYPE_MAX || !isalnum((unsigned char)s[0]))
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

static struct config_entry *
entry_new(struct parsing *c)
{
	if (c->to->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		struct config_entry *grown = realloc(c->to->entry, cap * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		c->to->entry = grown;
		c->cap = cap;
	}
	c->to->entry[c->to->n] = (struct config_entry){ 0 };
	return &c->to->entry[c->to->n++];
}

static int
set_url(struct parsing *c, struct config_entry *e, struct json v)
{
	const char *why;

	if (e->url != NULL)
		return refuse(c, v.p, "container %d: url: given twice", e->id);
	if (v.kind != JSON_STRING)
		return refuse(c, v.p, "container %d: url: must be a string", e->id);
	if ((e->url = text_of(v)) == NULL)
		return refuse(c, v.p, "container %d: url: holds a NUL, or no memory", e->id);
	if (uri_parse_endpoint(e->url, &e->at, &why) < 0)
		return refuse(c, v.p, "container %d: url: %s", e->id, why);
	return 0;
}

static int
set_type(struct parsing *c, struct config_entry *e, struct json v)
{
	if (e->type != NULL)
		return refuse(c, v.p, "container %d: type: given twice", e->id);
	if (v.kind != JSON_STRING)
		return refuse(c, v.p, "container %d: type: must be a string", e->id);
	if ((e->type = text_of(v)) == NULL || !type_name_ok(e->type))
		return refuse(c, v.p, "container %d: type: must be 1 to %d letters, digits, '_', '.' or '-', the first a letter or digit",
		    e->id, CONFIG_TYPE_MAX);
	return 0;
}

static int
set_members(struct parsing *c, struct config_entry *e, struct json object)
{
	struct json_iter it = { 0 };
	struct json key, v;
	int r = 0;

	while (r == 0 && json_next(object, &it, &key, &v)) {
		if (json_equals(key, "url"))
			r = set_url(c, e, v);
		else if (json_equals(key, "type"))
			r = set_type(c, e, v);
		else
			r = refuse(c, key.p, "container %d: %.*s: only url and type have a meaning", e->id,
			    (int)(key.len < 60 ? key.len : 60), key.p);
	}
	if (r == 0 && e->url == NULL)
		r = refuse(c, object.p, "container %d: url: missing", e->id);
	return r;
}

static int
add_entry(struct parsing *c, struct json key, struct json v)
{
	struct config_entry *e = entry_new(c);
	char *id = text_of(key);
	int r;

	if (e == NULL) {
		free(id);
		buf_puts(c->why, "no memory");
		return -ENOMEM;
	}
	e->line = line_of(c, v.p);
	r = id != NULL ? uri_parse_id(id, strlen(id), &e->id) : -EINVAL;
	free(id);
	if (r < 0)
		return refuse(c, key.p, "%.*s: an id must be a whole number from 0 to 2147483647, without sign or leading zero",
		    (int)(key.len < 60 ? key.len : 60), key.p);
	if (v.kind == JSON_STRING)
		r = set_url(c, e, v);
	else if (v.kind == JSON_OBJECT)
		r = set_members(c, e, v);
	else
		r = refuse(c, v.p, "container %d: must be an object, or a string that is its url", e->id);
	if (r == 0 && e->type == NULL && (e->type = strdup("default")) == NULL)
		r = -ENOMEM;
	return r;
}

static int
by_id(const void *a, const void *b)
{
	const struct config_entry *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int
by_url(const void *a, const void *b)
{
	const struct config_entry *const *x = a, *const *y = b;
	int d = strcmp((*x)->url, (*y)->url);

	return d != 0 ? d : (*x)->line < (*y)->line ? -1 : 1;
}

/* Two containers behind one url hand one kernel to two clients: worth a warning. */
static int
compare_urls(struct parsing *c)
{
	struct config *to = c->to;
	const struct config_entry **e = calloc(to->n, sizeof(struct config_entry *));

	if (e == NULL) {
		buf_puts(c->why, "no memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < to->n; i++)
		e[i] = &to->entry[i];
	qsort(e, to->n, sizeof(struct config_entry *), by_url);
	for (size_t i = 1; i < to->n && to->twin == NULL; i++)
		if (strcmp(e[i - 1]->url, e[i]->url) == 0) {
			to->twin = e[i];
			to->twin_of = e[i - 1]->id;
		}
	free(e);
	return 0;
}

/* Ids that are there twice are found here and not by the scanner, which would name neither line. */
static int
add_all(struct parsing *c, struct json root)
{
	struct config *to = c->to;
	struct json_iter it = { 0 };
	struct json key, v;
	int r = 0;

	if (root.kind != JSON_OBJECT)
		return refuse(c, root.p, "must be an object: {\"0\":{\"url\":\"http://host:port\",\"type\":\"python\"}}");
	while (r == 0 && json_next(root, &it, &key, &v))
		r = add_entry(c, key, v);
	if (r == 0 && to->n == 0)
		r = refuse(c, root.p, "no container is named");
	if (r < 0)
		return r;
	qsort(to->entry, to->n, sizeof(*to->entry), by_id);
	for (size_t i = 1; i < to->n; i++)
		if (to->entry[i - 1].id == to->entry[i].id) {
			unsigned a = to->entry[i - 1].line, b = to->entry[i].line;

			buf_printf(c->why, "line %u: container %d: is on line %u already", a > b ? a : b, to->entry[i].id,
			    a > b ? b : a);
			return -EINVAL;
		}
	return compare_urls(c);
}

int
config_parse(const char *text, size_t len, struct config *ret, struct buf *ret_why)
{
	struct config parsed = CONFIG_INIT;
	struct parsing c = { text, 1, text, &parsed, 0, ret_why };
	struct json root;
	struct json_error err;
	int r;

	r = json_scan(text, len, 0, &root, &err);
	if (r < 0)
		buf_printf(ret_why, "line %u, column %u: %s", err.line, err.column, err.what);
	else
		r = add_all(&c, root);
	if (r < 0) {
		config_release(&parsed);
		return r == -ENOMEM ? -ENOMEM : -EINVAL;
	}
	*ret = parsed;
	return 0;
}

int
config_load(const char *path, struct config *ret, struct buf *ret_why)
{
	struct buf text = BUF_INIT;
	int r = buf_read_file(&text, path, CONFIG_FILE_MAX);

	if (r == -EFBIG)
		buf_printf(ret_why, "larger than %u MiB", CONFIG_FILE_MAX >> 20);
	else if (r < 0)
		buf_puts(ret_why, strerror(-r));
	else
		r = config_parse(buf_str(&text), text.len, ret, ret_why);
	buf_release(&text);
	return r;
}

void
config_release(struct config *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->entry[i].url);
		free(c->entry[i].type);
	}
	free(c->entry);
	*c = (struct config)CONFIG_INIT;
}

const struct config_entry *
config_find(const struct config *c, int id)
{
	struct config_entry key = { .id = id };

	return c->n ? bsearch(&key, c->entry, c->n, sizeof(key), by_id) : NULL;
}
