/* compose_yaml - a plan as a compose file; see compose_yaml.h. */
#include <errno.h>
#include <inttypes.h>

#include <yaml.h>

#include "deploy/compose_yaml.h"
#include "deploy/submissions.h"

#define CONFIG_TARGET		"/etc/execmgr/container_config.json"	/* in the manager's container */
#define CLOSED_NETWORK		"executors"
#define MANAGER_PIDS	256
#define PID_BYTES	(2 << 20)
#define PIDS_MIN	64
#define PIDS_MAX	4096
#define MANAGER_CHECK_SECONDS	5

struct writer {
	yaml_emitter_t	 emitter;
	struct buf	*out;
	bool		 failed;	/* libyaml fails only for want of memory: the events are right by construction */
};

static int
on_bytes(void *arg, unsigned char *bytes, size_t len)
{
	struct writer *w = arg;

	buf_add(w->out, bytes, len);
	return buf_error(w->out) == 0;
}

static void
emit(struct writer *w, yaml_event_t *event, int made)
{
	if (!made)
		w->failed = true;
	else if (w->failed)
		yaml_event_delete(event);
	else if (!yaml_emitter_emit(&w->emitter, event))	/* which frees the event in any case */
		w->failed = true;
}

static void
scalar(struct writer *w, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t e;

	emit(w, &e, yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1, style));
}

/* A word of ours: a key, or a value that is a number or truth to YAML and is meant so. */
static void
word(struct writer *w, const char *text)
{
	scalar(w, text, YAML_PLAIN_SCALAR_STYLE);
}

/*
 * A string, always in quotes: a type may be called "no", "1e3" or "0o7".  Compose replaces $NAME in values, so "$" is
 * written twice.
 */
