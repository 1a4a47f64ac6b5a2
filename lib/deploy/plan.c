/* plan - what a deployment consists of; see plan.h. */
#include <errno.h>

#include "base/json.h"
#include "deploy/plan.h"

static int __attribute__((format(printf, 2, 3)))
refuse(struct buf *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(why, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* The type without a count takes what the others leave; without -n, the plan is as large as the counts say. */
static int
settle_counts(struct types *t, const struct plan_options *o, struct buf *why)
{
	struct type *open = NULL;
	int want = o->count;

	for (size_t i = 0; i < t->n; i++)
		if (!t->item[i].counted) {
			if (open != NULL)
				return refuse(why, "--types %s: only one type may go without a count", o->types);
			open = &t->item[i];
		}
	if (want == 0)
		want = open == NULL ? t->total : PLAN_COUNT;
	if (open != NULL) {
		int left = want - (t->total - open->count);

		if (left < 1)
			return refuse(why, "--types %s: nothing is left of %d executors for %s", o->types, want, open->name);
		open->count = left;
	} else if (want != t->total)
		return refuse(why, "--types %s: that is %d executors, but --num-containers says %d", o->types, t->total, want);
	t->total = want;
	return 0;
}

static int
check_ports(const struct plan_options *o, int n, struct buf *why)
{
	int last = o->start_port + n - 1;

	if (last > 65535)
		return refuse(why, "--start-port %d: %d executors need the ports up to %d, and the last there is is 65535",
		    o->start_port, n, last);
	if (o->start_port <= PLAN_MANAGER_PORT && PLAN_MANAGER_PORT <= last)
		return refuse(why, "--start-port %d: the ports %d to %d include the manager's, %d", o->start_port,
		    o->start_port, last, PLAN_MANAGER_PORT);
	return 0;
}

static int
place_executors(struct plan *p, int start_port)
{
	p->executor = calloc((size_t)p->types.total, sizeof *p->executor);
	if (p->executor == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < p->types.n; i++)
		for (int k = 0; k < p->types.item[i].count; k++) {
			struct plan_executor *e = &p->executor[p->n];

			snprintf(e->name, sizeof e->name, "executor-%03zu", p->n);
			e->type = e->image = p->types.item[i].name;
			e->port = start_port + (int)p->n;
			p->n++;
		}
	return 0;
}

int
plan_build(const struct plan_options *o, struct plan *ret, struct buf *why)
{
	struct plan p = {
		.types = TYPES_INIT, .config_path = o->config_path, .manager_image = "manager-prebuilt",
		.manager_port = PLAN_MANAGER_PORT, .bind = "127.0.0.1", .memory = "256M", .cpus = "0.25", .pids = 256,
	};
	struct types_error err;
	int r;

	if ((r = types_parse(o->types, &p.types, &err)) == -EINVAL)
		refuse(why, "--types %.*s: %s", err.len > 0 ? (int)err.len : (int)strlen(o->types),
		    err.len > 0 ? o->types + err.offset : o->types, err.what);
	if (r < 0 || (r = settle_counts(&p.types, o, why)) < 0 || (r = check_ports(o, p.types.total, why)) < 0 ||
	    (r = place_executors(&p, o->start_port)) < 0) {
		plan_release(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void
plan_release(struct plan *p)
{
	types_release(&p->types);
	free(p->executor);
	*p = (struct plan)PLAN_INIT;
}

void
plan_format_config(const struct plan *p, struct buf *out)
{
	char url[64], id[24];

	buf_putc(out, '{');
	for (size_t i = 0; i < p->n; i++) {
		buf_puts(out, i > 0 ? ",\n" : "\n");
		snprintf(id, sizeof id, "%zu", i);
		snprintf(url, sizeof url, "http://%s:%d", p->executor[i].name, PLAN_EXECUTOR_PORT);
		json_put_key(out, id);
		json_put_open(out, '{');
		json_put_key(out, "url");
		json_put_str(out, url);
		json_put_key(out, "type");
		json_put_str(out, p->executor[i].type);
		json_put_close(out, '}');
	}
	buf_puts(out, "\n}\n");
}
