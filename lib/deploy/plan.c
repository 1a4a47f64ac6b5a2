/* plan - what a deployment consists of; see plan.h. */
#include <errno.h>

#include <arpa/inet.h>

#include "base/diag.h"
#include "base/json.h"
#include "deploy/imageref.h"
#include "deploy/plan.h"
#include "deploy/refuse.h"

#define CHECKS_A_SECOND	4	/* a health check costs the engine a process; this many are well below what it starts */
#define CHECK_SECONDS	5	/* the least time between two checks of one executor */

static const struct env no_env = ENV_INIT;
static const struct volumes no_volumes = VOLUMES_INIT;

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

/* Without egress no executor has a port on the host: Docker publishes none of an internal network. */
static int
check_ports(const struct plan_options *o, const struct plan *p, struct buf *why)
{
	int n = p->types.total, last = o->start_port + n - 1;

	if (o->no_egress)
		return 0;
	if (last > 65535)
		return refuse(why, "--start-port %d: %d executors need the ports up to %d, and the last there is is 65535",
		    o->start_port, n, last);
	if (o->start_port <= p->manager_port && p->manager_port <= last)
		return refuse(why, "--start-port %d: the ports %d to %d include the manager's, %d", o->start_port,
		    o->start_port, last, p->manager_port);
	return 0;
}

static int
settle_bind(struct plan *p, const char *text, struct buf *why)
{
	unsigned char address[sizeof(struct in6_addr)];
	char plain[INET6_ADDRSTRLEN];

	if (text == NULL)
		text = "127.0.0.1";
	if (inet_pton(AF_INET, text, address) == 1)
		snprintf(p->bind, sizeof p->bind, "%s", text);
	else if (inet_pton(AF_INET6, text, address) == 1)
		snprintf(p->bind, sizeof p->bind, "[%s]", inet_ntop(AF_INET6, address, plain, sizeof plain));
	else
		return refuse(why, "--bind %s: must be an IPv4 or IPv6 address", text);
	return 0;
}

static int
check_runtime(const char *name, struct buf *why)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";

	if (name != NULL && (name[0] == '\0' || name[0] == '-' || name[strspn(name, chars)] != '\0'))
		return refuse(why, "--runtime %s: a runtime has only letters, digits, '.', '_', '-' and '/'", name);
	return 0;
}

/* The image that one of n TYPE=REF names for a type, NULL: none. */
static const char *
named_image(const char *const *images, size_t n, const char *type, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(images[i], type, len) == 0 && images[i][len] == '=')
			return images[i] + len + 1;
	return NULL;
}

static bool
has_type(const struct types *t, const char *name, size_t len)
{
	for (size_t i = 0; i < t->n; i++)
		if (strlen(t->item[i].name) == len && memcmp(t->item[i].name, name, len) == 0)
			return true;
	return false;
}

static int
check_images(const struct plan_options *o, const struct plan *p, struct buf *why)
{
	for (size_t i = 0; i < o->n_images; i++) {
		const char *text = o->images[i], *ref = strchr(text, '=');
		size_t len = ref != NULL ? (size_t)(ref++ - text) : 0;

		if (ref == NULL)
			return refuse(why, "--image %s: must be TYPE=REF", text);
		if (!has_type(&p->types, text, len))
			return refuse(why, "--image %s: --types %s has no such type", text, o->types);
		if (!imageref_ok(ref))
			return refuse(why, "--image %s: not the name of an image, such as registry.example/team/python:3", text);
		if (named_image(o->images, i, text, len) != NULL)
			return refuse(why, "--image %s: the type has an image already", text);
	}
	for (size_t i = 0; i < p->types.n; i++) {
		const char *type = p->types.item[i].name;

		if (named_image(o->images, o->n_images, type, strlen(type)) == NULL && !imageref_ok(type))
			return refuse(why, "--types %s: no image can be called %s; name one with --image %s=REF", o->types, type, type);
	}
	if (!imageref_ok(p->manager_image))
		return refuse(why, "--manager-image %s: not the name of an image", p->manager_image);
	return 0;
}

/* NULL, or what keeps the manager from starting with this value; it takes an empty one for none. */
static const char *
check_log_variable(const struct env_var *v)
{
	static const char *const truths[] = { "", "1", "true", "yes", "on", "0", "false", "no", "off" };
	enum diag_level level;

	if (strcmp(v->name, "LOG_LEVEL") == 0)
		return *v->value == '\0' || diag_parse_level(v->value, &level) == 0 ? NULL
		    : "the manager gets it too and knows error, warning, info and debug";
	for (size_t i = 0; i < sizeof truths / sizeof *truths; i++)
		if (strcasecmp(v->value, truths[i]) == 0)
			return NULL;
	return "the manager gets it too and knows true and false";
}