static void
string(struct writer *w, const char *text)
{
	struct buf b = BUF_INIT;

	for (const char *p = text; *p != '\0'; p++)
		buf_add(&b, *p == '$' ? "$$" : p, *p == '$' ? 2 : 1);
	if (buf_error(&b) < 0)
		w->failed = true;
	scalar(w, buf_str(&b), YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	buf_release(&b);
}

/* anchor, if not NULL, is a name by which alias() and merge() take up the same map elsewhere. */
static void
open_map_as(struct writer *w, const char *key, const char *anchor)
{
	yaml_event_t e;

	if (key != NULL)
		word(w, key);
	emit(w, &e, yaml_mapping_start_event_initialize(&e, (const yaml_char_t *)anchor, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
}

static void
open_map(struct writer *w, const char *key)
{
	open_map_as(w, key, NULL);
}

static void
close_map(struct writer *w)
{
	yaml_event_t e;

	emit(w, &e, yaml_mapping_end_event_initialize(&e));
}

static void
open_list(struct writer *w, const char *key)
{
	yaml_event_t e;

	word(w, key);
	emit(w, &e, yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
}

static void
close_list(struct writer *w)
{
	yaml_event_t e;

	emit(w, &e, yaml_sequence_end_event_initialize(&e));
}

static void
pair(struct writer *w, const char *key, const char *value)
{
	word(w, key);
	string(w, value);
}

/* A variable may be called "null" or "no": its name is a string, too. */
static void
variable(struct writer *w, const struct env_var *v)
{
	string(w, v->name);
	string(w, v->value);
}

static void
pair_word(struct writer *w, const char *key, const char *value)
{
	word(w, key);
	word(w, value);
}

static void
alias(struct writer *w, const char *key, const char *anchor)
{
	yaml_event_t e;

	word(w, key);
	emit(w, &e, yaml_alias_event_initialize(&e, (const yaml_char_t *)anchor));
}

/* The members of another map, those aside that this one has itself. */
static void
merge(struct writer *w, const char *anchor)
{
	alias(w, "<<", anchor);
}

static void
pair_number(struct writer *w, const char *key, int64_t value)
{
	char n[24];

	snprintf(n, sizeof n, "%" PRId64, value);
	pair_word(w, key, n);
}

static void
list_of_one(struct writer *w, const char *key, const char *item)
{
	open_list(w, key);
	string(w, item);
	close_list(w);
}

/* What every service is denied: capabilities, more of them by setuid programs, a writable root. */
static void
confinement(struct writer *w)
{
	list_of_one(w, "cap_drop", "ALL");
	list_of_one(w, "security_opt", "no-new-privileges:true");
	pair_word(w, "read_only", "true");
}

/*
 * The command that looks is the image's.  There is no start_interval, which engines before 25 refuse: the first look comes
 * after one interval.
 */
static void
healthcheck(struct writer *w, int interval_seconds)
{
	char text[16];

	snprintf(text, sizeof text, "%ds", interval_seconds);
	open_map(w, "healthcheck");
	pair(w, "interval", text);
	pair(w, "timeout", "15s");
	pair_word(w, "retries", "3");
	pair(w, "start_period", "60s");
	close_map(w);
}

/* Code in a container decides how much is logged, so that the host's disk must not depend on it. */
static void
logging(struct writer *w)
{
	open_map(w, "logging");
	pair(w, "driver", "json-file");
	open_map(w, "options");
	pair(w, "max-size", "10m");
	pair(w, "max-file", "3");
	close_map(w);
	close_map(w);
}

static void
published(struct writer *w, const char *bind, int host, int inside)
{
	char text[80];

	snprintf(text, sizeof text, "%s:%d:%d", bind, host, inside);
	list_of_one(w, "ports", text);
}

/* A source that is missing is an error when the container starts, not an empty directory that root owns. */
static void
mount(struct writer *w, const char *source, const char *target, bool read_only)
{
	open_map(w, NULL);
	pair_word(w, "type", "bind");
	pair(w, "source", source);
	pair(w, "target", target);
	if (read_only)
		pair_word(w, "read_only", "true");
	open_map(w, "bind");
	pair_word(w, "create_host_path", "false");
	close_map(w);
	close_map(w);
}

static void
manager_environment(struct writer *w, const struct plan *p)
{
	open_map(w, "environment");
	pair(w, "CONTAINER_CONFIG_PATH", CONFIG_TARGET);
	for (size_t i = 0; i < p->env->n; i++)
		if (plan_tells_manager(p->env->var[i].name))
			variable(w, &p->env->var[i]);
	close_map(w);
}

static void
manager(struct writer *w, const struct plan *p)
{
	open_map(w, "manager");
	pair(w, "container_name", "manager");
	pair(w, "image", p->manager_image);
	pair_word(w, "restart", "unless-stopped");
	published(w, p->bind, p->manager_port, PLAN_MANAGER_PORT);
	manager_environment(w, p);
	open_list(w, "volumes");
	mount(w, p->config_path, CONFIG_TARGET, true);
	close_list(w);
	open_list(w, "networks");
	string(w, "default");
	if (p->no_egress)
		string(w, CLOSED_NETWORK);
	close_list(w);
	open_map(w, "deploy");
	open_map(w, "resources");
	open_map(w, "limits");			/* its memory and processors are as much as there is */
	pair_number(w, "pids", MANAGER_PIDS);
	close_map(w);
	close_map(w);
	close_map(w);
	confinement(w);
	list_of_one(w, "tmpfs", "/tmp:mode=1777");
	healthcheck(w, MANAGER_CHECK_SECONDS);
	logging(w);
	close_map(w);
}

static void
executor_environment(struct writer *w, const struct plan *p)
{
	char threads[16];

	open_map_as(w, "environment", "environment");
	pair(w, "ALLOW_FROM", "manager");
	if (env_get(p->env, "OMP_NUM_THREADS") == NULL) {	/* else one for each processor of the host, whatever the share */
		snprintf(threads, sizeof threads, "%d", p->limits.threads);
		pair(w, "OMP_NUM_THREADS", threads);
	}
	if (p->submissions != NULL)
		pair(w, "SUBMISSION_DIR", VOLUMES_SUBMISSION);
	for (size_t i = 0; i < p->env->n; i++)
		if (plan_tells_executors(p->env->var[i].name))
			variable(w, &p->env->var[i]);
	close_map(w);
}

/* The volumes all executors share and, where i is one of them, its own. */
static void
executor_volumes(struct writer *w, const struct plan *p, const size_t *i)
{
	struct buf own = BUF_INIT;
	char name[32];

	open_list(w, "volumes");
	for (size_t k = 0; k < p->volumes->n; k++)
		mount(w, p->volumes->item[k].source, p->volumes->item[k].target, p->volumes->item[k].read_only);
	if (i != NULL) {
		submissions_name(*i, name);
		buf_printf(&own, "%s/%s", strcmp(p->submissions, "/") == 0 ? "" : p->submissions, name);
		w->failed |= buf_error(&own) < 0;
		mount(w, buf_str(&own), VOLUMES_SUBMISSION, false);
		buf_release(&own);
	}
	close_list(w);
}

static void
gpu_device(struct writer *w, const char *id)
{
	open_list(w, "devices");
	open_map(w, NULL);
	pair(w, "driver", "nvidia");
	list_of_one(w, "device_ids", id);
	list_of_one(w, "capabilities", "gpu");
	close_map(w);
	close_list(w);
}

/*
 * One process or thread for 2 MiB of memory: a fork bomb that runs out of memory before it runs out of these keeps the kernel of the
 * host busy with ending processes one by one, and the executor from its turn.
 */
static int64_t
executor_pids(const struct limits *l)
{
	int64_t n = l->memory_bytes / PID_BYTES;

	return n < PIDS_MIN ? PIDS_MIN : n > PIDS_MAX ? PIDS_MAX : n;
}

/* gpu NULL: what all executors have.  With one: the same limits, and it is reserved.  Compose refuses a pids_limit beside these. */
static void
executor_resources(struct writer *w, const struct plan *p, const char *gpu)
{
	open_map(w, "deploy");
	open_map(w, "resources");
	if (gpu != NULL)
		alias(w, "limits", "limits");
	else {
		open_map_as(w, "limits", "limits");
		pair(w, "cpus", p->limits.cpus);
		pair(w, "memory", p->limits.memory);
		pair_number(w, "pids", executor_pids(&p->limits));
		close_map(w);
	}
	if (gpu != NULL || p->limits.reservation != NULL) {
		open_map(w, "reservations");
		if (p->limits.reservation != NULL)
			pair(w, "memory", p->limits.reservation);
		if (gpu != NULL)
			gpu_device(w, gpu);
		close_map(w);
	}
	close_map(w);
	close_map(w);
}

/*
 * Files in memory count against the container's limit: full at half of it, so that a write fails before the kernel is killed.
 * Docker's default is noexec, and people compile and run where they work.
 */
static void
tmpfs(struct writer *w, const char *path, int64_t bytes)
{
	char text[80];

	snprintf(text, sizeof text, "%s:exec,mode=1777,size=%" PRId64, path, bytes);
	string(w, text);
}

/* What all executors have in common stands once, so that a person can read the file, and change it in one place. */
static void
every_executor(struct writer *w, const struct plan *p)
{
	open_map_as(w, "x-executor", "executor");
	pair_word(w, "restart", "unless-stopped");
	if (p->runtime != NULL)
		pair(w, "runtime", p->runtime);
	executor_environment(w, p);
	if (p->volumes->n > 0 && p->submissions == NULL)
		executor_volumes(w, p, NULL);
	list_of_one(w, "networks", p->no_egress ? CLOSED_NETWORK : "default");
	executor_resources(w, p, NULL);
	confinement(w);
	open_list(w, "tmpfs");
	tmpfs(w, "/tmp", p->limits.memory_bytes / 2);
	tmpfs(w, "/work", p->limits.memory_bytes / 2);
	close_list(w);
	pair_number(w, "shm_size", p->limits.memory_bytes / 2);
	healthcheck(w, p->check_seconds);
	logging(w);
	close_map(w);
}

static void
executor(struct writer *w, const struct plan *p, size_t i)
{
	const struct plan_executor *e = &p->executor[i];

	open_map(w, e->name);
	merge(w, "executor");
	pair(w, "container_name", e->name);
	pair(w, "image", e->image);
	if (e->port != 0)
		published(w, p->bind, e->port, PLAN_EXECUTOR_PORT);
	if (p->submissions != NULL)
		executor_volumes(w, p, &i);
	if (e->gpu != NULL)
		executor_resources(w, p, e->gpu);
	else if (p->gpus.n > 0) {
		/* Where nvidia's runtime is the default, an image that asks for all GPUs would get them. */
		open_map(w, "environment");
		merge(w, "environment");
		pair(w, "NVIDIA_VISIBLE_DEVICES", "void");
		close_map(w);
	}
	close_map(w);
}

/* An internal network has no way out: its members reach each other, and so the manager, which is on both. */
static void
networks(struct writer *w, const struct plan *p)
{
	open_map(w, "networks");
	open_map(w, "default");
	pair_word(w, "driver", "bridge");
	close_map(w);
	if (p->no_egress) {
		open_map(w, CLOSED_NETWORK);
		pair_word(w, "driver", "bridge");
		pair_word(w, "internal", "true");
		close_map(w);
	}
	close_map(w);
}

static void
document(struct writer *w, const struct plan *p)
{
	yaml_event_t e;

	emit(w, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
	emit(w, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
	open_map(w, NULL);
	every_executor(w, p);
	open_map(w, "services");
	manager(w, p);
	for (size_t i = 0; i < p->n; i++)
		executor(w, p, i);
	close_map(w);
	networks(w, p);
	close_map(w);
	emit(w, &e, yaml_document_end_event_initialize(&e, 1));
	emit(w, &e, yaml_stream_end_event_initialize(&e));
}

int
compose_yaml_format(const struct plan *p, struct buf *out)
{
	struct writer w = { .out = out };

	if (!yaml_emitter_initialize(&w.emitter))
		return -ENOMEM;
	yaml_emitter_set_output(&w.emitter, on_bytes, &w);
	yaml_emitter_set_unicode(&w.emitter, 1);
	yaml_emitter_set_width(&w.emitter, -1);		/* a path with blanks stays on its line */
	document(&w, p);
	yaml_emitter_delete(&w.emitter);
	return w.failed ? -ENOMEM : buf_error(out);
}
