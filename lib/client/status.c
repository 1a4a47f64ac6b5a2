/* status - the manager's view of its pool; see status.h. */
#include <inttypes.h>
#include <limits.h>

#include "client/present.h"
#include "client/status.h"

void
status_join(struct buf *out, struct json status, struct json containers)
{
	struct json_iter it = { 0 };
	struct json key, value;

	json_put_open(out, '{');
	while (json_next(status, &it, &key, &value)) {
		json_put_raw(out, key.p, key.len);
		buf_putc(out, ':');
		json_put_raw(out, value.p, value.len);
	}
	if (containers.kind == JSON_ARRAY) {
		json_put_key(out, "containers");
		json_put_raw(out, containers.p, containers.len);
	}
	json_put_close(out, '}');
}

bool
status_find(struct json containers, int id, struct json *ret)
{
	struct json_iter it = { 0 };
	struct json one, v;
	int64_t n;

	while (json_next(containers, &it, NULL, &one))
		if (json_get(one, "id", &v) && json_int(v, 0, INT_MAX, &n) == 0 && n == id) {
			*ret = one;
			return true;
		}
	return false;
}

static int64_t
number(struct json object, const char *key)
{
	struct json v;
	int64_t n;

	return json_get(object, key, &v) && json_int(v, 0, INT64_MAX, &n) == 0 ? n : 0;
}

static const char *
color_of_state(const char *state)
{
	if (strcmp(state, "available") == 0)
		return "32";
	if (strcmp(state, "down") == 0)
		return "31";
	return strcmp(state, "allocated") == 0 ? "36" : "33";
}

/* A member as a cell; the text is the table's. */
static void
member_cell(struct present_table *t, struct json object, const char *key)
{
	struct buf b = BUF_INIT;
	struct json v = { .kind = JSON_NULL };

	json_get(object, key, &v);
	present_value(&b, v);
	present_cell(t, buf_str(&b), strcmp(key, "state") == 0 ? color_of_state(buf_str(&b)) : NULL);
	buf_release(&b);
}

static void
age_cell(struct present_table *t, struct json object)
{
	struct buf b = BUF_INIT;
	struct json v;
	double seconds;

	if (json_get(object, "state_age_seconds", &v) && json_double(v, &seconds) == 0)
		present_age(&b, seconds);
	else
		buf_putc(&b, '-');
	present_cell(t, buf_str(&b), NULL);
	buf_release(&b);
}

void
status_table_containers(struct buf *out, struct json containers, bool color)
{
	static const char *const heads[] = { "ID", "TYPE", "STATE", "AGE", "RUNNING", "URL", "LAST ERROR" };
	static const bool right[] = { true, false, false, true, true, false, false };
	struct present_table t = { .columns = sizeof heads / sizeof *heads, .right = right };
	struct json_iter it = { 0 };
	struct json one;

	for (size_t i = 0; i < t.columns; i++)
		present_cell(&t, heads[i], "1");
	while (json_next(containers, &it, NULL, &one)) {
		member_cell(&t, one, "id");
		member_cell(&t, one, "type");
		member_cell(&t, one, "state");
		age_cell(&t, one);
		member_cell(&t, one, "running");
		member_cell(&t, one, "url");
		member_cell(&t, one, "last_error");
	}
	present_table(out, &t, color);
	present_table_release(&t);
}

static void
number_cell(struct present_table *t, struct json object, const char *key)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, number(object, key));
	present_cell(t, text, NULL);
}

static void
table_types(struct buf *out, struct json status, bool color)
{
	static const char *const heads[] = { "TYPE", "TOTAL", "AVAILABLE", "WAITING" };
	static const bool right[] = { false, true, true, true };
	struct present_table t = { .columns = sizeof heads / sizeof *heads, .right = right };
	struct json total = { .kind = JSON_NULL }, available = total, waiting = total, key, value;
	struct json_iter it = { 0 };

	json_get(status, "available_by_type", &available);
	json_get(status, "waiting_by_type", &waiting);
	if (!json_get(status, "total_by_type", &total))
		total = available;
	for (size_t i = 0; i < t.columns; i++)
		present_cell(&t, heads[i], "1");
	while (total.kind == JSON_OBJECT && json_next(total, &it, &key, &value)) {
		struct buf name = BUF_INIT, shown = BUF_INIT;

		json_text(key, &name);
		present_value(&shown, key);
		present_cell(&t, buf_str(&shown), NULL);
		number_cell(&t, total, buf_str(&name));
		number_cell(&t, available, buf_str(&name));
		number_cell(&t, waiting, buf_str(&name));
		buf_release(&name);
		buf_release(&shown);
	}
	present_table(out, &t, color);
	present_table_release(&t);
}

void
status_table(struct buf *out, const char *url, struct json status, struct json containers, bool color)
{
	static const struct {
		const char *member, *word;
	} rest[] = {
		{ "starting_containers", "starting" }, { "restarting_containers", "restarting" }, { "down_containers", "down" },
		{ "waiting_requests", "waiting requests" },
	};
	int64_t n;

	buf_printf(out, "%s: %" PRId64 " containers, %" PRId64 " available, %" PRId64 " allocated", url,
	    number(status, "total_containers"), number(status, "available_containers"),
	    number(status, "allocated_containers"));
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		if ((n = number(status, rest[i].member)) > 0)
			buf_printf(out, ", %" PRId64 " %s", n, rest[i].word);
	buf_puts(out, "\n\n");
	table_types(out, status, color);
	if (containers.kind == JSON_ARRAY) {
		buf_putc(out, '\n');
		status_table_containers(out, containers, color);
	}
}