static int
check_env(const struct plan_options *o, const struct plan *p, struct buf *why)
{
	const struct { const char *name, *what; bool taken; } ours[] = {
		{ "PORT", "an executor listens on 8432 in its container; --start-port chooses the host's ports", true },
		{ "ALLOW_FROM", "nobody but the manager may call an executor", true },
		{ "CONTAINER_CONFIG_PATH", "the manager's configuration is chosen by --config-file", true },
		{ "SUBMISSION_DIR", "--mountable-volume-saveto sets it", o->submissions },
		{ "NVIDIA_VISIBLE_DEVICES", "--gpu-ids sets it", p->gpus.n > 0 },
	};

	for (size_t i = 0; i < p->env->n; i++) {
		const struct env_var *v = &p->env->var[i];
		const char *what = plan_tells_manager(v->name) ? check_log_variable(v) : NULL;

		for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
			if (ours[k].taken && strcmp(ours[k].name, v->name) == 0)
				what = ours[k].what;
		if (what != NULL)
			return env_refuse(v, why, what);
	}
	return 0;
}

static int
check_volumes(const struct plan_options *o, const struct plan *p, struct buf *why)
{
	const struct volume *v = o->submissions ? volumes_at(p->volumes, VOLUMES_SUBMISSION) : NULL;

	return v == NULL ? 0 : refuse(why, "--mountable-volumes %s:%s: that is the place of --mountable-volume-saveto",
	    v->source, v->target);
}

static int
settle_gpus(const struct plan_options *o, struct plan *p, struct buf *why)
{
	int r = o->gpu_ids != NULL ? gpus_parse(o->gpu_ids, &p->gpus, why) : 0;

	if (r == 0 && p->gpus.n > (size_t)p->types.total)
		return refuse(why, "--gpu-ids %s: that is %zu GPUs for %d executors", o->gpu_ids, p->gpus.n, p->types.total);
	return r;
}

static int
place_executors(struct plan *p, const struct plan_options *o)
{
	p->executor = calloc((size_t)p->types.total, sizeof *p->executor);
	if (p->executor == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < p->types.n; i++) {
		const char *type = p->types.item[i].name, *image = named_image(o->images, o->n_images, type, strlen(type));

		for (int k = 0; k < p->types.item[i].count; k++) {
			struct plan_executor *e = &p->executor[p->n];

			snprintf(e->name, sizeof e->name, "executor-%03zu", p->n);
			e->type = type;
			e->image = image != NULL ? image : type;
			e->port = o->no_egress ? 0 : o->start_port + (int)p->n;
			e->gpu = p->n < p->gpus.n ? p->gpus.item[p->n].id : NULL;
			p->n++;
		}
	}
	return 0;
}

static int
settle_types(const struct plan_options *o, struct plan *p, struct buf *why)
{
	struct types_error err;
	int r = types_parse(o->types, &p->types, &err);

	if (r == -EINVAL)
		return refuse(why, "--types %.*s: %s", err.len > 0 ? (int)err.len : (int)strlen(o->types),
		    err.len > 0 ? o->types + err.offset : o->types, err.what);
	return r < 0 ? r : settle_counts(&p->types, o, why);
}

int
plan_build(const struct plan_options *o, struct plan *ret, struct buf *why)
{
	struct plan p = {
		.types = TYPES_INIT, .gpus = GPUS_INIT, .config_path = o->config_path, .runtime = o->runtime,
		.manager_image = o->manager_image != NULL ? o->manager_image : "manager-prebuilt",
		.manager_port = o->manager_port > 0 ? o->manager_port : PLAN_MANAGER_PORT, .no_egress = o->no_egress,
		.env = o->env != NULL ? o->env : &no_env, .volumes = o->volumes != NULL ? o->volumes : &no_volumes,
	};
	int r;

	if ((r = settle_types(o, &p, why)) < 0 || (r = check_ports(o, &p, why)) < 0 ||
	    (r = settle_bind(&p, o->bind, why)) < 0 || (r = check_images(o, &p, why)) < 0 ||
	    (r = check_runtime(o->runtime, why)) < 0 || (r = settle_gpus(o, &p, why)) < 0 ||
	    (r = check_env(o, &p, why)) < 0 || (r = limits_take(p.env, &p.limits, why)) < 0 ||
	    (r = check_volumes(o, &p, why)) < 0 || (r = place_executors(&p, o)) < 0) {
		plan_release(&p);
		return r;
	}
	p.check_seconds = (int)(p.n + CHECKS_A_SECOND - 1) / CHECKS_A_SECOND;
	if (p.check_seconds < CHECK_SECONDS)
		p.check_seconds = CHECK_SECONDS;
	*ret = p;
	return 0;
}

void
plan_release(struct plan *p)
{
	types_release(&p->types);
	gpus_release(&p->gpus);
	free(p->executor);
	*p = (struct plan)PLAN_INIT;
}

bool
plan_tells_executors(const char *variable)
{
	return !limits_is(variable);
}

bool
plan_tells_manager(const char *variable)
{
	return strcmp(variable, "DEBUG") == 0 || strcmp(variable, "LOG_LEVEL") == 0;
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
